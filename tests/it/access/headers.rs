//! `security_headers`: what browsers are told, never over what the upstream says.

use crate::support::gate::{CHAT, gate, proxying};
use crate::support::raw::{message, ok};
use crate::support::upstream::Upstream;

const FIELDS: [&str; 5] =
    ["content-security-policy", "permissions-policy", "referrer-policy", "x-content-type-options", "x-frame-options"];

const SITE: &str = "hosts = [\"chat.example\"]";

fn on(switch: &str) -> String {
    format!("{SITE}\nsecurity_headers = {switch}")
}

#[tokio::test]
async fn a_site_that_asks_for_them_has_them_on_answers_and_on_errors() {
    let upstream = Upstream::answering(|_| ok("in")).await;
    let off = proxying(&upstream, "").run().await;
    let answer = off.get("/").await;
    assert!(FIELDS.iter().all(|name| !answer.has(name)), "off unless asked for: {answer:?}");
    let gate = gate(format!(
        "[[site]]\n{}\nhsts = \"1d\"\n[[site.route]]\npath = \"/a\"\nproxy = \"http://{upstream}\"\n\
         [[site.route]]\npath = \"/b\"\nproxy = \"http://127.0.0.1:9\"\n\
         [[site.route]]\npath = \"/c\"\ndeny = [\"127.0.0.1\"]\nrespond = \"\"\n",
        on("true")
    ))
    .run()
    .await;
    for (path, status) in [("/a", 200), ("/b", 502), ("/c", 403)] {
        let answer = gate.get(path).await;
        assert_eq!(answer.status(), status);
        let values: Vec<_> = FIELDS.iter().map(|name| answer.field(name).unwrap_or_default()).collect();
        assert_eq!(
            values,
            [
                "frame-ancestors 'self'",
                "geolocation=(), hid=(), midi=(), payment=(), serial=(), usb=()",
                "strict-origin-when-cross-origin",
                "nosniff",
                "SAMEORIGIN"
            ],
            "{path}"
        );
        assert_eq!(answer.field("strict-transport-security"), Some("max-age=86400"), "{path}");
    }
}

/// As Mattermost answers for its page: each field once, and as it says.
#[tokio::test]
async fn what_mattermost_says_stays() {
    let head = "HTTP/1.1 200 OK\nX-Frame-Options: SAMEORIGIN\nPermissions-Policy: \nX-Content-Type-Options: nosniff\n\
        Referrer-Policy: no-referrer\nContent-Security-Policy: frame-ancestors 'self' https://teams.example; script-src 'self'";
    let upstream = Upstream::answering(move |_| message(head, "page")).await;
    let builder = proxying(&upstream, "preset = \"mattermost\"").replacing(SITE, &on("true"));
    let answer = builder.run().await.get("/").await;
    for (name, value) in [
        ("x-frame-options", "SAMEORIGIN"),
        ("permissions-policy", ""),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "frame-ancestors 'self' https://teams.example; script-src 'self'"),
    ] {
        let lines: Vec<_> = answer.fields.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name)).collect();
        assert!(matches!(&lines[..], [(_, it)] if it == value), "{lines:?}");
    }
}

#[tokio::test]
async fn a_table_says_each_and_may_replace_what_the_upstream_says() {
    let upstream = Upstream::answering(|_| {
        message("HTTP/1.1 200 OK\nReferrer-Policy: unsafe-url\nX-Frame-Options: ALLOWALL", "page")
    })
    .await;
    let table = "{ frame_ancestors = [\"self\", \"https://teams.example\"], referrer_policy = \"same-origin\", \
        permissions_policy = false, replace = true }";
    let gate = proxying(&upstream, "response_headers = { X-Content-Type-Options = \"\" }")
        .replacing(SITE, &on(table))
        .run()
        .await;
    let answer = gate.get("/").await;
    assert_eq!(answer.field("content-security-policy"), Some("frame-ancestors 'self' https://teams.example"));
    assert_eq!(answer.field("referrer-policy"), Some("same-origin"));
    for gone in ["permissions-policy", "x-content-type-options", "x-frame-options"] {
        assert!(!answer.has(gone), "{gone}: {answer:?}");
    }
    let mut h2 = gate.h2(CHAT).await;
    assert_eq!(h2.ask("GET https://chat.example/").await.field("referrer-policy"), Some("same-origin"));
}
