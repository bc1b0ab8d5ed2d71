//! How many people and devices opened meetings in a calendar month, kept in one SQLite file in the `state` folder.
//!
//! A [`Ledger`] is a handle to one thread that does all the SQL: workers await its answers and never block, and a
//! queue that is full is an error, never growth. What was answered is on disk: each answer comes after its
//! transaction's commit, in WAL mode with `synchronous = FULL`, so that neither `kill -9` nor a power cut takes it
//! back. (`NORMAL` would survive the first alone. A meeting is opened a few times a minute, so that the one fsync
//! is no price.)
//!
//! Months are UTC's. Nobody's id is in the file: [`key`] says what stands there instead.
//!
//! It refuses to keep anybody out for a fault of its own: that is an error, and the launcher decides. It never
//! deletes a file that it cannot read: it leaves it, says so, and tries again later.

mod admit;
mod fault;
mod forget;
mod invitation;
pub mod key;
mod month;
mod read;
mod real;
mod schema;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;

use super::webhook::Event;

pub use admit::{Admission, Admitted};
pub use fault::{Fault, LedgerError};
pub use key::LedgerKey;
pub use month::{Month, YearMonth};
pub use read::{PersonUse, Reading};
pub use real::Recorded;

use writer::{Book, Job, Kept, Writer};

/// The ledger's name in the `state` folder.
pub const FILE: &str = "meetings.sqlite";

/// Requests that may wait for the thread. With a millisecond or two for each, the last one waits half a second.
const QUEUE: usize = 256;

/// Longest that a request waits for its answer: a person looks at a blank page meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// From a fault to the next try. A person who has just mended it sees that within a minute, and a broken disk is not
/// asked on every request.
const AGAIN: Duration = Duration::from_secs(30);

/// The ledger, as many have it in hand.
#[derive(Debug, Clone)]
pub struct Ledger {
    jobs: mpsc::Sender<Job>,
    kept: Arc<Kept>,
}

impl Ledger {
    /// Starts the ledger's thread, which opens `file` and makes it where there is none.
    ///
    /// Opening never fails: what is wrong with the file is kept (see [`Ledger::fault`]), logged once, the answer to
    /// every question, and tried again after half a minute. The thread ends with the last handle.
    pub fn open(file: PathBuf, key: LedgerKey, clock: Clock) -> Self {
        Self::open_patient(file, key, clock, AGAIN)
    }

    fn open_patient(file: PathBuf, key: LedgerKey, clock: Clock, again: Duration) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let kept = Arc::new(Kept::default());
        let (path, its) = (file.clone(), kept.clone());
        let work = move || Writer::new(path, &key, clock, again, its).work(queue);
        if let Err(source) = std::thread::Builder::new().name("ledger".to_owned()).spawn(work) {
            // The queue went with the closure, so that every question meets the fault.
            kept.set(Some(Arc::new(Fault::no_thread(file, source))));
        }
        Self { jobs, kept }
    }

    /// Counts whoever asks for a meeting and says whether the budget lets them in, in one transaction: of two who
    /// race for the last place one gets it. Who was let in before in this month always gets in.
    ///
    /// # Errors
    /// Where the ledger cannot be written, does not answer within five seconds, or its queue is full. Nothing says then
    /// whether this one was counted.
    pub async fn admit(&self, admission: Admission) -> Result<Admitted, LedgerError> {
        self.ask(move |book| book.write(|tx, seal, now| admit::admit(tx, seal, now, &admission))).await
    }

    /// Takes down what 8x8 posted for a launcher. Answer 8x8 with 2xx only where this is `Ok`: it posts again then.
    ///
    /// # Errors
    /// As [`Ledger::admit`].
    pub async fn record(&self, launcher: String, event: Event) -> Result<Recorded, LedgerError> {
        self.ask(move |book| book.write(|tx, seal, now| real::record(tx, seal, now, &launcher, &event))).await
    }

    /// Whether this device may use an invitation: the first that asks may, and it alone from then on. `until` is the
    /// second since 1970 at which the invitation ends; whether it has ended is for the caller to see.
    ///
    /// # Errors
    /// As [`Ledger::admit`].
    pub async fn redeem(&self, invitation: [u8; 16], device: String, until: u64) -> Result<bool, LedgerError> {
        self.ask(move |book| book.write(|tx, seal, now| invitation::redeem(tx, seal, now, invitation, &device, until)))
            .await
    }

    /// The last `n` months up to the present one, the oldest first, those without a meeting among them.
    ///
    /// # Errors
    /// As [`Ledger::admit`].
    pub async fn months(&self, launcher: String, n: u32) -> Result<Vec<Month>, LedgerError> {
        self.ask(move |book| book.read(|db, now| month::months(db, &launcher, YearMonth::of(now), n))).await
    }

    /// What is wrong, in words for the person at 2 a.m.; `None` while the ledger can be written.
    pub fn fault(&self) -> Option<String> {
        self.kept.get().map(|fault| fault.words())
    }

    /// Has the thread do `job` and awaits what comes of it.
    async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Book) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |writer| {
            // Who has given up gets no token: there is nothing to count.
            if !answer.is_closed() {
                answer.send(writer.attempt(job)).ok();
            }
        });
        self.jobs.try_send(job).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => LedgerError::Crowded,
            mpsc::error::TrySendError::Closed(_) => self.gone(),
        })?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(self.gone()),
            Err(_) => Err(LedgerError::Slow),
        }
    }

    fn gone(&self) -> LedgerError {
        self.kept.get().map_or(LedgerError::Gone, LedgerError::Fault)
    }
}

#[cfg(test)]
mod tests;
