//! Let's Encrypt's rate limits, kept from this side, each with room to spare for a person's own tries.
//!
//! letsencrypt.org/docs/rate-limits, as of 2026-08-05. Other CAs publish none, and the staging one has hardly any: there
//! only the growing pauses of `ledger` hold.

use crate::config::model::AcmeDirectory;

use super::failure::Failure;
use super::ledger::{Ledger, Second};

const HOUR: i64 = 60 * 60;
const WEEK: i64 = 7 * 24 * HOUR;

/// Orders of an account in three hours: 300.
const ORDERS: usize = 200;
/// Certificates for one registered domain in seven days: 50.
const PER_DOMAIN: usize = 40;
/// Certificates for exactly the same names in seven days: 5.
const PER_SET: usize = 4;
/// Failed validations of one name in an hour: 5.
const FAILURES: usize = 4;
/// Accounts from one address in three hours: 10.
const ACCOUNTS: usize = 3;

/// Whether an account may be registered now.
pub(super) fn account(ledger: &Ledger, directory: &AcmeDirectory, now: i64) -> Result<(), Failure> {
    if *directory != AcmeDirectory::LetsEncrypt {
        return Ok(());
    }
    within(ledger.accounts.iter().copied(), ACCOUNTS, 3 * HOUR, now)
        .map_err(|until| limit(format!("{ACCOUNTS} accounts were registered within three hours"), until))
}

/// Whether these names may be ordered now. `exempt` is the renewal that the CA itself proposed.
pub(super) fn order(
    ledger: &Ledger,
    directory: &AcmeDirectory,
    names: &[String],
    exempt: bool,
    now: i64,
) -> Result<(), Failure> {
    if *directory != AcmeDirectory::LetsEncrypt || exempt {
        return Ok(());
    }
    within(ledger.orders.iter().copied(), ORDERS, 3 * HOUR, now)
        .map_err(|until| limit(format!("{ORDERS} orders were placed within three hours"), until))?;
    let mut sorted = names.to_vec();
    sorted.sort();
    let counted = || ledger.issued.iter().filter(|issued| !issued.exempt);
    let same = counted().filter(|issued| issued.names == sorted).map(|issued| Second(issued.at));
    within(same, PER_SET, WEEK, now).map_err(|until| {
        limit(format!("{PER_SET} certificates were issued for {} within a week", sorted.join(", ")), until)
    })?;
    for name in &sorted {
        let domain = registered_domain(name);
        let of_domain = counted()
            .filter(|issued| issued.names.iter().any(|other| registered_domain(other) == domain))
            .map(|issued| Second(issued.at));
        within(of_domain, PER_DOMAIN, WEEK, now).map_err(|until| {
            limit(format!("{PER_DOMAIN} certificates were issued for names under {domain} within a week"), until)
        })?;
        let failed = ledger.names.get(name).into_iter().flat_map(|trouble| trouble.recent.iter().copied());
        within(failed, FAILURES, HOUR, now)
            .map_err(|until| limit(format!("the CA could not reach {name} {FAILURES} times within an hour"), until))?;
    }
    Ok(())
}

fn limit(why: String, until: i64) -> Failure {
    Failure::Limit { why, until }
}

/// `Err` with the second at which there are fewer than `most` within `span` again.
fn within(events: impl Iterator<Item = Second>, most: usize, span: i64, now: i64) -> Result<(), i64> {
    let mut recent: Vec<i64> = events.map(|at| at.0).filter(|at| *at > now.saturating_sub(span)).collect();
    recent.sort_unstable();
    match recent.len().checked_sub(most) {
        None => Ok(()),
        Some(beyond) => Err(recent[beyond].saturating_add(span)),
    }
}

/// The last two labels. Under `co.uk` and its like this lumps strangers together, which only makes us ask less.
fn registered_domain(name: &str) -> &str {
    let dots: Vec<usize> = name.match_indices('.').map(|(at, _)| at).collect();
    match dots.len() {
        0 | 1 => name,
        many => &name[dots[many - 2] + 1..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LE: AcmeDirectory = AcmeDirectory::LetsEncrypt;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    fn until(outcome: Result<(), Failure>) -> Option<i64> {
        match outcome {
            Ok(()) => None,
            Err(Failure::Limit { until, .. }) => Some(until),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn the_same_names_are_ordered_four_times_a_week() {
        let mut ledger = Ledger::default();
        for at in 0..4 {
            assert_eq!(until(order(&ledger, &LE, &names(&["b.x.com", "a.x.com"]), false, 10 + at)), None);
            ledger.issued(&names(&["a.x.com", "b.x.com"]), false, 10 + at);
        }
        let again = names(&["b.x.com", "a.x.com"]);
        assert_eq!(until(order(&ledger, &LE, &again, false, 20)), Some(10 + WEEK));
        assert_eq!(until(order(&ledger, &LE, &again, false, 10 + WEEK)), None, "a week later it is free");
        assert_eq!(until(order(&ledger, &LE, &again, true, 20)), None, "what the CA proposed counts nowhere");
        assert_eq!(until(order(&ledger, &LE, &names(&["a.x.com"]), false, 20)), None, "other names are other names");
        let own = AcmeDirectory::Url("https://ca.internal/dir".into());
        assert_eq!(until(order(&ledger, &own, &again, false, 20)), None, "a private CA has its own ways");
    }

    #[test]
    fn a_name_that_fails_is_never_locked_by_the_ca() {
        let mut ledger = Ledger::default();
        for at in 0..4 {
            assert_eq!(until(order(&ledger, &LE, &names(&["a.x.com"]), false, at * 60)), None);
            ledger.name_failed("a.x.com", "closed".into(), 0.0, at * 60);
        }
        assert_eq!(until(order(&ledger, &LE, &names(&["a.x.com"]), false, 240)), Some(HOUR));
    }

    #[test]
    fn names_under_one_domain_count_together() {
        let mut ledger = Ledger::default();
        for host in 0..PER_DOMAIN {
            ledger.issued(&[format!("h{host}.x.com")], false, 5);
        }
        assert_eq!(until(order(&ledger, &LE, &names(&["new.y.com"]), false, 6)), None);
        assert_eq!(until(order(&ledger, &LE, &names(&["new.sub.x.com"]), false, 6)), Some(5 + WEEK));
    }

    #[test]
    fn accounts_and_orders_have_their_own_measure() {
        let mut ledger = Ledger::default();
        (0..3).for_each(|at| ledger.registered(at));
        assert_eq!(until(account(&ledger, &LE, 5)), Some(3 * HOUR));
        (0..ORDERS).for_each(|_| ledger.ordered(7));
        assert_eq!(until(order(&ledger, &LE, &names(&["a.x.com"]), false, 8)), Some(7 + 3 * HOUR));
    }
}
