//! The RSA key that signs the demo's meeting tokens: made once, kept for the next time.
//!
//! Its public half is known to the demo's own stand-in meeting server and to
//! nobody else; 8x8 would refuse its tokens.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jsonwebtoken::DecodingKey;
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use thiserror::Error;

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// It could not be made.
    #[error("an RSA key could not be made")]
    Make(#[from] rcgen::Error),
    /// It could not be kept.
    #[error("cannot write {}", .path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The key.
#[derive(Debug)]
pub(super) struct MeetingKey(KeyPair);

impl MeetingKey {
    /// The key kept in `path`, or a new one (2048 bits, as RS256 wants at least) kept there from now on, 0600.
    ///
    /// # Errors
    /// Where it cannot be made or written.
    pub(super) fn of(path: &Path) -> Result<Self, KeyError> {
        let kept = fs::read_to_string(path).ok().and_then(|pem| KeyPair::from_pem(&pem).ok());
        if let Some(key) = kept.filter(|key| key.is_compatible(&PKCS_RSA_SHA256)) {
            return Ok(Self(key));
        }
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        write(path, &key.serialize_pem()).map_err(|source| KeyError::Write { path: path.to_owned(), source })?;
        Ok(Self(key))
    }

    /// What a meeting server needs to know of it.
    pub(super) fn verifying(&self) -> DecodingKey {
        DecodingKey::from_rsa_der(self.0.public_key_raw())
    }
}

/// The mode counts only for a file that is new.
fn write(path: &Path, pem: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(pem.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_kept_for_its_owner_alone_and_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key.pem");
        // What was cut off is made anew.
        fs::write(&path, "-----BEGIN PRIVATE KEY-----\n").expect("a file");
        let made = MeetingKey::of(&path).expect("a key");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let found = MeetingKey::of(&path).expect("a key");
        assert_eq!(found.0.public_key_raw(), made.0.public_key_raw());
    }
}
