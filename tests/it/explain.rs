//! `gatepost explain`: what it says of an address is what the same file does when served.

use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};

use crate::support::ca::ca;
use crate::support::gate::{Gate, gate};
use crate::support::process::gatepost;
use crate::support::raw::{Message, message};
use crate::support::upstream::Upstream;

/// Every kind of host and handler; what answers marks its answers, so that [`who`] can tell.
const FILE: &str = r#"
    [[site]]
    hosts = ["www.example", "*.www.example"]
    redirect_http = false
    [[site.route]]
    path = "/"
    root = "www"
    listing = true
    error_pages = { 400 = "wrong.html", 404 = "wrong.html" }
    [[site.route]]
    path = "/fixed"
    respond = "respond"
    [[site.route]]
    path = "/fixed/gone/"
    respond = "respond"
    status = 410
    [[site.route]]
    path = "/größe/"
    respond = "respond"
    [[site.route]]
    path = "/old"
    redirect = "/fixed"
    status = 302
    [[site.route]]
    path = "/away/"
    redirect = "https://elsewhere.example"

    [[site]]
    hosts = ["chat.example"]
    [[site.route]]
    path = "/"
    proxy = "http://UPSTREAM"
    preset = "mattermost"
    [[site.route]]
    path = "/jitsi/"
    launcher = "jaas"

    [[site]]
    hosts = ["x.www.example"]
    redirect_http = false
    [[site.route]]
    path = "/only/here"
    respond = "respond"

    [[site]]
    hosts = ["main.example"]
    default = true
    [[site.route]]
    path = "/"
    respond = "respond"

    [launcher.jaas]
    provider = "jaas"
    app_id = "vpaas-magic-cookie-1"
    key_id = "vpaas-magic-cookie-1/k"
    private_key = "private.pk"
    identity = ["none"]
    moderators = "everyone"
"#;

const ASKED: &[&str] = &[
    "http://www.example/",
    "https://www.example/",
    "https://WWW.Example./",
    "https://www.example/folder",
    "https://www.example/folder/",
    "https://www.example/none.html",
    "https://www.example/.env",
    "https://www.example/%2egit/config",
    "https://www.example/50%25",
    "https://www.example/50%",
    "https://www.example/fixed",
    "https://www.example/fixed/",
    "https://www.example/fixed/more",
    "https://www.example/fixedly",
    "https://www.example/Fixed",
    "https://www.example/%66ixed",
    "https://www.example/fixed%2Fx",
    "https://www.example/fixed/gone",
    "https://www.example/fixed/gone/x?y=1",
    "https://www.example/fixed/../x",
    "https://www.example/fixed/%2e%2e/old",
    "https://www.example/x/..%2ffixed",
    "https://www.example/./fixed",
    "https://www.example/a/../b",
    "https://www.example/gr%C3%B6%C3%9Fe/",
    "https://www.example/gr%c3%b6%c3%9fe/x",
    "https://www.example//fixed",
    "http://www.example/old",
    "https://www.example/old?a=b",
    "https://www.example/away/x?y",
    "https://y.www.example/fixed",
    "https://x.www.example/fixed",
    "https://x.www.example/only/here/x",
    "https://x.www.example/only",
    "http://a.b.www.example/",
    "https://a.b.www.example/",
    "http://chat.example/jitsi/Room",
    "https://chat.example/jitsi",
    "https://chat.example/jitsi/Room%20Name/",
    "https://chat.example/jitsi/external_api.js",
    "https://chat.example/jitsix",
    "https://chat.example/api/v4/users/me?x=%2F",
    "https://chat.example/jitsi/../api",
    "http://chat.example/.well-known/acme-challenge/token-1",
    "https://chat.example/.well-known/acme-challenge/token-1",
    "http://www.example/.well-known/acme-challenge/token-1",
    "http://www.example/%2Ewell-known/acme-challenge/token-1",
    "http://main.example/x",
    "https://main.example/x",
    "http://unheard.example/x",
    "http://unheard.example/.well-known/acme-challenge/token-1",
];

#[tokio::test]
async fn what_explain_says_of_an_address_is_what_serving_does() {
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("an RSA key");
    let upstream = Upstream::answering(|_| message("HTTP/1.1 200 OK\nX-From: upstream", "")).await;
    let names = ["www.example", "*.www.example", "chat.example", "x.www.example", "main.example"];
    let gate = gate(FILE.replace("UPSTREAM", &upstream.to_string()))
        .server("acme_webroot = \"acme\"")
        .with("private.pk", pair.serialize_pem())
        .with("www/index.html", "website")
        .with("www/folder/x", "website")
        .with("www/wrong.html", "website")
        .with("acme/.well-known/acme-challenge/token-1", "challenge")
        .certificate(&ca().leaf(&names))
        .run()
        .await;
    let mut wrong = Vec::new();
    for &url in ASKED {
        let explained = gatepost(gate.folder(), &["explain", "--json", "-c", "gatepost.toml", url]).await;
        assert_eq!(explained.code, Some(0), "{url}: {explained:?}");
        let said: serde_json::Value = serde_json::from_str(&explained.stdout).expect("JSON");
        let answer = ask(&gate, url).await;
        let (handler, status) = (who(&answer), answer.status());
        let certain = said["status"].as_u64().is_none_or(|certain| certain == u64::from(status));
        if said["handler"] != handler || !certain {
            wrong.push(format!("{url}: {handler} answered with {status}, and explain says {said}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn ask(gate: &Gate, url: &str) -> Message {
    let (scheme, rest) = url.split_once("://").expect("a scheme");
    let (host, path) = rest.split_at(rest.find('/').expect("a path"));
    let mut wire = match scheme {
        "http" => gate.plain().await,
        _ => gate.tls("www.example").await,
    };
    wire.ask(&format!("GET {path} HTTP/1.1\nHost: {host}")).await
}

/// Which handler made an answer.
fn who(answer: &Message) -> &'static str {
    let text = answer.text();
    let location = answer.field("location").unwrap_or_default();
    match (answer.status(), text.as_str()) {
        _ if answer.has("x-from") => "proxy",
        _ if answer.has("referrer-policy") => "launcher",
        (_, "respond") => "respond",
        (_, "challenge") => "challenge",
        (301, _) if location.starts_with('/') => "website",
        (301 | 302 | 308, _) => "redirect",
        _ if text.contains("website") || text.contains("<table>") => "website",
        _ => "refused",
    }
}
