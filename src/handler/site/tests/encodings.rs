//! Compressed siblings, and compression on the way.

use super::*;
use async_compression::tokio::bufread::GzipDecoder;
use tokio::io::AsyncReadExt;

pub(super) async fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzipDecoder::new(bytes).read_to_end(&mut plain).await.expect("gzip");
    plain
}

#[tokio::test]
async fn r99_a_sibling_is_optional_and_has_the_whole_name_before_its_suffix() {
    let folder = Folder::with(&[("hello", "plain")]);
    let gzip = [("accept-encoding", "gzip")];
    let answer = folder.get_with("/hello", &gzip).await;
    assert_eq!((answer.code(), answer.text(), answer.field("content-encoding")), (200, "plain", None));
    folder.write("hello.gz", "packed");
    let answer = folder.get_with("/hello", &gzip).await;
    assert_eq!((answer.text(), answer.field("content-encoding")), ("packed", Some("gzip")));
    assert_eq!(answer.field("content-length"), Some("6"));
    assert_eq!(answer.field("vary"), Some("accept-encoding"));
    assert_eq!(folder.get("/hello").await.text(), "plain");
}

#[tokio::test]
async fn the_sibling_that_the_client_likes_best_is_sent() {
    let folder = Folder::with(&[("a.js", "plain"), ("a.js.br", "br"), ("a.js.zst", "zstd"), ("a.js.gz", "gzip")]);
    for (accepted, sent) in [
        ("gzip, br, zstd", "br"),
        ("gzip, zstd", "zstd"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.1", "gzip"),
        ("gzip;q=1, br;q=0.9", "gzip"),
        ("*", "br"),
        ("identity", "plain"),
        ("deflate", "plain"),
        ("gzip;q=0", "plain"),
        ("identity;q=0", "plain"),
    ] {
        let answer = folder.get_with("/a.js", &[("accept-encoding", accepted)]).await;
        assert_eq!(answer.text(), sent, "{accepted}");
        assert_eq!(answer.field("content-type"), Some("text/javascript; charset=utf-8"), "{accepted}");
        assert_eq!(answer.field("content-encoding"), (sent != "plain").then_some(sent), "{accepted}");
    }
}

#[tokio::test]
async fn variants_have_tags_of_their_own() {
    let folder = Folder::with(&[("a.js", "plain"), ("a.js.gz", "equal")]);
    folder.date("a.js", 1000);
    folder.date("a.js.gz", 1000);
    let plain = folder.get("/a.js").await;
    let packed = folder.get_with("/a.js", &[("accept-encoding", "gzip")]).await;
    assert_ne!(plain.field("etag"), packed.field("etag"));
    let tag = packed.field("etag").expect("a tag");
    let again = folder.get_with("/a.js", &[("accept-encoding", "gzip"), ("if-none-match", tag)]).await;
    assert_eq!((again.code(), again.field("vary")), (304, Some("accept-encoding")));
    assert_eq!(folder.get_with("/a.js", &[("if-none-match", tag)]).await.code(), 200);
    let part = folder.get_with("/a.js", &[("accept-encoding", "gzip"), ("range", "bytes=0-1")]).await;
    assert_eq!((part.code(), part.text(), part.field("content-range")), (206, "eq", Some("bytes 0-1/5")));
}

#[tokio::test]
async fn a_sibling_older_than_its_file_or_out_of_the_root_is_not_sent() {
    let folder = Folder::with(&[("a.js", "new"), ("a.js.gz", "old"), ("b.js", "plain")]);
    folder.date("a.js", 2000);
    folder.date("a.js.gz", 1000);
    folder.link("../secret.txt", "b.js.gz");
    fs::create_dir(folder.path("b.js.br")).expect("a folder with a sibling's name");
    let both = [("accept-encoding", "gzip, br")];
    assert_eq!(folder.get_with("/a.js", &both).await.text(), "new");
    assert_eq!(folder.get_with("/b.js", &both).await.text(), "plain");
}

#[tokio::test]
async fn text_is_compressed_as_it_is_sent() {
    let text = "All work and no play. ".repeat(20_000);
    let folder = Folder::with(&[("a.txt", &text), ("small.txt", "short"), ("a.png", &text), ("a.bin", &text)]);
    let gzip = [("accept-encoding", "gzip")];
    let answer = folder.get_with("/a.txt", &gzip).await;
    assert_eq!(answer.field("content-encoding"), Some("gzip"));
    assert_eq!(answer.field("content-length"), None);
    assert_eq!(answer.field("accept-ranges"), None);
    assert!(answer.field("etag").expect("a tag").starts_with("W/"));
    assert!(answer.body.len() < text.len() / 10);
    assert!(gunzip(&answer.body).await == text.as_bytes());
    let tag = answer.field("etag").expect("a tag");
    let again = folder.get_with("/a.txt", &[("accept-encoding", "gzip"), ("if-none-match", tag)]).await;
    assert_eq!(again.code(), 304);
    for plain in ["/small.txt", "/a.png", "/a.bin"] {
        assert_eq!(folder.get_with(plain, &gzip).await.field("content-encoding"), None, "{plain}");
    }
    assert_eq!(folder.get_with("/a.png", &gzip).await.field("vary"), None);
}

#[tokio::test]
async fn a_range_is_of_the_file_and_not_of_what_an_encoder_makes() {
    let folder = Folder::with(&[("a.txt", &"x".repeat(5000))]);
    let answer = folder.get_with("/a.txt", &[("accept-encoding", "gzip"), ("range", "bytes=0-9")]).await;
    assert_eq!((answer.code(), answer.field("content-encoding"), answer.body.len()), (206, None, 10));
    assert_eq!(answer.field("content-range"), Some("bytes 0-9/5000"));
}

#[tokio::test]
async fn who_refuses_identity_gets_a_coding_whatever_the_file() {
    let folder = Folder::with(&[("small.bin", "short")]);
    let answer = folder.get_with("/small.bin", &[("accept-encoding", "gzip, identity;q=0")]).await;
    assert_eq!(answer.field("content-encoding"), Some("gzip"));
    assert_eq!(gunzip(&answer.body).await, b"short");
}
