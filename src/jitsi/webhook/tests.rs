//! Posts of 8x8's shape, and of others.

use serde_json::{Value, json};

use super::*;

const APP: &str = "vpaas-magic-cookie-0123456789abcdef0123456789abcdef";

fn post(kind: &str, data: &Value) -> Value {
    json!({
        "idempotencyKey": "251d4ca8-0000-4000-8000-645042679257",
        "customerId": "0123456789abcdef0123456789abcdef",
        "appId": APP,
        "eventType": kind,
        "sessionId": "c3348153-0000-4000-8000-5ae91b433c26",
        "timestamp": 1_795_000_000_154_u64,
        "fqn": format!("{APP}/room"),
        "data": data,
    })
}

fn parse(post: &Value) -> Result<Event, EventError> {
    Event::parse(post.to_string().as_bytes())
}

fn used(device: &str, person: Option<&str>) -> Used {
    Used { device: device.into(), person: person.map(Into::into) }
}

#[test]
fn a_usage_names_devices_and_whose_they_are() {
    let data = json!([
        { "customerId": "c", "deviceId": "d1", "email": "a@chat.example", "kid": "k", "userId": "p1" },
        { "customerId": "c", "deviceId": "d2", "email": null, "userId": null },
        { "deviceId": "+15550100", "callDirection": "in" },
        { "deviceId": "d3", "userId": "" },
    ]);
    let event = parse(&post("USAGE", &data)).expect("an event");
    assert_eq!(event.key.as_deref(), Some("251d4ca8-0000-4000-8000-645042679257"));
    assert_eq!(event.at, 1_795_000_000, "milliseconds become seconds");
    let devices = vec![used("d1", Some("p1")), used("d2", None), used("+15550100", None), used("d3", None)];
    assert_eq!(event.what, What::Usage(devices));
    assert!(event.belongs_to(APP));
    assert!(!event.belongs_to("vpaas-magic-cookie-another") && !event.belongs_to(""));
}

#[test]
fn who_joins_is_a_visit_whatever_its_fields_are() {
    let joined = post("PARTICIPANT_JOINED", &json!({ "moderator": "true", "id": 7, "participantId": [] }));
    assert_eq!(parse(&joined).expect("an event").what, What::Joined);
}

#[test]
fn types_that_are_not_used_or_not_known_are_taken_with_any_data() {
    for kind in ["ROOM_CREATED", "SPEAKER_STATS", "SOMETHING_NEW", ""] {
        for data in [json!(null), json!([1, 2]), json!({ "a": { "b": [] } })] {
            assert_eq!(parse(&post(kind, &data)).expect("an event").what, What::Other, "{kind}");
        }
    }
}

#[test]
fn an_event_without_app_id_belongs_by_its_room() {
    let mut without = post("POLL_CREATED", &json!({}));
    without["appId"] = json!(null);
    without["idempotencyKey"] = json!(null);
    let event = parse(&without).expect("an event");
    assert!(event.belongs_to(APP));
    assert_eq!(event.key, None);
}

#[test]
fn what_cannot_be_right_is_refused_and_never_a_panic() {
    let mut bad = vec![
        post("USAGE", &json!(null)),
        post("USAGE", &json!({ "deviceId": "d" })),
        post("USAGE", &json!([{ "userId": "p" }])),
        post("USAGE", &json!([{ "deviceId": 7 }])),
        post("USAGE", &json!([{ "deviceId": "" }])),
        post("USAGE", &json!([{ "deviceId": "d".repeat(LONGEST_ID + 1) }])),
        post("USAGE", &json!([{ "deviceId": "d", "userId": "p".repeat(LONGEST_ID + 1) }])),
        post("USAGE", &json!(vec![json!({ "deviceId": "d" }); MOST_DEVICES + 1])),
        json!({}),
        json!([]),
        json!(null),
    ];
    for (field, value) in [
        ("timestamp", json!(null)),
        ("timestamp", json!(-1)),
        ("timestamp", json!("1795000000154")),
        ("timestamp", json!(1_795_000_000)),
        ("timestamp", json!(u64::MAX)),
        ("eventType", json!(null)),
        ("idempotencyKey", json!("k".repeat(LONGEST_ID + 1))),
        ("appId", json!(["a"])),
    ] {
        let mut one = post("USAGE", &json!([{ "deviceId": "d" }]));
        one[field] = value;
        bad.push(one);
    }
    for one in bad {
        assert!(parse(&one).is_err(), "{one}");
    }
    for text in [b"".as_slice(), b"{", b"\xff", b"eventType=USAGE", &[b'['; 100_000]] {
        assert!(Event::parse(text).is_err());
    }
    assert!(matches!(Event::parse(&vec![b' '; LONGEST + 1]), Err(EventError::TooLong)));
}
