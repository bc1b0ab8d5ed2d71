//! What can be wrong with the ledger's file, in words for the person at 2 a.m.
//!
//! No mend deletes anything: at worst a file is moved aside by hand and a new one begins to count.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;
use thiserror::Error;

use crate::cert::words::quoted;

/// Why the ledger has no answer.
#[derive(Debug, Clone, Error)]
pub enum LedgerError {
    /// The file cannot be used. It is tried again after half a minute.
    #[error("{}", .0.words())]
    Fault(Arc<Fault>),
    /// More wait for it than it can serve.
    #[error("the meeting ledger is overrun: more requests wait for it than it can answer in time")]
    Crowded,
    /// No answer came in time.
    #[error("the meeting ledger did not answer in time; is the disk of the state folder slow, or on a network?")]
    Slow,
    /// There is none: this process keeps nothing, or could not open what its ids are hashed with.
    #[error("there is no meeting ledger")]
    Closed,
    /// Its thread has ended, which only a fault of gatepost's own makes it do.
    #[error("the meeting ledger has stopped; restart gatepost")]
    Gone,
}

/// What is wrong with a file.
#[derive(Debug, Error)]
#[error("the meeting ledger {} {what}", path.display())]
pub struct Fault {
    /// Which file.
    pub path: PathBuf,
    /// What of it.
    pub what: What,
}

/// The kinds of fault.
#[derive(Debug, Error)]
pub enum What {
    /// The folder that it belongs in is not there.
    #[error("cannot be made: its folder is not there")]
    NoFolder,
    /// The system does not let us.
    #[error("cannot be opened: {0}")]
    Closed(#[source] io::Error),
    /// It can be read and not written.
    #[error("can be read and not written: its mode, its folder's, or a disk that is mounted read-only")]
    ReadOnly(#[source] rusqlite::Error),
    /// The disk, or the ledger's own bound, is full.
    #[error("cannot grow: the disk is full, or the ledger has come to its own bound of 64 MiB")]
    Full(#[source] rusqlite::Error),
    /// It is no database, or a broken one; the words are SQLite's.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// A database of another program.
    #[error("is a database of another program")]
    Foreign,
    /// Its tables are of a newer gatepost.
    #[error("was written by a newer gatepost (its tables are of version {found}, this one knows {known})")]
    Newer {
        /// In the file.
        found: i32,
        /// To this gatepost.
        known: i32,
    },
    /// It was written under another key.
    #[error("was written under another installation's key: the key in the state folder was changed, or the file is")]
    OtherKey,
    /// Another process writes in it and does not end.
    #[error("is held by another process")]
    Held(#[source] rusqlite::Error),
    /// The disk, or whatever else.
    #[error("cannot be used: {0}")]
    Other(#[source] rusqlite::Error),
    /// There is no thread to be had for it.
    #[error("cannot be kept: the system gives no thread: {0}")]
    NoThread(#[source] io::Error),
}

impl Fault {
    pub(super) fn new(path: &Path, what: What) -> Self {
        Self { path: path.into(), what }
    }

    pub(super) fn no_thread(path: PathBuf, source: io::Error) -> Self {
        Self { path, what: What::NoThread(source) }
    }

    pub(super) fn of_io(path: &Path, error: io::Error) -> Self {
        Self::new(path, What::Closed(error))
    }

    /// What SQLite's error means for the file.
    pub(super) fn of(path: &Path, error: rusqlite::Error) -> Self {
        let what = match error.sqlite_error_code() {
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => What::ReadOnly(error),
            Some(ErrorCode::DiskFull) => What::Full(error),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => What::Damaged(error.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => What::Held(error),
            _ => What::Other(error),
        };
        Self::new(path, what)
    }

    /// The whole of it: what, which file, and the command that mends it.
    pub fn words(&self) -> String {
        format!("{self}; {}", self.mend())
    }

    /// The command or edit that mends it.
    pub fn mend(&self) -> String {
        let path = quoted(&self.path);
        let folder = self.path.parent().map_or_else(|| ".".to_owned(), quoted);
        // The log goes along: SQLite finds it by the file's name, and what was written last may stand in it alone.
        let aside = format!("mv {path} {path}.aside; mv {path}-wal {path}.aside-wal");
        match &self.what {
            What::NoFolder => {
                format!("make it for the user that runs gatepost: install -d -m 0700 -o gatepost {folder}")
            }
            What::Closed(_) | What::ReadOnly(_) => format!(
                "let the user that runs gatepost write there: chown -R gatepost {folder} && chmod 0700 {folder}; \
                 findmnt -T {folder} shows whether the disk is read-only"
            ),
            What::Full(_) => format!("make room: df -h {folder} and ls -l {folder} show which of the two it is"),
            What::Damaged(_) => format!(
                "put back a copy of it, or begin a new count and keep this one: {aside}; sqlite3 {path}.aside .recover \
                 shows what can be saved"
            ),
            What::Foreign => format!("move it away, a new ledger is made: mv {path} {path}.aside"),
            What::Newer { .. } => {
                format!("run that gatepost again, or begin a new count and keep this one: {aside}")
            }
            What::OtherKey => format!(
                "put the installation's key back into {folder} from a copy, or begin a new count and keep this one: \
                 {aside}"
            ),
            What::Held(_) => format!("see who: fuser -v {path}"),
            What::Other(_) => "the disk may be failing: dmesg | tail shows what the system saw of it".to_owned(),
            What::NoThread(_) => "the user or the machine is at its limit of threads: see ulimit -u".to_owned(),
        }
    }
}
