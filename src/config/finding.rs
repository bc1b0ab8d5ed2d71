//! A finding: one thing that is wrong or doubtful in the configuration or in what it names.
//!
//! Findings are gathered, not thrown: a person mends a file in one go, not one
//! line a start.

use std::ops::Range;

/// A stretch of the configuration file, in bytes; empty where the whole file is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place(pub Range<usize>);

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Doubtful: serving starts, the log says it.
    Warning,
    /// A fault in `check`, yet no reason to stay down: serving starts, the log says it as an error.
    Fault,
    /// Serving does not start.
    Fatal,
}

/// One thing that is wrong or doubtful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where the file says so.
    pub place: Place,
    /// What was found, on what: one sentence without a full stop.
    pub what: String,
    /// What to do about it.
    pub mend: Option<String>,
}

impl Finding {
    /// A finding that stops the start.
    pub fn fatal(place: Place, what: impl Into<String>) -> Self {
        Self { severity: Severity::Fatal, place, what: what.into(), mend: None }
    }

    /// A finding that `check` calls a fault and that does not stop the start.
    pub fn fault(place: Place, what: impl Into<String>) -> Self {
        Self { severity: Severity::Fault, place, what: what.into(), mend: None }
    }

    /// A doubtful thing.
    pub fn warning(place: Place, what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, place, what: what.into(), mend: None }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }
}
