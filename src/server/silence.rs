//! How long a connection may be silent: between two requests, within a head, and when it was asked to go.
//!
//! One timer a connection, set anew only when it rings: a request costs no timer. What a request does while it is
//! answered has deadlines of its own.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::conn::{Away, Connection};

/// An HTTP/2 connection that was told to go and has nothing open goes without its client's agreement after this long.
const GOODBYE: Duration = Duration::from_secs(5);

/// Why a connection should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nothing was asked for too long.
    Idle,
    /// A head began and did not end in time.
    Head,
    /// It is to end in order, whatever is open.
    Asked,
}

/// Ready when the connection should end. `leaving` has told its client so already.
pub(super) async fn of(connection: &Connection, idle: Duration, leaving: bool) -> Silence {
    let idle = if leaving { idle.min(GOODBYE) } else { idle };
    let head = connection.limits.head_timeout;
    let first = idle.min(head);
    let begin = if leaving { Instant::now() } else { connection.last.get() };
    let mut timer = pin!(sleep_until(begin + first));
    poll_fn(|cx| {
        loop {
            match connection.away.get() {
                Away::Stays => {}
                Away::InOrder if leaving => {}
                Away::InOrder => return Poll::Ready(Silence::Asked),
                Away::IfIdle => {
                    connection.away.set(Away::Stays);
                    if connection.is_idle() {
                        return Poll::Ready(Silence::Idle);
                    }
                }
            }
            ready!(timer.as_mut().poll(cx));
            let now = Instant::now();
            let last = connection.last.get().max(begin);
            let (deadline, why) = match (connection.manners.head_since(), connection.open.get()) {
                (Some(since), _) => (since + head, Silence::Head),
                (None, 1..) => (now + first, Silence::Idle),
                // Who has asked for nothing yet is given the time of a head.
                (None, 0) if connection.asked.get() == 0 && !connection.manners.has_greeted() => {
                    (last + first, Silence::Idle)
                }
                (None, 0) => (last + idle, Silence::Idle),
            };
            if deadline <= now {
                return Poll::Ready(why);
            }
            // A head that begins right now ends it no sooner.
            timer.as_mut().reset(deadline.min(now + head));
        }
    })
    .await
}
