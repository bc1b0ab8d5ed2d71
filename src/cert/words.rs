//! Times, lists and webpki's reasons in words, as everything that judges a certificate writes them.
//!
//! It judges nothing.

use std::path::Path;

use time::OffsetDateTime;
use time::macros::format_description;

use super::member::Member;

/// A day in seconds.
pub(super) const DAY: i64 = 24 * 60 * 60;

/// webpki's reason, in words where it is one that people meet.
pub(super) fn reason(error: &webpki::Error) -> String {
    match error {
        webpki::Error::CaUsedAsEndEntity => "the leaf is marked as a CA".to_owned(),
        webpki::Error::EndEntityUsedAsCa => "an issuer in it is not marked as a CA".to_owned(),
        webpki::Error::RequiredEkuNotFoundContext(_) => "it is not issued for servers (no serverAuth)".to_owned(),
        webpki::Error::NameConstraintViolation => "a CA in it may not issue for these names".to_owned(),
        webpki::Error::PathLenConstraintViolated => "a CA in it may not have CAs below it".to_owned(),
        webpki::Error::UnsupportedSignatureAlgorithmContext(_) => {
            "it is signed with an algorithm that is no longer taken, such as SHA-1".to_owned()
        }
        other => other.to_string(),
    }
}

/// Up to three of them in words; `None` where there is none.
pub(super) fn listed(members: &[&Member<'_>]) -> Option<String> {
    let shown: Vec<String> = members.iter().take(3).map(|member| member.shown()).collect();
    match members.len() {
        0 => None,
        1..=3 => Some(shown.join(", ")),
        many => Some(format!("{} and {} more", shown.join(", "), many - 3)),
    }
}

/// `2026-11-25 01:28 UTC`.
pub(crate) fn date(seconds: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(format).ok()).unwrap_or_else(|| format!("second {seconds}"))
}

/// `2026-11-25`, in UTC.
pub(super) fn day(seconds: i64) -> String {
    let format = format_description!("[year]-[month]-[day]");
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(format).ok()).unwrap_or_else(|| format!("second {seconds}"))
}

/// `17 days`, or hours where it is less than two days.
pub(crate) fn span(seconds: i64) -> String {
    if seconds < 2 * DAY { format!("{} hours", seconds / 3600) } else { format!("{} days", seconds / DAY) }
}

/// A path as a shell takes it: quoted only where it must be.
pub(crate) fn quoted(path: &Path) -> String {
    let shown = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,".contains(c);
    if !shown.is_empty() && !shown.starts_with('-') && shown.chars().all(plain) {
        shown
    } else {
        format!("'{}'", shown.replace('\'', r"'\''"))
    }
}
