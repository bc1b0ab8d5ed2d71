//! What can be said without a server. Servers good and bad are in `tests/it/cert_bad.rs` and `cert_inspect.rs`.

use super::*;

fn seen(versions: [Offer; 4]) -> Seen {
    let [v10, v11, v12, v13] = versions;
    Seen {
        address: ([127, 0, 0, 1], 443).into(),
        certificates: Vec::new(),
        proof: Proof::Shown,
        versions: Versions { v10, v11, v12, v13 },
        other_for_tls12: false,
        broke_off: None,
    }
}

#[test]
fn versions_of_yesterday_and_missing_ones_are_told_and_silence_is_not_taken_for_a_no() {
    use Offer::{Offered, Refused, Unknown};
    for (versions, kinds) in [
        ([Refused, Refused, Offered, Offered], &[][..]),
        ([Unknown, Unknown, Unknown, Offered], &[]),
        ([Offered, Offered, Offered, Offered], &[Kind::OldTls]),
        ([Refused, Refused, Offered, Refused], &[Kind::NoTls13]),
        ([Refused, Refused, Refused, Offered], &[Kind::NoTls12]),
    ] {
        let found: Vec<Kind> = seen(versions).faults().iter().map(|fault| fault.kind).collect();
        assert_eq!(found, kinds, "{versions:?}");
    }
    assert!(seen([Offered, Refused, Offered, Offered]).faults()[0].what.starts_with("TLS 1.0 is offered"));
}

#[test]
fn other_certificates_for_tls_1_2_and_a_handshake_that_breaks_off_are_told() {
    let mut seen = seen([Offer::Refused, Offer::Refused, Offer::Offered, Offer::Offered]);
    seen.other_for_tls12 = true;
    seen.broke_off = Some(Silence::Closed);
    let found: Vec<Kind> = seen.faults().iter().map(|fault| fault.kind).collect();
    assert_eq!(found, [Kind::HandshakeFails, Kind::OtherForTls12]);
}
