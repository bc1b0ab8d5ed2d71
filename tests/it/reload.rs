//! Certificates that change while gatepost serves: for new handshakes at once, for open connections not at all.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use time::Duration;

use crate::support::ca::{Identity, ca};
use crate::support::client::Tls;
use crate::support::gate::{CHAT, Gate, gate, proxying};
use crate::support::process::gatepost;
use crate::support::raw::{Wire, ok};
use crate::support::soon;
use crate::support::upstream::{Upstream, switching};

const RESPOND: &str = "[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\nrespond = \"here\"\n";

const UPGRADE: &str = "GET /api/v4/websocket HTTP/1.1\nHost: chat.example\nUpgrade: websocket\nConnection: Upgrade\n\
    Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

/// The names in certbot's `live/chat/`, as a `[[certificate]]`.
const LIVE: &str = "[[certificate]]\nchain = \"live/chat/fullchain.pem\"\nkey = \"live/chat/privkey.pem\"\n\
    trusted_roots = \"root.pem\"\n";

/// Lays an issue down as certbot does: new files in `archive/`, then the links in `live/` one by one, the key first.
fn certbot(folder: &Path, number: usize, identity: &Identity) {
    let (archive, live) = (folder.join("archive/chat"), folder.join("live/chat"));
    for folder in [&archive, &live] {
        fs::create_dir_all(folder).expect("folders");
    }
    for (name, content) in [("privkey", &identity.key), ("fullchain", &identity.chain)] {
        fs::write(archive.join(format!("{name}{number}.pem")), content).expect("a file");
    }
    for name in ["privkey", "fullchain"] {
        let link = live.join(format!("{name}.pem"));
        match fs::remove_file(&link) {
            Ok(()) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}"),
        }
        symlink(format!("../../archive/chat/{name}{number}.pem"), link).expect("a link");
    }
}

/// The leaf that a full handshake gets; `None` where it fails.
async fn presented(https: SocketAddr, name: &str) -> Option<Vec<u8>> {
    Some(Tls::new().connect(https, name).await.ok()?.presented()[0].to_vec())
}

/// Waits until new handshakes get this.
async fn until_presented(gate: &Gate, name: &str, identity: &Identity) {
    soon("the new certificate", async {
        while presented(gate.https[0], name).await.as_deref() != Some(&*identity.leaf) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Answers every request with its number, and sends back every byte of a tunnel.
async fn upstream() -> Upstream {
    Upstream::scripted(|mut connection| async move {
        let mut count = 0;
        while let Some(request) = connection.head().await {
            if request.has("upgrade") {
                connection.wire.send(switching(&request)).await;
                while let Ok(byte) = connection.wire.exactly(1).await {
                    connection.wire.send(byte).await;
                }
                return;
            }
            connection.wire.send(ok(format!("{}.{count}", connection.number))).await;
            count += 1;
        }
    })
    .await
}

async fn echoes(tunnel: &mut Wire, text: &str) {
    tunnel.send(text).await;
    assert_eq!(tunnel.exactly(text.len()).await.expect("an echo"), text.as_bytes());
}

#[tokio::test]
async fn links_turned_by_certbot_are_served_to_new_handshakes_and_open_connections_stay() {
    let (old, new) = (ca().leaf(&[CHAT]), ca().leaf(&[CHAT]));
    let upstream = upstream().await;
    let builder = proxying(&upstream, "pool_idle_timeout = \"600s\"").replacing("[[site]]", &format!("{LIVE}[[site]]"));
    certbot(builder.folder(), 1, &old);
    // The builder's own certificate is for another name and so in nobody's way.
    let gate = builder.certificate(&ca().leaf(&["other.example"])).run().await;
    assert_eq!(presented(gate.https[0], CHAT).await.as_deref(), Some(&*old.leaf));

    const GET: &str = "GET / HTTP/1.1\nHost: chat.example";
    let mut h1 = gate.tls(CHAT).await;
    assert_eq!(h1.ask(GET).await.text(), "0.0");
    let mut tunnel = gate.tls(CHAT).await;
    assert_eq!(tunnel.ask(UPGRADE).await.status(), 101);
    echoes(&mut tunnel, "before").await;
    let mut h2 = gate.h2(CHAT).await;
    let before = h2.ask("GET https://chat.example/").await;
    assert_eq!(before.status(), 200);
    let connections = upstream.connections();

    certbot(gate.folder(), 2, &new);
    until_presented(&gate, CHAT, &new).await;

    echoes(&mut tunnel, "after").await;
    assert_eq!(h2.ask("GET https://chat.example/").await.status(), 200);
    assert_eq!(h1.ask(GET).await.status(), 200);
    assert_eq!(gate.get("/").await.status(), 200);
    assert_eq!(upstream.connections(), connections, "those to the upstream were kept");
    let log = gate.process.stderr();
    assert!(log.contains("serving a new certificate") && !log.contains("ERROR"), "{log}");
    assert!(!log.contains("reloaded"), "the configuration was not read again: {log}");
}

#[tokio::test]
async fn sessions_are_taken_up_again_across_a_swap_and_a_sighup() {
    let gate = gate(RESPOND).certificate(&ca().leaf(&[CHAT])).run().await;
    let tls = Tls::new();
    let resumed = async || {
        let secured = tls.connect(gate.https[0], CHAT).await.expect("a handshake");
        let resumed = secured.resumed();
        assert_eq!(secured.wire().ask("GET / HTTP/1.1\nHost: chat.example").await.text(), "here");
        resumed
    };
    assert!(!resumed().await);
    let new = ca().leaf(&[CHAT]);
    fs::write(gate.folder().join("chain-0.pem"), &new.chain).expect("a file");
    fs::write(gate.folder().join("key-0.pem"), &new.key).expect("a file");
    until_presented(&gate, CHAT, &new).await;
    assert!(resumed().await, "a swap makes nobody shake hands in full");
    let mut gate = gate;
    gate.process.hangup();
    gate.process.says("reloaded").await;
    let secured = tls.connect(gate.https[0], CHAT).await.expect("a handshake");
    assert!(secured.resumed());
}

#[tokio::test]
async fn r42_a_certificate_that_comes_before_its_key_waits_for_it_and_is_said_once() {
    let (old, new) = (ca().leaf(&[CHAT]), ca().leaf(&[CHAT]));
    let mut gate = gate(RESPOND).certificate(&old).run().await;
    fs::write(gate.folder().join("chain-0.pem"), &new.chain).expect("a file");
    let said = gate.process.says("not taken up").await;
    assert!(said.contains("chain-0.pem") && said.contains("key-0.pem"), "names both: {said}");
    assert_eq!(presented(gate.https[0], CHAT).await.as_deref(), Some(&*old.leaf));

    fs::write(gate.folder().join("key-0.pem"), &new.key).expect("a file");
    until_presented(&gate, CHAT, &new).await;
    let log = gate.process.stderr();
    assert_eq!(log.matches("not taken up").count(), 1, "{log}");
}

#[tokio::test]
async fn r42_the_key_may_come_first_and_a_file_may_come_in_pieces() {
    let (old, new) = (ca().leaf(&[CHAT]), ca().leaf(&[CHAT]));
    let gate = gate(RESPOND).certificate(&old).run().await;
    let (chain, key) = (gate.folder().join("chain-0.pem"), gate.folder().join("key-0.pem"));
    fs::write(&key, &new.key).expect("a file");
    for length in [0, 10, new.chain.len() / 3, new.chain.len() - 5] {
        fs::write(&chain, &new.chain[..length]).expect("a file");
        assert_eq!(presented(gate.https[0], CHAT).await.as_deref(), Some(&*old.leaf), "{length} bytes");
    }
    fs::write(&chain, &new.chain).expect("a file");
    until_presented(&gate, CHAT, &new).await;
}

#[tokio::test]
async fn r42_a_reload_amid_a_mismatch_keeps_the_pair_and_takes_up_the_rest() {
    let (old, new) = (ca().leaf(&[CHAT]), ca().leaf(&[CHAT]));
    let mut gate = gate(RESPOND).certificate(&old).run().await;
    fs::write(gate.folder().join("chain-0.pem"), &new.chain).expect("a file");
    let file = gate.folder().join("gatepost.toml");
    let text = fs::read_to_string(&file).expect("the configuration");
    fs::write(&file, text.replace("respond = \"here\"", "respond = \"there\"")).expect("a file");
    gate.process.hangup();
    let log = gate.process.says("reloaded").await;
    assert!(log.contains("goes on until the files fit"), "{log}");
    assert_eq!(presented(gate.https[0], CHAT).await.as_deref(), Some(&*old.leaf));
    soon("the rest of the reload", async { while gate.get("/").await.text() != "there" {} }).await;

    fs::write(gate.folder().join("key-0.pem"), &new.key).expect("a file");
    until_presented(&gate, CHAT, &new).await;
}

#[tokio::test]
async fn a_file_that_goes_away_takes_nothing_along_and_may_come_back() {
    let (old, new) = (ca().leaf(&[CHAT]), ca().leaf(&[CHAT]));
    let mut gate = gate(RESPOND).certificate(&old).run().await;
    let chain = gate.folder().join("chain-0.pem");
    fs::remove_file(&chain).expect("removed");
    gate.process.says("not taken up").await;
    assert_eq!(presented(gate.https[0], CHAT).await.as_deref(), Some(&*old.leaf));
    fs::write(gate.folder().join("key-0.pem"), &new.key).expect("a file");
    fs::write(&chain, &new.chain).expect("a file");
    until_presented(&gate, CHAT, &new).await;
}

#[tokio::test]
async fn files_that_were_not_there_at_the_start_are_taken_up_without_a_signal() {
    let builder = gate(format!("{LIVE}{}", RESPOND.replace("\"chat.example\"", "\"chat.example\", \"new.example\"")))
        .server("acme_webroot = \"webroot\"")
        .with("webroot/here", "")
        .certificate(&ca().leaf(&[CHAT]));
    let gate = builder.run().await;
    assert_eq!(presented(gate.https[0], "new.example").await, None, "no handshake until it is there");
    let new = ca().leaf(&["new.example"]);
    certbot(gate.folder(), 1, &new);
    until_presented(&gate, "new.example", &new).await;
    assert_eq!(gate.get("/").await.text(), "here");
}

#[tokio::test]
async fn a_bare_leaf_is_not_taken_up_in_place_of_a_whole_chain() {
    let old = ca().leaf(&[CHAT]);
    let mut gate = gate(RESPOND).certificate(&old).run().await;
    let bare = ca().leaf(&[CHAT]).bare();
    fs::write(gate.folder().join("key-0.pem"), &bare.key).expect("a file");
    fs::write(gate.folder().join("chain-0.pem"), &bare.chain).expect("a file");
    let log = gate.process.says("bare leaf").await;
    assert!(log.contains("Android"), "says who would refuse it: {log}");
    assert_eq!(presented(gate.https[0], CHAT).await.as_deref(), Some(&*old.leaf));
}

#[tokio::test]
async fn r91_a_reload_of_the_configuration_keeps_tunnels() {
    let upstream = upstream().await;
    let mut gate = proxying(&upstream, "").run().await;
    let mut tunnels = Vec::new();
    for _ in 0..3 {
        let mut tunnel = gate.tls(CHAT).await;
        assert_eq!(tunnel.ask(UPGRADE).await.status(), 101);
        tunnels.push(tunnel);
    }
    let file = gate.folder().join("gatepost.toml");
    let text = fs::read_to_string(&file).expect("the configuration");
    fs::write(&file, format!("{text}\n[[site.route]]\npath = \"/new/\"\nrespond = \"new\"\n")).expect("a file");
    gate.process.hangup();
    gate.process.says("reloaded").await;
    for tunnel in &mut tunnels {
        echoes(tunnel, "after").await;
    }
    soon("the new route", async { while gate.get("/new/").await.text() != "new" {} }).await;
}

#[tokio::test]
async fn the_files_of_a_reloaded_configuration_are_watched_from_then_on() {
    let mut gate = gate(RESPOND).certificate(&ca().leaf(&[CHAT])).run().await;
    let (first, second) = (ca().leaf(&["new.example"]), ca().leaf(&["new.example"]));
    certbot(gate.folder(), 1, &first);
    let file = gate.folder().join("gatepost.toml");
    let text = fs::read_to_string(&file).expect("the configuration");
    let site = RESPOND.replace(CHAT, "new.example");
    fs::write(&file, format!("{text}\n{LIVE}\n{site}")).expect("a file");
    gate.process.hangup();
    gate.process.says("reloaded").await;
    until_presented(&gate, "new.example", &first).await;
    certbot(gate.folder(), 2, &second);
    until_presented(&gate, "new.example", &second).await;
}

#[tokio::test]
async fn no_handshake_fails_while_certificates_are_swapped() {
    const SWAPS: usize = 40;
    const CLIENTS: usize = 6;
    let builder = gate(format!("{LIVE}{RESPOND}")).server("workers = 2");
    certbot(builder.folder(), 0, &ca().leaf(&[CHAT]));
    let gate = builder.certificate(&ca().leaf(&["other.example"])).run().await;

    let (over, shaken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (over, shaken, https) = (Arc::clone(&over), Arc::clone(&shaken), gate.https[0]);
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    // A client of its own each time: a full handshake, with the signature of the certificate's key.
                    let secured = Tls::new().connect(https, CHAT).await.expect("a handshake amid swaps");
                    let answer = secured.wire().ask("GET / HTTP/1.1\nHost: chat.example\nConnection: close").await;
                    assert_eq!(answer.text(), "here");
                    shaken.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for number in 1..=SWAPS {
        let next = ca().leaf(&[CHAT]);
        certbot(gate.folder(), number, &next);
        until_presented(&gate, CHAT, &next).await;
    }
    over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("no client saw a failure");
    }
    assert!(shaken.load(Ordering::Relaxed) >= SWAPS, "there was a load");
    let log = gate.process.stderr();
    assert_eq!(log.matches("serving a new certificate").count(), SWAPS, "{log}");
    assert!(!log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn an_end_that_comes_near_is_a_warning_at_a_quarter_and_a_fault_at_a_tenth() {
    for (lifetime, left, word, code) in [
        (90, 23, None, 0),
        (90, 22, Some("warning"), 0),
        (90, 8, Some("fault"), 1),
        (45, 4, Some("fault"), 1),
        (6, 1, Some("warning"), 0),
    ] {
        let identity = ca().leaf_with_left(&[CHAT], Duration::days(lifetime), Duration::days(left));
        let builder = gate(RESPOND).certificate(&identity).write();
        let outcome = gatepost(builder.folder(), &["check", "-c", "gatepost.toml"]).await;
        assert_eq!(outcome.code, Some(code), "{left} of {lifetime} days: {outcome:?}");
        let said = outcome.stdout.lines().find(|line| line.contains("ends on"));
        assert_eq!(said.is_some(), word.is_some(), "{left} of {lifetime} days: {outcome:?}");
        if let (Some(said), Some(word)) = (said, word) {
            assert!(said.contains(word) && said.contains(CHAT) && said.contains("certbot renew"), "{said}");
        }
    }
    let soon_over = ca().leaf_with_left(&[CHAT], Duration::days(90), Duration::days(8));
    let gate = gate(RESPOND).certificate(&soon_over).run().await;
    let log = gate.process.stderr();
    assert!(log.lines().any(|line| line.contains("ERROR") && line.contains("less than a tenth")), "{log}");
}
