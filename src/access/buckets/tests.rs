//! Time is given, never waited for.

use std::sync::Arc;
use std::thread;

use super::*;

const SECOND: u64 = 10_000;

fn per_second(interval_millis: u64, burst: u32) -> Buckets {
    Buckets::new(Pace { interval: Duration::from_millis(interval_millis), burst })
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn number(number: u32) -> IpAddr {
    IpAddr::from(number.to_be_bytes())
}

#[test]
fn a_burst_is_let_through_and_then_one_an_interval() {
    let buckets = per_second(1000, 3);
    let ours = address("203.0.113.9");
    let mut now = 5 * SECOND;
    for _ in 0..3 {
        assert_eq!(buckets.take_at(ours, now), Ok(()));
    }
    assert_eq!(buckets.take_at(ours, now), Err(Duration::from_secs(1)));
    assert_eq!(buckets.take_at(address("203.0.113.10"), now), Ok(()), "another address");
    now += SECOND / 4;
    assert_eq!(buckets.take_at(ours, now), Err(Duration::from_millis(750)), "refused ones cost nothing");
    now += SECOND * 3 / 4;
    assert_eq!(buckets.take_at(ours, now), Ok(()));
    assert_eq!(buckets.take_at(ours, now), Err(Duration::from_secs(1)));
    now += 3600 * SECOND;
    for _ in 0..3 {
        assert_eq!(buckets.take_at(ours, now), Ok(()));
    }
    assert!(buckets.take_at(ours, now).is_err(), "a long rest saves up no more than a burst");
}

#[test]
fn neighbours_in_a_64_count_as_one_and_an_ipv4_address_in_any_guise() {
    let buckets = per_second(60_000, 1);
    let take = |text| buckets.take_at(address(text), SECOND);
    assert_eq!(take("2001:db8:1:2:3::1"), Ok(()));
    assert!(take("2001:db8:1:2:4::5").is_err());
    assert_eq!(take("2001:db8:1:3::1"), Ok(()));
    assert_eq!(take("203.0.113.9"), Ok(()));
    assert!(take("::ffff:203.0.113.9").is_err());
    // The same 64 bits in IPv4 and IPv6 are two.
    assert_eq!(take("0:0:cb00:7109::"), Ok(()));
}

#[test]
fn what_is_given_back_can_be_taken_again() {
    let buckets = per_second(60_000, 2);
    let ours = address("203.0.113.9");
    assert_eq!(buckets.take_at(ours, SECOND), Ok(()));
    assert_eq!(buckets.take_at(ours, SECOND), Ok(()));
    assert!(buckets.take_at(ours, SECOND).is_err());
    buckets.give_back(ours);
    assert_eq!(buckets.take_at(ours, SECOND), Ok(()));
    assert!(buckets.take_at(ours, SECOND).is_err());
    // Never more than a burst, however much is given.
    for _ in 0..10 {
        buckets.give_back(ours);
    }
    assert_eq!(buckets.take_at(ours, SECOND), Ok(()));
    assert_eq!(buckets.take_at(ours, SECOND), Ok(()));
    assert!(buckets.take_at(ours, SECOND).is_err());
}

#[test]
fn rates_are_kept_to_a_tenth() {
    for (per, count) in [(1_000, 7), (1_000, 999), (60_000, 10), (3_600_000, 13)] {
        let interval = Duration::from_millis(per) / count;
        let buckets = Buckets::new(Pace { interval, burst: 1 });
        let (span, mut taken) = (ticks(Duration::from_millis(per)) * 10, 0);
        for now in (SECOND..SECOND + span).step_by(usize::try_from(ticks(interval) / 5).expect("small").max(1)) {
            taken += u32::from(buckets.take_at(number(7), now).is_ok());
        }
        assert!(taken <= count * 10 + count.div_ceil(10) && taken + taken / 4 >= count * 10, "{taken} of {count}");
    }
}

/// An attacker with a million addresses takes nothing from the count of anybody, and no memory.
#[test]
fn a_table_full_of_strangers_lets_nobody_have_more_than_their_due() {
    let buckets = per_second(60_000, 5);
    let now = SECOND;
    let mut let_in = 0;
    let (addresses, each) = (60_000_u32, 6);
    for _ in 0..each {
        for stranger in 0..addresses {
            let_in += u32::from(buckets.take_at(number(stranger), now).is_ok());
        }
    }
    // Each slot gives a burst at most, however many share it.
    let most = u32::try_from(SETS * WAYS * 5).expect("small");
    assert!(let_in <= most, "{let_in} of {most}");
    let (mut served, victims) = (0, 200);
    for victim in 0..victims {
        served += u32::from(buckets.take_at(number(0xf000_0000 + victim), now).is_ok());
    }
    assert!(served < victims / 4, "newcomers share what there is: {served}");
    let later = now + 60 * SECOND;
    let served = (0..victims).filter(|victim| buckets.take_at(number(0xf000_0000 + victim), later).is_ok()).count();
    assert!(served > 100, "and get their turn: {served}");
    let quiet = now + 600 * SECOND;
    for victim in 0..victims {
        assert_eq!(buckets.take_at(number(0xf000_0000 + victim), quiet), Ok(()), "afterwards all is as before");
    }
}

#[test]
fn addresses_in_the_thousands_do_not_disturb_one_another() {
    let buckets = per_second(60_000, 2);
    let mut refused = 0;
    for stranger in 0..4_000 {
        for _ in 0..2 {
            refused += u32::from(buckets.take_at(number(stranger), SECOND).is_err());
        }
    }
    // A quarter of the table: sets of eight that are full already are rare.
    assert!(refused < 40, "{refused}");
}

#[test]
fn threads_that_take_at_the_same_time_get_no_more_than_one_would() {
    let buckets = Arc::new(per_second(3_600_000, 1000));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let buckets = buckets.clone();
            thread::spawn(move || (0..1000).filter(|_| buckets.take_at(number(1), SECOND).is_ok()).count())
        })
        .collect();
    let taken: usize = threads.into_iter().map(|thread| thread.join().expect("no panic")).sum();
    assert_eq!(taken, 1000);
}
