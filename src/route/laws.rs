//! Laws of routing, tried on whatever proptest thinks of.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::host::Authority;
use super::path::{PathPrefix, decode_unreserved, resolve_dots};
use super::table::{Routed, Routes};

/// Few and alike, so that prefixes of prefixes are common.
fn segment() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "b", "ab", "a.b", "a%2Fb", "%C3%B6", "A", "-", "a;x"])
}

/// What a client may send: also what no prefix has.
fn sent_segment() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => segment(), 1 => select(vec!["", ".", "..", "%2e%2E", "..;x", "a\\b", "%5c..", "%"])]
}

fn path_of(segments: &[&str]) -> String {
    segments.iter().fold(String::new(), |path, segment| path + "/" + segment)
}

fn prefix() -> impl Strategy<Value = PathPrefix> {
    vec(segment(), 0..4).prop_map(|segments| PathPrefix::parse(&(path_of(&segments) + "/")).expect("a prefix"))
}

/// The same path with some of its unreserved characters percent-encoded, in either case.
fn respelled(path: &str, which: &[(Index, bool)]) -> String {
    let mut spelled: Vec<String> = Vec::new();
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        let length = if first == '%' { 3 } else { first.len_utf8() };
        spelled.push(rest[..length].to_owned());
        rest = &rest[length..];
    }
    for (index, capital) in which {
        let piece = index.get_mut(&mut spelled);
        if let [byte] = *piece.as_bytes()
            && (byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        {
            *piece = if *capital { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
        }
    }
    spelled.concat()
}

proptest! {
    #[test]
    fn the_longest_prefix_wins_whatever_the_order(
        prefixes in vec(prefix(), 0..6),
        segments in vec(sent_segment(), 0..5),
        slash: bool,
    ) {
        let path = path_of(&segments) + if slash || segments.is_empty() { "/" } else { "" };
        let path = decode_unreserved(&path);
        let longest = prefixes.iter().filter(|prefix| prefix.strip(&path).is_some()).map(PathPrefix::len).max();
        for order in [prefixes.clone(), prefixes.iter().rev().cloned().collect()] {
            match Routes::new(order.into_iter().map(|prefix| (prefix, ()))).find(&path) {
                Routed::To(prefix, rest, ()) => {
                    prop_assert_eq!(Some(prefix.len()), longest);
                    prop_assert_eq!(format!("{}{rest}", prefix.as_str()), path.as_ref());
                }
                Routed::Nowhere => prop_assert_eq!(longest, None),
                Routed::Unclear => prop_assert!(resolve_dots(&path).is_some()),
            }
        }
    }

    #[test]
    fn whoever_resolves_dots_comes_to_the_same_route(
        prefixes in vec(prefix(), 1..6),
        segments in vec(sent_segment(), 1..6),
    ) {
        let path = path_of(&segments);
        let path = decode_unreserved(&path);
        let routes = Routes::new(prefixes.into_iter().map(|prefix| (prefix.clone(), prefix)));
        let Some(resolved) = resolve_dots(&path) else { return Ok(()) };
        match (routes.find(&path), routes.find(&resolved)) {
            (Routed::Unclear, _) => {}
            (Routed::To(_, _, here), Routed::To(_, _, there)) => prop_assert_eq!(here, there),
            (Routed::Nowhere, Routed::Nowhere) => {}
            (here, there) => prop_assert!(false, "{path}: {here:?}, and {there:?} at {resolved}"),
        }
    }

    #[test]
    fn a_path_is_one_path_in_every_spelling(
        segments in vec(segment(), 1..5),
        which in vec(any::<(Index, bool)>(), 0..8),
    ) {
        let path = path_of(&segments);
        let spelled = respelled(&path, &which);
        let (once, plain) = (decode_unreserved(&spelled), decode_unreserved(&path));
        prop_assert_eq!(&once, &plain, "{} and {}", spelled, path);
        prop_assert_eq!(decode_unreserved(&once), plain);
    }

    #[test]
    fn a_prefix_cuts_as_many_segments_from_the_received_spelling(
        prefix in prefix(),
        segments in vec(segment(), 0..4),
        which in vec(any::<(Index, bool)>(), 0..8),
    ) {
        let path = prefix.as_str().to_owned() + &path_of(&segments);
        prop_assume!(!path.is_empty());
        let spelled = respelled(&path, &which);
        let rest = prefix.strip_received(&spelled);
        let cut = path_of(&segments);
        prop_assert_eq!(decode_unreserved(rest), decode_unreserved(&cut));
    }

    #[test]
    fn an_authority_is_read_again_as_what_it_says(text in "(\\PC{0,40}|[a-zA-Z0-9.:\\[\\]-]{0,40})") {
        if let Ok(authority) = Authority::parse(&text) {
            prop_assert_eq!(Authority::parse(&authority.to_string()), Ok(authority));
        }
    }
}
