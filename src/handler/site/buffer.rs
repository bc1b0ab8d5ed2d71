//! Buffers for reading files, used again by the thread that dropped them.
//!
//! A fresh buffer costs a clearing of every byte before the kernel fills it. One
//! that comes back was cleared long ago. No more than what was read into a
//! buffer is ever seen of it.

use std::cell::RefCell;
use std::mem;

use bytes::Bytes;

/// Bytes read at a time. Four TLS records; below it the calls show, above it the processor's cache.
pub(super) const CHUNK: usize = 64 * 1024;

/// Buffers that a thread keeps for the next reader: 1 MiB of them, what a few clients have in flight.
const KEPT: usize = 16;

thread_local! {
    static FREE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// `CHUNK` bytes to read into.
pub(super) struct Buffer {
    bytes: Box<[u8]>,
    filled: usize,
}

impl Buffer {
    /// A buffer with nothing in it.
    pub(super) fn take() -> Self {
        let bytes = FREE.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; CHUNK].into_boxed_slice());
        Self { bytes, filled: 0 }
    }

    /// The room for the first `len` bytes, at most `CHUNK`.
    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        let len = len.min(self.bytes.len());
        &mut self.bytes[..len]
    }

    /// The first `filled` bytes; the buffer goes back once they are dropped.
    pub(super) fn freeze(mut self, filled: usize) -> Bytes {
        self.filled = filled.min(self.bytes.len());
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = mem::take(&mut self.bytes);
        // A thread that is ending keeps nothing.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < KEPT {
                free.push(bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_and_shows_only_what_was_read() {
        let mut buffer = Buffer::take();
        buffer.room(6).copy_from_slice(b"secret");
        let address = buffer.room(1).as_ptr();
        drop(buffer.freeze(6));

        let mut again = Buffer::take();
        assert_eq!(again.room(1).as_ptr(), address);
        again.room(2).copy_from_slice(b"ok");
        assert_eq!(again.freeze(2), Bytes::from_static(b"ok"));
    }

    #[test]
    fn a_thread_keeps_no_more_than_it_may() {
        drop((0..2 * KEPT).map(|_| Buffer::take()).collect::<Vec<_>>());
        assert_eq!(FREE.with_borrow(Vec::len), KEPT);
    }
}
