//! Certificates for Prometheus, in its text format (prometheus.io/docs/instrumenting/exposition_formats).

use std::fmt::Write;

use crate::cert::live::Held;

/// The format and its version.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One sample a certificate; `names` are the names that it bears.
pub(super) fn text(certificates: &[Held]) -> String {
    let mut out = String::new();
    family(&mut out, "gatepost_build_info", "The version that runs, as a label.");
    writeln!(out, "gatepost_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")).ok();
    let ends = "gatepost_certificate_expiry_timestamp_seconds";
    family(&mut out, ends, "Last second of a served certificate's validity, since 1970.");
    for held in certificates {
        writeln!(out, "{ends}{{{}}} {}", labels(held), held.loaded.not_after).ok();
    }
    let begins = "gatepost_certificate_not_before_timestamp_seconds";
    family(&mut out, begins, "First second of a served certificate's validity, since 1970.");
    for held in certificates {
        writeln!(out, "{begins}{{{}}} {}", labels(held), held.loaded.not_before).ok();
    }
    out
}

/// Writing to a string cannot fail.
fn family(out: &mut String, name: &str, help: &str) {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge").ok();
}

fn labels(held: &Held) -> String {
    let names: Vec<String> = held.loaded.names.iter().map(ToString::to_string).collect();
    format!("names=\"{}\",origin=\"{}\"", escaped(&names.join(",")), escaped(&held.origin.to_string()))
}

/// Backslash, quote and line feed are all that the format escapes.
fn escaped(text: &str) -> String {
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
