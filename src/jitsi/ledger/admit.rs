//! Who asks for a meeting is counted, and let in where the budget has room.
//!
//! What decides is the number of devices, since JaaS bills a browser and not a person. Where 8x8 itself has reported
//! devices in this month (see `real`), its number decides in place of ours: a page that was opened and no meeting
//! entered costs nothing, and whoever came by another way than the launcher costs all the same. But 8x8 reports a
//! device when its owner meets somebody, which may be minutes after the token was given; so devices that were let in
//! a moment ago and not reported yet are added. "A moment" is [`IN_FLIGHT`] before 8x8 was last heard, and all time
//! since: should its reports cease, be it for a changed secret, the count goes on as it would without them.
//!
//! It decides nothing beyond `let_in`: whether a full budget warns, turns away or leads elsewhere is the launcher's.

use rusqlite::{Connection, params};

use super::forget::forget;
use super::key::{Digest, Kind, Seal};
use super::month::{self, YearMonth, row};

/// Longest, in seconds, from a token to the report of its device where 8x8 reports at all: the page is open, the
/// camera is tried out, the second one comes.
const IN_FLIGHT: u64 = 5 * 60;

/// Who asks for a meeting.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The launcher's name.
    pub launcher: String,
    /// Mattermost's id of who asks; `None` for a guest or where nobody is asked who it is. Such a one is known by the
    /// device, and counts as one person a device.
    pub person: Option<String>,
    /// What `gatepost meetings` calls them.
    pub label: String,
    /// The device, by the launcher's cookie.
    pub device: String,
    /// Devices that the month has room for.
    pub limit: Option<u32>,
    /// Whether a new device is turned away when the month is full.
    pub deny_new: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// The device was not let in before in this month.
    pub new_device: bool,
    /// Devices let in this month, this one included where it was.
    pub devices: u32,
    /// People let in this month.
    pub people: u32,
    /// Devices that 8x8 reported this month; `None` where it reported none.
    pub real: Option<u32>,
    /// With this device the month is beyond its limit.
    pub over: bool,
    /// Whether it may have a token. `false` only for a new device, with `deny_new`, in a full month.
    pub let_in: bool,
}

pub(super) fn admit(tx: &Connection, seal: &Seal, now: u64, asks: &Admission) -> rusqlite::Result<Admitted> {
    let present = YearMonth::of(now);
    let (id, began) = row(tx, &asks.launcher, present)?;
    if began {
        forget(tx, &asks.launcher, present)?;
    }
    let which = seal.monthly(Kind::Device, &asks.launcher, present, &asks.device);
    let new_device = !exists(tx, "SELECT 1 FROM device WHERE month = ?1 AND which = ?2", id, &which)?;
    let before = month::month(tx, &asks.launcher, present)?;
    let used = match before.real {
        Some(real) => real.saturating_add(in_flight(tx, id, now)?),
        None => before.devices,
    };
    // A known device is in one of the numbers already.
    let with_it = used.saturating_add(u32::from(new_device));
    let over = asks.limit.is_some_and(|limit| with_it > limit);
    let let_in = !(new_device && over && asks.deny_new);
    match let_in {
        true => enter(tx, seal, now, asks, present, id, &which)?,
        false => {
            tx.prepare_cached("UPDATE month SET refused = refused + 1 WHERE id = ?1")?.execute([id])?;
        }
    }
    let after = month::month(tx, &asks.launcher, present)?;
    Ok(Admitted { new_device, devices: after.devices, people: after.people, real: after.real, over, let_in })
}

/// Counts a device and whoever is at it.
fn enter(
    tx: &Connection,
    seal: &Seal,
    now: u64,
    asks: &Admission,
    present: YearMonth,
    id: i64,
    which: &Digest,
) -> rusqlite::Result<()> {
    let who = match &asks.person {
        Some(person) => seal.monthly(Kind::Person, &asks.launcher, present, person),
        None => seal.monthly(Kind::Guest, &asks.launcher, present, &asks.device),
    };
    let device = tx
        .prepare_cached("INSERT INTO device (month, which, first) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![id, which, seconds(now)])?;
    let known = exists(tx, "SELECT 1 FROM person WHERE month = ?1 AND who = ?2", id, &who)?;
    // The newest name: people marry.
    tx.prepare_cached(
        "INSERT INTO person (month, who, guest, label, opened) VALUES (?1, ?2, ?3, ?4, 1)
         ON CONFLICT DO UPDATE SET label = excluded.label, opened = opened + 1",
    )?
    .execute(params![id, who, asks.person.is_none(), seal.close(&asks.label, &who)])?;
    tx.prepare_cached("INSERT INTO use (month, who, which) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![id, who, which])?;
    tx.prepare_cached(
        "UPDATE month SET devices = devices + ?2, people = people + ?3, opened = opened + 1 WHERE id = ?1",
    )?
    .execute(params![id, u32::from(device == 1), u32::from(!known)])?;
    Ok(())
}

/// Devices that have a token and were not reported yet. Whether one was is seen by its people: 8x8's names of devices
/// are its own, and a device of the same person that was reported since is taken for it.
fn in_flight(tx: &Connection, month: i64, now: u64) -> rusqlite::Result<u32> {
    let heard: Option<i64> =
        tx.prepare_cached("SELECT heard FROM month WHERE id = ?1")?.query_row([month], |row| row.get(0))?;
    // A clock that went back has heard 8x8 in the future.
    let heard = heard.and_then(|heard| u64::try_from(heard).ok()).map_or(now, |heard| heard.min(now));
    tx.prepare_cached(
        "SELECT count(*) FROM device
         WHERE month = ?1 AND first > ?2 AND first <= ?3 AND NOT EXISTS (
             SELECT 1 FROM use JOIN reported ON reported.month = use.month AND reported.who = use.who
             WHERE use.month = device.month AND use.which = device.which AND reported.at >= device.first)",
    )?
    .query_row(params![month, seconds(heard.saturating_sub(IN_FLIGHT)), seconds(now)], |row| row.get(0))
}

fn exists(tx: &Connection, sql: &str, month: i64, id: &Digest) -> rusqlite::Result<bool> {
    tx.prepare_cached(sql)?.exists(params![month, id])
}

/// A second as SQLite keeps it.
pub(super) fn seconds(unix: u64) -> i64 {
    i64::try_from(unix).unwrap_or(i64::MAX)
}
