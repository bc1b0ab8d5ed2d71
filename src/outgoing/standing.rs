//! How the upstreams fare, as the whole process knows it: what went wrong with each, and which gets no requests for now.
//!
//! A [`Standing`] is one upstream of one route. It outlives a reload that leaves
//! route and address as they are. Workers share it, and none of them writes to it
//! for a request that goes well; those that have no choice do not even look.
//!
//! An upstream is out while its checks fail, and for a while after requests to it
//! failed several times in a row (it is *ejected*). Who is out is asked last, not
//! never: where all are out, requests go on as if none were.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::config::model::{Ejection, Health};

use super::probe::{Check, Ill};
use super::room::{Limits, Room};
use super::trouble::Trouble;

/// Longest time for which an upstream is ejected: somebody who mends it should not have to wait for it.
const LONGEST: Duration = Duration::from_secs(300);

/// What times are counted from.
static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// One upstream of one route.
#[derive(Debug)]
pub struct Standing {
    /// The first host and the path of the route: `chat.example/api`.
    pub route: String,
    /// The upstream's address as configured.
    pub upstream: String,
    /// Written to where something went wrong, and then by any worker: that is rare, or a connection was waited for.
    troubles: [AtomicU64; Trouble::ALL.len()],
    retries: AtomicU64,
    room: Mutex<Arc<Room>>,
    /// Requests in a row that failed, on all workers.
    failures: AtomicU32,
    /// How often in a row it was ejected.
    ejections: AtomicU32,
    /// Milliseconds from [`BEGIN`] until it is ejected no more; 0 where it is not.
    back: AtomicU64,
    /// Whether its checks say that it is ill.
    ill: AtomicBool,
    checks: Mutex<Checks>,
}

/// What was found by asking.
#[derive(Debug, Default)]
struct Checks {
    /// When the next one is due.
    next: Option<Instant>,
    /// The last one's outcome: `None` before the first.
    last: Option<Result<(), String>>,
    /// In a row that say the other than what is believed.
    against: u32,
}

/// What is told of an upstream's health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is not asked.
    Unasked,
    /// It was not asked yet.
    NotYet,
    /// It counts as well; what the last check said against it.
    Well(Option<String>),
    /// It counts as ill: what the last check that failed said.
    Ill(String),
}

impl Standing {
    /// One that nothing is known of.
    pub fn new(route: &str, upstream: &str) -> Self {
        Self {
            route: route.to_owned(),
            upstream: upstream.to_owned(),
            troubles: Default::default(),
            retries: AtomicU64::new(0),
            room: Mutex::new(Arc::new(Room::new(Limits::NONE))),
            failures: AtomicU32::new(0),
            ejections: AtomicU32::new(0),
            back: AtomicU64::new(0),
            ill: AtomicBool::new(false),
            checks: Mutex::default(),
        }
    }

    /// Whether it gets no requests for now, where another can have them.
    pub fn is_out(&self) -> bool {
        self.ill.load(Ordering::Relaxed) || self.is_ejected()
    }

    /// Whether it is out because requests failed.
    pub fn is_ejected(&self) -> bool {
        let back = self.back.load(Ordering::Relaxed);
        // The clock is read only where it matters.
        back != 0 && now() < back
    }

    /// Counts what went wrong, and ejects it where that was too often in a row.
    pub fn failed(&self, trouble: Trouble, ejection: Option<&Ejection>) {
        self.note(trouble);
        let Some(ejection) = ejection.filter(|_| trouble.is_against()) else { return };
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures < ejection.after.get() || self.is_ejected() {
            return;
        }
        let times = self.ejections.fetch_add(1, Ordering::Relaxed);
        let longest = LONGEST.max(ejection.first);
        let long = ejection.first.saturating_mul(1 << times.min(16)).min(longest);
        self.back.store(now() + millis(long), Ordering::Relaxed);
        // When it is back, one more failure is enough.
        self.failures.store(ejection.after.get() - 1, Ordering::Relaxed);
        let (route, upstream) = (&self.route, &self.upstream);
        tracing::warn!(%route, %upstream, ?long, "ejected: requests to it failed time after time");
    }

    /// A request went well: what failed before is forgotten.
    pub fn went_well(&self) {
        if self.failures.load(Ordering::Relaxed) == 0 && self.ejections.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.failures.store(0, Ordering::Relaxed);
        self.ejections.store(0, Ordering::Relaxed);
        if self.back.swap(0, Ordering::Relaxed) != 0 {
            tracing::info!(route = %self.route, upstream = %self.upstream, "no longer ejected: a request went well");
        }
    }

    /// Counts what went wrong and says nothing against the upstream.
    pub fn note(&self, trouble: Trouble) {
        if let Some(count) = Trouble::ALL.iter().zip(&self.troubles).find_map(|(at, n)| (*at == trouble).then_some(n)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a request that was sent to another upstream after it had failed here.
    pub fn note_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// How often each kind of failure came.
    pub fn troubles(&self) -> impl Iterator<Item = (Trouble, u64)> {
        Trouble::ALL.iter().zip(&self.troubles).map(|(trouble, count)| (*trouble, count.load(Ordering::Relaxed)))
    }

    /// How many requests went to another upstream after they had failed here.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// The connections that it has and the requests that wait for one; exchanged where the limits are other ones.
    pub(super) fn room_within(&self, limits: Limits) -> Arc<Room> {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        if room.limits() != limits {
            *room = Arc::new(Room::new(limits));
        }
        room.clone()
    }

    /// Open connections, and requests that wait for one.
    pub fn connections(&self) -> (usize, usize) {
        let room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        (room.open(), room.waiting())
    }

    /// When it is to be asked next; `first` says how long it takes to the first time.
    pub(super) fn next_check(&self, first: impl FnOnce() -> Duration) -> Instant {
        *self.checks().next.get_or_insert_with(|| Instant::now() + first())
    }

    /// Takes a check's outcome; the next one is due after `pause`.
    pub(super) fn checked(&self, outcome: Result<(), Ill>, rule: &Health, pause: Duration) {
        let mut checks = self.checks();
        checks.next = Some(Instant::now() + pause);
        let believed_ill = self.ill.load(Ordering::Relaxed);
        let (route, upstream) = (&self.route, &self.upstream);
        if outcome.is_err() == believed_ill {
            checks.against = 0;
        } else {
            checks.against += 1;
            let enough = if believed_ill { rule.healthy_after } else { rule.unhealthy_after };
            if checks.against >= enough.get() {
                checks.against = 0;
                self.ill.store(!believed_ill, Ordering::Relaxed);
                match &outcome {
                    Ok(()) => tracing::info!(%route, %upstream, "well again: its checks succeed"),
                    Err(ill) => tracing::warn!(%route, %upstream, "ill: its checks at {} fail: {ill}", rule.path),
                }
            }
        }
        checks.last = Some(outcome.map_err(|ill| ill.to_string()));
    }

    /// What checks have found.
    fn found(&self) -> Found {
        let checks = self.checks();
        match (&checks.last, self.ill.load(Ordering::Relaxed)) {
            (None, _) => Found::NotYet,
            (Some(Err(why)), true) => Found::Ill(why.clone()),
            (Some(Ok(())), true) => Found::Ill("its last check succeeded, which is not enough yet".into()),
            (Some(last), false) => Found::Well(last.clone().err()),
        }
    }

    /// Nobody asks it any more.
    fn forget_checks(&self) {
        *self.checks() = Checks::default();
        self.ill.store(false, Ordering::Relaxed);
    }

    fn checks(&self) -> MutexGuard<'_, Checks> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now() -> u64 {
    millis(BEGIN.elapsed())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The standings of all upstreams of a process.
#[derive(Debug, Default)]
pub struct Standings {
    /// By route and upstream.
    known: Mutex<HashMap<(String, String), Weak<Standing>>>,
    serving: Mutex<Vec<(Arc<Standing>, Option<Check>)>>,
    changed: Notify,
}

impl Standings {
    /// The standing of a route's upstream: the one that it has already, or a new one.
    pub fn of(&self, route: &str, upstream: &str) -> Arc<Standing> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, standing| standing.strong_count() > 0);
        let entry = known.entry((route.to_owned(), upstream.to_owned())).or_default();
        entry.upgrade().unwrap_or_else(|| {
            let standing = Arc::new(Standing::new(route, upstream));
            *entry = Arc::downgrade(&standing);
            standing
        })
    }

    /// Tells of these from now on, and has those asked that have a check.
    pub fn adopt(&self, serving: impl IntoIterator<Item = (Arc<Standing>, Option<Check>)>) {
        let serving: Vec<_> = serving.into_iter().collect();
        for (standing, check) in &serving {
            if check.is_none() {
                standing.forget_checks();
            }
        }
        *self.serving() = serving;
        self.changed.notify_one();
    }

    /// Those that are served, in the order of the file, and what was found by asking.
    pub fn tell(&self) -> Vec<(Arc<Standing>, Found)> {
        let tell = |(standing, check): &(Arc<Standing>, Option<Check>)| {
            (standing.clone(), if check.is_some() { standing.found() } else { Found::Unasked })
        };
        self.serving().iter().map(tell).collect()
    }

    /// Those that are to be asked, and how.
    pub(super) fn checks(&self) -> Vec<(Arc<Standing>, Check)> {
        self.serving().iter().filter_map(|(standing, check)| Some((standing.clone(), check.clone()?))).collect()
    }

    /// Ready once others are served.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn serving(&self) -> MutexGuard<'_, Vec<(Arc<Standing>, Option<Check>)>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn ejection(first: Duration) -> Ejection {
        Ejection { after: NonZeroU32::new(3).expect("3"), first }
    }

    fn health() -> Health {
        Health {
            path: "/".parse().expect("a path"),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            unhealthy_after: NonZeroU32::new(3).expect("3"),
            healthy_after: NonZeroU32::new(2).expect("2"),
        }
    }

    #[test]
    fn so_many_failures_in_a_row_eject_and_one_success_forgets_them() {
        let (standing, rule) = (Standing::new("", ""), ejection(Duration::from_secs(60)));
        for _ in 0..2 {
            standing.failed(Trouble::Refused, Some(&rule));
        }
        standing.went_well();
        for _ in 0..2 {
            standing.failed(Trouble::Broken, Some(&rule));
        }
        assert!(!standing.is_out());
        standing.failed(Trouble::AnswerTimeout, Some(&rule));
        assert!(standing.is_out());
        standing.went_well();
        assert!(!standing.is_out(), "it answered all the same: all were out");
        assert_eq!(standing.troubles().map(|(_, count)| count).sum::<u64>(), 5);
    }

    #[test]
    fn what_is_not_its_fault_and_what_nobody_asked_for_eject_nobody() {
        let standing = Standing::new("", "");
        for _ in 0..9 {
            standing.failed(Trouble::Exhausted, Some(&ejection(Duration::from_secs(60))));
            standing.failed(Trouble::Wrong, Some(&ejection(Duration::from_secs(60))));
            standing.failed(Trouble::Refused, None);
        }
        assert!(!standing.is_out());
    }

    #[test]
    fn each_ejection_is_twice_as_long_as_the_one_before_and_none_longer_than_five_minutes() {
        let (standing, rule) = (Standing::new("", ""), ejection(Duration::from_secs(10)));
        let mut long = Vec::new();
        for _ in 0..8 {
            // Its time is over.
            standing.back.store(0, Ordering::Relaxed);
            for _ in 0..3 {
                standing.failed(Trouble::Refused, Some(&rule));
            }
            long.push((standing.back.load(Ordering::Relaxed) - now()).div_ceil(1000));
        }
        assert_eq!(long, [10, 20, 40, 80, 160, 300, 300, 300]);
        standing.back.store(0, Ordering::Relaxed);
        standing.failed(Trouble::Refused, Some(&rule));
        assert!(standing.is_out(), "one failure is enough for who was out before");
    }

    #[test]
    fn checks_change_the_verdict_only_in_a_row() {
        let (standing, rule) = (Standing::new("", ""), health());
        let check = |outcome: bool| {
            let outcome = if outcome { Ok(()) } else { Err(Ill::Late(Duration::from_secs(1))) };
            standing.checked(outcome, &rule, Duration::ZERO);
            !standing.is_out()
        };
        assert_eq!(standing.found(), Found::NotYet);
        let outcomes = [false, false, true, false, false, false, true, false, true, true];
        let verdicts = [true, true, true, true, true, false, false, false, false, true];
        for (number, (outcome, verdict)) in outcomes.into_iter().zip(verdicts).enumerate() {
            assert_eq!(check(outcome), verdict, "check {number}");
        }
        standing.forget_checks();
        assert_eq!(standing.found(), Found::NotYet);
    }

    #[test]
    fn an_upstream_that_stays_keeps_its_standing_and_one_that_went_is_forgotten() {
        let standings = Standings::default();
        let first = standings.of("a.example/", "http://10.0.0.5");
        first.note(Trouble::Refused);
        assert!(Arc::ptr_eq(&first, &standings.of("a.example/", "http://10.0.0.5")));
        assert!(!Arc::ptr_eq(&first, &standings.of("b.example/", "http://10.0.0.5")));
        drop(first);
        let again = standings.of("a.example/", "http://10.0.0.5");
        assert_eq!(again.troubles().map(|(_, count)| count).sum::<u64>(), 0);
    }
}
