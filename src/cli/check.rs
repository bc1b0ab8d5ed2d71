//! `gatepost check`: every finding in the file and in all that it names, one line each.
//!
//! It looks and changes nothing: no folder is made, no port is bound, and an
//! upstream gets a connection and no request. What only the running world can
//! tell is `--live`'s part.

pub(super) mod folders;
mod live;
mod upstreams;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use crate::access::auth::users::{UserFault, Users};
use crate::cert;
use crate::clock::Clock;
use crate::config::finding::{Finding, Severity};
use crate::config::model::{Answer, Auth, Config, JitsiKey, PluginSource, Provider, SecretFrom, Way};
use crate::config::render;
use crate::config::source::Source;
use crate::config::surroundings::Surroundings;
use crate::handler::{Building, Handler};
use crate::jitsi::installation::Installation;
use crate::jitsi::provider::{LEAST_SECRET, Meetings};
use crate::outgoing::Standings;
use crate::privilege::user::User;
use crate::privilege::{belongings, exposure};
use crate::secret::source;

use super::verdict::Verdict;
use super::{ConfigFile, Count, Failure, Status, act_as, with_causes};

pub(super) const AFTER_HELP: &str = "\
Each line is FILE:LINE:COLUMN, then how bad it is, what it is, and what to do:
  error    gatepost will not start
  fault    it starts and says so in the log; some clients or some requests will fail
  warning  doubtful

Examples:
  gatepost check                    the file, its certificates, keys, folders and upstreams
  gatepost check --syntax -c FILE   the file alone, away from the machine that it is for
  gatepost check --live             the running world too: does Mattermost fit, do launchers answer as they should
  gatepost check --json | jq '.findings[] | select(.severity == \"fault\")'";

/// `gatepost check …`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Look at the file alone, not at what it names
    #[arg(long)]
    syntax: bool,
    /// Ask the running world too: Mattermost and its settings, the launchers of the running gatepost
    #[arg(long, conflicts_with = "syntax")]
    live: bool,
    /// A Mattermost token, for what Mattermost tells only people with an account; a system administrator's tells most
    #[arg(long, value_name = "FILE", requires = "live")]
    token_file: Option<PathBuf>,
    /// Write JSON for a script
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Status, Failure> {
    let surroundings = match arguments.syntax {
        true => Surroundings::unasked(),
        false => Surroundings::of_this_process(),
    };
    let parsed = arguments.config.parse(&surroundings)?;
    let mut findings = parsed.findings;
    let (named, config) = match (&parsed.config, arguments.syntax) {
        (_, true) => (Named::NotAsked, None),
        (None, false) => (Named::Unknown, None),
        (Some(config), false) => (Named::Looked, Some(config)),
    };
    // Root's, it may be: before this is somebody else.
    let token = arguments.token_file.as_deref().map(live::token).transpose().map_err(Failure::Usage)?;
    if let Some(config) = config {
        findings.extend(with_its_rights(config, &parsed.source));
        findings.extend(of_what_is_named(config));
        findings.sort_by_key(|finding| finding.place.0.start);
    }
    let lines = match (arguments.live, config) {
        (true, Some(config)) => Some(live::look(config, token.as_ref()).map_err(Failure::Output)?),
        _ => None,
    };
    let summary = Summary::of(&findings);
    match arguments.json {
        true => write_json(&findings, lines.as_deref(), &parsed.source, summary, out)?,
        false => {
            write_lines(&findings, &parsed.source, summary, named, out)?;
            live::write(lines.as_deref().unwrap_or_default(), out)?;
        }
    }
    let live_faults = lines.iter().flatten().filter(|line| line.verdict == Verdict::Fault).count();
    Ok(match summary.errors + summary.faults + live_faults {
        _ if !parsed.is_toml => Status::Unreadable,
        0 => Status::Fine,
        _ => Status::Faults,
    })
}

/// Looks, where root does, with the eyes of the user that gatepost would become; and at what it would be given.
fn with_its_rights(config: &Config, source: &Source) -> Vec<Finding> {
    let user = match act_as::user(config) {
        Ok(Some(user)) => user,
        // Who is not root becomes nobody, and is told of one that is not there all the same.
        Ok(None) => return config.server.user.iter().filter_map(|account| User::find(account).err()).collect(),
        Err(finding) => return vec![finding],
    };
    let mut findings = belongings::refused(config, &user);
    if let Err(error) = act_as::act_as(&user, &source.path) {
        let place = config.server.user.as_ref().map(|account| account.place.clone()).unwrap_or_default();
        findings.push(Finding::fault(place, with_causes(&error)));
    }
    findings
}

/// What became of the things that the file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Looked,
    NotAsked,
    /// The file has errors, so it is not known what it names.
    Unknown,
}

fn of_what_is_named(config: &Config) -> Vec<Finding> {
    let (_, mut findings) = cert::open(config, Clock::System, None);
    findings.extend(handlers(config));
    findings.extend(short_secrets(config));
    findings.extend(weak_hashes(config));
    findings.extend(exposure::of_secrets(config));
    findings.extend(folders::check(config));
    findings.extend(upstreams::check(config));
    findings
}

/// What keeps a handler from being made: a launcher's key, an upstream's roots. Each once, however many routes it has.
pub(super) fn handlers(config: &Config) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let installation = Arc::new(Installation::passing());
    let standings = Standings::default();
    for (site, route) in config.sites.iter().flat_map(|site| site.routes.iter().map(move |route| (site, route))) {
        let plans = &mut Vec::new();
        let mut building = Building { site, plans, installation: &installation, standings: &standings };
        let Err(error) = Handler::build(route, &mut building) else { continue };
        let finding = Finding { mend: error.mend(), ..Finding::fatal(error.place().clone(), with_causes(&error)) };
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    for auth in users(config) {
        let faults = Users::open(auth).err().unwrap_or_default();
        let finding = |fault: &UserFault| Finding::fatal(fault.place().clone(), with_causes(fault)).mend(fault.mend());
        findings.extend(faults.iter().map(finding));
    }
    findings
}

/// The tables of users that routes ask for, each once.
fn users(config: &Config) -> Vec<&Auth> {
    let mut all: Vec<&Auth> = Vec::new();
    for auth in config.sites.iter().flat_map(|site| &site.routes).filter_map(|route| route.access.auth.as_deref()) {
        if !all.iter().any(|known| known.name == auth.name) {
            all.push(auth);
        }
    }
    all
}

/// Hashes that are tried out in bulk by whoever gets hold of them.
fn weak_hashes(config: &Config) -> Vec<Finding> {
    let weak = users(config).into_iter().flat_map(Users::weak).map(|weak| {
        let what = format!("{} its hash is quick to try out", weak.origin);
        Finding::warning(weak.place, what).mend("make it anew with `gatepost password` (htpasswd: -B -C 12)")
    });
    weak.collect()
}

/// Secrets of meeting tokens and of the plugin's that can be guessed, as far as only a file shows them.
fn short_secrets(config: &Config) -> Vec<Finding> {
    let mut findings = short_plugin_secrets(config);
    for launcher in config.launchers() {
        let Provider::Jitsi { key: JitsiKey::Secret(SecretFrom::File(path)), .. } = &launcher.provider else {
            continue;
        };
        let meetings =
            Meetings::new(&launcher.provider, launcher.token_lifetime, &launcher.features, Clock::System).ok();
        // What cannot be read is said elsewhere.
        if let Some(length) = meetings.and_then(|meetings| meetings.secret_length()).filter(|it| *it < LEAST_SECRET) {
            let what = format!(
                "the secret in {} has {length} bytes; HS256 wants {LEAST_SECRET} or more, or it can be guessed from any token",
                path.display()
            );
            let mend = "make one with `openssl rand -hex 32`, here and as app_secret in prosody";
            findings.push(Finding::warning(launcher.key_place.clone(), what).mend(mend));
        }
    }
    findings
}

/// By the routes: a launcher that another falls back to has no ways of its own there.
fn short_plugin_secrets(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for route in config.sites.iter().flat_map(|site| &site.routes) {
        let Answer::Launcher(launcher) = &route.answer else { continue };
        for way in &launcher.identity {
            let Way::Plugin(plugin) = way else { continue };
            let SecretFrom::File(path) = &plugin.secret else { continue };
            let secret = source::read(&plugin.secret, "plugin_secret").ok();
            let Some(length) = secret.map(|it| it.reveal().len()).filter(|it| *it < LEAST_SECRET) else { continue };
            let what = format!(
                "the plugin_secret in {} has {length} bytes; HS256 wants {LEAST_SECRET} or more, or it can be guessed from any link",
                path.display()
            );
            let finding = Finding::warning(plugin.place.clone(), what).mend(PluginSource::MAKE_SECRET);
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Summary {
    errors: usize,
    faults: usize,
    warnings: usize,
}

impl Summary {
    fn of(findings: &[Finding]) -> Self {
        let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        Self {
            errors: count(Severity::Fatal),
            faults: count(Severity::Fault) + count(Severity::Grave),
            warnings: count(Severity::Warning),
        }
    }
}

fn write_json(
    findings: &[Finding],
    live: Option<&[live::Line]>,
    source: &Source,
    summary: Summary,
    out: &mut impl Write,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Report<'f> {
        findings: Vec<render::Json<'f>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        live: Option<&'f [live::Line]>,
        #[serde(flatten)]
        summary: Summary,
    }
    let findings = findings.iter().map(|finding| render::Json::new(finding, source)).collect();
    serde_json::to_writer_pretty(&mut *out, &Report { findings, live, summary }).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

fn write_lines(
    findings: &[Finding],
    source: &Source,
    summary: Summary,
    named: Named,
    out: &mut impl Write,
) -> Result<(), Failure> {
    for finding in findings {
        writeln!(out, "{}", render::short(finding, source))?;
    }
    let path = source.path.display();
    let counts: Vec<_> =
        [Count(summary.errors, "error"), Count(summary.faults, "fault"), Count(summary.warnings, "warning")]
            .into_iter()
            .filter(|Count(number, _)| *number > 0)
            .map(|count| count.to_string())
            .collect();
    let verdict = match counts.as_slice() {
        [] => "fine".to_owned(),
        counts => counts.join(", "),
    };
    let scope = match named {
        Named::Looked => "",
        Named::NotAsked => " (the file alone; what it names was not looked at)",
        Named::Unknown => " (what it names was not looked at, since the file has errors)",
    };
    writeln!(out, "{path}: {verdict}{scope}")?;
    Ok(())
}

#[cfg(test)]
mod tests;
