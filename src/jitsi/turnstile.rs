//! How often one address may try in a minute: a token bucket for each (a guest's name, a passcode, an invitation).
//!
//! An IPv6 address counts with its neighbours in the same /64, which one house
//! has to itself. What it remembers is bounded; where it is full of addresses that
//! all tried within the minute, newcomers share one bucket rather than go uncounted.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses remembered at once: some 600 KiB.
const MOST: usize = 8192;

/// What a bucket holds lasts this long.
const MINUTE: Duration = Duration::from_secs(60);

/// Lets addresses try, and counts.
#[derive(Debug)]
pub struct Turnstile {
    per_minute: NonZeroU32,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

/// How long the tries taken so far take to be given back.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    empty_at: Instant,
}

impl Turnstile {
    /// As many tries a minute as this, and as many at once after a quiet minute.
    pub fn new(per_minute: NonZeroU32) -> Self {
        Self { per_minute, buckets: Mutex::default() }
    }

    /// Takes one try of `address`, or says how long there is none.
    ///
    /// All workers share it. The lock is held for a look into a table, and what follows a try costs a thousand times that.
    ///
    /// # Errors
    /// The time until the next try, at most a minute.
    pub fn pass(&self, address: IpAddr) -> Result<(), Duration> {
        self.pass_at(address, Instant::now())
    }

    fn pass_at(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut house = house(address);
        if buckets.len() >= MOST && !buckets.contains_key(&house) {
            buckets.retain(|_, bucket| bucket.empty_at > now);
            if buckets.len() >= MOST {
                house = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            }
        }
        let one = MINUTE / self.per_minute.get();
        let bucket = buckets.entry(house).or_insert(Bucket { empty_at: now });
        let full_until = bucket.empty_at.max(now) + one;
        let over = (full_until - now).saturating_sub(MINUTE);
        if !over.is_zero() {
            return Err(over);
        }
        bucket.empty_at = full_until;
        Ok(())
    }
}

/// What has one address book entry: an IPv4 address, or the first 64 bits of an IPv6 one.
fn house(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_minutes_tries_come_back_one_by_one() {
        let turnstile = Turnstile::new(NonZeroU32::new(3).expect("not 0"));
        let (start, ours) = (Instant::now(), address("203.0.113.9"));
        for _ in 0..3 {
            assert_eq!(turnstile.pass_at(ours, start), Ok(()));
        }
        assert_eq!(turnstile.pass_at(ours, start), Err(Duration::from_secs(20)));
        assert_eq!(turnstile.pass_at(address("203.0.113.10"), start), Ok(()), "another address");
        assert_eq!(turnstile.pass_at(ours, start + Duration::from_secs(5)), Err(Duration::from_secs(15)));
        assert_eq!(turnstile.pass_at(ours, start + Duration::from_secs(20)), Ok(()));
        assert_eq!(turnstile.pass_at(ours, start + Duration::from_secs(20)), Err(Duration::from_secs(20)));
        for _ in 0..3 {
            assert_eq!(turnstile.pass_at(ours, start + Duration::from_secs(600)), Ok(()));
        }
        assert!(turnstile.pass_at(ours, start + Duration::from_secs(600)).is_err(), "a long rest saves up no more");
    }

    #[test]
    fn neighbours_in_a_64_count_as_one_and_an_ipv4_address_in_any_guise() {
        let turnstile = Turnstile::new(NonZeroU32::MIN);
        let now = Instant::now();
        assert_eq!(turnstile.pass_at(address("2001:db8:1:2:3::1"), now), Ok(()));
        assert!(turnstile.pass_at(address("2001:db8:1:2:4::5"), now).is_err());
        assert_eq!(turnstile.pass_at(address("2001:db8:1:3::1"), now), Ok(()));
        assert_eq!(turnstile.pass_at(address("203.0.113.9"), now), Ok(()));
        assert!(turnstile.pass_at(address("::ffff:203.0.113.9"), now).is_err());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_nobody_goes_uncounted() {
        let turnstile = Turnstile::new(NonZeroU32::MIN);
        let now = Instant::now();
        let of = |number: usize| IpAddr::from(u32::try_from(number).expect("small").to_be_bytes());
        for number in 0..MOST {
            assert_eq!(turnstile.pass_at(of(number), now), Ok(()));
        }
        assert_eq!(turnstile.pass_at(of(MOST), now), Ok(()), "the first of those who share");
        assert!(turnstile.pass_at(of(MOST + 1), now).is_err());
        assert!(turnstile.buckets.lock().expect("whole").len() <= MOST + 1);
        assert_eq!(turnstile.pass_at(of(MOST + 2), now + MINUTE), Ok(()), "a minute later there is room again");
        assert!(turnstile.buckets.lock().expect("whole").len() < 3);
    }
}
