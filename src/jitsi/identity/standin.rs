//! A Mattermost for tests: a real HTTP server on loopback that answers all requests alike and notes their heads.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, request};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::error::RequestError;

/// Stops serving when dropped.
pub(crate) struct Standin {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<request::Parts>>>,
    serving: JoinHandle<()>,
}

impl Standin {
    /// Answers every request with these.
    pub(crate) async fn answering(status: u16, fields: &[(&str, &str)], body: &str) -> Self {
        let mut head = Response::builder().status(status);
        for (name, value) in fields {
            head = head.header(*name, *value);
        }
        let answer = head.body(Full::new(Bytes::from(body.to_owned()))).expect("an answer");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let seen: Arc<Mutex<Vec<request::Parts>>> = Arc::default();
        let notes = Arc::clone(&seen);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, notes) = (answer.clone(), Arc::clone(&notes));
                let service = service_fn(move |request: Request<Incoming>| {
                    notes.lock().expect("no panic while noting").push(request.into_parts().0);
                    let answer = answer.clone();
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, seen, serving }
    }

    /// As Mattermost answers: JSON, with the cookies that its refusals carry.
    pub(crate) async fn json(status: u16, body: &str) -> Self {
        let fields = [
            ("content-type", "application/json"),
            ("set-cookie", "MMAUTHTOKEN=; Path=/; Max-Age=0; HttpOnly"),
            ("x-request-id", "standin"),
        ];
        Self::answering(status, &fields, body).await
    }

    /// Carries one request to it.
    pub(crate) async fn ask(&self, request: Request<()>) -> Result<Response<Bytes>, RequestError> {
        let broken = |source| RequestError::Broken { upstream: self.address.to_string(), source };
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(|source| RequestError::Connect { upstream: self.address.to_string(), source })?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection);
        let answer = sender.send_request(request.map(|()| Empty::<Bytes>::new())).await.map_err(broken)?;
        let (head, body) = answer.into_parts();
        Ok(Response::from_parts(head, body.collect().await.map_err(broken)?.to_bytes()))
    }

    /// How many requests came.
    pub(crate) fn count(&self) -> usize {
        self.seen.lock().expect("no panic while noting").len()
    }

    /// Target and fields of the only request that came.
    pub(crate) fn only(&self) -> (String, HeaderMap) {
        let seen = self.seen.lock().expect("no panic while noting");
        assert_eq!(seen.len(), 1, "one request");
        (format!("{} {}", seen[0].method, seen[0].uri), seen[0].headers.clone())
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
