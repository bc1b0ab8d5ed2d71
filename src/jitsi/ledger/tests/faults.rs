//! Files that cannot be used: said, kept, tried again, and never deleted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

/// What a ledger has against a file: the same as the answer, as the kept fault and to a reader.
async fn fault(place: &Place) -> String {
    let ledger = place.ledger();
    let error = ledger.admit(asks("ada", "one")).await.expect_err("a fault").to_string();
    assert_eq!(ledger.fault().as_deref(), Some(error.as_str()));
    let file = place.file().display().to_string();
    assert!(error.contains(&file), "{error}");
    error
}

fn reader_fault(place: &Place) -> String {
    Reading::open(&place.file(), &key()).expect_err("a fault").words()
}

/// A ledger with one device, closed.
async fn used(place: &Place) {
    place.ledger().admit(asks("ada", "one")).await.expect("admitted");
    // Without it the last writer's log would be read in place of the damaged pages.
    let written: (i64, i64, i64) = place
        .database()
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .expect("written back");
    assert_eq!(written.0, 0, "nobody holds it");
}

#[tokio::test]
async fn a_folder_that_is_missing_is_named_with_the_command_and_found_when_it_is_made() {
    let outer = tempfile::tempdir().expect("a folder");
    let folder = outer.path().join("state");
    let file = folder.join(FILE);
    let ledger = Ledger::open_patient(file.clone(), key(), Clock::Fixed(NOW), Duration::ZERO);
    let error = ledger.admit(asks("ada", "one")).await.expect_err("a fault").to_string();
    assert!(error.contains("install -d -m 0700"), "{error}");
    fs::create_dir(&folder).expect("made");
    ledger.admit(asks("ada", "one")).await.expect("admitted");
    assert_eq!(ledger.fault(), None);
}

#[tokio::test]
async fn a_fault_is_not_tried_again_on_every_request() {
    let outer = tempfile::tempdir().expect("a folder");
    let folder = outer.path().join("state");
    let ledger = Ledger::open(folder.join(FILE), key(), Clock::Fixed(NOW));
    ledger.admit(asks("ada", "one")).await.expect_err("a fault");
    fs::create_dir(&folder).expect("made");
    ledger.admit(asks("ada", "one")).await.expect_err("the fault that was kept");
    assert!(ledger.fault().is_some());
    assert!(!folder.join(FILE).exists(), "nobody looked");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_as_it_is() {
    let place = Place::new();
    let garbage = b"no database, and longer than the header of one would be: ".repeat(40);
    fs::write(place.file(), &garbage).expect("written");
    let error = fault(&place).await;
    assert!(error.contains("is damaged") && error.contains("mv "), "{error}");
    assert!(reader_fault(&place).contains("is damaged"));
    assert_eq!(fs::read(place.file()).expect("read"), garbage);
}

#[tokio::test]
async fn a_damaged_or_cut_off_ledger_is_found_out_and_left_as_it_is() {
    let place = Place::new();
    used(&place).await;
    let whole = fs::read(place.file()).expect("read");
    let page = 4096;
    assert!(whole.len() > 8 * page, "{}", whole.len());
    let mut scrambled = whole.clone();
    scrambled[page..4 * page].fill(0xa5);
    for damaged in [scrambled, whole[..whole.len() / 2].to_vec(), whole[..100].to_vec(), whole[..10].to_vec()] {
        fs::write(place.file(), &damaged).expect("written");
        let error = fault(&place).await;
        assert!(error.contains("is damaged"), "{error}");
        assert_eq!(fs::read(place.file()).expect("read"), damaged);
    }
    fs::write(place.file(), &whole).expect("put back");
    assert!(!place.ledger().admit(asks("ada", "one")).await.expect("admitted").new_device);
}

#[tokio::test]
async fn a_ledger_that_is_damaged_while_it_is_open_is_a_fault_and_no_panic() {
    let place = Place::new();
    let ledger = place.ledger();
    ledger.admit(asks("ada", "one")).await.expect("admitted");
    let bare = |sql: &'static str| ledger.ask(move |book| book.read(|db, _| db.query_row(sql, [], |_| Ok(()))));
    bare("PRAGMA wal_checkpoint(TRUNCATE)").await.expect("written back");
    let mut bytes = fs::read(place.file()).expect("read");
    bytes[4096..].fill(0xa5);
    fs::write(place.file(), bytes).expect("as a failing disk might");
    // What is in memory would be believed.
    ledger.ask(|book| book.read(|db, _| db.execute_batch("PRAGMA shrink_memory"))).await.expect("forgotten");
    let error = ledger.admit(asks("ada", "two")).await.expect_err("a fault").to_string();
    assert!(error.contains("is damaged"), "{error}");
    assert!(ledger.fault().is_some());
}

#[tokio::test]
async fn a_database_of_another_program_is_not_touched() {
    let place = Place::new();
    place.database().execute_batch("CREATE TABLE theirs (a); PRAGMA user_version = 1").expect("made");
    let before = fs::read(place.file()).expect("read");
    assert!(fault(&place).await.contains("another program"));
    assert!(reader_fault(&place).contains("another program"));
    assert_eq!(fs::read(place.file()).expect("read"), before);
}

#[test]
fn a_ledger_that_is_just_being_made_is_none_yet() {
    let place = Place::new();
    fs::write(place.file(), []).expect("made");
    assert!(Reading::open(&place.file(), &key()).expect("no fault").is_none());
    // What comes next, before there are tables and a name.
    place.database().pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).expect("made");
    assert!(fs::metadata(place.file()).expect("there").len() > 0);
    assert!(Reading::open(&place.file(), &key()).expect("no fault").is_none());
}

#[tokio::test]
async fn a_newer_schema_is_said_and_not_written() {
    let place = Place::new();
    used(&place).await;
    place.database().pragma_update(None, "user_version", 7).expect("set");
    let error = fault(&place).await;
    assert!(error.contains("newer gatepost") && error.contains("version 7"), "{error}");
    assert!(reader_fault(&place).contains("newer gatepost"));
}

#[tokio::test]
async fn another_key_is_said_and_makes_no_garbage() {
    let place = Place::new();
    used(&place).await;
    let other = LedgerKey::new([8; 32]);
    let ledger = Ledger::open_patient(place.file(), other.clone(), Clock::Fixed(NOW), Duration::ZERO);
    let error = ledger.admit(asks("ada", "one")).await.expect_err("a fault").to_string();
    assert!(error.contains("another installation's key"), "{error}");
    assert!(Reading::open(&place.file(), &other).expect_err("a fault").words().contains("another installation's key"));
    assert_eq!(counted(&place.ledger()).await.devices, 1);
}

/// Does this as user 65534 where the test runs as root, whom no mode keeps out; the ledger's thread is that user's too.
fn as_nobody<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let worker = std::thread::spawn(move || {
        if rustix::process::geteuid().is_root() {
            let nobody = rustix::process::Uid::from_raw(65534);
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).expect("another user");
        }
        work()
    });
    worker.join().expect("it ends")
}

/// What a ledger says that may not write this file.
fn admit_as_nobody(path: &Path) -> String {
    let path = path.to_owned();
    as_nobody(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let ledger = Ledger::open(path, key(), Clock::Fixed(NOW));
            ledger.admit(asks("ada", "one")).await.expect_err("a fault").to_string()
        })
    })
}

#[tokio::test]
async fn a_file_or_folder_that_may_not_be_written_is_said_with_the_command() {
    let place = Place::new();
    used(&place).await;
    let mode = |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("mode set");
    mode(place.folder.path(), 0o555);
    mode(&place.file(), 0o444);
    let error = admit_as_nobody(&place.file());
    assert!(error.contains("cannot be opened") && error.contains("chown -R"), "{error}");
    // The file may be written, and the folder not: SQLite needs a second file beside the first.
    mode(&place.file(), 0o666);
    let error = admit_as_nobody(&place.file());
    assert!(error.contains("can be read and not written") && error.contains("chown -R"), "{error}");
    let error = admit_as_nobody(&place.folder.path().join("new.sqlite"));
    assert!(error.contains("cannot be opened"), "{error}");
    mode(place.folder.path(), 0o755);
}

#[tokio::test]
async fn a_folder_in_the_files_place_is_said() {
    let place = Place::new();
    fs::create_dir(place.file()).expect("made");
    assert!(fault(&place).await.contains("cannot be opened"));
}

#[tokio::test]
async fn a_full_disk_is_said_keeps_what_was_counted_and_goes_on_when_there_is_room() {
    let place = Place::new();
    let ledger = place.ledger();
    ledger.admit(asks("ada", "one")).await.expect("admitted");
    // SQLite's own bound stands for the disk's: the error is the same.
    let mut n = 0;
    let error = loop {
        let bound = "PRAGMA max_page_count = 1";
        let bounded = ledger.ask(move |book| book.read(|db, _| db.query_row(bound, [], |row| row.get::<_, i64>(0))));
        bounded.await.expect("bounded to what it has");
        n += 1;
        match ledger.admit(asks("ada", &format!("d{n}"))).await {
            Ok(_) => assert!(n < 10_000, "it never fills"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("cannot grow") && error.contains("df -h"), "{error}");
    assert_eq!(counted(&ledger).await.devices, n, "one and those up to the one that failed; reading goes on");
    assert!(ledger.fault().is_some(), "reading does not make it well");
    // It is opened anew, without the bound.
    assert!(!ledger.admit(asks("ada", "d1")).await.expect("admitted").new_device);
    assert_eq!(ledger.fault(), None);
}

#[tokio::test]
async fn a_file_that_is_removed_while_it_is_open_is_made_anew() {
    let place = Place::new();
    let ledger = place.ledger();
    ledger.admit(asks("ada", "one")).await.expect("admitted");
    fs::rename(place.file(), place.folder.path().join("aside")).expect("moved");
    for rest in ["-wal", "-shm"] {
        let path = format!("{}{rest}", place.file().display());
        fs::rename(&path, format!("{path}.aside")).expect("moved");
    }
    let admitted = ledger.admit(asks("ada", "one")).await.expect("admitted");
    assert!(admitted.new_device);
    assert_eq!(counted(&place.ledger()).await.devices, 1, "it is in the file that others find");
}
