//! Where a launcher's meetings are, and the whole address that opens one: JaaS, a Jitsi of one's own, or one that
//! everybody may use.
//!
//! The first two let in by a token, which says who comes; the third takes none, and the name goes along in the
//! address's fragment, which a browser sends nowhere.
//!
//! It refuses a key that could sign nothing, when serving starts and not at the first click. Nothing that a
//! client or an administrator of Mattermost can choose breaks out of an address: a room is one percent-encoded
//! segment, a name one percent-encoded JSON string, a token base64url and dots.

use std::path::PathBuf;
use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use percent_encoding::utf8_percent_encode;
use thiserror::Error;

use crate::cert::read::{self, ReadError};
use crate::clock::Clock;
use crate::config::model::{self, JitsiKey, PemSource};
use crate::secret::Secret;
use crate::secret::source::{self, SecretError};

pub use super::bearer::{Bearer, Role};
use super::claims::{Dialect, Terms};
use super::features::Features;
use super::key::{self, KeyError};
use super::room::{COMPONENT, Room};
use super::token::{Key, SignError, Signer};

/// Least length of HS256's secret, in bytes: that of its hash (RFC 7518 section 3.2). A shorter one can be guessed from a token.
pub const LEAST_SECRET: usize = 32;

/// The scheme that Jitsi's app for phones listens to (jitsi-meet `ios/app/src/Info.plist`,
/// `android/app/src/main/AndroidManifest.xml`), and its package on Android.
const APP: &str = "org.jitsi.meet";

/// The meetings of one launcher.
#[derive(Debug)]
pub struct Meetings {
    /// Scheme and host of the meeting server.
    origin: String,
    /// What comes before a room's name, without the slash between.
    base: String,
    /// `None` where there are no tokens.
    signer: Option<Signer>,
    /// Of HS256's secret, in bytes.
    secret_length: Option<usize>,
}

/// A meeting's address for Jitsi's app on phones.
#[derive(Debug)]
pub struct Apps {
    /// `org.jitsi.meet://…`
    pub ios: Secret<String>,
    /// `intent://…#Intent;…;end`
    pub android: Secret<String>,
}

/// Why a launcher's tokens could not be signed.
#[derive(Debug, Error)]
pub enum ProviderError {
    /// A file that it names cannot be read.
    #[error("{key} {}: {source}", path.display())]
    Unreadable {
        /// The key that names it.
        key: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// The secret is not to be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// It can be read, and is no key for meeting tokens.
    #[error("{source}")]
    Key {
        /// What it is instead.
        source: KeyError,
        /// How the right one is made.
        make: &'static str,
    },
    /// The header of its tokens cannot be written.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// How a key for JaaS is made (developer.8x8.com/jaas/docs/api-keys-generate-add).
const MAKE_FOR_JAAS: &str = "make one with `ssh-keygen -t rsa -b 4096 -m PEM -f jaas.pk`, upload what \
    `openssl rsa -in jaas.pk -pubout` prints in the JaaS console, and set key_id to the id shown there";

/// How one for a Jitsi of one's own is made, and where prosody looks for its public half (`token/util.lib.lua`).
const MAKE_FOR_JITSI: &str = "make one with `openssl genrsa -out jitsi.pk 4096`, and have prosody's asap_key_server \
    serve what `openssl rsa -in jitsi.pk -pubout` prints as <sha256 of key_id in hexadecimal>.pem";

impl ProviderError {
    /// The command or edit that mends it.
    pub fn mend(&self) -> String {
        match self {
            Self::Unreadable { path, source, .. } => {
                source.mend(&path.display().to_string()).unwrap_or_else(|| "name the file itself".into())
            }
            Self::Secret(error) => error.mend(),
            Self::Key { source, make } => (*source.what.mend().unwrap_or(make)).to_owned(),
            Self::Sign(_) => "write `key_id` in letters, digits, hyphens and slashes".into(),
        }
    }
}

impl Meetings {
    /// Reads the key that `provider` names.
    ///
    /// `lifetime` is from issue to expiry of a token, used in whole seconds.
    ///
    /// # Errors
    /// Where a file cannot be read or its key could not sign; see [`ProviderError::mend`].
    pub fn new(
        provider: &model::Provider,
        lifetime: Duration,
        features: &Features,
        clock: Clock,
    ) -> Result<Self, ProviderError> {
        let terms = |audience: &str, issuer: &str, subject: &str, dialect| Terms {
            audience: audience.into(),
            issuer: issuer.into(),
            subject: subject.into(),
            lifetime: lifetime.as_secs(),
            features: *features,
            dialect,
        };
        let (server, base, signer, secret_length) = match provider {
            model::Provider::Jaas { app_id, key_id, private_key, server } => {
                let key = rsa(private_key, key_id, MAKE_FOR_JAAS)?;
                // Both are fixed: Jitsi's client compares them (`validateJwt`).
                let terms = terms("jitsi", "chat", app_id, Dialect::Jaas);
                (server, format!("{server}/{app_id}"), Some(Signer::new(key, terms, clock)?), None)
            }
            model::Provider::Jitsi { app_id, server, subject, audience, key } => {
                let (key, secret_length) = match key {
                    JitsiKey::Secret(from) => {
                        let secret = source::read(from, "secret")?;
                        let secret = secret.reveal().as_bytes();
                        (Key::Shared(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret))), Some(secret.len()))
                    }
                    JitsiKey::Rsa { private_key, key_id } => (rsa(private_key, key_id, MAKE_FOR_JITSI)?, None),
                };
                let terms = terms(audience, app_id, subject, Dialect::Jitsi);
                (server, server.clone(), Some(Signer::new(key, terms, clock)?), secret_length)
            }
            model::Provider::Public { server } => (server, server.clone(), None, None),
        };
        Ok(Self { origin: server.clone(), base, signer, secret_length })
    }

    /// Scheme and host of the meeting server, as a policy names where a page may lead.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many bytes the secret has that tokens are signed with; `None` where it is a private key, or there are none.
    pub fn secret_length(&self) -> Option<usize> {
        self.secret_length
    }

    /// The whole address that opens `room` to `bearer`, token and all.
    ///
    /// # Errors
    /// See [`SignError`]; none is the client's doing.
    pub async fn address(
        &self,
        room: &Room,
        rooms: model::Rooms,
        bearer: &Bearer,
    ) -> Result<Secret<String>, SignError> {
        let token = self.token(room, rooms, bearer).await?;
        Ok(Secret::new(match token {
            Some(token) => format!("{}/{}?jwt={}", self.base, room.segment(), token.reveal()),
            None => format!("{}/{}#userInfo.displayName={}", self.base, room.segment(), in_fragment(&bearer.name)),
        }))
    }

    /// The token alone; `None` where meetings take none.
    ///
    /// # Errors
    /// As [`Meetings::address`].
    pub async fn token(
        &self,
        room: &Room,
        rooms: model::Rooms,
        bearer: &Bearer,
    ) -> Result<Option<Secret<String>>, SignError> {
        let Some(signer) = &self.signer else { return Ok(None) };
        let claim = match rooms {
            model::Rooms::This => room.claim(),
            model::Rooms::Any => "*".into(),
        };
        signer.token(claim, bearer.clone()).await.map(Some)
    }

    /// A meeting's address for Jitsi's app, as Jitsi's own page for phones makes it (jitsi-meet
    /// `react/features/deep-linking/functions.ts`, `generateDeepLinkingURL`): on iOS by the app's scheme, on
    /// Android as an intent, since custom schemes do not work in all browsers there.
    ///
    /// Android takes the last `#` for the intent's, so a fragment before it stays part of the address.
    pub fn app_address(&self, meeting: &Secret<String>) -> Apps {
        let rest = meeting.reveal().split_once("://").map_or(meeting.reveal().as_str(), |(_, rest)| rest);
        Apps {
            ios: Secret::new(format!("{APP}://{rest}")),
            android: Secret::new(format!("intent://{rest}#Intent;scheme={APP};package={APP};end")),
        }
    }
}

/// Below prosody's `asap_key_server`, the file that it fetches a key's public half from (`token/util.lib.lua`).
pub fn public_key_file(key_id: &str) -> String {
    let hash = digest::digest(&digest::SHA256, key_id.as_bytes());
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("<asap_key_server>/{hex}.pem")
}

/// A text as Jitsi reads values behind the `#`: JSON, percent-encoded (`react/features/base/util/parseURLParams.ts`).
fn in_fragment(text: &str) -> String {
    utf8_percent_encode(&serde_json::Value::from(text).to_string(), COMPONENT).to_string()
}

fn rsa(source: &PemSource, key_id: &str, make: &'static str) -> Result<Key, ProviderError> {
    let (pem, origin) = match source {
        PemSource::File(path) => match read::read(path) {
            Ok(pem) => (Secret::new(pem), format!("private_key {}", path.display())),
            Err(source) => return Err(ProviderError::Unreadable { key: "private_key", path: path.clone(), source }),
        },
        PemSource::Text(pem) => {
            (Secret::new(pem.reveal().clone().into_bytes()), "private_key, from the environment,".into())
        }
    };
    match key::read(pem.reveal(), &origin) {
        Ok(pair) => Ok(Key::Rsa(pair, key_id.to_owned())),
        Err(source) => Err(ProviderError::Key { source, make }),
    }
}

#[cfg(test)]
mod tests;
