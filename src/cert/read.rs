//! Reads a small file that a person named: a chain, a key, a list of roots.
//!
//! It refuses what would hang or flood (a FIFO, a device, a file larger than
//! [`MAX_BYTES`]) and tells apart the ways in which a file is not to be had,
//! since each has its own mend.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use thiserror::Error;

use crate::privilege::reader::{self, Refusal};

/// Largest file that is read, in bytes: four times a whole system's root list as PEM (about 220 KiB).
pub const MAX_BYTES: u64 = 1024 * 1024;

/// Why a file cannot be had.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Nothing of that name, or a link that leads nowhere.
    // No `source`: the system's words say the same once more.
    #[error("there is no such file")]
    Missing(io::Error),
    /// It is there, but not for us.
    #[error("permission denied{0}")]
    Denied(Box<Denied>, io::Error),
    /// A folder.
    #[error("is a folder, not a file")]
    Folder,
    /// A FIFO, a socket or a device: reading might never end.
    #[error("is not a regular file")]
    NotRegular,
    /// More than [`MAX_BYTES`].
    #[error("is larger than 1 MiB, so it is no certificate or key")]
    TooLarge,
    /// The system said something else.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
}

/// What is known of a refusal: the person needs the owner, the mode and who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Our effective user id.
    asker: u32,
    /// Owner and mode of the file, where it could be looked at.
    file: Option<(u32, u32)>,
    /// The first folder on the way that may not be entered.
    folder: Option<PathBuf>,
    /// Why the reader process, where there is one, does not open it either.
    reader: Option<Refusal>,
}

impl Denied {
    fn look(path: &Path, reader: Option<Refusal>) -> Self {
        let file = path.metadata().ok().map(|found| (found.uid(), found.mode() & 0o7777));
        let folder = match file {
            Some(_) => None,
            // The deepest folder that can still be looked at is the one that lets nobody in.
            None => path.ancestors().skip(1).find(|folder| folder.metadata().is_ok()),
        };
        Self { asker: rustix::process::geteuid().as_raw(), file, folder: folder.map(Path::to_owned), reader }
    }

    fn mend(&self, origin: &str) -> String {
        match (self.reader.as_ref().and_then(Refusal::mend), &self.folder) {
            (Some(mend), _) => mend,
            (None, Some(folder)) => format!(
                "let gatepost's group in: chgrp gatepost {folder} && chmod g+x {folder}; or copy the files where it may read",
                folder = folder.display(),
            ),
            (None, None) => format!("let gatepost's group read it: chgrp gatepost {origin} && chmod 0640 {origin}"),
        }
    }
}

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some((owner, mode)) = self.file {
            write!(f, ": it belongs to user {owner} with mode {mode:04o}")?;
        } else if let Some(folder) = &self.folder {
            write!(f, ": the folder {} may not be entered", folder.display())?;
        }
        write!(f, ", and this process is user {}", self.asker)?;
        self.reader.iter().try_for_each(|refusal| write!(f, "; {refusal}"))
    }
}

impl ReadError {
    /// What to do about it, as a command or an edit.
    pub fn mend(&self, origin: &str) -> Option<String> {
        match self {
            Self::Missing(_) => Some("check the name in the configuration".to_owned()),
            Self::Denied(denied, _) => Some(denied.mend(origin)),
            Self::Folder => Some("name the file in it, for example fullchain.pem or privkey.pem".to_owned()),
            Self::NotRegular | Self::TooLarge | Self::Io(_) => None,
        }
    }
}

/// The whole of a regular file of at most [`MAX_BYTES`]; returns at once whatever the name leads to.
///
/// # Errors
/// Tells apart what [`ReadError`] lists.
pub fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    let file = open(path)?;
    // What was opened is asked, not what was named: the two may differ by now.
    let found = file.metadata().map_err(ReadError::Io)?;
    if found.is_dir() {
        return Err(ReadError::Folder);
    }
    if !found.is_file() {
        return Err(ReadError::NotRegular);
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ReadError::TooLarge);
    }
    Ok(bytes)
}

/// With the rights of this process, else through the reader process, where there is one.
fn open(path: &Path) -> Result<File, ReadError> {
    // Without NONBLOCK a FIFO that nobody writes to would hold the start for ever.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let error = match opened {
        Ok(file) => return Ok(file),
        Err(error) => error,
    };
    if error.kind() != io::ErrorKind::PermissionDenied {
        return Err(said(path, error, None));
    }
    match reader::current().map(|reader| reader.open(path)) {
        Some(Ok(file)) => Ok(file),
        Some(Err(Refusal::System(number))) => {
            let refusal = Refusal::System(number);
            Err(said(path, io::Error::from_raw_os_error(number), Some(refusal)))
        }
        Some(Err(refusal)) => Err(said(path, error, Some(refusal))),
        None => Err(said(path, error, None)),
    }
}

fn said(path: &Path, error: io::Error, refusal: Option<Refusal>) -> ReadError {
    match error.kind() {
        io::ErrorKind::NotFound => ReadError::Missing(error),
        // `chain = "fullchain.pem/privkey.pem"`: a file where a folder was meant.
        io::ErrorKind::NotADirectory => ReadError::Missing(error),
        io::ErrorKind::IsADirectory => ReadError::Folder,
        io::ErrorKind::PermissionDenied => ReadError::Denied(Box::new(Denied::look(path, refusal)), error),
        // Linux answers so for a socket.
        _ if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => ReadError::NotRegular,
        _ => ReadError::Io(error),
    }
}

#[cfg(test)]
mod tests;
