//! Bodies on their way: the client's towards the upstream, the upstream's towards the client.
//!
//! Both stream with bounded memory and both have a deadline between bytes. The
//! deadline's timer exists only while nothing comes.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use thiserror::Error;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::body::BodyError;
use crate::error::RequestError;
use crate::upload::Upload;

use super::pool::Lease;
use super::trouble::Trouble;

/// Why a request's body did not reach its end.
#[derive(Debug, Error)]
pub enum BodyFailure {
    /// More bytes than the route's `max_body`.
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    /// No byte for this long.
    #[error("no byte for {0:?}")]
    Stalled(Duration),
    /// The client broke off.
    #[error("the client broke off")]
    Gone(#[source] hyper::Error),
}

impl From<BodyFailure> for RequestError {
    fn from(failure: BodyFailure) -> Self {
        match failure {
            BodyFailure::TooLarge(limit) => Self::BodyTooLarge(limit),
            BodyFailure::Stalled(limit) => Self::BodyStalled(limit),
            BodyFailure::Gone(source) => Self::ClientGone(source),
        }
    }
}

/// How a request's body is getting on, seen by whoever waits for the answer.
#[derive(Debug)]
pub struct Progress {
    last: Cell<Instant>,
    waits_for_client: Cell<bool>,
    failure: RefCell<Option<BodyFailure>>,
}

impl Progress {
    /// When the last byte was passed on.
    pub fn last(&self) -> Instant {
        self.last.get()
    }

    /// Whether it is the client that everybody waits for.
    pub fn waits_for_client(&self) -> bool {
        self.waits_for_client.get()
    }

    /// Whether the body broke off.
    pub fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    /// Why the body broke off, once.
    pub fn take_failure(&self) -> Option<BodyFailure> {
        self.failure.take()
    }
}

/// A request's body on its way to an upstream.
#[derive(Debug, Default)]
pub struct RequestBody(Option<Box<Counted>>);

#[derive(Debug)]
struct Counted {
    incoming: Upload,
    left: u64,
    limit: u64,
    patience: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    progress: Rc<Progress>,
}

impl RequestBody {
    /// No body.
    pub fn empty() -> Self {
        Self(None)
    }

    /// The client's body: at most `limit` bytes, at most `patience` between two of them.
    ///
    /// A body that is known to be empty gives no progress to watch and can be sent again.
    pub fn of_client(incoming: Upload, limit: u64, patience: Duration) -> (Self, Option<Rc<Progress>>) {
        if incoming.is_end_stream() {
            return (Self(None), None);
        }
        let progress = Rc::new(Progress {
            last: Cell::new(Instant::now()),
            waits_for_client: Cell::new(false),
            failure: RefCell::default(),
        });
        let counted = Counted { incoming, left: limit, limit, patience, deadline: None, progress: progress.clone() };
        (Self(Some(Box::new(counted))), Some(progress))
    }
}

impl Counted {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Pending => {
                self.progress.waits_for_client.set(true);
                let patience = self.patience;
                let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + patience)));
                ready!(deadline.as_mut().poll(cx));
                Poll::Ready(Some(Err(BodyFailure::Stalled(self.patience))))
            }
            Poll::Ready(frame) => {
                self.deadline = None;
                self.progress.waits_for_client.set(false);
                self.progress.last.set(Instant::now());
                Poll::Ready(frame.map(|frame| {
                    let frame = frame.map_err(BodyFailure::Gone)?;
                    if let Some(data) = frame.data_ref() {
                        let length = data.len() as u64;
                        self.left = self.left.checked_sub(length).ok_or(BodyFailure::TooLarge(self.limit))?;
                    }
                    Ok(frame)
                }))
            }
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(counted) = &mut self.get_mut().0 else { return Poll::Ready(None) };
        Poll::Ready(ready!(counted.poll(cx)).map(|frame| {
            frame.map_err(|failure| {
                let words = failure.to_string();
                counted.progress.failure.replace(Some(failure));
                words.into()
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|counted| counted.incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |counted| counted.incoming.size_hint())
    }
}

/// An upstream's body on its way to the client.
///
/// Once it has been read to its end its connection goes back to the pool; a body
/// that is dropped before closes it.
#[derive(Debug)]
pub struct UpstreamBody {
    incoming: Incoming,
    lease: Option<Lease>,
    patience: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
}

/// What may not be in trailers, since it is read before the body or not at all (RFC 9110 section 6.5.1), and what HTTP/2
/// cannot carry (RFC 9113 section 8.2.2).
const NOT_IN_TRAILERS: [HeaderName; 14] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::HOST,
    header::SET_COOKIE,
];

fn without_framing(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut fields) => {
            for name in NOT_IN_TRAILERS {
                fields.remove(name);
            }
            Frame::trailers(fields)
        }
        Err(frame) => frame,
    }
}

/// The upstream sent no byte for too long.
#[derive(Debug, Error)]
#[error("upstream sent no byte for {0:?}")]
struct UpstreamStalled(Duration);

impl UpstreamBody {
    /// A body with at most `patience` between two of its bytes.
    pub fn new(incoming: Incoming, lease: Lease, patience: Duration) -> Self {
        let mut body = Self { incoming, lease: Some(lease), patience, deadline: None };
        body.give_back_at_end();
        body
    }

    /// Counts and tells that the rest does not come. The connection is not used again.
    fn fail(&mut self, trouble: Trouble, error: &(dyn std::error::Error + 'static)) {
        if let Some(lease) = self.lease.take() {
            let upstream = &lease.upstream().address().origin;
            tracing::warn!(%upstream, error, "an upstream's answer was not whole: the client's is cut, too");
            lease.upstream().standing().note(trouble);
        }
    }

    fn give_back_at_end(&mut self) {
        if self.incoming.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.give_back();
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.incoming).poll_frame(cx) {
            Poll::Pending => {
                let patience = this.patience;
                let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + patience)));
                ready!(deadline.as_mut().poll(cx));
                let stalled = UpstreamStalled(patience);
                this.fail(Trouble::BodyTimeout, &stalled);
                Poll::Ready(Some(Err(Box::new(stalled))))
            }
            Poll::Ready(frame) => {
                this.deadline = None;
                if let Some(Err(error)) = &frame {
                    this.fail(Trouble::BodyBroken, error);
                }
                if frame.is_none()
                    && let Some(lease) = this.lease.take()
                {
                    lease.give_back();
                } else {
                    this.give_back_at_end();
                }
                Poll::Ready(frame.map(|frame| frame.map(without_framing).map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
