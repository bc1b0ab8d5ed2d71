//! Small questions of our own to an upstream, whose answers are read whole: who somebody is, how Mattermost is set up.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use crate::error::RequestError;

use super::body::RequestBody;
use super::pool::{Lease, Upstream};
use super::trouble::Trouble;

impl Upstream {
    /// Asks something small of ours and reads the whole answer, at most `max_body` bytes, within `limit`.
    ///
    /// # Errors
    /// Whatever kept the answer away; too large a body is [`RequestError::WrongAnswer`].
    pub async fn fetch(
        self: &Rc<Self>,
        request: Request<()>,
        max_body: usize,
        limit: Duration,
    ) -> Result<Response<Bytes>, RequestError> {
        let upstream = || self.address().origin.clone();
        let exchange = async {
            let (response, lease) = self.ask(request).await?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, max_body).collect().await.map_err(|_| RequestError::WrongAnswer {
                upstream: upstream(),
                what: "its answer is too large or broke off",
            })?;
            lease.give_back();
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        let answer = match tokio::time::timeout(limit, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(RequestError::Timeout { upstream: upstream(), what: "answer", limit }),
        };
        answer.inspect_err(|error| {
            if let Some(trouble) = Trouble::of(error) {
                self.standing().note(trouble);
            }
        })
    }

    /// A bodiless request of ours, tried a second time on a new connection where the first was a stale one.
    async fn ask(self: &Rc<Self>, request: Request<()>) -> Result<(Response<Incoming>, Lease), RequestError> {
        let request = request.map(|()| RequestBody::empty());
        let again = request.clone_head();
        let mut lease = self.lease(true).await?;
        let failure = match lease.send(request).await {
            Ok(response) => return Ok((response, lease)),
            Err(failure) if !failure.reused => failure,
            Err(_) => {
                lease = self.fresh().await?;
                match lease.send(again).await {
                    Ok(response) => return Ok((response, lease)),
                    Err(failure) => failure,
                }
            }
        };
        Err(RequestError::Broken { upstream: self.address().origin.clone(), source: failure.error })
    }
}

/// Copies a request that has no body.
pub trait CloneHead {
    /// The same head; the body is empty.
    fn clone_head(&self) -> Self;
}

impl CloneHead for Request<RequestBody> {
    fn clone_head(&self) -> Self {
        let mut copy = Request::new(RequestBody::empty());
        copy.method_mut().clone_from(self.method());
        copy.uri_mut().clone_from(self.uri());
        copy.headers_mut().clone_from(self.headers());
        copy
    }
}
