//! The stand-in over real loopback sockets, asked as gatepost asks it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::*;

/// How long anything may take before a test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(30);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_RSA_SHA256).expect("an RSA key")
}

fn chat() -> Chat {
    // Where no meeting is entered, any key will do.
    Chat::start(DecodingKey::from_rsa_der(&[])).expect("a chat")
}

async fn ask(chat: &Chat, request: http::request::Builder, body: &'static str) -> Response<Bytes> {
    let asked = async {
        let stream = TcpStream::connect(chat.address()).await.expect("a connection");
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("a connection");
        let request = request.body(Full::new(Bytes::from_static(body.as_bytes()))).expect("a request");
        let exchange = async {
            let (parts, body) = sender.send_request(request).await.expect("an answer").into_parts();
            Response::from_parts(parts, body.collect().await.expect("a body").to_bytes())
        };
        tokio::select! {
            biased;
            answer = exchange => answer,
            _ = connection => panic!("the connection ended before the answer"),
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("an answer in time")
}

fn get(path: &str) -> http::request::Builder {
    Request::get(path).header(header::HOST, "chat.localhost:8443")
}

fn post(path: &str) -> http::request::Builder {
    Request::post(path)
        .header(header::HOST, "chat.localhost:8443")
        .header(header::ORIGIN, "https://chat.localhost:8443")
        .header("x-forwarded-proto", "https")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
}

fn field(answer: &Response<Bytes>, name: header::HeaderName) -> &str {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn text(answer: &Response<Bytes>) -> String {
    String::from_utf8_lossy(answer.body()).into_owned()
}

/// The session token that a login gave.
async fn signed_in(chat: &Chat, form: &'static str) -> String {
    let answer = ask(chat, post("/login"), form).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", text(&answer));
    let cookie = field(&answer, header::SET_COOKIE);
    for attribute in ["; HttpOnly", "; Secure", "; SameSite=Lax", "; Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let token = cookie.strip_prefix("MMAUTHTOKEN=").and_then(|rest| rest.split(';').next()).expect("the cookie");
    assert_eq!(token.len(), 26);
    token.to_owned()
}

async fn live(chat: &Chat, token: &str, origin: &'static str) -> Result<Socket, tungstenite::Error> {
    let mut request = format!("ws://{}/api/v4/websocket", chat.address()).into_client_request().expect("a request");
    let fields = request.headers_mut();
    fields.insert(header::HOST, "chat.localhost:8443".parse().expect("a value"));
    fields.insert(header::ORIGIN, origin.parse().expect("a value"));
    fields.insert(header::COOKIE, format!("a=b; MMAUTHTOKEN={token}").parse().expect("a value"));
    let connected = tokio::time::timeout(PATIENCE, connect_async(request)).await.expect("an answer in time");
    connected.map(|(socket, _)| socket)
}

/// Reads until an event of this name; `seq` has no gap on the way.
async fn event(socket: &mut Socket, seq: &mut u64, name: &str) -> Value {
    loop {
        let frame = tokio::time::timeout(PATIENCE, socket.next()).await.expect("a frame in time");
        let Message::Text(text) = frame.expect("a frame").expect("a whole frame") else { continue };
        let frame: Value = serde_json::from_str(&text).expect("JSON");
        if frame.get("event").is_some() {
            assert_eq!(frame["seq"], *seq, "{frame}");
            *seq += 1;
        }
        if frame["event"] == name {
            return frame["data"].clone();
        }
    }
}

async fn say(socket: &mut Socket, data: Value) {
    let frame = json!({ "seq": 1, "action": "post", "data": data });
    socket.send(Message::text(frame.to_string())).await.expect("sent");
}

#[tokio::test]
async fn a_login_gives_a_session_that_users_me_knows_by_cookie_and_by_bearer_token() {
    let chat = chat();
    let token = signed_in(&chat, "name=Ada+L%C3%B8velace&role=admin").await;
    for request in [
        get("/api/v4/users/me").header(header::COOKIE, format!("MMUSERID=x; MMAUTHTOKEN={token}")),
        get("/api/v4/users/me").header(header::AUTHORIZATION, format!("Bearer {token}")),
    ] {
        let answer = ask(&chat, request, "").await;
        assert_eq!(answer.status(), StatusCode::OK);
        let user: Value = serde_json::from_slice(answer.body()).expect("JSON");
        assert_eq!(user["nickname"], "Ada Løvelace");
        assert_eq!(user["username"], "ada-lvelace");
        assert_eq!(user["roles"], "system_user system_admin");
        assert_eq!(user["id"].as_str().map(str::len), Some(26));
    }
}

#[tokio::test]
async fn a_member_is_told_their_membership() {
    let chat = chat();
    let token = signed_in(&chat, "name=Ada").await;
    let cookie = format!("MMAUTHTOKEN={token}");
    let me = ask(&chat, get("/api/v4/users/me").header(header::COOKIE, &cookie), "").await;
    let teams = ask(&chat, get("/api/v4/users/me/teams/members").header(header::COOKIE, &cookie), "").await;
    let [me, teams] = [me, teams].map(|answer| serde_json::from_slice::<Value>(answer.body()).expect("JSON"));
    assert_eq!(teams[0]["user_id"], me["id"]);
    assert_eq!((&teams[0]["delete_at"], &teams[0]["scheme_admin"]), (&0.into(), &false.into()));
}

#[tokio::test]
async fn without_a_session_users_me_is_mattermosts_401() {
    let chat = chat();
    for request in [
        get("/api/v4/users/me"),
        get("/api/v4/users/me/teams/members"),
        get("/api/v4/users/me").header(header::COOKIE, "MMAUTHTOKEN=ybndrfg8ejkmcpqxot1uwisza3"),
    ] {
        let answer = ask(&chat, request, "").await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let error: Value = serde_json::from_slice(answer.body()).expect("JSON");
        assert_eq!(error["id"], "api.context.session_expired.app_error");
        assert_eq!(error["status_code"], 401);
    }
    let ping = ask(&chat, get("/api/v4/system/ping"), "").await;
    assert_eq!(text(&ping), r#"{"status":"OK"}"#);
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let chat = chat();
    let token = signed_in(&chat, "name=Ada").await;
    let cookie = format!("MMAUTHTOKEN={token}");
    let answer = ask(&chat, post("/logout").header(header::COOKIE, &cookie), "").await;
    assert_eq!((answer.status(), field(&answer, header::LOCATION)), (StatusCode::SEE_OTHER, "/login"));
    assert!(field(&answer, header::SET_COOKIE).contains("Max-Age=0"));
    let answer = ask(&chat, get("/api/v4/users/me").header(header::COOKIE, cookie), "").await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn r110_a_login_leads_back_to_the_meeting_and_to_no_other_host() {
    let chat = chat();
    let leads = async |form| field(&ask(&chat, post("/login"), form).await, header::LOCATION).to_owned();
    assert_eq!(leads("name=Ada&redirect_to=%2Fjitsi%2FTea%2520Room").await, "/jitsi/Tea%20Room");
    assert_eq!(leads("name=Ada&redirect_to=%2F%2Fevil.example").await, "/");
    assert_eq!(leads("name=Ada&redirect_to=%2F%09%2Fevil.example").await, "/");
    assert_eq!(leads("name=Ada&redirect_to=https%3A%2F%2Fevil.example%2F").await, "/");
    assert_eq!(leads("name=Ada").await, "/");

    let page = text(&ask(&chat, get("/login?redirect_to=%2Fjitsi%2FTea"), "").await);
    assert!(page.contains(r#"name="redirect_to" value="/jitsi/Tea""#), "{page}");
    let page = text(&ask(&chat, get("/login?redirect_to=//evil.example"), "").await);
    assert!(!page.contains("evil.example"), "{page}");
}

#[tokio::test]
async fn a_form_of_another_site_signs_nobody_in() {
    let chat = chat();
    for origin in ["https://evil.example", "null"] {
        let request =
            Request::post("/login").header(header::HOST, "chat.localhost:8443").header(header::ORIGIN, origin);
        let answer = ask(&chat, request, "name=Ada").await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert!(!answer.headers().contains_key(header::SET_COOKIE));
    }
}

#[tokio::test]
async fn a_name_is_shown_and_never_run() {
    let chat = chat();
    let token = signed_in(&chat, "name=%3Cscript%3Ealert(1)%3C%2Fscript%3E").await;
    let page = text(&ask(&chat, get("/").header(header::COOKIE, format!("MMAUTHTOKEN={token}")), "").await);
    assert!(page.contains("&#60;script&#62;alert(1)") && !page.contains("<script>alert"), "{page}");
    assert!(page.contains(r#"target="_blank" rel="noopener""#), "{page}");
    for form in ["name=+", "name=a%00b", "role=admin"] {
        let answer = ask(&chat, post("/login"), form).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{form}");
        assert!(!answer.headers().contains_key(header::SET_COOKIE));
    }
}

#[tokio::test]
async fn what_one_says_all_see_and_who_comes_later_too() {
    let chat = chat();
    let origin = "https://chat.localhost:8443";
    let (ada, bob) = (signed_in(&chat, "name=Ada").await, signed_in(&chat, "name=Bob&role=guest").await);
    let mut ada = live(&chat, &ada, origin).await.expect("a connection");
    let mut bob = live(&chat, &bob, origin).await.expect("a connection");
    let (mut ada_seq, mut bob_seq) = (0, 0);
    event(&mut ada, &mut ada_seq, "hello").await;
    event(&mut bob, &mut bob_seq, "hello").await;

    say(&mut ada, json!({ "message": " <b>tea</b>? ", "room": "Tea-1" })).await;
    for (socket, seq) in [(&mut ada, &mut ada_seq), (&mut bob, &mut bob_seq)] {
        let posted = event(socket, seq, "posted").await;
        assert_eq!((&posted["name"], &posted["message"]), (&json!("Ada"), &json!("<b>tea</b>?")));
        assert_eq!(posted["room"], "Tea-1");
    }
    let late = signed_in(&chat, "name=Cy").await;
    let mut late = live(&chat, &late, origin).await.expect("a connection");
    assert_eq!(event(&mut late, &mut 0, "posted").await["message"], "<b>tea</b>?");
    while event(&mut bob, &mut bob_seq, "present").await["connections"] != 3 {}
    drop(late);
    while event(&mut bob, &mut bob_seq, "present").await["connections"] != 2 {}
}

#[tokio::test]
async fn what_is_no_message_is_refused_and_the_connection_lives() {
    let chat = chat();
    let token = signed_in(&chat, "name=Ada").await;
    let mut socket = live(&chat, &token, "https://chat.localhost:8443").await.expect("a connection");
    let mut replies = Vec::new();
    for frame in [
        "no JSON".to_owned(),
        json!({ "seq": 1, "action": "post", "data": { "message": " " } }).to_string(),
        json!({ "seq": 2, "action": "post", "data": { "message": "x".repeat(2001) } }).to_string(),
        json!({ "seq": 3, "action": "post", "data": { "message": "x", "room": "../evil" } }).to_string(),
        json!({ "seq": 4, "action": "delete" }).to_string(),
        json!({ "seq": 5, "action": "ping" }).to_string(),
    ] {
        socket.send(Message::text(frame)).await.expect("sent");
        let reply = loop {
            let frame = tokio::time::timeout(PATIENCE, socket.next()).await.expect("a frame in time");
            let Message::Text(text) = frame.expect("a frame").expect("a whole frame") else { continue };
            let frame: Value = serde_json::from_str(&text).expect("JSON");
            assert_ne!(frame["event"], "posted", "{frame}");
            if frame.get("status").is_some() {
                break frame;
            }
        };
        replies.push(reply["status"].as_str().expect("a status").to_owned());
    }
    assert_eq!(replies, ["FAIL", "FAIL", "FAIL", "FAIL", "FAIL", "OK"]);
}

#[tokio::test]
async fn a_live_connection_takes_a_session_and_a_page_of_this_host() {
    let chat = chat();
    let status = |outcome: Result<Socket, tungstenite::Error>| match outcome {
        Err(tungstenite::Error::Http(answer)) => answer.status(),
        other => panic!("{other:?}"),
    };
    let token = signed_in(&chat, "name=Ada").await;
    assert_eq!(status(live(&chat, &token, "https://evil.example").await), StatusCode::FORBIDDEN);
    assert_eq!(status(live(&chat, "nobody", "https://chat.localhost:8443").await), StatusCode::UNAUTHORIZED);
    let plain = get("/api/v4/websocket").header(header::AUTHORIZATION, format!("Bearer {token}"));
    assert_eq!(ask(&chat, plain, "").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_meeting_is_entered_with_a_token_for_it_alone() {
    let (key, other) = (key(), key());
    let chat = Chat::start(DecodingKey::from_rsa_der(key.public_key_raw())).expect("a chat");
    let now = people::milliseconds() / 1000;
    let claims = json!({
        "aud": "jitsi", "iss": "chat", "sub": "vpaas-magic-cookie-demo", "room": "Tea", "nbf": now - 60, "exp": now + 600,
        "context": { "user": { "name": "<b>Ada</b>", "moderator": "true" }, "features": {} },
    });
    let token = |key: &KeyPair, claims: &Value| {
        let header = Header { kid: Some("vpaas-magic-cookie-demo/demo".into()), ..Header::new(Algorithm::RS256) };
        let key = EncodingKey::from_rsa_pem(key.serialize_pem().as_bytes()).expect("a key");
        jsonwebtoken::encode(&header, claims, &key).expect("a token")
    };
    let enter = async |path: String| {
        let request = Request::get(path).header(header::HOST, "meet.localhost:8443");
        let answer = ask(&chat, request, "").await;
        (answer.status(), text(&answer))
    };
    let at = |token: String| format!("/vpaas-magic-cookie-demo/Tea?jwt={token}");

    let (status, page) = enter(at(token(&key, &claims))).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("Welcome, &#60;b&#62;Ada") && page.contains("You are a moderator"), "{page}");

    let changed = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        token(&key, &claims)
    };
    for refused in [
        String::new(),
        "x.y.z".into(),
        token(&other, &claims),
        changed("room", json!("Other")),
        changed("exp", json!(now - 1)),
        changed("nbf", json!(now + 600)),
        changed("aud", json!("other")),
        changed("sub", json!("vpaas-magic-cookie-other")),
        changed("context", json!({ "user": { "name": "Ada", "moderator": "true" } })),
    ] {
        let (status, page) = enter(at(refused)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{page}");
        assert!(!page.contains("Ada"), "{page}");
    }
    assert_eq!(enter("/vpaas-magic-cookie-demo/a/b".into()).await.0, StatusCode::NOT_FOUND);
    assert_eq!(enter("/".into()).await.0, StatusCode::NOT_FOUND);
}

#[test]
fn it_ends_with_its_owner() {
    let chat = chat();
    let address = chat.address();
    drop(chat);
    std::net::TcpStream::connect(address).expect_err("nobody listens any more");
}
