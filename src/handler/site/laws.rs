//! Laws of what a website's paths and ranges are, tried on whatever proptest thinks of.

use http::{HeaderMap, HeaderValue, header};
use percent_encoding::percent_decode_str;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::range::Wanted;
use super::resolve::{Target, folder_location, reference};
use crate::route::path::{PathPrefix, decode_unreserved};

/// Pieces of what attacks are made of, beside ordinary names.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec!["/", "..", ".", "%2e", "%2E%2e", "%2f", "%5c", "\\", "%00", "%25", "%", ";", "a", "b.txt", "%252e"])
            .prop_map(str::to_owned),
        1 => "\\PC{1,3}",
    ]
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>().prop_filter("no name has it", |byte| !matches!(byte, 0 | b'/' | b'\\')), 1..12)
        .prop_filter("a name that is served", |name| name[0] != b'.')
}

/// What is asked for of a file of this size by this field.
fn wanted(line: &str, size: u64) -> Wanted {
    let mut fields = HeaderMap::new();
    fields.insert(header::RANGE, HeaderValue::from_str(line).expect("visible ASCII"));
    Wanted::of(&fields, size)
}

proptest! {
    #[test]
    fn a_path_never_leaves_its_root(pieces in vec(piece(), 0..12)) {
        let rest = format!("/{}", pieces.concat());
        let Ok(target) = Target::parse(&decode_unreserved(&rest)) else { return Ok(()) };
        if target.path.is_empty() {
            return Ok(());
        }
        for (depth, name) in target.path.split(|&byte| byte == b'/').enumerate() {
            prop_assert!(!name.is_empty(), "{rest}");
            prop_assert!(!name.contains(&0) && !name.contains(&b'\\'), "{rest}");
            prop_assert!(name[0] != b'.' || (depth == 0 && name == b".well-known"), "{rest}");
        }
    }

    #[test]
    fn a_folder_is_found_again_where_it_redirects_to(names in vec(name(), 0..4), below in select(vec!["/", "/a", "/a/b"])) {
        let prefix = PathPrefix::parse(below).expect("a prefix");
        let path = names.join(&b'/');
        let location = folder_location(&prefix, &path, None);
        prop_assert!(location.starts_with('/') && !location.starts_with("//"), "{location}");
        let seen = decode_unreserved(&location);
        let rest = prefix.strip(&seen).expect("below the prefix");
        prop_assert_eq!(Target::parse(rest), Ok(Target { path, folder: true }), "{}", location);
    }

    #[test]
    fn a_listing_leads_to_the_very_file(name in name()) {
        let reference = reference(&name, false);
        let bare = reference.strip_prefix("./").unwrap_or(&reference);
        prop_assert!(!reference.starts_with('/'));
        prop_assert!(!bare.contains(['?', '#', '/', '"', '<', '>', ' ', '\\']), "{bare}");
        prop_assert!(reference.starts_with("./") || !reference.contains(':'), "{reference}");
        prop_assert_eq!(percent_decode_str(bare).collect::<Vec<u8>>(), name);
    }

    #[test]
    fn no_range_is_outside_of_its_file_nor_all_of_them_larger(
        size in prop_oneof![0..20_u64, any::<u64>()],
        ranges in vec((select(vec!["{}-{}", "{}-", "-{}"]), 0..30_u64, 0..30_u64), 1..5),
    ) {
        let specs: Vec<String> = ranges
            .iter()
            .map(|(form, a, b)| form.replacen("{}", &a.to_string(), 1).replacen("{}", &b.to_string(), 1))
            .collect();
        let line = format!("bytes={}", specs.join(","));
        let found = match wanted(&line, size) {
            Wanted::One(range) => vec![range],
            Wanted::Many(ranges) => {
                prop_assert!(ranges.len() > 1);
                ranges
            }
            Wanted::Whole | Wanted::Nothing => vec![],
        };
        let mut sum = 0;
        for range in found {
            prop_assert!(range.start < range.end && range.end <= size, "{line} of {size}: {range:?}");
            sum += u128::from(range.end - range.start);
        }
        prop_assert!(sum <= u128::from(size), "{line} of {size}");
    }

    #[test]
    fn a_range_is_its_bytes((size, first, last) in (1..u64::MAX).prop_flat_map(|size| (Just(size), 0..size, any::<u64>()))) {
        prop_assume!(first <= last);
        prop_assert_eq!(wanted(&format!("bytes={first}-{last}"), size), Wanted::One(first..last.saturating_add(1).min(size)));
    }

    #[test]
    fn no_range_field_is_too_odd(line in "[ -~\\t]{0,40}", size: u64) {
        match wanted(&line, size) {
            Wanted::One(range) => prop_assert!(range.start < range.end && range.end <= size),
            Wanted::Many(ranges) => prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size)),
            Wanted::Whole | Wanted::Nothing => {}
        }
    }
}
