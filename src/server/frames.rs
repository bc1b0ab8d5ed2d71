//! HTTP/2's frames as a client sends them, by their heads alone: how many of them do no work.
//!
//! h2 answers every PING and SETTINGS, reads every PRIORITY, WINDOW_UPDATE and unknown frame, and carries out every
//! reset of a stream that it has handed over, however many come (CVE-2019-9511, -9512, -9513, -9515, -9517,
//! CVE-2023-44487). Here each of them is paid for out of a purse that fills by the second, by requests and by bytes
//! that the client takes; whoever empties it is sent away with ENHANCE_YOUR_CALM. What h2 bounds by itself (0.4.20)
//! is left to it: CONTINUATION (CVE-2024-27316), empty and tiny DATA (CVE-2019-9518), heads (CVE-2019-9516), streams
//! that are refused or reset before they are handed over.
//!
//! It looks at nine bytes of each frame, passes over the rest unread, and asks for the time only when a purse is empty.

use tokio::time::Instant;

/// The client's preface (RFC 9113 section 3.4) is no frame.
const PREFACE: u32 = 24;

/// A frame's head (RFC 9113 section 4.1).
const HEAD: usize = 9;

/// A request pays for as many frames beside it: Firefox sends WINDOW_UPDATE and PRIORITY with each.
const OF_A_REQUEST: u32 = 4;

/// So many bytes that a client has taken pay for a frame: some clients send two WINDOW_UPDATE for each DATA, which is
/// seldom smaller than 2 KiB.
const BYTES_A_FRAME: u64 = 1024;

/// New SETTINGS may change the window of every stream there is.
const OF_SETTINGS: u32 = 10;

/// What it counts, and where in a frame it is.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes to pass over: of the preface, or of a payload.
    pass: u32,
    greeted: bool,
    head: [u8; HEAD],
    filled: usize,
    /// A block of fields has begun and not ended.
    in_fields: bool,
    /// The payload that is passed over ends it.
    ends_fields: bool,
    last_stream: u32,
    taken: u64,
    idle: Purse,
    resets: Purse,
}

/// Which limit a client met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flood {
    /// `http2_resets`.
    Resets,
    /// `http2_frames`.
    Frames,
}

impl Frames {
    /// At the beginning of a connection, with as many resets and as many frames without content at once.
    pub(super) fn new(resets: u32, frames: u32) -> Self {
        Self {
            pass: PREFACE,
            greeted: false,
            head: [0; HEAD],
            filled: 0,
            in_fields: false,
            ends_fields: false,
            last_stream: 0,
            taken: 0,
            // A hundredth and a twentieth come back every second.
            idle: Purse::new(frames, 100),
            resets: Purse::new(resets, 20),
        }
    }

    /// What came; `taken` are the bytes that the client took so far.
    pub(super) fn read(&mut self, mut bytes: &[u8], taken: u64) -> Result<(), Flood> {
        let earned = (taken - self.taken) / BYTES_A_FRAME;
        if earned > 0 {
            self.taken += earned * BYTES_A_FRAME;
            self.idle.earn(u32::try_from(earned).unwrap_or(u32::MAX));
        }
        let mut met = Ok(());
        loop {
            let pass = bytes.len().min(self.pass as usize);
            // No more than `pass` itself.
            self.pass -= pass as u32;
            bytes = &bytes[pass..];
            if self.pass == 0 {
                self.greeted = true;
                if self.ends_fields {
                    (self.in_fields, self.ends_fields) = (false, false);
                }
            }
            if bytes.is_empty() {
                return met;
            }
            let part = bytes.len().min(HEAD - self.filled);
            self.head[self.filled..self.filled + part].copy_from_slice(&bytes[..part]);
            self.filled += part;
            bytes = &bytes[part..];
            if self.filled == HEAD {
                self.filled = 0;
                met = met.and(self.begin_frame());
            }
        }
    }

    /// Whether a head has begun and not ended.
    pub(super) fn is_in_head(&self) -> bool {
        self.in_fields
    }

    /// Whether the client's preface has come.
    pub(super) fn has_greeted(&self) -> bool {
        self.greeted
    }

    /// GOAWAY with ENHANCE_YOUR_CALM (RFC 9113 sections 6.8 and 7).
    pub(super) fn farewell(&self) -> [u8; 17] {
        let [a, b, c, d] = self.last_stream.to_be_bytes();
        [0, 0, 8, 7, 0, 0, 0, 0, 0, a, b, c, d, 0, 0, 0, 11]
    }

    fn begin_frame(&mut self) -> Result<(), Flood> {
        const END_STREAM: u8 = 0x1;
        const ACK: u8 = 0x1;
        const END_HEADERS: u8 = 0x4;
        let [a, b, c, kind, flags, s, t, u, v] = self.head;
        self.pass = u32::from_be_bytes([0, a, b, c]);
        match kind {
            // DATA: h2 counts those that are too small to be worth their head.
            0x0 if self.pass > 0 || flags & END_STREAM != 0 => Ok(()),
            // HEADERS, CONTINUATION.
            0x1 | 0x9 => {
                self.in_fields = true;
                self.ends_fields = flags & END_HEADERS != 0;
                if self.pass == 0 && self.ends_fields {
                    (self.in_fields, self.ends_fields) = (false, false);
                }
                if kind == 0x9 {
                    return self.pay(1);
                }
                self.last_stream = self.last_stream.max(u32::from_be_bytes([s & 0x7f, t, u, v]));
                self.idle.earn(OF_A_REQUEST);
                Ok(())
            }
            // RST_STREAM.
            0x3 if self.resets.pay(1) => Ok(()),
            0x3 => Err(Flood::Resets),
            // SETTINGS; h2 takes an acknowledgement only where one is due.
            0x4 if flags & ACK == 0 => self.pay(OF_SETTINGS),
            _ => self.pay(1),
        }
    }

    fn pay(&mut self, cost: u32) -> Result<(), Flood> {
        if self.idle.pay(cost) { Ok(()) } else { Err(Flood::Frames) }
    }
}

/// What a client may spend: fills by the second up to what it was.
#[derive(Debug)]
struct Purse {
    left: u32,
    most: u32,
    a_second: u32,
    since: Instant,
}

impl Purse {
    /// A full one, that fills within so many seconds.
    fn new(most: u32, seconds: u32) -> Self {
        Self { left: most, most, a_second: (most / seconds).max(1), since: Instant::now() }
    }

    fn earn(&mut self, more: u32) {
        self.left = self.left.saturating_add(more).min(self.most);
    }

    fn pay(&mut self, cost: u32) -> bool {
        if self.left < cost {
            let millis = self.since.elapsed().as_millis();
            let filled = millis.saturating_mul(self.a_second.into()) / 1000;
            if filled > 0 {
                self.since = Instant::now();
                self.earn(u32::try_from(filled).unwrap_or(u32::MAX));
            }
        }
        let can = self.left >= cost;
        if can {
            self.left -= cost;
        }
        can
    }
}

#[cfg(test)]
mod tests;
