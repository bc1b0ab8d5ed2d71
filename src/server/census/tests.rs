use std::num::NonZeroUsize;

use super::*;

fn census(connections: usize, per_address: usize, loopback: bool) -> Arc<Census> {
    let text =
        "[server]\nhttps = []\n[[site]]\nhosts = [\"a.example\"]\n[[site.route]]\npath = \"/\"\nrespond = \"x\"\n";
    let config = crate::config::parse(text, std::path::Path::new("gatepost.toml")).config.expect("a configuration");
    let number = |number| NonZeroUsize::new(number).expect("not zero");
    let mut limits = config.limits;
    limits.connections = number(connections);
    limits.tunnels = number(connections);
    limits.connections_per_address = PerAddress { most: number(per_address), loopback };
    limits.tunnels_per_address = PerAddress { most: number(per_address), loopback };
    Arc::new(Census::new(&limits))
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn a_house_of_ipv6_counts_as_one_client_and_its_neighbour_as_another() {
    let census = census(100, 2, false);
    let first = census.enter(ip("2001:db8::1"), false).expect("a place");
    let _second = census.enter(ip("2001:db8::ffff"), false).expect("a place");
    assert!(census.enter(ip("2001:db8:0:0:1::2"), false).expect("a place to wait").is_waiting(), "the third");
    assert!(!census.enter(ip("2001:db8:0:1::1"), false).expect("a place").is_waiting(), "another /64");
    drop(first);
    assert!(!census.enter(ip("2001:db8::2"), false).expect("a place").is_waiting(), "one has gone");
    // An IPv4 address in IPv6's clothes is the same client.
    let _four = [census.enter(ip("192.0.2.1"), false), census.enter(ip("::ffff:192.0.2.1"), false)];
    assert!(census.enter(ip("192.0.2.1"), false).expect("a place to wait").is_waiting());
}

#[test]
fn loopback_and_proxies_are_not_counted_per_address_unless_the_file_says_so() {
    let open = census(100, 1, false);
    let _many: Vec<_> = (0..5).map(|_| open.enter(ip("127.0.0.1"), false).expect("a place")).collect();
    let proxies: Vec<_> = (0..5).map(|_| open.enter(ip("192.0.2.1"), true).expect("a place")).collect();
    assert!(proxies.iter().all(|seat| !seat.is_waiting()));
    let told = census(100, 1, true);
    let _one = told.enter(ip("127.0.0.1"), false).expect("a place");
    assert!(told.enter(ip("127.0.0.1"), false).expect("a place to wait").is_waiting());
}

#[test]
fn who_waits_gets_a_place_when_one_is_free_and_the_rest_are_closed() {
    let census = census(1, 100, false);
    let first = census.enter(ip("192.0.2.1"), false).expect("a place");
    let mut waiting: Vec<_> =
        (0..WAITING).map(|_| census.enter(ip("192.0.2.2"), false).expect("a place to wait")).collect();
    assert_eq!(census.enter(ip("192.0.2.3"), false).err(), Some(Refusal::Connections));
    assert_eq!(waiting[0].take_place(), Err(Refusal::Connections));
    drop(first);
    assert_eq!(waiting[0].take_place(), Ok(()));
    assert!(!waiting[0].is_waiting() && census.connections() == 1);
    waiting.clear();
    assert_eq!((census.connections(), census.waiting.load(Ordering::Relaxed)), (0, 0));
    assert!(census.parts.iter().all(|part| part.lock().expect("whole").is_empty()), "nobody is remembered");
    assert_eq!(census.refusals().next(), Some((Refusal::Connections, 1)));
}

#[test]
fn tunnels_have_limits_of_their_own() {
    let census = census(3, 2, false);
    let mut dug = vec![census.dig(ip("192.0.2.1")).expect("room"), census.dig(ip("192.0.2.1")).expect("room")];
    assert_eq!(census.dig(ip("192.0.2.1")).err(), Some(Refusal::TunnelsPerAddress));
    dug.push(census.dig(ip("192.0.2.2")).expect("room"));
    assert_eq!(census.dig(ip("192.0.2.3")).err(), Some(Refusal::Tunnels));
    assert_eq!(census.tunnels(), 3);
    dug.clear();
    assert!(census.dig(ip("192.0.2.1")).is_ok());
    assert_eq!(census.tunnels(), 0);
}

#[test]
fn every_refusal_has_the_number_of_its_place() {
    for (place, refusal) in Refusal::ALL.into_iter().enumerate() {
        assert_eq!(refusal as usize, place, "{}", refusal.key());
    }
}
