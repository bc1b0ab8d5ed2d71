//! `gatepost cert inspect FILE|HOST[:PORT]`: what is wrong with a chain, and which clients will not take it.
//!
//! Of a server it asks a handshake per version of TLS and nothing more. What it
//! cannot look at is an error and never a verdict.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use rustls::pki_types::{CertificateDer, ServerName};
use serde::Serialize;

use crate::cert::doctor::probe::{Target, Versions, probe};
use crate::cert::doctor::{Examination, Held, Question, Roots, Source, examine};
use crate::cert::pem::Placed;
use crate::clock::Clock;
use crate::route::host::{Authority, Host, HostError};

use super::super::{Failure, Status, with_causes};
use super::{said, show, waiting};

pub(super) const AFTER_HELP: &str = "\
What it says of each family of clients follows from how that family builds chains; a client may still lack the root,
or know the certificate to be revoked: that is not looked at.

Exit status: 0 good, though perhaps with warnings; 1 faults found; 2 it could not look.

Examples:
  gatepost cert inspect chat.example.org
  gatepost cert inspect 192.0.2.7:8443 --name chat.example.org
  gatepost cert inspect /etc/letsencrypt/live/chat.example.org/fullchain.pem --name chat.example.org
  gatepost cert inspect chain.pem --roots our-ca.pem
  gatepost cert inspect chat.example.org --json | jq -r '.verdicts[] | \"\\(.family): \\(.verdict)\"'";

/// `gatepost cert inspect …`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// A file, or a server as HOST or HOST:PORT (port 443 unless said)
    #[arg(value_name = "FILE|HOST[:PORT]")]
    what: String,
    /// The name that clients ask for [default: HOST; for a file, names are not judged]
    #[arg(long, value_name = "HOST", value_parser = Host::parse)]
    name: Option<Host>,
    /// Roots that clients have [default: Mozilla's, as of this build]
    #[arg(long, value_name = "PEM")]
    roots: Option<PathBuf>,
    /// Write JSON for a script
    #[arg(long)]
    json: bool,
}

/// All that is told.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub(super) of: Of,
    /// The name judged for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// `mozilla`, or the file.
    pub(super) roots: String,
    /// What those are called in a sentence.
    #[serde(skip)]
    pub(super) roots_called: String,
    /// Whether there is no fault; as the exit status.
    pub(super) good: bool,
    /// Which versions of TLS the server offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls: Option<Versions>,
    #[serde(flatten)]
    pub(super) examination: Examination,
}

/// What was looked at.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Of {
    File { file: String },
    Server { host: String, port: u16, address: SocketAddr },
}

pub(in crate::cli) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Status, Failure> {
    let roots = Roots::read(arguments.roots.as_deref())
        .map_err(|error| Failure::Unseen(format!("--roots cannot be used: {}", with_causes(&error))))?;
    let now = i64::try_from(Clock::System.unix_seconds()).unwrap_or(i64::MAX);
    let roots_file = arguments.roots.as_deref();
    let question = |name, proof, source| Question { name, roots: &roots, roots_file, now, proof, source };
    let report = match what(&arguments.what)? {
        What::File(path) => {
            let held = Held::read(&path).map_err(|error| Failure::Unseen(said(&error)))?;
            let question = question(arguments.name.clone(), held.proof, Source::File(&path));
            let examination =
                examine(&held.certificates, &question).map_err(|error| unseen(&arguments.what, &error))?;
            let of = Of::File { file: path.display().to_string() };
            Report::new(of, &question, None, examination.with(held.faults))
        }
        What::Server(Authority { host, port }) => {
            let port = port.unwrap_or(443);
            let name = arguments.name.clone().unwrap_or_else(|| host.clone());
            let target = Target { host: host.clone(), port, name: server_name(&name)? };
            let seen = waiting(probe(&target))?
                .map_err(|error| Failure::Unseen(format!("{}: {}", arguments.what, with_causes(&error))))?;
            let more = seen.faults();
            let presented: Vec<Placed<CertificateDer<'static>>> =
                seen.certificates.into_iter().map(|item| Placed { item, line: 0 }).collect();
            let question = question(Some(name.clone()), seen.proof, Source::Host);
            let examination = examine(&presented, &question).map_err(|error| unseen(&arguments.what, &error))?;
            let of = Of::Server { host: host.to_string(), port, address: seen.address };
            Report::new(of, &question, Some(seen.versions), examination.with(more))
        }
    };
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        show::write(&report, &show::Page::of_stdout(), out)?;
    }
    Ok(if report.good { Status::Fine } else { Status::Faults })
}

fn unseen(what: &str, error: &dyn std::error::Error) -> Failure {
    Failure::Unseen(format!("{what}: {}", with_causes(error)))
}

impl Report {
    pub(super) fn new(of: Of, question: &Question<'_>, tls: Option<Versions>, examination: Examination) -> Self {
        Self {
            of,
            name: question.name.as_ref().map(ToString::to_string),
            roots: question.roots_file.map_or("mozilla".to_owned(), |path| path.display().to_string()),
            good: examination.is_good(),
            roots_called: question.roots_called(),
            tls,
            examination,
        }
    }
}

/// What a person means by one argument.
#[derive(Debug, PartialEq, Eq)]
enum What {
    File(PathBuf),
    Server(Authority),
}

/// A file where there is one of that name, or where the text looks like one; else a server.
///
/// A folder does not count where the text is a host's: certbot's `live/` has one for each.
fn what(text: &str) -> Result<What, Failure> {
    let path = Path::new(text);
    let server = authority(text);
    let found = path.symlink_metadata().is_ok();
    if found && !(path.is_dir() && server.is_ok() && text.contains('.')) || looks_like_a_file(text) {
        return Ok(What::File(path.to_owned()));
    }
    server.map(What::Server).map_err(|error| {
        Failure::Usage(format!("\"{text}\" is no file that is here, and no HOST or HOST:PORT: it {error}"))
    })
}

fn looks_like_a_file(text: &str) -> bool {
    let ends = ["pem", "crt", "cer", "der", "key", "p7b", "p7c", "pfx", "p12"];
    let end = text.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    text.contains('/') || end.is_some_and(|end| ends.contains(&end.as_str()))
}

/// `HOST`, `HOST:PORT`, `[V6]:PORT`, and a bare IPv6 address, too.
fn authority(text: &str) -> Result<Authority, HostError> {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => Authority::parse(&format!("[{address}]")),
        _ => Authority::parse(text),
    }
}

fn server_name(host: &Host) -> Result<ServerName<'static>, Failure> {
    let bare = host.as_str().trim_matches(['[', ']']).to_owned();
    ServerName::try_from(bare).map_err(|_| Failure::Usage(format!("{host} is no name that a certificate can bear")))
}

#[cfg(test)]
mod tests;
