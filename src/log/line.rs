//! A line of the access log: Apache's combined format, or JSON.

use std::cell::RefCell;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use http::Version;
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;

use super::access::Entry;

/// Apache's `%t`: `25/Nov/2026:01:26:27 +0000`. UTC, so that no daylight saving makes an hour twice.
const COMMON: &[FormatItem<'_>] = format_description!(
    "[day]/[month repr:short]/[year]:[hour]:[minute]:[second] [offset_hour sign:mandatory][offset_minute]"
);

thread_local! {
    static STAMP: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

/// `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"`; the request is `-` where its head could not be read.
pub(super) fn combined(out: &mut Vec<u8>, entry: &Entry) {
    // Writing to a vector cannot fail.
    write!(out, "{} - ", entry.client.get()).ok();
    match &*entry.user.borrow() {
        // A blank would make two columns of it.
        Some(user) => escape(out, &user.replace(' ', "\u{a0}")),
        None => out.push(b'-'),
    }
    out.extend_from_slice(b" [");
    stamp(out, entry.time);
    out.extend_from_slice(b"] \"");
    match &entry.head {
        Some(head) => {
            write!(out, "{} ", head.method).ok();
            escape(out, &head.target.borrow());
            write!(out, " {}", protocol(head.version)).ok();
        }
        None => out.push(b'-'),
    }
    write!(out, "\" {} ", entry.status.get().as_u16()).ok();
    match entry.sent.get() {
        0 => out.push(b'-'),
        sent => {
            write!(out, "{sent}").ok();
        }
    }
    let fields = entry.head.as_ref().map(|head| (&head.referrer, &head.agent));
    let (referrer, agent) = fields.unzip();
    for field in [referrer, agent] {
        out.extend_from_slice(b" \"");
        escape(out, field.and_then(|field| field.as_deref()).unwrap_or("-"));
        out.push(b'"');
    }
    out.push(b'\n');
}

/// One object: all that the combined line has, and request id, host, scheme, durations in milliseconds.
pub(super) fn json(out: &mut Vec<u8>, entry: &Entry) {
    let millis = |duration: std::time::Duration| (duration.as_secs_f64() * 1e6).round() / 1e3;
    let time = entry.time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let head = entry.head.as_ref();
    let line = serde_json::json!({
        "time": (time.as_secs_f64() * 1e3).round() / 1e3,
        "id": entry.id.to_string(),
        "client": entry.client.get(),
        "peer": entry.peer,
        "user": entry.user.borrow().as_deref(),
        "scheme": entry.scheme.borrow().as_str(),
        "host": entry.host,
        "method": head.map(|head| head.method.as_str()),
        "target": head.map(|head| head.target.borrow().clone()),
        "protocol": head.map(|head| protocol(head.version)),
        "status": entry.status.get().as_u16(),
        "bytes_sent": entry.sent.get(),
        "bytes_received": entry.received.get(),
        "duration_ms": millis(entry.duration()),
        "upstream_ms": entry.upstream_time.get().map(millis),
        "referrer": head.and_then(|head| head.referrer.as_deref()),
        "user_agent": head.and_then(|head| head.agent.as_deref()),
    });
    writeln!(out, "{line}").ok();
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

/// The time stamp, made once a second.
fn stamp(out: &mut Vec<u8>, time: SystemTime) {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    STAMP.with_borrow_mut(|(made_for, text)| {
        if *made_for != seconds || text.is_empty() {
            *text = OffsetDateTime::from(UNIX_EPOCH + std::time::Duration::from_secs(seconds))
                .format(COMMON)
                .unwrap_or_default();
            *made_for = seconds;
        }
        out.extend_from_slice(text.as_bytes());
    });
}

/// As Apache does: quotes and backslashes escaped, what is not printable ASCII as `\xHH`.
fn escape(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x20..=0x7e => out.push(byte),
            _ => {
                write!(out, "\\x{byte:02x}").ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_quoted_field() {
        let mut out = Vec::new();
        escape(&mut out, "a\"b\\c\r\né");
        assert_eq!(String::from_utf8(out).expect("ASCII"), "a\\\"b\\\\c\\x0d\\x0a\\xc3\\xa9");
    }

    #[test]
    fn the_stamp_is_apaches() {
        let mut out = Vec::new();
        stamp(&mut out, UNIX_EPOCH + std::time::Duration::from_secs(1_795_569_987));
        assert_eq!(String::from_utf8(out).expect("ASCII"), "25/Nov/2026:01:26:27 +0000");
    }
}
