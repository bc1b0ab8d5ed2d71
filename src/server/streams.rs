//! HTTP/2's streams, each a task on this worker's thread, given up when its client takes nothing of its answer.
//!
//! On HTTP/1 a socket that takes no byte shows that nobody reads. On HTTP/2 one
//! stream's window may stay shut while its connection lives on by answering
//! pings, and hyper would wait for it for ever, an upstream's connection in its
//! hand. It does not tell a shut window from one that another stream of the
//! connection keeps waiting: as long as the connection takes anything, all wait.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Poll, ready};

use hyper::rt::Executor;
use tokio::time::{Instant, Sleep, sleep_until};

use super::conn::Connection;

/// What a connection writes in its patience at least if a client takes data. Pings, of some 50 bytes every 30 s, are less.
const TRICKLE: u64 = 1024;

/// Whether the client of one stream takes its answer, told by the answer's body.
#[derive(Debug, Default)]
pub(super) struct Taking(Cell<Option<Instant>>);

impl Taking {
    /// A part was handed over, and the next is not asked for before it is taken.
    pub(super) fn handed_over(&self) {
        self.0.set(Some(Instant::now()));
    }

    /// The next part is asked for.
    pub(super) fn asked_for(&self) {
        self.0.set(None);
    }
}

/// Spawns the streams of one connection.
#[derive(Debug, Clone)]
pub(super) struct Streams(pub(super) Rc<Connection>);

impl<F> Executor<F> for Streams
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        // hyper makes a stream right after it has called the service; what else it spawns belongs to tunnels.
        match self.0.newest.take() {
            Some(taking) => drop(tokio::task::spawn_local(while_taken(future, taking, self.0.clone()))),
            None => drop(tokio::task::spawn_local(future)),
        }
    }
}

/// Runs a stream to its end or, which resets it, until its client has taken nothing for the connection's patience.
async fn while_taken<F: Future>(stream: F, taking: Rc<Taking>, connection: Rc<Connection>) {
    let mut stream = pin!(stream);
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    let mut written = 0;
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        while let Some(since) = taking.0.get() {
            let patience = connection.manners.patience();
            let timer = timer.get_or_insert_with(|| {
                written = connection.manners.written();
                Box::pin(sleep_until(since + patience))
            });
            ready!(timer.as_mut().poll(cx));
            let now = connection.manners.written();
            if since + patience > Instant::now() {
                timer.as_mut().reset(since + patience);
            } else if now - written >= TRICKLE {
                timer.as_mut().reset(Instant::now() + patience);
            } else {
                tracing::debug!(client = %connection.peer, ?patience, "gave up a stream whose client took nothing");
                return Poll::Ready(());
            }
            written = now;
        }
        Poll::Pending
    })
    .await;
}
