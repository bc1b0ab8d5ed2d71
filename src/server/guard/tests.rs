use std::future::poll_fn;
use std::pin::Pin;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::coop::unconstrained;

use super::fuzz::outcome;
use super::*;

const HEAD: &str = "GET / HTTP/1.1\r\nHost: a\r\nCookie: tasty=yes\r\nUser-Agent: x\r\n\r\n";
const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";

#[test]
fn wherever_reads_cut_a_stream_the_verdict_is_the_same() {
    for (stream, expected) in [
        (HEAD.repeat(3), (Ok(()), 3)),
        (format!("\r\n{HEAD}\r\n{HEAD}"), (Ok(()), 2)),
        (format!("\r\n\r\n{HEAD}"), (Err(Why::EmptyLines), 0)),
        (format!("{HEAD}\n{HEAD}"), (Err(Why::BareLf), 1)),
        (HEAD.replacen("a\r\n", "a\n", 1), (Err(Why::BareLf), 0)),
        (HEAD.replacen("\r\n\r\n", "\r\n\n", 1), (Err(Why::BareLf), 0)),
        (HEAD.replacen("/ ", "/#a ", 1), (Err(Why::Fragment), 0)),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), (Err(Why::Preface), 0)),
        (with("Content-Length: 3") + "abc" + HEAD, (Ok(()), 2)),
        (with("content-length:\t18 ") + "GET # HTTP/1.1\n\n\n\n" + HEAD, (Ok(()), 2)),
        (with("Content-Length: 0") + HEAD, (Ok(()), 2)),
        (with("Content-Length: 3\r\nContent-Length: 3") + "abc", (Err(Why::SecondLength), 0)),
        (with("Content-Length: 3\r\nTransfer-Encoding: chunked"), (Err(Why::LengthAndCoding), 0)),
        (with("Transfer-Encoding: chunked\r\nContent-Length: 3"), (Err(Why::LengthAndCoding), 0)),
        (with("Content-Length: 03"), (Err(Why::OddLength), 0)),
        (with("Content-Length: 1000000000000000000"), (Err(Why::OddLength), 0)),
        (with("Transfer-Encoding: gzip"), (Err(Why::OddCoding), 0)),
        (with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), (Err(Why::OddCoding), 0)),
        (with("Transfer_Encoding: chunked"), (Err(Why::Underscore), 0)),
        (with("Content_Length: 3"), (Err(Why::Underscore), 0)),
        (with("Content-Lengthy: x\r\nTransfer-Encodings: y\r\nUpgrades: z") + HEAD, (Ok(()), 2)),
        (chunked("3\r\nabc\r\nB;b=\"c\"\r\n0\r\n\r\n\r\n\r\nGE\r\n0\r\n\r\n") + HEAD, (Ok(()), 2)),
        (chunked("3\r\nabc\r\n0;a\r\nA: b\r\nC:\r\n\r\n") + HEAD, (Ok(()), 2)),
        (chunked("3\nabc"), (Err(Why::Chunk), 1)),
        (chunked("3 \r\nabc"), (Err(Why::Chunk), 1)),
        (chunked("3\r\nabcd"), (Err(Why::Chunk), 1)),
        (chunked("3;a\rb\r\nabc"), (Err(Why::Chunk), 1)),
        (chunked("0\r\nA: b\nC: d\r\n\r\n"), (Err(Why::Chunk), 1)),
        (chunked("0\r\nA: b\r\n c\r\n\r\n"), (Err(Why::Chunk), 1)),
        (UPGRADE.to_owned() + HEAD, (Ok(()), 2)),
        (UPGRADE.to_owned() + &with("Transfer-Encoding: x"), (Err(Why::OddCoding), 1)),
    ] {
        let stream = stream.as_bytes();
        assert_eq!(outcome([stream]), expected, "{}", stream.escape_ascii());
        assert_eq!(outcome(stream.chunks(1)), expected, "{}", stream.escape_ascii());
        for cut in 1..stream.len() {
            let (one, two) = stream.split_at(cut);
            assert_eq!(outcome([one, two]), expected, "{} | {}", one.escape_ascii(), two.escape_ascii());
        }
    }
}

fn with(fields: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n")
}

fn chunked(body: &str) -> String {
    with("Transfer-Encoding: chunked") + body
}

#[test]
fn a_length_is_plain_or_none() {
    for (value, plain) in [
        ("0", true),
        ("10", true),
        ("999999999999999999", true),
        ("1000000000000000000", false),
        ("", false),
        ("00", false),
        ("01", false),
        ("+1", false),
        ("1 ", false),
        ("1,1", false),
        ("a", false),
    ] {
        assert_eq!(is_plain_length(value.as_bytes()), plain, "{value:?}");
    }
}

#[test]
fn every_reason_has_a_number_of_its_own() {
    assert_eq!(Why::of(0), None);
    let all: Vec<Why> = (1..=u8::MAX).filter_map(Why::of).collect();
    assert_eq!(all.len(), 10);
    assert_eq!(all.last(), Some(&Why::Preface));
}

/// A guard, the other end of its connection, and what it is told.
fn guarded() -> (Guard<DuplexStream>, DuplexStream, Watch) {
    let (near, far) = duplex(64 * 1024);
    let watch = Watch::default();
    (Guard::new(near, watch.clone()), far, watch)
}

/// What is there to be read now, in reads of this many bytes.
async fn readable(guard: &mut Guard<DuplexStream>, size: usize) -> Vec<u8> {
    let mut all = Vec::new();
    // Without tokio's budget, at whose end the stream would look empty.
    unconstrained(poll_fn(|cx| {
        loop {
            let mut bytes = vec![0; size];
            let mut buf = ReadBuf::new(&mut bytes);
            match Pin::new(&mut *guard).poll_read(cx, &mut buf) {
                Poll::Ready(outcome) if !buf.filled().is_empty() => {
                    outcome.expect("bytes");
                    all.extend_from_slice(buf.filled());
                }
                _ => return Poll::Ready(()),
            }
        }
    }))
    .await;
    all
}

#[tokio::test]
async fn what_is_in_order_passes_unchanged() {
    let stream = HEAD.to_owned() + &with("Content-Length: 3") + "a\nb" + &chunked("1\r\n#\r\n0\r\n\r\n");
    for size in [1, 7, 8192] {
        let (mut guard, mut far, watch) = guarded();
        far.write_all(stream.as_bytes()).await.expect("room");
        assert_eq!(readable(&mut guard, size).await, stream.as_bytes());
        assert_eq!(watch.refused(), None);
    }
}

#[tokio::test]
async fn what_is_refused_is_replaced_from_the_line_that_is_wrong_on_and_then_comes_the_end() {
    for size in [1, 7, 8192] {
        let (mut guard, mut far, watch) = guarded();
        far.write_all(format!("{HEAD}{}", with("Content-Length: +3")).as_bytes()).await.expect("room");
        let read = readable(&mut guard, size).await;
        assert!(read.starts_with(HEAD.as_bytes()) && read.ends_with(POISON), "{}", read.escape_ascii());
        assert!(!read.windows(4).any(|window| window == b"+3\r\n"), "{}", read.escape_ascii());
        assert_eq!(watch.refused(), Some(Why::OddLength));
        far.write_all(HEAD.as_bytes()).await.expect("room");
        assert_eq!(guard.read(&mut [0; 9]).await.expect("the end"), 0);
    }
}

#[tokio::test]
async fn behind_an_upgrade_nothing_passes_until_it_is_answered() {
    for size in [1, 7, 8192] {
        let (mut guard, mut far, watch) = guarded();
        far.write_all(format!("{HEAD}{UPGRADE}{HEAD}").as_bytes()).await.expect("room");
        let both = format!("{HEAD}{UPGRADE}");
        assert_eq!(readable(&mut guard, size).await, both.as_bytes());
        watch.answered();
        assert_eq!(readable(&mut guard, size).await, b"", "only the one before it was answered");
        watch.answered();
        assert_eq!(readable(&mut guard, size).await, HEAD.as_bytes());
        far.write_all(b"GET / HTTP/1.1\n").await.expect("room");
        assert!(readable(&mut guard, size).await.ends_with(POISON));
    }
}

#[tokio::test]
async fn who_waits_for_the_answer_is_woken_by_it_and_by_the_clients_end() {
    let (mut guard, mut far, watch) = guarded();
    far.write_all(format!("{UPGRADE}{HEAD}").as_bytes()).await.expect("room");
    assert_eq!(readable(&mut guard, 8192).await, UPGRADE.as_bytes());
    let next = tokio::spawn(async move {
        let mut bytes = [0; HEAD.len()];
        guard.read_exact(&mut bytes).await.expect("the next head");
        bytes
    });
    tokio::task::yield_now().await;
    watch.answered();
    assert_eq!(next.await.expect("read"), HEAD.as_bytes());

    let (mut guard, mut far, _watch) = guarded();
    far.write_all(UPGRADE.as_bytes()).await.expect("room");
    assert_eq!(readable(&mut guard, 8192).await, UPGRADE.as_bytes());
    drop(far);
    assert_eq!(guard.read(&mut [0; 9]).await.expect("the end"), 0);
}

#[tokio::test]
async fn what_follows_a_switch_of_protocols_is_nobodys_http() {
    let (mut guard, mut far, watch) = guarded();
    far.write_all(format!("{UPGRADE}\n\nframes").as_bytes()).await.expect("room");
    assert_eq!(readable(&mut guard, 8192).await, UPGRADE.as_bytes());
    watch.switched();
    watch.answered();
    assert_eq!(readable(&mut guard, 8192).await, b"");
    let (mut stream, held) = guard.into_parts();
    assert_eq!(held, "\n\nframes");
    far.write_all(b" go on").await.expect("room");
    let mut bytes = [0; 6];
    stream.read_exact(&mut bytes).await.expect("bytes");
    assert_eq!(&bytes, b" go on");
}
