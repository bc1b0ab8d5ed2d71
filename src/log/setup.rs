//! The program log: set up once, before anything else happens.

use std::io::{self, IsTerminal};

use tracing::Level;

/// Sends what the program has to say to standard error; the first call of a process counts.
pub fn program_log(level: Level) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    // A second set-up in one process (a command inside a test) keeps the first.
    builder.try_init().ok();
}
