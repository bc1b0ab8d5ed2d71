//! Who may ask, by address: networks allowed and networks denied.
//!
//! `deny` wins over `allow`, and where there is an `allow` whoever is not in it is
//! refused. What an address is, is decided before: the client's own, behind trusted
//! proxies. Networks become sorted ranges, so that a list of ten thousand costs a
//! dozen comparisons and no lock.

use std::net::IpAddr;

use ipnet::IpNet;

/// The networks of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lists {
    /// `None` where everybody may ask who is not denied.
    allow: Option<Ranges>,
    deny: Ranges,
}

impl Lists {
    /// The lists of a route; `None` where they would refuse nobody.
    pub fn new(allow: Option<&[IpNet]>, deny: &[IpNet]) -> Option<Self> {
        let lists = Self { allow: allow.map(Ranges::new), deny: Ranges::new(deny) };
        (lists.allow.is_some() || !lists.deny.is_empty()).then_some(lists)
    }

    /// Whether this address may ask.
    pub fn admit(&self, address: IpAddr) -> bool {
        !self.deny.contains(address) && self.allow.as_ref().is_none_or(|allow| allow.contains(address))
    }
}

/// Ranges of addresses in order, none overlapping another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Ranges {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Ranges {
    fn new(networks: &[IpNet]) -> Self {
        let mut ranges = Self::default();
        // `aggregate` merges what overlaps or touches, and sorts.
        for network in IpNet::aggregate(&networks.to_vec()) {
            match network {
                IpNet::V4(it) => ranges.v4.push((it.network().to_bits(), it.broadcast().to_bits())),
                IpNet::V6(it) => ranges.v6.push((it.network().to_bits(), it.broadcast().to_bits())),
            }
        }
        ranges.v4.sort_unstable();
        ranges.v6.sort_unstable();
        ranges
    }

    fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(it) => within(&self.v4, it.to_bits()),
            IpAddr::V6(it) => within(&self.v6, it.to_bits()),
        }
    }
}

/// Whether a number is in one of these ranges, which are sorted and apart.
fn within<N: Ord + Copy>(ranges: &[(N, N)], number: N) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= number);
    ranges[..after].last().is_some_and(|(_, last)| number <= *last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(text: &str) -> Vec<IpNet> {
        text.split_whitespace().map(|network| network.parse().expect(network)).collect()
    }

    fn lists(allow: Option<&str>, deny: &str) -> Option<Lists> {
        Lists::new(allow.map(networks).as_deref(), &networks(deny))
    }

    fn admitted(lists: &Lists, address: &str) -> bool {
        lists.admit(address.parse().expect(address))
    }

    #[test]
    fn without_a_list_there_is_nothing_to_look_at() {
        assert_eq!(lists(None, ""), None);
        assert!(lists(Some(""), "").is_some_and(|nobody| !admitted(&nobody, "10.0.0.1")));
    }

    #[test]
    fn whoever_is_denied_stays_out_though_allowed() {
        let lists = lists(Some("10.0.0.0/8 2001:db8::/32"), "10.1.0.0/16 2001:db8:1::/48").expect("lists");
        for (address, may) in [
            ("10.0.255.255", true),
            ("10.1.0.0", false),
            ("10.1.255.255", false),
            ("10.2.0.0", true),
            ("11.0.0.0", false),
            ("9.255.255.255", false),
            ("2001:db8::1", true),
            ("2001:db8:1::1", false),
            ("2001:db9::", false),
            ("::1", false),
            ("::ffff:10.0.0.1", true),
            ("::ffff:10.1.0.1", false),
        ] {
            assert_eq!(admitted(&lists, address), may, "{address}");
        }
    }

    #[test]
    fn a_deny_list_alone_lets_everybody_else_in() {
        let lists = lists(None, "203.0.113.0/24 198.51.100.7/32 203.0.113.128/25").expect("lists");
        assert!(!admitted(&lists, "203.0.113.200") && !admitted(&lists, "198.51.100.7"));
        assert!(admitted(&lists, "198.51.100.8") && admitted(&lists, "2001:db8::1"));
    }

    #[test]
    fn everything_is_a_range_too() {
        let lists = lists(Some("0.0.0.0/0 ::/0"), "255.255.255.255/32").expect("lists");
        assert!(admitted(&lists, "0.0.0.0") && admitted(&lists, "ffff::ffff"));
        assert!(!admitted(&lists, "255.255.255.255"));
    }

    /// The search finds what a walk over all networks finds.
    #[test]
    fn a_long_list_says_what_a_walk_over_it_says() {
        // Multiplicative congruence: spread over everything, and the same in every run.
        let mut number = 0x2545_f491_u32;
        let mut next = || {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            number
        };
        let network = |bits: u32, prefix: u32| {
            let prefix = u8::try_from(8 + prefix % 25).expect("at most 32");
            IpNet::new(IpAddr::from(bits.to_be_bytes()), prefix).expect("a network").trunc()
        };
        let all: Vec<_> = (0..2_000).map(|_| network(next(), next() >> 8)).collect();
        let lists = Lists::new(None, &all).expect("lists");
        for _ in 0..5_000 {
            let address = IpAddr::from(next().to_be_bytes());
            assert_eq!(lists.admit(address), !all.iter().any(|network| network.contains(&address)), "{address}");
        }
    }
}
