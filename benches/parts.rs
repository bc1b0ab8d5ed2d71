//! What single parts of the road cost, and how their cost grows: `cargo bench`.
//!
//! Whole requests are measured from outside, beside other programs; see `docs/performance.md`.

#![allow(missing_docs, reason = "criterion's macros make public items of their own")]

use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gatepost::clock::Clock;
use gatepost::jitsi::bearer::{Bearer, Role};
use gatepost::jitsi::claims::{Dialect, Terms};
use gatepost::jitsi::room::{Asked, Room};
use gatepost::jitsi::token::{Key, Signer};
use gatepost::route::host::{Authority, HostPattern};
use gatepost::route::near;
use gatepost::route::path::{PathPrefix, decode_unreserved};
use gatepost::route::table::{Routes, Table};

/// Host to site, with as many sites as this.
fn hosts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("host to site");
    for sites in [1, 100, 10_000] {
        let names = (0..sites).map(|n| (vec![HostPattern::parse(&format!("site{n}.example")).expect("a host")], n));
        let table = Table::new(names, None);
        let asked = format!("site{}.example:443", sites / 2);
        group.bench_with_input(BenchmarkId::from_parameter(sites), &asked, |bencher, asked| {
            bencher.iter(|| {
                let authority = Authority::parse(black_box(asked)).expect("an authority");
                *table.find(&authority.host).expect("a site").0
            });
        });
    }
    group.finish();
}

/// Path to route, with as many routes as this in the site.
fn paths(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("path to route");
    for count in [1, 10, 100] {
        let prefixes = (0..count).map(|n| PathPrefix::parse(&format!("/app{n}/")).expect("a prefix"));
        let root = PathPrefix::parse("/").expect("a prefix");
        let routes = Routes::new(prefixes.chain([root]).enumerate().map(|(index, prefix)| (prefix, index)));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| {
                let path = decode_unreserved(black_box("/api/v4/users/me"));
                matches!(routes.find(&path), gatepost::route::table::Routed::To(..))
            });
        });
    }
    group.finish();
    let launcher = PathPrefix::parse("/jitsi/").expect("a prefix");
    criterion.bench_function("a path that is no slip", |bencher| {
        bencher.iter(|| near::meant(black_box("/api/v4/users/me"), &launcher).is_some());
    });
}

fn rooms(criterion: &mut Criterion) {
    for (what, rest) in [("plain", "/town-square-abcdefghij"), ("Japanese", "/%E6%9C%9D%E4%BC%9A")] {
        criterion.bench_function(&format!("room name, {what}"), |bencher| {
            bencher.iter(|| matches!(Asked::of(black_box(rest)), Ok(Asked::Room(_))));
        });
    }
}

/// A token for a room of its own each time, and the same one again.
fn tokens(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let rsa = |size| Key::Rsa(KeyPair::generate(size).expect("a key"), "app/key".into());
    let mut group = criterion.benchmark_group("token");
    group.measurement_time(Duration::from_secs(3)).sample_size(20);
    for (name, key) in [
        ("RS256, 2048 bits", rsa(KeySize::Rsa2048)),
        ("RS256, 4096 bits", rsa(KeySize::Rsa4096)),
        ("HS256", Key::Shared(Box::new(hmac::Key::new(hmac::HMAC_SHA256, b"a secret of thirty-two bytes, two")))),
    ] {
        let terms = Terms {
            audience: "jitsi".into(),
            issuer: "chat".into(),
            subject: "app".into(),
            lifetime: 3600,
            features: Default::default(),
            dialect: Dialect::Jaas,
        };
        let signer = Signer::new(key, terms, Clock::System).expect("a signer");
        let bearer = Bearer {
            id: Some("a1".into()),
            name: "Anna".into(),
            email: None,
            avatar: None,
            role: Role::Member,
            until: None,
        };
        group.bench_function(BenchmarkId::new("new room", name), |bencher| {
            bencher.iter(|| {
                let room = Room::random().expect("random numbers").claim();
                runtime.block_on(signer.token(room, bearer.clone())).expect("a token")
            });
        });
        group.bench_function(BenchmarkId::new("same room", name), |bencher| {
            bencher.iter(|| runtime.block_on(signer.token("room1".into(), bearer.clone())).expect("a token"));
        });
    }
    group.finish();
}

criterion_group!(parts, hosts, paths, rooms, tokens);
criterion_main!(parts);
