//! What an upstream can do wrong, as a table: the client gets the right status or a cut that shows, everything that
//! the request held is let go, and the metrics say what it was.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

use super::{CHAT, Upstream};
use crate::support::ca::{Identity, ca};
use crate::support::client::stream;
use crate::support::faults::{BlackHole, FAULTS, Mute, Seen, faulty, until};
use crate::support::gate::{Builder, Gate, gate};
use crate::support::raw::head;
use crate::support::soon;

/// A site with a route for each of these: its name, its upstream, more of its keys.
fn routes<'r>(routes: impl IntoIterator<Item = (&'r str, String, &'r str)>) -> Builder {
    let mut file =
        format!("[admin]\nlisten = \"127.0.0.1:0\"\n[[site]]\nhosts = [\"{CHAT}\"]\nredirect_http = false\n");
    for (name, upstream, keys) in routes {
        let _ = writeln!(
            file,
            "[[site.route]]\npath = \"/{name}\"\nproxy = \"{upstream}\"\nconnect_timeout = \"500ms\"\n\
             read_timeout = \"400ms\"\n{keys}"
        );
    }
    gate(file)
}

/// What a client over HTTP/1.1 sees.
async fn seen_h1(gate: &Gate, name: &str) -> Seen {
    let mut wire = gate.tls(CHAT).await;
    wire.send_head(&format!("GET /{name} HTTP/1.1\nHost: {CHAT}")).await;
    // A body that fails at once may take its head along, which had not left yet.
    let Ok(Some(mut answer)) = wire.head().await else { return Seen::Cut };
    match (wire.body(&mut answer).await, answer.status()) {
        (Err(_), 200) => Seen::Cut,
        (Ok(()), 200) => Seen::Whole(answer.text().leak()),
        (Ok(()), status) => Seen::Error(status),
        (Err(_), status) => panic!("{name}: {status} was cut"),
    }
}

/// The same over HTTP/2.
async fn seen_h2(gate: &Gate, name: &str) -> Seen {
    let mut h2 = gate.h2(CHAT).await;
    let open = h2.begin_and_end(&format!("GET https://{CHAT}/{name}")).await;
    let seen = match open.outcome().await {
        Err(error) => {
            assert!(error.is_reset(), "{name}: the stream alone is reset: {error}");
            Seen::Cut
        }
        Ok(answer) if answer.status() == 200 => Seen::Whole(answer.text().leak()),
        Ok(answer) => Seen::Error(answer.status()),
    };
    assert_eq!(h2.ask(&format!("GET https://{CHAT}/nowhere")).await.status(), 404, "{name}: other streams live");
    seen
}

/// Every failure that the metrics have counted for this route, by its kind.
async fn counted(gate: &Gate, name: &str) -> Vec<(String, u64)> {
    let samples = gate.metrics("gatepost_upstream_failures_total", &format!("route=\"{CHAT}/{name}\"")).await;
    assert!(!samples.is_empty(), "no samples of {name}");
    let kind = |labels: &str| labels.split("kind=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
    let samples = samples.into_iter().filter(|(_, value)| *value > 0);
    samples.map(|(labels, value)| (kind(&labels).expect("a kind"), value)).collect()
}

/// How many sockets gatepost has open that serves nobody.
async fn sockets(gate: &Gate) -> usize {
    // Its worker has made what it needs once it has answered.
    assert_eq!(gate.get("/nowhere").await.status(), 404);
    gate.process.sockets()
}

/// Waits until nothing is left open to this route's upstream.
async fn lets_go(gate: &Gate, name: &str) {
    until(&format!("{name}: its connection to be closed"), async || {
        let samples = gate.metrics("gatepost_upstream_connections", &format!("route=\"{CHAT}/{name}\"")).await;
        samples.iter().all(|(_, open)| *open == 0)
    })
    .await;
}

#[tokio::test]
async fn each_fault_gives_the_right_status_or_a_visible_cut_and_is_counted_as_what_it_is() {
    let upstream = faulty().await;
    let gate = routes(FAULTS.iter().map(|fault| (fault.name, format!("http://{upstream}"), ""))).run().await;
    let before = sockets(&gate).await;
    let mut wrong = String::new();
    for fault in FAULTS {
        let (h1, h2) = (seen_h1(&gate, fault.name).await, seen_h2(&gate, fault.name).await);
        let counted = counted(&gate, fault.name).await;
        let expected: Vec<_> = fault.kind.map(|kind| (kind.to_owned(), 2)).into_iter().collect();
        if (h1, h2) != (fault.seen, fault.seen) || counted != expected {
            let _ = writeln!(wrong, "{}: {h1:?}, {h2:?}, {counted:?}", fault.name);
        }
        lets_go(&gate, fault.name).await;
    }
    assert_eq!(wrong, "");
    until("as many sockets as before", async || gate.process.sockets() <= before).await;
}

#[tokio::test]
async fn nobody_there_and_nobody_who_answers_are_told_apart() {
    let (gone, hole) = (Upstream::gone().await, BlackHole::open().await);
    let gate = routes([("gone", format!("http://{gone}"), ""), ("hole", format!("http://{}", hole.address()), "")])
        .run()
        .await;
    let before = sockets(&gate).await;
    for (name, status, kind) in [("gone", 502, "refused"), ("hole", 504, "connect_timeout")] {
        assert_eq!(seen_h1(&gate, name).await, Seen::Error(status), "{name}");
        assert_eq!(seen_h2(&gate, name).await, Seen::Error(status), "{name}");
        assert_eq!(counted(&gate, name).await, [(kind.to_owned(), 2)]);
        lets_go(&gate, name).await;
    }
    until("as many sockets as before", async || gate.process.sockets() <= before).await;
}

/// An upstream that resets its connection: at once, or after these bytes once it is told that they have arrived.
async fn resetting(bytes: &'static str, arrived: &Arc<Notify>) -> Upstream {
    let arrived = Arc::clone(arrived);
    Upstream::resetting(move |mut connection| {
        let arrived = Arc::clone(&arrived);
        async move {
            connection.request().await;
            if !bytes.is_empty() {
                connection.wire.send(bytes).await;
                arrived.notified().await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_reset_before_the_head_is_502() {
    let upstream = resetting("", &Arc::default()).await;
    let gate = routes([("reset", format!("http://{upstream}"), "")]).run().await;
    assert_eq!(seen_h1(&gate, "reset").await, Seen::Error(502));
    assert_eq!(seen_h2(&gate, "reset").await, Seen::Error(502));
    assert_eq!(counted(&gate, "reset").await, [("broken".to_owned(), 2)]);
    lets_go(&gate, "reset").await;
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_body_never_looks_like_its_end() {
    for bytes in [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        // Here the end of the connection would be the end of the body: a reset is not.
        "HTTP/1.1 200 OK\r\n\r\nhalf",
    ] {
        let arrived = Arc::new(Notify::new());
        let upstream = resetting(bytes, &arrived).await;
        let gate = routes([("reset", format!("http://{upstream}"), "read_timeout = \"60s\"")])
            .replacing("read_timeout = \"400ms\"\n", "")
            .run()
            .await;

        let mut wire = gate.tls(CHAT).await;
        wire.send_head(&format!("GET /reset HTTP/1.1\nHost: {CHAT}")).await;
        let mut answer = wire.expect_head().await;
        assert_eq!(answer.status(), 200);
        arrived.notify_one();
        assert!(wire.body(&mut answer).await.is_err(), "{bytes}");

        let mut h2 = gate.h2(CHAT).await;
        let (answer, mut rest) = h2.begin_and_end(&format!("GET https://{CHAT}/reset")).await.tunnel().await;
        assert_eq!(answer.status(), 200);
        arrived.notify_one();
        assert!(rest.is_cut().await, "{bytes}");
        assert_eq!(counted(&gate, "reset").await, [("body_broken".to_owned(), 2)]);
        lets_go(&gate, "reset").await;
    }
}

/// HTTP/1.0 has no chunks: its body ends with the connection, so that only how that ends tells a cut.
#[tokio::test]
async fn a_client_of_http_1_0_sees_a_cut_as_a_reset_and_not_as_an_end() {
    let upstream = faulty().await;
    let names = ["short-in-chunks", "stalls-without-length", "until-it-closes"];
    let gate = routes(names.map(|name| (name, format!("http://{upstream}"), ""))).run().await;
    for name in names {
        ends_honestly(stream(gate.http[0]).await, name).await;
        ends_honestly(gate.tls(CHAT).await.into_stream(), name).await;
    }
}

/// Asks for it over HTTP/1.0: only what is whole may end as if it were.
async fn ends_honestly(mut wire: impl AsyncRead + AsyncWrite + Unpin, name: &str) {
    wire.write_all(&head(&format!("GET /{name} HTTP/1.0\nHost: {CHAT}"))).await.expect("sent");
    let mut all = Vec::new();
    let outcome = soon("the end", wire.read_to_end(&mut all)).await;
    let text = String::from_utf8_lossy(&all);
    assert_eq!(outcome.is_ok(), name == "until-it-closes", "{name}: {outcome:?} after {text}");
}

/// Presents this certificate, and answers.
async fn tls_upstream(identity: &Identity) -> Upstream {
    Upstream::scripted_tls(identity.server(), |mut connection| async move {
        while connection.request().await.is_some() {
            connection.wire.send(head("HTTP/1.1 204 No Content")).await;
        }
    })
    .await
}

#[tokio::test]
async fn tls_that_goes_wrong_is_502_or_504_and_counted_as_tls() {
    let (good, other, expired) =
        (ca().leaf(&["localhost"]), ca().leaf(&["other.example"]), ca().expired(&["localhost"]));
    let (good_up, other_up, expired_up) =
        (tls_upstream(&good).await, tls_upstream(&other).await, tls_upstream(&expired).await);
    let stranger = crate::support::ca::Ca::new().leaf(&["localhost"]);
    let stranger_up = tls_upstream(&stranger).await;
    // As servers do that hear a ClientHello where a request belongs.
    let plain = Upstream::scripted(|mut connection| async move {
        connection.wire.send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
    })
    .await;
    let closing = Upstream::scripted(|_| async {}).await;
    let mute = Mute::open().await;
    let https = |port: u16| format!("https://localhost:{port}");
    let roots = "upstream_roots = \"root.pem\"";
    let cases = [
        ("other-name", https(other_up.port()), 502, "tls"),
        ("expired", https(expired_up.port()), 502, "tls"),
        ("stranger", https(stranger_up.port()), 502, "tls"),
        ("plain", https(plain.port()), 502, "tls"),
        ("closing", https(closing.port()), 502, "tls"),
        ("mute", https(mute.address.port()), 504, "connect_timeout"),
    ];
    let good_route = ("good", https(good_up.port()), roots);
    let gate = routes(cases.iter().map(|(name, to, ..)| (*name, to.clone(), roots)).chain([good_route])).run().await;
    assert_eq!(seen_h1(&gate, "good").await, Seen::Error(204));
    for (name, _, status, kind) in cases {
        assert_eq!(seen_h1(&gate, name).await, Seen::Error(status), "{name}");
        assert_eq!(seen_h2(&gate, name).await, Seen::Error(status), "{name}");
        assert_eq!(counted(&gate, name).await, [(kind.to_owned(), 2)], "{name}");
        lets_go(&gate, name).await;
    }
}

#[tokio::test]
async fn tls_that_ends_without_its_goodbye_cuts_a_body_that_only_the_end_would_end() {
    let identity = ca().leaf(&["localhost"]);
    let upstream = Upstream::scripted_tls(identity.server(), |mut connection| async move {
        connection.request().await;
        // The socket ends, and TLS says nothing: anybody on the way could have done that.
        connection.wire.send("HTTP/1.1 200 OK\r\n\r\nhalf").await;
    })
    .await;
    let to = format!("https://localhost:{}", upstream.port());
    let gate = routes([("cut", to, "upstream_roots = \"root.pem\"")]).run().await;
    assert_eq!(seen_h1(&gate, "cut").await, Seen::Cut);
    assert_eq!(seen_h2(&gate, "cut").await, Seen::Cut);
    assert_eq!(counted(&gate, "cut").await, [("body_broken".to_owned(), 2)]);
}

#[tokio::test]
async fn an_upstream_that_answers_an_upload_early_and_closes_is_heard_and_let_go() {
    let upstream = Upstream::scripted(|mut connection| async move {
        connection.head().await;
        connection.wire.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno").await;
        connection.wire.finish().await;
        // What still comes is not read: the socket closes over it, and the kernel resets.
    })
    .await;
    let gate = routes([("early", format!("http://{upstream}"), "")]).run().await;
    let before = sockets(&gate).await;
    let mut h2 = gate.h2(CHAT).await;
    for _ in 0..10 {
        let mut wire = gate.tls(CHAT).await;
        wire.send_head(&format!("POST /early HTTP/1.1\nHost: {CHAT}\nContent-Length: 4194304")).await;
        for _ in 0..64 {
            if !wire.send([b'x'; 65536]).await {
                break;
            }
        }
        assert_eq!(wire.answer().await.text(), "no");
        let over_h2 = h2.ask_with(&format!("POST https://{CHAT}/early"), vec![b'x'; 4 << 20]).await;
        assert_eq!((over_h2.status(), over_h2.text().as_str()), (403, "no"));
    }
    drop(h2);
    lets_go(&gate, "early").await;
    until("as many sockets as before", async || gate.process.sockets() <= before).await;
    assert_eq!(counted(&gate, "early").await, []);
}

#[tokio::test]
async fn an_upstream_that_answers_an_upload_early_and_reads_no_more_holds_nothing_for_ever() {
    let upstream = Upstream::scripted(|mut connection| async move {
        connection.head().await;
        connection.wire.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
        // Neither reads nor closes.
        std::future::pending::<()>().await;
    })
    .await;
    let gate = routes([("early", format!("http://{upstream}"), "pool_idle_timeout = \"1s\"")]).run().await;
    let before = sockets(&gate).await;
    let mut wire = gate.tls(CHAT).await;
    wire.send_head(&format!("POST /early HTTP/1.1\nHost: {CHAT}\nContent-Length: 8388608")).await;
    for _ in 0..128 {
        if tokio::time::timeout(Duration::from_secs(1), wire.send([b'x'; 65536])).await != Ok(true) {
            break;
        }
    }
    assert_eq!(wire.answer().await.text(), "no");
    drop(wire);
    let mut h2 = gate.h2(CHAT).await;
    let mut open = h2.begin(&format!("POST https://{CHAT}/early")).await;
    open.up.send_data(vec![b'x'; 8 << 20].into(), true).expect("room for the body");
    assert_eq!(open.head().await.status(), 403);
    drop((open, h2));
    lets_go(&gate, "early").await;
    until("as many sockets as before", async || gate.process.sockets() <= before).await;
}
