//! Whether a client's condition holds for the file as it is now (RFC 9110 section 13).
//!
//! A condition that cannot be read does not count.

use std::str::FromStr;
use std::time::SystemTime;

use headers::{ETag, Header, HeaderMapExt, IfMatch, IfModifiedSince, IfNoneMatch, IfUnmodifiedSince};
use http::{HeaderMap, HeaderValue, header};

/// What identifies a file's state.
pub(super) struct Validators<'v> {
    /// As in `ETag`, quotes and all.
    pub(super) tag: &'v str,
    /// As in `Last-Modified`.
    pub(super) modified: Option<SystemTime>,
}

/// What the conditions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send it.
    Send,
    /// 304: the client has it already.
    NotModified,
    /// 412: the client wants another state than there is.
    Failed,
}

impl Validators<'_> {
    /// The conditions in the order of RFC 9110 section 13.2.2.
    pub(super) fn judge(&self, fields: &HeaderMap) -> Verdict {
        if let Some(condition) = tags::<IfMatch>(fields) {
            if !self.tag().is_some_and(|tag| condition.precondition_passes(&tag)) {
                return Verdict::Failed;
            }
        } else if let (Some(condition), Some(modified)) = (fields.typed_get::<IfUnmodifiedSince>(), self.modified)
            && !condition.precondition_passes(modified)
        {
            return Verdict::Failed;
        }
        if let Some(condition) = tags::<IfNoneMatch>(fields) {
            if !self.tag().is_some_and(|tag| condition.precondition_passes(&tag)) {
                return Verdict::NotModified;
            }
        } else if let (Some(condition), Some(modified)) = (fields.typed_get::<IfModifiedSince>(), self.modified)
            && !condition.is_modified(modified)
        {
            return Verdict::NotModified;
        }
        Verdict::Send
    }

    /// Whether `If-Range` lets a range be sent: the same strong tag, or exactly the same date (section 13.1.5).
    pub(super) fn allow_range(&self, fields: &HeaderMap) -> bool {
        let mut lines = fields.get_all(header::IF_RANGE).iter();
        let Some(line) = lines.next() else { return true };
        let (Ok(line), None) = (line.to_str(), lines.next()) else { return false };
        match httpdate::parse_http_date(line) {
            Ok(date) => self.modified == Some(date),
            Err(_) => line == self.tag && !line.starts_with("W/"),
        }
    }

    fn tag(&self) -> Option<ETag> {
        ETag::from_str(self.tag).ok()
    }
}

/// A condition on tags, where it can be read.
///
/// No tag has a blank (RFC 9110 section 8.8.3), and none goes on in the next line. `headers` counts on nobody sending
/// one, and panics in a debug build.
fn tags<C: Header>(fields: &HeaderMap) -> Option<C> {
    fields.get_all(C::name()).iter().all(has_whole_tags).then(|| fields.typed_get()).flatten()
}

fn has_whole_tags(line: &HeaderValue) -> bool {
    let mut in_tag = false;
    let mut bytes = line.as_bytes().iter();
    let has_blank = bytes.any(|byte| {
        in_tag ^= *byte == b'"';
        in_tag && matches!(byte, b' ' | b'\t')
    });
    !has_blank && !in_tag
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    const BEFORE: &str = "Thu, 01 Jan 1970 00:16:39 GMT";
    const THEN: &str = "Thu, 01 Jan 1970 00:16:40 GMT";
    const AFTER: &str = "Thu, 01 Jan 1970 00:16:41 GMT";

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|&(name, value)| (name.parse().expect(name), HeaderValue::from_static(value))).collect()
    }

    fn judge(lines: &[(&'static str, &'static str)]) -> Verdict {
        Validators { tag: "\"a\"", modified: Some(UNIX_EPOCH + Duration::from_secs(1000)) }.judge(&fields(lines))
    }

    #[test]
    fn each_condition_by_itself() {
        use Verdict::{Failed, NotModified, Send};
        for (name, value, verdict) in [
            ("if-match", "\"a\"", Send),
            ("if-match", "*", Send),
            ("if-match", "\"b\", \"a\"", Send),
            ("if-match", "\"b\"", Failed),
            ("if-match", "W/\"a\"", Failed),
            ("if-none-match", "\"a\"", NotModified),
            ("if-none-match", "W/\"a\"", NotModified),
            ("if-none-match", "\"x,y\", \"a\"", NotModified),
            ("if-none-match", "*", NotModified),
            ("if-none-match", "\"b\"", Send),
            ("if-modified-since", THEN, NotModified),
            ("if-modified-since", AFTER, NotModified),
            ("if-modified-since", BEFORE, Send),
            ("if-modified-since", "yesterday", Send),
            ("if-unmodified-since", THEN, Send),
            ("if-unmodified-since", BEFORE, Failed),
            // Found by the fuzzer: no tag has a blank, and the library panics in a debug build where one has.
            ("if-match", "\"a b\"", Send),
            ("if-match", "\"a\", W/\"\t\"", Send),
            ("if-none-match", "\"a\", \"b c\"", Send),
            ("if-none-match", "\"b\" , \"a\"", NotModified),
        ] {
            assert_eq!(judge(&[(name, value)]), verdict, "{name}: {value}");
        }
    }

    #[test]
    fn tags_come_before_dates_and_match_before_none_match() {
        assert_eq!(judge(&[("if-none-match", "\"b\""), ("if-modified-since", THEN)]), Verdict::Send);
        assert_eq!(judge(&[("if-match", "\"a\""), ("if-unmodified-since", BEFORE)]), Verdict::Send);
        assert_eq!(judge(&[("if-match", "\"b\""), ("if-none-match", "\"a\"")]), Verdict::Failed);
    }

    #[test]
    fn a_tag_that_goes_on_in_the_next_line_is_none() {
        assert_eq!(judge(&[("if-none-match", "\"a\", \"b"), ("if-none-match", "c\"")]), Verdict::Send);
        assert_eq!(judge(&[("if-none-match", "\"b\""), ("if-none-match", "\"a\"")]), Verdict::NotModified);
    }

    #[test]
    fn if_range_compares_strongly_and_exactly() {
        let modified = Some(UNIX_EPOCH + Duration::from_secs(1000));
        let allows = |tag, value| Validators { tag, modified }.allow_range(&fields(&[("if-range", value)]));
        assert!(allows("\"a\"", "\"a\""));
        assert!(!allows("\"a\"", "\"b\""));
        assert!(!allows("W/\"a\"", "W/\"a\""));
        assert!(allows("\"a\"", THEN));
        assert!(!allows("\"a\"", BEFORE));
        assert!(!allows("\"a\"", AFTER));
        assert!(!allows("\"a\"", "garbage"));
        assert!(Validators { tag: "\"a\"", modified: None }.allow_range(&HeaderMap::new()));
    }
}
