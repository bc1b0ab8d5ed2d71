use std::time::Duration;

use super::*;

const PRIORITY: u8 = 0x2;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const PING: u8 = 0x6;
const WINDOW_UPDATE: u8 = 0x8;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a payload");
    [&length.to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// After the preface.
fn frames(resets: u32, frames: u32) -> Frames {
    let mut fresh = Frames::new(resets, frames);
    assert_eq!(fresh.read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0), Ok(()));
    fresh
}

/// How many of these it bears, at most 10,000.
fn bears(frames: &mut Frames, one: &[u8], taken: u64) -> usize {
    (0..10_000).take_while(|_| frames.read(one, taken).is_ok()).count()
}

#[tokio::test(start_paused = true)]
async fn each_kind_that_does_no_work_is_paid_for() {
    for (kind, payload, cost) in [
        (PING, 8, 1),
        (PRIORITY, 5, 1),
        (WINDOW_UPDATE, 4, 1),
        (SETTINGS, 0, 10),
        (0x42, 3, 1),
        (0x0, 0, 1),
        (0x9, 0, 1),
    ] {
        let mut frames = frames(10, 100);
        let one = frame(kind, 0, 0, &vec![0; payload]);
        assert_eq!(bears(&mut frames, &one, 0), 100 / cost, "kind {kind}");
        assert_eq!(frames.read(&one, 0), Err(Flood::Frames));
    }
    let mut frames = frames(10, 100);
    assert_eq!(bears(&mut frames, &frame(RST_STREAM, 0, 1, &[0; 4]), 0), 10);
    assert_eq!(frames.read(&frame(RST_STREAM, 0, 1, &[0; 4]), 0), Err(Flood::Resets));
}

#[tokio::test(start_paused = true)]
async fn requests_and_bodies_cost_nothing_and_pay_for_what_goes_with_them() {
    let mut frames = frames(10, 100);
    let (head, update) = (frame(0x1, 0x5, 1, b"head"), frame(WINDOW_UPDATE, 0, 1, &[0; 4]));
    for _ in 0..1000 {
        assert_eq!(frames.read(&[&head[..], &update, &update, &update, &update].concat(), 0), Ok(()));
    }
    assert_eq!(bears(&mut frames, &frame(0x0, 0, 1, &[0; 1000]), 0), 10_000);
    // A download: two for each 2 KiB.
    for part in 1..1000 {
        assert_eq!(frames.read(&[&update[..], &update].concat(), part * 2048), Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn time_fills_the_purse_again() {
    let mut frames = frames(20, 100);
    let (ping, reset) = (frame(PING, 0, 0, &[0; 8]), frame(RST_STREAM, 0, 1, &[0; 4]));
    assert_eq!((bears(&mut frames, &ping, 0), bears(&mut frames, &reset, 0)), (100, 20));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!((bears(&mut frames, &ping, 0), bears(&mut frames, &reset, 0)), (10, 10));
    tokio::time::advance(Duration::from_secs(1000)).await;
    assert_eq!((bears(&mut frames, &ping, 0), bears(&mut frames, &reset, 0)), (100, 20));
}

#[tokio::test(start_paused = true)]
async fn however_the_bytes_are_cut_the_same_is_counted() {
    let bytes = [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        &frame(SETTINGS, 0, 0, &[0; 12]),
        &frame(0x1, 0x4, 7, &[1; 300]),
        &frame(0x0, 0x1, 7, &[6; 5000]),
        &frame(PING, 0, 0, &[6; 8]),
    ]
    .concat();
    for size in [1, 2, 8, 9, 10, 24, 100, bytes.len()] {
        let mut frames = Frames::new(10, 100);
        for part in bytes.chunks(size) {
            assert_eq!(frames.read(part, 0), Ok(()));
        }
        assert_eq!((frames.idle.left, frames.last_stream, frames.pass, frames.filled), (93, 7, 0, 0), "{size}");
        assert_eq!(frames.farewell()[9..13], [0, 0, 0, 7]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_lasts_from_its_first_byte_to_the_end_of_its_fields() {
    let mut frames = frames(10, 100);
    assert!(!frames.is_in_head());
    frames.read(&frame(0x1, 0, 1, b"part"), 0).expect("no flood");
    assert!(frames.is_in_head(), "it has no END_HEADERS");
    frames.read(&frame(0x9, 0x4, 1, b"rest")[..11], 0).expect("no flood");
    assert!(frames.is_in_head(), "two bytes are still to come");
    frames.read(&frame(0x9, 0x4, 1, b"rest")[11..], 0).expect("no flood");
    assert!(!frames.is_in_head());
    frames.read(&frame(0x1, 0x4, 3, b"whole"), 0).expect("no flood");
    assert!(!frames.is_in_head());
}
