//! The body of a request, which on HTTP/2 may outlive its answer for a moment.
//!
//! A body that is dropped unread resets its stream with NO_ERROR (RFC 9113 section 8.1). Some clients, curl 7.88
//! among them, take that for a failure of the answer that came just before, so that a 413 reaches nobody. What is
//! left of such an upload is read and thrown away for a while, as a closing HTTP/1 connection does with its bytes.
//!
//! It takes nothing from whoever still reads: a body is thrown away only when its reader has let go of it.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// How long between two bytes, how long in all, and how many, what a client still sends is read after its answer.
/// nginx's `lingering_timeout` and `lingering_time` are 5 s and 30 s too.
pub const LINGER: Duration = Duration::from_secs(5);
/// See [`LINGER`].
pub const LINGER_TIME: Duration = Duration::from_secs(30);
/// See [`LINGER`].
pub const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// The body of a request, as its reader holds it.
#[derive(Debug)]
pub struct Upload(Held);

#[derive(Debug)]
enum Held {
    Alone(Incoming),
    Shared { incoming: Rc<RefCell<Incoming>>, _reading: oneshot::Sender<()> },
}

/// The other hold on an [`Upload`]: what is left of it when the answer is done.
#[derive(Debug)]
pub struct Leftover {
    incoming: Rc<RefCell<Incoming>>,
    reading: oneshot::Receiver<()>,
}

impl Upload {
    /// A body that ends with its reader.
    pub fn new(incoming: Incoming) -> Self {
        Self(Held::Alone(incoming))
    }

    /// A body of which something may be left.
    pub fn shared(incoming: Incoming) -> (Self, Leftover) {
        let incoming = Rc::new(RefCell::new(incoming));
        let (sender, reading) = oneshot::channel();
        (Self(Held::Shared { incoming: incoming.clone(), _reading: sender }), Leftover { incoming, reading })
    }

    fn with<T>(&self, look: impl FnOnce(&Incoming) -> T) -> T {
        match &self.0 {
            Held::Alone(incoming) => look(incoming),
            Held::Shared { incoming, .. } => look(&incoming.borrow()),
        }
    }
}

impl Leftover {
    /// Throws away what is left, once the answer is done and the reader gone.
    pub async fn discard(self, answered: oneshot::Receiver<()>) {
        // Neither sends anything: a dropped sender is the word.
        answered.await.ok();
        self.reading.await.ok();
        let Ok(incoming) = Rc::try_unwrap(self.incoming) else { return };
        let (mut incoming, mut left) = (incoming.into_inner(), LINGER_BYTES);
        let end = Instant::now() + LINGER_TIME;
        while let Ok(Some(Ok(frame))) = timeout_at((Instant::now() + LINGER).min(end), incoming.frame()).await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.get_mut().0 {
            Held::Alone(incoming) => Pin::new(incoming).poll_frame(cx),
            Held::Shared { incoming, .. } => Pin::new(&mut *incoming.borrow_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.with(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.with(Body::size_hint)
    }
}
