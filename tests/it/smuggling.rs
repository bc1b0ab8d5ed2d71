//! What could be framed in two ways, byte for byte: what the client gets, and which bytes the upstream saw.
//!
//! Each row is sent on a connection of its own to an upstream of its own, followed
//! at once by a [`PROBE`], after which the client ends its side. So an answer to
//! the probe says that the connection lives and that gatepost saw the end of the
//! row's message where the row has it; no answer says that it was closed. When all
//! rows are through, gatepost is stopped and every byte that came to the upstreams
//! is compared.
//!
//! In the rows `¶` is CRLF; every other character is one byte, `ÿ` being 0xFF. All
//! say `chat.example`, in whose place each row's own host stands on the way.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::support::ca::{Identity, ca};
use crate::support::client::tcp;
use crate::support::gate::{Gate, gate};
use recorder::Recorder;

mod answers;
mod chunks;
mod codings;
mod lengths;
mod lines;
mod over_h2;
mod recorder;
mod sequences;
mod targets;

/// What follows every row.
const PROBE: &str = "GET /probe HTTP/1.1¶Host: chat.example¶¶";

/// How it comes to an upstream; what gatepost says of the client is left out everywhere here, see `forwarded`.
const PROBE_SEEN: &str = "GET /probe HTTP/1.1¶host: chat.example¶¶";

/// A refusal after which nothing more is read, of which the upstream sees nothing.
const REFUSED: (&str, &str) = ("400", "");

/// Name; what is sent; what the client gets; what the upstream saw.
///
/// A last `…` in the third stands for the answered probe, a last `✂` in the fourth for a request that breaks off there
/// or sooner, and never reaches its end. What comes after a `¦` comes unless the body before was still on its way when
/// it was answered unread: then the connection ends there.
type Row = (&'static str, &'static str, (&'static str, &'static str));

/// The rows that go over HTTP/1.
fn tables() -> [(&'static str, &'static [Row]); 6] {
    [
        ("lengths", lengths::ROWS),
        ("codings", codings::ROWS),
        ("chunks", chunks::ROWS),
        ("lines", lines::ROWS),
        ("targets", targets::ROWS),
        ("sequences", sequences::ROWS),
    ]
}

#[test]
fn there_are_many_rows_and_no_two_are_one() {
    let rows: Vec<(&str, &Row)> =
        tables().iter().flat_map(|(table, rows)| rows.iter().map(move |row| (*table, row))).collect();
    let count = rows.len() + over_h2::ROWS.len() + answers::ROWS.len();
    assert!(count >= 120, "{count} rows");
    for (index, (table, row)) in rows.iter().enumerate() {
        let is_same =
            |(other_table, other): &(&str, &Row)| (other_table == table && other.0 == row.0) || other.1 == row.1;
        if let Some((other_table, other)) = rows[..index].iter().find(|other| is_same(other)) {
            panic!("{table}: {} is {other_table}: {}", row.0, other.0);
        }
    }
}

#[tokio::test]
async fn a_message_is_framed_in_one_way_or_refused() {
    run(All::AtOnce).await;
}

/// The same rows, each byte in a segment of its own: where a read ends makes no difference.
#[tokio::test]
async fn however_a_message_is_cut_on_its_way_it_is_framed_alike() {
    run(All::ByteByByte).await;
}

#[tokio::test]
async fn what_is_refused_has_its_line_in_the_access_log() {
    let (mut gate, _recorders) = gate_with_recorders(1).await;
    let row = "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶Content-Length: 5¶¶0¶¶";
    exchange(&gate, &bytes(row), All::AtOnce).await;
    let line = gate.process.prints(" 400 ").await;
    assert!(line.starts_with("127.0.0.1 "), "names the client: {line}");
}

#[derive(Clone, Copy)]
enum All {
    AtOnce,
    ByteByByte,
}

impl All {
    /// Cut into bytes, a body goes up in chunks of its own, which are joined here.
    fn joined(self, text: &str) -> String {
        match self {
            Self::AtOnce => text.to_owned(),
            Self::ByteByByte => without_chunks(text),
        }
    }

    /// What the client gets where the connection ends before its next request.
    fn may_end_early(self, gets: &str) -> Option<&str> {
        match self {
            Self::AtOnce => None,
            Self::ByteByByte => gets.split_once(" ¦ ").map(|(early, _)| early),
        }
    }
}

async fn run(how: All) {
    let rows: Vec<(&str, &Row)> =
        tables().iter().flat_map(|(table, rows)| rows.iter().map(move |row| (*table, row))).collect();
    let (gate, recorders) = gate_with_recorders(rows.len()).await;
    let gate = Arc::new(gate);
    let (mut going, mut wrong) = (JoinSet::new(), Wrong::default());
    for (number, (_, row)) in rows.iter().enumerate() {
        let gate = Arc::clone(&gate);
        let bytes = bytes(&(row.1.to_owned() + PROBE).replace("chat.example", &host(number)));
        going.spawn(async move { (number, text(&exchange(&gate, &bytes, how).await)) });
        // Some at a time, lest the machine be the test.
        if going.len() >= 16
            && let Some(done) = going.join_next().await
        {
            check_answers(&rows, done.expect("an exchange"), how, &mut wrong);
        }
    }
    while let Some(done) = going.join_next().await {
        check_answers(&rows, done.expect("an exchange"), how, &mut wrong);
    }
    Arc::into_inner(gate).expect("no exchange is left").stop().await;
    for (number, recorder) in recorders.into_iter().enumerate() {
        let (table, (name, _, (gets, seen))) = rows[number];
        let saw = how.joined(&text(&recorder.all().await)).replace(&host(number), "chat.example");
        check_seen(&format!("{table}: {name}"), gets, seen, &saw, how, &mut wrong);
    }
    wrong.none();
}

/// What was not as its row says; one row is no reason to leave out the others.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn unless(&mut self, right: bool, what: impl FnOnce() -> String) {
        if !right {
            self.0.push(what());
        }
    }

    fn none(self) {
        assert!(self.0.is_empty(), "{} wrong:\n{}", self.0.len(), self.0.join("\n"));
    }
}

fn check_seen(name: &str, gets: &str, seen: &str, saw: &str, how: All, wrong: &mut Wrong) {
    let probe = if gets.ends_with('…') { PROBE_SEEN } else { "" };
    if let Some(seen) = seen.strip_suffix('✂') {
        let right = saw.strip_suffix(probe).is_some_and(|saw| bytes(&how.joined(seen)).starts_with(&bytes(saw)));
        wrong.unless(right, || format!("{name}: the upstream saw {saw}"));
    } else {
        let ends_early = how.may_end_early(gets).is_some() && saw.is_empty();
        let right = ends_early || saw == how.joined(&format!("{seen}{probe}"));
        wrong.unless(right, || format!("{name}: the upstream saw {saw}"));
    }
}

/// The same with the data of chunks joined, `«` before it and `»` at its end.
fn without_chunks(text: &str) -> String {
    const CHUNKED: &str = "¶transfer-encoding: chunked¶¶";
    let Some(at) = text.find(CHUNKED) else { return text.to_owned() };
    let (head, mut rest) = text.split_at(at + CHUNKED.len());
    let mut joined = format!("{head}«");
    while let Some((size, after)) = rest.split_once('¶') {
        let size = usize::from_str_radix(size, 16).expect("a size of a chunk");
        let data = bytes(after);
        let (data, next) = data.split_at(size.min(data.len()));
        joined += &self::text(data);
        let next = self::text(next);
        let next = next.strip_prefix('¶').unwrap_or(&next);
        if size == 0 {
            return joined.replace("\r\n", "¶") + "»" + &without_chunks(next);
        }
        rest = &text[text.len() - next.len()..];
    }
    joined.replace("\r\n", "¶")
}

/// A gatepost with this many sites, each with a recorder behind it.
async fn gate_with_recorders(count: usize) -> (Gate, Vec<Recorder>) {
    let mut recorders = Vec::new();
    let mut sites = String::new();
    for number in 0..count {
        let recorder = Recorder::start().await;
        sites += &site(number, &recorder.to_string());
        recorders.push(recorder);
    }
    let gate = gate(sites).certificate(&certificate(count)).run().await;
    (gate, recorders)
}

/// For the hosts of this many rows.
fn certificate(count: usize) -> Identity {
    let hosts: Vec<String> = (0..count).map(host).collect();
    ca().leaf(&hosts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The host of a row: as long as `chat.example`, so that lengths hold.
fn host(number: usize) -> String {
    format!("c{number:03}.example")
}

fn site(number: usize, upstream: &str) -> String {
    format!(
        "[[site]]\nhosts = [\"{}\"]\nredirect_http = false\n[[site.route]]\npath = \"/\"\nproxy = \"http://{upstream}\"\n",
        host(number)
    )
}

/// Sends these bytes, ends, and reads to the end.
async fn exchange(gate: &Gate, bytes: &[u8], how: All) -> Vec<u8> {
    let mut wire = tcp(gate.http[0]).await;
    match how {
        All::AtOnce => {
            wire.send(bytes).await;
        }
        All::ByteByByte => {
            for byte in bytes {
                wire.send([*byte]).await;
                tokio::task::yield_now().await;
            }
        }
    }
    wire.finish().await;
    wire.rest().await
}

fn check_answers(rows: &[(&str, &Row)], (number, got): (usize, String), how: All, wrong: &mut Wrong) {
    let (table, (name, _, (gets, _))) = rows[number];
    let got = in_short(&got).replace("200 GET /probe", "…");
    let ends_early = how.may_end_early(gets).is_some_and(|early| got == early);
    wrong.unless(ends_early || got == gets.replace("¦ ", ""), || format!("{table}: {name}: the client gets {got}"));
}

/// Statuses, with the body where it is the recorder's.
fn in_short(answers: &str) -> String {
    let mut short = Vec::new();
    let mut rest = answers;
    while !rest.is_empty() {
        let (head, after) = rest.split_once("¶¶").unwrap_or((rest, ""));
        let status = head.split(' ').nth(1).unwrap_or(head);
        let length = head
            .split('¶')
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, length)| length.parse().expect("a length"));
        // An answer to HEAD has a length and no body.
        let length = if after.starts_with("HTTP/") { 0 } else { length };
        let end = after.char_indices().nth(length).map_or(after.len(), |(at, _)| at);
        let (body, next) = after.split_at(end);
        short.push(if status == "200" { format!("{status} {body}").trim_end().to_owned() } else { status.to_owned() });
        rest = next;
    }
    short.join(" ")
}

/// The bytes of a row.
fn bytes(row: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for character in row.chars() {
        match character {
            '¶' => bytes.extend_from_slice(b"\r\n"),
            other => bytes.push(u8::try_from(u32::from(other)).expect("a byte")),
        }
    }
    bytes
}

/// Bytes as a row has them.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect::<String>().replace("\r\n", "¶")
}
