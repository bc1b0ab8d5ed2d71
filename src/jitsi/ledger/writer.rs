//! The ledger's thread: does one job after the other on the one connection that writes.
//!
//! A fault takes the connection away and is the answer to every job until it is time to try again. A fault is logged
//! when it comes and when it goes, not on every job.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::mpsc;

use crate::clock::Clock;

use super::fault::{Fault, LedgerError};
use super::key::{LedgerKey, Seal};
use super::schema;

/// Something to be done in the thread.
pub(super) type Job = Box<dyn FnOnce(&mut Writer) + Send>;

/// The fault that is shown, for whoever asks from outside. No request's way leads over this lock.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Option<Arc<Fault>>>);

impl Kept {
    pub(super) fn get(&self) -> Option<Arc<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, fault: Option<Arc<Fault>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

/// What the thread has in hand.
pub(super) struct Writer {
    path: PathBuf,
    seal: Arc<Seal>,
    clock: Clock,
    /// From a fault to the next try.
    again: Duration,
    kept: Arc<Kept>,
    book: Option<Book>,
    trouble: Option<Trouble>,
}

/// What is wrong.
struct Trouble {
    fault: Arc<Fault>,
    /// When it is time to try again.
    again: Instant,
    /// The file could be opened: only what is written to it shows that it is well again. A full disk can be read.
    open: bool,
}

/// The open file.
pub(super) struct Book {
    db: Connection,
    /// Device and inode of the file, as it was opened.
    file: Option<(u64, u64)>,
    seal: Arc<Seal>,
    clock: Clock,
    /// Something was written since the flag was last taken.
    wrote: bool,
}

impl Book {
    fn open(path: &Path, seal: &Arc<Seal>, clock: Clock) -> Result<Self, Fault> {
        let db = schema::open_to_write(path, seal)?;
        Ok(Self { db, file: identity(path), seal: seal.clone(), clock, wrote: false })
    }

    /// Does `work` in one transaction, and answers when it is on disk.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &Seal, u64) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        // Immediate: it is the writer from the first look on, so that nobody writes between the look and the deed.
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&tx, &self.seal, self.clock.unix_seconds())?;
        tx.commit()?;
        self.wrote = true;
        Ok(done)
    }

    /// Looks something up.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Connection, u64) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        look(&self.db, self.clock.unix_seconds())
    }
}

impl Writer {
    pub(super) fn new(path: PathBuf, key: &LedgerKey, clock: Clock, again: Duration, kept: Arc<Kept>) -> Self {
        Self { path, seal: Arc::new(Seal::new(key)), clock, again, kept, book: None, trouble: None }
    }

    /// Works until the last handle is gone.
    pub(super) fn work(mut self, mut queue: mpsc::Receiver<Job>) {
        // At once, so that a fault shows at the start and not with the first meeting.
        self.book().ok();
        while let Some(job) = queue.blocking_recv() {
            job(&mut self);
        }
    }

    /// Does `job` where the file can be used. A fault of the file is kept.
    pub(super) fn attempt<T>(&mut self, job: impl FnOnce(&mut Book) -> rusqlite::Result<T>) -> Result<T, LedgerError> {
        let book = self.book().map_err(LedgerError::Fault)?;
        let done = job(book);
        let wrote = std::mem::take(&mut book.wrote);
        match done {
            Ok(done) => {
                if wrote {
                    self.is_well();
                }
                Ok(done)
            }
            Err(error) => Err(LedgerError::Fault(self.fails(Fault::of(&self.path, error), true))),
        }
    }

    /// The open file, opened where it is time to.
    fn book(&mut self) -> Result<&mut Book, Arc<Fault>> {
        if let Some(trouble) = &self.trouble
            && Instant::now() < trouble.again
        {
            return Err(trouble.fault.clone());
        }
        let book = match self.book.take() {
            Some(book) if book.file == identity(&self.path) => book,
            before => {
                if before.is_some() {
                    // SQLite would write on into a file that nobody finds again.
                    let file = self.path.display();
                    tracing::warn!(%file, "the meeting ledger was removed or exchanged: opening it anew");
                }
                Book::open(&self.path, &self.seal, self.clock).map_err(|fault| self.fails(fault, false))?
            }
        };
        if self.trouble.as_ref().is_some_and(|trouble| !trouble.open) {
            self.is_well();
        }
        Ok(self.book.insert(book))
    }

    fn is_well(&mut self) {
        if self.trouble.take().is_some() {
            tracing::info!(file = %self.path.display(), "the meeting ledger can be used again");
            self.kept.set(None);
        }
    }

    /// Keeps a fault, logs it where it is another one than before, and lets go of the file.
    fn fails(&mut self, fault: Fault, open: bool) -> Arc<Fault> {
        let fault = Arc::new(fault);
        let words = fault.words();
        let before = self.trouble.take().map(|before| before.fault.words());
        if before.as_ref() != Some(&words) {
            tracing::error!("{words}");
        }
        self.book = None;
        self.trouble = Some(Trouble { fault: fault.clone(), again: Instant::now() + self.again, open });
        self.kept.set(Some(fault.clone()));
        fault
    }
}

/// What tells this file from another one at the same path.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}
