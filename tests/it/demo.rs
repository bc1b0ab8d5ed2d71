//! `gatepost demo`: the whole of it, as a person meets it who has nothing else.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::client::{Tls, tcp};
use crate::support::h2::H2;
use crate::support::process::{Outcome, Process};
use crate::support::raw::{Message, message};
use crate::support::soon;

/// A running demo; ends on drop.
struct Demo {
    process: Process,
    https: u16,
    http: u16,
    guide: String,
    /// Where it keeps what it made.
    kept: PathBuf,
}

/// Starts a demo in `folder`, for a user at home in `folder/home`; `kept` is where it keeps things.
async fn demo_in(folder: &Path, kept: PathBuf) -> Demo {
    let mut process = Process::gatepost_at_home(
        folder,
        &["demo", "--https-port", "0", "--http-port", "0", "--address", "127.0.0.1"],
        Some(&folder.join("home")),
    );
    process.prints("Requests follow").await;
    let guide = process.stdout();
    let port = |before: &str| {
        let rest = guide.split(before).nth(1).unwrap_or_else(|| panic!("no {before:?} in {guide}"));
        rest.split('/').next().and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("no port in {guide}"))
    };
    let (https, http) = (port("https://www.localhost:"), port("http://www.localhost:"));
    Demo { process, https, http, guide, kept }
}

/// A demo in a folder that is no checkout.
async fn demo() -> (Demo, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = folder.path().join("home/.local/state/gatepost/demo");
    (demo_in(folder.path(), kept).await, folder)
}

impl Demo {
    fn tls(&self) -> Tls {
        Tls::trusting(&self.kept.join("root.pem"))
    }

    fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.https).into()
    }

    async fn ask(&self, method: &str, host: &str, path: &str, fields: &str, body: &str) -> Message {
        let mut wire = self.tls().connect(self.address(), host).await.expect("a connection that is trusted").wire();
        let port = self.https;
        let lines = format!("{method} {path} HTTP/1.1\nHost: {host}:{port}\nConnection: close{fields}");
        wire.send(message(&lines, body)).await;
        wire.answer().await
    }

    async fn get(&self, host: &str, path: &str) -> Message {
        self.ask("GET", host, path, "", "").await
    }

    /// Signs in and gives the cookie.
    async fn signed_in(&self, name: &str) -> String {
        let form = "\nContent-Type: application/x-www-form-urlencoded";
        let answer =
            self.ask("POST", "chat.localhost", "/login", form, &format!("name={name}&redirect_to=/jitsi/Tea")).await;
        assert_eq!((answer.status(), answer.field("location")), (303, Some("/jitsi/Tea")), "{answer:?}");
        let cookie = answer.field("set-cookie").expect("a cookie");
        assert!(
            cookie.starts_with("MMAUTHTOKEN=") && cookie.contains("HttpOnly") && cookie.contains("Secure"),
            "{cookie}"
        );
        cookie.split(';').next().expect("a pair").to_owned()
    }

    async fn stop(self) -> Outcome {
        self.process.terminate();
        self.process.outcome().await
    }
}

#[tokio::test]
async fn the_demo_serves_a_website_a_listing_and_a_redirect_under_its_own_root() {
    let (demo, _folder) = demo().await;
    let root = demo.kept.join("root.pem");
    assert!(demo.guide.contains(root.to_str().expect("UTF-8")), "{}", demo.guide);

    for host in ["www.localhost", "localhost"] {
        let page = demo.get(host, "/").await;
        assert_eq!(page.status(), 200, "{page:?}");
        assert!(page.text().contains(&format!("https://chat.localhost:{}/", demo.https)));
    }
    let listing = demo.get("www.localhost", "/files/").await;
    assert_eq!(listing.status(), 200);
    assert!(
        listing.text().contains("größer &amp; &lt;kleiner&gt;.txt") || listing.text().contains("&#60;kleiner&#62;")
    );
    assert!(!listing.text().contains("<kleiner>"));
    let listed = demo.get("www.localhost", "/files/gr%C3%B6%C3%9Fer%20&%20%3Ckleiner%3E.txt").await;
    assert_eq!(listed.status(), 200, "{listed:?}");
    let picture = demo.get("www.localhost", "/gatepost.svg").await;
    assert!(picture.field("content-type").is_some_and(|kind| kind.starts_with("image/svg+xml")), "{picture:?}");

    let plain: SocketAddr = ([127, 0, 0, 1], demo.http).into();
    let answer = tcp(plain).await.ask(&format!("GET /files/?a=b HTTP/1.1\nHost: www.localhost:{}", demo.http)).await;
    assert_eq!(answer.status(), 301);
    let secure = format!("https://www.localhost:{}/files/?a=b", demo.https);
    assert_eq!(answer.field("location"), Some(secure.as_str()));
}

#[tokio::test]
async fn r110_in_the_demo_a_meeting_is_entered_by_name_after_a_login_and_not_before() {
    let (demo, _folder) = demo().await;
    let chat = "chat.localhost";
    assert_eq!(demo.get(chat, "/").await.field("location"), Some("/login"));
    assert_eq!(demo.get(chat, "/api/v4/users/me").await.status(), 401);
    let refused = demo.get(chat, "/jitsi/Tea").await;
    assert_eq!((refused.status(), refused.field("location")), (302, Some("/login?redirect_to=%2Fjitsi%2FTea")));
    assert!(!refused.text().contains("jwt="), "{refused:?}");
    assert_eq!(demo.get(chat, "/login?redirect_to=%2Fjitsi%2FTea").await.status(), 200);

    let cookie = format!("\nCookie: {}", demo.signed_in("Ada").await);
    let page = demo.ask("GET", chat, "/", &cookie, "").await;
    assert!(page.text().contains("Signed in as <strong>Ada</strong>"), "{page:?}");
    let me = demo.ask("GET", chat, "/api/v4/users/me", &cookie, "").await.json();
    assert_eq!((&me["nickname"], &me["roles"]), (&json!("Ada"), &json!("system_user")));

    let launcher = demo.ask("GET", chat, "/jitsi/Tea", &cookie, "").await;
    assert_eq!(launcher.status(), 200, "{launcher:?}");
    let meeting = format!("https://meet.localhost:{}", demo.https);
    let page = launcher.text();
    let path = page.split(&meeting).nth(1).and_then(|rest| rest.split('"').next()).expect("the meeting's address");
    assert!(path.starts_with("/vpaas-magic-cookie-demo/Tea?jwt="), "{path}");
    let entered = demo.get("meet.localhost", path).await;
    assert_eq!(entered.status(), 200, "{entered:?}");
    assert!(entered.text().contains("Welcome, Ada. You are a moderator"), "{}", entered.text());
    let other = demo.get("meet.localhost", &path.replace("/Tea?", "/Other?")).await;
    assert_eq!(other.status(), 403);

    let outcome = demo.stop().await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("GET /jitsi/Tea"), "requests are shown: {}", outcome.stdout);
    for secret in [cookie.split('=').nth(1).expect("a token"), path.split('=').nth(1).expect("a token")] {
        assert!(!outcome.stdout.contains(secret) && !outcome.stderr.contains(secret), "{outcome:?}");
    }
}

#[tokio::test]
async fn the_demos_live_connection_works_over_both_versions_and_ends_with_the_demo() {
    let (demo, _folder) = demo().await;
    let cookie = demo.signed_in("Ada").await;
    let host = format!("chat.localhost:{}", demo.https);
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let mut request = format!("wss://{host}/api/v4/websocket").into_client_request().expect("a request");
        request.headers_mut().insert("cookie", cookie.parse().expect("a value"));
        request.headers_mut().insert("origin", format!("https://{host}").parse().expect("a value"));
        let stream = demo.tls().connect(demo.address(), "chat.localhost").await.expect("a connection").into_stream();
        let (socket, _) = soon("101", tokio_tungstenite::client_async(request, stream)).await.expect("a tunnel");
        sockets.push(socket);
    }
    let said = json!({ "seq": 1, "action": "post", "data": { "message": "tea?" } }).to_string();
    sockets[0].send(Frame::text(said)).await.expect("sent");
    for socket in &mut sockets {
        loop {
            let frame = soon("a frame", socket.next()).await.expect("a frame").expect("a whole frame");
            let event: Value = serde_json::from_slice(&frame.into_data()).unwrap_or_default();
            if event["event"] == "posted" {
                assert_eq!((&event["data"]["message"], &event["data"]["name"]), (&json!("tea?"), &json!("Ada")));
                break;
            }
        }
    }

    let secured = demo.tls().offering(&["h2"]).connect(demo.address(), "chat.localhost").await.expect("a connection");
    let mut h2 = H2::over(secured).await;
    let page = h2.ask(&format!("GET https://{host}/login")).await;
    assert_eq!(page.status(), 200);
    let lines = format!(
        "CONNECT https://{host}/api/v4/websocket\norigin: https://{host}\ncookie: {cookie}\nsec-websocket-version: 13"
    );
    let (answer, _tunnel) = h2.connect("websocket", &lines).await.tunnel().await;
    assert_eq!(answer.status(), 200, "{answer:?}");

    // Open tunnels hold it up no longer than its short drain.
    let outcome = demo.stop().await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[tokio::test]
async fn what_the_demo_made_is_used_again_and_explained_and_found_fine_by_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let certs = folder.path().join("certs");
    std::fs::create_dir(&certs).expect("a folder");
    std::fs::write(certs.join("README.md"), "").expect("a file");
    let kept = certs.join("demo");

    let read = |name: &str| std::fs::read(kept.join(name)).expect("a file");
    let names = ["root.pem", "chain.pem", "key.pem", "meeting-key.pem"];
    let first = demo_in(folder.path(), kept.clone()).await;
    assert!(first.guide.contains("--cacert certs/demo/root.pem"), "{}", first.guide);
    let made = names.map(read);
    for secret in ["key.pem", "meeting-key.pem", "root-key.pem"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(kept.join(secret)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{secret}: {mode:o}");
    }
    let explained = Process::gatepost(
        folder.path(),
        &["explain", "-c", "certs/demo/demo.toml", &format!("https://chat.localhost:{}/jitsi/Tea", first.https)],
    );
    let explained = explained.outcome().await;
    assert_eq!(explained.code, Some(0), "{explained:?}");
    assert!(explained.stdout.contains("launcher"), "{explained:?}");
    let checked = Process::gatepost(folder.path(), &["check", "-c", "certs/demo/demo.toml"]).outcome().await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert_eq!(first.stop().await.code, Some(0));

    std::fs::write(kept.join("site/files/mine.txt"), "mine").expect("a file");
    let second = demo_in(folder.path(), kept.clone()).await;
    assert_eq!(names.map(read), made);
    assert_eq!(second.get("www.localhost", "/files/mine.txt").await.text(), "mine");
    assert!(!folder.path().join("home").exists(), "nothing is written outside of the checkout");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_the_option_that_takes_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = other.local_addr().expect("an address").port().to_string();
    for (option, free) in [("--https-port", "--http-port"), ("--http-port", "--https-port")] {
        let arguments = ["demo", option, &port, free, "0"];
        let outcome = Process::gatepost_at_home(folder.path(), &arguments, Some(folder.path())).outcome().await;
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(outcome.stderr.contains(&format!("127.0.0.1:{port}")), "{outcome:?}");
        assert!(outcome.stderr.contains(&format!("{option} 0")), "{outcome:?}");
        assert!(outcome.stdout.is_empty(), "{outcome:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing half-starts");
    let same = ["demo", "--https-port", "9000", "--http-port", "9000"];
    assert_eq!(Process::gatepost_at_home(folder.path(), &same, Some(folder.path())).outcome().await.code, Some(2));
}
