//! `allow` and `deny`: by the client's own address, behind proxies that are trusted.

use crate::support::ca::ca;
use crate::support::gate::{CHAT, gate, proxying};
use crate::support::raw::ok;
use crate::support::upstream::Upstream;

use super::{BEHIND_PROXY, from, refused};

#[tokio::test]
async fn only_who_is_allowed_and_not_denied_reaches_the_upstream() {
    let upstream = Upstream::answering(|_| ok("in")).await;
    let keys = "allow = [\"10.0.0.0/8\", \"2001:db8::/32\"]\ndeny = [\"10.6.6.0/24\"]";
    let gate = proxying(&upstream, keys).server(BEHIND_PROXY).run().await;
    for (address, status) in [
        ("10.1.2.3", 200),
        ("10.6.6.7", 403),
        ("203.0.113.9", 403),
        ("2001:db8::5", 200),
        ("2001:db9::5", 403),
        ("::ffff:10.1.2.3", 200),
        // The chain is read from the right: what the client wrote itself counts for nothing.
        ("10.1.2.3, 203.0.113.9", 403),
        ("203.0.113.9, 10.1.2.3", 200),
    ] {
        assert_eq!(from(&gate, address, "GET /x").await.status(), status, "{address}");
    }
    assert_eq!(upstream.lines().len(), 4, "who is refused is nothing to the upstream");
}

#[tokio::test]
async fn what_an_untrusted_client_says_of_its_address_opens_nothing() {
    let upstream = Upstream::answering(|_| ok("in")).await;
    let gate = proxying(&upstream, "allow = [\"10.0.0.0/8\"]").run().await;
    assert_eq!(from(&gate, "10.1.2.3", "GET /").await.status(), 403);
    let mut h2 = gate.h2(CHAT).await;
    assert_eq!(h2.ask("GET https://chat.example/\nx-forwarded-for: 10.1.2.3").await.status(), 403);
    let open = proxying(&upstream, "allow = [\"127.0.0.0/8\"]").run().await;
    assert_eq!(open.get("/").await.status(), 200);
}

#[tokio::test]
async fn a_routes_allow_takes_the_place_of_its_sites_and_deny_adds_up() {
    let file = "[[site]]\nhosts = [\"chat.example\"]\nallow = [\"10.0.0.0/8\"]\ndeny = [\"203.0.113.6\", \"10.6.6.6\"]\n\
        [[site.route]]\npath = \"/\"\nrespond = \"inside\"\n\
        [[site.route]]\npath = \"/open\"\nallow = [\"0.0.0.0/0\", \"::/0\"]\ndeny = [\"198.51.100.0/24\"]\nrespond = \"open\"\n";
    let gate = gate(file).server(BEHIND_PROXY).run().await;
    for (address, inside, open) in [
        ("10.0.0.1", 200, 200),
        ("192.0.2.1", 403, 200),
        ("203.0.113.6", 403, 403),
        ("198.51.100.7", 403, 403),
        ("10.6.6.6", 403, 403),
    ] {
        assert_eq!(from(&gate, address, "GET /").await.status(), inside, "{address}");
        assert_eq!(from(&gate, address, "GET /open/x").await.status(), open, "{address}");
    }
}

/// R23: certificates renew for a site that lets nobody in, and people are led to https before anything is asked.
#[tokio::test]
async fn r23_challenges_and_the_redirect_come_before_every_rule() {
    let file = format!(
        "[auth.staff]\nusers = {{ anna = \"{}\" }}\n[[site]]\nhosts = [\"chat.example\"]\nallow = [\"192.0.2.0/24\"]\n\
         auth = \"staff\"\n[[site.route]]\npath = \"/\"\nrate_limit = {{ rate = \"1/h\", burst = 1 }}\nrespond = \"in\"\n",
        super::hash("x", &[])
    );
    let gate = gate(file)
        .certificate(&ca().leaf(&[CHAT]))
        .server("acme_webroot = \"webroot\"")
        .with("webroot/.well-known/acme-challenge/token_1-a", "its answer")
        .run()
        .await;
    for _ in 0..3 {
        let mut plain = gate.plain().await;
        let answer = plain.ask("GET /.well-known/acme-challenge/token_1-a HTTP/1.1\nHost: chat.example").await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "its answer"));
        let led = plain.ask("GET /page HTTP/1.1\nHost: chat.example").await;
        assert_eq!(led.status(), 301);
        let over_tls = gate.get("/.well-known/acme-challenge/token_1-a").await;
        assert_eq!(over_tls.text(), "its answer");
        assert_eq!(gate.get("/page").await.status(), 403);
    }
}

#[tokio::test]
async fn refusals_are_counted_and_say_nothing_of_what_is_behind() {
    let file = "[admin]\nlisten = \"127.0.0.1:0\"\n[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\n\
        deny = [\"203.0.113.0/24\"]\nproxy = \"http://127.0.0.1:9\"\n";
    let gate = gate(file).server(BEHIND_PROXY).run().await;
    assert_eq!(refused(&gate, "address").await, 0);
    let answer = from(&gate, "203.0.113.9", "GET /").await;
    assert_eq!(answer.status(), 403);
    assert!(!answer.text().contains("203.0.113") && !answer.text().contains("127.0.0.1"), "{}", answer.text());
    assert_eq!(refused(&gate, "address").await, 1);
}
