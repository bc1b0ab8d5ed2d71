//! What HTTP/2 has in memory of answers that clients do not take, bounded for all connections of a worker together.
//!
//! HTTP/2 takes as much of an answer as its client's windows let it, up to a buffer for each stream. A client that opens its
//! windows wide, asks for many large answers at once and reads none would have all of those buffers filled. So each piece
//! of an answer is counted from being handed to hyper to being written, and a connection gets another one only while
//! it holds less than a quarter of what is left of its worker's share. However many connections take nothing, there is always
//! something left for the next (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches",
//! 1998): n of them hold n/(n + 4) of the share. Whoever holds nothing gets a piece whatever is left.
//!
//! It breaks no answer off: who takes nothing for long is given up by `streams`. Nothing here is touched by another worker.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

/// One connection may hold one part in so many of what is left.
const PART: u64 = 4;

/// What all connections of a worker hold, in bytes.
#[derive(Debug, Default)]
pub struct Owed(AtomicU64);

impl Owed {
    /// Bytes that are held now.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one connection holds.
///
/// Atomic because a piece is `Send`; it never leaves its thread.
#[derive(Debug)]
pub(super) struct Account {
    all: Arc<Owed>,
    /// The worker's share, in bytes.
    share: u64,
    held: AtomicU64,
    /// Streams that may not have their next piece yet.
    waiting: Mutex<Vec<Waker>>,
}

impl Account {
    /// Of a connection that holds nothing.
    pub(super) fn new(all: Arc<Owed>, share: u64) -> Arc<Self> {
        Arc::new(Self { all, share, held: AtomicU64::new(0), waiting: Mutex::default() })
    }

    /// Ready when another piece may be handed over.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        if self.has_room() {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The same bytes, counted until they are dropped.
    pub(super) fn count(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        if bytes.is_empty() {
            return bytes;
        }
        let size = bytes.len() as u64;
        self.held.fetch_add(size, Ordering::Relaxed);
        self.all.0.fetch_add(size, Ordering::Relaxed);
        Bytes::from_owner(Piece { bytes, account: self.clone() })
    }

    fn has_room(&self) -> bool {
        let held = self.held.load(Ordering::Relaxed);
        held == 0 || held < self.share.saturating_sub(self.all.bytes()) / PART
    }

    fn release(&self, size: u64) {
        self.all.0.fetch_sub(size, Ordering::Relaxed);
        let nothing = self.held.fetch_sub(size, Ordering::Relaxed) == size;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // A piece for a piece. The stream that is woken may have ended; when nothing is held any more, all are.
        let woken = if nothing { waiting.len() } else { usize::from(!waiting.is_empty() && self.has_room()) };
        let woken: Vec<Waker> = waiting.drain(..woken).collect();
        drop(waiting);
        woken.into_iter().for_each(Waker::wake);
    }
}

/// A part of an answer that is not written yet.
struct Piece {
    bytes: Bytes,
    account: Arc<Account>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.account.release(self.bytes.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const KIB: u64 = 1024;

    /// Takes all that it may have, in pieces of so many bytes.
    fn fill(account: &Arc<Account>, piece: u64) -> Vec<Bytes> {
        let mut pieces = Vec::new();
        while account.has_room() {
            pieces.push(account.count(vec![0; piece as usize].into()));
        }
        pieces
    }

    #[test]
    fn however_many_take_nothing_the_share_holds_and_there_is_something_left() {
        let (all, share) = (Arc::new(Owed::default()), 1024 * KIB);
        let mut held = Vec::new();
        for number in 1..=200_u64 {
            held.push(fill(&Account::new(all.clone(), share), KIB));
            assert!(all.bytes() <= share + number * KIB, "{number} hold {}", all.bytes());
        }
        assert!(held[0].len() as u64 >= 1024 / (PART + 1), "the first had one part of itself and four");
        assert!(held.iter().all(|pieces| !pieces.is_empty()), "and each had something");
        drop(held);
        assert_eq!(all.bytes(), 0);
    }

    #[tokio::test]
    async fn who_waits_is_woken_when_a_piece_is_written() {
        let account = Account::new(Arc::default(), 64 * KIB);
        let mut pieces = fill(&account, KIB);
        let waiting = {
            let account = account.clone();
            tokio::spawn(async move { poll_fn(|cx| account.poll_room(cx)).await })
        };
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        let mut part = pieces.remove(0);
        let rest = part.split_off(100);
        drop(part);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "a part of it is not written yet");
        drop(rest);
        pieces.truncate(pieces.len() / 2);
        waiting.await.expect("it goes on");
    }
}
