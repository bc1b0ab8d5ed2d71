//! The thin binary: parse arguments, run the command, print the error once, choose the exit code.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use gatepost::cli::Cli;
use mimalloc::MiMalloc;

/// Requests allocate and free small things on one thread each, which is what it is best at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(status) => status.into(),
        Err(failure) => {
            if !failure.is_closed_pipe() {
                // Where standard error is closed, too, there is nobody left to tell.
                let _ = writeln!(std::io::stderr(), "{failure}");
            }
            failure.exit_code()
        }
    }
}
