//! Verification is real Argon2; what is asserted is who gets in and how often it was looked at, never how long it took.

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use futures_util::future::join_all;

use super::*;
use crate::config::finding::Place;
use crate::config::model::User;

/// As little work as Argon2 allows: with the usual, tries come back before they are used up on a busy machine.
fn cheap(password: &str) -> String {
    let params = Params::new(Params::MIN_M_COST, Params::MIN_T_COST, Params::MIN_P_COST, None).expect("its own bounds");
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    hasher.hash_password(password.as_bytes()).expect("a hash").to_string()
}

fn guard() -> Arc<Guard> {
    let auth = Auth {
        name: "staff".into(),
        realm: "Our staff".into(),
        users: vec![User { name: "anna".into(), hash: Secret::new(cheap("größe:1")), place: Place::default() }],
        file: None,
        forward: false,
        place: Place::default(),
    };
    // A desk of its own: what fills one test's queue is nothing to another's.
    Arc::new(Guard::at(Box::leak(Box::new(Desk::new())), &auth).expect("a guard"))
}

async fn ask(guard: &Arc<Guard>, fields: &HeaderMap, address: IpAddr) -> Result<Arc<str>, Refusal> {
    match guard.admit(fields, address)? {
        Admission::Known(user) => Ok(user),
        Admission::Looking(answer) => answer.await,
    }
}

fn with(authorization: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::AUTHORIZATION, authorization.parse().expect("a value"))])
}

fn basic(text: &str) -> HeaderMap {
    with(&format!("Basic {}", BASE64.encode(text)))
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([203, 0, 113, last])
}

fn told(outcome: &Result<Arc<str>, Refusal>) -> String {
    match outcome {
        Ok(user) => user.to_string(),
        Err(refusal) => format!("{} {refusal}", refusal.status().as_u16()),
    }
}

#[tokio::test]
async fn who_has_the_password_comes_in_however_it_is_spelled() {
    let guard = guard();
    let right = BASE64.encode("anna:größe:1");
    for line in [format!("Basic {right}"), format!("bASIC   {right}"), format!("Basic {}", right.trim_end_matches('='))]
    {
        assert_eq!(told(&ask(&guard, &with(&line), address(1)).await), "anna", "{line}");
    }
}

#[tokio::test]
async fn whatever_else_comes_is_asked_for_the_password() {
    let guard = guard();
    for fields in [
        HeaderMap::new(),
        with("Bearer abc"),
        with("Basic"),
        with("Basic !!!"),
        with(&format!("Basic {}", BASE64.encode("anna"))),
        with(&format!("Basic {}", BASE64.encode([0xff, b':', b'x']))),
    ] {
        let refused = ask(&guard, &fields, address(1)).await;
        assert_eq!(told(&refused), "401 no password came along", "{fields:?}");
        let Err(refusal) = refused else { panic!("let in") };
        let challenge = refusal.fields().expect("a challenge");
        assert_eq!(challenge.1, "Basic realm=\"Our staff\", charset=\"UTF-8\"");
    }
    let mut twice = basic("anna:größe:1");
    twice.append(header::AUTHORIZATION, "Basic eDp5".parse().expect("a value"));
    assert!(told(&ask(&guard, &twice, address(1)).await).starts_with("401"));
    let long = basic(&format!("anna:{}", "x".repeat(LONGEST)));
    assert!(told(&ask(&guard, &long, address(1)).await).starts_with("401"));
    for wrong in ["anna:größe", "anna:", "bert:größe:1", ":größe:1", "ANNA:größe:1"] {
        assert_eq!(
            told(&ask(&guard, &basic(wrong), address(1)).await),
            "401 the name or the password is wrong",
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn ten_wrong_tries_are_too_many_and_stop_nobody_who_is_known_or_from_elsewhere() {
    let guard = guard();
    let right = basic("anna:größe:1");
    assert_eq!(told(&ask(&guard, &right, address(1)).await), "anna");
    for number in 0..TRIES.burst {
        assert!(told(&ask(&guard, &basic(&format!("anna:{number}")), address(1)).await).starts_with("401"));
    }
    let refused = ask(&guard, &basic("anna:another"), address(1)).await;
    assert!(told(&refused).starts_with("429"), "{refused:?}");
    // The same wrong one again is known to be wrong and costs nothing.
    assert!(told(&ask(&guard, &basic("anna:0"), address(1)).await).starts_with("401"));
    assert_eq!(told(&ask(&guard, &right, address(1)).await), "anna", "known already");
    assert!(told(&ask(&guard, &basic("anna:another"), address(2)).await).starts_with("401"), "from elsewhere");
}

#[tokio::test]
async fn many_requests_with_one_new_password_cost_one_look() {
    let guard = guard();
    // More than there are tries, and more than the queue holds.
    let asking = (0..100).map(async |_| told(&ask(&guard, &basic("anna:größe:1"), address(1)).await));
    let outcomes = join_all(asking).await;
    assert!(outcomes.iter().all(|outcome| outcome == "anna"), "{outcomes:?}");
    assert!(guard.memory().waiting.is_empty());
    // Right ones use up no try.
    for number in 0..TRIES.burst {
        assert!(told(&ask(&guard, &basic(&format!("anna:{number}")), address(1)).await).starts_with("401"));
    }
}

#[tokio::test]
async fn a_crowd_of_strangers_is_turned_away_and_nobody_waits_for_ever() {
    let guard = guard();
    let asking =
        (0..200).map(async |number| told(&ask(&guard, &basic(&format!("x{number}:y")), address(number)).await));
    let outcomes = join_all(asking).await;
    let crowded = outcomes.iter().filter(|outcome| outcome.starts_with("503")).count();
    assert!(crowded > 0 && outcomes.iter().all(|it| it.starts_with("503") || it.starts_with("401")), "{outcomes:?}");
    assert!(guard.memory().waiting.is_empty());
    assert_eq!(told(&ask(&guard, &basic("anna:größe:1"), address(1)).await), "anna");
}

#[tokio::test]
async fn nothing_of_a_credential_is_shown_or_kept_in_clear() {
    let guard = guard();
    ask(&guard, &basic("anna:größe:1"), address(1)).await.expect("let in");
    let refused = ask(&guard, &basic("anna:s3cr3t"), address(1)).await.expect_err("refused");
    let shown = format!("{guard:?} {refused:?} {refused}");
    assert!(!shown.contains("s3cr3t") && !shown.contains("größe") && !shown.contains("argon2"), "{shown}");
}

#[test]
fn a_guard_over_the_same_users_is_as_the_other() {
    let (one, other) = (guard(), guard());
    assert!(one.is_as(&one) && !one.is_as(&other), "another salt is another hash");
}
