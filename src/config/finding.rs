//! A finding: one thing that is wrong or doubtful in the configuration or in what it names.
//!
//! Findings are gathered, not thrown: a person mends a file in one go, not one
//! line a start.

use std::fmt;
use std::ops::Range;

use serde_spanned::Spanned;

/// A stretch of the configuration file, in bytes; empty where the whole file is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place(pub Range<usize>);

impl<T> From<&Spanned<T>> for Place {
    fn from(value: &Spanned<T>) -> Self {
        Self(value.span())
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Doubtful: serving starts, the log says it.
    Warning,
    /// A fault in `check`, yet no reason to stay down: serving starts, the log warns of it.
    Fault,
    /// A fault in `check` that shuts people out already or will within days: serving starts, the log says it as an error.
    Grave,
    /// Serving does not start.
    Fatal,
}

impl Severity {
    /// The word for it in all output: `warning`, `fault` or `error`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Fault | Self::Grave => "fault",
            Self::Fatal => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
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
    /// Other places that have a part in it, each with a few words: the first of two rivals, say.
    pub also: Vec<(Place, String)>,
    /// What to do about it.
    pub mend: Option<String>,
}

impl Finding {
    /// A finding that stops the start.
    pub fn fatal(place: impl Into<Place>, what: impl Into<String>) -> Self {
        Self::new(Severity::Fatal, place.into(), what.into())
    }

    /// A finding that `check` calls a fault and that does not stop the start.
    pub fn fault(place: impl Into<Place>, what: impl Into<String>) -> Self {
        Self::new(Severity::Fault, place.into(), what.into())
    }

    /// A fault that shuts people out already.
    pub fn grave(place: impl Into<Place>, what: impl Into<String>) -> Self {
        Self::new(Severity::Grave, place.into(), what.into())
    }

    /// A doubtful thing.
    pub fn warning(place: impl Into<Place>, what: impl Into<String>) -> Self {
        Self::new(Severity::Warning, place.into(), what.into())
    }

    fn new(severity: Severity, place: Place, what: String) -> Self {
        Self { severity, place, what, also: Vec::new(), mend: None }
    }

    /// Marks another place that has a part in it.
    #[must_use]
    pub fn also(mut self, place: impl Into<Place>, label: impl Into<String>) -> Self {
        self.also.push((place.into(), label.into()));
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }
}
