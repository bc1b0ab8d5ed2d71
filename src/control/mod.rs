//! The control socket: how commands talk to the gatepost that runs.
//!
//! A Unix socket at `[server] control`, readable and writable for its owner alone, on
//! which the kernel says who asks (`SO_PEERCRED`, unix(7)): the same user or root is
//! answered, anybody else is not. One question a connection, one line of JSON each way.
//!
//! It carries no secret, and nothing can be asked for but what a signal could ask
//! for too; what it has over a signal is an answer.

pub mod ask;
pub mod door;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest line either way, in bytes: an answer has every finding of a file in it twice.
const LONGEST: u64 = 4 * 1024 * 1024;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Question {
    /// Read the configuration again.
    Reload {
        /// The file that the asker means; another one is not reloaded.
        file: Option<PathBuf>,
    },
    /// Hand everything over to a new process, started from what the program's path has now.
    Upgrade {
        /// As for `Reload`.
        file: Option<PathBuf>,
    },
}

impl Question {
    /// The configuration that the asker means.
    pub fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::Reload { file } | Self::Upgrade { file } => file.as_ref(),
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it took hold.
    pub done: bool,
    /// The configuration that the running one reads.
    pub file: PathBuf,
    /// The process that serves from now on.
    pub pid: u32,
    /// Findings as `check --json` has them.
    #[serde(default)]
    pub findings: Vec<Value>,
    /// The same as `check` prints them.
    #[serde(default)]
    pub lines: Vec<String>,
    /// What else there is to know: what stays as it was, say.
    #[serde(default)]
    pub remarks: Vec<String>,
    /// Why it did not take hold, where findings do not say it.
    #[serde(default)]
    pub error: Option<String>,
}

impl Answer {
    /// Nothing came of it, for this reason.
    pub fn refused(why: impl Into<String>) -> Self {
        Self { pid: std::process::id(), error: Some(why.into()), ..Self::default() }
    }
}
