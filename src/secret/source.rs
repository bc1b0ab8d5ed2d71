//! A secret from where the configuration says it is: in its own words, in the environment, or in a file.
//!
//! A file holds it as one line; the line's end is no part of it, blanks in front of that
//! are. It refuses what is empty: whoever may leave it out, would be let in by it.

use std::path::PathBuf;

use thiserror::Error;

use crate::cert::read::{self, ReadError};
use crate::config::model::SecretFrom;

use super::Secret;

/// Why there is no secret.
#[derive(Debug, Error)]
pub enum SecretError {
    /// Its file cannot be read.
    #[error("{key} {}: {source}", path.display())]
    Unreadable {
        /// The key of the configuration that names it.
        key: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// It is empty, or no text.
    #[error("{origin} {what}")]
    None {
        /// The key, and the file where it comes from one.
        origin: String,
        /// What is there instead.
        what: &'static str,
    },
}

impl SecretError {
    /// The command or edit that mends it.
    pub fn mend(&self) -> String {
        match self {
            Self::Unreadable { path, source, .. } => {
                source.mend(&path.display().to_string()).unwrap_or_else(|| "name the file itself".into())
            }
            Self::None { .. } => "write the secret alone, as one line".into(),
        }
    }
}

/// Reads the secret that the configuration calls `key`.
///
/// # Errors
/// Where its file cannot be read, is no UTF-8, or holds nothing but blanks.
pub fn read(from: &SecretFrom, key: &'static str) -> Result<Secret<String>, SecretError> {
    let (text, origin) = match from {
        SecretFrom::Text(text) => (text.reveal().clone(), key.to_owned()),
        SecretFrom::File(path) => {
            let origin = format!("{key} {}", path.display());
            let unreadable = |source| SecretError::Unreadable { key, path: path.clone(), source };
            let bytes = read::read(path).map_err(unreadable)?;
            match String::from_utf8(bytes) {
                Ok(text) => (text.trim_end_matches(['\r', '\n']).to_owned(), origin),
                Err(_) => return Err(SecretError::None { origin, what: "is no text" }),
            }
        }
    };
    match text.trim() {
        "" => Err(SecretError::None { origin, what: "is empty" }),
        _ => Ok(Secret::new(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_it_as_one_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        let read = || read(&SecretFrom::File(path.clone()), "secret").map(|secret| secret.reveal().clone());
        for (written, expected) in [("abc", "abc"), ("abc\n", "abc"), (" a c \r\n", " a c ")] {
            std::fs::write(&path, written).expect("written");
            assert_eq!(read().expect("a secret"), expected, "{written:?}");
        }
        for (written, words) in [(&b""[..], "is empty"), (b" \n", "is empty"), (b"\xff", "is no text")] {
            std::fs::write(&path, written).expect("written");
            let error = read().expect_err("none").to_string();
            assert!(error.starts_with("secret /") && error.ends_with(words), "{error}");
        }
        std::fs::remove_file(&path).expect("removed");
        let error = read().expect_err("none");
        assert!(matches!(error, SecretError::Unreadable { .. }) && error.mend().contains("check the name"), "{error}");
    }

    #[test]
    fn in_the_configuration_or_the_environment_it_is_as_it_stands() {
        let read = |text: &str| read(&SecretFrom::Text(Secret::new(text.into())), "plugin_secret");
        assert_eq!(read(" a ").expect("a secret").reveal(), " a ");
        assert_eq!(read(" ").expect_err("none").to_string(), "plugin_secret is empty");
    }
}
