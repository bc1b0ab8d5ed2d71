//! Fuzzers' doors to routing: hosts, paths, and where on the disk a path points.

use crate::handler::site::resolve::{Target, folder_location};

use super::host::{Authority, Host, HostError, HostPattern};
use super::path::{PathPrefix, decode_unreserved, resolve_dots};
use super::table::{By, Routed, Routes, Table};

/// Lines: the first a host as a client names it, the others names of sites.
///
/// What is read is read again as what it says; a site is found by its name first, by its wildcard then.
pub fn host(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let first = lines.next().unwrap_or_default();
    let patterns: Vec<HostPattern> = lines.filter_map(|line| HostPattern::parse(line).ok()).collect();
    for pattern in &patterns {
        assert_eq!(HostPattern::parse(&pattern.to_string()).as_ref(), Ok(pattern));
    }
    let Ok(authority) = Authority::parse(first) else {
        assert!(Host::parse(first).is_err());
        return;
    };
    assert_eq!(Authority::parse(&authority.to_string()).as_ref(), Ok(&authority));
    let host = &authority.host;
    match Host::parse(first) {
        Ok(same) => assert!(same == *host && authority.port.is_none()),
        Err(error) => assert!(error == HostError::UnexpectedPort && authority.port.is_some()),
    }
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.:[]".contains(&byte);
    assert!(host.as_str().bytes().all(plain), "{host}");
    // What stands in a URL is one authority to others too.
    assert!(authority.to_string().parse::<http::uri::Authority>().is_ok(), "{authority}");

    let table = Table::new(patterns.iter().map(|pattern| (vec![pattern.clone()], pattern)), None);
    let by_name = patterns.iter().any(|pattern| pattern.exact() == Some(host));
    match table.find(host) {
        Some((pattern, by)) => {
            assert!(pattern.takes(host), "{pattern} and {host}");
            assert_eq!(by == By::Name, by_name);
        }
        None => assert!(!patterns.iter().any(|pattern| pattern.takes(host)), "{host}"),
    }
}

/// Lines: the first a path as a client sends it, the others paths of routes.
///
/// The longest prefix takes it, dots or none; what goes upstream is what came; on the disk it stays below its root.
pub fn path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let received = lines.next().unwrap_or_default();
    let prefixes: Vec<PathPrefix> = lines.filter_map(|line| PathPrefix::parse(line).ok()).collect();
    for prefix in &prefixes {
        assert_eq!(PathPrefix::parse(&prefix.to_string()).as_ref(), Ok(prefix));
    }
    // As hyper takes it.
    let Ok(target) = received.parse::<http::uri::PathAndQuery>() else { return };
    if !target.path().starts_with('/') {
        return;
    }
    let path = decode_unreserved(target.path());
    assert_eq!(decode_unreserved(&path), path, "decoded twice");

    let routes = Routes::new(prefixes.iter().map(|prefix| (prefix.clone(), prefix)));
    let longest =
        |path| prefixes.iter().filter(|prefix| prefix.strip(path).is_some()).max_by_key(|prefix| prefix.len());
    match routes.find(&path) {
        Routed::To(prefix, rest, route) => {
            assert_eq!(prefix, *route);
            assert_eq!(longest(&path), Some(prefix));
            assert_eq!(format!("{}{rest}", prefix.as_str()), path);
            let kept = prefix.strip_received(target.as_str()).split('?').next().unwrap_or_default();
            // What has no slash gets one before it goes upstream.
            assert_eq!(
                decode_unreserved(kept).trim_start_matches('/'),
                rest.trim_start_matches('/'),
                "behind {prefix}"
            );
            if let Some(resolved) = resolve_dots(&path) {
                assert_eq!(longest(&resolved), Some(prefix), "{resolved}");
            }
            below_root(prefix, rest);
        }
        Routed::Nowhere => assert_eq!(longest(&path), None),
        Routed::Unclear => assert!(resolve_dots(&path).is_some()),
    }
}

fn below_root(prefix: &PathPrefix, rest: &str) {
    let Ok(target) = Target::parse(rest) else { return };
    if target.path.is_empty() {
        return;
    }
    for (depth, name) in target.path.split(|&byte| byte == b'/').enumerate() {
        assert!(!name.is_empty() && !name.contains(&0) && !name.contains(&b'\\'), "{rest}");
        assert!(name[0] != b'.' || (depth == 0 && name == b".well-known"), "{rest}");
    }
    // A folder without its slash is sent to where it is found.
    let location = folder_location(prefix, &target.path, None);
    assert!(location.starts_with('/') && !location.starts_with("//"), "{location}");
    let seen = decode_unreserved(&location);
    let again = prefix.strip(&seen).map(Target::parse);
    assert_eq!(again, Some(Ok(Target { folder: true, ..target })), "{location}");
}
