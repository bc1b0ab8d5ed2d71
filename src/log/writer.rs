//! One thread that writes the access log, so that a slow disk holds up no worker.
//!
//! Workers hand over whole lines in chunks. When the disk cannot keep up or is full, lines
//! are dropped, counted and reported, once when it begins and once when it is over; a worker
//! never waits. A file that was moved away is let go of when told.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

/// The writing thread; ends when every [`Sink`] is gone.
#[derive(Debug)]
pub struct Writer {
    thread: JoinHandle<()>,
}

/// Where a worker hands its lines over.
#[derive(Debug, Clone)]
pub struct Sink {
    chunks: SyncSender<Vec<u8>>,
    told: Arc<Told>,
}

/// What sinks tell the thread beside lines.
#[derive(Debug, Default)]
struct Told {
    /// Lines for which there was no room.
    lost: AtomicU64,
    /// The file is to be opened anew.
    reopen: AtomicBool,
}

/// Lines that were lost since the start.
static LOST: AtomicU64 = AtomicU64::new(0);

/// A disk that is too slow is so for each chunk.
static SLOW: Seldom = Seldom::new();

/// Lines of the access log that could not be written since the start.
pub fn lines_lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

impl Writer {
    /// Opens the log and starts the thread; `None` where the log is off.
    ///
    /// # Errors
    /// Where the file cannot be opened for appending.
    pub fn start(log: &AccessLog) -> Result<Option<(Self, Sink)>, OpenError> {
        let (file, path) = match log {
            AccessLog::Off => return Ok(None),
            AccessLog::Stdout => (stdout()?, None),
            AccessLog::File(path) => (open(path)?, Some(path.clone())),
        };
        let out = Out { file, path, torn: false, failing: None };
        let (chunks, received) = sync_channel(WAITING);
        let told = Arc::<Told>::default();
        let sink = Sink { chunks, told: told.clone() };
        let thread = thread::Builder::new().name("access-log".into()).spawn(move || out.run(&received, &told));
        let thread = thread.map_err(|source| OpenError { path: PathBuf::from("(thread)"), source })?;
        Ok(Some((Self { thread }, sink)))
    }

    /// Waits until everything that was handed over is written. Every [`Sink`] must be gone.
    pub fn finish(self) {
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
        if let Err(TrySendError::Full(lines) | TrySendError::Disconnected(lines)) = self.chunks.try_send(lines) {
            lose(&self.told.lost, count_lines(&lines));
        }
    }

    /// Has the file opened anew, by its name: whoever moved it away gets the old one to themselves.
    pub fn reopen(&self) {
        self.told.reopen.store(true, Ordering::Relaxed);
        // No line, but a reason to look. Where there is no room for it, lines will do.
        self.chunks.try_send(Vec::new()).ok();
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
    /// `None` for standard output.
    path: Option<PathBuf>,
    /// The last write ended within a line: the next one begins on a line of its own.
    torn: bool,
    /// Since when nothing can be written, and how many lines that has cost.
    failing: Option<(Instant, u64)>,
}

impl Out {
    fn run(mut self, received: &Receiver<Vec<u8>>, told: &Told) {
        while let Ok(lines) = received.recv() {
            if told.reopen.swap(false, Ordering::Relaxed) {
                self.reopen();
            }
            if lines.is_empty() {
                continue;
            }
            match self.write(&lines) {
                Ok(()) => self.succeeded(),
                Err((error, lines)) => {
                    LOST.fetch_add(lines, Ordering::Relaxed);
                    self.failed(&error, lines);
                }
            }
            let lost = told.lost.swap(0, Ordering::Relaxed);
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

    fn reopen(&mut self) {
        let Some(path) = &self.path else { return };
        match open(path) {
            Ok(file) => {
                self.file = file;
                self.torn = false;
                tracing::info!(file = %path.display(), "opened the access log anew");
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the access log goes on in the file that was open"
                );
            }
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
        let mut out = Out { file: open(&path).expect("a file"), path: None, torn: true, failing: None };
        out.write(b"next\n").expect("written");
        assert_eq!(std::fs::read(&path).expect("the file"), b"\nnext\n");
    }

    #[test]
    fn a_full_disk_costs_the_lines_that_do_not_fit_and_no_others() {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("a full device");
        let mut out = Out { file: full, path: None, torn: false, failing: None };
        let (error, lines) = out.write(b"one\ntwo\n").expect_err("no room");
        assert_eq!((error.kind(), lines), (io::ErrorKind::StorageFull, 2));
        out.failed(&error, lines);
        out.failed(&error, 3);
        assert_eq!(out.failing.as_ref().map(|(_, lines)| *lines), Some(5));
        out.succeeded();
        assert!(out.failing.is_none());
    }
}
