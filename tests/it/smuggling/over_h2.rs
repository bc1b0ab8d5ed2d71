//! HTTP/2 on its way down to HTTP/1.1: fields, pseudo-fields and lengths that would mean something else there (RFC 9113
//! sections 8.1.1, 8.2 and 8.3).
//!
//! Parts of a request are parted by an empty line; the first are the fields of HEADERS, others say what they are. The
//! probe goes on the same connection once the row's stream has ended.

use tokio::task::JoinSet;

use super::{Row, Wrong, bytes, check_seen, gate_with_recorders, host, text};
use crate::support::client::Tls;
use crate::support::frames::Frames;
use crate::support::literals::{End, Part};

macro_rules! get {
    ($more:literal) => {
        concat!(":method: GET¶:scheme: https¶:authority: chat.example¶:path: /x", $more)
    };
}

macro_rules! post {
    ($more:literal) => {
        concat!(":method: POST¶:scheme: https¶:authority: chat.example¶:path: /x", $more)
    };
}

/// The stream is reset with PROTOCOL_ERROR; the connection lives.
const RESET: (&str, &str) = ("reset 1 …", "");

/// 400; the connection lives.
const BAD: (&str, &str) = ("400 …", "");

pub(super) const ROWS: &[Row] = &[
    ("plain", get!(""), ("200 GET /x …", "GET /x HTTP/1.1¶host: chat.example¶¶")),
    (
        "a body of unknown length goes up in chunks",
        post!("¶¶DATA hello"),
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶0¶¶"),
    ),
    (
        "a body of known length",
        post!("¶content-length: 5¶¶DATA hello"),
        ("200 POST /x …", "POST /x HTTP/1.1¶content-length: 5¶host: chat.example¶¶hello"),
    ),
    (
        "a GET with a body of unknown length: it goes up whole",
        get!("¶¶DATA hello"),
        ("200 GET /x …", "GET /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶0¶¶"),
    ),
    (
        "a GET whose body turns out empty",
        get!("¶¶DATA "),
        ("200 GET /x …", "GET /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶0¶¶"),
    ),
    (
        "data like a request is data",
        post!("¶content-length: 24¶¶DATA GET /smuggled HTTP/1.1¶"),
        ("200 POST /x …", "POST /x HTTP/1.1¶content-length: 24¶host: chat.example¶¶GET /smuggled HTTP/1.1¶"),
    ),
    (
        "H2.CL: a length of zero before data",
        post!("¶content-length: 0¶¶DATA GET /smuggled HTTP/1.1"),
        ("reset 1 …", "POST /x HTTP/1.1¶content-length: 0¶host: chat.example¶¶✂"),
    ),
    (
        "H2.CL: a length shorter than the data",
        post!("¶content-length: 3¶¶DATA hello"),
        ("reset 1 …", "POST /x HTTP/1.1¶content-length: 3¶host: chat.example¶¶✂"),
    ),
    (
        "a length longer than the data",
        post!("¶content-length: 54¶¶DATA hello"),
        ("reset 1 …", "POST /x HTTP/1.1¶content-length: 54¶host: chat.example¶¶✂"),
    ),
    ("a length and no data", post!("¶content-length: 5"), RESET),
    ("a length and no data, of a GET", get!("¶content-length: 5"), RESET),
    ("two lengths that differ", post!("¶content-length: 5¶content-length: 54¶¶DATA hello"), RESET),
    ("twice the same length", post!("¶content-length: 5¶content-length: 5¶¶DATA hello"), BAD),
    ("twice the same length, of a GET", get!("¶content-length: 0¶content-length: 0"), BAD),
    ("a list of lengths", post!("¶content-length: 5, 5¶¶DATA hello"), RESET),
    ("a length with a plus", post!("¶content-length: +5¶¶DATA hello"), RESET),
    ("a length with a zero before it", post!("¶content-length: 05¶¶DATA hello"), BAD),
    ("an empty length", post!("¶content-length: "), BAD),
    ("a length with a blank", post!("¶content-length:  5¶¶DATA hello"), RESET),
    ("a length with an underscore", post!("¶content_length: 54¶content-length: 5¶¶DATA hello"), BAD),
    ("a coding with an underscore", post!("¶transfer_encoding: chunked¶¶DATA hello"), BAD),
    ("H2.TE", post!("¶transfer-encoding: chunked¶¶DATA 0\r\n\r\nGET /smuggled HTTP/1.1"), RESET),
    ("a coding beside a length", post!("¶content-length: 5¶transfer-encoding: chunked¶¶DATA hello"), RESET),
    ("a coding in capitals", post!("¶Transfer-Encoding: chunked¶¶DATA hello"), ("gone 1", "")),
    ("Connection", get!("¶connection: keep-alive"), RESET),
    ("Connection that would take a field out", get!("¶connection: x-forwarded-for"), RESET),
    ("Keep-Alive", get!("¶keep-alive: timeout=5"), RESET),
    ("Proxy-Connection", get!("¶proxy-connection: keep-alive"), RESET),
    ("Upgrade", get!("¶upgrade: websocket"), RESET),
    ("TE of something else", get!("¶te: chunked"), RESET),
    ("TE of trailers and something else", get!("¶te: trailers, chunked"), RESET),
    (
        "TE: trailers, which does not go up",
        get!("¶te: trailers"),
        ("200 GET /x …", "GET /x HTTP/1.1¶host: chat.example¶¶"),
    ),
    ("CR LF in a value", get!("¶a: b\r\ntransfer-encoding: chunked"), ("gone 1", "")),
    ("CR LF CR LF and a request in a value", get!("¶a: b\r\n\r\nGET /smuggled HTTP/1.1\r\na: b"), ("gone 1", "")),
    ("LF in a value", get!("¶a: b\nc: d"), ("gone 1", "")),
    ("CR in a value", get!("¶a: b\rc: d"), ("gone 1", "")),
    ("NUL in a value", get!("¶a: b\0c"), ("gone 1", "")),
    ("CR LF in a name", get!("¶a\r\nb: c"), ("gone 1", "")),
    ("a colon in a name", get!("¶a:b: c"), ("gone 1", "")),
    ("a blank in a name", get!("¶transfer-encoding : chunked"), ("gone 1", "")),
    ("an empty name", get!("¶: a"), ("gone 1", "")),
    ("a blank before a value", get!("¶a:  b"), BAD),
    ("a tab after a value", get!("¶a: b\t"), BAD),
    ("a name in capitals", get!("¶A: b"), ("gone 1", "")),
    (
        "CR LF in :path",
        ":method: GET¶:scheme: https¶:authority: chat.example¶:path: /x HTTP/1.1\r\nhost: evil.example\r\n\r\n",
        RESET,
    ),
    ("a blank in :path", ":method: GET¶:scheme: https¶:authority: chat.example¶:path: /x HTTP/1.1", RESET),
    ("a tab in :path", ":method: GET¶:scheme: https¶:authority: chat.example¶:path: /x\tHTTP/1.1", RESET),
    ("NUL in :path", ":method: GET¶:scheme: https¶:authority: chat.example¶:path: /x\0", RESET),
    ("a DEL in :path", ":method: GET¶:scheme: https¶:authority: chat.example¶:path: /x\u{7f}", RESET),
    ("an empty :path", ":method: GET¶:scheme: https¶:authority: chat.example¶:path: ", RESET),
    ("no :path", ":method: GET¶:scheme: https¶:authority: chat.example", RESET),
    ("a :path without a slash", ":method: GET¶:scheme: https¶:authority: chat.example¶:path: x", RESET),
    (
        ":path of a whole URL",
        ":method: GET¶:scheme: https¶:authority: chat.example¶:path: http://evil.example/x",
        RESET,
    ),
    (":path of an asterisk", ":method: GET¶:scheme: https¶:authority: chat.example¶:path: *", BAD),
    (
        "a fragment in :path, which ends there for everybody",
        ":method: GET¶:scheme: https¶:authority: chat.example¶:path: /x#/../y",
        ("200 GET /x …", "GET /x HTTP/1.1¶host: chat.example¶¶"),
    ),
    ("two :path", get!("¶:path: /y"), RESET),
    ("two :method", get!("¶:method: POST"), RESET),
    ("two :authority", get!("¶:authority: evil.example"), RESET),
    ("a pseudo-field after a field", ":method: GET¶:scheme: https¶a: b¶:authority: chat.example¶:path: /x", RESET),
    ("an unknown pseudo-field", get!("¶:host: evil.example"), ("gone 1", "")),
    (":status in a request", get!("¶:status: 200"), RESET),
    ("no :method", ":scheme: https¶:authority: chat.example¶:path: /x", RESET),
    ("no :scheme", ":method: GET¶:authority: chat.example¶:path: /x", RESET),
    (
        "a :scheme with a host in it",
        ":method: GET¶:scheme: https://evil.example/?¶:authority: chat.example¶:path: /x",
        RESET,
    ),
    ("CR LF in :scheme", ":method: GET¶:scheme: https\r\na: b¶:authority: chat.example¶:path: /x", RESET),
    (
        "CR LF in :method",
        ":method: GET /smuggled HTTP/1.1\r\na: b¶:scheme: https¶:authority: chat.example¶:path: /x",
        ("gone 1", ""),
    ),
    (
        "a blank in :method",
        ":method: GET /smuggled HTTP/1.1¶:scheme: https¶:authority: chat.example¶:path: /x",
        ("gone 1", ""),
    ),
    ("CR LF in :authority", ":method: GET¶:scheme: https¶:authority: chat.example\r\na: b¶:path: /x", RESET),
    ("a path in :authority", ":method: GET¶:scheme: https¶:authority: chat.example/x¶:path: /x", RESET),
    ("a person in :authority", ":method: GET¶:scheme: https¶:authority: evil.example@chat.example¶:path: /x", BAD),
    ("another host", get!("¶host: evil.example"), BAD),
    ("the same host", get!("¶host: chat.example"), ("200 GET /x …", "GET /x HTTP/1.1¶host: chat.example¶¶")),
    ("two hosts", get!("¶host: chat.example¶host: chat.example"), BAD),
    (
        "a host alone",
        ":method: GET¶:scheme: https¶:path: /x¶host: chat.example",
        ("200 GET /x …", "GET /x HTTP/1.1¶host: chat.example¶¶"),
    ),
    ("no host at all", ":method: GET¶:scheme: https¶:path: /x", BAD),
    (
        "cookies in crumbs become one",
        get!("¶cookie: a=1¶cookie: b=2"),
        ("200 GET /x …", "GET /x HTTP/1.1¶cookie: a=1; b=2¶host: chat.example¶¶"),
    ),
    (
        "trailers, which are dropped",
        post!("¶¶DATA hello¶¶HEADERS content-length: 54¶host: evil.example¶a: b"),
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶0¶¶"),
    ),
    ("CONNECT to anywhere", ":method: CONNECT¶:authority: chat.example:80", ("405 …", "")),
    (
        "CONNECT with a path and no protocol",
        ":method: CONNECT¶:scheme: https¶:authority: chat.example¶:path: /x",
        RESET,
    ),
    (":protocol of a GET", get!("¶:protocol: websocket"), RESET),
    (
        ":protocol of something that nobody takes",
        ":method: CONNECT¶:protocol: h2c¶:scheme: https¶:authority: chat.example¶:path: /x",
        ("405 …", ""),
    ),
];

#[tokio::test]
async fn what_comes_by_http_2_is_one_request_of_http_1_or_none() {
    let (gate, recorders) = gate_with_recorders(ROWS.len()).await;
    let (mut going, mut wrong) = (JoinSet::new(), Wrong::default());
    for (number, (_, sends, _)) in ROWS.iter().enumerate() {
        let tls = Tls::new().offering(&["h2"]);
        let address = gate.https[0];
        going.spawn(async move {
            let secured = tls.connect(address, &host(number)).await.expect("a TLS connection");
            let mut frames = Frames::through(secured).await;
            let mut got = in_short(frames.ask(1, &parts(&sends.replace("chat.example", &host(number)))).await);
            if !got.starts_with("gone") {
                let probe = get!("").replace("/x", "/probe").replace("chat.example", &host(number));
                let probed = in_short(frames.ask(3, &parts(&probe)).await);
                got = format!("{got} {}", probed.replace("200 GET /probe", "…"));
            }
            (number, got)
        });
        if going.len() >= 8
            && let Some(done) = going.join_next().await
        {
            check_answer(done.expect("an exchange"), &mut wrong);
        }
    }
    while let Some(done) = going.join_next().await {
        check_answer(done.expect("an exchange"), &mut wrong);
    }
    gate.stop().await;
    for (number, recorder) in recorders.into_iter().enumerate() {
        let (name, _, (gets, seen)) = ROWS[number];
        let saw = text(&recorder.all().await).replace(&host(number), "chat.example");
        check_seen(name, gets, seen, &saw, super::All::AtOnce, &mut wrong);
    }
    wrong.none();
}

fn check_answer((number, got): (usize, String), wrong: &mut Wrong) {
    let (name, _, (gets, _)) = ROWS[number];
    wrong.unless(got == gets, || format!("{name}: the client gets {got}"));
}

fn parts(row: &str) -> Vec<Part> {
    row.split("¶¶")
        .enumerate()
        .map(|(index, part)| match (index, part.strip_prefix("DATA "), part.strip_prefix("HEADERS ")) {
            (0, ..) => Part::Fields(fields(part)),
            (_, Some(data), _) => Part::Data(bytes(data)),
            (_, _, Some(trailers)) => Part::Fields(fields(trailers)),
            _ => panic!("neither DATA nor HEADERS: {part}"),
        })
        .collect()
}

fn fields(lines: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    lines
        .split('¶')
        .map(|line| {
            // The colon of a pseudo-field's name is none that ends it.
            let at = line.char_indices().skip(1).find(|(at, _)| line[*at..].starts_with(": ")).map_or(0, |(at, _)| at);
            (bytes(&line[..at]), bytes(&line[at + 2..]))
        })
        .collect()
}

fn in_short(end: End) -> String {
    match end {
        End::Answer(200, body) => format!("200 {}", text(&body)).trim_end().to_owned(),
        End::Answer(status, _) => status.to_string(),
        End::Reset(code) => format!("reset {code}"),
        End::Gone(code) => format!("gone {code}"),
    }
}
