//! What may happen a thousand times a second is said now and then, with how often it happened.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// From one line to the next.
const EVERY: Duration = Duration::from_secs(10);

/// Times are counted from here.
static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Counts something and says when it is time to tell of it.
#[derive(Debug)]
pub struct Seldom {
    /// Milliseconds from [`BEGIN`] before which nothing is told.
    next: AtomicU64,
    count: AtomicU64,
}

impl Seldom {
    /// Nothing has happened yet.
    pub const fn new() -> Self {
        Self { next: AtomicU64::new(0), count: AtomicU64::new(0) }
    }

    /// It happens. How often it did since it was told of last, this time included, where it is time to tell.
    pub fn happens(&self) -> Option<u64> {
        self.count.fetch_add(1, Ordering::Relaxed);
        let now = millis(BEGIN.elapsed());
        let next = self.next.load(Ordering::Relaxed);
        let due = now >= next
            && self.next.compare_exchange(next, now + millis(EVERY), Ordering::Relaxed, Ordering::Relaxed).is_ok();
        due.then(|| self.count.swap(0, Ordering::Relaxed))
    }
}

impl Default for Seldom {
    fn default() -> Self {
        Self::new()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_is_told_and_the_next_ones_are_counted() {
        let seldom = Seldom::new();
        assert_eq!(seldom.happens(), Some(1));
        for _ in 0..1000 {
            assert_eq!(seldom.happens(), None);
        }
        seldom.next.store(0, Ordering::Relaxed);
        assert_eq!(seldom.happens(), Some(1001));
    }
}
