//! One thread that writes the access log, so that a slow disk holds up no worker.
//!
//! Workers hand over whole lines in chunks. When the disk cannot keep up, chunks
//! are dropped, counted and reported; a worker never waits.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use thiserror::Error;

use crate::config::model::AccessLog;

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
    lost: Arc<AtomicU64>,
}

impl Writer {
    /// Opens the log and starts the thread; `None` where the log is off.
    ///
    /// # Errors
    /// Where the file cannot be opened for appending.
    pub fn start(log: &AccessLog) -> Result<Option<(Self, Sink)>, OpenError> {
        let out: Box<dyn Write + Send> = match log {
            AccessLog::Off => return Ok(None),
            AccessLog::Stdout => Box::new(io::stdout()),
            AccessLog::File(path) => Box::new(open(path)?),
        };
        let (chunks, received) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let sink = Sink { chunks, lost: lost.clone() };
        let thread = thread::Builder::new().name("access-log".into()).spawn(move || write(out, &received, &lost));
        let thread = thread.map_err(|source| OpenError { path: PathBuf::from("(thread)"), source })?;
        Ok(Some((Self { thread }, sink)))
    }

    /// Waits until everything that was handed over is written. Every [`Sink`] must be gone.
    pub fn finish(self) {
        // A panic in the thread has been printed by the panic hook already.
        self.thread.join().ok();
    }
}

fn open(path: &PathBuf) -> Result<File, OpenError> {
    OpenOptions::new().append(true).create(true).open(path).map_err(|source| OpenError { path: path.clone(), source })
}

impl Sink {
    /// Hands whole lines over without waiting.
    pub fn push(&self, lines: Vec<u8>) {
        let (TrySendError::Full(lines) | TrySendError::Disconnected(lines)) = match self.chunks.try_send(lines) {
            Ok(()) => return,
            Err(error) => error,
        };
        self.lost.fetch_add(count_lines(&lines), Ordering::Relaxed);
    }
}

fn count_lines(lines: &[u8]) -> u64 {
    lines.iter().filter(|&&byte| byte == b'\n').count() as u64
}

fn write(mut out: Box<dyn Write + Send>, received: &Receiver<Vec<u8>>, lost: &AtomicU64) {
    let mut failing = false;
    while let Ok(lines) = received.recv() {
        match out.write_all(&lines).and_then(|()| out.flush()) {
            Ok(()) => failing = false,
            Err(error) => {
                lost.fetch_add(count_lines(&lines), Ordering::Relaxed);
                if !failing {
                    tracing::error!(%error, "the access log cannot be written; is the disk full?");
                }
                failing = true;
                continue;
            }
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lines = lost, "the access log could not keep up: lines were lost");
        }
    }
}
