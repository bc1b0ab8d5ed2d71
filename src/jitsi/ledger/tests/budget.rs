//! Who is counted, who is let in, and what the file tells a stranger.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[tokio::test]
async fn people_and_devices_are_counted_once_a_month() {
    let place = Place::new();
    let ledger = place.ledger();
    for (asks, devices, people, new) in [
        (asks("ada", "laptop"), 1, 1, true),
        (asks("ada", "laptop"), 1, 1, false),
        (asks("ada", "phone"), 2, 1, true),
        (asks("bob", "laptop"), 2, 2, false),
        (guest("tablet"), 3, 3, true),
        (guest("tablet"), 3, 3, false),
    ] {
        let admitted = ledger.admit(asks).await.expect("admitted");
        let expected = Admitted { new_device: new, devices, people, real: None, over: false, let_in: true };
        assert_eq!(admitted, expected);
    }
    assert_eq!(counted(&ledger).await.opened, 6);
    let person =
        |name: &str, guest, devices, opened| PersonUse { name: Some(name.into()), guest, devices, reported: 0, opened };
    let people = place.reading().people("jaas", YearMonth::of(NOW)).expect("people");
    assert_eq!(
        people,
        [person("Name of ada", false, 2, 3), person("A guest", true, 1, 2), person("Name of bob", false, 1, 1)]
    );
}

#[tokio::test]
async fn a_full_month_warns_or_turns_new_devices_away_and_known_ones_never() {
    let place = Place::new();
    let ledger = place.ledger();
    for device in ["one", "two"] {
        let admitted = ledger.admit(within(2, asks("ada", device))).await.expect("admitted");
        assert!(admitted.let_in && !admitted.over, "{admitted:?}");
    }
    let refused = ledger.admit(within(2, asks("bob", "three"))).await.expect("an answer");
    assert!(!refused.let_in && refused.over && refused.new_device, "{refused:?}");
    assert_eq!((refused.devices, refused.people), (2, 1), "who was turned away is not counted");
    assert!(ledger.admit(within(2, asks("ada", "one"))).await.expect("an answer").let_in);

    let warned = ledger.admit(Admission { deny_new: false, ..within(2, asks("bob", "three")) }).await;
    let warned = warned.expect("admitted");
    assert!(warned.let_in && warned.over, "{warned:?}");
    assert_eq!(warned.devices, 3);
    // It was let in once, so that it is known.
    let known = ledger.admit(within(2, asks("bob", "three"))).await.expect("an answer");
    assert!(known.let_in && known.over && !known.new_device, "{known:?}");
    assert_eq!(counted(&ledger).await.refused, 1);
}

#[tokio::test]
async fn a_limit_of_nothing_lets_nobody_in() {
    let place = Place::new();
    let ledger = place.ledger();
    assert!(!ledger.admit(within(0, asks("ada", "one"))).await.expect("an answer").let_in);
}

#[tokio::test]
async fn launchers_count_apart() {
    let place = Place::new();
    let ledger = place.ledger();
    ledger.admit(asks("ada", "one")).await.expect("admitted");
    let other = Admission { launcher: "public".into(), ..asks("ada", "one") };
    let admitted = ledger.admit(other).await.expect("admitted");
    assert!(admitted.new_device);
    assert_eq!(admitted.devices, 1);
}

/// Of 40 who ask at once through two gateposts on one file, with one place left, one gets in.
#[test]
fn two_that_race_for_the_last_place_cannot_both_get_in() {
    let place = Place::new();
    let ledgers = [place.ledger(), place.ledger()];
    let all = |asked: Vec<(usize, Admission)>| {
        let threads: Vec<_> = asked
            .into_iter()
            .map(|(n, admission)| {
                let ledger = ledgers[n % 2].clone();
                std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
                    runtime.expect("a runtime").block_on(ledger.admit(admission)).expect("an answer")
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).filter(|admitted| admitted.let_in).count()
    };
    let some = |from: usize, to: usize| -> Vec<(usize, Admission)> {
        (from..to).map(|n| (n, within(25, asks(&format!("p{n}"), &format!("d{n}"))))).collect()
    };
    assert_eq!(all(some(0, 24)), 24);
    assert_eq!(all(some(24, 64)), 1);
    // The same device twice at once is one device.
    assert_eq!(all(vec![(0, asks("twin", "twin")), (1, asks("twin", "twin"))]), 2);
    let month = place.reading().months("jaas", YearMonth::of(NOW), 1).expect("months").remove(0);
    assert_eq!((month.devices, month.people, month.refused), (26, 26, 39));
}

#[tokio::test]
async fn the_file_alone_tells_neither_ids_nor_names_and_is_its_owners() {
    let place = Place::new();
    let ledger = place.ledger();
    ledger.admit(asks("person-4711", "device-4712")).await.expect("admitted");
    ledger.redeem(*b"invitation--4713", "device-4712".into(), NOW + DAY).await.expect("an answer");
    let files: Vec<PathBuf> =
        std::fs::read_dir(place.folder.path()).expect("listed").map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for path in files {
        let bytes = std::fs::read(&path).expect("read");
        for secret in ["4711", "4712", "4713", "Name of", &"\u{7}".repeat(16)] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} shows {secret:?}", path.display());
        }
        let mode = std::fs::metadata(&path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn it_is_the_same_after_a_restart_and_a_reader_makes_no_file() {
    let place = Place::new();
    assert!(Reading::open(&place.file(), &key()).expect("no fault").is_none());
    assert!(!place.file().exists());
    place.ledger().admit(asks("ada", "one")).await.expect("admitted");
    let again = place.ledger().admit(asks("ada", "one")).await.expect("admitted");
    assert!(!again.new_device);
    assert_eq!(place.reading().launchers().expect("launchers"), ["jaas"]);
}

#[tokio::test]
async fn the_file_copied_alone_is_a_whole_ledger_if_not_the_newest() {
    let place = Place::new();
    let ledger = place.ledger();
    ledger.admit(asks("ada", "one")).await.expect("admitted");
    let copy = Place::new();
    std::fs::copy(place.file(), copy.file()).expect("copied");
    copy.ledger().admit(asks("bob", "two")).await.expect("admitted");
}

#[tokio::test]
async fn a_newer_name_takes_the_place_of_the_old_one() {
    let place = Place::new();
    let ledger = place.ledger();
    ledger.admit(asks("ada", "one")).await.expect("admitted");
    ledger.admit(Admission { label: "Ada Newname".into(), ..asks("ada", "one") }).await.expect("admitted");
    let people = place.reading().people("jaas", YearMonth::of(NOW)).expect("people");
    assert_eq!(people[0].name.as_deref(), Some("Ada Newname"));
}

/// Holds the thread until it is dropped.
fn hold(ledger: &Ledger) -> std::sync::mpsc::Sender<()> {
    let (release, held) = std::sync::mpsc::channel();
    ledger.jobs.try_send(Box::new(move |_| _ = held.recv())).expect("taken");
    release
}

#[tokio::test]
async fn a_full_queue_is_an_error_and_soon_over() {
    let place = Place::new();
    let ledger = place.ledger();
    let release = hold(&ledger);
    let mut filled = 0;
    while ledger.jobs.try_send(Box::new(|_| ())).is_ok() {
        filled += 1;
        assert!(filled <= QUEUE + 1, "the queue grows without end");
    }
    let error = ledger.admit(asks("ada", "one")).await.expect_err("no place");
    assert!(matches!(error, LedgerError::Crowded), "{error:?}");
    drop(release);
    // What waited is done before this one has its place.
    let place = ledger.jobs.reserve().await.expect("a place");
    drop(place);
    assert!(ledger.fault().is_none());
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_is_told_so_and_not_counted_later() {
    let place = Place::new();
    let ledger = place.ledger();
    let release = hold(&ledger);
    let error = ledger.admit(asks("ada", "one")).await.expect_err("too late");
    assert!(matches!(error, LedgerError::Slow), "{error:?}");
    drop(release);
    tokio::time::resume();
    assert_eq!(counted(&ledger).await.devices, 0);
}
