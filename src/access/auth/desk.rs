//! Where passwords are looked at: a few threads of their own and a short queue before them.
//!
//! One look takes tens of milliseconds and 19 MiB, made so that guessing is slow. A worker that did it would leave
//! thousands of requests waiting, so none does. There are half as many of these threads as cores, and as many tries in
//! the queue as they get through in a second or two: past that a try is turned away at once, whoever it is from.
//!
//! One desk for the process, started when the first password comes: what it bounds is the process's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

/// Tries that wait. At 50 ms each a single thread is through with them in a second and a half.
const QUEUE: usize = 32;

/// Threads at most: more would be an offer to attackers.
const MOST_THREADS: usize = 4;

/// What is to be done.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// The threads and their queue; `None` in it where no thread could be started.
pub(super) struct Desk(OnceLock<Option<SyncSender<Job>>>);

/// The process's.
pub(super) static DESK: Desk = Desk::new();

/// Nothing more can wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Desk {
    /// A desk whose threads start with its first job.
    pub(super) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Has a job done soon.
    ///
    /// # Errors
    /// Where as many are waiting as may.
    pub(super) fn submit(&self, job: Job) -> Result<(), Full> {
        self.0.get_or_init(open).as_ref().ok_or(Full)?.try_send(job).map_err(|_| Full)
    }
}

fn open() -> Option<SyncSender<Job>> {
    let (queue, jobs) = sync_channel::<Job>(QUEUE);
    let jobs = Arc::new(Mutex::new(jobs));
    let cores = thread::available_parallelism().map_or(1, Into::into);
    let started = (0..(cores / 2).clamp(1, MOST_THREADS)).filter(|number| {
        let jobs = jobs.clone();
        let work = move || while work(&jobs) {};
        let started = thread::Builder::new().name(format!("passwords-{number}")).spawn(work);
        if let Err(error) = &started {
            tracing::error!(%error, "cannot start a thread that looks at passwords");
        }
        started.is_ok()
    });
    (started.count() > 0).then_some(queue)
}

/// Does one job; `false` once no more can come.
fn work(jobs: &Mutex<Receiver<Job>>) -> bool {
    // Held while waiting: whoever has it is the next to work, and the others have nothing to do.
    let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
    let Ok(job) = job else { return false };
    // A defect costs one try, not the thread.
    if catch_unwind(AssertUnwindSafe(job)).is_err() {
        tracing::error!("looking at a password panicked");
    }
    true
}
