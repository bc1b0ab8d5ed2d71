//! Has certificates issued and renewed as long as gatepost serves, on a thread and a runtime of its own.
//!
//! No worker waits for it and it waits for none. It sleeps until something is due,
//! and wakes to see whether a certificate was put in place by hand meanwhile.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use crate::clock::Clock;

use super::ari;
use super::failure::Failure;
use super::obtain::Desk;
use super::plan::{Plan, newest, plan};
use super::put::reconsider;
use super::stamp::rfc3339;
use super::storage::Storage;
use super::stored::{self, CHAIN};
use super::wanted::Wanted;

/// How often it looks for what another process put in place: so soon is `cert renew` served.
const LOOK: Duration = Duration::from_secs(2);
/// Longest sleep: the clock may be set, a machine may have slept.
const LONGEST: i64 = 60 * 60;
/// Pause where another process orders.
const BUSY: i64 = 5;
/// Pause after the disk failed us: often enough to go on soon, seldom enough to leave room in the log.
const BROKEN: i64 = 5 * 60;

/// The running engine; stops on drop, and what it was about is tried again at the next start.
#[derive(Debug)]
pub struct Engine {
    wanted: Option<watch::Sender<Option<Wanted>>>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts it. `placed` is called, on its thread, when certificates on disk are others than before.
    ///
    /// # Errors
    /// Where the system gives no thread or runtime.
    pub fn start(
        wanted: Option<Wanted>,
        clock: Clock,
        placed: impl FnMut(&Wanted) + Send + 'static,
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, receiver) = watch::channel(wanted);
        let thread = thread::Builder::new().name("acme".to_owned()).spawn(move || {
            runtime.block_on(run(receiver, clock, placed));
            // A name that the system is still looking up must not hold up the end.
            runtime.shutdown_background();
        })?;
        Ok(Self { wanted: Some(sender), thread: Some(thread) })
    }

    /// Goes on with what a reloaded configuration wants. Where that is what it was, an order under way is not disturbed.
    pub fn follow(&self, wanted: Option<Wanted>) {
        if let Some(sender) = &self.wanted {
            sender.send_if_modified(|before| {
                let is_new = *before != wanted;
                *before = wanted;
                is_new
            });
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The end of the channel is the sign to stop; whatever it awaits is dropped, answers and lock included.
        self.wanted.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn run(mut wanted: watch::Receiver<Option<Wanted>>, clock: Clock, mut placed: impl FnMut(&Wanted)) {
    loop {
        let now = wanted.borrow_and_update().clone();
        let work = async {
            match &now {
                Some(wanted) => serve(wanted, clock, &mut placed).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = work => {}
            changed = wanted.changed() => if changed.is_err() { return },
        }
    }
}

/// Never ends by itself.
async fn serve(wanted: &Wanted, clock: Clock, placed: &mut impl FnMut(&Wanted)) {
    let storage = Storage::new(&wanted.acme.storage);
    let mut seen = seen(&storage);
    // Whoever served a moment ago may have put in place what an older configuration wanted.
    placed(wanted);
    loop {
        let next = match round(wanted, &storage, clock, placed, &mut seen).await {
            Ok(next) => next,
            Err(failure) => {
                tracing::error!(mend = failure.mend(), "certificates cannot be looked after: {failure}");
                now(clock).saturating_add(BROKEN)
            }
        };
        while now(clock) < next {
            let left = u64::try_from(next.saturating_sub(now(clock))).unwrap_or(0);
            tokio::time::sleep(LOOK.min(Duration::from_secs(left.max(1)))).await;
            if changed(&storage, &mut seen) {
                tracing::info!("certificates on disk were changed by hand");
                placed(wanted);
                break;
            }
        }
    }
}

/// Does what is due; when something may be due again.
async fn round(
    wanted: &Wanted,
    storage: &Storage,
    clock: Clock,
    placed: &mut impl FnMut(&Wanted),
    seen: &mut Seen,
) -> Result<i64, Failure> {
    storage.prepare(&wanted.acme.directory)?;
    let Some(_lock) = storage.lock()? else { return Ok(now(clock).saturating_add(BUSY)) };
    let mut in_place = |seen: &mut Seen| {
        if changed(storage, seen) {
            placed(wanted);
        }
    };
    reconsider(wanted, storage, clock);
    in_place(seen);
    let mut desk = Desk::new(wanted, storage, clock);
    loop {
        let asked = ask_when_to_renew(&mut desk).await?;
        let (stored, _) = stored::all(&storage.certificates(), &wanted.acme, clock);
        let Plan { tasks, next } = plan(wanted, &stored, &desk.ledger, desk.now());
        let Some(task) = tasks.into_iter().next() else {
            let soonest = [next, asked].into_iter().flatten().min().unwrap_or(i64::MAX);
            tracing::debug!(next = rfc3339(soonest), "no certificate is due");
            return Ok(soonest.min(now(clock).saturating_add(LONGEST)));
        };
        // One at a time: what comes of it may change what else is due.
        desk.obtain(task).await;
        in_place(seen);
    }
}

/// Asks the CA about each certificate that is in use, where it is time; when it is time for the next.
async fn ask_when_to_renew(desk: &mut Desk<'_>) -> Result<Option<i64>, Failure> {
    let acme = &desk.wanted.acme;
    let (mut stored, _) = stored::all(&desk.storage.certificates(), acme, desk.clock);
    let used: Vec<PathBuf> =
        desk.wanted.hosts().filter_map(|host| newest(&stored, host)).map(|stored| stored.folder.clone()).collect();
    let mut next = None;
    for certificate in stored.iter_mut().filter(|stored| used.contains(&stored.folder)) {
        if certificate.ask_at(acme).is_some_and(|at| at <= desk.now()) && !is_down(desk) {
            ari::ask(desk, certificate).await?;
        }
        next = [next, certificate.ask_at(acme).filter(|at| *at > desk.now())].into_iter().flatten().min();
    }
    Ok(next)
}

/// Whether the CA is left alone for now.
fn is_down(desk: &Desk<'_>) -> bool {
    desk.ledger.ca.as_ref().is_some_and(|trouble| trouble.again > desk.now())
}

fn now(clock: Clock) -> i64 {
    i64::try_from(clock.unix_seconds()).unwrap_or(i64::MAX)
}

/// The chains on disk, by folder, as far as a look from outside tells.
type Seen = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

fn seen(storage: &Storage) -> Seen {
    use std::os::unix::fs::MetadataExt;
    let chain = |folder: PathBuf| {
        let found = std::fs::metadata(folder.join(CHAIN)).ok()?;
        Some((folder, (found.ino(), found.modified().ok())))
    };
    Storage::folders(&storage.certificates()).into_iter().filter_map(chain).collect()
}

fn changed(storage: &Storage, seen: &mut Seen) -> bool {
    let found = self::seen(storage);
    let changed = found != *seen;
    *seen = found;
    changed
}
