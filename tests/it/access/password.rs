//! `auth`: a password before a route.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::gate::{Builder, CHAT, Gate, gate, proxying};
use crate::support::raw::{Message, ok};
use crate::support::upstream::Upstream;

use super::{BEHIND_PROXY, VERSION, from, hash, refused, reload};

fn basic(credential: &str) -> String {
    format!("\nAuthorization: Basic {}", STANDARD.encode(credential))
}

async fn ask(gate: &Gate, fields: &str) -> Message {
    gate.tls(CHAT).await.ask(&format!("GET /x HTTP/1.1\nHost: {CHAT}{fields}")).await
}

/// A proxy behind the users of a file: `anna` with `größe 1`, and `bert` of `htpasswd -B`'s kind with `b`.
fn guarded(upstream: &Upstream, more: &str) -> Builder {
    let users = format!("# staff\n{}\n{}\n", hash("größe 1", &["anna"]), hash("b", &["bert", "--bcrypt"]));
    let auth = format!("[auth.staff]\nrealm = \"Our staff\"\nfile = \"staff.users\"\n{more}\n");
    proxying(upstream, "auth = \"staff\"").changing(|file| auth + &file).with("staff.users", users)
}

#[tokio::test]
async fn without_a_password_one_is_asked_for_and_with_one_it_stays_here() {
    let upstream = Upstream::answering(|_| ok("in")).await;
    let gate = guarded(&upstream, "").log("access = \"access.log\"").run().await;
    let asked = ask(&gate, "").await;
    assert_eq!(asked.status(), 401);
    assert_eq!(asked.field("www-authenticate"), Some("Basic realm=\"Our staff\", charset=\"UTF-8\""));
    for wrong in ["anna:b", "anna:", "carl:b", "größe 1"] {
        assert_eq!(ask(&gate, &basic(wrong)).await.status(), 401, "{wrong}");
    }
    assert_eq!(ask(&gate, "\nAuthorization: Bearer x").await.status(), 401);
    assert!(upstream.lines().is_empty());
    for right in ["anna:größe 1", "bert:b", "anna:größe 1"] {
        assert_eq!(ask(&gate, &basic(right)).await.text(), "in", "{right}");
    }
    let mut h2 = gate.h2(CHAT).await;
    let line = basic("anna:größe 1").replace("\nA", "\na");
    assert_eq!(h2.ask(&format!("GET https://chat.example/{line}")).await.status(), 200);
    for index in 0..4 {
        assert!(!upstream.request(index).await.has("authorization"));
    }
    let folder = gate.stop_keeping_folder().await;
    let log = std::fs::read_to_string(folder.path().join("access.log")).expect("the log");
    assert!(log.contains(" - anna [") && log.contains(" - bert [") && log.contains(" - - ["), "{log}");
    assert!(!log.contains("carl"), "a name without its password is nobody: {log}");
}

#[tokio::test]
async fn it_goes_on_to_the_upstream_where_told() {
    let upstream = Upstream::answering(|_| ok("in")).await;
    let gate = guarded(&upstream, "forward = true").run().await;
    assert_eq!(ask(&gate, &basic("bert:b")).await.status(), 200);
    let seen = upstream.request(0).await;
    assert_eq!(seen.field("authorization").map(str::to_owned), Some(format!("Basic {}", STANDARD.encode("bert:b"))));
}

#[tokio::test]
async fn what_the_route_sets_for_the_upstream_takes_its_place() {
    let upstream = Upstream::answering(|_| ok("in")).await;
    let fields = "auth = \"staff\"\nrequest_headers = { Authorization = \"Bearer ours\" }";
    let gate = guarded(&upstream, "").replacing("auth = \"staff\"", fields).run().await;
    assert_eq!(ask(&gate, &basic("bert:b")).await.status(), 200);
    assert_eq!(upstream.request(0).await.field("authorization"), Some("Bearer ours"));
}

#[tokio::test]
async fn guessing_ends_after_ten_tries_for_that_address_alone() {
    let upstream = Upstream::answering(|_| ok("in")).await;
    let builder = guarded(&upstream, "").server(BEHIND_PROXY);
    let gate = builder.changing(|file| format!("[admin]\nlisten = \"127.0.0.1:0\"\n{file}")).run().await;
    // One is given back every six seconds: ten, and a few more on a machine that takes long for each.
    let mut tries = 0;
    let limited = loop {
        let answer = from(&gate, "203.0.113.9", &format!("GET /{}", basic(&format!("anna:{tries}")))).await;
        if answer.status() == 429 {
            break answer;
        }
        assert_eq!(answer.status(), 401);
        tries += 1;
    };
    assert!(tries >= 10 && limited.has("retry-after"), "{tries}: {limited:?}");
    let right = format!("GET /{}", basic("anna:größe 1"));
    assert_eq!(from(&gate, "203.0.113.10", &right).await.status(), 200);
    // A page's forty files at once cost one look, and are no guesses.
    let mut pages = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (https, line) = (gate.https[0], format!("GET / HTTP/1.1\nHost: {CHAT}{}", basic("bert:b")));
        pages.spawn(async move {
            let mut wire =
                crate::support::client::Tls::new().connect(https, CHAT).await.expect("a TLS connection").wire();
            wire.ask(&line).await.status()
        });
    }
    assert!(pages.join_all().await.iter().all(|status| *status == 200));
    assert!(refused(&gate, "password").await >= 10);
}

#[tokio::test]
async fn deny_comes_before_the_limit_and_the_limit_before_the_password() {
    let upstream = Upstream::answering(|_| ok("in")).await;
    let keys = "auth = \"staff\"\ndeny = [\"203.0.113.9\"]\nrate_limit = { rate = \"1/h\", burst = 2 }";
    let gate = guarded(&upstream, "").replacing("auth = \"staff\"", keys).server(BEHIND_PROXY).run().await;
    let right = format!("GET /{}", basic("bert:b"));
    assert_eq!(from(&gate, "203.0.113.9", &right).await.status(), 403);
    // Without a password it counts all the same.
    let mut statuses = Vec::new();
    for lines in ["GET /", right.as_str(), right.as_str()] {
        statuses.push(from(&gate, "203.0.113.10", lines).await.status());
    }
    assert_eq!(statuses, [401, 200, 429]);
}

#[tokio::test]
async fn a_route_may_leave_its_sites_password_out() {
    let file = format!(
        "[auth.staff]\nusers = {{ anna = \"{}\" }}\n[[site]]\nhosts = [\"chat.example\"]\nauth = \"staff\"\n\
         [[site.route]]\npath = \"/\"\nrespond = \"inside\"\n\
         [[site.route]]\npath = \"/hook\"\nauth = false\nrespond = \"open\"\n",
        hash("a", &[])
    );
    let gate = gate(file).run().await;
    assert_eq!(gate.get("/").await.status(), 401);
    assert_eq!(gate.get("/hook/x").await.text(), "open");
    let right = format!("GET / HTTP/1.1\nHost: {CHAT}{}", basic("anna:a"));
    assert_eq!(gate.tls(CHAT).await.ask(&right).await.text(), "inside");
}

#[tokio::test]
async fn a_reload_takes_the_files_users_and_a_fault_in_it_keeps_the_old_ones() {
    let upstream = Upstream::answering(|_| ok("in")).await;
    let mut gate = guarded(&upstream, "").changing(|file| file + VERSION).run().await;
    assert_eq!(ask(&gate, &basic("bert:b")).await.status(), 200);
    let path = gate.folder().join("staff.users");
    std::fs::write(&path, "bert:b\n").expect("written");
    gate.process.hangup();
    let log = gate.process.says("not reloaded").await;
    assert!(log.contains("line 1: its hash is no hash of a password"), "{log}");
    assert_eq!(ask(&gate, &basic("bert:b")).await.status(), 200);
    std::fs::write(&path, hash("new", &["bert"])).expect("written");
    reload(&gate, |file| file).await;
    assert_eq!(ask(&gate, &basic("bert:b")).await.status(), 401, "the old password is remembered no more");
    assert_eq!(ask(&gate, &basic("bert:new")).await.status(), 200);
    assert_eq!(ask(&gate, &basic("anna:größe 1")).await.status(), 401, "nor who left");
}

#[tokio::test]
async fn users_that_cannot_be_used_stop_the_start_and_no_hash_is_shown() {
    let upstream = Upstream::answering(|_| ok("in")).await;
    let outcome = guarded(&upstream, "").with("staff.users", "anna:$apr1$sesame$x\nbert:sesame\n").refused().await;
    assert_eq!(outcome.code, Some(1));
    for words in ["line 1: its hash is an MD5 hash", "line 2: its hash is no hash", "gatepost password"] {
        assert!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("sesame"), "{}", outcome.stderr);
}
