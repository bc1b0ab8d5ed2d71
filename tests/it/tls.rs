//! Station 2: the handshake, and the certificate that it presents.

use rustls::ProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::support::ca::{Ca, Identity, ca};
use crate::support::client::{FirstRecord, Tls, hello_naming};
use crate::support::gate::{Builder, CHAT, Gate, gate};

fn responding(hosts: &[&str]) -> Builder {
    gate(format!("[[site]]\nhosts = {hosts:?}\n[[site.route]]\npath = \"/\"\nrespond = \"here\"\n"))
}

/// The leaf that this gate presents to who asks for `name`; `None` asks for no name.
async fn leaf_for(gate: &Gate, name: Option<&str>) -> Vec<u8> {
    let tls = Tls::new().taking_any();
    let tls = if name.is_none() { tls.naming_none() } else { tls };
    let secured = tls.connect(gate.https[0], name.unwrap_or("unnamed.example")).await.expect("a handshake");
    secured.presented()[0].to_vec()
}

fn is(identity: &Identity) -> Vec<u8> {
    identity.leaf.to_vec()
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken() {
    let gate = responding(&[CHAT]).run().await;
    for (version, expected) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let secured = Tls::speaking(&[version]).connect(gate.https[0], CHAT).await.expect("a handshake");
        assert_eq!(secured.version(), expected);
        assert_eq!(secured.wire().ask("GET / HTTP/1.1\nHost: chat.example").await.text(), "here");
    }
}

#[tokio::test]
async fn alpn_chooses_http_2_before_1_1_and_1_1_is_for_who_offers_nothing() {
    let gate = responding(&[CHAT]).run().await;
    for (offered, chosen) in
        [(&["http/1.1", "h2"][..], Some("h2")), (&["h2"], Some("h2")), (&["http/1.1"], Some("http/1.1")), (&[], None)]
    {
        let secured = Tls::new().offering(offered).connect(gate.https[0], CHAT).await.expect("a handshake");
        assert_eq!(secured.protocol().as_deref(), chosen, "offered {offered:?}");
        if chosen.is_none() {
            assert_eq!(secured.wire().ask("GET / HTTP/1.1\nHost: chat.example").await.text(), "here");
        }
    }
}

#[tokio::test]
async fn the_key_exchange_is_post_quantum_where_the_client_can() {
    let gate = responding(&[CHAT]).run().await;
    let able = Tls::new().connect(gate.https[0], CHAT).await.expect("a handshake");
    assert_eq!(able.group(), "X25519MLKEM768");

    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::X25519];
    let older = Tls::made_of(provider, rustls::ALL_VERSIONS).connect(gate.https[0], CHAT).await.expect("a handshake");
    assert_eq!(older.group(), "X25519");
}

#[tokio::test]
async fn sessions_are_taken_up_again_whichever_worker_answers() {
    let gate = responding(&[CHAT]).server("workers = 3").run().await;
    for version in [&TLS12, &TLS13] {
        let tls = Tls::speaking(&[version]);
        for n in 0..6 {
            let secured = tls.connect(gate.https[0], CHAT).await.expect("a handshake");
            assert_eq!(secured.resumed(), n > 0, "connection {n} of {version:?}");
            // An answer, so that the tickets that come after the handshake have been read.
            assert_eq!(secured.wire().ask("GET / HTTP/1.1\nHost: chat.example").await.text(), "here");
        }
    }
}

#[tokio::test]
async fn the_certificate_is_chosen_by_the_names_in_the_leaf_exact_before_wildcard() {
    let first = ca().leaf(&["first.example"]);
    let wild = ca().leaf(&["*.site.example"]);
    let exact = ca().leaf(&["chat.site.example"]);
    let gate = responding(&["first.example", "*.site.example", "chat.site.example"])
        .certificate(&first)
        .certificate(&wild)
        .certificate(&exact)
        .run()
        .await;
    assert!(leaf_for(&gate, Some("chat.site.example")).await == is(&exact));
    assert!(leaf_for(&gate, Some("www.site.example")).await == is(&wild));
    assert!(leaf_for(&gate, Some("CHAT.Site.Example")).await == is(&exact), "R20: names compare without case");
    assert!(leaf_for(&gate, Some("a.b.site.example")).await == is(&first), "a wildcard is one label");
    assert!(leaf_for(&gate, Some("unknown.example")).await == is(&first), "R44: an unknown name gets the first");
    assert!(leaf_for(&gate, None).await == is(&first), "R43: no name gets the first");
}

#[tokio::test]
async fn r43_r44_an_address_or_a_trailing_dot_as_server_name_is_answered_and_ends_nothing() {
    let gate = responding(&[CHAT]).run().await;
    // By default the first certificate is for whoever names none that is known, and an illegal name is none.
    for name in ["203.0.113.5", "chat.example.", "other.example", "CHAT.EXAMPLE"] {
        assert_eq!(hello_naming(gate.https[0], name).await, FirstRecord::ServerHello, "{name}");
    }
    // No name at all: refused with an alert or let in, but answered.
    for name in ["a b", "ex\u{e4}mple", "...", "\0\0\0\0"] {
        hello_naming(gate.https[0], name).await;
    }
    assert_eq!(gate.get("/").await.text(), "here");
}

#[tokio::test]
async fn r30_what_is_presented_is_leaf_first_without_the_root_whatever_the_order_in_the_file() {
    let right = ca().leaf(&[CHAT]);
    let gate = responding(&[CHAT]).certificate(&right.clone().in_wrong_order_with_root(ca())).run().await;
    let secured = Tls::new().connect(gate.https[0], CHAT).await.expect("a strict client takes it");
    let presented = secured.presented();
    assert!(presented[0] == right.leaf);
    assert_eq!(presented.len(), 2, "the leaf and its intermediate");
    assert!(gate.process.stderr().contains("chain-0.pem"), "a warning names the file: {}", gate.process.stderr());
}

#[tokio::test]
async fn r27_a_bare_leaf_is_refused_by_strict_clients_and_by_gatepost_unless_told() {
    let bare = ca().leaf(&[CHAT]).bare();
    let refused = responding(&[CHAT]).certificate(&bare).refused().await;
    refused.assert_refused();
    assert!(refused.stderr.contains("chain-0.pem"), "names the file: {}", refused.stderr);
    assert!(refused.stderr.contains("Android"), "says who would refuse it: {}", refused.stderr);

    let gate = responding(&[CHAT]).certificate_with(&bare, "allow_incomplete_chain = true").run().await;
    let strict = Tls::new().connect(gate.https[0], CHAT).await;
    assert!(strict.is_err_and(|e| e.to_string().contains("UnknownIssuer")));
    assert!(leaf_for(&gate, Some(CHAT)).await == is(&bare));
}

#[tokio::test]
async fn a_key_of_another_certificate_stops_the_start() {
    let other = ca().leaf(&["other.example"]);
    let outcome = responding(&[CHAT]).certificate(&ca().leaf(&[CHAT]).with_key_of(&other)).refused().await;
    outcome.assert_refused();
    assert!(outcome.stderr.contains("key-0.pem"), "{}", outcome.stderr);
}

#[tokio::test]
async fn an_expired_certificate_is_served_and_the_log_says_so_as_an_error() {
    let expired = ca().expired(&[CHAT]);
    let gate = responding(&[CHAT]).certificate(&expired).run().await;
    assert!(leaf_for(&gate, Some(CHAT)).await == is(&expired));
    let log = gate.process.stderr();
    assert!(log.lines().any(|line| line.contains("ERROR") && line.contains("expired")), "{log}");
}

#[tokio::test]
async fn a_chain_that_reaches_no_known_root_is_served_with_a_warning() {
    let stranger = Ca::new().leaf(&[CHAT]);
    let gate = responding(&[CHAT]).certificate(&stranger).run().await;
    assert!(leaf_for(&gate, Some(CHAT)).await == is(&stranger));
    let log = gate.process.stderr();
    let loud = |line: &str| line.contains("WARN") || line.contains("ERROR");
    assert!(log.lines().any(|line| loud(line) && line.contains("chain-0.pem")), "{log}");
}

#[tokio::test]
async fn certificate_files_that_are_not_there_yet_stop_nothing_where_a_webroot_is_set() {
    let gate = responding(&[CHAT, "later.example"])
        .with("webroot/.well-known/acme-challenge/token-1", "token-1.thumbprint")
        .server("acme_webroot = \"webroot\"")
        .certificate(&ca().leaf(&[CHAT]))
        .missing_certificate("later.pem")
        .run()
        .await;
    assert_eq!(gate.get("/").await.text(), "here");
    let challenge = "GET /.well-known/acme-challenge/token-1 HTTP/1.1\nHost: later.example";
    assert_eq!(gate.plain().await.ask(challenge).await.text(), "token-1.thumbprint");
    assert!(Tls::new().connect(gate.https[0], "later.example").await.is_err());
}

#[tokio::test]
async fn a_certificate_file_that_is_not_there_stops_the_start_without_a_webroot() {
    let outcome = responding(&[CHAT]).certificate(&ca().leaf(&[CHAT])).missing_certificate("later.pem").refused().await;
    outcome.assert_refused();
    assert!(outcome.stderr.contains("later.pem"), "{}", outcome.stderr);
}

#[tokio::test]
async fn plain_http_on_the_tls_port_and_tls_on_the_plain_one_end_that_connection_alone() {
    let gate = responding(&[CHAT]).run().await;
    let mut wire = crate::support::client::tcp(gate.https[0]).await;
    wire.send_head("GET / HTTP/1.1\nHost: chat.example").await;
    wire.rest().await;
    assert!(Tls::new().connect(gate.http[0], CHAT).await.is_err());
    assert_eq!(gate.get("/").await.text(), "here");
}
