//! `gatepost check --live`: what only the running world can tell, asked of it.
//!
//! Each thing that is looked at gives one [`Line`]: what, verdict, why, what to do. It asks
//! for nothing that changes anything or counts anybody, waits for nothing longer than
//! [`WITHIN`], and shows no token, not even the one that it was given.

mod launcher;
mod mattermost;
mod peer;
mod table;

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tokio::runtime::{Builder, LocalOptions};

use crate::cert::read;
use crate::config::model::{Answer, Config, Launcher, Route, Site};
use crate::secret::Secret;

pub(super) use table::write;

/// Longest wait for one answer.
const WITHIN: Duration = Duration::from_secs(5);

/// Largest answer that is read, in bytes: Mattermost's whole configuration is some 60 KiB.
const LARGEST: usize = 1024 * 1024;

/// What came of one look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    /// The Mattermost or launcher that it is about.
    pub(super) about: String,
    /// What was looked at.
    pub(super) what: &'static str,
    /// How it is.
    pub(super) verdict: Verdict,
    /// Why.
    pub(super) why: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mend: Option<String>,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// Works, and somebody will stumble over it.
    Warning,
    /// Does not work, for some or for all.
    Fault,
    /// Cannot be told from here, or not without a token.
    NotChecked,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Fault => "fault",
            Self::NotChecked => "not checked",
        }
    }
}

/// Gathers the lines about one thing.
#[derive(Debug)]
struct Sheet<'l> {
    about: String,
    lines: &'l mut Vec<Line>,
}

impl Sheet<'_> {
    fn add(&mut self, what: &'static str, verdict: Verdict, why: impl Into<String>, mend: Option<String>) {
        self.lines.push(Line { about: self.about.clone(), what, verdict, why: why.into(), mend });
    }

    fn ok(&mut self, what: &'static str, why: impl Into<String>) {
        self.add(what, Verdict::Ok, why, None);
    }

    fn fault(&mut self, what: &'static str, why: impl Into<String>, mend: impl Into<String>) {
        self.add(what, Verdict::Fault, why, Some(mend.into()));
    }

    fn warning(&mut self, what: &'static str, why: impl Into<String>, mend: impl Into<String>) {
        self.add(what, Verdict::Warning, why, Some(mend.into()));
    }

    fn not_checked(&mut self, what: &'static str, why: impl Into<String>, mend: Option<&str>) {
        self.add(what, Verdict::NotChecked, why, mend.map(str::to_owned));
    }
}

/// A launcher, and where it stands.
#[derive(Debug, Clone, Copy)]
struct Stand<'c> {
    site: &'c Site,
    route: &'c Route,
    launcher: &'c Launcher,
}

/// The token in a file, for what Mattermost tells only people with an account.
pub(super) fn token(path: &Path) -> Result<Secret<String>, String> {
    let shown = path.display();
    let bytes = read::read(path).map_err(|error| format!("--token-file {shown}: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("--token-file {shown} is no text"))?;
    match text.trim() {
        token if !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            Ok(Secret::new(token.to_owned()))
        }
        _ => Err(format!("--token-file {shown} holds no token: 26 letters and digits alone, as Mattermost shows them")),
    }
}

/// Looks at everything that the configuration has launchers for.
///
/// # Errors
/// Where no runtime can be made.
pub(super) fn look(config: &Config, token: Option<&Secret<String>>) -> io::Result<Vec<Line>> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let lines = runtime.block_on(async {
        let mut lines = Vec::new();
        let mut asked: Vec<&str> = Vec::new();
        for stand in stands(config) {
            if let Some(source) = stand.launcher.mattermost() {
                for upstream in &source.proxy.upstreams {
                    // One that several launchers ask is looked at once; its settings for each of them.
                    let first = !asked.contains(&upstream.origin.as_str());
                    asked.push(&upstream.origin);
                    let about = match first {
                        true => format!("Mattermost {}", upstream.origin),
                        false => format!("Mattermost {}, for [launcher.{}]", upstream.origin, stand.launcher.name),
                    };
                    let mut sheet = Sheet { about, lines: &mut lines };
                    mattermost::look(config, stand, upstream, &source.proxy, token, first, &mut sheet).await;
                }
            }
            let about = format!("[launcher.{}] at {}", stand.launcher.name, stand.route.path);
            launcher::look(config, stand, token, &mut Sheet { about, lines: &mut lines }).await;
        }
        lines
    });
    // A name that is still being looked up must not hold up the end.
    runtime.shutdown_background();
    Ok(lines)
}

fn stands(config: &Config) -> impl Iterator<Item = Stand<'_>> {
    config.sites.iter().flat_map(|site| {
        site.routes.iter().filter_map(move |route| match &route.answer {
            Answer::Launcher(launcher) => Some(Stand { site, route, launcher }),
            _ => None,
        })
    })
}
