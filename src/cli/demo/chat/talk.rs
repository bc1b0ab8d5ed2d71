//! The live connection: everybody who is there sees what anybody says.
//!
//! The frames have Mattermost's shape: `{"action", "seq", "data"}` from a client,
//! `{"event", "seq", "data"}` and `{"status", "seq_reply"}` back, `seq` without a gap.
//! It refuses what is no such frame, what is too long, and whoever signed out meanwhile.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::broadcast;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::secret::Secret;

use super::people::{self, People, Person};

/// What somebody who comes later still sees.
const REMEMBERED: usize = 50;

/// Mattermost's own limit is 16,383 characters a post; a demo does with less.
const LONGEST: usize = 2000;

/// Room for [`LONGEST`] characters and the frame's own words.
const LARGEST_FRAME: usize = 16 * 1024;

/// Mattermost pings as often (`app/platform/web_conn.go`).
const PING: Duration = Duration::from_secs(60);

/// One who reads so slowly that this many events wait is let go, and sees all again after reconnecting.
const WAITING: usize = 64;

/// What was said.
#[derive(Debug, Serialize)]
struct Post {
    id: String,
    create_at: u64,
    user_id: String,
    name: String,
    message: String,
    /// A meeting to join.
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<String>,
}

#[derive(Debug, Clone)]
enum Event {
    Posted(Rc<Post>),
    /// How many connections there are.
    Present(usize),
}

/// The one channel.
#[derive(Debug)]
pub(super) struct Talk {
    events: broadcast::Sender<Event>,
    posts: RefCell<VecDeque<Rc<Post>>>,
    present: Cell<usize>,
}

#[derive(Debug, Deserialize)]
struct Request {
    seq: u64,
    action: String,
    #[serde(default)]
    data: Data,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Data {
    message: String,
    room: Option<String>,
}

impl Talk {
    pub(super) fn new() -> Self {
        Self { events: broadcast::channel(WAITING).0, posts: RefCell::default(), present: Cell::new(0) }
    }

    /// Serves one connection to its end.
    pub(super) async fn join(&self, upgraded: Upgraded, session: Secret<String>, people: &People) {
        let limits =
            WebSocketConfig::default().max_message_size(Some(LARGEST_FRAME)).max_frame_size(Some(LARGEST_FRAME));
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(limits)).await;
        let _present = Present::new(self);
        let mut line = Line { socket, seq: 0 };
        // How a connection breaks is of no interest here: the page says so and comes again.
        if let Ok(Some(farewell)) = self.converse(&mut line, &session, people).await {
            let _ = line.socket.close(Some(farewell)).await;
        }
    }

    /// Until the client is gone, or is to be told why it must go.
    async fn converse(
        &self,
        line: &mut Line,
        session: &Secret<String>,
        people: &People,
    ) -> Result<Option<CloseFrame>, tungstenite::Error> {
        let Some(person) = people.by(session) else { return Ok(Some(signed_out())) };
        let mut events = self.events.subscribe();
        let connection = people::id().unwrap_or_default();
        line.event("hello", json!({ "connection_id": connection, "server_version": "demo", "user_id": person.id }))
            .await?;
        let posts: Vec<_> = self.posts.borrow().iter().cloned().collect();
        for post in posts {
            line.tell(&Event::Posted(post)).await?;
        }
        self.announce();
        let mut pings = interval(PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Ok(event) => line.tell(&event).await?,
                    Err(_) => return Ok(None),
                },
                frame = line.socket.next() => match frame.transpose()? {
                    Some(Message::Text(text)) => {
                        let Some(person) = people.by(session) else { return Ok(Some(signed_out())) };
                        let reply = self.answer(&text, &person);
                        line.send(&reply).await?;
                    }
                    Some(Message::Binary(_)) => return Ok(Some(farewell(CloseCode::Unsupported, "text frames alone"))),
                    Some(Message::Close(_)) | None => return Ok(None),
                    Some(_) => {}
                },
                _ = pings.tick() => line.socket.send(Message::Ping(Default::default())).await?,
            }
        }
    }

    /// Does what a frame asks for, and gives the reply.
    fn answer(&self, text: &str, person: &Person) -> serde_json::Value {
        let Ok(request) = serde_json::from_str::<Request>(text) else {
            return json!({ "status": "FAIL", "error": { "id": "demo.no_request", "message": "this is no request" } });
        };
        let seq = request.seq;
        let fail = |why: &str| json!({ "status": "FAIL", "seq_reply": seq, "error": { "id": "demo.refused", "message": why } });
        match request.action.as_str() {
            "ping" => json!({ "status": "OK", "seq_reply": seq, "data": { "text": "pong" } }),
            "post" => match self.post(request.data, person) {
                Ok(()) => json!({ "status": "OK", "seq_reply": seq }),
                Err(why) => fail(why),
            },
            _ => fail("the stand-in knows `ping` and `post`"),
        }
    }

    fn post(&self, data: Data, person: &Person) -> Result<(), &'static str> {
        let message = data.message.trim();
        if message.is_empty() || message.chars().count() > LONGEST {
            return Err("a message has 1 to 2000 characters");
        }
        if data.room.as_ref().is_some_and(|room| !is_room(room)) {
            return Err("no meeting has such a name");
        }
        let post = Rc::new(Post {
            id: people::id().map_err(|_| "the system gives no random numbers")?,
            create_at: people::milliseconds(),
            user_id: person.id.clone(),
            name: person.name.clone(),
            message: message.to_owned(),
            room: data.room,
        });
        let mut posts = self.posts.borrow_mut();
        if posts.len() == REMEMBERED {
            posts.pop_front();
        }
        posts.push_back(post.clone());
        // Nobody there to hear is no fault.
        let _ = self.events.send(Event::Posted(post));
        Ok(())
    }

    fn announce(&self) {
        let _ = self.events.send(Event::Present(self.present.get()));
    }
}

/// What the Jitsi plugin makes of a topic (`server/plugin.go`), and no longer than a link should be.
fn is_room(room: &str) -> bool {
    (1..=64).contains(&room.len()) && room.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn signed_out() -> CloseFrame {
    farewell(CloseCode::Policy, "signed out")
}

fn farewell(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}

/// One connection's sending side: its events are numbered from 0.
struct Line {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    seq: u64,
}

impl Line {
    async fn tell(&mut self, event: &Event) -> Result<(), tungstenite::Error> {
        match event {
            Event::Posted(post) => self.event("posted", json!(**post)).await,
            Event::Present(count) => self.event("present", json!({ "connections": count })).await,
        }
    }

    async fn event(&mut self, event: &str, data: serde_json::Value) -> Result<(), tungstenite::Error> {
        let seq = self.seq;
        self.seq += 1;
        self.send(&json!({ "event": event, "data": data, "broadcast": {}, "seq": seq })).await
    }

    async fn send(&mut self, value: &serde_json::Value) -> Result<(), tungstenite::Error> {
        self.socket.send(Message::text(value.to_string())).await
    }
}

/// Counts a connection for as long as it is open.
struct Present<'a>(&'a Talk);

impl<'a> Present<'a> {
    fn new(talk: &'a Talk) -> Self {
        talk.present.set(talk.present.get() + 1);
        Self(talk)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.present.set(self.0.present.get() - 1);
        self.0.announce();
    }
}
