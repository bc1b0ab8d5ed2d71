//! The road's first half: listen → tls → conn, and what moves the process: start, reload, hand-over, drain.
//!
//! [`run`] takes bound sockets and a finished snapshot; it reads no file itself.

pub mod census;
pub mod conn;
pub mod drain;
pub mod guard;
pub mod handover;
pub mod io;
pub mod listen;
pub mod snapshot;
pub mod tls;
pub mod worker;

mod accept;
mod answer;
mod asked;
mod crew;
mod crowd;
mod frames;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod gather;
mod manners;
mod owed;
mod service;
mod signals;
mod silence;
mod steer;
mod streams;

pub(crate) mod descriptors;

use std::io as std_io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::cert::store::Store;
use crate::control::Answer;
use crate::control::door::Door;
use crate::log::access::Out;

use census::Census;
use crew::Crew;
use handover::{Before, InheritError};
use listen::Sockets;
use signals::Signals;
use snapshot::{Served, Snapshot};
use steer::Steering;
use tls::Tls;

/// Everything that serving needs, ready.
#[derive(Debug)]
pub struct Ready {
    /// What requests see.
    pub snapshot: Snapshot,
    /// The certificates to present; whoever holds the sender exchanges them while all else goes on.
    pub stores: watch::Receiver<Arc<Store>>,
    /// Where connections come in.
    pub sockets: Sockets,
    /// Where they came in under the process before, and do no more.
    pub leaving: Sockets,
    /// How many accept there.
    pub workers: usize,
    /// Who is connected, and what was refused.
    pub census: Arc<Census>,
    /// The access log, where it is on.
    pub log: Option<Out>,
    /// How long open requests and tunnels may go on after SIGTERM.
    pub drain: Duration,
    /// Where commands ask, unless they cannot.
    pub door: Option<Door>,
}

/// What the process is beside its workers: who made what they serve, and makes it anew.
pub trait House {
    /// Reads the configuration again and takes up what is not the server's. Where anything stands against it nothing has
    /// changed, and the answer says what.
    fn reload(&mut self, listening: &Sockets) -> (Option<Change>, Answer);

    /// Opens the access log anew at its place.
    fn reopen_log(&mut self);

    /// The configuration file that is served.
    fn file(&self) -> &std::path::Path;

    /// The status page's socket, with the address as the configuration has it.
    fn admin(&self) -> Option<(SocketAddr, Arc<TcpListener>)>;

    /// Another process serves from now on: lets go of what only one can have.
    fn succeeded(&mut self);
}

/// What a reload changes.
#[derive(Debug)]
pub struct Change {
    /// What requests see.
    pub snapshot: Snapshot,
    /// Where connections come in.
    pub sockets: Sockets,
    /// How many accept there.
    pub workers: usize,
    /// The access log, where it is on.
    pub log: Option<Out>,
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
    /// The process before this one did not want to be followed.
    #[error(transparent)]
    Inherit(#[from] InheritError),
    /// A worker panicked outside any request.
    #[error("a worker panicked")]
    Panicked,
}

/// Serves until SIGTERM or SIGINT, drains, and returns when all is finished or cut. A second signal ends at once.
///
/// SIGHUP reloads and opens the access log anew, as SIGUSR1 does alone; SIGUSR2 hands over to a new process. `beside` runs on
/// the calling thread as long as serving does: renewals and whatever else must not hold up a worker. Where a process
/// serves already that this one follows, serving begins when that one says so.
///
/// # Errors
/// See [`RunError`].
pub fn run(
    mut ready: Ready,
    before: &Before,
    house: &mut impl House,
    beside: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(RunError::Signals)?;
    // Before anything is served: a signal that comes earlier than who listens for it ends the process.
    let signals = {
        let _inside = runtime.enter();
        Signals::new().map_err(RunError::Signals)?
    };
    let tls = Tls::new(ready.stores.borrow_and_update().clone()).map_err(RunError::Tls)?;
    for (speaks, address) in ready.sockets.bound() {
        tracing::info!(scheme = %speaks.scheme(), %address, "listening");
    }
    // Everything that can fail has been done.
    before.ready()?;
    let snapshot = Arc::new(ready.snapshot);
    let (changes, served) = watch::channel(Served { snapshot, tls: Arc::new(tls), log: ready.log });
    let mut crew = Crew::new(served, ready.census);
    // What was queued there is served yet.
    crew.deal(&ready.leaving, ready.workers).map_err(RunError::Worker)?;
    ready.leaving.give_up();
    drop(ready.leaving);
    crew.deal(&ready.sockets, ready.workers).map_err(RunError::Worker)?;
    let door = {
        let _inside = runtime.enter();
        ready.door.and_then(|door| door.open().inspect_err(|error| warn_of(error)).ok())
    };
    tracing::info!(workers = crew.active(), "serving");
    service::ready("serving");
    before.serving();
    let steering = Steering { crew, changes, stores: ready.stores, sockets: ready.sockets, drain: ready.drain };
    let crew = runtime.block_on(steering.steer(signals, door, house, beside));
    // A file system that does not answer must not hold up the end.
    runtime.shutdown_background();
    crew.join()?;
    tracing::info!("stopped");
    Ok(())
}

/// That commands cannot ask keeps nobody from being served.
fn warn_of(error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(error, "no control socket");
}
