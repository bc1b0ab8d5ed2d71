//! The configuration's text with its path: byte places → line and column.
//!
//! It only shows where things stand; what they mean is `shape`'s and `resolve`'s part.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::privilege::reader;

use super::finding::Place;

/// A configuration file as read.
#[derive(Debug, Clone)]
pub struct Source {
    /// As given on the command line.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
}

/// Why a configuration file cannot be read at all.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Nothing there, a folder, no permission, a failing disk.
    #[error("cannot read the configuration {}: {}", .path.display(), said(.source))]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not text as TOML wants it.
    #[error("the configuration {} is not UTF-8 (byte {at}); save it as UTF-8", .path.display())]
    NotUtf8 {
        /// Which file.
        path: PathBuf,
        /// Where the first bad byte stands, counted from 0.
        at: usize,
    },
}

/// The system's words, with the likely mend beside the two common causes.
fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file; name another with -c FILE".into(),
        io::ErrorKind::PermissionDenied => format!("{error}; it must be readable for the user that runs gatepost"),
        io::ErrorKind::IsADirectory => "it is a folder; name the file in it".into(),
        _ => error.to_string(),
    }
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let bytes = whole(path).map_err(|source| ReadError::Io { path: path.into(), source })?;
        let text = String::from_utf8(bytes)
            .map_err(|error| ReadError::NotUtf8 { path: path.into(), at: error.utf8_error().valid_up_to() })?;
        Ok(Self { path: path.into(), text })
    }

    /// The folder that relative paths in the file start from; empty for the working folder.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Line and column where a place begins, both from 1, the column in characters;
    /// `None` where the place is the whole file.
    pub fn position(&self, place: &Place) -> Option<(usize, usize)> {
        if place.0.is_empty() {
            return None;
        }
        let before = self.text.get(..place.0.start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
        Some((line, column))
    }
}

/// With the rights of this process, else through the reader process, where there is one: it may hold secrets, too.
fn whole(path: &Path) -> io::Result<Vec<u8>> {
    let error = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => error,
        outcome => return outcome,
    };
    let Some(opened) = reader::current().map(|reader| reader.open(path)) else { return Err(error) };
    let mut bytes = Vec::new();
    let refused = |refusal| io::Error::new(error.kind(), format!("{error}; {refusal}"));
    opened.map_err(refused)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_line_and_a_column_in_characters() {
        let source = Source { path: "etc/g.toml".into(), text: "a = 1\n# größe\r\nb = \"8×8\" # x\n".into() };
        let at = source.text.find('x').expect("an x");
        assert_eq!(source.position(&Place(at..at + 1)), Some((3, 13)));
        assert_eq!(source.position(&Place(0..1)), Some((1, 1)));
        assert_eq!(source.position(&Place(0..0)), None);
        assert_eq!(source.folder(), Path::new("etc"));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let words = |path: &Path| Source::read(path).expect_err("an error").to_string();
        assert!(words(&folder.path().join("none.toml")).ends_with("there is no such file; name another with -c FILE"));
        assert!(words(folder.path()).ends_with("it is a folder; name the file in it"));
        let latin = folder.path().join("latin.toml");
        fs::write(&latin, b"# gr\xf6\xdfe").expect("written");
        assert!(words(&latin).ends_with("is not UTF-8 (byte 4); save it as UTF-8"));
    }
}
