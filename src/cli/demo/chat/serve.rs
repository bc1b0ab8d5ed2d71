//! Connections and requests of the stand-in: host, method and path → who answers.

use std::rc::Rc;
use std::time::Duration;

use askama::Template;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jsonwebtoken::DecodingKey;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::answer::{self, Answer, Answered};
use super::people::{self, People, Person};
use super::talk::Talk;
use super::{login, meeting, origin};

/// Long enough not to spin where no connection can be accepted, short enough not to be felt.
const BREATH: Duration = Duration::from_millis(50);

/// Everything that the stand-in knows.
pub(super) struct House {
    people: People,
    talk: Talk,
    meetings: DecodingKey,
}

#[derive(Template)]
#[template(path = "cli/demo/chat/chat.html")]
struct Page<'a> {
    person: &'a Person,
    /// A room to start a meeting in.
    room: String,
}

impl House {
    /// `meetings` verifies what meetings are entered with.
    pub(super) fn new(meetings: DecodingKey) -> Self {
        Self { people: People::default(), talk: Talk::new(), meetings }
    }
}

/// Accepts for ever.
pub(super) async fn accept(listener: TcpListener, house: House) {
    let house = Rc::new(house);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(spawn_local(connection(stream, house.clone()))),
            // Gone before it was here, or no descriptors for the moment: others will come.
            Err(_) => sleep(BREATH).await,
        }
    }
}

async fn connection(stream: TcpStream, house: Rc<House>) {
    let service = service_fn(move |request| {
        let house = house.clone();
        async move { Answered::Ok(answer(&house, request).await) }
    });
    // A connection that breaks off is no news to a demo.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

async fn answer(house: &Rc<House>, request: Request<Incoming>) -> Answer {
    let is_meeting = request.headers().get(header::HOST).is_some_and(|host| host.as_bytes().starts_with(b"meet."));
    // hyper leaves the body of an answer to HEAD away.
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    match (method.as_str(), request.uri().path()) {
        ("GET", "/style.css") => answer::asset("text/css; charset=utf-8", include_str!("style.css")),
        ("GET", _) if is_meeting => meeting::enter(&house.meetings, &request),
        ("GET", "/") => home(house, &request),
        ("GET", "/chat.js") => answer::asset("text/javascript; charset=utf-8", include_str!("chat.js")),
        ("GET", "/login") => login::form(&request),
        ("POST", "/login") => login::sign_in(&house.people, request).await,
        ("POST", "/logout") => login::sign_out(&house.people, &request),
        ("GET", "/api/v4/system/ping") => answer::json(StatusCode::OK, &json!({ "status": "OK" })),
        ("GET", "/api/v4/users/me") => match house.people.of(request.headers()) {
            Some((_, person)) => answer::json(StatusCode::OK, &person.user()),
            None => expired(),
        },
        ("GET", "/api/v4/users/me/teams/members") => match house.people.of(request.headers()) {
            Some((_, person)) => answer::json(StatusCode::OK, &[person.membership()]),
            None => expired(),
        },
        ("GET", "/api/v4/websocket") => websocket(house, request),
        (_, path) if path.starts_with("/api/") => {
            answer::api_error(StatusCode::NOT_FOUND, "api.context.404.app_error", "Not in the stand-in.")
        }
        _ => answer::words(StatusCode::NOT_FOUND, "The stand-in chat has no such page."),
    }
}

fn home<B>(house: &House, request: &Request<B>) -> Answer {
    let Some((_, person)) = house.people.of(request.headers()) else { return answer::see_other("/login") };
    match people::id() {
        Ok(id) => answer::page(StatusCode::OK, &Page { person: &person, room: format!("Tea-{}", &id[..10]) }),
        Err(error) => answer::words(StatusCode::INTERNAL_SERVER_ERROR, &format!("no random numbers: {error}")),
    }
}

/// Mattermost's words, and its 401: `identity` takes nothing else for "nobody is signed in".
fn expired() -> Answer {
    let message = "Invalid or expired session, please login again.";
    answer::api_error(StatusCode::UNAUTHORIZED, "api.context.session_expired.app_error", message)
}

fn websocket(house: &Rc<House>, mut request: Request<Incoming>) -> Answer {
    if !origin::is_own(request.headers()) {
        return answer::words(StatusCode::FORBIDDEN, "request origin not allowed");
    }
    let Some((session, _)) = house.people.of(request.headers()) else { return expired() };
    let upgrade = hyper::upgrade::on(&mut request);
    let Ok(switching) = create_response_with_body(&request, Full::default) else {
        return answer::words(StatusCode::BAD_REQUEST, "This is for WebSocket connections.");
    };
    let house = house.clone();
    spawn_local(async move {
        if let Ok(upgraded) = upgrade.await {
            house.talk.join(upgraded, session, &house.people).await;
        }
    });
    switching
}
