//! Months come and go, and the clock is not always right.

use super::*;

/// Noon of the 15th of a month.
fn middle_of(year: i32, month: u8) -> u64 {
    let month = ::time::Month::try_from(month).expect("a month");
    let day = ::time::Date::from_calendar_date(year, month, 15).expect("a day");
    day.with_hms(12, 0, 0).expect("noon").assume_utc().unix_timestamp().try_into().expect("after 1970")
}

async fn admit_at(place: &Place, now: u64, device: &str) -> Admitted {
    place.ledger_at(now).admit(asks("ada", device)).await.expect("admitted")
}

#[tokio::test]
async fn a_new_month_begins_at_nothing() {
    let place = Place::new();
    admit_at(&place, middle_of(2026, 11), "one").await;
    let admitted = admit_at(&place, middle_of(2026, 12), "one").await;
    assert!(admitted.new_device);
    assert_eq!(admitted.devices, 1);
}

#[tokio::test]
async fn a_clock_that_jumps_to_2040_and_returns_loses_nothing_and_counts_nothing_twice() {
    let place = Place::new();
    for device in ["one", "two"] {
        admit_at(&place, NOW, device).await;
    }
    for month in [1, 2, 3] {
        admit_at(&place, middle_of(2040, month), "one").await;
    }
    let back = admit_at(&place, NOW + 60, "one").await;
    assert!(!back.new_device);
    assert_eq!(back.devices, 2);
    let months = place.ledger().months("jaas".into(), 12).await.expect("months");
    assert_eq!(months.iter().map(|month| month.devices).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
}

#[tokio::test]
async fn a_clock_that_goes_back_or_starts_in_1970_does_no_harm() {
    let place = Place::new();
    admit_at(&place, middle_of(2026, 10), "one").await;
    admit_at(&place, NOW, "one").await;
    admit_at(&place, 0, "one").await;
    assert!(!admit_at(&place, middle_of(2026, 10), "one").await.new_device);
    assert!(!admit_at(&place, NOW, "one").await.new_device);
    assert_eq!(admit_at(&place, u64::MAX, "one").await.devices, 1, "nor one that is mad");
    assert!(!admit_at(&place, NOW, "one").await.new_device);
}

#[tokio::test]
async fn ids_are_kept_for_two_months_and_counts_for_two_years() {
    let place = Place::new();
    let months: Vec<(i32, u8)> = (2024..2028).flat_map(|year| (1..=12).map(move |month| (year, month))).collect();
    for &(year, month) in &months[..30] {
        admit_at(&place, middle_of(year, month), "one").await;
        admit_at(&place, middle_of(year, month), "two").await;
    }
    let database = place.database();
    let number = |sql: &str| -> u32 { database.query_row(sql, [], |row| row.get(0)).expect("counted") };
    for table in ["device", "use"] {
        assert_eq!(number(&format!("SELECT count(*) FROM {table}")), 4, "{table}");
    }
    assert_eq!(number("SELECT count(*) FROM person"), 2);
    assert_eq!(number("SELECT count(*) FROM month"), 24);
    let shown = place.ledger_at(middle_of(2026, 6)).months("jaas".into(), 24).await.expect("months");
    assert!(shown.iter().all(|month| month.devices == 2 && month.people == 1), "{shown:?}");
    let reading = place.reading();
    assert_eq!(reading.people("jaas", "2026-05".parse().expect("a month")).expect("people").len(), 1);
    assert_eq!(reading.people("jaas", "2026-04".parse().expect("a month")).expect("people").len(), 0);
}

#[tokio::test]
async fn one_launchers_months_make_no_other_launchers_old() {
    let place = Place::new();
    admit_at(&place, middle_of(2026, 1), "one").await;
    for month in 2..=6 {
        let other = Admission { launcher: "other".into(), ..asks("ada", "one") };
        place.ledger_at(middle_of(2026, month)).admit(other).await.expect("admitted");
    }
    assert_eq!(place.reading().people("jaas", "2026-01".parse().expect("a month")).expect("people").len(), 1);
}
