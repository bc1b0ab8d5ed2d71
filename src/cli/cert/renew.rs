//! `gatepost cert renew [HOST]`: asks the CA now, whatever is due.
//!
//! A gatepost that serves answers the CA's questions and takes up what comes; this
//! one only orders. The CA's rate limits are heeded all the same.

use std::io::Write;

use clap::Args;
use serde_json::json;

use crate::cert::acme::by_hand::{self, Report};
use crate::cert::acme::{Failure as AcmeFailure, Placed, Wanted};
use crate::clock::Clock;
use crate::config::model::Config;
use crate::log::setup::program_log;
use crate::route::host::HostPattern;

use super::super::{ConfigFile, Failure, Status};
use super::waiting;

pub(super) const AFTER_HELP: &str = "\
A running gatepost answers the CA's questions on ports 80 and 443 and serves what comes, without a restart.
The CA's rate limits are heeded: see docs/acme.md.

Examples:
  gatepost cert renew                         every certificate of [acme]
  gatepost cert renew chat.site.com           the one of this host, with the others of its site
  gatepost cert renew --json | jq '.refused'";

/// `gatepost cert renew …`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// A host of the configuration [default: all that no [[certificate]] names]
    host: Option<String>,
    /// Write JSON for a script
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Status, Failure> {
    let (config, _) = arguments.config.load()?;
    let (wanted, host) = wanted(&config, arguments.host.as_deref())?;
    program_log(config.log.level);
    let report = waiting(by_hand::renew(&wanted, host.as_ref(), Clock::System))?.map_err(Failure::from)?;
    match arguments.json {
        true => write_json(
            &json!({ "placed": placed(&report), "refused": refused(&report), "failed": failed(&report) }),
            out,
        )?,
        false => write_lines(&report, out)?,
    }
    Ok(if report.is_fine() { Status::Fine } else { Status::Faults })
}

/// What `[acme]` is to have, and the host that was typed, where it is among it.
pub(super) fn wanted(config: &Config, host: Option<&str>) -> Result<(Wanted, Option<HostPattern>), Failure> {
    let Some(wanted) = Wanted::of(config, Clock::System) else {
        return Err(Failure::Usage("the configuration has no [acme]: there is no CA to ask".to_owned()));
    };
    let Some(text) = host else { return Ok((wanted, None)) };
    let host = HostPattern::parse(text).map_err(|error| Failure::Usage(format!("\"{text}\" {error}")))?;
    if wanted.has(&host) {
        return Ok((wanted, Some(host)));
    }
    let known = config.sites.iter().any(|site| site.hosts.contains(&host));
    Err(Failure::Usage(match known {
        true => format!("{host} has its [[certificate]], or none can be had by [acme]: see gatepost check"),
        false => format!("no site of the configuration has the host {host}"),
    }))
}

impl From<AcmeFailure> for Failure {
    fn from(failure: AcmeFailure) -> Self {
        let mend = failure.mend();
        Self::Acme(match mend {
            Some(mend) => format!("{failure}; {mend}"),
            None => failure.to_string(),
        })
    }
}

pub(super) fn write_lines(report: &Report, out: &mut impl Write) -> Result<(), Failure> {
    if report.placed.is_empty() && report.is_fine() {
        writeln!(out, "nothing to order: every host has its [[certificate]], or none can be had; see gatepost check")?;
    }
    for placed in &report.placed {
        writeln!(out, "{}: issued, in {}", placed.names.join(" "), placed.folder.display())?;
    }
    for refusal in &report.refused {
        writeln!(out, "{}: refused: {}", refusal.name, refusal.said)?;
        if let Some(mend) = &refusal.mend {
            writeln!(out, "  {mend}")?;
        }
    }
    for failure in &report.failed {
        writeln!(out, "failed: {failure}")?;
        if let Some(mend) = failure.mend() {
            writeln!(out, "  {mend}")?;
        }
    }
    Ok(())
}

pub(super) fn write_json(value: &serde_json::Value, out: &mut impl Write) -> Result<(), Failure> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

pub(super) fn placed(report: &Report) -> Vec<serde_json::Value> {
    let one =
        |placed: &Placed| json!({ "names": placed.names, "folder": placed.folder, "not_after": placed.not_after });
    report.placed.iter().map(one).collect()
}

pub(super) fn refused(report: &Report) -> Vec<serde_json::Value> {
    let refusals = report.refused.iter();
    refusals.map(|refusal| json!({ "name": refusal.name, "said": refusal.said, "mend": refusal.mend })).collect()
}

pub(super) fn failed(report: &Report) -> Vec<serde_json::Value> {
    report.failed.iter().map(|failure| json!({ "said": failure.to_string(), "mend": failure.mend() })).collect()
}
