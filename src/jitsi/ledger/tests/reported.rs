//! 8x8's own count, and the devices that it does not know yet.

use serde_json::json;

use super::*;

const MINUTE: u64 = 60;

fn event(key: &str, kind: &str, at: u64, data: &serde_json::Value) -> Event {
    let post = json!({ "idempotencyKey": key, "appId": "a", "eventType": kind, "timestamp": at * 1000, "data": data });
    Event::parse(post.to_string().as_bytes()).expect("an event")
}

/// A report of devices, each with its person's id or none.
fn usage(key: &str, at: u64, devices: &[(&str, Option<&str>)]) -> Event {
    let data: Vec<_> = devices.iter().map(|(device, person)| json!({ "deviceId": device, "userId": person })).collect();
    event(key, "USAGE", at, &json!(data))
}

async fn record(ledger: &Ledger, event: Event) -> Recorded {
    ledger.record("jaas".into(), event).await.expect("recorded")
}

#[tokio::test]
async fn reported_devices_are_the_real_count_and_decide_in_place_of_ours() {
    let place = Place::new();
    let ledger = place.ledger();
    for n in 0..25 {
        ledger.admit(asks(&format!("p{n}"), &format!("d{n}"))).await.expect("admitted");
    }
    assert!(!ledger.admit(within(25, asks("new", "new"))).await.expect("an answer").let_in, "our own count is full");
    // An hour later 8x8 knows of three: the others opened a page and met nobody.
    let later = place.ledger_at(NOW + 60 * MINUTE);
    record(&later, usage("e1", NOW, &[("x1", Some("p0")), ("x2", Some("p1")), ("x3", None)])).await;
    let much_later = place.ledger_at(NOW + 120 * MINUTE);
    record(&much_later, event("e2", "PARTICIPANT_JOINED", NOW, &json!({}))).await;
    let admitted = much_later.admit(within(25, asks("new", "new"))).await.expect("an answer");
    assert!(admitted.let_in && !admitted.over, "{admitted:?}");
    assert_eq!((admitted.devices, admitted.real), (26, Some(3)));
    assert!(!much_later.admit(within(4, asks("newer", "newer"))).await.expect("an answer").let_in, "3 and 1 in flight");
    let people = place.reading().people("jaas", YearMonth::of(NOW)).expect("people");
    assert_eq!(people.iter().map(|person| person.reported).sum::<u32>(), 2, "the third is nobody's");
}

#[tokio::test]
async fn nobodys_count_is_the_real_one_before_8x8_reports_a_device() {
    let place = Place::new();
    let ledger = place.ledger();
    ledger.admit(asks("ada", "one")).await.expect("admitted");
    record(&ledger, event("e1", "PARTICIPANT_JOINED", NOW, &json!({ "id": "ada" }))).await;
    let month = counted(&ledger).await;
    assert_eq!((month.real, month.joined), (None, 1));
    // A webhook without USAGE must not open the budget for all.
    assert!(!ledger.admit(within(1, asks("bob", "two"))).await.expect("an answer").let_in);
}

#[tokio::test]
async fn a_token_in_flight_counts_until_its_person_is_reported_or_five_minutes_are_over() {
    let place = Place::new();
    let ledger = place.ledger();
    record(&ledger, usage("e1", NOW, &[("x1", Some("ada"))])).await;
    ledger.admit(asks("bob", "bobs")).await.expect("admitted");
    ledger.admit(guest("tablet")).await.expect("admitted");
    let full = |limit, now| {
        let ledger = place.ledger_at(now);
        async move { !ledger.admit(within(limit, asks("eve", "eves"))).await.expect("an answer").let_in }
    };
    assert!(full(3, NOW + MINUTE).await, "one reported, two in flight");
    let next = place.ledger_at(NOW + MINUTE);
    record(&next, usage("e2", NOW + MINUTE, &[("x2", Some("bob"))])).await;
    assert!(full(3, NOW + MINUTE).await, "two reported, the guest in flight, and not bob twice");
    assert!(full(3, NOW + 4 * MINUTE).await);
    let later = place.ledger_at(NOW + 9 * MINUTE);
    record(&later, event("e3", "PARTICIPANT_JOINED", NOW + 9 * MINUTE, &json!({}))).await;
    assert!(!full(3, NOW + 10 * MINUTE).await, "the guest met nobody within five minutes");
}

#[tokio::test]
async fn a_report_of_another_device_of_the_same_person_does_not_land_an_older_one() {
    let place = Place::new();
    let ledger = place.ledger();
    record(&ledger, usage("e1", NOW, &[("phone", Some("ada"))])).await;
    let next = place.ledger_at(NOW + MINUTE);
    next.admit(asks("ada", "laptop")).await.expect("admitted");
    // The phone again: it was reported before the laptop had its token.
    record(&next, usage("e2", NOW + MINUTE, &[("phone", Some("ada"))])).await;
    assert!(!next.admit(within(2, asks("bob", "two"))).await.expect("an answer").let_in);
}

#[tokio::test]
async fn a_webhook_that_fell_silent_does_not_open_the_budget() {
    let place = Place::new();
    record(&place.ledger(), usage("e1", NOW, &[("x1", Some("ada"))])).await;
    // The secret was changed on one side. A day later, and the day after:
    for n in 1..=4 {
        let ledger = place.ledger_at(NOW + n * DAY);
        ledger.admit(within(5, asks(&format!("p{n}"), &format!("d{n}")))).await.expect("admitted");
    }
    let refused = place.ledger_at(NOW + 5 * DAY).admit(within(5, asks("new", "new"))).await.expect("an answer");
    assert!(!refused.let_in, "{refused:?}");
    assert_eq!((refused.devices, refused.real), (4, Some(1)));
}

#[tokio::test]
async fn an_event_that_comes_twice_counts_once_also_after_a_restart() {
    let place = Place::new();
    let joined = || event("same", "PARTICIPANT_JOINED", NOW, &json!({}));
    assert_eq!(record(&place.ledger(), joined()).await, Recorded::New);
    let ledger = place.ledger_at(NOW + DAY);
    assert_eq!(record(&ledger, joined()).await, Recorded::Duplicate);
    assert_eq!(ledger.record("other".into(), joined()).await.expect("recorded"), Recorded::New, "of another launcher");
    assert_eq!(record(&ledger, event("k", "ROOM_CREATED", NOW, &json!({}))).await, Recorded::Ignored);
    assert_eq!(counted(&ledger).await.joined, 1);
}

#[tokio::test]
async fn keys_of_events_are_kept_in_a_bounded_number() {
    let place = Place::new();
    let ledger = place.ledger();
    record(&ledger, event("first", "PARTICIPANT_JOINED", NOW, &json!({}))).await;
    record(&ledger, event("second", "PARTICIPANT_JOINED", NOW, &json!({}))).await;
    let database = place.database();
    database.execute("UPDATE event SET id = 20001 WHERE id = 2", []).expect("as if many had come between");
    record(&ledger, event("third", "PARTICIPANT_JOINED", NOW, &json!({}))).await;
    let kept: u32 = database.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).expect("counted");
    assert_eq!(kept, 2);
    assert_eq!(record(&ledger, event("third", "PARTICIPANT_JOINED", NOW, &json!({}))).await, Recorded::Duplicate);
}

#[tokio::test]
async fn a_report_counts_in_the_month_in_which_it_happened() {
    let place = Place::new();
    let first_of_december = 1_796_083_200;
    let ledger = place.ledger_at(first_of_december + 60 * MINUTE);
    record(&ledger, usage("late", first_of_december - 1, &[("x1", None), ("x2", None)])).await;
    record(&ledger, usage("new", first_of_december, &[("x1", None)])).await;
    let months = ledger.months("jaas".into(), 2).await.expect("months");
    assert_eq!([months[0].real, months[1].real], [Some(2), Some(1)]);
    assert_eq!([months[0].month.to_string(), months[1].month.to_string()], ["2026-11", "2026-12"]);
}
