//! The program log: set up once, before anything else happens; its level may change later.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, reload};

/// Libraries that warn of what a client sends: whoever sends it a thousand times a second would fill the log.
const TALKATIVE: [&str; 2] = ["h2", "hyper"];

/// Changes the level of the log that was set up.
static LEVEL: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// Sends what the program has to say to standard error. Called again it changes the level.
pub fn program_log(level: Level) {
    // Who asks for more than the usual gets all.
    let of_libraries = if level <= Level::INFO { LevelFilter::ERROR } else { level.into() };
    let wanted = Targets::new().with_default(level).with_targets(TALKATIVE.map(|name| (name, of_libraries)));
    if let Some(set) = LEVEL.get() {
        // It fails only where the log is gone, and then there is nowhere to say so.
        set.reload(wanted).ok();
        return;
    }
    let (filter, handle) = reload::Layer::new(wanted);
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).with_target(false);
    // A set-up by somebody else (a command inside a test) stays.
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_ok() {
        LEVEL.set(handle).ok();
    }
}
