//! Fuzzers' door to the configuration.

use std::num::NonZeroUsize;

use super::finding::{Place, Severity};
use super::mask::masked;
use super::render::{Colour, Json, long, short};
use super::source::Source;
use super::surroundings::Surroundings;
use super::{Parsed, parse_in};

/// A configuration's text.
///
/// It means something or has a fatal finding, the same each time; every finding stands in the text and can be shown,
/// without a character that a terminal would act upon.
pub fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = parse(text);
    let fatal = parsed.findings.iter().any(|finding| finding.severity == Severity::Fatal);
    assert_eq!(parsed.config.is_none(), fatal);
    assert!(parsed.is_toml || fatal);
    assert_eq!(parse(text).findings, parsed.findings, "another time, other findings");

    assert!(parsed.findings.is_sorted_by_key(|finding| finding.place.0.start));
    for finding in &parsed.findings {
        for place in finding.also.iter().map(|(place, _)| place).chain([&finding.place]) {
            assert!(text.get(place.0.clone()).is_some(), "{place:?} of {finding:?}");
            assert!(place.0.is_empty() || parsed.source.position(place).is_some());
        }
        assert!(!finding.what.is_empty());
        let line = short(finding, &parsed.source);
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(serde_json::to_string(&Json::new(finding, &parsed.source)).is_ok());
    }
    assert_eq!(masked(text).len(), text.len());
    let shown = long(&parsed.findings, &parsed.source, Colour::No);
    assert_eq!(shown.is_empty(), parsed.findings.is_empty());
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    long(&parsed.findings, &parsed.source, Colour::Yes);
    assert_eq!(parsed.source.position(&Place(0..0)), None);
}

fn parse(text: &str) -> Parsed {
    let surroundings =
        Surroundings { root: true, cores: NonZeroUsize::MIN, descriptors: 20_000, memory: 32 << 30, environment: None };
    parse_in(Source { path: "gatepost.toml".into(), text: text.into() }, &surroundings)
}
