//! A meeting token: who may enter which room, for how long, signed with RS256 or HS256.
//!
//! One of them opens a meeting to whoever holds it, so it is a [`Secret`] from the
//! moment it exists. RSA takes milliseconds of pure arithmetic: it runs on the
//! runtime's blocking threads, never on the thread that serves connections.
//!
//! The compact form of RFC 7515 section 3.1 is written here rather than by `jsonwebtoken`, which reads and checks the
//! RSA key anew for each signature. Whatever reads tokens leaves that to the library.

mod recent;

use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::{hmac, signature};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use thiserror::Error;

use crate::clock::Clock;
use crate::secret::Secret;

use super::bearer::Bearer;
use super::claims::{Claims, Terms};

use recent::{Fingerprint, Recent};

/// What a token is signed with.
pub enum Key {
    /// RS256, and the `kid` by which the other side finds the public half.
    Rsa(KeyPair, String),
    /// HS256 with a secret that both sides know.
    Shared(Box<hmac::Key>),
}

/// Signs the tokens of one launcher.
#[derive(Debug)]
pub struct Signer(Arc<Keyed>);

struct Keyed {
    key: Key,
    /// The header and the dot behind it, which all tokens have in common.
    header: String,
    terms: Terms,
    clock: Clock,
    recent: Recent,
}

/// Why no token was signed.
#[derive(Debug, Error)]
pub enum SignError {
    /// The claims make no JSON.
    #[error("cannot write a meeting token")]
    Unwritten(#[from] serde_json::Error),
    /// The library refused.
    #[error("cannot sign a meeting token")]
    Refused(#[from] Unspecified),
    /// The blocking thread ended early: the process is stopping, or signing panicked.
    #[error("signing a meeting token was broken off")]
    BrokenOff(#[from] tokio::task::JoinError),
}

/// The JOSE header. `typ` is demanded by Jitsi's server (`luajwtjitsi.lib.lua`).
#[derive(Serialize)]
struct Header<'a> {
    typ: &'static str,
    alg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

impl Signer {
    /// Signs with `key` what `terms` say. That the two fit each other is the configuration's to check.
    ///
    /// # Errors
    /// See [`SignError`]; a `kid` that is a text makes none.
    pub fn new(key: Key, terms: Terms, clock: Clock) -> Result<Self, SignError> {
        let (alg, kid) = match &key {
            Key::Rsa(_, key_id) => ("RS256", Some(key_id.as_str())),
            Key::Shared(_) => ("HS256", None),
        };
        let mut header = String::new();
        append(&Header { typ: "JWT", alg, kid }, &mut header)?;
        header.push('.');
        let recent = Recent::new(terms.lifetime);
        Ok(Self(Arc::new(Keyed { key, header, terms, clock, recent })))
    }

    /// A token that lets `bearer` into `room`: what [`super::room::Room::claim`] says, or `*` for all.
    ///
    /// Within a quarter of its lifetime the same token is given to the same bearer for the same room. It ends when
    /// [`Bearer::until`] says, where that is sooner.
    ///
    /// # Errors
    /// See [`SignError`]; none is the client's doing.
    pub async fn token(&self, room: String, bearer: Bearer) -> Result<Secret<String>, SignError> {
        let now = self.0.clock.unix_seconds();
        // Claims of the second 0 show nothing of an end that lies beyond their lifetime.
        let fingerprint = Fingerprint::of(&(Claims::new(&self.0.terms, &room, &bearer, 0), bearer.until))?;
        if let Some(token) = self.0.recent.get(&fingerprint, now) {
            return Ok(token);
        }
        let keyed = Arc::clone(&self.0);
        let token = Secret::new(tokio::task::spawn_blocking(move || keyed.sign(&room, &bearer, now)).await??);
        self.0.recent.put(fingerprint, token.clone(), now);
        Ok(token)
    }
}

impl Keyed {
    fn sign(&self, room: &str, bearer: &Bearer, now: u64) -> Result<String, SignError> {
        let mut token = self.header.clone();
        append(&Claims::new(&self.terms, room, bearer, now), &mut token)?;
        let signature = self.key.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

impl Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::Rsa(pair, _) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
                Ok(signature)
            }
            Self::Shared(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
    }
}

fn append(part: &impl Serialize, token: &mut String) -> Result<(), serde_json::Error> {
    URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(part)?, token);
    Ok(())
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rsa(_, key_id) => f.debug_tuple("Rsa").field(key_id).finish_non_exhaustive(),
            Self::Shared(_) => f.debug_tuple("Shared").finish_non_exhaustive(),
        }
    }
}

impl std::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyed").field("key", &self.key).field("terms", &self.terms).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
