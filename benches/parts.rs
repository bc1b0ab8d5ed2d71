//! What single parts of the road cost, and how their cost grows: `cargo bench`.
//!
//! Whole requests are measured from outside, beside other programs; see `docs/performance.md`.

#![allow(missing_docs, reason = "criterion's macros make public items of their own")]

use std::cell::Cell;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gatepost::cert::Loaded;
use gatepost::cert::store::Store;
use gatepost::clock::Clock;
use gatepost::handler::proxy::headers;
use gatepost::handler::{Context, RequestId};
use gatepost::jitsi::bearer::{Bearer, Role};
use gatepost::jitsi::claims::{Dialect, Terms};
use gatepost::jitsi::room::{Asked, Room};
use gatepost::jitsi::token::{Key, Signer};
use gatepost::route::host::{Authority, HostPattern};
use gatepost::route::near;
use gatepost::route::path::{PathPrefix, decode_unreserved};
use gatepost::route::table::{Routes, Table};
use gatepost::server::guard::{Judge, Verdict};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;

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

/// Which certificate a handshake is presented, with as many as this.
fn certificates(criterion: &mut Criterion) {
    let own = rcgen::generate_simple_self_signed(["site.example".into()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("PKCS #8");
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).expect("a key");
    let presented = Arc::new(CertifiedKey::new(vec![own.cert.der().clone()], key));
    let mut group = criterion.benchmark_group("name to certificate");
    for count in [1, 100, 10_000] {
        let loaded = |n| Loaded {
            key: presented.clone(),
            names: vec![HostPattern::parse(&format!("site{n}.example")).expect("a host")],
            not_before: 0,
            not_after: i64::MAX,
        };
        let store = Store::new((0..count).map(loaded).collect(), &[]);
        let asked = format!("site{}.example", count / 2);
        group.bench_with_input(BenchmarkId::from_parameter(count), &asked, |bencher, asked| {
            bencher.iter(|| store.choose(Some(black_box(asked))));
        });
    }
    group.finish();
}

/// What a browser's fields become on their way to the upstream, and an answer's on the way back; the copy that each
/// round begins with is measured by itself, to be taken off.
fn fields(criterion: &mut Criterion) {
    let of = |lines: &[(&'static str, &'static str)]| -> HeaderMap {
        lines.iter().map(|&(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value))).collect()
    };
    let asked = of(&[
        ("host", "chat.example"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
        ),
        ("accept", "application/json"),
        ("accept-language", "en-GB,en;q=0.9"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("referer", "https://chat.example/team/channels/town-square"),
        ("x-requested-with", "XMLHttpRequest"),
        ("x-csrf-token", "abcdefghijklmnopqrstuvwxyz"),
        ("cookie", "MMUSERID=abcdefghijklmnopqrstuvwxyz; MMCSRF=abcdefghijklmnopqrstuvwxyz"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-dest", "empty"),
    ]);
    let answered = of(&[
        ("content-type", "application/json"),
        ("date", "Thu, 01 Jan 1970 00:16:40 GMT"),
        ("expires", "0"),
        ("permissions-policy", ""),
        ("referrer-policy", "no-referrer"),
        ("vary", "Accept-Encoding"),
        ("x-content-type-options", "nosniff"),
        ("x-request-id", "abcdefghijklmnopqrstuvwxyz"),
        ("x-version-id", "10.0.0"),
        ("connection", "keep-alive"),
        ("keep-alive", "timeout=4"),
        ("content-length", "1024"),
    ]);
    let (authority, prefix) =
        (Authority::parse("chat.example").expect("a host"), PathPrefix::parse("/").expect("a prefix"));
    let upstream_time = Cell::new(None);
    let context = Context {
        id: RequestId(1),
        scheme: Scheme::HTTPS,
        authority: &authority,
        local_port: 443,
        peer: IpAddr::from([192, 0, 2, 1]),
        client: IpAddr::from([192, 0, 2, 1]),
        peer_trusted: false,
        prefix: &prefix,
        path: "/api/v4/users/me",
        rest: "/api/v4/users/me",
        upstream_time: &upstream_time,
    };
    let mut group = criterion.benchmark_group("twelve fields");
    group.bench_function("copied", |bencher| bencher.iter(|| black_box(&asked).clone()));
    group.bench_function("copied, towards the upstream", |bencher| {
        bencher.iter(|| {
            let mut fields = black_box(&asked).clone();
            headers::towards_upstream(&mut fields, &context);
            fields
        });
    });
    group.bench_function("copied, towards the client", |bencher| {
        bencher.iter(|| {
            let mut fields = black_box(&answered).clone();
            headers::remove_hop_by_hop(&mut fields);
            fields
        });
    });
    group.finish();
}

/// What the guard takes for a request's bytes, on a connection that is kept alive: a browser's head, the same cut in two by
/// the network, an upload in chunks of 16 KiB.
fn guard(criterion: &mut Criterion) {
    let head = "GET /api/v4/users/me HTTP/1.1\r\nHost: chat.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) \
        AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36\r\nAccept: application/json\r\n\
        Accept-Language: en-GB,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
        Referer: https://chat.example/team/channels/town-square\r\nX-Requested-With: XMLHttpRequest\r\n\
        X-CSRF-Token: abcdefghijklmnopqrstuvwxyz\r\nCookie: MMUSERID=abcdefghijklmnopqrstuvwxyz; \
        MMCSRF=abcdefghijklmnopqrstuvwxyz\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n\
        Sec-Fetch-Dest: empty\r\n\r\n"
        .as_bytes();
    let chunks = [b"4000\r\n".to_vec(), vec![b'x'; 0x4000], b"\r\n".to_vec()].concat();
    let mut group = criterion.benchmark_group("guard");
    group.bench_function("a head", |bencher| {
        let mut judge = Judge::default();
        bencher.iter(|| assert_eq!(judge.judge(black_box(head)), Verdict::Pass));
    });
    group.bench_function("a head cut in two", |bencher| {
        let mut judge = Judge::default();
        let (one, two) = head.split_at(head.len() / 2);
        bencher.iter(|| assert_eq!((judge.judge(black_box(one)), judge.judge(two)), (Verdict::Pass, Verdict::Pass)));
    });
    group.bench_function("a chunk of 16 KiB", |bencher| {
        let mut judge = Judge::default();
        judge.judge(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        bencher.iter(|| assert_eq!(judge.judge(black_box(&chunks)), Verdict::Pass));
    });
    group.finish();
}

criterion_group!(parts, hosts, paths, guard, certificates, fields, rooms, tokens);
criterion_main!(parts);
