//! What no HTTP/2 client sends, by the names that the attacks have.

use super::*;
use crate::support::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frames, HEADERS, PING, PRIORITY,
    PROTOCOL_ERROR, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, get, post,
};

const WHOLE: u8 = END_HEADERS | END_STREAM;

/// Streams that a client opens are odd.
fn stream(number: u32) -> u32 {
    2 * number + 1
}

/// Others are served as before.
async fn serves(gate: &Gate) {
    assert_eq!(gate.h2(CHAT).await.ask("GET https://chat.example/").await.text(), "here");
}

#[tokio::test]
async fn cve_2019_9512_9513_9515_frames_that_do_no_work_end_a_connection() {
    let gate = limited("http2_frames = 1000", None).run().await;
    let floods: [(&str, Vec<u8>); 6] = [
        ("ping", frame(PING, 0, 0, &[0; 8])),
        ("settings", frame(SETTINGS, 0, 0, &[])),
        ("priority", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16])),
        ("window update", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("unknown", frame(0x42, 0, 0, b"what?")),
        ("ping answers", frame(PING, ACK, 0, &[7; 8])),
    ];
    for (name, one) in &floods {
        let mut frames = Frames::over(&gate, &[]).await;
        assert_eq!(frames.flood(|_| one.clone(), 5000).await, Some(ENHANCE_YOUR_CALM), "{name}");
        serves(&gate).await;
    }
    until_refused(&gate, "http2_frames", floods.len() as u64).await;
    // Below the limit nobody is bothered: these are answered, every one.
    let mut frames = Frames::over(&gate, &[]).await;
    frames.send(frame(PING, 0, 0, &[1; 8]).repeat(900)).await;
    for _ in 0..900 {
        assert_eq!(frames.until(PING, 0).await.payload, [1; 8]);
    }
    let said = gate.process.stderr();
    assert!(!said.contains("never sent"), "no client writes our log: {said}");
}

#[tokio::test]
async fn cve_2023_44487_streams_that_are_reset_as_soon_as_they_are_open_end_a_connection() {
    let upstream = holding().await;
    let gate = limited("http2_resets = 100", Some(&upstream)).run().await;
    let rapid = |number: u32| {
        let cancel = frame(RST_STREAM, 0, stream(number), &8u32.to_be_bytes());
        [frame(HEADERS, WHOLE, stream(number), &get("/up/held")), cancel].concat()
    };
    let mut frames = Frames::over(&gate, &[]).await;
    assert_eq!(frames.flood(rapid, 5000).await, Some(ENHANCE_YOUR_CALM));
    serves(&gate).await;

    // The same with a pause in between, so that each has been handed over: h2 counts only those that were not.
    let mut frames = Frames::over(&gate, &[]).await;
    let mut sent = 0;
    for number in 0..500 {
        frames.send(frame(HEADERS, WHOLE, stream(number), &get("/up/held"))).await;
        // Its answer shows that what came before was read.
        frames.send(frame(PING, 0, 0, &[0; 8])).await;
        frames.until(PING, 0).await;
        if !frames.send(frame(RST_STREAM, 0, stream(number), &8u32.to_be_bytes())).await {
            break;
        }
        sent += 1;
        if sent > 100 {
            break;
        }
    }
    // A twentieth comes back every second: a slow machine lets a few more through.
    let rest = |number: u32| frame(RST_STREAM, 0, stream(number % 100), &8u32.to_be_bytes());
    assert_eq!(frames.flood(rest, 5000).await, Some(ENHANCE_YOUR_CALM));
    serves(&gate).await;
}

#[tokio::test]
async fn a_browser_that_leaves_a_page_is_no_flood() {
    let upstream = holding().await;
    let gate = limited("", Some(&upstream)).run().await;
    let mut frames = Frames::over(&gate, &[]).await;
    for number in 0..100 {
        frames.send(frame(HEADERS, WHOLE, stream(number), &get("/up/held"))).await;
    }
    upstream.head(100 - 1).await;
    for number in 0..100 {
        frames.send(frame(RST_STREAM, 0, stream(number), &8u32.to_be_bytes())).await;
    }
    frames.send(frame(HEADERS, WHOLE, stream(100), &get("/"))).await;
    frames.until(HEADERS, stream(100)).await;
}

#[tokio::test]
async fn cve_2024_27316_a_head_without_end_ends_a_connection() {
    let gate = limited("", None).run().await;
    for payload in [0, 1000] {
        let mut frames = Frames::over(&gate, &[]).await;
        frames.send(frame(HEADERS, 0, 1, &get("/"))).await;
        // A literal field that goes on and on.
        let code = frames.flood(|_| frame(CONTINUATION, 0, 1, &vec![0x82; payload]), 5000).await;
        assert!(matches!(code, Some(ENHANCE_YOUR_CALM | PROTOCOL_ERROR)), "{code:?}");
        serves(&gate).await;
    }
}

#[tokio::test]
async fn cve_2019_9518_data_without_content_ends_a_connection() {
    let upstream = holding().await;
    let gate = limited("", Some(&upstream)).run().await;
    let mut frames = Frames::over(&gate, &[]).await;
    frames.send(frame(HEADERS, END_HEADERS, 1, &post("/up/held"))).await;
    assert_eq!(frames.flood(|_| frame(DATA, 0, 1, &[]), 5000).await, Some(ENHANCE_YOUR_CALM));
    serves(&gate).await;
}

#[tokio::test]
async fn cve_2019_9516_fields_without_name_or_value_are_bounded_or_refused() {
    let gate = limited("", None).run().await;
    // Literal fields, never indexed, of no name and no value: three bytes each, for which 32 are counted.
    let mut frames = Frames::over(&gate, &[]).await;
    frames.send(frame(HEADERS, WHOLE, 1, &[get("/"), [0x10, 0x00, 0x00].repeat(4000)].concat())).await;
    frames.send(frame(PING, 0, 0, &[0; 8])).await;
    // Refused by stream or connection, and nothing of it stays.
    while let Some(frame) = frames.next().await {
        match frame.kind {
            PING => break,
            HEADERS => panic!("answered: {frame:?}"),
            _ => {}
        }
    }
    // No value alone is legal, and counted: 3000 fields are more than head_fields.
    let mut frames = Frames::over(&gate, &[]).await;
    let empty = [0x10, 0x01, b'x', 0x00].repeat(1500);
    frames.send(frame(HEADERS, WHOLE, 1, &[get("/"), empty].concat())).await;
    frames.until(HEADERS, 1).await;
    until_refused(&gate, "head_fields", 1).await;
    serves(&gate).await;
}

#[tokio::test]
async fn cve_2019_9511_9517_windows_that_stay_shut_or_open_byte_by_byte_hold_nothing_for_ever() {
    let gate = gate(format!(
        "[limits]\nsend_timeout = \"500ms\"\nhttp2_frames = 1000\n[admin]\nlisten = \"127.0.0.1:0\"\n[[site]]\n\
         hosts = [\"{CHAT}\"]\nredirect_http = false\n[[site.route]]\npath = \"/\"\nroot = \"www\"\n\
         [[site.route]]\npath = \"/fixed\"\nrespond = \"here\"\n"
    ))
    .with("www/large", vec![b'x'; 1 << 20])
    .run()
    .await;
    // SETTINGS_INITIAL_WINDOW_SIZE 0: nothing may be sent, and the streams are given up.
    let shut = [0, 4, 0, 0, 0, 0];
    let mut frames = Frames::over(&gate, &shut).await;
    for number in 0..50 {
        frames.send(frame(HEADERS, WHOLE, stream(number), &get("/large"))).await;
    }
    let mut given_up = 0;
    while given_up < 50 {
        let frame = frames.next().await.expect("the connection itself lives");
        given_up += usize::from(frame.kind == RST_STREAM);
    }
    // A byte at a time: each costs the client a frame.
    let mut frames = Frames::over(&gate, &shut).await;
    frames.send(frame(HEADERS, WHOLE, 1, &get("/large"))).await;
    let dribble = frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]);
    assert_eq!(frames.flood(|_| dribble.clone(), 20_000).await, Some(ENHANCE_YOUR_CALM));
    assert_eq!(gate.h2(CHAT).await.ask("GET https://chat.example/fixed").await.text(), "here");
}

#[tokio::test]
async fn more_streams_than_agreed_are_refused_one_by_one() {
    let upstream = holding().await;
    let gate = limited("http2_streams = 100", Some(&upstream)).run().await;
    let mut frames = Frames::over(&gate, &[]).await;
    for number in 0..110 {
        frames.send(frame(HEADERS, WHOLE, stream(number), &get("/up/held"))).await;
    }
    for number in 100..110 {
        let refusal = frames.until(RST_STREAM, stream(number)).await;
        assert_eq!(refusal.payload, 7u32.to_be_bytes(), "REFUSED_STREAM");
    }
    upstream.head(100 - 1).await;
}

#[tokio::test]
async fn answers_that_nobody_takes_share_what_memory_there_is_for_bodies() {
    let gate = gate(format!(
        "[limits]\nbody_memory = \"8MiB\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[[site]]\n\
         hosts = [\"{CHAT}\"]\nredirect_http = false\n[[site.route]]\npath = \"/\"\nroot = \"www\"\n"
    ))
    .with("www/large", vec![b'x'; 1 << 20])
    .run()
    .await;
    // SETTINGS_INITIAL_WINDOW_SIZE, and the connection's own window, as wide as they go.
    let wide = [0, 4, 0x7f, 0xff, 0xff, 0xff];
    let widest = frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0, 0]);
    let mut greedy = Vec::new();
    for _ in 0..8 {
        let mut frames = Frames::over(&gate, &wide).await;
        frames.send(&widest).await;
        for number in 0..32 {
            frames.send(frame(HEADERS, WHOLE, stream(number), &get("/large"))).await;
        }
        // Its answers have begun; nothing more of them is read.
        frames.until(HEADERS, stream(31)).await;
        greedy.push(frames);
    }
    let held = settled(&gate, "gatepost_answers_held_bytes").await;
    // Half of the memory is for what goes; a connection with nothing in hand gets a piece of a file beyond it.
    assert!(held > 1 << 20, "they have something to hold: {held}");
    assert!(held <= (4 << 20) + 8 * (64 << 10), "{held}");
    assert_eq!(gate.h2(CHAT).await.ask("GET https://chat.example/large").await.body.len(), 1 << 20);
    // Whoever reads gets all of it, in the end.
    let mut frames = greedy.pop().expect("one of them");
    let mut ended = 0;
    while ended < 32 {
        let frame = frames.next().await.expect("an open connection");
        ended += usize::from(frame.kind == DATA && frame.flags & END_STREAM != 0);
    }
    drop((frames, greedy));
    until_sample(&gate, "gatepost_answers_held_bytes", 0).await;
}
