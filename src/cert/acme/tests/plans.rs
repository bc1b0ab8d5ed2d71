//! What is due, from certificates and failures on disk.

use super::super::plan::{by_hand, plan};
use super::super::stored::{Between, Renewal};
use super::*;

const DAY: i64 = 24 * 60 * 60;

fn now() -> i64 {
    i64::try_from(NOW).expect("a time")
}

/// The names of each order that is due, and in how many seconds to look again.
fn due(bench: &Bench, ledger: &Ledger, at: i64) -> (Vec<String>, Option<i64>) {
    let plan = plan(&bench.wanted, &bench.stored(), ledger, at);
    let names = |names: &[HostPattern]| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    (plan.tasks.iter().map(|task| names(&task.names)).collect(), plan.next.map(|next| next - at))
}

fn orders(bench: &Bench, ledger: &Ledger, at: i64) -> Vec<String> {
    due(bench, ledger, at).0
}

#[test]
fn every_site_is_one_order_at_first() {
    let bench = bench(&[r#""a.site", "www.a.site""#, r#""b.site""#], "");
    let (orders, next) = due(&bench, &Ledger::default(), now());
    assert_eq!(orders, ["a.site www.a.site", "b.site"]);
    assert_eq!(next, None);
}

#[test]
fn nothing_is_due_until_a_third_of_the_lifetime_is_left() {
    let bench = bench(&[r#""a.site""#], "");
    bench.issue(&["a.site"], 0, 90);
    let (orders, next) = due(&bench, &Ledger::default(), now());
    assert!(orders.is_empty());
    let days = next.expect("a renewal") / DAY;
    assert!((56..=60).contains(&days), "in {days} days");
    assert_eq!(self::orders(&bench, &Ledger::default(), now() + 61 * DAY), ["a.site"]);
}

#[test]
fn a_host_that_is_new_in_a_site_is_ordered_apart_and_joins_at_the_renewal() {
    let bench = bench(&[r#""a.site", "new.site""#], "");
    bench.issue(&["a.site"], -1, 89);
    assert_eq!(orders(&bench, &Ledger::default(), now()), ["new.site"]);
    bench.issue(&["new.site"], 0, 90);
    assert!(orders(&bench, &Ledger::default(), now()).is_empty());
    // Whichever is due first takes the other along.
    let (_, next) = due(&bench, &Ledger::default(), now());
    assert_eq!(orders(&bench, &Ledger::default(), now() + next.expect("a renewal")), ["a.site new.site"]);
}

#[test]
fn a_name_that_failed_waits_and_holds_up_nobody() {
    let bench = bench(&[r#""a.site", "b.site""#], "");
    let mut ledger = Ledger::default();
    ledger.name_failed("b.site", "closed".into(), 0.0, now());
    assert_eq!(due(&bench, &ledger, now()), (vec!["a.site".to_owned()], Some(600)));
    bench.issue(&["a.site"], 0, 90);
    assert_eq!(orders(&bench, &ledger, now() + 600), ["b.site"], "its neighbour is not ordered again");
}

#[test]
fn a_name_that_fails_at_the_renewal_does_not_have_its_neighbour_ordered_with_each_try() {
    let bench = bench(&[r#""a.site", "b.site""#], "");
    bench.issue(&["a.site", "b.site"], -65, 25);
    let mut ledger = Ledger::default();
    assert_eq!(orders(&bench, &ledger, now()), ["a.site b.site"]);
    ledger.name_failed("b.site", "closed".into(), 0.0, now());
    assert_eq!(orders(&bench, &ledger, now()), ["a.site"]);
    bench.issue(&["a.site"], 0, 90);
    assert!(orders(&bench, &ledger, now()).is_empty());
    assert_eq!(orders(&bench, &ledger, now() + 600), ["b.site"]);
}

#[test]
fn while_the_ca_is_down_nothing_is_ordered() {
    let bench = bench(&[r#""a.site""#, r#""b.site""#], "");
    let mut ledger = Ledger::default();
    ledger.ca_failed("503".into(), Some(7200), 0.0, now());
    assert_eq!(due(&bench, &ledger, now()), (vec![], Some(7200)));
    assert_eq!(orders(&bench, &ledger, now() + 7200).len(), 2);
}

#[test]
fn the_cas_window_moves_the_renewal_and_names_what_is_replaced() {
    let bench = bench(&[r#""a.site""#], "");
    let mut stored = bench.issue(&["a.site"], 0, 90);
    let window = Between { start: now() + 5 * DAY, end: now() + 6 * DAY };
    stored.note_renewal(Renewal { window: Some(window), explanation: None, ask_again: now() + DAY }).expect("written");
    let (_, next) = due(&bench, &Ledger::default(), now());
    assert!(next.is_some_and(|next| (5 * DAY..=6 * DAY).contains(&next)), "{next:?}");
    let plan = plan(&bench.wanted, &bench.stored(), &Ledger::default(), now() + 6 * DAY);
    assert_eq!(plan.tasks[0].replaces, stored.identifier);
    assert!(plan.tasks[0].exempt);
}

#[test]
fn another_ca_or_profile_is_a_reason_to_order() {
    let mut bench = bench(&[r#""a.site""#], "");
    bench.issue(&["a.site"], 0, 90);
    bench.wanted.acme.profile = Some("shortlived".into());
    assert_eq!(orders(&bench, &Ledger::default(), now()), ["a.site"]);
    bench.wanted.acme.profile = None;
    bench.wanted.acme.directory = AcmeDirectory::LetsEncrypt;
    assert_eq!(orders(&bench, &Ledger::default(), now()), ["a.site"]);
}

#[test]
fn by_hand_the_whole_group_is_ordered_whatever_is_due() {
    let bench = bench(&[r#""a.site", "b.site""#, r#""c.site""#], "");
    bench.issue(&["a.site"], 0, 90);
    let names = |asked: Option<&str>| {
        let asked = asked.map(|name| HostPattern::parse(name).expect("a name"));
        by_hand(&bench.wanted, &bench.stored(), asked.as_ref()).iter().map(|task| task.names.len()).collect::<Vec<_>>()
    };
    assert_eq!(names(None), [2, 1]);
    assert_eq!(names(Some("b.site")), [2]);
    assert!(names(Some("unknown.site")).is_empty());
}
