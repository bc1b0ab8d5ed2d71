//! The address upstream and the address that the client sees: Host, prefixes, `Location`, and upstreams behind TLS.

use super::{CHAT, Connection, GET, Upstream, head, message, ok, proxying, sending};
use crate::support::ca::{Ca, ca};
use crate::support::gate::gate;

#[tokio::test]
async fn a_location_that_names_the_upstream_comes_back_as_the_public_one() {
    let port = Upstream::gone().await.port();
    let upstream = Upstream::answering(move |request| {
        // The address that the request came to is the upstream's own.
        let value = request.field("x-send").expect("a value to send").to_owned();
        let name = request.field("x-as").expect("a name to send it as").to_owned();
        head(&format!("HTTP/1.1 302 Found\n{name}: {value}\nContent-Length: 0"))
    })
    .await;
    let gate = proxying(&upstream, "").server("public_https_port = 443").run().await;
    let public = "https://chat.example";
    let own = format!("http://{upstream}");
    for (sent, expected) in [
        (format!("{own}/a?b=1#c"), format!("{public}/a?b=1#c")),
        (own.clone(), public.to_owned()),
        ("/relative?x".to_owned(), "/relative?x".to_owned()),
        ("https://elsewhere.example/a".to_owned(), "https://elsewhere.example/a".to_owned()),
        (format!("http://127.0.0.1:{port}/other-port"), format!("http://127.0.0.1:{port}/other-port")),
        (format!("{own}.evil.example/a"), format!("{own}.evil.example/a")),
        (format!("{public}/already"), format!("{public}/already")),
    ] {
        for name in ["Location", "Content-Location"] {
            let lines = format!("GET / HTTP/1.1\nHost: chat.example\nX-As: {name}\nX-Send: {sent}");
            let answer = gate.tls(CHAT).await.ask(&lines).await;
            let came = answer.field(name).expect("the field");
            // An origin without path may gain the slash that it stands for.
            assert!(came == expected || came == format!("{expected}/"), "{name} {sent}: {came}");
        }
    }
    let lines = format!("GET / HTTP/1.1\nHost: chat.example\nX-As: Refresh\nX-Send: 5; url={own}/a");
    assert_eq!(gate.tls(CHAT).await.ask(&lines).await.field("refresh"), Some("5; url=https://chat.example/a"));
}

#[tokio::test]
async fn the_prefix_is_stripped_only_where_told_and_put_back_into_location() {
    let upstream = Upstream::answering(|request| {
        head(&format!(
            "HTTP/1.1 302 Found\nLocation: http://{}/in\nContent-Length: 0",
            request.field("x-own").expect("it")
        ))
    })
    .await;
    let file = format!(
        r#"
        [[site]]
        hosts = ["chat.example"]

        [[site.route]]
        path = "/app/"
        proxy = "http://{upstream}"
        strip_prefix = true

        [[site.route]]
        path = "/whole/"
        proxy = "http://{upstream}"
        "#
    );
    let gate = gate(file).server("public_https_port = 443").run().await;
    let mut location = Vec::new();
    for target in ["/app/a%2Fb?x=1", "/app", "/app/", "/%61pp//c", "/app?q", "/whole/a"] {
        let lines = format!("GET {target} HTTP/1.1\nHost: chat.example\nX-Own: {upstream}");
        location.push(gate.tls(CHAT).await.ask(&lines).await.field("location").expect("it").to_owned());
    }
    let targets: Vec<String> =
        upstream.lines().iter().map(|line| line.split(' ').nth(1).unwrap_or("").to_owned()).collect();
    assert_eq!(targets, ["/a%2Fb?x=1", "/", "/", "//c", "/?q", "/whole/a"]);
    assert_eq!(location[0], "https://chat.example/app/in");
    assert_eq!(location[5], "https://chat.example/in");
}

#[tokio::test]
async fn host_says_what_the_client_asked_for_unless_told() {
    let upstream = sending(ok("")).await;
    let preserved = proxying(&upstream, "").run().await;
    preserved.get("/").await;
    assert_eq!(upstream.request(0).await.field("host"), Some(CHAT));

    let fixed = proxying(&upstream, "host = \"inside.example:8080\"").run().await;
    fixed.get("/").await;
    let seen = upstream.request(1).await;
    assert_eq!(seen.field("host"), Some("inside.example:8080"));
    assert_eq!(seen.field("x-forwarded-host"), Some(CHAT));
}

async fn echo(mut connection: Connection) {
    while connection.request().await.is_some() {
        connection.wire.send(message("HTTP/1.1 200 OK", "over TLS")).await;
    }
}

#[tokio::test]
async fn an_upstream_behind_tls_is_verified() {
    let good = Upstream::scripted_tls(ca().leaf(&["inside.example"]).server(), echo).await;
    let at = |upstream: &Upstream, keys: &str| {
        gate(format!(
            "[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\n\
             proxy = \"https://127.0.0.1:{}\"\n{keys}\n",
            upstream.port()
        ))
    };
    let named = "upstream_name = \"inside.example\"";

    let private = at(&good, &format!("{named}\nupstream_roots = \"root.pem\"")).run().await;
    assert_eq!(private.get("/").await.text(), "over TLS");
    assert_eq!(good.request(0).await.field("host"), Some(CHAT));

    let by_mozillas_roots = at(&good, named).run().await;
    assert_eq!(by_mozillas_roots.get("/").await.status(), 502, "a root that is not known");
    let wrong_name = at(&good, "upstream_name = \"other.example\"\nupstream_roots = \"root.pem\"").run().await;
    assert_eq!(wrong_name.get("/").await.status(), 502, "another's certificate");

    let stranger = Upstream::scripted_tls(Ca::new().leaf(&["inside.example"]).server(), echo).await;
    let refused = at(&stranger, &format!("{named}\nupstream_roots = \"root.pem\"")).run().await;
    assert_eq!(refused.get("/").await.status(), 502);
    assert_eq!(stranger.lines(), Vec::<String>::new(), "nothing is said to a stranger");

    let loud = at(&stranger, &format!("{named}\nupstream_verify = false")).run().await;
    assert_eq!(loud.get("/").await.text(), "over TLS");
    let log = loud.process.stderr();
    assert!(log.lines().any(|line| line.contains("WARN") && line.contains("NOT verified")), "{log}");
}

#[tokio::test]
async fn the_next_of_several_upstreams_is_taken_where_one_is_gone() {
    let gone = Upstream::gone().await;
    let there = sending(ok("there")).await;
    let file = format!(
        "[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\nproxy = [\"http://{gone}\", \"http://{there}\"]\n"
    );
    let gate = gate(file).run().await;
    for _ in 0..4 {
        assert_eq!(gate.tls(CHAT).await.ask(GET).await.text(), "there");
    }
}
