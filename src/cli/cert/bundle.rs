//! `gatepost cert bundle OUT …`: writes the right combined PEM, or says why there is none.
//!
//! It never writes half a file, and never over what is no certificate file or over
//! a private key that would be lost.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cert::bundle::{Bundle, BundleError, Ingredients};
use crate::cert::doctor::Roots;
use crate::cert::pem::{Pem, PemFault};
use crate::cert::write_whole;
use crate::clock::Clock;

use super::super::{Count, Failure, Status, with_causes};
use super::{said, waiting};

pub(super) const AFTER_HELP: &str = "\
Certificates and keys are taken from the files wherever they stand in them, PEM or DER: --cert and --chain say what a
file is for to people alone. OUT gets the leaf, then each intermediate after what it signed, and no root. The key goes
in with --with-key, and then nobody but its owner may read the file.

With --fetch, a missing intermediate is fetched over http from the address that the certificate itself names; it is
used only if it really signed that certificate.

Exit status: 0 written; 1 not written; 2 wrong command line.

Examples:
  gatepost cert bundle combined.pem --cert cert.pem --chain chain.pem
  gatepost cert bundle combined.pem --cert cert.pem --fetch
  gatepost cert bundle haproxy.pem --cert fullchain.pem --key privkey.pem --with-key";

/// `gatepost cert bundle …`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The file to write
    out: PathBuf,
    /// Files with the server's certificate
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    cert: Vec<PathBuf>,
    /// Files with intermediates
    #[arg(long, value_name = "FILE", num_args = 1..)]
    chain: Vec<PathBuf>,
    /// The private key; finds the right certificate, and has to fit it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Write the private key into OUT too, which is then for its owner alone (mode 0600)
    #[arg(long)]
    with_key: bool,
    /// Fetch missing intermediates from the CA
    #[arg(long)]
    fetch: bool,
    /// Roots that the chain has to reach [default: Mozilla's, as of this build]
    #[arg(long, value_name = "PEM")]
    roots: Option<PathBuf>,
}

pub(in crate::cli) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Status, Failure> {
    let roots = Roots::read(arguments.roots.as_deref())
        .map_err(|error| Failure::Bundle(format!("--roots cannot be used: {}", with_causes(&error))))?;
    let target = target(&arguments.out, arguments.with_key)?;
    let files: Vec<PathBuf> = arguments.cert.iter().chain(&arguments.chain).cloned().collect();
    let ingredients = Ingredients::read(&files, arguments.key.as_deref()).map_err(|error| refused(&error))?;
    let now = i64::try_from(Clock::System.unix_seconds()).unwrap_or(i64::MAX);
    let bundle = waiting(ingredients.bundle(&roots, arguments.fetch, now))?.map_err(|error| refused(&error))?;
    let (text, mode) = match (arguments.with_key, &bundle.key) {
        (false, _) => (bundle.chain.clone(), 0o644),
        (true, Some(key)) => (format!("{}{}", bundle.chain, key.reveal()), 0o600),
        (true, None) => {
            return Err(Failure::Bundle("--with-key, and no private key in the files: name it with --key".to_owned()));
        }
    };
    write_whole(&target, &text, mode)
        .map_err(|error| Failure::Bundle(format!("cannot write {}: {error}", target.display())))?;
    tell(&bundle, &arguments.out, arguments.with_key, out)?;
    Ok(Status::Fine)
}

fn refused(error: &BundleError) -> Failure {
    Failure::Bundle(match error {
        BundleError::Pem(error) => said(error),
        other => with_causes(other),
    })
}

/// Where to write: what a link leads to, so that the link stays.
fn target(out: &Path, with_key: bool) -> Result<PathBuf, Failure> {
    let shown = out.display();
    let refuse = |why: &str| Err(Failure::Bundle(format!("{shown} is not written: {why}")));
    if out.file_name().is_none() {
        return refuse("it names no file");
    }
    let found = match out.metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(out.to_owned()),
        Err(error) => return refuse(&error.to_string()),
    };
    if found.is_dir() {
        return refuse("it is a folder; name a file in it");
    }
    if !found.is_file() {
        return refuse("it is there and is no regular file");
    }
    match Pem::read(out) {
        Ok(pem) if pem.has_key() && !with_key => refuse(
            "it is there and holds a private key, which would be lost; take --with-key, or write to another file",
        ),
        Ok(pem) if pem.certificates().is_ok() || pem.has_key() => {
            out.canonicalize().map_err(|error| Failure::Bundle(format!("{shown}: {error}")))
        }
        Err(error) if matches!(error.fault(), PemFault::Empty) => Ok(out.to_owned()),
        _ => refuse("it is there and is no certificate file; write to another, or take it away first"),
    }
}

fn tell(bundle: &Bundle, target: &Path, with_key: bool, out: &mut impl Write) -> io::Result<()> {
    let key = if with_key { " and the private key" } else { "" };
    writeln!(out, "{}: {}{key}", target.display(), Count(bundle.parts.len(), "certificate"))?;
    for (index, part) in bundle.parts.iter().enumerate() {
        writeln!(out, "  {} {part}", index + 1)?;
    }
    for note in &bundle.notes {
        writeln!(out, "note: {note}")?;
    }
    Ok(())
}
