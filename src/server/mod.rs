//! The road's first half: listen → tls → conn, and what moves the process: start, reload, drain.
//!
//! [`run`] takes bound sockets and a finished snapshot; it reads no file itself.

pub mod census;
pub mod conn;
pub mod drain;
pub mod guard;
pub mod io;
pub mod listen;
pub mod snapshot;
pub mod tls;
pub mod worker;

mod answer;
mod asked;
mod crowd;
mod frames;
mod gather;
mod silence;
mod streams;

pub(crate) mod descriptors;

use std::io as std_io;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::cert::store::Store;
use crate::config::model::LogFormat;
use crate::log::writer::{Sink, Writer};

use census::Census;
use drain::Phase;
use listen::Listener;
use snapshot::{Served, Snapshot};
use tls::Tls;
use worker::Given;

/// Everything that serving needs, ready.
#[derive(Debug)]
pub struct Ready {
    /// What requests see.
    pub snapshot: Snapshot,
    /// The certificates to present; whoever holds the sender exchanges them while all else goes on.
    pub stores: watch::Receiver<Arc<Store>>,
    /// Each worker's sockets.
    pub listeners: Vec<Vec<Listener>>,
    /// Who is connected, and what was refused.
    pub census: Arc<Census>,
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
    /// rustls refused its own defaults.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
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
/// SIGHUP calls `reload`, which gives the next snapshot, or nothing where the old one is to go on. It has the access
/// log opened anew, too, as SIGUSR1 does alone. `beside` runs on the calling thread as long as serving does: renewals
/// and whatever else must not hold up a worker.
///
/// # Errors
/// See [`RunError`].
pub fn run(
    mut ready: Ready,
    reload: impl FnMut() -> Option<Snapshot>,
    beside: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(RunError::Signals)?;
    // Before anything is served: a signal that comes earlier than who listens for it ends the process.
    let signals = {
        let _inside = runtime.enter();
        Signals::new().map_err(RunError::Signals)?
    };
    let tls = Tls::new(ready.stores.borrow_and_update().clone()).map_err(RunError::Tls)?;
    let (changes, served) = watch::channel(Served { snapshot: Arc::new(ready.snapshot), tls: Arc::new(tls) });
    let (phases, phase) = watch::channel(Phase::Serving);
    let (writer, sink) = ready.log.unzip();
    let log = sink.map(|sink| (sink, ready.format));
    for listener in ready.listeners.iter().take(1).flatten() {
        tracing::info!(scheme = %listener.speaks.scheme(), address = %listener.address, "listening");
    }
    let mut workers = Vec::new();
    for (number, listeners) in ready.listeners.into_iter().enumerate() {
        let given = Given {
            listeners,
            served: served.clone(),
            phase: phase.clone(),
            census: ready.census.clone(),
            log: log.clone(),
        };
        let worker = thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || worker::run(given))
            .map_err(RunError::Worker)?;
        workers.push(worker);
    }
    let log = log.map(|(sink, _)| sink);
    drop((phase, served));
    tracing::info!(workers = workers.len(), "serving");
    let steering = Steering { phases, changes, stores: ready.stores, drain: ready.drain, log };
    runtime.block_on(steering.steer(signals, reload, beside));
    // A file system that does not answer must not hold up the end.
    runtime.shutdown_background();
    for worker in workers {
        worker.join().map_err(|_| RunError::Panicked)?.map_err(RunError::Worker)?;
    }
    if let Some(writer) = writer {
        writer.finish();
    }
    tracing::info!("stopped");
    Ok(())
}

/// What the thread that started the workers holds to steer them by.
struct Steering {
    phases: watch::Sender<Phase>,
    changes: watch::Sender<Served>,
    stores: watch::Receiver<Arc<Store>>,
    drain: Duration,
    log: Option<Sink>,
}

impl Steering {
    /// Listens to signals and to new certificates until the workers have all gone.
    async fn steer(
        mut self,
        mut signals: Signals,
        mut reload: impl FnMut() -> Option<Snapshot>,
        beside: impl Future<Output = ()>,
    ) {
        let mut beside = pin!(async {
            beside.await;
            std::future::pending::<()>().await;
        });
        loop {
            tokio::select! {
                () = self.phases.closed() => return,
                () = &mut beside => {}
                store = next(&mut self.stores) => self.certify(store),
                wish = signals.next() => match (wish, phase(&self.phases)) {
                    (Wish::Reload, _) => {
                        if let Some(snapshot) = reload() {
                            self.replace(snapshot);
                            self.reopen_log();
                            tracing::info!("reloaded");
                        }
                    }
                    (Wish::ReopenLog, _) => self.reopen_log(),
                    (Wish::Stop, Phase::Serving) => {
                        tracing::info!(limit = ?self.drain, "draining: what is open may finish; a second signal ends at once");
                        self.phases.send_replace(Phase::Draining(self.drain));
                    }
                    (Wish::Stop, _) => {
                        tracing::info!("ending at once");
                        self.phases.send_replace(Phase::Over);
                    }
                },
            }
        }
    }

    /// Lets go of a log file that was moved away, and begins a new one.
    fn reopen_log(&self) {
        if let Some(sink) = &self.log {
            sink.reopen();
        }
    }

    /// Exchanges the certificates and nothing else.
    fn certify(&self, store: Arc<Store>) {
        self.changes.send_modify(|served| served.tls = Arc::new(served.tls.with(store)));
    }

    /// Exchanges routes and certificates in one step: a new site is never served with an old certificate.
    fn replace(&mut self, mut snapshot: Snapshot) {
        let store = self.stores.borrow_and_update().clone();
        snapshot.inherit(&self.changes.borrow().snapshot);
        self.changes.send_modify(|served| {
            *served = Served { snapshot: Arc::new(snapshot), tls: Arc::new(served.tls.with(store)) };
        });
    }
}

/// The next certificates; never, once nobody can send any.
async fn next(stores: &mut watch::Receiver<Arc<Store>>) -> Arc<Store> {
    match stores.changed().await {
        Ok(()) => stores.borrow_and_update().clone(),
        Err(_) => std::future::pending().await,
    }
}

/// What an operator wants.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Stop,
    Reload,
    ReopenLog,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user: Signal,
    /// Heard and left alone: it would end the process where a file may grow no more (`ulimit -f`), and the error of
    /// the write says as much.
    _file_size: Signal,
}

impl Signals {
    fn new() -> std_io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
            _file_size: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.hangup.recv() => Wish::Reload,
            _ = self.user.recv() => Wish::ReopenLog,
        }
    }
}

/// The phase, without holding the channel's lock while it is acted upon.
fn phase(phases: &watch::Sender<Phase>) -> Phase {
    *phases.borrow()
}
