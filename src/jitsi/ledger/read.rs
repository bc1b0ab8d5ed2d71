//! The ledger as it is read beside a gatepost that writes it: by `gatepost meetings`.
//!
//! It changes nothing, and makes no file.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::Serialize;

use super::fault::Fault;
use super::key::{Digest, LedgerKey, Seal};
use super::month::{self, Month, YearMonth};
use super::schema;

/// The open file.
#[derive(Debug)]
pub struct Reading {
    path: PathBuf,
    db: Connection,
    seal: Seal,
}

/// Who opened meetings in a month, with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PersonUse {
    /// The name, as it last was; `None` where it cannot be read.
    pub name: Option<String>,
    /// Known by the device alone: a guest, or where nobody is asked who it is.
    pub guest: bool,
    /// Devices that were let in.
    pub devices: u32,
    /// Of this person's devices, those that 8x8 reported.
    pub reported: u32,
    /// Meetings that were opened.
    pub opened: u32,
}

impl Reading {
    /// Opens `file`; `None` where no meeting was opened yet and there is none.
    ///
    /// # Errors
    /// Where it cannot be read, is damaged, or is not of this key.
    pub fn open(file: &Path, key: &LedgerKey) -> Result<Option<Self>, Fault> {
        let seal = Seal::new(key);
        let db = schema::open_to_read(file, &seal)?;
        Ok(db.map(|db| Self { path: file.into(), db, seal }))
    }

    /// The names of the launchers that have a month, in order.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn launchers(&self) -> Result<Vec<String>, Fault> {
        self.look(|db| {
            let mut names = db.prepare("SELECT DISTINCT launcher FROM month ORDER BY launcher")?;
            names.query_map([], |row| row.get(0))?.collect()
        })
    }

    /// The last `n` months of a launcher up to `last`, the oldest first, without a hole.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn months(&self, launcher: &str, last: YearMonth, n: u32) -> Result<Vec<Month>, Fault> {
        self.look(|db| month::months(db, launcher, last, n))
    }

    /// Who used how many devices, whoever used the most first. Nobody of a month whose ids are forgotten.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn people(&self, launcher: &str, month: YearMonth) -> Result<Vec<PersonUse>, Fault> {
        self.look(|db| {
            let mut people = db.prepare(
                "SELECT who, guest, label, person.opened AS opened,
                     (SELECT count(*) FROM use WHERE use.month = person.month AND use.who = person.who) AS devices,
                     (SELECT count(*) FROM reported
                      WHERE reported.month = person.month AND reported.who = person.who) AS reported
                 FROM person JOIN month ON month.id = person.month
                 WHERE month.launcher = ?1 AND month.month = ?2",
            )?;
            let people = people.query_map((launcher, month.index()), |row| {
                let who: Digest = row.get("who")?;
                let label: Vec<u8> = row.get("label")?;
                Ok(PersonUse {
                    name: self.seal.label(&label, &who),
                    guest: row.get("guest")?,
                    devices: row.get("devices")?,
                    reported: row.get("reported")?,
                    opened: row.get("opened")?,
                })
            })?;
            let mut people: Vec<PersonUse> = people.collect::<rusqlite::Result<_>>()?;
            people.sort_by(|a, b| {
                let most = |one: &PersonUse| (one.devices, one.opened);
                most(b).cmp(&most(a)).then_with(|| a.name.cmp(&b.name))
            });
            Ok(people)
        })
    }

    fn look<T>(&self, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Fault> {
        look(&self.db).map_err(|error| Fault::of(&self.path, error))
    }
}
