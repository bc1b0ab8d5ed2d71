//! `rate_limit` and `login_limit`. Rates are so slow that no second more or less makes a difference.

use crate::support::gate::{CHAT, gate, proxying};
use crate::support::raw::{Message, ok};
use crate::support::upstream::Upstream;

use super::{BEHIND_PROXY, VERSION, from, refused, reload};

const SLOW: &str = "rate_limit = { rate = \"1/h\", burst = 3 }";

fn retry_after(answer: &Message) -> u64 {
    answer.field("retry-after").expect("Retry-After").parse().expect("seconds")
}

#[tokio::test]
async fn past_a_burst_an_address_is_told_when_to_come_again() {
    let upstream = Upstream::answering(|_| ok("in")).await;
    let gate = proxying(&upstream, SLOW).server(BEHIND_PROXY).run().await;
    for _ in 0..3 {
        assert_eq!(from(&gate, "203.0.113.9", "GET /").await.status(), 200);
    }
    let answer = from(&gate, "203.0.113.9", "GET /").await;
    assert_eq!(answer.status(), 429);
    assert!((3_000..=3_600).contains(&retry_after(&answer)), "{answer:?}");
    assert_eq!(from(&gate, "203.0.113.10", "GET /").await.status(), 200, "another address");
    assert_eq!(upstream.lines().len(), 4);
}

#[tokio::test]
async fn an_ipv6_address_counts_with_its_64() {
    let upstream = Upstream::answering(|_| ok("in")).await;
    let gate = proxying(&upstream, SLOW).server(BEHIND_PROXY).run().await;
    for last in [":1", ":2", "ffff:1:2:3"] {
        assert_eq!(from(&gate, &format!("2001:db8:1:2:{last}"), "GET /").await.status(), 200);
    }
    assert_eq!(from(&gate, "2001:db8:1:2::4", "GET /").await.status(), 429);
    assert_eq!(from(&gate, "2001:db8:1:3::4", "GET /").await.status(), 200);
}

/// Workers have sockets of their own, and connections land on any: a limit of their own would be had once each.
#[tokio::test]
async fn a_limit_is_one_for_all_workers_and_connections() {
    let upstream = Upstream::answering(|_| ok("in")).await;
    let keys = "rate_limit = { rate = \"1/h\", burst = 20 }";
    let gate = proxying(&upstream, keys).server("workers = 4").run().await;
    let mut let_in = 0;
    for _ in 0..60 {
        let_in += u32::from(gate.get("/").await.status() == 200);
    }
    assert_eq!(let_in, 20);
    let mut h2 = gate.h2(CHAT).await;
    assert_eq!(h2.ask("GET https://chat.example/").await.status(), 429, "nor is HTTP/2 another one");
}

#[tokio::test]
async fn each_route_has_buckets_of_its_own_and_methods_may_be_named() {
    let file = "[[site]]\nhosts = [\"chat.example\"]\n\
        [[site.route]]\npath = \"/\"\nrespond = \"all\"\n\
        [[site.route]]\npath = \"/a\"\nrate_limit = { rate = \"1/h\", burst = 1 }\nrespond = \"a\"\n\
        [[site.route]]\npath = \"/b\"\nrate_limit = { rate = \"1/h\", burst = 1, methods = [\"POST\"] }\nrespond = \"b\"\n";
    let gate = gate(file).run().await;
    assert_eq!([gate.get("/a").await.status(), gate.get("/a").await.status()], [200, 429]);
    for _ in 0..3 {
        assert_eq!(gate.get("/b").await.status(), 200);
        assert_eq!(gate.get("/").await.status(), 200);
    }
    let post = format!("POST /b HTTP/1.1\nHost: {CHAT}\nContent-Length: 0");
    let mut wire = gate.tls(CHAT).await;
    assert_eq!([wire.ask(&post).await.status(), wire.ask(&post).await.status()], [200, 429]);
    assert_eq!(wire.ask(&format!("GET /b HTTP/1.1\nHost: {CHAT}")).await.status(), 200, "the connection goes on");
}

#[tokio::test]
async fn a_reload_gives_nobody_a_new_burst_unless_the_limit_changed() {
    for (burst, statuses) in [(3, [429, 429, 429]), (2, [200, 200, 429])] {
        let upstream = Upstream::answering(|_| ok("in")).await;
        let gate = proxying(&upstream, SLOW).changing(|file| file + VERSION).run().await;
        for status in [200, 200, 200, 429] {
            assert_eq!(gate.get("/").await.status(), status);
        }
        reload(&gate, |file| file.replace("burst = 3", &format!("burst = {burst}"))).await;
        for status in statuses {
            assert_eq!(gate.get("/").await.status(), status, "with burst = {burst}");
        }
    }
}

#[tokio::test]
async fn logins_to_mattermost_are_counted_and_nothing_else_of_it() {
    let upstream = Upstream::answering(|_| ok("{}")).await;
    let keys = "preset = \"mattermost\"\nlogin_limit = { rate = \"1/h\", burst = 2 }";
    let builder = proxying(&upstream, keys).server(BEHIND_PROXY);
    let gate = builder.changing(|file| format!("[admin]\nlisten = \"127.0.0.1:0\"\n{file}")).run().await;
    let login = "POST /api/v4/users/login\nContent-Length: 0";
    assert_eq!(from(&gate, "203.0.113.9", login).await.status(), 200);
    // Another way of signing in counts with it, and an encoded slash is none around it.
    let encoded = "POST /api/v4/users%2Flogin\nContent-Length: 0";
    assert_eq!(from(&gate, "203.0.113.9", encoded).await.status(), 200);
    for path in
        ["/api/v4/users/login", "/api/v4/users/login/switch", "/api/v4/users/mfa", "/api/v4/users/password/reset/send"]
    {
        let answer = from(&gate, "203.0.113.9", &format!("POST {path}\nContent-Length: 0")).await;
        assert_eq!(answer.status(), 429, "{path}");
        // What Mattermost's clients show to people.
        let told: serde_json::Value = serde_json::from_str(&answer.text()).expect("JSON");
        assert_eq!(told["status_code"], 429);
        assert!(
            told["message"].as_str().is_some_and(|it| it.contains("too many tries")) && told["id"].is_string(),
            "{told}"
        );
    }
    assert_eq!(from(&gate, "203.0.113.9", "GET /oauth/gitlab/login").await.status(), 429);
    for other in ["GET /login", "GET /api/v4/users/me", "POST /api/v4/posts\nContent-Length: 0"] {
        assert_eq!(from(&gate, "203.0.113.9", other).await.status(), 200, "{other}");
    }
    assert_eq!(from(&gate, "203.0.113.10", login).await.status(), 200);
    assert_eq!(refused(&gate, "login_limit").await, 5);
}
