//! One upstream as one worker sees it: its idle connections, last in first out.
//!
//! The most recently used connection is the one least likely to have been closed
//! by the other side, and the rest age out by themselves. There are no more than
//! the route allows, and no more requests wait for one than it allows either: what
//! comes beyond that is turned away.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::config::model::{Proxy, UpstreamAddress};
use crate::error::RequestError;

use super::body::RequestBody;
use super::connect::connect;
use super::open::{Counted, Open};
use super::room::{Limits, Needs, Queue, Room, Slot};
use super::standing::Standing;
use super::tls::Trust;

/// Idle connections kept per upstream and worker: more than a busy house ever has open at once.
const MAX_IDLE: usize = 256;

/// How long ago a connection may have been used at most to get a request that cannot be sent a second time.
///
/// The upstream may be closing an idle connection at the very moment that a request goes out on it, and nobody
/// can tell afterwards whether it was taken. No server lets a connection go this soon, and a busy one is used
/// again sooner.
const JUST_USED: Duration = Duration::from_millis(10);

/// One address, with the connections that this worker holds to it.
#[derive(Debug)]
pub struct Upstream {
    address: UpstreamAddress,
    trust: Option<Trust>,
    connect_timeout: Duration,
    idle_timeout: Duration,
    standing: Arc<Standing>,
    room: Arc<Room>,
    idle: RefCell<Vec<Idle>>,
    queue: Queue<Open>,
    /// Connections of this worker that are open, tunnels included.
    open: Rc<Cell<usize>>,
    chosen: Cell<u64>,
    /// Whether it was seen to keep idle connections open. One that closes them behind its answers without a word
    /// gets no request on a used connection that cannot be sent a second time.
    keeps_open: Cell<bool>,
}

#[derive(Debug)]
struct Idle {
    open: Open,
    since: Instant,
}

/// A connection in use; given back when its answer has been read.
#[derive(Debug)]
pub struct Lease {
    upstream: Rc<Upstream>,
    open: Open,
    reused: bool,
    retired: Cell<bool>,
}

/// A request that brought no answer.
#[derive(Debug)]
pub struct SendFailure {
    /// What hyper said.
    pub error: hyper::Error,
    /// The request, where not a byte of it was sent.
    pub unsent: Option<Request<RequestBody>>,
    /// Whether the connection had served before, so that the upstream may just have closed it.
    pub reused: bool,
}

impl Upstream {
    /// An upstream without connections yet.
    pub fn new(address: UpstreamAddress, trust: Option<Trust>, standing: Arc<Standing>, proxy: &Proxy) -> Rc<Self> {
        Self::made(address, trust, standing, Limits::of(proxy), (proxy.connect_timeout, proxy.pool_idle_timeout))
    }

    /// The same for what is no proxy route: how long connecting may take, and how long a connection is kept unused.
    pub fn with_times(
        address: UpstreamAddress,
        trust: Option<Trust>,
        connect_timeout: Duration,
        idle_timeout: Duration,
    ) -> Rc<Self> {
        let standing = Arc::new(Standing::new("", &address.origin));
        Self::made(address, trust, standing, Limits::NONE, (connect_timeout, idle_timeout))
    }

    fn made(
        address: UpstreamAddress,
        trust: Option<Trust>,
        standing: Arc<Standing>,
        limits: Limits,
        (connect_timeout, idle_timeout): (Duration, Duration),
    ) -> Rc<Self> {
        Rc::new(Self {
            address,
            trust,
            connect_timeout,
            idle_timeout,
            room: standing.room_within(limits),
            standing,
            idle: RefCell::default(),
            queue: Queue::default(),
            open: Rc::default(),
            chosen: Cell::new(0),
            keeps_open: Cell::new(false),
        })
    }

    /// Whether one that is made of this would be no other than this one, so that its connections can be kept.
    pub fn is_as(
        &self,
        address: &UpstreamAddress,
        trust: Option<&Trust>,
        standing: &Arc<Standing>,
        proxy: &Proxy,
    ) -> bool {
        self.address == *address
            && Arc::ptr_eq(&self.standing, standing)
            && self.room.limits() == Limits::of(proxy)
            && self.connect_timeout == proxy.connect_timeout
            && self.idle_timeout == proxy.pool_idle_timeout
            && match (&self.trust, trust) {
                (Some(ours), Some(theirs)) => ours.is_as(theirs),
                (None, None) => true,
                _ => false,
            }
    }

    /// Its address as configured.
    pub fn address(&self) -> &UpstreamAddress {
        &self.address
    }

    /// How it fares, as the whole process knows it.
    pub fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }

    /// When it was chosen last, as a request's number on this worker: who waited longest is next.
    pub fn chosen(&self) -> &Cell<u64> {
        &self.chosen
    }

    /// Requests and tunnels that this worker has there.
    pub fn load(&self) -> usize {
        self.open.get().saturating_sub(self.idle.borrow().len())
    }

    /// Whether a request would have to wait for a connection.
    pub fn is_full(&self) -> bool {
        self.room.is_full() && self.idle.borrow().is_empty()
    }

    /// Counts a tunnel, as long as what this gives is kept.
    pub fn count_tunnel(&self) -> Counted {
        Counted::new(&self.open)
    }

    /// An idle connection if there is one, else a new one.
    ///
    /// What is not `repeatable`, so that it must not meet a connection that is just being closed, gets one that was
    /// in use until now or a new one.
    ///
    /// # Errors
    /// [`RequestError::UpstreamFull`], [`RequestError::Connect`], [`RequestError::UpstreamTls`] and the like.
    pub async fn lease(self: &Rc<Self>, repeatable: bool) -> Result<Lease, RequestError> {
        match self.take_idle(repeatable) {
            Some(open) => Ok(Lease { upstream: self.clone(), open, reused: true, retired: Cell::new(false) }),
            // Boxed, since most requests never need it and all would be as large as it is.
            None => Box::pin(self.next(Some(if repeatable { Needs::Any } else { Needs::Sure }))).await,
        }
    }

    /// A new connection.
    ///
    /// # Errors
    /// As [`Upstream::lease`].
    pub async fn fresh(self: &Rc<Self>) -> Result<Lease, RequestError> {
        self.next(None).await
    }

    /// A new connection; where there may be no more of them, one that gets free, if its `needs` are said.
    async fn next(self: &Rc<Self>, needs: Option<Needs>) -> Result<Lease, RequestError> {
        let slot = match self.room.try_take() {
            Some(slot) => slot,
            None => match self.wait(needs).await? {
                Granted::Slot(slot) => slot,
                Granted::Open(open) => {
                    return Ok(Lease { upstream: self.clone(), open, reused: true, retired: Cell::new(false) });
                }
            },
        };
        self.connect(slot).await
    }

    async fn connect(self: &Rc<Self>, slot: Slot) -> Result<Lease, RequestError> {
        let counted = Counted::new(&self.open);
        let io = connect(&self.address, self.trust.as_ref(), self.connect_timeout).await?;
        let open = Open::over(io, self.open.get() - 1, (slot, counted)).await;
        let open = open.map_err(|source| RequestError::Broken { upstream: self.address.origin.clone(), source })?;
        Ok(Lease { upstream: self.clone(), open, reused: false, retired: Cell::new(false) })
    }

    /// Waits for room, at most as long as connecting may take.
    async fn wait(&self, needs: Option<Needs>) -> Result<Granted, RequestError> {
        let full = |what| RequestError::UpstreamFull { upstream: self.address.origin.clone(), what };
        let Some(_waiting) = self.room.wait() else {
            return Err(full("max_waiting requests wait for one of its max_connections already"));
        };
        // One that nobody may use holds a slot that somebody could. (The pool's first is its oldest.)
        let oldest = (!self.idle.borrow().is_empty()).then(|| self.idle.borrow_mut().remove(0));
        drop(oldest);
        let handed = async {
            match needs.map(|needs| self.queue.join(needs)) {
                Some(taken) => taken.await.ok(),
                None => None,
            }
        };
        let granted = async {
            tokio::select! {
                biased;
                Some(mut open) = handed => {
                    // It has just been read to its end; hyper may need a moment to see so.
                    match open.ready().await {
                        Ok(()) => Granted::Open(open),
                        Err(_) => Granted::Slot(self.room.take().await),
                    }
                }
                slot = self.room.take() => Granted::Slot(slot),
            }
        };
        let waited = tokio::time::timeout(self.connect_timeout, granted).await;
        waited.map_err(|_| full("none of its max_connections got free within connect_timeout"))
    }

    /// Drops idle connections that are too old or closed, and learns from them whether the upstream keeps any open.
    ///
    /// Called now and then by the worker.
    pub fn sweep(&self) {
        let now = Instant::now();
        if self.room.waiting() > 0 {
            // Somebody on another worker could use what lies about here.
            self.idle.borrow_mut().clear();
        }
        self.idle.borrow_mut().retain(|idle| {
            let (closed, age) = (idle.open.is_closed(), now.duration_since(idle.since));
            if closed {
                self.keeps_open.set(false);
            } else if age >= JUST_USED {
                self.keeps_open.set(true);
            }
            !closed && age < self.idle_timeout
        });
    }

    fn take_idle(&self, repeatable: bool) -> Option<Open> {
        let now = Instant::now();
        let mut idle = self.idle.borrow_mut();
        if !repeatable && !self.keeps_open.get() {
            return None;
        }
        let mut at = idle.len();
        while at > 0 {
            at -= 1;
            let candidate = &idle[at];
            let age = now.duration_since(candidate.since);
            if candidate.open.is_closed() || age >= self.idle_timeout {
                idle.remove(at);
            } else if !repeatable && age >= JUST_USED {
                // Those further down are older still. The new connection will be put on top, so the oldest makes room.
                idle.remove(0);
                break;
            } else if candidate.open.is_ready() {
                return Some(idle.remove(at).open);
            }
            // Not ready: its last exchange is just being put away; the next one down will do.
        }
        None
    }
}

impl Lease {
    /// Sends a request and waits for the answer's head; deadlines are the caller's.
    ///
    /// # Errors
    /// The failure, with the request where not a byte of it was sent.
    pub async fn send(&mut self, request: Request<RequestBody>) -> Result<Response<Incoming>, SendFailure> {
        let reused = self.reused;
        self.open.send(request).await.map_err(|mut failure| {
            let unsent = failure.take_message();
            SendFailure { error: failure.into_error(), unsent, reused }
        })
    }

    /// Whether the connection has served before, so that the upstream may just be closing it.
    pub fn is_reused(&self) -> bool {
        self.reused
    }

    /// The address that it leads to.
    pub fn upstream(&self) -> &Rc<Upstream> {
        &self.upstream
    }

    /// Lets the connection end with this answer, since it is not sure where that ends.
    pub fn retire(&self) {
        self.retired.set(true);
    }

    /// Puts the connection back for reuse, unless it is closed or retired or there are enough; who waits for one gets it
    /// first.
    pub fn give_back(self) {
        let gone = self.open.is_gone();
        if self.retired.get() || gone {
            return;
        }
        let upstream = &self.upstream;
        if upstream.room.waiting() > 0 {
            if !upstream.queue.is_others_turn(&upstream.room) {
                upstream.queue.hand(self.open, upstream.keeps_open.get());
            }
            // What nobody here has taken is closed: its slot goes to who is next.
            return;
        }
        let mut idle = upstream.idle.borrow_mut();
        if idle.len() < MAX_IDLE {
            idle.push(Idle { open: self.open, since: Instant::now() });
        }
    }
}

/// What a request that waited has got.
#[derive(Debug)]
enum Granted {
    /// Room for a connection.
    Slot(Slot),
    /// A connection.
    Open(Open),
}
