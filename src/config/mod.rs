//! The configuration: text → meaning.
//!
//! What is written twice has two types: `file` is the TOML as typed, with
//! places; `model` is what was meant, in valid states only; `resolve` leads from
//! one to the other and gathers every finding on the way. Nothing here looks at
//! the files, folders and hosts that a configuration names: that is for who uses
//! them, and for `check`.
//!
//! Relative paths in the file start from the folder that the file is in, so that
//! `gatepost -c /etc/gatepost/gatepost.toml` means the same from anywhere.

pub mod finding;
pub mod model;
pub mod render;
pub mod source;
pub mod surroundings;

mod defaults;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod mask;
mod resolve;
mod shape;
mod units;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use finding::{Finding, Severity};
use model::Config;
use source::{ReadError, Source};
use surroundings::Surroundings;

pub(crate) use defaults::LEAST_WEBHOOK_SECRET;
pub(crate) use shape::nearest_or_all;

/// What a text came to.
#[derive(Debug)]
pub struct Parsed {
    /// What was meant; `None` where any finding is fatal.
    pub config: Option<Config>,
    /// Everything that is wrong or doubtful, in the order of the file.
    pub findings: Vec<Finding>,
    /// The text, for showing the findings in it.
    pub source: Source,
    /// Whether the text is TOML at all.
    pub is_toml: bool,
}

/// Reads a configuration file.
///
/// # Errors
/// Where it cannot be read or is not UTF-8.
pub fn read(path: &Path) -> Result<Source, ReadError> {
    Source::read(path)
}

/// Where the control socket of whoever serves this file is, however faulty it may be: its `control`, or where it is
/// unless told.
pub fn control(path: &Path, surroundings: &Surroundings) -> PathBuf {
    let document = std::fs::read_to_string(path).ok().and_then(|text| text.parse::<toml::Table>().ok());
    let server = document.as_ref().and_then(|document| document.get("server")?.as_table());
    let folder = path.parent().unwrap_or(Path::new(""));
    let key = |name| Some(folder.join(server?.get(name)?.as_str()?));
    let service = server.is_some_and(|server| server.contains_key("user"));
    let state = || key("state").unwrap_or_else(|| surroundings.state(service));
    key("control").unwrap_or_else(|| surroundings.control(service, &state()))
}

/// A duration as the file writes it: `90s`, `2h`.
///
/// # Errors
/// What is wrong with it, and what to write.
pub fn duration(text: &str) -> Result<Duration, String> {
    let span = <units::Span as units::Unit>::parse(text);
    span.map(|span| span.0).map_err(|error| error.to_string().replace('\n', "; "))
}

/// Makes sense of a configuration's text in this process's surroundings; `path` is where relative paths start from.
pub fn parse(text: &str, path: &Path) -> Parsed {
    parse_in(Source { path: path.into(), text: text.into() }, &Surroundings::of_this_process())
}

/// Makes sense of a configuration's text in given surroundings.
pub fn parse_in(source: Source, surroundings: &Surroundings) -> Parsed {
    let shape = shape::read(&source.text);
    let is_toml = shape.is_ok();
    let (config, mut findings) = match shape {
        Ok(shaped) => resolve::resolve(shaped, source.folder(), surroundings),
        Err(findings) => (None, findings),
    };
    findings.sort_by_key(|finding| finding.place.0.start);
    let fatal = findings.iter().any(|finding| finding.severity == Severity::Fatal);
    Parsed { config: config.filter(|_| !fatal), findings, source, is_toml }
}
