//! What an operator wants, by signal.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Finish; the second time, end at once.
    Stop,
    /// Read the configuration again.
    Reload,
    /// Open the access log anew: somebody moved it.
    ReopenLog,
    /// Hand over to a new process.
    Upgrade,
}

/// The signals that are heard.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user1: Signal,
    user2: Signal,
    /// Heard and left alone: it would end the process where a file may grow no more (`ulimit -f`), and the error of
    /// the write says as much.
    _file_size: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
            _file_size: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
        })
    }

    pub(super) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.hangup.recv() => Wish::Reload,
            _ = self.user1.recv() => Wish::ReopenLog,
            _ = self.user2.recv() => Wish::Upgrade,
        }
    }
}
