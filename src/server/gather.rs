//! Small writes, gathered until everybody who is ready has written: fewer records, fewer system calls.
//!
//! HTTP/2 flushes after each DATA frame, so that a hundred answers that are ready at once
//! would be a hundred TLS records and as many writes. What is flushed waits for one more
//! turn of its task; by then whatever else was ready has been written as well.
//!
//! It holds [`MOST`] bytes at most, none while nothing is to be sent, and passes large
//! writes by.

use std::io::IoSlice;

/// What one connection may hold back, in bytes: two TLS records of the largest size.
const MOST: usize = 32 * 1024;

/// A write of this size, in bytes, is worth a system call by itself, and not worth a copy.
const LARGE: usize = 8 * 1024;

/// What is held back.
#[derive(Debug, Default)]
pub(super) struct Gather {
    on: bool,
    bytes: Vec<u8>,
    sent: usize,
    /// All was written, and may still lie in TLS's own buffer.
    unflushed: bool,
    /// The client takes nothing for now: its taking wakes the task, and nothing else need.
    blocked: bool,
}

impl Gather {
    /// Gathers from now on.
    pub(super) fn turn_on(&mut self) {
        self.on = true;
    }

    /// Whether writes are gathered at all.
    pub(super) fn is_on(&self) -> bool {
        self.on
    }

    /// Whether this must go by itself, once nothing is held back any more.
    pub(super) fn passes_by(&self, count: usize) -> bool {
        count >= LARGE
    }

    /// Whether so many bytes more may be held back.
    pub(super) fn has_room(&self, count: usize) -> bool {
        self.bytes.len() + count <= MOST
    }

    /// Holds back a write.
    pub(super) fn push(&mut self, bufs: &[IoSlice<'_>]) {
        for buf in bufs {
            self.bytes.extend_from_slice(buf);
        }
    }

    /// Whether anything has yet to reach the socket.
    pub(super) fn is_owing(&self) -> bool {
        self.unflushed || !self.bytes.is_empty()
    }

    /// Notes that all of it has reached the socket.
    pub(super) fn flushed(&mut self) {
        self.unflushed = false;
    }

    /// Whether the last attempt at sending came to a halt.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Notes how an attempt at sending went.
    pub(super) fn set_blocked(&mut self, blocked: bool) {
        self.blocked = blocked;
    }

    /// What is to be sent next.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Notes what was sent; nothing is kept once all is.
    pub(super) fn advance(&mut self, count: usize) {
        self.sent += count;
        self.unflushed = true;
        if self.sent >= self.bytes.len() {
            self.bytes = Vec::new();
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_back_is_bounded_comes_out_in_order_and_leaves_nothing_behind() {
        let mut gather = Gather::default();
        gather.push(&[IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"c")]);
        gather.push(&[IoSlice::new(b"d")]);
        assert_eq!(gather.rest(), b"abcd");
        gather.advance(3);
        assert_eq!(gather.rest(), b"d");
        assert!(gather.has_room(MOST - 4) && !gather.has_room(MOST - 3));
        gather.advance(1);
        assert!(gather.rest().is_empty() && gather.bytes.capacity() == 0);
        assert!(gather.is_owing(), "it may lie in TLS's own buffer");
        gather.flushed();
        assert!(!gather.is_owing());
        assert!(gather.passes_by(LARGE) && !gather.passes_by(LARGE - 1));
    }
}
