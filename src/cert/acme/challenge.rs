//! Answers to a CA's questions: laid where whoever is asked finds them, and taken back afterwards.
//!
//! Answers are files in the storage folder (or, for DNS, what a command sets), so
//! that an order placed by hand in one process is answered by the gatepost that
//! serves in another. It refuses a token that could lead out of the folder.

pub mod alpn;
mod hook;

use std::path::PathBuf;

use instant_acme::{ChallengeHandle, ChallengeType};

use crate::config::model::AcmeChallenge;

use super::failure::{Failure, Refusal};
use super::storage::{Storage, write};

/// Longest token in bytes; Let's Encrypt's have 43.
const MAX_TOKEN: usize = 200;

/// What a CA asks of one name.
pub(super) struct Question {
    /// The name, without `*.`.
    pub(super) name: String,
    token: String,
    key_authorization: String,
    digest: Vec<u8>,
    dns_value: String,
}

impl Question {
    /// Reads a challenge.
    pub(super) fn new(name: &str, challenge: &ChallengeHandle<'_>) -> Result<Self, Failure> {
        let token = &challenge.token;
        // RFC 8555 section 8.1: base64url. It becomes the name of a file.
        let plain = token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if token.is_empty() || token.len() > MAX_TOKEN || !plain {
            return Err(Failure::Lies(format!("the token for {name} is no token")));
        }
        let key = challenge.key_authorization();
        Ok(Self {
            name: name.trim_start_matches("*.").to_owned(),
            token: token.clone(),
            key_authorization: key.as_str().to_owned(),
            digest: key.digest().as_ref().to_vec(),
            dns_value: key.dns_value(),
        })
    }
}

/// Everything that was laid out for one order. Files go when it is dropped.
pub(super) struct Answers<'a> {
    challenge: &'a AcmeChallenge,
    storage: &'a Storage,
    /// All names of the order, for hooks.
    names: Vec<String>,
    files: Vec<PathBuf>,
    hooked: Vec<(Question, String)>,
}

impl<'a> Answers<'a> {
    /// None yet.
    pub(super) fn new(challenge: &'a AcmeChallenge, storage: &'a Storage, names: &[String]) -> Self {
        Self { challenge, storage, names: names.to_vec(), files: Vec::new(), hooked: Vec::new() }
    }

    /// What the protocol calls it.
    pub(super) fn kind(&self) -> ChallengeType {
        match self.challenge {
            AcmeChallenge::Http01 => ChallengeType::Http01,
            AcmeChallenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
            AcmeChallenge::Dns01 { .. } => ChallengeType::Dns01,
        }
    }

    /// Lays out one answer; `remaining` questions follow it.
    ///
    /// The inner error is a name's own: its hook failed.
    pub(super) async fn give(&mut self, question: Question, remaining: usize) -> Result<Result<(), Refusal>, Failure> {
        match self.challenge {
            AcmeChallenge::Http01 => {
                let path = self.storage.http_01().join(&question.token);
                self.files.push(path.clone());
                write(&path, question.key_authorization.as_bytes())?;
            }
            AcmeChallenge::TlsAlpn01 => {
                let path = alpn::file(&self.storage.tls_alpn_01(), &question.name);
                self.files.push(path.clone());
                write(&path, alpn::answer(&question.name, &question.digest)?.as_bytes())?;
            }
            AcmeChallenge::Dns01 { hook, .. } => {
                let said = match hook::run(hook, &self.call(&question, remaining, None)).await {
                    Ok(said) => said,
                    Err(error) => {
                        let mend =
                            format!("run it by hand: CERTBOT_DOMAIN={} CERTBOT_VALIDATION=test {hook}", question.name);
                        return Ok(Err(Refusal::own(&question.name, format!("dns_hook: {error}"), mend)));
                    }
                };
                self.hooked.push((question, said));
            }
        }
        Ok(Ok(()))
    }

    /// Takes everything back; what cannot be is said in the log.
    pub(super) async fn take_back(mut self) {
        let AcmeChallenge::Dns01 { cleanup: Some(command), .. } = self.challenge else { return };
        let hooked = std::mem::take(&mut self.hooked);
        let count = hooked.len();
        for (index, (question, said)) in hooked.iter().enumerate() {
            let call = self.call(question, count - index - 1, Some(said));
            if let Err(error) = hook::run(command, &call).await {
                tracing::warn!(name = question.name, "dns_cleanup_hook: {error}; the TXT record may still be there");
            }
        }
    }

    fn call<'q>(&'q self, question: &'q Question, remaining: usize, said: Option<&'q str>) -> hook::Call<'q> {
        hook::Call {
            domain: &question.name,
            validation: &question.dns_value,
            token: &question.token,
            remaining,
            all: &self.names,
            auth_output: said,
        }
    }
}

impl Drop for Answers<'_> {
    fn drop(&mut self) {
        for file in &self.files {
            // One that is left behind answers a question that nobody asks any more.
            let _ = std::fs::remove_file(file);
        }
    }
}
