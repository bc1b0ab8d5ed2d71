//! Parts of files.

use super::*;

/// Fifty bytes, each its own place in the alphabet.
fn fifty() -> Folder {
    let content: String = ('a'..='z').chain('A'..='X').collect();
    let folder = Folder::with(&[("a.txt", &content), ("empty.txt", "")]);
    folder.date("a.txt", 1000);
    folder
}

async fn ranged(target: &str, range: &str) -> (u16, Option<String>, String) {
    let answer = fifty().get_with(target, &[("range", range)]).await;
    (answer.code(), answer.field("content-range").map(str::to_owned), answer.text().to_owned())
}

#[tokio::test]
async fn r101_single_ranges() {
    let whole: String = ('a'..='z').chain('A'..='X').collect();
    let partial = |range: &str, text: &str| (206, Some(range.to_owned()), text.to_owned());
    assert_eq!(ranged("/a.txt", "bytes=0-2").await, partial("bytes 0-2/50", "abc"));
    assert_eq!(ranged("/a.txt", "bytes=48-").await, partial("bytes 48-49/50", "WX"));
    assert_eq!(ranged("/a.txt", "bytes=-2").await, partial("bytes 48-49/50", "WX"));
    assert_eq!(ranged("/a.txt", "bytes=-500").await, partial("bytes 0-49/50", &whole));
    assert_eq!(ranged("/a.txt", "bytes=48-1000").await, partial("bytes 48-49/50", "WX"));
    for nothing in ["bytes=50-", "bytes=999-1000", "bytes=-0"] {
        assert_eq!(ranged("/a.txt", nothing).await, (416, Some("bytes */50".into()), String::new()), "{nothing}");
    }
    for ignored in ["bytes=", "bytes=5-2", "bytes=x", "lines=1-2", "none"] {
        assert_eq!(ranged("/a.txt", ignored).await, (200, None, whole.clone()), "{ignored}");
    }
}

#[tokio::test]
async fn r101_ranges_of_an_empty_file() {
    assert_eq!(ranged("/empty.txt", "bytes=-5").await, (200, None, String::new()));
    assert_eq!(ranged("/empty.txt", "bytes=0-").await, (416, Some("bytes */0".into()), String::new()));
}

#[tokio::test]
async fn r101_several_ranges_come_as_parts() {
    let answer = fifty().get_with("/a.txt", &[("range", "bytes=0-0,-1")]).await;
    assert_eq!(answer.code(), 206);
    assert_eq!(answer.field("content-range"), None);
    assert_eq!(answer.field("content-length"), Some(&*answer.body.len().to_string()));
    let boundary = answer
        .field("content-type")
        .and_then(|value| value.strip_prefix("multipart/byteranges; boundary="))
        .expect("a boundary");
    let part = |range: &str, text: &str| {
        format!(
            "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {range}/50\r\n\r\n{text}\r\n"
        )
    };
    assert_eq!(answer.text(), format!("{}{}--{boundary}--\r\n", part("0-0", "a"), part("49-49", "X")));
}

#[tokio::test]
async fn a_range_of_a_large_file_is_streamed() {
    let large: Vec<u8> = (0..300_000u32).map(|at| (at % 251).to_le_bytes()[0]).collect();
    let folder = Folder::new();
    folder.write("large.bin", &large);
    let answer = folder.get_with("/large.bin", &[("range", "bytes=100000-299998")]).await;
    assert_eq!((answer.code(), answer.field("content-length")), (206, Some("199999")));
    assert!(answer.body == large[100_000..299_999]);
}

#[tokio::test]
async fn if_range_sends_the_whole_of_what_has_changed() {
    let folder = fifty();
    let tag = folder.get("/a.txt").await.field("etag").expect("a tag").to_owned();
    for (condition, status) in [
        (&*tag, 206),
        ("\"other\"", 200),
        (&*format!("W/{tag}"), 200),
        ("Thu, 01 Jan 1970 00:16:40 GMT", 206),
        ("Thu, 01 Jan 1970 00:16:41 GMT", 200),
        ("Thu, 01 Jan 1970 00:16:39 GMT", 200),
    ] {
        let answer = folder.get_with("/a.txt", &[("range", "bytes=0-2"), ("if-range", condition)]).await;
        assert_eq!(answer.code(), status, "{condition}");
        assert_eq!(answer.field("etag"), Some(&*tag));
    }
}

#[tokio::test]
async fn head_has_no_ranges() {
    let answer = fifty().ask(Method::HEAD, "/a.txt", &[("range", "bytes=0-2")]).await;
    assert_eq!((answer.code(), answer.field("content-length")), (200, Some("50")));
}

#[tokio::test]
async fn a_condition_comes_before_a_range() {
    let folder = fifty();
    let tag = folder.get("/a.txt").await.field("etag").expect("a tag").to_owned();
    let answer = folder.get_with("/a.txt", &[("range", "bytes=0-2"), ("if-none-match", &tag)]).await;
    assert_eq!(answer.code(), 304);
}
