//! Which bytes of a file are asked for (RFC 9110 section 14).
//!
//! What cannot be read, or asks for too much, is passed over and the whole file
//! sent, as section 14.2 allows.

use std::ops::Range;

use http::{HeaderMap, header};
use http_range_header::{RangeUnsatisfiableError, parse_range_header};

/// What is asked for of one file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// These bytes.
    One(Range<u64>),
    /// These, in this order, at least two.
    Many(Vec<Range<u64>>),
    /// Nothing that the file has.
    Nothing,
}

impl Wanted {
    /// Reads `Range` for a file of `size` bytes.
    pub(super) fn of(fields: &HeaderMap, size: u64) -> Self {
        let mut lines = fields.get_all(header::RANGE).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return Self::Whole };
        let Ok(line) = line.to_str() else { return Self::Whole };
        let ranges = match parse_range_header(line).and_then(|parsed| parsed.validate(size)) {
            Ok(ranges) => ranges,
            Err(RangeUnsatisfiableError::Unsatisfiable) => return Self::Nothing,
            Err(_) => return Self::Whole,
        };
        let mut ranges: Vec<Range<u64>> = ranges.into_iter().map(|r| *r.start()..r.end().saturating_add(1)).collect();
        match ranges.len() {
            // A suffix of an empty file: all of it, which no Content-Range can say.
            0 => Self::Whole,
            1 => Self::One(ranges.swap_remove(0)),
            // Overlapping ranges must not make an answer larger than the file.
            _ if ranges.iter().map(|r| u128::from(r.end - r.start)).sum::<u128>() > size.into() => Self::Whole,
            _ => Self::Many(ranges),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn wanted(line: &str, size: u64) -> Wanted {
        let mut fields = HeaderMap::new();
        fields.insert(header::RANGE, HeaderValue::from_str(line).expect(line));
        Wanted::of(&fields, size)
    }

    #[test]
    fn r101_ranges_of_fifty_bytes() {
        assert_eq!(wanted("bytes=-500", 50), Wanted::One(0..50));
        assert_eq!(wanted("bytes=0-0", 50), Wanted::One(0..1));
        assert_eq!(wanted("bytes=10-", 50), Wanted::One(10..50));
        assert_eq!(wanted("bytes=10-99999999999999999999999", 50), Wanted::One(10..50));
        assert_eq!(wanted("bytes=0-0,-1", 50), Wanted::Many(vec![0..1, 49..50]));
        assert_eq!(wanted("bytes=0-0,90-", 50), Wanted::One(0..1));
        // Together they are more than can be counted in 64 bits.
        assert_eq!(wanted("bytes=0-,0-,0-", i64::MAX as u64), Wanted::Whole);
        for nothing in ["bytes=50-", "bytes=500-600", "bytes=-0", "bytes=60-,70-"] {
            assert_eq!(wanted(nothing, 50), Wanted::Nothing, "{nothing}");
        }
        for whole in ["bytes=", "bytes=5-2", "bytes=a-b", "bytes", "lines=0-1", "bytes=--1", "bytes=0-1;2-3", "0-1"] {
            assert_eq!(wanted(whole, 50), Wanted::Whole, "{whole}");
        }
    }

    #[test]
    fn r101_an_empty_file_has_a_suffix_and_nothing_else() {
        assert_eq!(wanted("bytes=-5", 0), Wanted::Whole);
        for nothing in ["bytes=0-", "bytes=0-0", "bytes=-0"] {
            assert_eq!(wanted(nothing, 0), Wanted::Nothing, "{nothing}");
        }
    }

    #[test]
    fn ranges_never_ask_for_more_than_the_file() {
        assert_eq!(wanted("bytes=0-,0-,0-", 50), Wanted::Whole);
        assert_eq!(wanted("bytes=0-40,10-49", 50), Wanted::Whole);
        let many = (0..200).map(|at| format!("{at}-{at}")).collect::<Vec<_>>().join(",");
        assert_eq!(wanted(&format!("bytes={many}"), 1000), Wanted::Whole);
    }

    #[test]
    fn two_range_lines_are_none() {
        let mut fields = HeaderMap::new();
        fields.append(header::RANGE, HeaderValue::from_static("bytes=0-1"));
        fields.append(header::RANGE, HeaderValue::from_static("bytes=2-3"));
        assert_eq!(Wanted::of(&fields, 50), Wanted::Whole);
    }
}
