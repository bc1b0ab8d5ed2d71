//! `gatepost cert …`: looks at certificates, puts them right, has them issued and revoked; one subcommand a file.
//!
//! `inspect` and `bundle` need no configuration and touch no running gatepost; `renew` and
//! `revoke` are about what `[acme]` of a configuration has.

mod bundle;
mod inspect;
mod renew;
mod revoke;
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
    /// Have the certificates of `[acme]` issued anew, now
    #[command(after_help = renew::AFTER_HELP)]
    Renew(renew::Arguments),
    /// Revoke a certificate that `[acme]` had issued, and have another in its place
    #[command(after_help = revoke::AFTER_HELP)]
    Revoke(revoke::Arguments),
}

pub(super) fn run(command: &Command) -> Result<Status, Failure> {
    match command {
        Command::Inspect(arguments) => printed(|out| inspect::run(arguments, out)),
        Command::Bundle(arguments) => printed(|out| bundle::run(arguments, out)),
        Command::Renew(arguments) => printed(|out| renew::run(arguments, out)),
        Command::Revoke(arguments) => printed(|out| revoke::run(arguments, out)),
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
