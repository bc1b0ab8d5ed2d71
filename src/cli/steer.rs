//! `gatepost reload` and `gatepost upgrade`: asks the one that runs, and says what came of it.
//!
//! They change nothing themselves. Where the configuration cannot be used, which may be
//! what the one that runs is about to say, the control socket is looked for
//! where the file, as far as it can be understood, has it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::config;
use crate::config::surroundings::Surroundings;
use crate::control::ask::ask;
use crate::control::{Answer, Question};

use super::{ConfigFile, Failure, Status, with_causes};

pub(super) const AFTER_RELOAD: &str = "\
What cannot be used changes nothing: the old configuration goes on, and the findings are printed as `check` prints \
them. No connection is lost, WebSockets whose route still exists go on. SIGHUP does the same without an answer.

Examples:
  gatepost check && gatepost reload
  gatepost reload -c /srv/gatepost/gatepost.toml --json | jq .done";

pub(super) const AFTER_UPGRADE: &str = "\
Starts what is at the running program's path now, hands every listening socket over to it, and has the old process \
finish what is open, WebSockets too, for as long as `drain` in [server] says. No connection attempt is refused. Where \
the new one cannot start the old one serves on, and the reason is printed. SIGUSR2 does the same without an answer.

Examples:
  install -m 755 gatepost /usr/local/bin/gatepost && gatepost upgrade";

/// `gatepost reload …` and `gatepost upgrade …`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Write JSON for a script
    #[arg(long)]
    json: bool,
}

/// Has the one that runs read its configuration again.
pub(super) fn reload(arguments: &Arguments, out: &mut impl Write) -> Result<Status, Failure> {
    put(arguments, |file| Question::Reload { file: Some(file) }, &Words { done: "reloaded", not: "not reloaded" }, out)
}

/// Has it hand over to a new process.
pub(super) fn upgrade(arguments: &Arguments, out: &mut impl Write) -> Result<Status, Failure> {
    let words = Words { done: "handed over to a new process", not: "not handed over" };
    put(arguments, |file| Question::Upgrade { file: Some(file) }, &words, out)
}

struct Words {
    done: &'static str,
    not: &'static str,
}

fn put(
    arguments: &Arguments,
    question: impl FnOnce(PathBuf) -> Question,
    words: &Words,
    out: &mut impl Write,
) -> Result<Status, Failure> {
    let file = arguments.config.path()?;
    let socket = socket(&file);
    // The one that runs may be in another folder.
    let file = std::path::absolute(&file).unwrap_or(file);
    let answer = ask(&socket, &question(file)).map_err(|error| Failure::Control(with_causes(&error)))?;
    match arguments.json {
        true => write_json(&answer, out)?,
        false => write_lines(&answer, words, out)?,
    }
    Ok(if answer.done { Status::Fine } else { Status::Faults })
}

/// Where the control socket is by this file, as far as it can be read.
fn socket(file: &Path) -> PathBuf {
    config::control(file, &Surroundings::of_this_process())
}

fn write_lines(answer: &Answer, words: &Words, out: &mut impl Write) -> io::Result<()> {
    for line in &answer.lines {
        writeln!(out, "{line}")?;
    }
    if let Some(error) = &answer.error {
        writeln!(out, "error: {error}")?;
    }
    for remark in &answer.remarks {
        writeln!(out, "note: {remark}")?;
    }
    let file = answer.file.display();
    match answer.done {
        true => writeln!(out, "{file}: {} (process {})", words.done, answer.pid),
        false => writeln!(out, "{file}: {}; what was served goes on", words.not),
    }
}

fn write_json(answer: &Answer, out: &mut impl Write) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Report<'a> {
        done: bool,
        file: &'a Path,
        pid: u32,
        findings: &'a [Value],
        remarks: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
    }
    let Answer { done, file, pid, findings, remarks, error, .. } = answer;
    let report = Report { done: *done, file, pid: *pid, findings, remarks, error: error.as_deref() };
    serde_json::to_writer_pretty(&mut *out, &report).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}
