//! The connections of one worker, so that those that nobody uses can go when there is no place for others.
//!
//! As nginx and HAProxy do: an idle connection is a courtesy to a client that may come back, and the first to go.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::time::Instant;

use super::conn::{Away, Connection};

/// Connections let go at once: few enough that a moment's crowd does not cost everybody theirs. nginx's number, too.
const AT_ONCE: usize = 32;

/// A worker's connections, in no order.
#[derive(Debug, Default)]
pub struct Crowd(RefCell<Vec<Rc<Connection>>>);

/// A connection's stay among them.
#[derive(Debug)]
pub(super) struct Stay(Rc<Connection>);

impl Crowd {
    /// Takes a connection in until its stay is dropped.
    pub(super) fn join(&self, connection: &Rc<Connection>) -> Stay {
        let mut all = self.0.borrow_mut();
        connection.place.set(all.len());
        all.push(connection.clone());
        Stay(connection.clone())
    }

    /// Lets those go that have been idle for longest.
    pub(super) fn thin_out(&self) {
        let all = self.0.borrow();
        let mut idle: Vec<(Instant, &Rc<Connection>)> = all
            .iter()
            .filter(|connection| connection.is_idle() && connection.asked.get() > 0)
            .map(|connection| (connection.last.get(), connection))
            .collect();
        if idle.len() > AT_ONCE {
            idle.select_nth_unstable_by_key(AT_ONCE, |(since, _)| *since);
            idle.truncate(AT_ONCE);
        }
        for (_, connection) in idle {
            connection.send_away(Away::IfIdle);
        }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let place = self.0.place.get();
        let mut all = self.0.worker.crowd.0.borrow_mut();
        all.swap_remove(place);
        if let Some(moved) = all.get(place) {
            moved.place.set(place);
        }
    }
}
