//! What a client's connection and whoever serves requests on it tell each other: patience, lingering, limits that were met.
//!
//! Atomic because hyper wants a connection that could move between threads; it never does. It decides nothing by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::census::Refusal;

/// Until a connection's limits are known, a client may take this long to take a byte.
const PATIENCE: Duration = Duration::from_secs(60);

/// How patient a connection is, whether it lingers, how much was written; shared with whoever serves requests on it.
#[derive(Debug, Clone)]
pub struct Manners(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    patience: AtomicU64,
    linger: AtomicBool,
    answering: AtomicBool,
    cut: AtomicBool,
    written: AtomicU64,
    begin: Instant,
    /// When the head that is being read began: milliseconds from `begin`, and one; 0 where none has.
    head_since: AtomicU64,
    greeted: AtomicBool,
    /// Nothing is read any more; the client may be told why.
    over: AtomicU8,
    met: AtomicU8,
}

/// Why nothing is read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Nobody asks for more.
    InOrder,
    /// The head did not come in time, and the client has not been told yet.
    TooSlow,
}

/// Values of `over`.
const OPEN: u8 = 0;
const OVER: u8 = 1;
const OVER_TOO_SLOW: u8 = 2;

/// The value of `met` where no limit was; else a [`Refusal`]'s number and one.
const NOTHING: u8 = 0;

impl Manners {
    /// Those of a connection of which nothing is known yet.
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared {
            patience: AtomicU64::new(millis(PATIENCE)),
            linger: AtomicBool::new(false),
            answering: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            written: AtomicU64::new(0),
            begin: Instant::now(),
            head_since: AtomicU64::new(0),
            greeted: AtomicBool::new(false),
            over: AtomicU8::new(OPEN),
            met: AtomicU8::new(NOTHING),
        }))
    }

    /// When the head that is being read began, if one is.
    pub(super) fn head_since(&self) -> Option<Instant> {
        let since = self.0.head_since.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.0.begin + Duration::from_millis(since))
    }

    /// A head has begun to come, unless one had before.
    pub(super) fn begin_head(&self) {
        if self.0.head_since.load(Ordering::Relaxed) == 0 {
            self.0.head_since.store(millis(self.0.begin.elapsed()) + 1, Ordering::Relaxed);
        }
    }

    /// The head has come, or none is on its way.
    pub(super) fn end_head(&self) {
        self.0.head_since.store(0, Ordering::Relaxed);
    }

    /// Whether the client has said that it speaks HTTP/2.
    pub(super) fn has_greeted(&self) -> bool {
        self.0.greeted.load(Ordering::Relaxed)
    }

    /// Notes whether the client has said that it speaks HTTP/2.
    pub(super) fn set_greeted(&self, greeted: bool) {
        self.0.greeted.store(greeted, Ordering::Relaxed);
    }

    /// Whether nothing is read any more.
    pub(super) fn over(&self) -> Option<Over> {
        match self.0.over.load(Ordering::Relaxed) {
            OPEN => None,
            OVER_TOO_SLOW => Some(Over::TooSlow),
            _ => Some(Over::InOrder),
        }
    }

    /// Nothing more is read; a client whose head came too slowly is told so.
    pub(super) fn end(&self, too_slow: bool) {
        self.0.over.store(if too_slow { OVER_TOO_SLOW } else { OVER }, Ordering::Relaxed);
    }

    /// The limit that the client met and was cut off for.
    pub(super) fn met(&self) -> Option<Refusal> {
        let met = self.0.met.load(Ordering::Relaxed).checked_sub(1)?;
        Refusal::ALL.get(usize::from(met)).copied()
    }

    /// Notes the limit that the client met.
    pub(super) fn set_met(&self, refusal: Refusal) {
        self.0.met.store(refusal as u8 + 1, Ordering::Relaxed);
    }

    /// How long a write may make no progress from now on.
    pub fn set_patience(&self, patience: Duration) {
        self.0.patience.store(millis(patience), Ordering::Relaxed);
    }

    /// Whether the client may still be sending when the connection is closed.
    pub fn set_linger(&self, linger: bool) {
        self.0.linger.store(linger, Ordering::Relaxed);
    }

    /// Whether a request of HTTP/1 is being answered, so that the client's end may be a half-close.
    pub fn set_answering(&self, answering: bool) {
        self.0.answering.store(answering, Ordering::Relaxed);
        if answering {
            self.end_head();
        }
    }

    /// The answer broke off, and nothing but the connection's end says that it is over.
    pub fn set_cut(&self) {
        self.0.cut.store(true, Ordering::Relaxed);
    }

    /// Whether it did.
    pub(super) fn is_cut(&self) -> bool {
        self.0.cut.load(Ordering::Relaxed)
    }

    /// Whether a request of HTTP/1 is being answered.
    pub(super) fn answering(&self) -> bool {
        self.0.answering.load(Ordering::Relaxed)
    }

    /// Bytes that the client took so far.
    pub fn written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }

    /// The client took so many more.
    pub(super) fn count_written(&self, count: usize) {
        // Nobody else writes it, so nothing is lost between the two.
        self.0.written.store(self.written() + count as u64, Ordering::Relaxed);
    }

    /// How long a write may make no progress.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.0.patience.load(Ordering::Relaxed))
    }

    /// Whether the client may still be sending.
    pub(super) fn linger(&self) -> bool {
        self.0.linger.load(Ordering::Relaxed)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
