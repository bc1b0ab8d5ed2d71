//! One worker: a thread with its own runtime, sockets, connections to upstreams and log buffer.
//!
//! Nothing that it does for a request is shared with another worker but the
//! snapshot, which nobody changes. What a worker holds is told apart from what
//! a request sees: [`View`] pairs a snapshot with this worker's connections.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::model::{LogFormat, UpstreamAddress};
use crate::handler::RequestId;
use crate::handler::proxy::tunnel::Tunnels;
use crate::log::access;
use crate::log::writer::Sink;
use crate::outgoing::{Standing, Trust, Upstream};

use super::census::Census;
use super::conn;
use super::crowd::Crowd;
use super::drain::Phase;
use super::listen::{Listener, accept};
use super::snapshot::{Served, Snapshot};
use super::tls::Tls;

/// How often the access log is handed over while there is something in it.
const FLUSH: Duration = Duration::from_millis(100);

/// How often idle connections to upstreams are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// Threads that a worker may use for what blocks: signatures, files that are not in memory, names to look up.
const BLOCKING: usize = 4;

/// What a worker is given at its start.
#[derive(Debug)]
pub struct Given {
    /// Its own sockets.
    pub listeners: Vec<Listener>,
    /// What is served; changes on reload and when a certificate does.
    pub served: watch::Receiver<Served>,
    /// Serving, draining or over.
    pub phase: watch::Receiver<Phase>,
    /// Who is connected, to all workers.
    pub census: Arc<Census>,
    /// Where the access log's lines go.
    pub log: Option<(Sink, LogFormat)>,
}

/// What a worker holds.
#[derive(Debug)]
pub struct Worker {
    view: RefCell<Rc<View>>,
    /// The access log, where it is on.
    pub log: Option<Rc<access::Log>>,
    /// Who is connected, to all workers.
    pub census: Arc<Census>,
    /// Its connections.
    pub crowd: Crowd,
    /// Its open tunnels.
    pub tunnels: Rc<Tunnels>,
    /// Tells every connection to finish.
    pub finish: CancellationToken,
    requests: Cell<u64>,
    seed: u64,
}

/// What is served, with this worker's connections to the upstreams that the snapshot names.
#[derive(Debug)]
pub struct View {
    /// What requests see.
    pub snapshot: Arc<Snapshot>,
    /// What handshakes see.
    pub tls: Arc<Tls>,
    /// By the number that a handler knows.
    pub pools: Rc<[Vec<Rc<Upstream>>]>,
}

impl View {
    fn new(served: Served) -> Self {
        let pools = served
            .snapshot
            .plans
            .iter()
            .map(|plan| {
                let addresses = plan.proxy.upstreams.iter().zip(&plan.trust).zip(&plan.standings);
                let upstream = |((address, trust), standing): ((&UpstreamAddress, &Option<Trust>), &Arc<Standing>)| {
                    Upstream::new(address.clone(), trust.clone(), standing.clone(), &plan.proxy)
                };
                addresses.map(upstream).collect()
            })
            .collect();
        Self { snapshot: served.snapshot, tls: served.tls, pools }
    }

    /// What follows this one; where only certificates changed, the connections to upstreams stay.
    fn then(&self, served: Served) -> Self {
        if Arc::ptr_eq(&self.snapshot, &served.snapshot) {
            Self { snapshot: served.snapshot, tls: served.tls, pools: self.pools.clone() }
        } else {
            Self::new(served)
        }
    }
}

impl Worker {
    /// The view that a request or handshake that begins now sees to its end.
    pub fn view(&self) -> Rc<View> {
        self.view.borrow().clone()
    }

    /// Counts a request: its id, unlike any other's, and how many came before it.
    pub fn next_request(&self) -> (RequestId, u64) {
        let count = self.requests.get();
        self.requests.set(count.wrapping_add(1));
        // An odd factor makes the ids of a worker differ in every digit; the seed makes workers and runs differ.
        let id = self.seed ^ count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (RequestId(id), count)
    }
}

/// Serves until the phase says that it is over; returns when everything is finished or cut.
///
/// # Errors
/// Where the thread's runtime cannot be made or a socket cannot be watched.
pub fn run(given: Given) -> io::Result<()> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING)
        .build_local(LocalOptions::default())?;
    runtime.block_on(serve(given))
    // Dropping the runtime cuts whatever outlived the drain.
}

async fn serve(mut given: Given) -> io::Result<()> {
    let served = given.served.borrow_and_update().clone();
    let worker = Rc::new(Worker {
        view: RefCell::new(Rc::new(View::new(served))),
        log: given.log.map(|(sink, format)| Rc::new(access::Log::new(sink, format))),
        tunnels: Rc::new(Tunnels::new(given.census.clone())),
        census: given.census,
        crowd: Crowd::default(),
        finish: CancellationToken::new(),
        requests: Cell::new(0),
        seed: seed(),
    });
    let connections = TaskTracker::new();
    let mut accepting = Vec::new();
    for listener in given.listeners {
        let (speaks, local_port) = (listener.speaks, listener.address.port());
        let socket = listener.into_tokio()?;
        let (worker, connections) = (worker.clone(), connections.clone());
        accepting.push(tokio::task::spawn_local(async move {
            let serve = |tcp, peer: SocketAddr| {
                let ip = peer.ip().to_canonical();
                let trusted = worker.view.borrow().snapshot.trusts(ip);
                let Ok(seat) = worker.census.enter(ip, trusted) else { return conn::turn_away(tcp, speaks) };
                let arrival = conn::Arrival { tcp, peer, local_port, speaks, seat: Arc::new(seat) };
                tokio::task::spawn_local(connections.track_future(conn::serve(worker.clone(), arrival)));
            };
            accept(&socket, serve, || worker.census.crowd()).await;
        }));
    }
    tokio::task::spawn_local(housekeeping(worker.clone()));
    tokio::task::spawn_local(make_room(worker.clone()));
    tokio::task::spawn_local(follow(worker.clone(), given.served));

    let over = |phase: &Phase| !matches!(phase, Phase::Serving);
    // The sender lives as long as the process serves; its end means the same as its word.
    let limit = match given.phase.wait_for(over).await.map(|phase| *phase) {
        Ok(Phase::Draining(limit)) => limit,
        _ => Duration::ZERO,
    };
    for task in accepting {
        task.abort();
    }
    worker.tunnels.close();
    worker.finish.cancel();
    connections.close();
    let finished = async {
        connections.wait().await;
        while worker.tunnels.count() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = finished => {}
        () = tokio::time::sleep(limit) => {
            tracing::warn!(tunnels = worker.tunnels.count(), connections = connections.len(), "the drain's time is over: cutting what is still open");
        }
        _ = given.phase.wait_for(|phase| matches!(phase, Phase::Over)) => {}
    }
    Ok(())
}

/// Random, so that no two runs give the same ids.
fn seed() -> u64 {
    // Only a name in a log depends on it: without the system's generator the time will do.
    getrandom::u64().unwrap_or_else(|_| std::process::id().into())
}

/// Takes up what is served next; requests and handshakes that began under the old view finish under it.
async fn follow(worker: Rc<Worker>, mut changes: watch::Receiver<Served>) {
    while changes.changed().await.is_ok() {
        let served = changes.borrow_and_update().clone();
        let next = worker.view().then(served);
        worker.view.replace(Rc::new(next));
    }
}

/// Lets idle connections of clients go whenever there is no place for others.
async fn make_room(worker: Rc<Worker>) {
    loop {
        worker.census.crowded().await;
        worker.crowd.thin_out();
    }
}

/// Hands the log over and lets idle connections go.
async fn housekeeping(worker: Rc<Worker>) {
    let mut ticks = tokio::time::interval(if worker.log.is_some() { FLUSH } else { SWEEP });
    let mut swept = tokio::time::Instant::now();
    loop {
        ticks.tick().await;
        if let Some(log) = &worker.log {
            log.flush();
        }
        if swept.elapsed() >= SWEEP {
            swept = tokio::time::Instant::now();
            for upstream in worker.view().pools.iter().flatten() {
                upstream.sweep();
            }
        }
    }
}
