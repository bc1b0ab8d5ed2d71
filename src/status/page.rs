//! The page for a person: every certificate that is served, when it ends, and whether that is near; the month's
//! meetings against their budget; the upstreams and what is wrong with them.

use askama::Template;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::access::count;
use crate::cert::expiry::{Urgency, urgency};
use crate::cert::live::Held;
use crate::cert::words::{date, span};

use crate::jitsi::ledger::Month;

use super::meetings::{OfLauncher, Told};
use super::plot::Plot;
use super::{text, typed, upstreams};

/// Nothing is loaded from anywhere, and the page's own style is all that it may use.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "status/page.html")]
struct Page<'a> {
    version: &'static str,
    rows: Vec<Row>,
    /// What was refused, in words; empty where nothing was.
    refused: Vec<(&'static str, u64)>,
    upstreams: Vec<upstreams::Row<'a>>,
    fault: Option<&'a str>,
    launchers: Vec<Launcher<'a>>,
}

struct Row {
    names: String,
    ends: String,
    left: String,
    class: &'static str,
    verdict: &'static str,
    origin: String,
}

/// What is told of a launcher.
struct Launcher<'a> {
    name: &'a str,
    used: String,
    class: &'static str,
    at_8x8: String,
    at_limit: &'a str,
    budget: Option<u32>,
    moderators: &'a str,
    /// `None` where the ledger does not tell.
    now: Option<&'a Month>,
    months: &'a [Month],
    plot: Plot,
}

pub(super) fn reply(
    certificates: &[Held],
    meetings: &Told,
    upstreams: &[upstreams::Told],
    now: i64,
) -> Response<Full<Bytes>> {
    let page = Page {
        version: env!("CARGO_PKG_VERSION"),
        rows: certificates.iter().map(|held| row(held, now)).collect(),
        refused: count::so_far().into_iter().filter(|(_, count)| *count > 0).map(|(why, n)| (why.words(), n)).collect(),
        upstreams: upstreams::rows(upstreams),
        fault: meetings.fault.as_deref(),
        launchers: meetings.launchers.iter().map(launcher).collect(),
    };
    match page.render() {
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

fn launcher(told: &OfLauncher) -> Launcher<'_> {
    let (rule, now) = (&told.rule, told.now());
    let used = now.map(Month::used);
    let class = match (used, rule.budget) {
        (Some(used), Some(budget)) if used > budget => "bad",
        // Nine tenths, rounded: of 25 the 23rd.
        (Some(used), Some(budget)) if used >= budget - budget / 10 => "soon",
        (Some(_), Some(_)) => "good",
        _ => "",
    };
    let number = used.map_or_else(|| "not known".to_owned(), |used| used.to_string());
    Launcher {
        name: &rule.launcher,
        used: match rule.budget {
            Some(budget) => format!("{number} of {budget}"),
            None => number,
        },
        class,
        at_8x8: if rule.jaas { at_8x8(now) } else { "no meetings of 8x8".to_owned() },
        at_limit: if rule.budget.is_some() { &rule.at_limit } else { "no monthly_users is set" },
        budget: rule.budget,
        moderators: &rule.moderators,
        now,
        months: &told.months,
        plot: Plot::of(&told.months, rule.budget),
    }
}

/// 8x8's own number, and how far it is from ours.
fn at_8x8(month: Option<&Month>) -> String {
    let Some((month, real)) = month.and_then(|month| Some((month, month.real?))) else {
        return "not reported".to_owned();
    };
    match i64::from(real) - i64::from(month.devices) {
        0 => format!("{real}, as here"),
        more @ 1.. => format!("{real}, {more} more than here"),
        fewer => format!("{real}, {} fewer than here", -fewer),
    }
}
