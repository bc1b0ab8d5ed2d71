//! The ledger through its handle, on real files.

mod budget;
mod crash;
mod faults;
mod invitations;
mod reported;
mod time;

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// 2026-11-25T04:00:00Z.
const NOW: u64 = 1_795_579_200;
const DAY: u64 = 24 * 60 * 60;

fn key() -> LedgerKey {
    LedgerKey::new([7; 32])
}

/// A folder with a ledger in it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }

    /// The ledger as a gatepost has it whose clock stands at `now`.
    fn ledger_at(&self, now: u64) -> Ledger {
        Ledger::open_patient(self.file(), key(), Clock::Fixed(now), Duration::ZERO)
    }

    fn ledger(&self) -> Ledger {
        self.ledger_at(NOW)
    }

    fn reading(&self) -> Reading {
        Reading::open(&self.file(), &key()).expect("readable").expect("there")
    }

    /// The bare file, past the ledger's own code.
    fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.file()).expect("opened")
    }
}

/// A person at a device, with no limit.
fn asks(person: &str, device: &str) -> Admission {
    Admission {
        launcher: "jaas".into(),
        person: Some(person.into()),
        label: format!("Name of {person}"),
        device: device.into(),
        limit: None,
        deny_new: false,
    }
}

fn guest(device: &str) -> Admission {
    Admission { person: None, label: "A guest".into(), ..asks("", device) }
}

fn within(limit: u32, asks: Admission) -> Admission {
    Admission { limit: Some(limit), deny_new: true, ..asks }
}

/// The present month.
async fn counted(ledger: &Ledger) -> Month {
    ledger.months("jaas".into(), 1).await.expect("months").remove(0)
}
