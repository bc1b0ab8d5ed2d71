//! The program log: set up once, before anything else happens.

use std::io::{self, IsTerminal};

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Libraries that warn of what a client sends: whoever sends it a thousand times a second would fill the log.
const TALKATIVE: [&str; 2] = ["h2", "hyper"];

/// Sends what the program has to say to standard error; the first call of a process counts.
pub fn program_log(level: Level) {
    let to_stderr = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    // Who asks for more than the usual gets all.
    let of_libraries = if level <= Level::INFO { LevelFilter::ERROR } else { level.into() };
    let wanted = Targets::new().with_default(level).with_targets(TALKATIVE.map(|name| (name, of_libraries)));
    // A second set-up in one process (a command inside a test) keeps the first.
    tracing_subscriber::registry().with(wanted).with(to_stderr).try_init().ok();
}
