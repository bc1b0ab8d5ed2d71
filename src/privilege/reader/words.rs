//! What is said between a gatepost and its reader.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::super::walk::Stranger;
use super::Spot;

/// Changes with the words below: two that do not speak the same are told so.
pub(super) const SPEAKS: u32 = 1;

/// The first thing that it is told, by who has the rights to start it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) speaks: u32,
    /// The configuration, from `/`.
    pub(super) configuration: PathBuf,
    /// Who will ask.
    pub(super) asker: Stranger,
    /// What to start for whoever follows that one.
    pub(super) program: PathBuf,
}

/// What it is asked, after the number of the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ask {
    /// A descriptor for reading.
    Open(PathBuf),
    /// What tells the file from what it was.
    Stat(PathBuf),
    /// Which names decide what the path means.
    Trail(PathBuf),
    /// A new inotify instance; those before are forgotten.
    Ear,
    /// Changes to those names are to be told there.
    Listen(PathBuf),
    /// The configuration may name other files by now.
    LookAgain,
    /// Another reader, for the process that follows who asks.
    Another,
}

/// What it answers, after the number of the question. (To [`Hello`] without one.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    /// It can be asked, or did what it was told; a descriptor comes along where one was asked for.
    Done,
    Stat([i64; 7]),
    Trail(Vec<Place>),
    /// The numbers of watches, with the names that matter there; and folders that cannot be watched.
    Listening(Vec<(i32, Vec<u8>)>, Vec<(Vec<u8>, String)>),
    /// The configuration does not name it.
    Unnamed,
    /// Who asks could change this, which is on the way.
    Changeable(PathBuf),
    /// The system's number for what happened.
    System(i32),
    /// It cannot be done, in words.
    Failed(String),
}

/// A [`super::walk::Spot`] on its way: a path is bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) folder: Vec<u8>,
    pub(super) identity: (u64, u64),
    pub(super) name: Vec<u8>,
}

impl Place {
    pub(super) fn into_spot(self) -> Spot {
        Spot {
            folder: OsString::from_vec(self.folder).into(),
            identity: self.identity,
            name: OsString::from_vec(self.name),
        }
    }
}
