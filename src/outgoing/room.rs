//! How many connections an upstream may have, and how many requests may wait for one.
//!
//! [`Room`] counts for all workers together and is asked only where a connection
//! opens or closes: a request on a connection that is open already does not see it.
//! A [`Queue`] is one worker's, so that a connection that gets free there goes to
//! who has waited longest.
//!
//! A tunnel leaves the room: it has a limit of its own, and would otherwise keep
//! requests out for hours.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::model::Proxy;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// See `max_connections` and `max_waiting` of a proxy route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Connections to one upstream.
    pub(super) connections: usize,
    /// Requests that wait for one.
    pub(super) waiting: usize,
}

impl Limits {
    /// As many as there may be.
    pub(super) const NONE: Self = Self { connections: Semaphore::MAX_PERMITS, waiting: usize::MAX };

    /// Those of a route.
    pub(super) fn of(proxy: &Proxy) -> Self {
        Self { connections: proxy.max_connections.get(), waiting: proxy.max_waiting }
    }
}

/// The connections of one upstream, of all workers.
#[derive(Debug)]
pub(super) struct Room {
    slots: Arc<Semaphore>,
    limits: Limits,
    waiting: AtomicUsize,
}

/// The right to one connection, as long as it is held.
#[derive(Debug)]
pub(super) struct Slot(#[expect(dead_code, reason = "it counts by being there")] OwnedSemaphorePermit);

/// Counts one that waits.
#[derive(Debug)]
pub(super) struct Waiting<'r>(&'r Room);

impl Room {
    pub(super) fn new(limits: Limits) -> Self {
        Self { slots: Arc::new(Semaphore::new(limits.connections)), limits, waiting: AtomicUsize::new(0) }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// A slot, where one is free and nobody waits for it.
    pub(super) fn try_take(&self) -> Option<Slot> {
        self.slots.clone().try_acquire_owned().ok().map(Slot)
    }

    /// A slot in its turn.
    pub(super) async fn take(&self) -> Slot {
        // Nobody ever closes it.
        let permit = self.slots.clone().acquire_owned().await.expect("a semaphore that is never closed");
        Slot(permit)
    }

    /// A place among those that wait, where there is one.
    pub(super) fn wait(&self) -> Option<Waiting<'_>> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(self);
        (before < self.limits.waiting).then_some(waiting)
    }

    /// Connections that are open or being opened.
    pub(super) fn open(&self) -> usize {
        self.limits.connections - self.slots.available_permits()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn is_full(&self) -> bool {
        self.slots.available_permits() == 0
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who waits on one worker, first come first served.
#[derive(Debug)]
pub(super) struct Queue<C> {
    waiting: RefCell<VecDeque<(oneshot::Sender<C>, Needs)>>,
    handed: Cell<u8>,
}

/// What a connection must be for who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Any that is open.
    Any,
    /// One that certainly is not just being closed.
    Sure,
}

/// Of so many connections that get free one is closed where other workers wait: its slot goes to who is next of all.
const FOR_OTHERS: u8 = 4;

impl<C> Default for Queue<C> {
    fn default() -> Self {
        Self { waiting: RefCell::default(), handed: Cell::new(0) }
    }
}

impl<C> Queue<C> {
    /// Lines up for a connection.
    pub(super) fn join(&self, needs: Needs) -> oneshot::Receiver<C> {
        let (give, taken) = oneshot::channel();
        let mut waiting = self.waiting.borrow_mut();
        waiting.retain(|(give, _)| !give.is_closed());
        waiting.push_back((give, needs));
        taken
    }

    /// Hands a connection to who has waited longest; gives it back where nobody wants it.
    ///
    /// `sure` says whether it certainly is not just being closed.
    pub(super) fn hand(&self, mut connection: C, sure: bool) -> Option<C> {
        let mut waiting = self.waiting.borrow_mut();
        loop {
            let fits =
                |(give, needs): &(oneshot::Sender<C>, Needs)| !give.is_closed() && (sure || *needs == Needs::Any);
            let Some((give, _)) = waiting.iter().position(fits).and_then(|at| waiting.remove(at)) else {
                return Some(connection);
            };
            match give.send(connection) {
                Ok(()) => return None,
                Err(returned) => connection = returned,
            }
        }
    }

    /// Whether it is the turn of other workers' requests, where any wait.
    pub(super) fn is_others_turn(&self, room: &Room) -> bool {
        let here = self.waiting.borrow().iter().filter(|(give, _)| !give.is_closed()).count();
        if room.waiting() <= here {
            return false;
        }
        let handed = (self.handed.get() + 1) % FOR_OTHERS;
        self.handed.set(handed);
        here == 0 || handed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_room_holds_as_many_as_it_may_and_as_many_wait() {
        let room = Room::new(Limits { connections: 1, waiting: 1 });
        let slot = room.try_take().expect("room for one");
        assert!(room.try_take().is_none() && room.is_full() && room.open() == 1);
        let first = room.wait().expect("one may wait");
        assert!(room.wait().is_none(), "and no second one");
        assert_eq!(room.waiting(), 1, "who may not wait is not counted");
        drop((first, slot));
        assert_eq!((room.waiting(), room.open()), (0, 0));
        let _slot = room.take().await;
        assert!(room.is_full());
    }

    #[test]
    fn a_free_connection_goes_to_who_waited_longest_and_can_take_it() {
        let queue = Queue::default();
        let (gone, mut sure, mut any) = (queue.join(Needs::Any), queue.join(Needs::Sure), queue.join(Needs::Any));
        drop(gone);
        assert_eq!(queue.hand(1, false), None);
        assert_eq!(any.try_recv(), Ok(1), "the one before wants a surer one");
        assert_eq!(queue.hand(2, true), None);
        assert_eq!(sure.try_recv(), Ok(2));
        assert_eq!(queue.hand(3, true), Some(3), "nobody waits");
    }

    #[test]
    fn who_waits_on_other_workers_is_not_forgotten() {
        let room = Room::new(Limits { connections: 1, waiting: 8 });
        let queue = Queue::<u8>::default();
        let _here = queue.join(Needs::Any);
        let _counted = room.wait();
        assert!((0..8).all(|_| !queue.is_others_turn(&room)), "nobody else waits");
        let _other = room.wait();
        assert_eq!((0..8).filter(|_| queue.is_others_turn(&room)).count(), 2);
    }
}
