//! The page for a person: every certificate that is served, when it ends, and whether that is near.

use askama::Template;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::cert::expiry::{Urgency, urgency};
use crate::cert::live::Held;
use crate::cert::words::{date, span};

use super::{text, typed};

/// Nothing is loaded from anywhere, and the page's own style is all that it may use.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "status/page.html")]
struct Page {
    version: &'static str,
    rows: Vec<Row>,
}

struct Row {
    names: String,
    ends: String,
    left: String,
    class: &'static str,
    verdict: &'static str,
    origin: String,
}

pub(super) fn reply(certificates: &[Held], now: i64) -> Response<Full<Bytes>> {
    let rows = certificates.iter().map(|held| row(held, now)).collect();
    match (Page { version: env!("CARGO_PKG_VERSION"), rows }).render() {
        Ok(page) => {
            let mut response = typed(StatusCode::OK, "text/html; charset=utf-8", page);
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            response
        }
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("The page cannot be made: {error}\n")),
    }
}

fn row(held: &Held, now: i64) -> Row {
    let (not_before, not_after) = held.loaded.validity();
    let (class, verdict) = match urgency(not_before, not_after, now) {
        None => ("good", "good"),
        Some(Urgency::Quarter) => ("soon", "less than a quarter of its lifetime is left: do renewals run?"),
        Some(Urgency::Tenth) => ("bad", "less than a tenth of its lifetime is left: renew it today"),
        Some(Urgency::Over) => ("bad", "expired: every client refuses it"),
    };
    let names: Vec<String> = held.loaded.names.iter().map(ToString::to_string).collect();
    Row {
        names: names.join(", "),
        ends: date(not_after),
        left: if not_after < now { "none".into() } else { span(not_after - now) },
        class,
        verdict,
        origin: held.origin.to_string(),
    }
}
