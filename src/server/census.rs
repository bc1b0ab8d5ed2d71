//! Who is connected: in all and per address, held against `[limits]`; and what was refused.
//!
//! All workers share one. It is touched when a connection or a tunnel begins and when it ends, never by a request:
//! a counter for the whole, a table in 64 parts for the addresses, so that workers seldom meet at a lock.
//!
//! When all places are taken, a few more may wait: their handshake is made, and their first request is answered
//! with 503 unless a place has become free by then. Beyond those a connection is closed unread, since whoever floods
//! a server must not have it calculate.

mod refusal;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use crate::config::model::{Limits, PerAddress};
use crate::log::seldom::Seldom;

pub use refusal::Refusal;

use super::owed::Owed;

/// Parts of the table of addresses: far more than workers.
const PARTS: usize = 64;

/// Connections beyond the limits that are told why, at once: an overloaded server still answers a few people in
/// words, and 64 handshakes are a tenth of a second's work.
const WAITING: usize = 64;

/// Everybody who is connected.
#[derive(Debug)]
pub struct Census {
    most: Most,
    connections: AtomicUsize,
    waiting: AtomicUsize,
    tunnels: AtomicUsize,
    parts: [Mutex<HashMap<Address, Held>>; PARTS],
    random: RandomState,
    refused: [AtomicU64; Refusal::ALL.len()],
    full: Seldom,
    /// Workers that accept, 1 at least.
    workers: AtomicU64,
    /// What each worker holds of answers over HTTP/2.
    owed: Mutex<Vec<Weak<Owed>>>,
    /// Told when there is no place left: whoever holds idle connections lets some go.
    crowded: Notify,
}

/// The limits that hold now.
#[derive(Debug, Default)]
struct Most {
    connections: AtomicUsize,
    tunnels: AtomicUsize,
    connections_per_address: MostPerAddress,
    tunnels_per_address: MostPerAddress,
}

#[derive(Debug, Default)]
struct MostPerAddress {
    most: AtomicUsize,
    loopback: AtomicBool,
}

impl MostPerAddress {
    fn set(&self, limit: PerAddress) {
        self.most.store(limit.most.get(), Ordering::Relaxed);
        self.loopback.store(limit.loopback, Ordering::Relaxed);
    }

    /// What counts together with this address; `None` where it is not counted.
    fn address(&self, ip: IpAddr) -> Option<Address> {
        (!ip.is_loopback() || self.loopback.load(Ordering::Relaxed)).then(|| Address::of(ip))
    }
}

/// What counts as one client: an IPv4 address, or the /64 that an IPv6 network gives to one house (RFC 6177).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Address {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl Address {
    fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip.octets()),
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, g, h, ..] = ip.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// What one address holds.
#[derive(Debug, Default, Clone, Copy)]
struct Held {
    connections: usize,
    tunnels: usize,
}

/// Which of the two is counted.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Connection,
    Tunnel,
}

impl Held {
    fn of(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Connection => &mut self.connections,
            Kind::Tunnel => &mut self.tunnels,
        }
    }
}

/// A connection's place; given back when dropped.
#[derive(Debug)]
pub struct Seat {
    census: Arc<Census>,
    /// Where it counts for its address.
    address: Option<Address>,
    /// It has no place yet and is one of the few that wait for one.
    waiting: AtomicBool,
}

/// A tunnel's place; given back when dropped.
#[derive(Debug)]
pub struct Passage {
    census: Arc<Census>,
    address: Option<Address>,
}

impl Census {
    /// Nobody yet.
    pub fn new(limits: &Limits) -> Self {
        let census = Self {
            most: Most::default(),
            connections: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            tunnels: AtomicUsize::new(0),
            parts: std::array::from_fn(|_| Mutex::default()),
            random: RandomState::new(),
            refused: std::array::from_fn(|_| AtomicU64::new(0)),
            full: Seldom::new(),
            workers: AtomicU64::new(1),
            owed: Mutex::default(),
            crowded: Notify::new(),
        };
        census.adopt(limits);
        census
    }

    /// Other limits from now on; who is in stays in.
    pub fn adopt(&self, limits: &Limits) {
        self.most.connections.store(limits.connections.get(), Ordering::Relaxed);
        self.most.tunnels.store(limits.tunnels.get(), Ordering::Relaxed);
        self.most.connections_per_address.set(limits.connections_per_address);
        self.most.tunnels_per_address.set(limits.tunnels_per_address);
    }

    /// A connection comes in from this address. `speaks_for_many` is a proxy, whose clients are no one client.
    ///
    /// # Errors
    /// Which limit was met, where not even a place to wait is left.
    pub fn enter(self: &Arc<Self>, ip: IpAddr, speaks_for_many: bool) -> Result<Seat, Refusal> {
        let address = self.most.connections_per_address.address(ip).filter(|_| !speaks_for_many);
        let seat = |waiting| Seat { census: self.clone(), address, waiting: AtomicBool::new(waiting) };
        let refusal = match self.take(address) {
            Ok(()) => return Ok(seat(false)),
            Err(refusal) => refusal,
        };
        if refusal == Refusal::Connections {
            self.crowd();
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) < WAITING {
            return Ok(seat(true));
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.refuse_place(refusal, ip);
        Err(refusal)
    }

    /// A tunnel begins for this client.
    ///
    /// # Errors
    /// Which limit was met.
    pub fn dig(self: &Arc<Self>, client: IpAddr) -> Result<Passage, Refusal> {
        let address = self.most.tunnels_per_address.address(client);
        let taken = match self.tunnels.fetch_add(1, Ordering::Relaxed) < self.most.tunnels.load(Ordering::Relaxed) {
            true if self.add(address, Kind::Tunnel) => return Ok(Passage { census: self.clone(), address }),
            true => Refusal::TunnelsPerAddress,
            false => Refusal::Tunnels,
        };
        self.tunnels.fetch_sub(1, Ordering::Relaxed);
        self.refuse_place(taken, client);
        Err(taken)
    }

    /// Counts a refusal.
    pub fn refuse(&self, refusal: Refusal) {
        self.refused[refusal as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the refusal of a place and says so, though not each time: floods come in thousands.
    fn refuse_place(&self, refusal: Refusal, client: IpAddr) {
        self.refuse(refusal);
        if let Some(times) = self.full.happens() {
            tracing::warn!(%client, times, "{}", refusal.words());
        }
    }

    /// How often each limit was met.
    pub fn refusals(&self) -> impl Iterator<Item = (Refusal, u64)> {
        Refusal::ALL.into_iter().map(|refusal| (refusal, self.refused[refusal as usize].load(Ordering::Relaxed)))
    }

    /// How many workers accept.
    pub fn workers(&self) -> u64 {
        self.workers.load(Ordering::Relaxed)
    }

    /// Notes how many workers accept.
    pub fn set_workers(&self, workers: usize) {
        self.workers.store(workers.max(1) as u64, Ordering::Relaxed);
    }

    /// What a worker that begins counts its answers by.
    pub fn join(&self) -> Arc<Owed> {
        let owed = Arc::<Owed>::default();
        let mut all = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|owed| owed.strong_count() > 0);
        all.push(Arc::downgrade(&owed));
        owed
    }

    /// Bytes of answers over HTTP/2 that clients have yet to take.
    pub fn owed(&self) -> usize {
        let all = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).map(|owed| owed.bytes() as usize).sum()
    }

    /// Connections that have a place.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Open tunnels.
    pub fn tunnels(&self) -> usize {
        self.tunnels.load(Ordering::Relaxed)
    }

    /// The limits of both.
    pub fn most(&self) -> (usize, usize) {
        (self.most.connections.load(Ordering::Relaxed), self.most.tunnels.load(Ordering::Relaxed))
    }

    /// Asks whoever holds idle connections to let some go.
    pub fn crowd(&self) {
        self.crowded.notify_waiters();
    }

    /// Ready when idle connections are to go.
    pub async fn crowded(&self) {
        self.crowded.notified().await;
    }

    fn take(&self, address: Option<Address>) -> Result<(), Refusal> {
        let refusal =
            match self.connections.fetch_add(1, Ordering::Relaxed) < self.most.connections.load(Ordering::Relaxed) {
                true if self.add(address, Kind::Connection) => return Ok(()),
                true => Refusal::ConnectionsPerAddress,
                false => Refusal::Connections,
            };
        self.connections.fetch_sub(1, Ordering::Relaxed);
        Err(refusal)
    }

    fn part(&self, address: Address) -> MutexGuard<'_, HashMap<Address, Held>> {
        // The remainder is below PARTS.
        let part = (self.random.hash_one(address) % PARTS as u64) as usize;
        // Numbers are whole at every moment.
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more of this address, unless it has as many as it may.
    fn add(&self, address: Option<Address>, kind: Kind) -> bool {
        let Some(address) = address else { return true };
        let most = match kind {
            Kind::Connection => &self.most.connections_per_address,
            Kind::Tunnel => &self.most.tunnels_per_address,
        };
        let mut part = self.part(address);
        let held = part.entry(address).or_default();
        let count = held.of(kind);
        let room = *count < most.most.load(Ordering::Relaxed);
        if room {
            *count += 1;
        }
        room
    }

    /// One less; an address that holds nothing is forgotten.
    fn sub(&self, address: Option<Address>, kind: Kind) {
        let Some(address) = address else { return };
        let mut part = self.part(address);
        let Some(held) = part.get_mut(&address) else { return };
        let count = held.of(kind);
        *count = count.saturating_sub(1);
        if held.connections == 0 && held.tunnels == 0 {
            part.remove(&address);
        }
    }
}

impl Seat {
    /// Whether it still waits for a place.
    pub fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Takes a place if one has become free.
    ///
    /// # Errors
    /// Which limit is still met.
    pub fn take_place(&self) -> Result<(), Refusal> {
        self.census.take(self.address)?;
        self.waiting.store(false, Ordering::Relaxed);
        self.census.waiting.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    /// Counts that it was told to go.
    pub fn turned_away(&self, refusal: Refusal, ip: IpAddr) {
        self.census.refuse_place(refusal, ip);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.is_waiting() {
            self.census.waiting.fetch_sub(1, Ordering::Relaxed);
        } else {
            self.census.sub(self.address, Kind::Connection);
            self.census.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.census.sub(self.address, Kind::Tunnel);
        self.census.tunnels.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
