//! `-c FILE`: which configuration a command means.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::finding::{Finding, Severity};
use crate::config::model::Config;
use crate::config::render;
use crate::config::surroundings::Surroundings;
use crate::config::{self, Parsed};

use super::{Failure, act_as, colour_of_stderr, with_causes};

/// Looked for first, in the current folder.
pub(super) const HERE: &str = "gatepost.toml";
/// Looked for next.
pub(super) const SYSTEM: &str = "/etc/gatepost/gatepost.toml";

/// `-c FILE`.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// The configuration [default: ./gatepost.toml, then /etc/gatepost/gatepost.toml]
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl ConfigFile {
    /// The file that was named, or the first of the usual two that is there.
    ///
    /// # Errors
    /// Where none was named and neither is there.
    pub fn path(&self) -> Result<PathBuf, Failure> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        // One that is there and cannot be read is an error, not a reason to take the other.
        let there = |path: &&str| Path::new(path).symlink_metadata().is_ok();
        [HERE, SYSTEM].iter().find(|path| there(path)).map(PathBuf::from).ok_or(Failure::NoConfig)
    }

    /// Reads it, with all its findings.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn parse(&self, surroundings: &Surroundings) -> Result<Parsed, Failure> {
        Ok(config::parse_in(config::read(&self.path()?)?, surroundings))
    }

    /// Reads it for a command that needs what it means; what comes with it are findings that are not fatal. Where root
    /// asks and the file names a `user`, this process is that user from here on.
    ///
    /// # Errors
    /// Where it cannot be read, and where a finding is fatal: the error shows the fatal ones.
    pub fn load(&self) -> Result<(Config, Parsed), Failure> {
        let mut parsed = self.parse(&Surroundings::of_this_process())?;
        match parsed.config.take() {
            Some(config) => {
                let unknown =
                    |finding: Finding| Failure::Config(render::long(&[finding], &parsed.source, colour_of_stderr()));
                if let Some(user) = act_as::user(&config).map_err(unknown)? {
                    act_as::act_as(&user, &parsed.source.path).map_err(|error| Failure::State(with_causes(&error)))?;
                }
                Ok((config, parsed))
            }
            None => {
                parsed.findings.retain(|finding| finding.severity == Severity::Fatal);
                let mut shown = render::long(&parsed.findings, &parsed.source, colour_of_stderr());
                shown.push_str(&format!("{} cannot be used as it is", parsed.source.path.display()));
                Err(Failure::Config(shown))
            }
        }
    }
}
