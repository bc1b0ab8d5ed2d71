//! Why serving does not start, does not change, or ended.

use std::net::SocketAddr;

use thiserror::Error;

use crate::config::finding::{Finding, Severity};
use crate::config::render;
use crate::config::source::{ReadError, Source};
use crate::log::writer::{Busy, OpenError};
use crate::privilege::belongings::GiveError;
use crate::privilege::shed::ShedError;
use crate::server::RunError;
use crate::server::handover::InheritError;
use crate::server::listen::BindError;
use crate::server::snapshot::SnapshotError;

use super::super::{Failure, colour_of_stderr, with_causes};

/// Why serving does not start, or ended.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The configuration cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Something in the configuration, or in the files that it names, stops the start.
    #[error("the configuration has faults that keep gatepost from starting")]
    Findings {
        /// Whose they are.
        of: Whose,
        /// All of them.
        findings: Vec<Finding>,
        /// The text that they are about.
        text: Box<Source>,
    },
    /// A handler cannot be made of what the configuration names.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The status page's address cannot be listened on.
    #[error("cannot listen on {address}, which [admin] names for the status page; does another program hold it?")]
    Admin {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The access log cannot be written.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The access log cannot be exchanged.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// What a process before this one, or systemd, gave cannot be used.
    #[error(transparent)]
    Inherit(#[from] InheritError),
    /// What the user that it becomes has to write cannot be given.
    #[error(transparent)]
    Give(#[from] GiveError),
    /// Privileges cannot be given up.
    #[error(transparent)]
    Shed(#[from] ShedError),
    /// No thread for renewals is to be had.
    #[error("cannot look after certificates")]
    Engine(#[source] std::io::Error),
    /// Serving went wrong.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What a finding that stops the start is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The configuration file.
    Configuration,
    /// What it names: certificates, keys, roots.
    Files,
}

impl ServeError {
    /// For whoever asked from elsewhere: what stops it, a line each.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::Findings { findings, text, .. } => {
                let fatal = findings.iter().filter(|finding| finding.severity == Severity::Fatal);
                let mut lines: Vec<String> = fatal.map(|finding| render::short(finding, text)).collect();
                lines.insert(0, format!("{} cannot be used as it is", text.path.display()));
                lines.join("\n")
            }
            error => with_causes(error),
        }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Read(error) => Self::Read(error),
            ServeError::Findings { of, mut findings, text } => {
                findings.retain(|finding| finding.severity == Severity::Fatal);
                let mut shown = render::long(&findings, &text, colour_of_stderr());
                shown.push_str(&format!("gatepost does not start: {} cannot be used as it is", text.path.display()));
                match of {
                    Whose::Configuration => Self::Config(shown),
                    Whose::Files => Self::Files(shown),
                }
            }
            error => Self::Serve(Box::new(error)),
        }
    }
}
