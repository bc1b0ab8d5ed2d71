//! Which part of which message the next byte belongs to, however the reads cut them.

use super::chunks::{self, Chunks};
use super::head::{Body, Head, Line, Why};

/// What is to be done with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All of them are in order so far.
    Pass,
    /// From this one on they are not, and nothing that follows is to be believed.
    Refuse(usize, Why),
    /// From this one on they are to wait for [`Judge::go_on`]: a request before them would switch protocols.
    Hold(usize),
}

/// Follows the requests of one connection.
#[derive(Debug, Default)]
pub struct Judge {
    at: At,
    head: Head,
    /// The beginning of a line, where a read has cut it. At most a head's largest size: hyper gives up there.
    line: Vec<u8>,
    heads: u64,
}

#[derive(Debug, Default)]
enum At {
    /// In a head, or before one.
    #[default]
    Head,
    /// In a body of which this many bytes are left.
    Body(u64),
    Chunks(Chunks),
    /// Behind a head that would switch protocols.
    Switch,
}

impl Judge {
    /// Heads that came whole.
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether what follows is held.
    pub fn waits(&self) -> bool {
        matches!(self.at, At::Switch)
    }

    /// Whether the next byte is a head's, or comes before one.
    #[cfg(any(test, fuzzing))]
    pub(super) fn is_in_head(&self) -> bool {
        matches!(self.at, At::Head)
    }

    /// Protocols were not switched: what follows is the next request.
    pub fn go_on(&mut self) {
        self.at = At::Head;
    }

    /// Judges the bytes that come next.
    pub fn judge(&mut self, bytes: &[u8]) -> Verdict {
        let mut at = 0;
        while at < bytes.len() {
            match &mut self.at {
                At::Head => match self.judge_head(&bytes[at..]) {
                    Ok(count) => at += count,
                    Err((count, why)) => return Verdict::Refuse(at + count, why),
                },
                At::Body(left) => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    *left -= count as u64;
                    at += count;
                    if *left == 0 {
                        self.at = At::Head;
                    }
                }
                At::Chunks(chunks) => match chunks.read(&bytes[at..]) {
                    chunks::Read::All => return Verdict::Pass,
                    chunks::Read::End(count) => {
                        at += count;
                        self.at = At::Head;
                    }
                    chunks::Read::Bad(count) => return Verdict::Refuse(at + count, Why::Chunk),
                },
                At::Switch => return Verdict::Hold(at),
            }
        }
        Verdict::Pass
    }

    /// Reads to the end of the head or of the bytes; how many that were, or how many stand before the line that is wrong.
    fn judge_head(&mut self, bytes: &[u8]) -> Result<usize, (usize, Why)> {
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let line: &[u8] = if self.line.is_empty() {
                &bytes[begin..end]
            } else {
                self.line.extend_from_slice(&bytes[begin..end]);
                &self.line
            };
            let read = self.head.read(line).map_err(|why| (begin, why))?;
            if !self.line.is_empty() {
                self.line = Vec::new();
            }
            begin = end + 1;
            if let Line::End(body) = read {
                self.heads += 1;
                self.at = match body {
                    Body::None => At::Head,
                    Body::Length(length) => At::Body(length),
                    Body::Chunks => At::Chunks(Chunks::default()),
                    Body::Switch => At::Switch,
                };
                return Ok(begin);
            }
        }
        self.line.extend_from_slice(&bytes[begin..]);
        Ok(bytes.len())
    }
}
