//! The count that 8x8 bills by, from what it posts: distinct devices of its USAGE events, by the event's own month.
//!
//! An event counts in the month in which it happened, as its `timestamp` says, and not in the one in which it came:
//! 8x8 posts again what was not taken, for hours.

use rusqlite::{Connection, params};

use crate::jitsi::webhook::{Event, What};

use super::admit::seconds;
use super::forget::forget;
use super::key::{Kind, Seal};
use super::month::{YearMonth, row};

/// Keys of events that are remembered, by number and not by time, so that a clock that steps brings none back. 25 to
/// 300 people's events of a month, and 8x8 posts again for a day at most.
const REMEMBERED: i64 = 20_000;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// Counted.
    New,
    /// It came before.
    Duplicate,
    /// It tells nothing of who was in a meeting.
    Ignored,
}

pub(super) fn record(
    tx: &Connection,
    seal: &Seal,
    now: u64,
    launcher: &str,
    event: &Event,
) -> rusqlite::Result<Recorded> {
    if event.what == What::Other {
        return Ok(Recorded::Ignored);
    }
    if let Some(key) = &event.key
        && !is_first(tx, seal, launcher, key)?
    {
        return Ok(Recorded::Duplicate);
    }
    let month = YearMonth::of(event.at);
    let (id, began) = row(tx, launcher, month)?;
    if began {
        forget(tx, launcher, YearMonth::of(now))?;
    }
    tx.prepare_cached("UPDATE month SET heard = ?2 WHERE id = ?1")?.execute(params![id, seconds(now)])?;
    match &event.what {
        What::Joined => {
            tx.prepare_cached("UPDATE month SET joined = joined + 1 WHERE id = ?1")?.execute([id])?;
        }
        What::Usage(devices) => {
            let mut new = 0_u32;
            let mut insert = tx.prepare_cached(
                // None where the month's devices are forgotten: each would count a second time.
                "INSERT INTO reported (month, which, who, at) SELECT ?1, ?2, ?3, ?4 FROM month
                 WHERE id = ?1 AND reduced = 0 ON CONFLICT DO NOTHING",
            )?;
            for used in devices {
                let which = seal.monthly(Kind::Reported, launcher, month, &used.device);
                let who = used.person.as_ref().map(|person| seal.monthly(Kind::Person, launcher, month, person));
                new += u32::from(insert.execute(params![id, which, who, seconds(now)])? == 1);
            }
            tx.prepare_cached("UPDATE month SET real = coalesce(real, 0) + ?2 WHERE id = ?1")?
                .execute(params![id, new])?;
        }
        What::Other => {}
    }
    Ok(Recorded::New)
}

/// Whether an event's key was not seen; it is now.
fn is_first(tx: &Connection, seal: &Seal, launcher: &str, key: &str) -> rusqlite::Result<bool> {
    let key = seal.lasting(Kind::Event, &[launcher.as_bytes(), b"\n", key.as_bytes()].concat());
    let new = tx.prepare_cached("INSERT INTO event (key) VALUES (?1) ON CONFLICT DO NOTHING")?.execute([key])?;
    if new == 1 {
        tx.prepare_cached("DELETE FROM event WHERE id <= ?1")?.execute([tx.last_insert_rowid() - REMEMBERED])?;
    }
    Ok(new == 1)
}
