//! `gatepost cert …`: looks at certificates and puts them right, one subcommand a file.
//!
//! None of them needs a configuration, and none touches a running gatepost.

mod bundle;
mod inspect;
mod show;

use clap::Subcommand;

use crate::cert::pem::PemError;

use super::{Failure, Status, printed, with_causes};

pub(super) const AFTER_HELP: &str = "\
Examples:
  gatepost cert inspect chat.example.org            what phones, browsers, Java and curl make of a server
  gatepost cert inspect fullchain.pem               the same of a file, before it is served
  gatepost cert bundle combined.pem --cert cert.pem --fetch
                                                    the right file, with what is missing fetched from the CA";

/// `gatepost cert …`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say what is wrong with a chain, which clients refuse it, and what mends it
    #[command(after_help = inspect::AFTER_HELP)]
    Inspect(inspect::Arguments),
    /// Write the right combined PEM from files in any order: leaf, intermediates, no root
    #[command(after_help = bundle::AFTER_HELP)]
    Bundle(bundle::Arguments),
}

pub(super) fn run(command: &Command) -> Result<Status, Failure> {
    match command {
        Command::Inspect(arguments) => printed(|out| inspect::run(arguments, out)),
        Command::Bundle(arguments) => printed(|out| bundle::run(arguments, out)),
    }
}

/// A file's error with its mend.
fn said(error: &PemError) -> String {
    let words = with_causes(error);
    match error.mend() {
        // Its mend is about a configuration, and here is none.
        _ if error.is_missing() => words,
        Some(mend) => format!("{words}; {mend}"),
        None => words,
    }
}

/// Runs what waits for the network, on this thread.
///
/// The runtime is not waited for: a name that the system is still looking up would hold the command.
fn waiting<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
    let outcome = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(outcome)
}
