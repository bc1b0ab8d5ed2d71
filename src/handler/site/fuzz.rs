//! Fuzzers' door to what a client asks of a file: ranges, conditions, codings.

use std::ops::Range;
use std::time::{Duration, UNIX_EPOCH};

use arbitrary::{Arbitrary, Unstructured};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::condition::{Validators, Verdict};
use super::encoding::Accepted;
use super::range::Wanted;

#[derive(Debug, Arbitrary)]
struct Case<'a> {
    size: u64,
    /// Seconds since 1970.
    modified: Option<u32>,
    weak: bool,
    /// Asked for by a well-formed `Range`.
    specs: Vec<Spec>,
    fields: Vec<(Field, Value<'a>)>,
}

#[derive(Debug, Arbitrary)]
enum Spec {
    Between(u64, u64),
    From(u64),
    Last(u64),
}

#[derive(Debug, Arbitrary)]
enum Field {
    Range,
    IfRange,
    IfMatch,
    IfNoneMatch,
    IfModifiedSince,
    IfUnmodifiedSince,
    AcceptEncoding,
}

#[derive(Debug, Arbitrary)]
enum Value<'a> {
    Tag,
    WeakTag,
    Star,
    Date(u32),
    /// The file's own time and this many seconds.
    Beside(i8),
    Bytes(&'a [u8]),
}

/// A file, and fields that ask for it under conditions.
///
/// No range is outside of its file, all together are no larger; each is what was asked for. A file that a client has
/// is not sent, one that it has not is.
pub fn conditions(data: &[u8]) {
    let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let fields: HeaderMap =
        case.fields.iter().filter_map(|(field, value)| Some((field.name(), value.written(case.modified)?))).collect();
    any_range(&fields, case.size);
    if !case.specs.is_empty() {
        ranges(&case.specs, case.size);
    }
    let accepted = Accepted::of(&fields);
    let codings: Vec<_> = accepted.codings().collect();
    assert!(codings.len() <= 3);

    let tag = if case.weak { WEAK } else { STRONG };
    let modified = case.modified.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds.into()));
    let file = Validators { tag, modified };
    let verdict = file.judge(&fields);
    let allowed = file.allow_range(&fields);
    let said = |field: Field| {
        let lines: Vec<&HeaderValue> = fields.get_all(field.name()).iter().collect();
        match lines[..] {
            [one] => Some(one.as_bytes()),
            _ => None,
        }
    };
    let has = |field: Field| fields.contains_key(field.name());
    if !has(Field::IfMatch) && !has(Field::IfUnmodifiedSince) {
        assert_ne!(verdict, Verdict::Failed);
        if said(Field::IfNoneMatch).is_some_and(|said| said == b"*" || said == tag.as_bytes()) {
            assert_eq!(verdict, Verdict::NotModified);
        }
    }
    if !has(Field::IfNoneMatch) && !has(Field::IfModifiedSince) {
        assert_ne!(verdict, Verdict::NotModified);
        if said(Field::IfMatch) == Some(STRONG.as_bytes()) {
            assert_eq!(verdict, if case.weak { Verdict::Failed } else { Verdict::Send });
        }
    }
    assert!(has(Field::IfRange) || allowed);
    if said(Field::IfRange).is_some_and(|said| said.starts_with(b"W/")) {
        assert!(!allowed, "a weak tag lets no range through (RFC 9110 section 13.1.5)");
    }
}

const STRONG: &str = "\"5f5e100-3b9aca00\"";
const WEAK: &str = "W/\"5f5e100-3b9aca00\"";

fn any_range(fields: &HeaderMap, size: u64) -> Vec<Range<u64>> {
    let found = match Wanted::of(fields, size) {
        Wanted::One(range) => vec![range],
        Wanted::Many(ranges) => {
            assert!(ranges.len() > 1);
            ranges
        }
        Wanted::Whole | Wanted::Nothing => vec![],
    };
    let mut sum = 0;
    for range in &found {
        assert!(range.start < range.end && range.end <= size, "{range:?} of {size}");
        sum += u128::from(range.end - range.start);
    }
    assert!(sum <= u128::from(size), "{found:?} of {size}");
    found
}

/// What is found is what each of the ranges means (RFC 9110 section 14.1.2).
fn ranges(specs: &[Spec], size: u64) {
    let written: Vec<String> = specs.iter().map(Spec::written).collect();
    let line = format!("bytes={}", written.join(","));
    let mut fields = HeaderMap::new();
    fields.insert(header::RANGE, HeaderValue::from_str(&line).expect("visible ASCII"));
    let found = any_range(&fields, size);
    let meant: Vec<Range<u64>> = specs.iter().filter_map(|spec| spec.of(size)).collect();
    match Wanted::of(&fields, size) {
        Wanted::One(_) | Wanted::Many(_) => assert_eq!(found, meant, "{line} of {size}"),
        Wanted::Nothing => assert!(meant.is_empty(), "{line} of {size}: {meant:?}"),
        Wanted::Whole => {}
    }
}

impl Spec {
    fn written(&self) -> String {
        match self {
            Self::Between(first, last) => format!("{first}-{last}"),
            Self::From(first) => format!("{first}-"),
            Self::Last(count) => format!("-{count}"),
        }
    }

    /// The bytes of a file of this size; `None` where it has none of them.
    fn of(&self, size: u64) -> Option<Range<u64>> {
        let range = match *self {
            Self::Between(first, last) => first..last.saturating_add(1).min(size),
            Self::From(first) => first..size,
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        (range.start < range.end).then_some(range)
    }
}

impl Field {
    fn name(&self) -> HeaderName {
        match self {
            Self::Range => header::RANGE,
            Self::IfRange => header::IF_RANGE,
            Self::IfMatch => header::IF_MATCH,
            Self::IfNoneMatch => header::IF_NONE_MATCH,
            Self::IfModifiedSince => header::IF_MODIFIED_SINCE,
            Self::IfUnmodifiedSince => header::IF_UNMODIFIED_SINCE,
            Self::AcceptEncoding => header::ACCEPT_ENCODING,
        }
    }
}

impl Value<'_> {
    /// `None` where no parser would hand it over.
    fn written(&self, modified: Option<u32>) -> Option<HeaderValue> {
        let date = |seconds: u64| {
            HeaderValue::try_from(httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))).ok()
        };
        match self {
            Self::Tag => Some(HeaderValue::from_static(STRONG)),
            Self::WeakTag => Some(HeaderValue::from_static(WEAK)),
            Self::Star => Some(HeaderValue::from_static("*")),
            Self::Date(seconds) => date((*seconds).into()),
            Self::Beside(step) => date(u64::from(modified?).saturating_add_signed((*step).into())),
            Self::Bytes(bytes) => HeaderValue::from_bytes(bytes.trim_ascii()).ok(),
        }
    }
}
