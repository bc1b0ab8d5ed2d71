//! An invitation has one device.

use super::*;

const ONE: [u8; 16] = [1; 16];

#[tokio::test]
async fn an_invitation_belongs_to_the_first_device_across_restarts_and_clock_jumps() {
    let place = Place::new();
    assert!(place.ledger().redeem(ONE, "phone".into(), NOW + DAY).await.expect("an answer"));
    assert!(place.ledger().redeem(ONE, "phone".into(), NOW + DAY).await.expect("an answer"));
    assert!(!place.ledger().redeem(ONE, "laptop".into(), NOW + DAY).await.expect("an answer"));
    let in_2040 = place.ledger_at(NOW + 14 * 365 * DAY);
    assert!(in_2040.redeem([2; 16], "tablet".into(), NOW + 15 * 365 * DAY).await.expect("an answer"));
    assert!(!place.ledger().redeem(ONE, "laptop".into(), NOW + DAY).await.expect("an answer"));
}

#[tokio::test]
async fn ended_invitations_are_forgotten_in_the_end_and_live_ones_never() {
    let place = Place::new();
    let ledger = place.ledger();
    ledger.redeem(ONE, "phone".into(), NOW + DAY).await.expect("an answer");
    ledger.redeem([2; 16], "phone".into(), NOW - 1).await.expect("an answer");
    ledger.redeem([3; 16], "phone".into(), NOW + DAY).await.expect("an answer");
    let database = place.database();
    database.execute("UPDATE invitation SET id = 20000 WHERE id = 3", []).expect("as if many had come between");
    ledger.redeem([4; 16], "phone".into(), NOW + DAY).await.expect("an answer");
    assert!(!ledger.redeem(ONE, "laptop".into(), NOW + DAY).await.expect("an answer"), "it has not ended");
    let left: u32 = database.query_row("SELECT count(*) FROM invitation", [], |row| row.get(0)).expect("counted");
    assert_eq!(left, 3);
}
