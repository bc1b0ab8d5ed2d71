//! The file: how it is made, opened, and told from others.
//!
//! It refuses a file that is damaged, of another program, of a newer gatepost, or written under another key, and
//! changes none of them.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};

use super::fault::{Fault, What};
use super::key::Seal;

/// `gpl1`: what tells the file from other programs' (SQLite's `application_id`).
const APPLICATION: i32 = 0x6770_6c31;

/// Of the tables below (SQLite's `user_version`). A change of them is a new number and a step from the old one.
const VERSION: i32 = 1;

/// How long another process's transaction is waited for: `gatepost meetings` reads, and a gatepost that is just being
/// replaced may still write. Each is done within milliseconds.
const BUSY: Duration = Duration::from_secs(2);

/// 64 MiB in pages of 4 KiB: some 200,000 devices, a thousand times what a budget is about. Whoever makes up devices
/// without end fills the ledger and not the disk.
const MOST_PAGES: u32 = 16_384;

/// Pages in the write-ahead log after which it is written back: some eight meetings' worth. The file beside it is then
/// nearly all there is, should somebody copy it alone.
const LOG_PAGES: u32 = 100;

/// What the write-ahead log is cut down to after it was written back: it would else stay as long as it ever was.
const LOG_KEPT: u32 = 1024 * 1024;

const TABLES: &str = "
CREATE TABLE seal (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    proof   BLOB NOT NULL
) STRICT;

-- Counts stand beside what they count, changed in the same transaction: they outlive it.
CREATE TABLE month (
    id          INTEGER PRIMARY KEY,
    launcher    TEXT NOT NULL,
    month       INTEGER NOT NULL,               -- since the beginning of the year 0
    people      INTEGER NOT NULL DEFAULT 0,
    devices     INTEGER NOT NULL DEFAULT 0,
    opened      INTEGER NOT NULL DEFAULT 0,
    refused     INTEGER NOT NULL DEFAULT 0,
    real        INTEGER,                        -- NULL before 8x8's first report
    joined      INTEGER NOT NULL DEFAULT 0,
    heard       INTEGER,                        -- when 8x8 last posted, in seconds since 1970
    reduced     INTEGER NOT NULL DEFAULT 0,     -- 1: the rows below are gone, the counts stay
    UNIQUE (launcher, month)
) STRICT;

CREATE TABLE person (
    month   INTEGER NOT NULL REFERENCES month ON DELETE CASCADE,
    who     BLOB NOT NULL,
    guest   INTEGER NOT NULL,
    label   BLOB NOT NULL,
    opened  INTEGER NOT NULL,
    PRIMARY KEY (month, who)
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
    month   INTEGER NOT NULL REFERENCES month ON DELETE CASCADE,
    which   BLOB NOT NULL,
    first   INTEGER NOT NULL,                   -- when it was let in, in seconds since 1970
    PRIMARY KEY (month, which)
) STRICT, WITHOUT ROWID;

-- Who used which: one person has several devices, several people share one.
CREATE TABLE use (
    month   INTEGER NOT NULL REFERENCES month ON DELETE CASCADE,
    who     BLOB NOT NULL,
    which   BLOB NOT NULL,
    PRIMARY KEY (month, who, which)
) STRICT, WITHOUT ROWID;
CREATE INDEX use_which ON use (month, which);

-- Devices as 8x8 names and counts them.
CREATE TABLE reported (
    month   INTEGER NOT NULL REFERENCES month ON DELETE CASCADE,
    which   BLOB NOT NULL,
    who     BLOB,
    at      INTEGER NOT NULL,                   -- when it was first reported, in seconds since 1970
    PRIMARY KEY (month, which)
) STRICT, WITHOUT ROWID;
CREATE INDEX reported_who ON reported (month, who);

CREATE TABLE event (
    id      INTEGER PRIMARY KEY,
    key     BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE invitation (
    id      INTEGER PRIMARY KEY,
    which   BLOB NOT NULL UNIQUE,
    device  BLOB NOT NULL,
    until   INTEGER NOT NULL                    -- in seconds since 1970
) STRICT;
";

/// Opens the file to write in it; makes it where there is none, for its owner alone.
pub(super) fn open_to_write(path: &Path, seal: &Seal) -> Result<Connection, Fault> {
    let folder = path.parent().unwrap_or(path);
    if !folder.is_dir() {
        return Err(Fault::new(path, What::NoFolder));
    }
    // SQLite would make it with the process's own mask; its log and index take the file's mode.
    let made = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    made.map_err(|error| Fault::of_io(path, error))?;
    let fault = |error| Fault::of(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(fault)?;
    prepare(&db).map_err(fault)?;
    make(&mut db, seal).map_err(fault)?;
    recognise(&db, path, seal)?;
    Ok(db)
}

/// Opens it to read beside whoever writes; `None` where there is none.
pub(super) fn open_to_read(path: &Path, seal: &Seal) -> Result<Option<Connection>, Fault> {
    match path.metadata() {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Fault::of_io(path, error)),
    }
    let fault = |error| Fault::of(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(fault)?;
    db.busy_timeout(BUSY).map_err(fault)?;
    // A gatepost is just making it: the file, and its first page, are there before its tables and its name are.
    if is_new(&db).map_err(fault)? {
        return Ok(None);
    }
    recognise(&db, path, seal)?;
    Ok(Some(db))
}

fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY)?;
    // A file of another program is asked for nothing but its name, and stays as it is.
    if !is_new(db)? && number(db, "application_id")? != APPLICATION {
        return Ok(());
    }
    // Readers and the writer do not wait for each other. Where the file system has no shared memory (NFS) SQLite stays
    // with its older journal, which is as safe.
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // All that there are: the usual 16 would have each admission parsed anew.
    db.set_prepared_statement_cache_capacity(64);
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    // What is forgotten is overwritten.
    db.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    db.pragma_update_and_check(None, "max_page_count", MOST_PAGES, |_| Ok(()))?;
    db.pragma_update_and_check(None, "wal_autocheckpoint", LOG_PAGES, |_| Ok(()))?;
    db.pragma_update_and_check(None, "journal_size_limit", LOG_KEPT, |_| Ok(()))?;
    Ok(())
}

/// Makes the tables where the file is empty: all of them or none.
fn make(db: &mut Connection, seal: &Seal) -> rusqlite::Result<()> {
    if !is_new(db)? {
        return Ok(());
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have come first.
    if is_new(&tx)? {
        tx.execute_batch(TABLES)?;
        tx.execute("INSERT INTO seal (one, proof) VALUES (1, ?1)", [seal.proof])?;
        tx.pragma_update(None, "application_id", APPLICATION)?;
        tx.pragma_update(None, "user_version", VERSION)?;
    }
    tx.commit()?;
    // Into the file itself. Where somebody reads already it is left for later.
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Whether nobody has written in it.
fn is_new(db: &Connection) -> rusqlite::Result<bool> {
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0 && number(db, "application_id")? == 0 && number(db, "user_version")? == 0)
}

fn number(db: &Connection, pragma: &str) -> rusqlite::Result<i32> {
    db.pragma_query_value(None, pragma, |row| row.get(0))
}

/// That it is ours, whole, of this schema, and of this key.
fn recognise(db: &Connection, path: &Path, seal: &Seal) -> Result<(), Fault> {
    let fault = |error| Fault::of(path, error);
    if number(db, "application_id").map_err(fault)? != APPLICATION {
        return Err(Fault::new(path, What::Foreign));
    }
    let version = number(db, "user_version").map_err(fault)?;
    if version > VERSION {
        return Err(Fault::new(path, What::Newer { found: version, known: VERSION }));
    }
    // Reads every page: milliseconds for a few hundred people.
    let checked: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(fault)?;
    if checked != "ok" {
        return Err(Fault::new(path, What::Damaged(checked)));
    }
    let proof = db.query_row("SELECT proof FROM seal", [], |row| row.get::<_, Vec<u8>>(0)).optional().map_err(fault)?;
    match proof {
        Some(proof) if proof == seal.proof => Ok(()),
        Some(_) => Err(Fault::new(path, What::OtherKey)),
        None => Err(Fault::new(path, What::Damaged("the row that tells its key is missing".to_owned()))),
    }
}
