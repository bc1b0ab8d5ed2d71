//! The road's first half: listen → tls → conn, and what moves the process: start, reload, drain.
//!
//! [`run`] takes bound sockets and a finished snapshot; it reads no file itself.

pub mod conn;
pub mod drain;
pub mod io;
pub mod listen;
pub mod snapshot;
pub mod tls;
pub mod worker;

mod answer;
mod asked;
mod streams;

use std::io as std_io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::config::model::LogFormat;
use crate::log::writer::{Sink, Writer};

use drain::Phase;
use listen::Listener;
use snapshot::Snapshot;
use worker::Given;

/// Everything that serving needs, ready.
#[derive(Debug)]
pub struct Ready {
    /// What requests see.
    pub snapshot: Snapshot,
    /// Each worker's sockets.
    pub listeners: Vec<Vec<Listener>>,
    /// The access log, where it is on.
    pub log: Option<(Writer, Sink)>,
    /// Its form.
    pub format: LogFormat,
    /// How long open requests and tunnels may go on after SIGTERM.
    pub drain: Duration,
}

/// Serving could not go on.
#[derive(Debug, Error)]
pub enum RunError {
    /// Signals cannot be watched.
    #[error("cannot watch for signals")]
    Signals(#[source] std_io::Error),
    /// A worker ended with an error.
    #[error("a worker cannot serve")]
    Worker(#[source] std_io::Error),
    /// A worker panicked outside any request.
    #[error("a worker panicked")]
    Panicked,
}

/// Serves until SIGTERM or SIGINT, drains, and returns when all is finished or cut. A second signal ends at once.
///
/// SIGHUP calls `reload`, which gives the next snapshot, or nothing where the old one is to go on.
///
/// # Errors
/// See [`RunError`].
pub fn run(ready: Ready, reload: impl FnMut() -> Option<Snapshot>) -> Result<(), RunError> {
    let (snapshots, snapshot) = watch::channel(Arc::new(ready.snapshot));
    let (phases, phase) = watch::channel(Phase::Serving);
    let (writer, sink) = ready.log.unzip();
    let log = sink.map(|sink| (sink, ready.format));
    for listener in ready.listeners.iter().take(1).flatten() {
        tracing::info!(scheme = %listener.speaks.scheme(), address = %listener.address, "listening");
    }
    let mut workers = Vec::new();
    for (number, listeners) in ready.listeners.into_iter().enumerate() {
        let given = Given { listeners, snapshots: snapshot.clone(), phase: phase.clone(), log: log.clone() };
        let worker = thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || worker::run(given))
            .map_err(RunError::Worker)?;
        workers.push(worker);
    }
    drop((log, phase, snapshot));
    tracing::info!(workers = workers.len(), "serving");
    let outcome = steer(&phases, &snapshots, ready.drain, reload);
    for worker in workers {
        worker.join().map_err(|_| RunError::Panicked)?.map_err(RunError::Worker)?;
    }
    if let Some(writer) = writer {
        writer.finish();
    }
    tracing::info!("stopped");
    outcome
}

/// Listens to signals until the workers have all gone.
fn steer(
    phases: &watch::Sender<Phase>,
    snapshots: &watch::Sender<Arc<Snapshot>>,
    drain: Duration,
    mut reload: impl FnMut() -> Option<Snapshot>,
) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Signals)?;
    runtime.block_on(async {
        let mut signals = Signals::new().map_err(RunError::Signals)?;
        loop {
            tokio::select! {
                () = phases.closed() => return Ok(()),
                wish = signals.next() => match (wish, phase(phases)) {
                    (Wish::Reload, _) => {
                        if let Some(snapshot) = reload() {
                            snapshots.send_replace(Arc::new(snapshot));
                            tracing::info!("reloaded");
                        }
                    }
                    (Wish::Stop, Phase::Serving) => {
                        tracing::info!(limit = ?drain, "draining: what is open may finish; a second signal ends at once");
                        phases.send_replace(Phase::Draining(drain));
                    }
                    (Wish::Stop, _) => {
                        tracing::info!("ending at once");
                        phases.send_replace(Phase::Over);
                    }
                },
            }
        }
    })
}

/// What an operator wants.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Stop,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std_io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.hangup.recv() => Wish::Reload,
        }
    }
}

/// The phase, without holding the channel's lock while it is acted upon.
fn phase(phases: &watch::Sender<Phase>) -> Phase {
    *phases.borrow()
}
