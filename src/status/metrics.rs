//! Certificates, meetings, upstreams, clients and refused requests for Prometheus, in its text format
//! (prometheus.io/docs/instrumenting/exposition_formats).

use std::fmt::Write;

use crate::access::count;
use crate::cert::live::Held;
use crate::log::writer;
use crate::privilege::reader::{self, Reader};
use crate::server::census::Census;

use super::meetings::Told;
use super::upstreams;

/// The format and its version.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One sample a certificate; `names` are the names that it bears. The month's users of each launcher.
pub(super) fn text(certificates: &[Held], meetings: &Told, upstreams: &[upstreams::Told], census: &Census) -> String {
    let mut out = String::new();
    family(&mut out, "gatepost_build_info", "gauge", "The version that runs, as a label.");
    writeln!(out, "gatepost_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")).ok();
    let ends = "gatepost_certificate_expiry_timestamp_seconds";
    family(&mut out, ends, "gauge", "Last second of a served certificate's validity, since 1970.");
    for held in certificates {
        writeln!(out, "{ends}{{{}}} {}", labels(held), held.loaded.not_after).ok();
    }
    let begins = "gatepost_certificate_not_before_timestamp_seconds";
    family(&mut out, begins, "gauge", "First second of a served certificate's validity, since 1970.");
    for held in certificates {
        writeln!(out, "{begins}{{{}}} {}", labels(held), held.loaded.not_before).ok();
    }
    of_refused(&mut out);
    of_meetings(&mut out, meetings);
    upstreams::metrics(&mut out, upstreams);
    of_clients(&mut out, census);
    of_reader(&mut out);
    out
}

/// Who is connected, how many may be, and what was refused.
fn of_clients(out: &mut String, census: &Census) {
    let (most_connections, most_tunnels) = census.most();
    for (name, help, value) in [
        ("gatepost_connections", "Connections of clients.", census.connections()),
        ("gatepost_connections_limit", "Connections that [limits] allows.", most_connections),
        ("gatepost_tunnels", "Open tunnels (WebSockets).", census.tunnels()),
        ("gatepost_tunnels_limit", "Tunnels that [limits] allows.", most_tunnels),
        ("gatepost_answers_held_bytes", "Bytes of answers over HTTP/2 that clients have yet to take.", census.owed()),
    ] {
        family(out, name, "gauge", help);
        writeln!(out, "{name} {value}").ok();
    }
    let refused = "gatepost_refused_total";
    family(out, refused, "counter", "Clients turned away or cut off, by the key in [limits] that they met.");
    for (refusal, times) in census.refusals() {
        writeln!(out, "{refused}{{limit=\"{}\"}} {times}", refusal.key()).ok();
    }
    let lost = "gatepost_access_log_lines_lost_total";
    family(out, lost, "counter", "Lines of the access log that could not be written.");
    writeln!(out, "{lost} {}", writer::lines_lost()).ok();
}

/// All reasons from the start, at 0: what appears later looks like no rise to a monitoring system.
fn of_refused(out: &mut String) {
    let refused = "gatepost_requests_refused_total";
    family(out, refused, "counter", "Requests that a rule of their route refused.");
    for (reason, count) in count::so_far() {
        writeln!(out, "{refused}{{reason=\"{}\"}} {count}", reason.word()).ok();
    }
}

/// Where there is, or was, a process that reads keys for this one.
fn of_reader(out: &mut String) {
    if let Some(is_there) = reader::current().map(Reader::is_there) {
        let up = "gatepost_key_reader_up";
        family(out, up, "gauge", "Whether renewed keys that only root can read are still read.");
        writeln!(out, "{up} {}", u8::from(is_there)).ok();
    }
}

/// A launcher has no sample where its number is not known: a 0 would be a good month.
fn of_meetings(out: &mut String, told: &Told) {
    if told.launchers.is_empty() {
        return;
    }
    let up = "gatepost_meetings_ledger_up";
    family(out, up, "gauge", "Whether the month's users can be counted.");
    writeln!(out, "{up} {}", u8::from(told.fault.is_none())).ok();
    let users = "gatepost_meetings_monthly_users";
    let help = "People and devices that opened a meeting this month (UTC); real: devices as 8x8 reported them.";
    family(out, users, "gauge", help);
    for launcher in &told.launchers {
        let Some(month) = launcher.now() else { continue };
        let name = escaped(&launcher.rule.launcher);
        let counts = [("people", Some(month.people)), ("devices", Some(month.devices)), ("real", month.real)];
        for (counted, value) in counts.into_iter().filter_map(|(counted, value)| Some((counted, value?))) {
            writeln!(out, "{users}{{launcher=\"{name}\",counted=\"{counted}\"}} {value}").ok();
        }
    }
    let budget = "gatepost_meetings_budget_users";
    family(out, budget, "gauge", "Monthly users that the configuration allows for.");
    for launcher in &told.launchers {
        if let Some(limit) = launcher.rule.budget {
            writeln!(out, "{budget}{{launcher=\"{}\"}} {limit}", escaped(&launcher.rule.launcher)).ok();
        }
    }
}

/// Writing to a string cannot fail.
pub(super) fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}").ok();
}

fn labels(held: &Held) -> String {
    let names: Vec<String> = held.loaded.names.iter().map(ToString::to_string).collect();
    format!("names=\"{}\",origin=\"{}\"", escaped(&names.join(",")), escaped(&held.origin.to_string()))
}

/// Backslash, quote and line feed are all that the format escapes.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_label() {
        assert_eq!(escaped("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
    }
}
