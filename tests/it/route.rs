//! Station 4: host and path to route.

use crate::support::ca::ca;
use crate::support::client::Tls;
use crate::support::gate::{Builder, CHAT, Gate, gate, proxying};
use crate::support::h2::H2;
use crate::support::raw::{Message, ok};
use crate::support::upstream::Upstream;

/// Sites that answer with their own name, over plain HTTP too.
fn named(sites: &[(&str, &[&str])]) -> Builder {
    let sites: String = sites
        .iter()
        .map(|(name, hosts)| {
            format!(
                "[[site]]\nhosts = {hosts:?}\nredirect_http = false\n\
                 [[site.route]]\npath = \"/\"\nrespond = \"{name}\"\n"
            )
        })
        .collect();
    gate(sites)
}

async fn ask_host(gate: &Gate, host: &str) -> Message {
    gate.plain().await.ask(&format!("GET / HTTP/1.1\nHost: {host}")).await
}

#[tokio::test]
async fn r18_a_bracketed_address_is_a_host_with_and_without_port() {
    let gate = named(&[("six", &["[::1]"]), ("four", &["127.0.0.1"])]).certificate(&ca().leaf(&["::1"])).run().await;
    assert_eq!(ask_host(&gate, "[::1]").await.text(), "six");
    assert_eq!(ask_host(&gate, "[::1]:8443").await.text(), "six");
    assert_eq!(ask_host(&gate, "[0:0:0::1]").await.text(), "six");
    assert_eq!(ask_host(&gate, "127.0.0.1:80").await.text(), "four");
    for bad in ["::1", "[::1", "::1]", "[::1]x", "[::1]:", "[]", "[::g]"] {
        let status = ask_host(&gate, bad).await.status();
        // An empty port is allowed by RFC 3986; everything else here is no host.
        assert!(status == 400 || (bad == "[::1]:" && status == 200), "{bad}: {status}");
    }
}

#[tokio::test]
async fn r19_r20_case_a_trailing_dot_and_the_port_make_no_other_host() {
    let gate = named(&[("site", &["Site.EXAMPLE"])]).certificate(&ca().leaf(&["site.example"])).run().await;
    for host in ["site.example", "SITE.Example", "site.example.", "site.example.:443", "Site.example:8065"] {
        assert_eq!(ask_host(&gate, host).await.text(), "site", "{host}");
        let secured = Tls::new().offering(&["h2"]).connect(gate.https[0], "site.example").await.expect("a handshake");
        assert_eq!(H2::over(secured).await.ask(&format!("GET https://{host}/")).await.text(), "site", "h2 {host}");
    }
    assert_eq!(ask_host(&gate, "site.example..").await.status(), 400);
}

#[tokio::test]
async fn the_exact_name_wins_then_the_wildcard_then_the_default_site() {
    let sites: &[(&str, &[&str])] = &[("wild", &["*.site.example"]), ("exact", &["www.site.example"])];
    let names = ca().leaf(&["*.site.example"]);
    let gate = named(sites).certificate(&names).run().await;
    assert_eq!(ask_host(&gate, "www.site.example").await.text(), "exact");
    assert_eq!(ask_host(&gate, "other.site.example").await.text(), "wild");
    assert_eq!(ask_host(&gate, "a.b.site.example").await.status(), 404, "a wildcard is one label");
    assert_eq!(ask_host(&gate, "site.example").await.status(), 404);

    let with_default = crate::support::gate::gate(
        "[[site]]\nhosts = [\"site.example\"]\ndefault = true\nredirect_http = false\n\
         [[site.route]]\npath = \"/\"\nrespond = \"default\"\n",
    )
    .certificate(&ca().leaf(&["site.example"]))
    .run()
    .await;
    assert_eq!(ask_host(&with_default, "unheard.of.example").await.text(), "default");
}

#[tokio::test]
async fn an_unknown_host_is_404_over_http_and_421_over_https_and_learns_nothing() {
    let gate = named(&[("chat", &[CHAT])]).run().await;
    let plain = ask_host(&gate, "unknown.example").await;
    let secure = gate.tls(CHAT).await.ask("GET / HTTP/1.1\nHost: unknown.example").await;
    let h2 = gate.h2(CHAT).await.ask("GET https://unknown.example/").await;
    assert_eq!((plain.status(), secure.status(), h2.status()), (404, 421, 421));
    for answer in [plain, secure, h2] {
        assert!(!format!("{answer:?}").contains("chat"), "{answer:?}");
    }
}

#[tokio::test]
async fn r46_r48_a_host_is_served_where_the_presented_certificate_names_it_and_421_elsewhere() {
    let gate = named(&[
        ("a", &["a.site.example"]),
        ("b", &["b.site.example"]),
        ("other", &["x.other.example"]),
        ("uncertified", &["nobody.example"]),
    ])
    .certificate(&ca().leaf(&["*.site.example"]))
    .certificate(&ca().leaf(&["x.other.example"]))
    .run()
    .await;
    let secured = Tls::new().offering(&["h2"]).connect(gate.https[0], "a.site.example").await.expect("a handshake");
    let mut h2 = H2::over(secured).await;
    for (host, expected) in
        [("a.site.example", 200), ("b.site.example", 200), ("x.other.example", 421), ("nobody.example", 200)]
    {
        let over_h2 = h2.ask(&format!("GET https://{host}/")).await;
        assert_eq!(over_h2.status(), expected, "h2 {host}");
        // R48: the same over HTTP/1.1, and by Host, never by the name that was shaken hands for.
        let over_h1 = gate.tls("a.site.example").await.ask(&format!("GET / HTTP/1.1\nHost: {host}")).await;
        assert_eq!(over_h1.status(), expected, "h1 {host}");
    }
    assert_eq!(h2.ask("GET https://b.site.example/").await.text(), "b");
}

#[tokio::test]
async fn r51_over_http_2_authority_is_the_host_and_a_host_field_does_as_well() {
    let upstream = Upstream::answering(|_| ok("")).await;
    let gate = proxying(&upstream, "").run().await;
    let mut h2 = gate.h2(CHAT).await;
    assert_eq!(h2.ask("GET https://chat.example/authority").await.status(), 200);
    assert_eq!(h2.ask("GET /host\nhost: chat.example").await.status(), 200);
    assert_eq!(h2.ask("GET /neither").await.status(), 400);
    for n in 0..2 {
        assert_eq!(upstream.request(n).await.field("host"), Some(CHAT));
    }
    assert_eq!(upstream.lines(), ["GET /authority HTTP/1.1", "GET /host HTTP/1.1"]);
}

#[tokio::test]
async fn r52_authority_and_host_are_one_or_the_request_is_refused() {
    let upstream = Upstream::answering(|_| ok("")).await;
    let gate = proxying(&upstream, "").run().await;
    let mut h2 = gate.h2(CHAT).await;
    assert_eq!(h2.ask("GET https://chat.example/same\nhost: chat.example").await.status(), 200);
    assert_eq!(upstream.request(0).await.field("host"), Some(CHAT));
    for host in ["evil.example", "chat.example:444", "chat.example.evil.example", ""] {
        let answer = h2.ask(&format!("GET https://chat.example/differs\nhost: {host}")).await;
        assert_eq!(answer.status(), 400, "host: {host}");
    }
    assert_eq!(upstream.lines(), ["GET /same HTTP/1.1"]);
}

#[tokio::test]
async fn r68_an_absolute_target_for_another_host_is_refused_and_one_for_the_same_goes_up_in_origin_form() {
    let upstream = Upstream::answering(|_| ok("")).await;
    let gate = proxying(&upstream, "").run().await;
    let same = "GET https://chat.example/x?y=1 HTTP/1.1\nHost: chat.example";
    assert_eq!(gate.tls(CHAT).await.ask(same).await.status(), 200);
    let seen = upstream.request(0).await;
    assert_eq!((seen.target(), seen.field("host")), ("/x?y=1", Some(CHAT)));
    for lines in [
        "GET http://chat.example/x HTTP/1.1\nHost: evil.example",
        "GET https://chat.example/x HTTP/1.1\nHost: evil.example",
        "GET https://evil.example/x HTTP/1.1\nHost: chat.example",
        "GET https://evil.example/x HTTP/1.1\nHost: evil.example",
    ] {
        let status = gate.tls(CHAT).await.ask(lines).await.status();
        assert!(matches!(status, 400 | 404 | 421), "{lines}: {status}");
    }
    assert_eq!(upstream.lines(), ["GET /x?y=1 HTTP/1.1"]);
}

fn launcher_like() -> Builder {
    gate(
        r#"
        [[site]]
        hosts = ["chat.example"]

        [[site.route]]
        path = "/"
        respond = "root"

        [[site.route]]
        path = "/jitsi/"
        respond = "meeting"

        [[site.route]]
        path = "/jitsi/deep"
        respond = "deep"
        "#,
    )
}

#[tokio::test]
async fn the_longest_prefix_on_segment_borders_wins_whatever_the_order() {
    let gate = launcher_like().run().await;
    for (path, expected) in [
        ("/jitsi", "meeting"),
        ("/jitsi/", "meeting"),
        ("/jitsi?x", "meeting"),
        ("/jitsi/Room%20Name", "meeting"),
        ("/%6aitsi/room", "meeting"),
        ("/jitsi/deep", "deep"),
        ("/jitsi/deep/er", "deep"),
        ("/jitsi/deeper", "meeting"),
        ("/jitsix", "root"),
        ("/Jitsi", "root"),
        ("/", "root"),
        ("/a/jitsi", "root"),
    ] {
        assert_eq!(gate.get(path).await.text(), expected, "{path}");
    }
}

#[tokio::test]
async fn a_path_that_would_be_another_routes_to_a_careless_reader_is_400() {
    let gate = launcher_like().run().await;
    let mut h2 = gate.h2(CHAT).await;
    for path in [
        "/x/../jitsi/room",
        "/jitsi/../x",
        "/jitsi/..",
        "/x/%2e%2e/jitsi/room",
        "/x/.%2E/jitsi",
        "/x/..%2fjitsi",
        "/x%2f..%2fjitsi",
        "/jitsi/..%2f..%2fx",
        "/x/..\\jitsi",
        "/x/..%5cjitsi",
        "/jitsi/..;v=1/x",
    ] {
        assert_eq!(gate.get(path).await.status(), 400, "{path}");
        if !path.contains('\\') {
            assert_eq!(h2.ask(&format!("GET https://chat.example{path}")).await.status(), 400, "h2 {path}");
        }
    }
    assert_eq!(gate.get("/a/../b").await.text(), "root", "it is this route's either way");
}

#[tokio::test]
async fn what_no_route_takes_is_404_in_the_form_that_is_asked_for() {
    let gate = gate("[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/only\"\nrespond = \"here\"\n")
        .run()
        .await;
    let ask = async |accept: &str| {
        gate.tls(CHAT).await.ask(&format!("GET /other HTTP/1.1\nHost: chat.example\nAccept: {accept}")).await
    };
    for (accept, kind) in [
        ("text/html,application/xhtml+xml", "text/html"),
        ("application/json", "application/json"),
        ("*/*", "text/plain"),
    ] {
        let answer = ask(accept).await;
        assert_eq!(answer.status(), 404);
        assert!(answer.field("content-type").is_some_and(|t| t.starts_with(kind)), "{accept}: {answer:?}");
    }
    assert_eq!(ask("application/json").await.json()["status_code"], 404);
}

#[tokio::test]
async fn r22_a_redirect_to_the_canonical_host_never_leads_to_itself() {
    let gate = gate(
        r#"
        [[site]]
        hosts = ["www.site.example"]
        [[site.route]]
        path = "/"
        redirect = "https://site.example"

        [[site]]
        hosts = ["site.example"]
        [[site.route]]
        path = "/"
        respond = "home"
        "#,
    )
    .certificate(&ca().leaf(&["site.example", "www.site.example"]))
    .run()
    .await;
    for port in ["", ":443", "."] {
        let mut www = gate.tls("www.site.example").await;
        let answer = www.ask(&format!("GET /a?b=1 HTTP/1.1\nHost: www.site.example{port}")).await;
        assert_eq!(answer.status(), 308);
        assert_eq!(answer.field("location"), Some("https://site.example/a?b=1"));
        let mut bare = gate.tls("site.example").await;
        assert_eq!(bare.ask(&format!("GET /a?b=1 HTTP/1.1\nHost: site.example{port}")).await.text(), "home");
    }
}
