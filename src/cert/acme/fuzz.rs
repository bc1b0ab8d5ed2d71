//! Fuzzers' door to how long a CA wants to be left alone.

use http::header::{self, HeaderMap, HeaderValue};

use super::transport::RetryAfter;

/// A `Retry-After`: a number of seconds, never negative, or nothing.
pub fn retry_after(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut fields = HeaderMap::new();
    fields.insert(header::RETRY_AFTER, value);
    let heard = RetryAfter::default();
    heard.hear(&fields);
    let seconds = heard.seconds();
    assert!(seconds.is_none_or(|seconds| seconds > 0), "{seconds:?}");
    let number = std::str::from_utf8(data).ok().and_then(|text| text.trim_matches([' ', '\t']).parse::<u32>().ok());
    if let Some(number) = number {
        assert!(seconds.is_some_and(|seconds| seconds.abs_diff(number.into()) <= 1), "{seconds:?}");
    }
    heard.hear(&HeaderMap::new());
    assert_eq!(heard.seconds(), None);
}
