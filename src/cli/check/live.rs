//! `gatepost check --live`: what only the running world can tell, asked of it.
//!
//! Each thing that is looked at gives one [`Line`]: what, verdict, why, what to do. It asks
//! for nothing that changes anything or counts anybody, waits for nothing longer than
//! [`WITHIN`], and shows no token, not even the one that it was given.

mod launcher;
mod mattermost;
mod meetings;
mod outside;
mod peer;
mod plugin;
mod table;

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tokio::runtime::{Builder, LocalOptions};

use crate::cert::read;
use crate::cli::verdict::Verdict;
use crate::config::model::{Answer, Config, Launcher, Route, Site};
use crate::secret::Secret;

use mattermost::Mattermost;

pub(super) use table::write;

/// Longest wait for one answer.
const WITHIN: Duration = Duration::from_secs(5);

/// Largest answer that is read, in bytes: Mattermost's whole configuration is some 60 KiB.
const LARGEST: usize = 1024 * 1024;

/// What came of one look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    /// The Mattermost, launcher or meeting server that it is about.
    pub(super) about: String,
    /// What was looked at.
    pub(super) what: Cow<'static, str>,
    /// How it is.
    pub(super) verdict: Verdict,
    /// Why.
    pub(super) why: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mend: Option<String>,
}

/// Gathers the lines about one thing.
#[derive(Debug)]
struct Sheet<'l> {
    about: String,
    lines: &'l mut Vec<Line>,
}

impl Sheet<'_> {
    fn add(
        &mut self,
        what: impl Into<Cow<'static, str>>,
        verdict: Verdict,
        why: impl Into<String>,
        mend: Option<String>,
    ) {
        self.lines.push(Line { about: self.about.clone(), what: what.into(), verdict, why: why.into(), mend });
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
    let mut lines = Vec::new();
    runtime.block_on(look_at_all(config, token, &mut lines));
    // A name that is still being looked up must not hold up the end.
    runtime.shutdown_background();
    Ok(lines)
}

async fn look_at_all(config: &Config, token: Option<&Secret<String>>, lines: &mut Vec<Line>) {
    // A Mattermost that several launchers ask is looked at once; its settings for each of them.
    let mut asked: Vec<&str> = Vec::new();
    for stand in stands(config) {
        if let Some(mattermost) = Mattermost::of(config, stand) {
            for upstream in mattermost.upstreams() {
                let first = !asked.contains(&upstream.origin.as_str());
                asked.push(&upstream.origin);
                let about = match first {
                    true => format!("Mattermost {}", upstream.origin),
                    false => format!("Mattermost {}, for [launcher.{}]", upstream.origin, stand.launcher.name),
                };
                let mut sheet = Sheet { about, lines };
                mattermost::look(config, stand, &mattermost, upstream, token, first, &mut sheet).await;
            }
        }
        let about = format!("[launcher.{}] at {}", stand.launcher.name, stand.route.path);
        launcher::look(config, stand, token, &mut Sheet { about, lines }).await;
    }
    for launcher in config.launchers() {
        let about = format!("Meetings of [launcher.{}]", launcher.name);
        meetings::look(launcher, &mut Sheet { about, lines }).await;
    }
}

/// Whether an address that Mattermost has is the one by which browsers come.
///
/// Where no https is listened for, whoever ends TLS in front decides on scheme and port.
fn leads_to(config: &Config, given: &str, expected: &str) -> bool {
    let (given, expected) = (given.trim().trim_end_matches('/'), expected.trim_end_matches('/'));
    match config.server.https.is_empty() {
        false => given.eq_ignore_ascii_case(expected),
        true => matches!((parts(given), parts(expected)), (Some(one), Some(other)) if one == other),
    }
}

/// Host without port, and path.
fn parts(address: &str) -> Option<(String, String)> {
    let address: http::Uri = address.parse().ok()?;
    Some((address.host()?.to_ascii_lowercase(), address.path().trim_end_matches('/').to_owned()))
}

fn stands(config: &Config) -> impl Iterator<Item = Stand<'_>> {
    config.sites.iter().flat_map(|site| {
        site.routes.iter().filter_map(move |route| match &route.answer {
            Answer::Launcher(launcher) => Some(Stand { site, route, launcher }),
            _ => None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, source::Source, surroundings::Surroundings};

    fn config(https: &str) -> Config {
        let text = format!(
            "[server]\nhttps = {https}\n[acme]\n[[site]]\nhosts = [\"a.example\"]\n\
             [[site.route]]\npath = \"/\"\nrespond = \"here\"\n"
        );
        let source = Source { path: Path::new("gatepost.toml").into(), text };
        let parsed = config::parse_in(source, &Surroundings::unasked());
        parsed.config.unwrap_or_else(|| panic!("{:?}", parsed.findings))
    }

    #[test]
    fn an_address_has_to_fit_whole_unless_somebody_else_ends_tls() {
        let (ours, theirs) = (config("[\"[::1]:443\"]"), config("[]"));
        let expected = "https://a.example/chat";
        for (given, with_tls_here, with_tls_elsewhere) in [
            ("https://a.example/chat", true, true),
            (" https://A.example/chat/ ", true, true),
            ("http://a.example/chat", false, true),
            ("https://a.example:8443/chat", false, true),
            ("https://a.example", false, false),
            ("https://b.example/chat", false, false),
            ("", false, false),
            ("not an address", false, false),
        ] {
            assert_eq!(leads_to(&ours, given, expected), with_tls_here, "{given}");
            assert_eq!(leads_to(&theirs, given, expected), with_tls_elsewhere, "{given}");
        }
    }
}
