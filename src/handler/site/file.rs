//! One file, open or in memory: its size and age, and its bytes as a body.
//!
//! What the kernel has in its cache is read on the spot; only what must come
//! from the disk goes to a thread that may block. A file that shrinks while it is
//! sent breaks the body off: nothing is made up for bytes that are gone.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::vec;

use bytes::Bytes;
use http::HeaderValue;
use http_body::{Body as HttpBody, Frame, SizeHint};
use rustix::fs::Stat;
use rustix::io::{Errno, ReadWriteFlags, pread, preadv2};
use tokio::task::JoinHandle;

use crate::body::BodyError;

use super::allow::{Refused, off_thread};
use super::buffer::{Buffer, CHUNK};
use super::encoding::Coding;
use super::shelf::{Kept, Stamp};

/// A regular file.
#[derive(Debug)]
pub(super) struct File {
    content: Content,
    size: u64,
    modified: Modified,
    stamp: Option<Stamp>,
}

#[derive(Debug)]
enum Content {
    Open(OwnedFd),
    Kept(Arc<Kept>),
}

/// When a file was last changed, to the nanosecond, before or after 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Modified {
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
}

impl Modified {
    #[allow(clippy::useless_conversion, reason = "the fields' types differ between platforms")]
    pub(super) fn of(stat: &Stat) -> Self {
        Self { seconds: i64::from(stat.st_mtime), nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or_default() }
    }

    /// The entity tag of that many bytes of this age (RFC 9110 section 8.8.3), in the coding in which they are
    /// stored; weak where a coding is made as they are sent.
    pub(super) fn tag(self, size: u64, stored: Option<Coding>, sent: Option<Coding>) -> HeaderValue {
        let Self { seconds, nanoseconds } = self;
        let weak = if stored.is_none() && sent.is_some() { "W/" } else { "" };
        let (hyphen, coding) = stored.or(sent).map_or(("", ""), |coding| ("-", coding.name()));
        let tag = format!("{weak}\"{seconds:x}.{nanoseconds:x}-{size:x}{hyphen}{coding}\"");
        HeaderValue::try_from(tag).expect("hexadecimal digits, and a coding's name")
    }

    /// To the second, as an HTTP date says it; none before 1970.
    pub(super) fn time(self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(self.seconds).ok()?))
    }

    /// The same, but not in the future (RFC 9110 section 8.8.2.1).
    pub(super) fn at_most(self, now: SystemTime) -> Option<SystemTime> {
        (self.seconds >= 0).then(|| self.time().map_or(now, |time| time.min(now)))
    }
}

impl File {
    pub(super) fn new(handle: OwnedFd, stat: &Stat) -> Self {
        Self {
            content: Content::Open(handle),
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: Modified::of(stat),
            stamp: None,
        }
    }

    /// One that its name alone led to, through no link: asking for the name tells whether it is still the same.
    pub(super) fn by_name(handle: OwnedFd, stat: &Stat) -> Self {
        Self { stamp: Some(Stamp::of(stat)), ..Self::new(handle, stat) }
    }

    /// One whose bytes are in memory.
    pub(super) fn kept(kept: Arc<Kept>) -> Self {
        Self {
            size: kept.bytes.len() as u64,
            modified: kept.stamp.modified,
            stamp: Some(kept.stamp),
            content: Content::Kept(kept),
        }
    }

    /// What is known of it beside its bytes, where they are in memory.
    pub(super) fn as_kept(&self) -> Option<&Arc<Kept>> {
        match &self.content {
            Content::Kept(kept) => Some(kept),
            Content::Open(_) => None,
        }
    }

    /// What tells it from every other state of its name, where a name alone led to it.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// In bytes, when it was opened.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn modified(&self) -> Modified {
        self.modified
    }

    pub(super) fn handle(&self) -> Option<&OwnedFd> {
        match &self.content {
            Content::Open(handle) => Some(handle),
            Content::Kept(_) => None,
        }
    }

    /// All of its bytes, if the disk need not be waited for.
    pub(super) fn read_at_once(&self) -> Option<Bytes> {
        let mut bytes = vec![0; usize::try_from(self.size).ok()?];
        fill(self.handle()?, &mut bytes, 0, Wait::Never).ok()?;
        Some(bytes.into())
    }

    /// Those bytes at once; meant for few.
    pub(super) async fn read(self, span: Range<u64>) -> Result<Bytes, Refused> {
        let length = usize::try_from(span.end.saturating_sub(span.start)).map_err(|_| Refused::from(Errno::FBIG))?;
        let handle = match self.content {
            Content::Open(handle) => handle,
            Content::Kept(kept) => return Ok(part(&kept.bytes, &span)),
        };
        let mut bytes = vec![0; length];
        match fill(&handle, &mut bytes, span.start, Wait::Never) {
            Ok(()) => Ok(bytes.into()),
            Err(Errno::AGAIN | Errno::OPNOTSUPP) => {
                off_thread(move || match fill(&handle, &mut bytes, span.start, Wait::ForDisk) {
                    Ok(()) => Ok(bytes.into()),
                    Err(errno) => Err(Refused::Broken(shrunk_or(errno))),
                })
                .await
            }
            Err(errno) => Err(Refused::Broken(shrunk_or(errno))),
        }
    }

    /// A body of these pieces, read as they are sent.
    pub(super) fn into_body(self, pieces: Vec<Piece>) -> FileBody {
        let left = pieces.iter().map(Piece::length).sum();
        let (handle, pieces) = match self.content {
            Content::Open(handle) => (Some(Arc::new(handle)), pieces),
            Content::Kept(kept) => (None, pieces.into_iter().map(|piece| piece.of(&kept.bytes)).collect()),
        };
        FileBody { handle, pieces: pieces.into_iter(), span: 0..0, left, in_cache: true, reading: None }
    }
}

/// What a body is made of.
#[derive(Debug)]
pub(super) enum Piece {
    /// These bytes.
    Text(Bytes),
    /// This part of the file.
    Span(Range<u64>),
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Self::Text(bytes) => bytes.len() as u64,
            Self::Span(span) => span.end.saturating_sub(span.start),
        }
    }

    /// The same piece of bytes that are in memory.
    fn of(self, bytes: &Bytes) -> Self {
        match self {
            Self::Span(span) => Self::Text(part(bytes, &span)),
            text @ Self::Text(_) => text,
        }
    }
}

/// The part of a file in memory, which is all of it: a span ends where the file does at the latest.
fn part(bytes: &Bytes, span: &Range<u64>) -> Bytes {
    let at = |offset: u64| usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()));
    let (start, end) = (at(span.start), at(span.end));
    bytes.slice(start.min(end)..end)
}

/// A file's bytes, read as they are sent, one buffer at a time.
pub(super) struct FileBody {
    /// None where all pieces are bytes already.
    handle: Option<Arc<OwnedFd>>,
    pieces: vec::IntoIter<Piece>,
    /// What is left of the span that is being read.
    span: Range<u64>,
    /// Bytes of the whole body that are still to be sent.
    left: u64,
    /// Whether to ask the cache first; some file systems cannot be asked.
    in_cache: bool,
    reading: Option<JoinHandle<(Buffer, rustix::io::Result<usize>)>>,
}

impl FileBody {
    /// The next bytes of the span.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let wanted = usize::try_from(self.span.end - self.span.start).map_or(CHUNK, |left| left.min(CHUNK));
        let Some(handle) = &self.handle else { return Poll::Ready(Err(shrunk())) };
        if self.reading.is_none() {
            let mut buffer = Buffer::take();
            if self.in_cache {
                match read_some(handle, buffer.room(wanted), self.span.start, Wait::Never) {
                    Ok(0) => return Poll::Ready(Err(shrunk())),
                    Ok(read) => return Poll::Ready(Ok(buffer.freeze(read))),
                    Err(Errno::AGAIN) => {}
                    Err(Errno::OPNOTSUPP) => self.in_cache = false,
                    Err(errno) => return Poll::Ready(Err(errno.into())),
                }
            }
            let (handle, at) = (Arc::clone(handle), self.span.start);
            self.reading = Some(tokio::task::spawn_blocking(move || {
                let read = read_some(&handle, buffer.room(wanted), at, Wait::ForDisk);
                (buffer, read)
            }));
        }
        let Some(reading) = self.reading.as_mut() else { return Poll::Pending };
        let done = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        Poll::Ready(match done {
            Ok((_, Ok(0))) => Err(shrunk()),
            Ok((buffer, Ok(read))) => Ok(buffer.freeze(read)),
            Ok((_, Err(errno))) => Err(errno.into()),
            Err(panicked) => Err(io::Error::other(panicked)),
        })
    }
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let body = self.get_mut();
        while body.span.is_empty() {
            match body.pieces.next() {
                None => return Poll::Ready(None),
                Some(Piece::Span(span)) => body.span = span,
                Some(Piece::Text(bytes)) => {
                    body.left -= bytes.len() as u64;
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
            }
        }
        Poll::Ready(Some(match ready!(body.poll_read(cx)) {
            Ok(bytes) => {
                body.span.start += bytes.len() as u64;
                body.left -= bytes.len() as u64;
                Ok(Frame::data(bytes))
            }
            Err(error) => Err(error.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Whether a read may wait for the disk.
#[derive(Clone, Copy)]
enum Wait {
    Never,
    ForDisk,
}

/// Reads as many bytes as there are at once; 0 at the file's end.
fn read_some(handle: &OwnedFd, into: &mut [u8], at: u64, wait: Wait) -> rustix::io::Result<usize> {
    loop {
        let read = match wait {
            Wait::Never => preadv2(handle, &mut [IoSliceMut::new(into)], at, ReadWriteFlags::NOWAIT),
            Wait::ForDisk => pread(handle, &mut *into, at),
        };
        match read {
            Err(Errno::INTR) => {}
            done => return done,
        }
    }
}

/// Reads until `into` is full; `Errno::NODATA` where the file ends before.
fn fill(handle: &OwnedFd, into: &mut [u8], at: u64, wait: Wait) -> rustix::io::Result<()> {
    let mut filled = 0;
    while filled < into.len() {
        match read_some(handle, &mut into[filled..], at + filled as u64, wait)? {
            0 => return Err(Errno::NODATA),
            read => filled += read,
        }
    }
    Ok(())
}

fn shrunk() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was being sent")
}

fn shrunk_or(errno: Errno) -> io::Error {
    if errno == Errno::NODATA { shrunk() } else { errno.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::io::Write;

    fn file(content: &[u8]) -> (std::fs::File, File) {
        let mut temporary = tempfile::tempfile().expect("a temporary file");
        temporary.write_all(content).expect("written");
        let handle = OwnedFd::from(temporary.try_clone().expect("a second handle"));
        let stat = rustix::fs::fstat(&handle).expect("its stat");
        (temporary, File::new(handle, &stat))
    }

    #[tokio::test]
    async fn pieces_come_in_order_and_are_counted() {
        let content: Vec<u8> = (0..200_000u32).map(|at| at.to_le_bytes()[1]).collect();
        let (_kept, file) = file(&content);
        let body = file.into_body(vec![
            Piece::Span(100_000..200_000),
            Piece::Text(Bytes::from_static(b"--")),
            Piece::Span(0..3),
        ]);
        assert_eq!(body.size_hint().exact(), Some(100_005));
        let sent = body.collect().await.expect("all of it").to_bytes();
        assert_eq!(sent, [&content[100_000..], b"--", &content[..3]].concat());
    }

    #[tokio::test]
    async fn a_file_that_shrinks_breaks_off() {
        let (kept, file) = file(&vec![7; 3 * CHUNK]);
        let mut body = file.into_body(vec![Piece::Span(0..3 * CHUNK as u64)]);
        let first = body.frame().await.expect("a frame").expect("no error").into_data().expect("data");
        assert_eq!(first.len(), CHUNK);
        kept.set_len(CHUNK as u64).expect("made shorter");
        let error = body.frame().await.expect("a frame").expect_err("no padding");
        assert!(error.to_string().contains("shorter"), "{error}");
    }

    #[tokio::test]
    async fn a_file_that_shrank_before_it_was_read_is_an_error() {
        let (kept, file) = file(b"four and more");
        kept.set_len(4).expect("made shorter");
        assert!(matches!(file.read(0..13).await, Err(Refused::Broken(_))));
    }

    #[test]
    fn an_http_date_is_neither_before_1970_nor_in_the_future() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let at = |seconds| Modified { seconds, nanoseconds: 5 }.at_most(now);
        assert_eq!(at(-1), None);
        assert_eq!(at(999), Some(UNIX_EPOCH + Duration::from_secs(999)));
        assert_eq!(at(2_000), Some(now));
        assert_eq!(at(i64::MAX), Some(now));
    }
}
