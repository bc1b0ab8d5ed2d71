//! Station 5, a website: what its own tests cannot show, from the socket to the file and back.

use crate::support::gate::{Builder, CHAT, gate};

const PAGE: &str = "<!doctype html><title>home</title>";

fn website(keys: &str) -> Builder {
    gate(format!("[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\nroot = \"www\"\n{keys}\n"))
        .with("www/index.html", PAGE)
        .with("www/large.bin", (0..3_000_000_u32).map(|n| (n % 251) as u8).collect::<Vec<u8>>())
        .with("www/text.txt", "compressible ".repeat(1000))
        .with("www/dir/inner.txt", "inner")
        .with("www/.git/config", "secret")
        .with("www/google.com/x.txt", "x")
        .with("outside.txt", "outside")
}

#[tokio::test]
async fn a_page_and_a_large_file_come_whole_over_both_protocols() {
    let gate = website("").run().await;
    let page = gate.get("/").await;
    assert_eq!((page.status(), page.text().as_str()), (200, PAGE));
    assert!(page.field("content-type").is_some_and(|t| t.starts_with("text/html")));
    let large = gate.get("/large.bin").await;
    assert_eq!(large.body.len(), 3_000_000);
    let over_h2 = gate.h2(CHAT).await.ask("GET https://chat.example/large.bin").await;
    assert!(over_h2.body == large.body);
}

#[tokio::test]
async fn conditions_and_ranges_hold_over_the_wire() {
    let gate = website("").run().await;
    let first = gate.get("/dir/inner.txt").await;
    let tag = first.field("etag").expect("a tag").to_owned();
    let mut wire = gate.tls(CHAT).await;
    let same = wire.ask(&format!("GET /dir/inner.txt HTTP/1.1\nHost: chat.example\nIf-None-Match: {tag}")).await;
    assert_eq!((same.status(), same.body.len()), (304, 0));
    for (range, status, content_range, text) in [
        ("bytes=1-2", 206, Some("bytes 1-2/5"), "nn"),
        ("bytes=-500", 206, Some("bytes 0-4/5"), "inner"),
        ("bytes=5-", 416, Some("bytes */5"), ""),
        ("lines=1-2", 200, None, "inner"),
        ("bytes=", 200, None, "inner"),
    ] {
        let answer = wire.ask(&format!("GET /dir/inner.txt HTTP/1.1\nHost: chat.example\nRange: {range}")).await;
        assert_eq!((answer.status(), answer.field("content-range")), (status, content_range), "R101 {range}");
        if status != 416 {
            assert_eq!(answer.text(), text, "R101 {range}");
        }
    }
}

#[tokio::test]
async fn r103_head_has_no_body_and_the_connection_goes_on() {
    let gate = website("listing = true").run().await;
    let mut wire = gate.tls(CHAT).await;
    for path in ["/dir/", "/large.bin", "/none", "/dir"] {
        wire.ask(&format!("HEAD {path} HTTP/1.1\nHost: chat.example")).await;
        let after = wire.ask("GET /dir/inner.txt HTTP/1.1\nHost: chat.example").await;
        assert_eq!(after.text(), "inner", "after HEAD {path}");
    }
}

#[tokio::test]
async fn r94_a_folders_slash_is_added_without_leaving_https_host_port_or_query() {
    let gate = website("listing = true").run().await;
    let answer = gate.tls(CHAT).await.ask("GET /dir?x=1 HTTP/1.1\nHost: chat.example:8443").await;
    assert!(matches!(answer.status(), 301 | 308));
    let location = answer.field("location").expect("where to");
    assert!(location == "/dir/?x=1" || location == "https://chat.example:8443/dir/?x=1", "{location}");
}

#[tokio::test]
async fn r93_no_spelling_of_two_slashes_leads_to_another_site() {
    let gate = website("listing = true").run().await;
    for path in
        ["//google.com", "/%2Fgoogle.com", "/\\google.com", "/%5Cgoogle.com", "///google.com", "//google.com/.."]
    {
        let answer = gate.get(path).await;
        if let Some(location) = answer.field("location") {
            assert!(!location.starts_with("//") && !location.starts_with("/\\"), "{path}: {location}");
            assert!(location.starts_with('/') || location.starts_with("https://chat.example/"), "{path}: {location}");
        }
    }
}

#[tokio::test]
async fn what_is_outside_the_root_or_hidden_is_not_served() {
    let gate = website("listing = true").run().await;
    for path in [
        "/../outside.txt",
        "/dir/../../outside.txt",
        "/..%2foutside.txt",
        "/%2e%2e/outside.txt",
        "/dir/..%5c..%5coutside.txt",
        "/.git/config",
        "/%2egit/config",
        "/dir/%00",
    ] {
        let answer = gate.get(path).await;
        assert!(matches!(answer.status(), 400 | 403 | 404), "{path}: {answer:?}");
        assert!(!answer.text().contains("secret") && !answer.text().contains("outside\n"), "{path}");
    }
    let listing = gate.get("/dir/").await;
    assert!(listing.text().contains("inner.txt"));
    assert!(!gate.get("/google.com/..").await.text().contains(".git"));
}

#[tokio::test]
async fn text_is_compressed_for_who_takes_it() {
    let gate = website("").run().await;
    let mut wire = gate.tls(CHAT).await;
    let ask = async |wire: &mut crate::support::raw::Wire, encoding: &str| {
        wire.ask(&format!("GET /text.txt HTTP/1.1\nHost: chat.example\nAccept-Encoding: {encoding}")).await
    };
    let gzip = ask(&mut wire, "gzip").await;
    assert_eq!(gzip.field("content-encoding"), Some("gzip"));
    assert!(gzip.body.len() < 2000 && gzip.body.starts_with(&[0x1f, 0x8b]));
    assert!(gzip.all("vary").join(",").to_ascii_lowercase().contains("accept-encoding"));
    let plain = ask(&mut wire, "identity").await;
    assert_eq!((plain.field("content-encoding"), plain.body.len()), (None, 13_000));
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named_at_the_start() {
    let outcome = gate("[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\nroot = \"nowhere\"\n")
        .started_or_refused()
        .await;
    assert!(outcome.contains("nowhere"), "{outcome}");
}
