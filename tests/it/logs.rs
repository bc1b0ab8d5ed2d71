//! Station 6: what is written down, and what never is.

use crate::support::gate::{CHAT, gate, proxying};
use crate::support::raw::{message, ok};
use crate::support::upstream::{Upstream, switching};

const RESPOND: &str =
    "[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\nrespond = \"here\"\nstatus = 200\n";

#[tokio::test]
async fn a_line_is_apaches_combined_format() {
    let mut gate = gate(RESPOND).run().await;
    gate.tls(CHAT)
        .await
        .ask("GET /a%20b?c=d HTTP/1.1\nHost: chat.example\nReferer: https://from.example/\nUser-Agent: Agent/1 \"x\"")
        .await;
    let line = gate.process.prints("/a%20b").await;
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    assert!(line.contains("\"GET /a%20b?c=d HTTP/1.1\" 200 4 \"https://from.example/\" "), "{line}");
    assert!(line.ends_with("\"Agent/1 \\\"x\\\"\""), "a quote is escaped as Apache escapes it: {line}");
}

#[tokio::test]
async fn nothing_that_a_client_sends_makes_a_second_line_or_an_escape_sequence() {
    let mut gate = gate(RESPOND).run().await;
    let mut wire = gate.tls(CHAT).await;
    wire.send(b"GET /bytes HTTP/1.1\r\nHost: chat.example\r\nUser-Agent: \x80\x9b31mred\xff\t\"\\\r\n\r\n").await;
    wire.answer().await;
    let line = gate.process.prints("/bytes").await;
    assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
    assert_eq!(gate.process.stdout().lines().count(), 1);
}

#[tokio::test]
async fn the_json_form_has_the_request_id_the_upstreams_time_and_the_bytes() {
    let upstream = Upstream::answering(|_| ok("12345")).await;
    let mut gate = proxying(&upstream, "").log("format = \"json\"").run().await;
    gate.h2(CHAT).await.ask("GET https://chat.example/json?x=1\nuser-agent: a\"b").await;
    let line = gate.process.prints("/json").await;
    let entry: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let text = entry.to_string();
    assert!(text.contains("chat.example") && text.contains("200"), "{text}");
    let object = entry.as_object().expect("an object");
    for part in ["id", "upstream", "bytes"] {
        assert!(object.keys().any(|key| key.contains(part)), "no {part} in {line}");
    }
}

#[tokio::test]
async fn it_can_go_to_a_file_or_nowhere() {
    let gate_off = gate(RESPOND).log("access = \"off\"").run().await;
    assert_eq!(gate_off.get("/unlogged").await.status(), 200);
    let outcome = gate_off.stop().await;
    assert!(!outcome.stdout.contains("/unlogged") && !outcome.stderr.contains("/unlogged"));

    let builder = gate(RESPOND).log("access = \"access.log\"");
    let path = builder.folder().join("access.log");
    let gate_file = builder.run().await;
    assert_eq!(gate_file.get("/in-a-file").await.status(), 200);
    let folder = gate_file.stop_keeping_folder().await;
    let log = std::fs::read_to_string(&path).expect("the file");
    assert!(log.contains("/in-a-file"), "{log}");
    drop(folder);
}

#[tokio::test]
async fn tokens_cookies_and_meeting_queries_are_in_no_log_at_any_level() {
    let upstream = Upstream::answering(|request| match request.has("upgrade") {
        true => switching(request),
        false => message(
            "HTTP/1.1 302 Found\nLocation: https://8x8.vc/a/r?jwt=SECRET-location\nSet-Cookie: MMAUTHTOKEN=SECRET-set\nToken: SECRET-token",
            "",
        ),
    })
    .await;
    for format in ["combined", "json"] {
        let mut gate = proxying(&upstream, "").log(&format!("format = \"{format}\"\nlevel = \"trace\"")).run().await;
        let fields = "Host: chat.example\nCookie: MMAUTHTOKEN=SECRET-cookie\nAuthorization: Bearer SECRET-bearer\n\
                      Referer: https://chat.example/jitsi/r?jwt=SECRET-referer\nX-CSRF-Token: SECRET-csrf";
        for target in [
            "/one?jwt=SECRET-query",
            "/two?x=1&jwt=SECRET-second&y=2",
            "/three?access_token=SECRET-access",
            "/four?JWT=SECRET-upper",
            "/five?%6awt=SECRET-encoded",
        ] {
            gate.tls(CHAT).await.ask(&format!("GET {target} HTTP/1.1\n{fields}")).await;
        }
        gate.h2(CHAT).await.ask("GET https://chat.example/six?jwt=SECRET-h2\ncookie: MMAUTHTOKEN=SECRET-h2").await;
        // Refused ones are logged elsewhere.
        gate.tls(CHAT)
            .await
            .ask(&format!("GET /seven?jwt=SECRET-421 HTTP/1.1\n{}", fields.replace(CHAT, "evil.example")))
            .await;
        gate.tls(CHAT).await.ask("GET /x/../..?jwt=SECRET-400 HTTP/1.1\nHost: chat.example\nHost: x").await;
        let mut wire = gate.plain().await;
        wire.ask(&format!("GET /last?jwt=SECRET-plain HTTP/1.1\n{fields}")).await;
        gate.process.prints("/last").await;
        let outcome = gate.stop().await;
        for log in [&outcome.stdout, &outcome.stderr] {
            let told = log.lines().find(|line| line.contains("SECRET"));
            assert_eq!(told, None, "{format}");
        }
    }
}

#[tokio::test]
async fn the_id_on_an_error_page_is_in_the_access_log_too() {
    let mut gate = gate(RESPOND).log("format = \"json\"").run().await;
    let answer = gate.tls(CHAT).await.ask("GET /wrong HTTP/1.1\nHost: evil.example\nAccept: application/json").await;
    let id = answer.json()["request_id"].as_str().expect("an id").to_owned();
    assert!(gate.process.prints("/wrong").await.contains(&id));
}
