//! One thread that writes the access log, so that a slow disk holds up no worker.
//!
//! Workers hand over whole lines in chunks. When the disk cannot keep up or is full, lines
//! are dropped, counted and reported, once when it begins and once when it is over; a worker
//! never waits.
//!
//! A file may be exchanged for another one, or for itself at its path after somebody moved
//! it, while lines come in: none is lost, and what began before is written to the new one.
//! Two processes may append to one file, as they do while one follows the other: each chunk is
//! whole lines and one write.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use thiserror::Error;

use crate::config::model::AccessLog;

use super::seldom::Seldom;

/// Chunks that may wait for the disk: with 32 KiB each, 8 MiB at most.
const WAITING: usize = 256;

/// The access log cannot be opened.
#[derive(Debug, Error)]
#[error("cannot open the access log {}{}", path.display(), mend(path, source))]
pub struct OpenError {
    path: PathBuf,
    source: io::Error,
}

/// What to do about it, where the cause is one of the usual ones.
fn mend(path: &Path, error: &io::Error) -> String {
    match (error.kind(), path.parent()) {
        (io::ErrorKind::NotFound, Some(folder)) => format!("; make its folder: `mkdir -p {}`", folder.display()),
        (io::ErrorKind::IsADirectory, _) => "; name a file in that folder".into(),
        (io::ErrorKind::PermissionDenied, _) => "; let the user that gatepost runs as write there".into(),
        _ => String::new(),
    }
}

/// The writing thread; ends when it and every [`Sink`] are gone.
#[derive(Debug)]
pub struct Writer {
    thread: JoinHandle<()>,
    sink: Sink,
}

/// Where a worker hands its lines over.
#[derive(Debug, Clone)]
pub struct Sink {
    chunks: SyncSender<Work>,
    /// Lines for which there was no room, until the thread has said so.
    lost: Arc<AtomicU64>,
}

/// Lines that were lost since the start.
static LOST: AtomicU64 = AtomicU64::new(0);

/// A disk that is too slow is so for each chunk.
static SLOW: Seldom = Seldom::new();

/// Lines of the access log that could not be written since the start.
pub fn lines_lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// An opened log, to be written from now on.
#[derive(Debug)]
pub struct Target(File);

/// What the thread is asked for, in this order.
enum Work {
    Lines(Vec<u8>),
    Turn(Target),
}

/// The thread is held up by a file system, so that nothing more can be asked of it for now.
#[derive(Debug, Error)]
#[error("the access log cannot be exchanged while its disk does not answer; is the file system full or gone?")]
pub struct Busy;

impl Target {
    /// Opens a log; `None` where it is off.
    ///
    /// # Errors
    /// Where the file cannot be opened for appending.
    pub fn open(log: &AccessLog) -> Result<Option<Self>, OpenError> {
        match log {
            AccessLog::Off => Ok(None),
            AccessLog::Stdout => stdout().map(|file| Some(Self(file))),
            AccessLog::File(path) => open(path).map(|file| Some(Self(file))),
        }
    }
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where there is no thread to be had.
    pub fn start(target: Target) -> Result<Self, OpenError> {
        let (chunks, received) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let sink = Sink { chunks, lost: lost.clone() };
        let thread =
            thread::Builder::new().name("access-log".into()).spawn(move || Out::new(target).run(&received, &lost));
        let thread = thread.map_err(|source| OpenError { path: PathBuf::from("(thread)"), source })?;
        Ok(Self { thread, sink })
    }

    /// Where to hand lines over.
    pub fn sink(&self) -> Sink {
        self.sink.clone()
    }

    /// Writes there what has not been written yet when it comes to it, and all that follows.
    ///
    /// # Errors
    /// Where the thread cannot be asked for now; nothing changes then.
    pub fn turn_to(&self, target: Target) -> Result<(), Busy> {
        self.sink.chunks.try_send(Work::Turn(target)).map_err(|_| Busy)
    }

    /// Waits until everything that was handed over is written. Every [`Sink`] must be gone.
    pub fn finish(self) {
        drop(self.sink);
        // A panic in the thread has been printed by the panic hook already.
        self.thread.join().ok();
    }
}

fn open(path: &Path) -> Result<File, OpenError> {
    OpenOptions::new().append(true).create(true).open(path).map_err(|source| OpenError { path: path.into(), source })
}

/// Standard output without the buffer that `std` puts before it: what is lost there cannot be counted.
fn stdout() -> Result<File, OpenError> {
    let duplicate = io::stdout().as_fd().try_clone_to_owned();
    duplicate.map(File::from).map_err(|source| OpenError { path: "(standard output)".into(), source })
}

impl Sink {
    /// Hands whole lines over without waiting.
    pub fn push(&self, lines: Vec<u8>) {
        if let Err(TrySendError::Full(Work::Lines(lines)) | TrySendError::Disconnected(Work::Lines(lines))) =
            self.chunks.try_send(Work::Lines(lines))
        {
            lose(&self.lost, count_lines(&lines));
        }
    }

    /// Whether both lead to the same thread.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lost, &other.lost)
    }
}

fn count_lines(lines: &[u8]) -> u64 {
    lines.iter().filter(|&&byte| byte == b'\n').count() as u64
}

fn lose(lost: &AtomicU64, lines: u64) {
    lost.fetch_add(lines, Ordering::Relaxed);
    LOST.fetch_add(lines, Ordering::Relaxed);
}

/// The log as the thread holds it.
struct Out {
    file: File,
    /// The last write ended within a line: the next one begins on a line of its own.
    torn: bool,
    /// Since when nothing can be written, and how many lines that has cost.
    failing: Option<(Instant, u64)>,
}

impl Out {
    fn new(Target(file): Target) -> Self {
        Self { file, torn: false, failing: None }
    }

    fn run(mut self, received: &Receiver<Work>, lost: &AtomicU64) {
        while let Ok(work) = received.recv() {
            let lines = match work {
                Work::Lines(lines) => lines,
                Work::Turn(Target(file)) => {
                    self.file = file;
                    self.torn = false;
                    continue;
                }
            };
            match self.write(&lines) {
                Ok(()) => self.succeeded(),
                Err((error, lines)) => {
                    LOST.fetch_add(lines, Ordering::Relaxed);
                    self.failed(&error, lines);
                }
            }
            let lost = lost.swap(0, Ordering::Relaxed);
            if lost > 0
                && let Some(times) = SLOW.happens()
            {
                tracing::warn!(lines = lost, times, "the access log could not keep up: lines were lost");
            }
        }
    }

    /// Writes whole lines; where that fails, why, and how many lines are not there.
    fn write(&mut self, lines: &[u8]) -> Result<(), (io::Error, u64)> {
        if self.torn {
            self.file.write_all(b"\n").map_err(|error| (error, count_lines(lines)))?;
            self.torn = false;
        }
        let mut rest = lines;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err((io::ErrorKind::WriteZero.into(), count_lines(rest))),
                Ok(count) => {
                    self.torn = rest[count - 1] != b'\n';
                    rest = &rest[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((error, count_lines(rest))),
            }
        }
        Ok(())
    }

    fn failed(&mut self, error: &io::Error, lines: u64) {
        match &mut self.failing {
            Some((_, lost)) => *lost += lines,
            None => {
                tracing::error!(
                    %error,
                    "the access log cannot be written{}; serving goes on, and its lines are lost",
                    if error.kind() == io::ErrorKind::StorageFull { ": the disk is full" } else { "" }
                );
                self.failing = Some((Instant::now(), lines));
            }
        }
    }

    fn succeeded(&mut self) {
        if let Some((since, lines)) = self.failing.take() {
            tracing::warn!(lines, after = ?since.elapsed(), "the access log is written again: lines were lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_off_is_ended_before_the_next_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("log");
        let mut out = Out { torn: true, ..Out::new(Target(open(&path).expect("a file"))) };
        out.write(b"next\n").expect("written");
        assert_eq!(std::fs::read(&path).expect("the file"), b"\nnext\n");
    }

    #[test]
    fn a_full_disk_costs_the_lines_that_do_not_fit_and_no_others() {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("a full device");
        let mut out = Out::new(Target(full));
        let (error, lines) = out.write(b"one\ntwo\n").expect_err("no room");
        assert_eq!((error.kind(), lines), (io::ErrorKind::StorageFull, 2));
        out.failed(&error, lines);
        out.failed(&error, 3);
        assert_eq!(out.failing.as_ref().map(|(_, lines)| *lines), Some(5));
        out.succeeded();
        assert!(out.failing.is_none());
    }
}
