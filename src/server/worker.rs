//! One worker: a thread with its own runtime, sockets, connections to upstreams and log buffer.
//!
//! Nothing that it does for a request is shared with another worker but the
//! snapshot, which nobody changes. What a worker holds is told apart from what
//! a request sees: [`View`] pairs a snapshot with this worker's connections.
//!
//! A worker that is dealt no sockets any more retires: its idle connections end,
//! its requests and tunnels go on as long as they like, and it ends with the last
//! of them, unless it is dealt some again before.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::handler::RequestId;
use crate::handler::proxy::tunnel::Tunnels;
use crate::log::access::{self, Out};
use crate::outgoing::Upstream;

use super::accept::accept;
use super::census::Census;
use super::conn;
use super::crowd::Crowd;
use super::drain::{Ending, PATIENCE, Phase};
use super::listen::{LINGER, Listener};
use super::owed::Owed;
use super::snapshot::{Served, Snapshot};
use super::tls::Tls;

/// How often the access log is handed over while there is something in it.
const FLUSH: Duration = Duration::from_millis(100);

/// How often idle connections to upstreams are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// How often a retired worker looks whether anything is left of it: not before sockets that it gave up are empty.
const LOOK: Duration = Duration::from_secs(2);

/// From one try to the next where there is no descriptor for a socket.
const AGAIN: Duration = Duration::from_secs(1);

/// Threads that a worker may use for what blocks: signatures, files that are not in memory, names to look up.
const BLOCKING: usize = 4;

/// What a worker is given at its start.
#[derive(Debug)]
pub struct Given {
    /// What it accepts on, whenever that changes; nothing means that it retires.
    pub deals: mpsc::UnboundedReceiver<Vec<Listener>>,
    /// What is served; changes on reload and when a certificate does.
    pub served: watch::Receiver<Served>,
    /// Serving, draining or over.
    pub phase: watch::Receiver<Phase>,
    /// Who is connected, to all workers.
    pub census: Arc<Census>,
    /// Counted up by a worker that is well.
    pub beat: Arc<AtomicU64>,
}

/// What a worker holds.
#[derive(Debug)]
pub struct Worker {
    view: RefCell<Rc<View>>,
    log: RefCell<Option<Rc<access::Log>>>,
    /// Who is connected, to all workers.
    pub census: Arc<Census>,
    /// Its connections.
    pub crowd: Crowd,
    /// Its open tunnels.
    pub tunnels: Rc<Tunnels>,
    /// What its connections hold of answers over HTTP/2.
    pub owed: Arc<Owed>,
    /// Tells every connection to finish.
    pub ending: Ending,
    connections: TaskTracker,
    beat: Arc<AtomicU64>,
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
    fn new(snapshot: Arc<Snapshot>, tls: Arc<Tls>) -> Self {
        Self::taking_over(snapshot, tls, Vec::new())
    }

    /// What follows this one. The connections to an upstream stay, unless the configuration speaks to it in another way.
    fn then(&self, served: Served) -> Self {
        let Served { snapshot, tls, .. } = served;
        if Arc::ptr_eq(&self.snapshot, &snapshot) {
            return Self { snapshot, tls, pools: self.pools.clone() };
        }
        Self::taking_over(snapshot, tls, self.pools.iter().flatten().cloned().collect())
    }

    fn taking_over(snapshot: Arc<Snapshot>, tls: Arc<Tls>, mut there: Vec<Rc<Upstream>>) -> Self {
        let pools = snapshot.plans.iter().map(|plan| {
            let addresses = plan.proxy.upstreams.iter().zip(&plan.trust).zip(&plan.standings);
            let upstreams = addresses.map(|((address, trust), standing)| {
                let same = |upstream: &Rc<Upstream>| upstream.is_as(address, trust.as_ref(), standing, &plan.proxy);
                match there.iter().position(same) {
                    Some(position) => there.remove(position),
                    None => Upstream::new(address.clone(), trust.clone(), standing.clone(), &plan.proxy),
                }
            });
            upstreams.collect()
        });
        let pools = pools.collect();
        Self { snapshot, tls, pools }
    }
}

impl Worker {
    /// The view that a request or handshake that begins now sees to its end.
    pub fn view(&self) -> Rc<View> {
        self.view.borrow().clone()
    }

    /// The access log, where it is on.
    pub fn log(&self) -> Option<Rc<access::Log>> {
        self.log.borrow().clone()
    }

    /// Serves a connection that was accepted here, in a task of its own.
    fn serve(self: &Rc<Self>, listener: &Listener, tcp: TcpStream, peer: SocketAddr) {
        let (local_port, speaks, ip) = (listener.address.port(), listener.speaks, peer.ip().to_canonical());
        let trusted = self.view.borrow().snapshot.trusts(ip);
        let Ok(seat) = self.census.enter(ip, trusted) else { return conn::turn_away(tcp, speaks) };
        let arrival = conn::Arrival { tcp, peer, local_port, speaks, seat: Arc::new(seat) };
        tokio::task::spawn_local(self.connections.track_future(conn::serve(self.clone(), arrival)));
    }

    /// Has what ends from now on written there; what has begun is written where it would have been.
    fn write_to(&self, out: Option<Out>) {
        let same = match (&*self.log.borrow(), &out) {
            (Some(log), Some(out)) => log.writes_to(out),
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.log.replace(out.map(|out| Rc::new(access::Log::new(out))));
        }
    }

    fn is_empty(&self) -> bool {
        self.connections.is_empty() && self.tunnels.count() == 0
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
/// Where the thread's runtime cannot be made.
pub fn run(given: Given) -> io::Result<()> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING)
        .build_local(LocalOptions::default())?;
    runtime.block_on(serve(given));
    Ok(())
    // Dropping the runtime cuts whatever outlived the drain.
}

async fn serve(mut given: Given) {
    let served = given.served.borrow_and_update().clone();
    let worker = Rc::new(Worker {
        view: RefCell::new(Rc::new(View::new(served.snapshot, served.tls))),
        log: RefCell::new(served.log.map(|out| Rc::new(access::Log::new(out)))),
        tunnels: Rc::new(Tunnels::new(given.census.clone())),
        owed: given.census.join(),
        census: given.census,
        crowd: Crowd::default(),
        ending: Ending::default(),
        connections: TaskTracker::new(),
        beat: given.beat,
        requests: Cell::new(0),
        seed: seed(),
    });
    tokio::task::spawn_local(housekeeping(worker.clone()));
    tokio::task::spawn_local(make_room(worker.clone()));
    tokio::task::spawn_local(follow(worker.clone(), given.served));

    let mut accepting = Accepting::default();
    if accept_what_is_dealt(&worker, &mut accepting, &mut given.deals, &mut given.phase).await {
        finish(&worker, accepting, given.phase).await;
    }
}

/// Accepts, until the phase is another than serving, which is true, or nothing is left of a worker that has retired.
async fn accept_what_is_dealt(
    worker: &Rc<Worker>,
    accepting: &mut Accepting,
    deals: &mut mpsc::UnboundedReceiver<Vec<Listener>>,
    phase: &mut watch::Receiver<Phase>,
) -> bool {
    let mut retired = false;
    loop {
        let dealt = tokio::select! {
            dealt = deals.recv() => dealt,
            // The sender lives as long as the process serves; its end means the same as its word.
            _ = phase.wait_for(|phase| !matches!(phase, Phase::Serving)) => return true,
            () = tokio::time::sleep(LOOK), if retired => {
                if !worker.is_empty() {
                    continue;
                }
                // No more may be dealt from here on, and what was dealt just now counts.
                deals.close();
                deals.try_recv().ok()
            }
        };
        let Some(dealt) = dealt else { return false };
        retired = dealt.is_empty();
        match retired {
            true => worker.ending.begin(PATIENCE),
            false => worker.ending.revoke(),
        }
        accepting.exchange(worker, dealt);
    }
}

/// Lets what is open finish, for as long as the phase says.
async fn finish(worker: &Rc<Worker>, accepting: Accepting, mut phase: watch::Receiver<Phase>) {
    let mut accepting = Some(accepting);
    let mut deadline: Option<Instant> = None;
    loop {
        let (limit, patience) = match *phase.borrow_and_update() {
            Phase::HandedOver(limit) => (limit, PATIENCE),
            Phase::Draining(limit) => (limit, Duration::ZERO),
            Phase::Serving | Phase::Over => return,
        };
        // What has waited in the kernel's queue is served: at once, or by who has the sockets now.
        if let Some(accepting) = accepting.take() {
            accepting.end(worker, !patience.is_zero());
        }
        if patience.is_zero() {
            worker.tunnels.close();
        }
        worker.ending.begin(patience);
        let until = Instant::now() + limit;
        let until = deadline.map_or(until, |before| before.min(until));
        deadline = Some(until);
        tokio::select! {
            () = emptied(worker) => return,
            () = tokio::time::sleep_until(until) => {
                tracing::warn!(
                    tunnels = worker.tunnels.count(),
                    connections = worker.connections.len(),
                    "the drain's time is over: cutting what is still open"
                );
                return;
            }
            changed = phase.changed() => if changed.is_err() { return },
        }
    }
}

async fn emptied(worker: &Worker) {
    while !worker.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The sockets that a worker accepts on, each in a task of its own.
#[derive(Debug, Default)]
struct Accepting(Vec<(Listener, JoinHandle<()>)>);

impl Accepting {
    /// Goes on with those that are dealt again, begins with new ones and leaves the rest.
    fn exchange(&mut self, worker: &Rc<Worker>, dealt: Vec<Listener>) {
        self.0.retain(|(listener, task)| {
            let stays = dealt.iter().any(|dealt| dealt.is(listener));
            if !stays {
                leave(listener, task.abort_handle());
            }
            stays
        });
        for listener in dealt {
            if !self.0.iter().any(|(there, _)| there.is(&listener)) {
                let task = tokio::task::spawn_local(serve_what_comes(worker.clone(), listener.clone()));
                self.0.push((listener, task));
            }
        }
    }

    /// Accepts no more. Unless somebody else has the sockets, what is queued is served yet.
    fn end(self, worker: &Rc<Worker>, others_have_them: bool) {
        for (listener, task) in self.0 {
            task.abort();
            if !others_have_them {
                listener.accept_queued().for_each(|(tcp, peer)| worker.serve(&listener, tcp, peer));
            }
        }
    }
}

fn leave(listener: &Listener, task: tokio::task::AbortHandle) {
    if !listener.is_given_up() {
        // Others accept on it, or it is dealt to them at this moment: its queue stays.
        return task.abort();
    }
    tokio::task::spawn_local(async move {
        tokio::time::sleep(LINGER).await;
        task.abort();
    });
}

async fn serve_what_comes(worker: Rc<Worker>, listener: Listener) {
    let socket = loop {
        match listener.to_tokio() {
            Ok(socket) => break socket,
            Err(error) => {
                tracing::error!(%error, address = %listener.address, "a worker cannot accept; too many open files?");
                tokio::time::sleep(AGAIN).await;
            }
        }
    };
    accept(&socket, |tcp, peer| worker.serve(&listener, tcp, peer), || worker.census.crowd()).await;
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
        worker.write_to(served.log.clone());
        let before = worker.view();
        let next = Rc::new(before.then(served));
        let snapshot = next.snapshot.clone();
        worker.view.replace(next);
        if !Arc::ptr_eq(&before.snapshot, &snapshot) {
            worker.tunnels.end_unless(|lead| snapshot.leads(lead));
        }
    }
}

/// Lets idle connections of clients go whenever there is no place for others.
async fn make_room(worker: Rc<Worker>) {
    loop {
        worker.census.crowded().await;
        worker.crowd.thin_out();
    }
}

/// Hands the log over, lets idle connections go, and shows that this worker is well.
async fn housekeeping(worker: Rc<Worker>) {
    let mut swept = Instant::now();
    loop {
        let log = worker.log();
        tokio::time::sleep(if log.is_some() { FLUSH } else { SWEEP }).await;
        if let Some(log) = log {
            log.flush();
        }
        if swept.elapsed() >= SWEEP {
            swept = Instant::now();
            worker.beat.fetch_add(1, Ordering::Relaxed);
            for upstream in worker.view().pools.iter().flatten() {
                upstream.sweep();
            }
        }
    }
}
