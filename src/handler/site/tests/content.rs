//! What is said of a file, and the conditions on it.

use super::*;

#[tokio::test]
async fn a_file_comes_with_its_type_size_date_and_tag() {
    let folder = Folder::with(&[("a.txt", "hello")]);
    folder.date("a.txt", 1000);
    let answer = folder.get("/a.txt").await;
    assert_eq!(answer.code(), 200);
    assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.field("content-length"), Some("5"));
    assert_eq!(answer.field("last-modified"), Some("Thu, 01 Jan 1970 00:16:40 GMT"));
    assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.field("accept-ranges"), Some("bytes"));
    assert_eq!(answer.field("vary"), Some("accept-encoding"));
    let tag = answer.field("etag").expect("a tag");
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
}

#[tokio::test]
async fn the_tag_changes_with_size_and_time() {
    let folder = Folder::with(&[("a.txt", "one")]);
    folder.date("a.txt", 1000);
    let first = folder.get("/a.txt").await;
    folder.date("a.txt", 1001);
    let touched = folder.get("/a.txt").await;
    folder.write("a.txt", "longer");
    folder.date("a.txt", 1001);
    let longer = folder.get("/a.txt").await;
    assert_ne!(first.field("etag"), touched.field("etag"));
    assert_ne!(touched.field("etag"), longer.field("etag"));
}

#[tokio::test]
async fn a_file_from_the_future_is_dated_now() {
    let folder = Folder::with(&[("a.txt", "x")]);
    folder.date("a.txt", 32_503_680_000);
    let answer = folder.get("/a.txt").await;
    let date = httpdate::parse_http_date(answer.field("last-modified").expect("a date")).expect("an HTTP date");
    assert!(date <= SystemTime::now());
}

#[tokio::test]
async fn r103_head_has_the_fields_of_get_and_no_body() {
    let mut folder = Folder::with(&[
        ("a.txt", "hello"),
        ("big.bin", &"x".repeat(200_000)),
        ("page.html", &"<p>".repeat(999)),
        ("dir/x", ""),
    ]);
    folder.website.listing = true;
    for target in ["/a.txt", "/big.bin", "/page.html", "/dir", "/dir/", "/"] {
        for coding in ["identity", "gzip"] {
            let get = folder.get_with(target, &[("accept-encoding", coding)]).await;
            let head = folder.ask(Method::HEAD, target, &[("accept-encoding", coding)]).await;
            assert_eq!(head.status, get.status, "{target}");
            assert_eq!(head.fields, get.fields, "{target}");
            assert!(head.body.is_empty(), "{target}");
        }
    }
}

#[tokio::test]
async fn a_client_that_has_it_gets_304() {
    let folder = Folder::with(&[("a.txt", "hello")]);
    folder.date("a.txt", 1000);
    let tag = folder.get("/a.txt").await.field("etag").expect("a tag").to_owned();
    for method in [Method::GET, Method::HEAD] {
        let answer = folder.ask(method.clone(), "/a.txt", &[("if-none-match", &tag)]).await;
        assert_eq!(answer.code(), 304);
        assert_eq!(answer.field("etag"), Some(&*tag));
        assert_eq!(answer.field("content-length"), None);
        assert!(answer.body.is_empty());
        let answer = folder.ask(method, "/a.txt", &[("if-modified-since", "Thu, 01 Jan 1970 00:16:40 GMT")]).await;
        assert_eq!(answer.code(), 304);
    }
    assert_eq!(folder.get_with("/a.txt", &[("if-none-match", "\"other\"")]).await.text(), "hello");
    assert_eq!(folder.get_with("/a.txt", &[("if-match", &tag)]).await.text(), "hello");
    assert_eq!(folder.get_with("/a.txt", &[("if-match", "\"other\"")]).await.code(), 412);
}

#[tokio::test]
async fn large_and_empty_files_arrive_whole() {
    let large: Vec<u8> = (0..1_000_003u32).map(|at| (at % 251).to_le_bytes()[0]).collect();
    let folder = Folder::with(&[("empty.txt", "")]);
    folder.write("large.bin", &large);
    let answer = folder.get("/large.bin").await;
    assert_eq!(answer.field("content-length"), Some("1000003"));
    assert!(answer.body == large);
    let answer = folder.get("/empty.txt").await;
    assert_eq!((answer.code(), answer.field("content-length"), answer.body.len()), (200, Some("0"), 0));
}

#[tokio::test]
async fn a_body_that_shrinks_breaks_off() {
    let folder = Folder::with(&[]);
    folder.write("large.bin", vec![1; 1_000_000]);
    let request = Request::builder().uri("/large.bin").body(()).expect("a request");
    let response = folder.respond("/", &request).await.expect("the file");
    folder.write("large.bin", "short");
    assert!(response.into_body().collect().await.is_err());
}
