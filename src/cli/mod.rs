//! What a person types: one command a file, and what all of them share.
//!
//! A command writes its result to what it is given and returns how it went; it
//! prints no error itself. That is done once, in `main`.

mod act_as;
mod cert;
mod check;
mod clock;
mod config_file;
mod demo;
mod explain;
mod invite;
mod meetings;
mod password;
pub mod run;
mod steer;
mod token;
mod verdict;

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use thiserror::Error;

pub use config_file::ConfigFile;

use crate::config::render::Colour;
use crate::config::source::ReadError;
use crate::privilege::reader;

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "gatepost",
    version,
    about = "One process in front of a website, a Mattermost server and their meetings",
    long_about = "One process in front of a website, a Mattermost server and their meetings: TLS, routing by host \
        and path, WebSocket, static files, and the launcher that signs meeting tokens.",
    after_help = AFTER_HELP,
    max_term_width = 100
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  gatepost demo                                  see everything at once, nothing else needed
  gatepost check -c gatepost.toml                find what is wrong before it is served
  gatepost explain https://site.com/jitsi/Room   see who would answer, and why
  gatepost cert inspect chat.example.org         which clients refuse a certificate, and what mends it
  gatepost run -c /etc/gatepost/gatepost.toml    serve until told to stop

Exit status: 0 fine; 1 faults found, or it failed; 2 wrong command line or unreadable configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until told to stop
    #[command(after_help = "\
Reads the file and all that it names, then binds, then serves. SIGTERM and SIGINT let open requests and \
WebSockets finish for as long as `drain` in [server] says; a second one ends at once. SIGHUP reads the file and \
the certificates again, SIGUSR1 opens the access log anew after it was moved, SIGUSR2 hands over to a new process. \
Sockets that systemd passes are used for the addresses that they are bound to.

Examples:
  gatepost run                                  the file in this folder, else in /etc/gatepost
  gatepost run -c /srv/gatepost/gatepost.toml   this file")]
    Run {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Say everything that is wrong or doubtful in the configuration and in what it names
    #[command(after_help = check::AFTER_HELP)]
    Check(check::Arguments),
    /// Look at certificates, of a file or of any server, put them right, have them issued by hand
    #[command(subcommand, after_help = cert::AFTER_HELP)]
    Cert(cert::Command),
    /// Show everything at once on ports 8443 and 8080; nothing else is needed
    #[command(after_help = demo::AFTER_HELP)]
    Demo(demo::Arguments),
    /// Say which site, route and handler would answer for an address, and why
    #[command(after_help = explain::AFTER_HELP)]
    Explain(explain::Arguments),
    /// Make a link that lets one person from outside into one room until a time
    #[command(after_help = invite::AFTER_HELP)]
    Invite(invite::Arguments),
    /// Show the month's meeting users against the budget, and who used how many devices
    #[command(after_help = meetings::AFTER_HELP)]
    Meetings(meetings::Arguments),
    /// Make the hash of a password, for a file of users
    #[command(after_help = password::AFTER_HELP)]
    Password(password::Arguments),
    /// Have the running gatepost read its configuration again, and see what came of it
    #[command(after_help = steer::AFTER_RELOAD)]
    Reload(steer::Arguments),
    /// Have the running gatepost hand over to a new process: a new version, say
    #[command(after_help = steer::AFTER_UPGRADE)]
    Upgrade(steer::Arguments),
    /// What gatepost starts for itself; see `privilege::reader`
    #[command(name = reader::COMMAND, hide = true)]
    KeyReader,
    /// Sign a token for a room as a launcher would, and explain what it says
    #[command(after_help = token::AFTER_HELP)]
    Token(token::Arguments),
}

/// How a command went that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Exit status 0.
    Fine,
    /// Exit status 1: the command's own output says what.
    Faults,
    /// Exit status 2: what was to be looked at is no configuration; the output says where.
    Unreadable,
}

/// Why a command could not do its work.
#[derive(Debug, Error)]
pub enum Failure {
    /// No file was named, and none is at the usual places.
    #[error(
        "error: there is no {} here and no {}; name the configuration with -c FILE",
        config_file::HERE,
        config_file::SYSTEM
    )]
    NoConfig,
    /// The configuration cannot be read.
    #[error("error: {0}")]
    Read(#[from] ReadError),
    /// It can, and has findings that stop everything: they are the message, ready to show.
    #[error("{0}")]
    Config(String),
    /// A certificate or key that it names cannot be used: the findings are the message, ready to show.
    #[error("{0}")]
    Files(String),
    /// `cert inspect` has nothing to judge: the message says why.
    #[error("error: {0}")]
    Unseen(String),
    /// `cert bundle` has nothing to write, or could not: the message says why.
    #[error("error: {0}")]
    Bundle(String),
    /// What was typed makes no sense.
    #[error("error: {0}")]
    Usage(String),
    /// The result could not be written.
    #[error("error: cannot write the result: {0}")]
    Output(#[from] io::Error),
    /// Serving did not start, or ended badly.
    #[error("error: {}", with_causes(.0))]
    Serve(#[source] Box<run::ServeError>),
    /// The CA could not be asked: the message says why, and what mends it.
    #[error("error: {0}")]
    Acme(String),
    /// What a running gatepost keeps in its state folder cannot be used: the message says why, and what mends it.
    #[error("error: {0}")]
    State(String),
    /// No meeting token can be signed: the message says why, and what mends it.
    #[error("error: {0}")]
    Token(String),
    /// The reader process cannot be one.
    #[error("error: {}", with_causes(.0))]
    Reader(#[source] reader::ServeError),
    /// No running gatepost answers: the message says why.
    #[error("error: {0}")]
    Control(String),
    /// There is no demo.
    #[error("error: {}", with_causes(.0))]
    Demo(#[source] Box<demo::DemoError>),
}

impl Failure {
    /// 2 for a wrong command line or an unreadable configuration, else 1.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoConfig | Self::Read(_) | Self::Config(_) | Self::Usage(_) | Self::Unseen(_) => ExitCode::from(2),
            Self::State(_)
            | Self::Acme(_)
            | Self::Files(_)
            | Self::Bundle(_)
            | Self::Output(_)
            | Self::Serve(_)
            | Self::Token(_)
            | Self::Control(_)
            | Self::Reader(_)
            | Self::Demo(_) => ExitCode::FAILURE,
        }
    }

    /// Whether nobody is left to read the message: `gatepost explain … | head -1`.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        match status {
            Status::Fine => Self::SUCCESS,
            Status::Faults => Self::FAILURE,
            Status::Unreadable => Self::from(2),
        }
    }
}

impl Cli {
    /// Runs the command that was typed.
    ///
    /// # Errors
    /// Where it could not do its work; see [`Failure::exit_code`].
    pub fn run(&self) -> Result<Status, Failure> {
        match &self.command {
            Command::Run { config } => run::run(config),
            Command::Demo(arguments) => demo::run(arguments),
            Command::Check(arguments) => printed(|out| check::run(arguments, out)),
            Command::Cert(command) => cert::run(command),
            Command::Explain(arguments) => printed(|out| explain::run(arguments, out)),
            Command::Invite(arguments) => printed(|out| invite::run(arguments, out)),
            Command::Meetings(arguments) => printed(|out| meetings::run(arguments, out)),
            Command::Password(arguments) => printed(|out| password::run(arguments, out)),
            Command::Reload(arguments) => printed(|out| steer::reload(arguments, out)),
            Command::Upgrade(arguments) => printed(|out| steer::upgrade(arguments, out)),
            Command::KeyReader => match reader::serve() {
                Ok(()) => Ok(Status::Fine),
                Err(error @ reader::ServeError::Typed) => Err(Failure::Usage(error.to_string())),
                Err(error) => Err(Failure::Reader(error)),
            },
            Command::Token(arguments) => printed(|out| token::run(arguments, out)),
        }
    }
}

/// Runs a command whose result goes to standard output; one that serves must not hold it, since the access log needs it.
fn printed(command: impl FnOnce(&mut Stdout) -> Result<Status, Failure>) -> Result<Status, Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let status = command(&mut out)?;
    out.flush()?;
    Ok(status)
}

type Stdout = io::BufWriter<io::StdoutLock<'static>>;

/// An error and what lies below it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // A transparent error repeats its source's words.
        if !words.ends_with(&error.to_string()) {
            words.push_str(&format!(": {error}"));
        }
        cause = error.source();
    }
    words
}

/// Whether standard error takes colour: a terminal, and nobody said no (no-color.org).
fn colour_of_stderr() -> Colour {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    match io::stderr().is_terminal() && !refused {
        true => Colour::Yes,
        false => Colour::No,
    }
}

/// `1 fault`, `2 faults`.
struct Count(usize, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, word) = self;
        write!(f, "{number} {word}{}", if *number == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_as_the_contract_has_it() {
        Cli::command().debug_assert();
        for line in [
            "gatepost run",
            "gatepost run -c x.toml",
            "gatepost check --config x.toml --syntax --json",
            "gatepost demo",
            "gatepost demo --https-port 0 --http-port 9080 --address ::1 --address 10.0.0.1",
            "gatepost explain -c x.toml https://site.com/ --json",
            "gatepost cert inspect chat.example.org:8443 --roots r.pem --name x.example --json",
            "gatepost cert bundle out.pem --cert a.pem b.pem --chain c.pem --key k.pem --with-key --fetch --roots r.pem",
            "gatepost invite -c x.toml Standup --for 2h --launcher jaas --json",
            "gatepost meetings",
            "gatepost meetings -c x.toml --month 2026-10 --launcher jaas --json",
            "gatepost password",
            "gatepost password anna --bcrypt",
            "gatepost token -c x.toml Standup",
            "gatepost token Standup --name Ann --email a@b --role guest --launcher j --lifetime 5m --offline --json",
            "gatepost reload",
            "gatepost reload -c x.toml --json",
            "gatepost upgrade -c x.toml --json",
            "gatepost cert renew",
            "gatepost cert renew -c x.toml chat.site.com --json",
            "gatepost cert revoke -c x.toml chat.site.com --reason key-compromise --no-reissue",
        ] {
            Cli::try_parse_from(line.split(' ')).expect(line);
        }
        for line in [
            "gatepost",
            "gatepost serve",
            "gatepost explain",
            "gatepost invite Standup",
            "gatepost invite Standup --for soon",
            "gatepost run x.toml",
            "gatepost cert",
            "gatepost cert bundle out.pem",
            "gatepost cert revoke",
            "gatepost meetings jaas",
            "gatepost token",
            "gatepost token Standup --role admin",
            "gatepost token Standup --lifetime soon",
            "gatepost meetings --month October",
        ] {
            let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
        assert_eq!(Cli::try_parse_from(["gatepost", "--version"]).expect_err("shown").exit_code(), 0);
    }
}
