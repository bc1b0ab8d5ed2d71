//! Calendar months, in UTC, and what was counted in them.
//!
//! UTC because the budget is 8x8's and no local time is named for it; a month that began an hour early or late for
//! somebody is off by that hour's meetings and no more.

use std::fmt;
use std::str::FromStr;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Serialize, Serializer};
use thiserror::Error;
use time::OffsetDateTime;

/// A month of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct YearMonth(i64);

impl YearMonth {
    /// The month of a second since 1970; the last one that there is where the second is past the year 9999.
    pub fn of(unix_seconds: u64) -> Self {
        let seconds = i64::try_from(unix_seconds).ok();
        match seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok()) {
            Some(time) => Self::new(time.year().into(), u8::from(time.month()).into()),
            None => Self::new(9999, 12),
        }
    }

    const fn new(year: i64, month: i64) -> Self {
        Self(year * 12 + month - 1)
    }

    /// The month that comes `n` months before.
    pub fn before(self, n: u32) -> Self {
        Self(self.0 - i64::from(n))
    }

    /// Months since the beginning of the year 0, as they stand in the file.
    pub(super) const fn index(self) -> i64 {
        self.0
    }

    fn year(self) -> i64 {
        self.0.div_euclid(12)
    }

    /// From 1 to 12.
    fn month(self) -> i64 {
        self.0.rem_euclid(12) + 1
    }
}

impl fmt::Display for YearMonth {
    /// `2026-11`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.month())
    }
}

impl Serialize for YearMonth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a text is no month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is no month; write it as 2026-11")]
pub struct NoMonth;

impl FromStr for YearMonth {
    type Err = NoMonth;

    fn from_str(text: &str) -> Result<Self, NoMonth> {
        let number = |digits: &str| -> Result<i64, NoMonth> {
            match digits.bytes().all(|byte| byte.is_ascii_digit()) {
                true => digits.parse().map_err(|_| NoMonth),
                false => Err(NoMonth),
            }
        };
        match text.split_once('-') {
            Some((year, month)) if year.len() == 4 && month.len() == 2 => match (number(year)?, number(month)?) {
                (year, month @ 1..=12) => Ok(Self::new(year, month)),
                _ => Err(NoMonth),
            },
            _ => Err(NoMonth),
        }
    }
}

/// What was counted in a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Month {
    /// Which.
    pub month: YearMonth,
    /// People who were let in: each person of Mattermost once, each guest's device once.
    pub people: u32,
    /// Devices that were let in.
    pub devices: u32,
    /// Devices that 8x8 reported as used in a meeting, which is what it bills; `None` where it reported none.
    pub real: Option<u32>,
    /// Meetings that were opened.
    pub opened: u32,
    /// Times that a new device was turned away because the budget was used up.
    pub refused: u32,
    /// Times that somebody entered a meeting, as 8x8 reported it.
    pub joined: u32,
}

impl Month {
    /// What a budget is compared with: 8x8's own count where there is one, else the devices.
    pub fn used(&self) -> u32 {
        self.real.unwrap_or(self.devices)
    }

    /// One in which nobody opened anything.
    pub fn empty(month: YearMonth) -> Self {
        Self { month, people: 0, devices: 0, real: None, opened: 0, refused: 0, joined: 0 }
    }

    fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            month: YearMonth(row.get("month")?),
            people: row.get("people")?,
            devices: row.get("devices")?,
            real: row.get("real")?,
            opened: row.get("opened")?,
            refused: row.get("refused")?,
            joined: row.get("joined")?,
        })
    }
}

/// One month of a launcher.
pub(super) fn month(db: &Connection, launcher: &str, month: YearMonth) -> rusqlite::Result<Month> {
    let sql = "SELECT * FROM month WHERE launcher = ?1 AND month = ?2";
    let found = db.prepare_cached(sql)?.query_row(params![launcher, month.0], Month::of_row).optional()?;
    Ok(found.unwrap_or_else(|| Month::empty(month)))
}

/// The last `n` months up to `last`, the oldest first, without a hole.
pub(super) fn months(db: &Connection, launcher: &str, last: YearMonth, n: u32) -> rusqlite::Result<Vec<Month>> {
    (0..n).rev().map(|ago| month(db, launcher, last.before(ago))).collect()
}

/// The row of a launcher's month, which is made where there is none; whether it was made.
pub(super) fn row(db: &Connection, launcher: &str, month: YearMonth) -> rusqlite::Result<(i64, bool)> {
    let made = db
        .prepare_cached("INSERT INTO month (launcher, month) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![launcher, month.0])?;
    let id = db
        .prepare_cached("SELECT id FROM month WHERE launcher = ?1 AND month = ?2")?
        .query_row(params![launcher, month.0], |row| row.get(0))?;
    Ok((id, made == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_and_ends_with_utc() {
        for (second, shown) in [
            (0, "1970-01"),
            (1_793_491_199, "2026-10"),
            (1_793_491_200, "2026-11"),
            (1_796_083_199, "2026-11"),
            (1_796_083_200, "2026-12"),
            (u64::MAX, "9999-12"),
        ] {
            assert_eq!(YearMonth::of(second).to_string(), shown, "{second}");
        }
    }

    #[test]
    fn a_month_is_read_as_it_is_written_and_nothing_else_is_one() {
        let month: YearMonth = "2026-01".parse().expect("a month");
        assert_eq!((month.to_string(), month.before(1).to_string()), ("2026-01".into(), "2025-12".into()));
        for bad in ["", "2026", "2026-13", "2026-00", "2026-1", "26-01", "+026-01", "2026-+1", "2026-01-01", "²026-01"]
        {
            assert_eq!(bad.parse::<YearMonth>(), Err(NoMonth), "{bad}");
        }
    }
}
