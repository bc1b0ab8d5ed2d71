//! A meeting token: who may enter which room, for how long, signed with RS256.
//!
//! One of them opens a meeting to whoever holds it, so it is a [`Secret`] from the
//! moment it exists. RSA takes milliseconds of pure arithmetic: it runs on the
//! runtime's blocking threads, never on the thread that serves connections.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use thiserror::Error;

use crate::clock::Clock;
use crate::secret::Secret;

use super::claims::{Claims, Context, Features, User};
use super::key::{self, KeyError};

/// How long before its issue a token already holds, in seconds. Jitsi's server allows no leeway, and the
/// browser compares with the user's own clock too: a minute covers clocks that nobody tends. 8x8's samples
/// take 10.
const BACKDATED: u64 = 60;

/// Signs the tokens of one launcher.
#[derive(Debug)]
pub struct Signer(Arc<Keyed>);

#[derive(Debug)]
struct Keyed {
    app_id: String,
    header: Header,
    key: EncodingKey,
    lifetime: Duration,
    clock: Clock,
}

/// Whom a token lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// Mattermost's user id; `None` where nobody was asked.
    pub id: Option<String>,
    /// Shown in the meeting.
    pub name: String,
    /// Left out of the token where there is none.
    pub email: Option<String>,
    /// May mute, remove, let in from the lobby.
    pub moderator: bool,
}

/// Why no token was signed.
#[derive(Debug, Error)]
pub enum SignError {
    /// The library refused.
    #[error("cannot sign a meeting token")]
    Refused(#[from] jsonwebtoken::errors::Error),
    /// The blocking thread ended early: the process is stopping, or signing panicked.
    #[error("signing a meeting token was broken off")]
    BrokenOff(#[from] tokio::task::JoinError),
}

impl Signer {
    /// A signer with the RSA key in `pem`; `origin` names the text in errors.
    ///
    /// `key_id` is the `kid`, `<app id>/<key>`; that it begins so is the configuration's to check. `lifetime`
    /// is from issue to expiry, used in whole seconds.
    ///
    /// # Errors
    /// Says what `pem` holds in place of one RSA private key of 2048 to 8192 bits.
    pub fn from_pem(
        pem: &[u8],
        origin: &str,
        app_id: &str,
        key_id: &str,
        lifetime: Duration,
        clock: Clock,
    ) -> Result<Self, KeyError> {
        let key = key::read(pem, origin)?;
        let header = Header { kid: Some(key_id.into()), ..Header::new(Algorithm::RS256) };
        Ok(Self(Arc::new(Keyed { app_id: app_id.into(), header, key, lifetime, clock })))
    }

    /// A token that lets `bearer` into `room`: what [`super::room::Room::claim`] says, or `*` for all.
    ///
    /// # Errors
    /// See [`SignError`]; neither is the client's doing.
    pub async fn token(&self, room: String, bearer: Bearer) -> Result<Secret<String>, SignError> {
        let keyed = Arc::clone(&self.0);
        let signed = tokio::task::spawn_blocking(move || keyed.sign(&room, &bearer)).await?;
        Ok(Secret::new(signed?))
    }
}

impl Keyed {
    fn sign(&self, room: &str, bearer: &Bearer) -> Result<String, jsonwebtoken::errors::Error> {
        let now = self.clock.unix_seconds();
        let claims = Claims {
            aud: "jitsi",
            iss: "chat",
            sub: &self.app_id,
            room,
            iat: now,
            nbf: now.saturating_sub(BACKDATED),
            exp: now.saturating_add(self.lifetime.as_secs()),
            context: Context {
                user: User {
                    id: bearer.id.as_deref(),
                    name: &bearer.name,
                    email: bearer.email.as_deref(),
                    moderator: bearer.moderator.into(),
                },
                features: Features::OFF,
            },
        };
        jsonwebtoken::encode(&self.header, &claims, &self.key)
    }
}

#[cfg(test)]
mod tests;
