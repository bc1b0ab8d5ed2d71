//! HTTP/2 frame by frame, for what no client sends: floods, heads that never end, windows that never open.

use super::client::{Secured, Tls};
use super::gate::{CHAT, Gate};
use super::raw::Wire;

pub(crate) const DATA: u8 = 0x0;
pub(crate) const HEADERS: u8 = 0x1;
pub(crate) const PRIORITY: u8 = 0x2;
pub(crate) const RST_STREAM: u8 = 0x3;
pub(crate) const SETTINGS: u8 = 0x4;
pub(crate) const PING: u8 = 0x6;
pub(crate) const GOAWAY: u8 = 0x7;
pub(crate) const WINDOW_UPDATE: u8 = 0x8;
pub(crate) const CONTINUATION: u8 = 0x9;

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;

pub(crate) const NO_ERROR: u32 = 0x0;
pub(crate) const PROTOCOL_ERROR: u32 = 0x1;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 0xb;

/// A connection over which a test speaks HTTP/2 by itself.
pub(crate) struct Frames(pub(crate) Wire);

/// A frame as it came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// A frame to send.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a payload").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The block of a GET of `path` at `chat.example` (RFC 7541): indexed fields and two literals, nothing to remember.
pub(crate) fn get(path: &str) -> Vec<u8> {
    request(0x82, path)
}

/// The same of a POST.
pub(crate) fn post(path: &str) -> Vec<u8> {
    request(0x83, path)
}

fn request(method: u8, path: &str) -> Vec<u8> {
    let literal = |name: u8, value: &str| {
        let mut bytes = vec![name, u8::try_from(value.len()).expect("a short value")];
        bytes.extend_from_slice(value.as_bytes());
        bytes
    };
    // :method, :scheme https, :authority, :path.
    [vec![method, 0x87], literal(0x01, CHAT), literal(0x04, path)].concat()
}

impl Frames {
    /// The client's preface with settings of its own.
    pub(crate) async fn over(gate: &Gate, settings: &[u8]) -> Self {
        let mut frames = Self::silent(gate).await;
        frames.greet(settings).await;
        frames
    }

    /// The same over a connection that chose `h2`.
    pub(crate) async fn through(secured: Secured) -> Self {
        assert_eq!(secured.protocol().as_deref(), Some("h2"));
        let mut frames = Self(secured.wire());
        frames.greet(&[]).await;
        frames
    }

    /// A connection that agreed on HTTP/2 and has sent nothing yet.
    pub(crate) async fn silent(gate: &Gate) -> Self {
        Self(Tls::new().offering(&["h2"]).connect(gate.https[0], CHAT).await.expect("a TLS connection").wire())
    }

    async fn greet(&mut self, settings: &[u8]) {
        self.0.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        self.send(frame(SETTINGS, 0, 0, settings)).await;
        self.send(frame(SETTINGS, ACK, 0, &[])).await;
    }

    /// Sends; whether there was anybody to take it.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.send(bytes).await
    }

    /// Reads a frame; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let head = self.0.exactly(9).await.ok()?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        let payload = self.0.exactly(length).await.ok()?;
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// Reads until a frame of this kind, on this stream; fails at the end.
    pub(crate) async fn until(&mut self, kind: u8, stream: u32) -> Frame {
        while let Some(frame) = self.next().await {
            if (frame.kind, frame.stream) == (kind, stream) {
                return frame;
            }
            assert_ne!(frame.kind, GOAWAY, "{frame:?}");
        }
        panic!("the connection ended before frame {kind} on stream {stream}");
    }

    /// Reads to the end; the error code of the last GOAWAY, where one came.
    pub(crate) async fn end(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(frame) = self.next().await {
            if frame.kind == GOAWAY {
                code = frame.payload[4..8].try_into().ok().map(u32::from_be_bytes);
            }
        }
        code
    }

    /// Sends the same again and again until it is no longer taken, so many times at most; the code of the GOAWAY.
    pub(crate) async fn flood(&mut self, mut bytes: impl FnMut(u32) -> Vec<u8>, most: u32) -> Option<u32> {
        // In chunks, so that the other side reads while we write.
        for begin in (0..most).step_by(100) {
            let chunk: Vec<u8> = (begin..begin + 100).flat_map(&mut bytes).collect();
            if !self.send(chunk).await {
                break;
            }
        }
        self.end().await
    }
}
