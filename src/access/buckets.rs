//! A token bucket for each address, in a table that all workers share and none locks.
//!
//! Workers have sockets of their own, and the kernel spreads one client's connections
//! over them: buckets of their own would let a client have the limit once per worker.
//! So the limit's state is shared, and is touched only on a route that has a limit.
//! Each bucket is one word that is exchanged atomically: no worker ever waits for
//! another, nothing is allocated, and the table never grows.
//!
//! A bucket is kept as the time at which it will be full again (GCRA, ITU-T I.371,
//! which counts exactly as a token bucket does). One that is full may be forgotten,
//! so whoever has been quiet for as long as a burst takes leaves the table by itself.
//!
//! It forgets nobody in an attacker's favour: where a set is full of addresses that
//! all asked lately, a newcomer takes the fullest bucket over *as it is*. Strangers
//! may then wait for one another, and never does anybody get more than their due.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Buckets of one set: an address has its place in one of these, a cache line on every usual machine.
const WAYS: usize = 8;

/// Sets of a table: with [`WAYS`] 16,384 addresses within a burst's time, in 128 KiB.
const SETS: usize = 2048;

/// Of the word that a bucket is, this much is the time and the rest says whose it is.
///
/// Seven years of [`TICK`]; 23 bits for the address beside the 11 that the set's number says: two addresses of one set
/// are taken for one another once in eight million, by a hash that nobody outside can compute.
const TIME_BITS: u32 = 41;
const TIME: u64 = (1 << TIME_BITS) - 1;

/// What time is counted in: a tenth of the shortest interval, so that no rate is off by more than that.
const TICK: Duration = Duration::from_micros(100);

/// The shortest time between two requests that a limit may give back: 1,000 a second from one address is no limit.
pub const SHORTEST: Duration = Duration::from_millis(1);

/// How much, and how much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long until one more request is given back.
    pub interval: Duration,
    /// How many an address that was quiet may send at once.
    pub burst: u32,
}

/// The buckets of one limit.
pub struct Buckets {
    /// In ticks.
    interval: u64,
    /// How far ahead of now a bucket's time may be: a burst's worth, in ticks.
    tolerance: u64,
    hash: RandomState,
    epoch: Instant,
    slots: Box<[AtomicU64]>,
}

/// An address's part of a table's words.
struct Whose<'b> {
    set: &'b [AtomicU64],
    tag: u64,
}

impl Buckets {
    /// Buckets that are all full.
    pub fn new(pace: Pace) -> Self {
        let interval = ticks(pace.interval.max(SHORTEST));
        Self {
            interval,
            tolerance: interval.saturating_mul(pace.burst.max(1).into()).min(TIME / 2),
            hash: RandomState::new(),
            epoch: Instant::now(),
            slots: (0..SETS * WAYS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Takes one request of an address out of its bucket.
    ///
    /// # Errors
    /// How long until there is one again.
    pub fn take(&self, address: IpAddr) -> Result<(), Duration> {
        self.take_at(address, self.now())
    }

    /// Puts one back that was taken: what it was taken for turned out not to count.
    pub fn give_back(&self, address: IpAddr) {
        let Whose { set, tag } = self.whose(address);
        for slot in set {
            slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
                (word >> TIME_BITS == tag).then(|| word_of(tag, (word & TIME).saturating_sub(self.interval)))
            })
            .ok();
        }
    }

    fn take_at(&self, address: IpAddr, now: u64) -> Result<(), Duration> {
        let Whose { set, tag } = self.whose(address);
        loop {
            let (slot, seen) = choose(set, tag, now);
            // A bucket that was another's is no emptier for a newcomer than an empty one of theirs would be.
            let full_at = (seen & TIME).clamp(now, now + self.tolerance) + self.interval;
            if full_at > now + self.tolerance {
                return Err(TICK * u32::try_from(full_at - now - self.tolerance).unwrap_or(u32::MAX));
            }
            // Only this word is looked at: nothing else has to be seen in order.
            let taken = slot.compare_exchange_weak(seen, word_of(tag, full_at), Ordering::Relaxed, Ordering::Relaxed);
            if taken.is_ok() {
                return Ok(());
            }
        }
    }

    fn now(&self) -> u64 {
        // Begins beyond 0, so that a word of zeros is a bucket that has been full for ever.
        ticks(self.epoch.elapsed()).saturating_add(1).min(TIME / 2)
    }

    fn whose(&self, address: IpAddr) -> Whose<'_> {
        let hash = self.hash.hash_one(house(address));
        let sets = u64::try_from(SETS).unwrap_or(1);
        let set = usize::try_from(hash % sets).unwrap_or(0) * WAYS;
        Whose { set: &self.slots[set..set + WAYS], tag: hash >> TIME_BITS }
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buckets").finish_non_exhaustive()
    }
}

/// The address's own slot, else one that is full and thus nobody's, else the one that will be full first.
fn choose(set: &[AtomicU64], tag: u64, now: u64) -> (&AtomicU64, u64) {
    let mut first: Option<(&AtomicU64, u64)> = None;
    for slot in set {
        let word = slot.load(Ordering::Relaxed);
        if word >> TIME_BITS == tag && word & TIME > now {
            return (slot, word);
        }
        // The first of several that are full: whoever comes at the same moment on another worker takes the same.
        let fuller = |seen: u64| (word & TIME).max(now) < (seen & TIME).max(now);
        if first.is_none_or(|(_, seen)| fuller(seen)) {
            first = Some((slot, word));
        }
    }
    first.unwrap_or((&set[0], 0))
}

fn word_of(tag: u64, time: u64) -> u64 {
    (tag << TIME_BITS) | (time & TIME)
}

fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_nanos() / TICK.as_nanos()).unwrap_or(TIME).min(TIME)
}

/// What counts as one: an IPv4 address, or the first 64 bits of an IPv6 one, which a house has to itself.
fn house(address: IpAddr) -> (bool, u64) {
    match address.to_canonical() {
        IpAddr::V4(it) => (false, it.to_bits().into()),
        IpAddr::V6(it) => (true, u64::try_from(it.to_bits() >> 64).unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests;
