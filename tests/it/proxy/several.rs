//! Several upstreams of one route: who gets a request, who is out, and what is sent a second time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{CHAT, GET, Upstream, message, ok};
use crate::support::client::tcp;
use crate::support::faults::until;
use crate::support::gate::{Builder, Gate, gate};
use crate::support::raw::Message;
use crate::support::upstream::switching;

/// An upstream with a name, which can be made ill.
struct Node {
    upstream: Upstream,
    /// Its checks fail.
    ill: Arc<AtomicBool>,
    /// Requests break off.
    broken: Arc<AtomicBool>,
}

impl Node {
    /// Answers with its name; `/held` and a tunnel it keeps.
    async fn named(name: &'static str) -> Self {
        let (ill, broken) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let (is_ill, is_broken) = (ill.clone(), broken.clone());
        let upstream = Upstream::scripted(move |mut connection| {
            let (is_ill, is_broken) = (is_ill.clone(), is_broken.clone());
            async move {
                while let Some(request) = connection.request().await {
                    let is_check = matches!(request.target(), "/healthz" | "/api/v4/system/ping");
                    if is_broken.load(Ordering::SeqCst) && !is_check {
                        return;
                    }
                    let answer = match request.target() {
                        _ if is_check && is_ill.load(Ordering::SeqCst) => message("HTTP/1.1 503 No", "ill"),
                        _ if request.has("upgrade") => switching(&request),
                        "/held" => {
                            connection.wire.rest().await;
                            return;
                        }
                        _ => ok(name),
                    };
                    connection.wire.send(answer).await;
                }
            }
        })
        .await;
        Self { upstream, ill, broken }
    }

    /// Requests that it got, checks left out.
    fn got(&self) -> usize {
        let lines = self.upstream.lines();
        lines.iter().filter(|line| !line.contains("/healthz") && !line.contains("/system/ping")).count()
    }

    fn is(&self, flag: &AtomicBool, set: bool) {
        flag.store(set, Ordering::SeqCst);
    }
}

/// A route to these, with more keys.
fn balancing(nodes: &[&Node], keys: &str) -> Builder {
    let addresses: Vec<String> = nodes.iter().map(|node| format!("\"http://{}\"", node.upstream)).collect();
    gate(format!(
        "[admin]\nlisten = \"127.0.0.1:0\"\n[[site]]\nhosts = [\"{CHAT}\"]\n[[site.route]]\npath = \"/\"\n\
         proxy = [{}]\n{keys}\n[[site.route]]\npath = \"/other\"\nrespond = \"other\"\n",
        addresses.join(", ")
    ))
}

async fn names(gate: &Gate, count: usize) -> Vec<String> {
    let mut wire = gate.tls(CHAT).await;
    let mut names = Vec::new();
    for _ in 0..count {
        let answer = wire.ask(GET).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        names.push(answer.text());
    }
    names
}

async fn sample(gate: &Gate, name: &str, node: &Node) -> Option<u64> {
    Some(gate.metrics(name, &format!("upstream=\"http://{}\"", node.upstream)).await.first()?.1)
}

async fn becomes(gate: &Gate, node: &Node, healthy: u64) {
    until("a verdict", async || sample(gate, "gatepost_upstream_healthy", node).await == Some(healthy)).await;
}

const CHECKED: &str = "health = \"/healthz\"\nhealth_interval = \"50ms\"\nunhealthy_after = 2\nhealthy_after = 2";

#[tokio::test]
async fn they_take_turns_whatever_else_is_asked_in_between() {
    let (a, b) = (Node::named("a").await, Node::named("b").await);
    let gate = balancing(&[&a, &b], "").run().await;
    let mut wire = gate.tls(CHAT).await;
    for _ in 0..10 {
        wire.ask(GET).await;
        wire.ask(&format!("GET /other HTTP/1.1\nHost: {CHAT}")).await;
    }
    assert_eq!((a.got(), b.got()), (5, 5));
}

#[tokio::test]
async fn with_least_connections_requests_and_tunnels_count() {
    let (a, b) = (Node::named("a").await, Node::named("b").await);
    let gate = balancing(&[&a, &b], "balance = \"least_connections\"").run().await;
    assert_eq!(names(&gate, 1).await, ["a"]);
    let mut tunnel = gate.tls(CHAT).await;
    let upgrade = format!(
        "GET /ws HTTP/1.1\nHost: {CHAT}\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    );
    assert_eq!(tunnel.ask(&upgrade).await.status(), 101);
    assert_eq!(b.got(), 1, "whoever waited longer has the tunnel");
    assert_eq!(names(&gate, 4).await, ["a"; 4]);
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut wire = gate.tls(CHAT).await;
        wire.send_head(&format!("GET /held HTTP/1.1\nHost: {CHAT}")).await;
        held.push(wire);
    }
    until("both to be held", async || a.got() + b.got() == 8).await;
    assert!(a.got() >= 6, "the first of them goes where there is less");
}

#[tokio::test]
async fn who_fails_its_checks_gets_nothing_until_they_succeed_again() {
    let (a, b) = (Node::named("a").await, Node::named("b").await);
    let mut gate = balancing(&[&a, &b], CHECKED).run().await;
    becomes(&gate, &a, 1).await;
    becomes(&gate, &b, 1).await;
    a.is(&a.ill, true);
    becomes(&gate, &a, 0).await;
    assert_eq!(names(&gate, 10).await, ["b"; 10]);
    let log = gate.process.says("ill: its checks at /healthz fail: it answered 503").await;
    assert!(log.contains(&a.upstream.to_string()), "{log}");
    let page = tcp(gate.admin()).await.ask("GET / HTTP/1.1\nHost: localhost").await.text();
    assert!(page.contains("out: it answered 503") && page.contains(">well<"), "{page}");

    // Where nobody is well, whoever there is gets it.
    b.is(&b.ill, true);
    becomes(&gate, &b, 0).await;
    assert_eq!(names(&gate, 4).await.len(), 4);

    a.is(&a.ill, false);
    becomes(&gate, &a, 1).await;
    assert_eq!(names(&gate, 10).await, ["a"; 10]);
}

#[tokio::test]
async fn the_preset_asks_mattermosts_own_ping_by_the_sites_name() {
    let (a, b) = (Node::named("a").await, Node::named("b").await);
    let gate = balancing(&[&a, &b], "preset = \"mattermost\"").run().await;
    let asked = a.upstream.request(0).await;
    assert_eq!(asked.line, "GET /api/v4/system/ping HTTP/1.1");
    assert_eq!(asked.field("host"), Some(CHAT));
    assert!(asked.field("user-agent").is_some_and(|agent| agent.starts_with("gatepost/")));
    becomes(&gate, &a, 1).await;
}

#[tokio::test]
async fn one_alone_is_asked_and_shown_and_gets_its_requests_all_the_same() {
    let a = Node::named("a").await;
    a.is(&a.ill, true);
    let gate = balancing(&[&a], CHECKED).run().await;
    becomes(&gate, &a, 0).await;
    assert_eq!(names(&gate, 3).await, ["a"; 3]);
}

#[tokio::test]
async fn a_verdict_and_its_counts_outlive_a_reload_and_a_check_that_is_gone_does_not() {
    let (a, b) = (Node::named("a").await, Node::named("b").await);
    a.is(&a.ill, true);
    let mut gate = balancing(&[&a, &b], CHECKED).run().await;
    becomes(&gate, &a, 0).await;
    b.is(&b.broken, true);
    let (mut wire, failures) = (gate.tls(CHAT).await, "gatepost_upstream_failures_total");
    wire.ask(GET).await;
    let broken = async |gate: &Gate| {
        let samples = gate.metrics(failures, "kind=\"broken\"").await;
        samples.iter().find(|(labels, _)| labels.contains(&b.upstream.to_string())).expect("a sample").1
    };
    assert_eq!(broken(&gate).await, 1);
    b.is(&b.broken, false);

    // An hour: nothing that is known afterwards was found out anew.
    let file = gate.folder().join("gatepost.toml");
    let text = std::fs::read_to_string(&file).expect("the file");
    std::fs::write(&file, text.replace("\"50ms\"", "\"1h\"")).expect("written");
    gate.process.hangup();
    gate.process.says("reloaded").await;
    assert_eq!(sample(&gate, "gatepost_upstream_healthy", &a).await, Some(0));
    assert_eq!(broken(&gate).await, 1);
    assert_eq!(names(&gate, 6).await, ["b"; 6]);

    std::fs::write(&file, text.replace(CHECKED, "")).expect("written");
    gate.process.hangup();
    until("no verdict any more", async || sample(&gate, "gatepost_upstream_healthy", &a).await.is_none()).await;
    let mut both = names(&gate, 6).await;
    both.sort();
    assert_eq!(both, ["a", "a", "a", "b", "b", "b"]);
}

#[tokio::test]
async fn who_breaks_off_time_after_time_is_ejected_and_no_client_sees_it() {
    let (a, b) = (Node::named("a").await, Node::named("b").await);
    a.is(&a.broken, true);
    let mut gate = balancing(&[&a, &b], "eject_after = 3\neject_for = \"10m\"").run().await;
    assert_eq!(names(&gate, 20).await, ["b"; 20]);
    assert_eq!(a.got(), 3, "three times it was asked, and never again");
    assert_eq!(sample(&gate, "gatepost_upstream_ejected", &a).await, Some(1));
    assert_eq!(sample(&gate, "gatepost_upstream_retries_total", &a).await, Some(3));
    gate.process.says("ejected: requests to it failed time after time").await;
}

#[tokio::test]
async fn where_all_are_ejected_all_are_asked_and_who_answers_is_back() {
    let (a, b) = (Node::named("a").await, Node::named("b").await);
    for node in [&a, &b] {
        node.is(&node.broken, true);
    }
    let gate = balancing(&[&a, &b], "eject_after = 1\neject_for = \"10m\"").run().await;
    assert_eq!(gate.get("/").await.status(), 502);
    assert_eq!((sample(&gate, "gatepost_upstream_ejected", &a).await, a.got(), b.got()), (Some(1), 1, 1));
    a.is(&a.broken, false);
    assert_eq!(names(&gate, 4).await, ["a"; 4]);
    assert_eq!(sample(&gate, "gatepost_upstream_ejected", &a).await, Some(0));
    assert_eq!(sample(&gate, "gatepost_upstream_ejected", &b).await, Some(1));
}

#[tokio::test]
async fn with_eject_after_0_nobody_is_ejected() {
    let (a, b) = (Node::named("a").await, Node::named("b").await);
    a.is(&a.broken, true);
    let gate = balancing(&[&a, &b], "eject_after = 0").run().await;
    assert_eq!(names(&gate, 20).await, ["b"; 20]);
    assert_eq!(a.got(), 20);
}

#[tokio::test]
async fn what_may_have_been_taken_is_not_sent_to_another() {
    let (a, b) = (Node::named("a").await, Node::named("b").await);
    a.is(&a.broken, true);
    let gate = balancing(&[&a, &b], "read_timeout = \"300ms\"").run().await;
    let mut wire = gate.tls(CHAT).await;
    wire.send(message(&format!("POST /pay HTTP/1.1\nHost: {CHAT}"), "once")).await;
    assert_eq!(wire.answer().await.status(), 502);
    wire.send(message(&format!("PUT /b HTTP/1.1\nHost: {CHAT}"), "b has its turn")).await;
    assert_eq!(wire.answer().await.text(), "b");
    wire.send(message(&format!("PUT /body HTTP/1.1\nHost: {CHAT}"), "a body is read once")).await;
    assert_eq!(wire.answer().await.status(), 502);
    assert_eq!((a.got(), b.got()), (2, 1));

    // Nor is one that is late: whoever is at it may be about to answer.
    let (slow, quick) = (Node::named("slow").await, Node::named("quick").await);
    let gate = balancing(&[&slow, &quick], "read_timeout = \"300ms\"").run().await;
    assert_eq!(gate.get("/held").await.status(), 504);
    assert_eq!((slow.got(), quick.got()), (1, 0));
}

/// The one cookie that an answer sets: name and value, and what follows.
fn cookie(answer: &Message) -> (String, String) {
    let (pair, attributes) = answer.field("set-cookie").expect("a cookie").split_once("; ").expect("attributes");
    (pair.to_owned(), attributes.to_owned())
}

#[tokio::test]
async fn a_cookie_keeps_a_client_at_its_upstream_and_tells_nothing_of_it() {
    let (a, b) = (Node::named("a").await, Node::named("b").await);
    let gate = balancing(&[&a, &b], &format!("sticky = \"node\"\n{CHECKED}")).run().await;
    let first = gate.get("/").await;
    let (pair, attributes) = cookie(&first);
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax; Secure");
    let value = pair.strip_prefix("node=").expect("its name");
    assert!(value.len() == 16 && value.bytes().all(|byte| byte.is_ascii_hexdigit()), "{value}");
    for _ in 0..6 {
        let again = gate.tls(CHAT).await.ask(&format!("{GET}\nCookie: x=y; {pair}")).await;
        assert_eq!((again.text(), again.has("set-cookie")), (first.text(), false));
        let over_h2 = gate.h2(CHAT).await.ask(&format!("GET https://{CHAT}/\ncookie: x=y\ncookie: {pair}")).await;
        assert_eq!((over_h2.text(), over_h2.has("set-cookie")), (first.text(), false));
    }
    let invented = gate.tls(CHAT).await.ask(&format!("{GET}\nCookie: node=0000000000000000")).await;
    assert!(invented.has("set-cookie"), "what names nobody is replaced");
    let upgrade = format!(
        "GET /ws HTTP/1.1\nHost: {CHAT}\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    );
    let switched = gate.tls(CHAT).await.ask(&upgrade).await;
    assert!(switched.status() == 101 && switched.has("set-cookie"));

    // The same cookie means the same after a restart.
    let gate = gate.killed_and_started_again().await;
    for _ in 0..4 {
        assert_eq!(gate.tls(CHAT).await.ask(&format!("{GET}\nCookie: {pair}")).await.text(), first.text());
    }

    // Its upstream falls ill: another takes over, and has the client from then on.
    let (named, other) = if first.text() == "a" { (&a, "b") } else { (&b, "a") };
    named.is(&named.ill, true);
    becomes(&gate, named, 0).await;
    let moved = gate.tls(CHAT).await.ask(&format!("{GET}\nCookie: {pair}")).await;
    assert_eq!(moved.text(), other);
    let (new, _) = cookie(&moved);
    assert_ne!(new, pair);
    named.is(&named.ill, false);
    becomes(&gate, named, 1).await;
    for _ in 0..4 {
        assert_eq!(gate.tls(CHAT).await.ask(&format!("{GET}\nCookie: {new}")).await.text(), other, "and stays there");
    }
}

#[tokio::test]
async fn a_failed_upgrade_goes_to_the_next_upstream() {
    let (gone, b) = (Upstream::gone().await, Node::named("b").await);
    let file = format!(
        "[[site]]\nhosts = [\"{CHAT}\"]\n[[site.route]]\npath = \"/\"\nproxy = [\"http://{gone}\", \"http://{}\"]\n",
        b.upstream
    );
    let gate = gate(file).run().await;
    for _ in 0..2 {
        let switched = gate
            .tls(CHAT)
            .await
            .ask(&format!(
                "GET /ws HTTP/1.1\nHost: {CHAT}\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
            ))
            .await;
        assert_eq!(switched.status(), 101);
    }
}
