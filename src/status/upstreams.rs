//! What is told of upstreams: who is out and why, connections, and what went wrong how often.

use std::fmt::Write;
use std::sync::Arc;

use crate::outgoing::{Found, Standing};

use super::metrics::{escaped, family};

/// An upstream and what was found by asking it.
pub(super) type Told = (Arc<Standing>, Found);

/// A row of the page.
pub(super) struct Row<'a> {
    pub(super) route: &'a str,
    pub(super) upstream: &'a str,
    pub(super) class: &'static str,
    pub(super) verdict: String,
    pub(super) connections: String,
    pub(super) troubles: String,
}

pub(super) fn rows(told: &[Told]) -> Vec<Row<'_>> {
    told.iter().map(|(standing, found)| row(standing, found)).collect()
}

fn row<'a>(standing: &'a Standing, found: &Found) -> Row<'a> {
    let (class, verdict) = match found {
        Found::Ill(why) => ("bad", format!("out: {why}")),
        _ if standing.is_ejected() => ("bad", "ejected for a while: requests to it failed time after time".to_owned()),
        Found::Well(None) => ("good", "well".to_owned()),
        Found::Well(Some(why)) => ("soon", format!("well so far; its last check: {why}")),
        Found::NotYet => ("", "not asked yet".to_owned()),
        Found::Unasked => ("", "not asked".to_owned()),
    };
    let connections = match standing.connections() {
        (open, 0) => open.to_string(),
        (open, waiting) => format!("{open}; {waiting} wait for one"),
    };
    let troubles: Vec<String> = standing
        .troubles()
        .filter(|(_, count)| *count > 0)
        .map(|(trouble, count)| format!("{} {count}", trouble.label()))
        .collect();
    let troubles = if troubles.is_empty() { "none".to_owned() } else { troubles.join(", ") };
    Row { route: &standing.route, upstream: &standing.upstream, class, verdict, connections, troubles }
}

/// Every kind of failure has a sample from the start: a counter that appears with its first failure hides that one.
pub(super) fn metrics(out: &mut String, told: &[Told]) {
    if told.is_empty() {
        return;
    }
    let labels = |standing: &Standing| {
        format!("route=\"{}\",upstream=\"{}\"", escaped(&standing.route), escaped(&standing.upstream))
    };
    let failures = "gatepost_upstream_failures_total";
    family(out, failures, "counter", "What went wrong with an upstream since the start, by its kind.");
    for (standing, _) in told {
        for (trouble, count) in standing.troubles() {
            writeln!(out, "{failures}{{{},kind=\"{}\"}} {count}", labels(standing), trouble.label()).ok();
        }
    }
    let retries = "gatepost_upstream_retries_total";
    family(out, retries, "counter", "Requests that were sent to another upstream after this one had failed.");
    for (standing, _) in told {
        writeln!(out, "{retries}{{{}}} {}", labels(standing), standing.retries()).ok();
    }
    let healthy = "gatepost_upstream_healthy";
    family(out, healthy, "gauge", "Whether an upstream's checks succeed; no sample where it was not asked.");
    for (standing, found) in told {
        let well = match found {
            Found::Well(_) => 1,
            Found::Ill(_) => 0,
            Found::NotYet | Found::Unasked => continue,
        };
        writeln!(out, "{healthy}{{{}}} {well}", labels(standing)).ok();
    }
    let ejected = "gatepost_upstream_ejected";
    family(out, ejected, "gauge", "Whether an upstream gets no requests for a while because they failed.");
    for (standing, _) in told {
        writeln!(out, "{ejected}{{{}}} {}", labels(standing), u8::from(standing.is_ejected())).ok();
    }
    let connections = "gatepost_upstream_connections";
    family(out, connections, "gauge", "Open connections to an upstream, without tunnels.");
    for (standing, _) in told {
        writeln!(out, "{connections}{{{}}} {}", labels(standing), standing.connections().0).ok();
    }
    let waiting = "gatepost_upstream_waiting_requests";
    family(out, waiting, "gauge", "Requests that wait for a connection to an upstream.");
    for (standing, _) in told {
        writeln!(out, "{waiting}{{{}}} {}", labels(standing), standing.connections().1).ok();
    }
}
