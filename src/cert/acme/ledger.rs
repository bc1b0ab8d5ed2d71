//! What was asked of one CA lately and what failed, on disk, so that a restart neither forgets a limit nor asks anew.
//!
//! It counts and decides nothing: `limits` says what may be asked, `plan` what is to be.

use std::collections::BTreeMap;
#[cfg(test)]
use std::path::Path;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::model::AcmeDirectory;

use super::stamp;
use super::storage::{Storage, StorageError, read_json, write_json};

/// The longest that any of the limits looks back: a week.
const WEEK: i64 = 7 * 24 * 60 * 60;

/// After a first failure of a name, in seconds. Doubling from there, an hour has three tries: Let's Encrypt locks a
/// name after five.
const FIRST: i64 = 10 * 60;
/// After a first failure of the CA as a whole: it is down for a deployment, or our own network is.
const FIRST_OF_CA: i64 = 60;
/// Most between two tries. A site that comes back in the morning has its certificate by the next one.
const MOST: i64 = 24 * 60 * 60;
/// Most that a CA's `Retry-After` counts: Let's Encrypt's longest limit. Anything beyond is a mistake or a lie.
const MOST_RETRY_AFTER: i64 = WEEK;

/// `ledger.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Ledger {
    /// The CA as a whole: not reachable, or not willing.
    pub(super) ca: Option<Trouble>,
    /// Names that failed last, as ordered.
    pub(super) names: BTreeMap<String, Trouble>,
    /// Certificates that were issued, the newest last.
    pub(super) issued: Vec<Issued>,
    /// When orders were placed.
    pub(super) orders: Vec<Second>,
    /// When accounts were registered.
    pub(super) accounts: Vec<Second>,
    #[serde(skip)]
    path: PathBuf,
}

/// Something that failed and is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trouble {
    /// In a row.
    pub(super) failures: u32,
    /// When, the newest last; of the last hour alone.
    pub(super) recent: Vec<Second>,
    /// Not before this second, unless a person asks.
    #[serde(with = "stamp::second")]
    pub(super) again: i64,
    /// What the CA said, and what mends it.
    pub(super) said: String,
}

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Issued {
    #[serde(with = "stamp::second")]
    pub(super) at: i64,
    /// Sorted.
    pub(super) names: Vec<String>,
    /// Whether the CA took it for the renewal that it had proposed, which no limit counts.
    pub(super) exempt: bool,
}

/// A second since 1970 that people can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Second(#[serde(with = "stamp::second")] pub(super) i64);

impl Ledger {
    /// Of this CA; an empty one where there is none. One that cannot be understood is set aside, with a word.
    pub(super) fn read(storage: &Storage, directory: &AcmeDirectory) -> Self {
        let path = storage.account(directory).join("ledger.json");
        let ledger = read_json::<Self>(&path).unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "beginning a new ledger");
            None
        });
        Self { path, ..ledger.unwrap_or_default() }
    }

    /// Writes it, without what is too old to matter.
    pub(super) fn write(&mut self, now: i64) -> Result<(), StorageError> {
        self.issued.retain(|issued| issued.at > now.saturating_sub(WEEK));
        self.orders.retain(|at| at.0 > now.saturating_sub(WEEK));
        self.accounts.retain(|at| at.0 > now.saturating_sub(WEEK));
        write_json(&self.path, self)
    }

    /// Where it is.
    #[cfg(test)]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// An account was registered.
    pub(super) fn registered(&mut self, now: i64) {
        self.accounts.push(Second(now));
    }

    /// An order was placed.
    pub(super) fn ordered(&mut self, now: i64) {
        self.orders.push(Second(now));
    }

    /// A certificate came: the CA is well, and so are its names.
    pub(super) fn issued(&mut self, names: &[String], exempt: bool, now: i64) {
        self.ca = None;
        let mut names = names.to_vec();
        names.sort();
        for name in &names {
            self.names.remove(name);
        }
        self.issued.push(Issued { at: now, names, exempt });
    }

    /// A name was refused. `chance` is from 0 to 1.
    pub(super) fn name_failed(&mut self, name: &str, said: String, chance: f64, now: i64) {
        let before = self.names.remove(name);
        self.names.insert(name.to_owned(), Trouble::after(before, FIRST, None, said, chance, now));
    }

    /// A name is not tried before `until`, although nothing failed.
    pub(super) fn hold(&mut self, name: &str, until: i64, said: String) {
        let held = self.names.entry(name.to_owned()).or_insert_with(|| Trouble {
            failures: 0,
            recent: Vec::new(),
            again: until,
            said: String::new(),
        });
        (held.again, held.said) = (held.again.max(until), said);
    }

    /// The CA as a whole failed, and may have said when to come back.
    pub(super) fn ca_failed(&mut self, said: String, retry_after: Option<i64>, chance: f64, now: i64) {
        self.ca = Some(Trouble::after(self.ca.take(), FIRST_OF_CA, retry_after, said, chance, now));
    }

    /// The second before which this name is not tried.
    pub(super) fn again(&self, name: &str) -> i64 {
        let of = |trouble: &Trouble| trouble.again;
        self.names.get(name).map_or(i64::MIN, of).max(self.ca.as_ref().map_or(i64::MIN, of))
    }
}

impl Trouble {
    fn after(before: Option<Self>, first: i64, retry_after: Option<i64>, said: String, chance: f64, now: i64) -> Self {
        let (failures, mut recent) = before.map_or((0, Vec::new()), |before| (before.failures, before.recent));
        recent.retain(|at| at.0 > now.saturating_sub(60 * 60));
        recent.push(Second(now));
        // Ten doublings pass every bound.
        let delay = (first << failures.min(10)).min(MOST);
        // A tenth of it by chance, so that a thousand gateposts do not come back in the same second.
        let spread = (delay as f64 * 0.1 * chance.clamp(0.0, 1.0)) as i64;
        let asked = retry_after.unwrap_or(0).clamp(0, MOST_RETRY_AFTER);
        let again = now.saturating_add((delay + spread).max(asked));
        Self { failures: failures.saturating_add(1), recent, again, said }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60 * 60;

    #[test]
    fn a_name_is_tried_three_times_in_its_first_hour_and_daily_in_the_end() {
        let mut ledger = Ledger::default();
        let (mut now, mut tries) = (0, Vec::new());
        for _ in 0..20 {
            tries.push(now);
            ledger.name_failed("a.example", "closed".into(), 0.0, now);
            now = ledger.again("a.example");
        }
        assert_eq!(tries.iter().filter(|at| **at < HOUR).count(), 3, "{tries:?}");
        let last = tries[19] - tries[18];
        assert_eq!(last, 24 * HOUR);
        assert_eq!(ledger.again("b.example"), i64::MIN, "another name is not held back");
    }

    #[test]
    fn retry_after_is_heeded_and_a_mad_one_is_not_believed() {
        let mut ledger = Ledger::default();
        ledger.ca_failed("busy".into(), Some(2 * HOUR), 0.0, 0);
        assert_eq!(ledger.again("any.example"), 2 * HOUR);
        ledger.ca_failed("busy".into(), Some(i64::MAX), 0.0, 0);
        assert_eq!(ledger.again("any.example"), WEEK);
        ledger.ca_failed("busy".into(), Some(1), 0.0, 0);
        assert!(ledger.again("any.example") >= FIRST_OF_CA, "never sooner than our own patience");
    }

    #[test]
    fn success_clears_what_failed_before() {
        let mut ledger = Ledger::default();
        ledger.ca_failed("down".into(), None, 1.0, 0);
        ledger.name_failed("a.example", "closed".into(), 1.0, 0);
        ledger.name_failed("b.example", "closed".into(), 1.0, 0);
        ledger.issued(&["a.example".into()], false, 5);
        assert_eq!((ledger.again("a.example"), ledger.again("b.example")), (i64::MIN, FIRST + FIRST / 10));
    }

    #[test]
    fn it_is_the_same_after_a_restart_and_forgets_what_is_old() {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = Storage::new(folder.path());
        let directory = AcmeDirectory::LetsEncrypt;
        storage.prepare(&directory).expect("made");
        let mut ledger = Ledger::read(&storage, &directory);
        ledger.name_failed("a.example", "closed".into(), 0.5, 1_000_000_000);
        ledger.issued(&["c.example".into(), "b.example".into()], false, 1_000_000_000 - WEEK);
        ledger.issued(&["c.example".into(), "b.example".into()], true, 1_000_000_000);
        ledger.ordered(1_000_000_000);
        ledger.write(1_000_000_001).expect("written");
        let text = std::fs::read_to_string(ledger.path()).expect("read");
        assert!(text.contains("2001-09-09T01:46:40Z"), "{text}");
        let again = Ledger::read(&storage, &directory);
        assert_eq!(again.names, ledger.names);
        assert_eq!(again.issued.len(), 1);
        assert_eq!(again.issued[0].names, ["b.example", "c.example"]);

        std::fs::write(ledger.path(), "{\"names\": 7").expect("damaged");
        assert_eq!(Ledger::read(&storage, &directory).issued, []);
    }
}
