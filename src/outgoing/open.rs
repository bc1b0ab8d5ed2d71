//! One connection to an upstream: its two halves, and what ends it.
//!
//! hyper drives a connection in a task of its own, apart from whoever sends on it. What
//! nobody holds any more is let go of there, in order where it can be.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;

use super::UpstreamIo;
use super::body::RequestBody;
use super::hearing::{Bond, Hearing};

/// Largest head of a response, in bytes. Mattermost's and Node's are well under it.
const MAX_HEAD: usize = 128 * 1024;

/// What is read ahead of an answer, or held of an upload, on one connection at most, in bytes: the more at once, the fewer
/// turns a large transfer takes.
const ROOMY: usize = 400 * 1024;

/// As many connections of a worker to one upstream have [`ROOMY`] buffers. Those beyond may all be waiting for clients that
/// take nothing, and have what a head needs.
const FEW: usize = 32;

/// How long a connection may go on that nobody holds any more: it has an end to send, or an upload that was answered
/// before its end. nginx closes at once.
const LET_GO: Duration = Duration::from_secs(5);

/// A connection that requests can be sent on.
#[derive(Debug)]
pub(super) struct Open {
    sender: SendRequest<RequestBody>,
    hold: Hold,
}

/// The hold on a connection of whoever sends on it, or keeps it for later.
#[derive(Debug)]
struct Hold {
    bond: Bond,
    /// Its end tells the connection.
    _told: oneshot::Sender<()>,
}

impl Open {
    /// Begins HTTP/1.1 over this stream, beside so many others; `kept` is dropped when it has ended.
    pub(super) async fn over(io: UpstreamIo, others: usize, kept: impl Sized + 'static) -> hyper::Result<Self> {
        let bond = Bond::default();
        let (sender, connection) = http1::Builder::new()
            .max_header_size(MAX_HEAD)
            .max_buf_size(if others < FEW { ROOMY } else { MAX_HEAD })
            .handshake(TokioIo::new(Hearing::new(io, bond.clone())))
            .await?;
        let (told, let_go) = oneshot::channel();
        let hold = Hold { bond: bond.clone(), _told: told };
        // Its errors reach whoever waits for an answer on it; nobody else needs them.
        tokio::task::spawn_local(async move {
            let mut serving = pin!(connection.with_upgrades());
            tokio::select! {
                biased;
                _ = serving.as_mut() => {}
                // The rest of an upload that was answered early may have nobody who takes it.
                _ = let_go => if !bond.is_deaf() {
                    tokio::time::timeout(LET_GO, serving).await.ok();
                }
            }
            drop(kept);
        });
        Ok(Self { sender, hold })
    }

    /// Sends a request and waits for the answer's head.
    pub(super) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        self.hold.bond.begin();
        let outcome = self.sender.try_send_request(request).await;
        self.hold.bond.answered();
        outcome
    }

    /// Waits until another request may be sent.
    pub(super) async fn ready(&mut self) -> hyper::Result<()> {
        self.sender.ready().await
    }

    /// Whether one may be sent at once.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Whether the upstream has closed it.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether no further request may go out on it.
    pub(super) fn is_gone(&self) -> bool {
        self.is_closed() || self.hold.bond.is_deaf()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.bond.let_go();
    }
}

/// Counts a connection of this worker as long as it is there.
#[derive(Debug)]
pub struct Counted(Rc<Cell<usize>>);

impl Counted {
    pub(super) fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
