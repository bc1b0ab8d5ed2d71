//! A Mattermost for tests: a real HTTP server on loopback that notes the heads of what it is asked.
//!
//! It answers all alike ([`Standin::answering`], [`Standin::json`]), or by path and session
//! ([`Standin::of`]) as the real one does: users, memberships of teams, pictures, sign-outs.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header, request};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::error::RequestError;

type Answer = Response<Full<Bytes>>;

/// Stops serving when dropped.
pub(crate) struct Standin {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<request::Parts>>>,
    accounts: Arc<Mutex<HashMap<String, Account>>>,
    serving: JoinHandle<()>,
}

/// Somebody with an account, as Mattermost's API shows them to themselves.
#[derive(Clone, Default)]
pub(crate) struct Account {
    /// `GET /api/v4/users/me`
    pub(crate) user: String,
    /// `GET /api/v4/users/me/teams/members`
    pub(crate) teams: String,
    /// `GET /api/v4/users/{id}/image`; none where it is empty.
    pub(crate) picture: Vec<u8>,
}

impl Standin {
    /// Answers every request with these.
    pub(crate) async fn answering(status: u16, fields: &[(&str, &str)], body: impl Into<Bytes>) -> Self {
        let mut head = Response::builder().status(status);
        for (name, value) in fields {
            head = head.header(*name, *value);
        }
        let answer = head.body(Full::new(body.into())).expect("an answer");
        Self::serving(move |_, _| answer.clone()).await
    }

    /// As Mattermost answers: JSON, with the cookies that its refusals carry.
    pub(crate) async fn json(status: u16, body: &str) -> Self {
        let fields = [
            ("content-type", "application/json"),
            ("set-cookie", "MMAUTHTOKEN=; Path=/; Max-Age=0; HttpOnly"),
            ("x-request-id", "standin"),
        ];
        Self::answering(status, &fields, body.to_owned()).await
    }

    /// Knows these sessions, and answers each with its own account.
    pub(crate) async fn of(accounts: impl IntoIterator<Item = (String, Account)>) -> Self {
        Self::of_below("", accounts).await
    }

    /// The same with a SiteURL that has this path: whatever is asked outside it is led into it, as the real one does.
    pub(crate) async fn of_below(below: &'static str, accounts: impl IntoIterator<Item = (String, Account)>) -> Self {
        let standin = Self::serving(move |parts, accounts| {
            let Some(path) = parts.uri.path().strip_prefix(below) else {
                let mut away = answer(302, "text/html", "");
                let inside = format!("{below}{}", parts.uri.path());
                away.headers_mut().insert(header::LOCATION, inside.try_into().expect("a field value"));
                return away;
            };
            let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            let account = bearer.and_then(|value| value.strip_prefix("Bearer ")).and_then(|token| accounts.get(token));
            let Some(account) = account else {
                return answer(401, "application/json", r#"{"id":"api.context.session_expired.app_error"}"#);
            };
            match path {
                "/api/v4/users/me" => answer(200, "application/json", account.user.clone()),
                "/api/v4/users/me/teams/members" => answer(200, "application/json", account.teams.clone()),
                path if path.ends_with("/image") && !account.picture.is_empty() => {
                    answer(200, "image/png", account.picture.clone())
                }
                _ => answer(404, "application/json", r#"{"id":"api.context.404.app_error"}"#),
            }
        })
        .await;
        standin.accounts.lock().expect("no panic while noting").extend(accounts);
        standin
    }

    async fn serving(
        reply: impl Fn(&request::Parts, &HashMap<String, Account>) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let seen: Arc<Mutex<Vec<request::Parts>>> = Arc::default();
        let accounts: Arc<Mutex<HashMap<String, Account>>> = Arc::default();
        let (notes, known, reply) = (Arc::clone(&seen), Arc::clone(&accounts), Arc::new(reply));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (notes, known, reply) = (Arc::clone(&notes), Arc::clone(&known), Arc::clone(&reply));
                let service = service_fn(move |request: Request<Incoming>| {
                    let parts = request.into_parts().0;
                    let answer = reply(&parts, &known.lock().expect("no panic while answering"));
                    notes.lock().expect("no panic while noting").push(parts);
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, seen, accounts, serving }
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

    /// Ends a session, as a sign-out does.
    pub(crate) fn sign_out(&self, session: &str) {
        self.accounts.lock().expect("no panic while answering").remove(session);
    }

    /// How many requests came.
    pub(crate) fn count(&self) -> usize {
        self.seen.lock().expect("no panic while noting").len()
    }

    /// What was asked for so far.
    pub(crate) fn targets(&self) -> Vec<String> {
        let seen = self.seen.lock().expect("no panic while noting");
        seen.iter().map(|parts| format!("{} {}", parts.method, parts.uri)).collect()
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

fn answer(status: u16, kind: &str, body: impl Into<Bytes>) -> Answer {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .body(Full::new(body.into()))
        .expect("an answer")
}
