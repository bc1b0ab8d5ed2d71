//! How a report looks, wide and narrow.

use std::path::Path;

use crate::cert::doctor::family::Family;
use crate::cert::doctor::{Examination, Proof, Question, Roots, Source, examine};
use crate::cert::pem::Placed;

use super::*;

/// A bare self-signed certificate: the shortest report that has everything but a tree.
fn report() -> Report {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(vec!["site.example".to_owned()]).expect("a name");
    params.distinguished_name.push(rcgen::DnType::CommonName, "a \u{1b}[31mname");
    params.not_before = time::OffsetDateTime::from_unix_timestamp(1_790_000_000).expect("a time");
    params.not_after = params.not_before + time::Duration::days(90);
    let item = params.self_signed(&key).expect("a certificate").der().clone();
    let roots = Roots::read(None).expect("Mozilla's");
    let question = Question {
        name: None,
        roots: &roots,
        roots_file: None,
        now: 1_790_000_000,
        proof: Proof::Unknown,
        source: Source::File(Path::new("x.pem")),
    };
    let examination: Examination = examine(&[Placed { item, line: 1 }], &question).expect("a chain");
    Report::new(Of::File { file: "x.pem".to_owned() }, &question, None, examination)
}

fn shown(page: &Page) -> String {
    let mut out = Vec::new();
    write(&report(), page, &mut out).expect("written");
    String::from_utf8(out).expect("text")
}

#[test]
fn in_a_pipe_each_fact_is_one_line_without_colour_or_control_characters() {
    let text = shown(&Page { width: None, colour: false });
    assert!(!text.contains('\u{1b}'), "{text:?}");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("x.pem, judged by Mozilla's roots of this build"));
    for family in Family::ALL {
        assert!(text.contains(&format!("refuses  {}\n", family.called())), "{text}");
    }
    assert!(text.contains("\nfault: the certificate is self-signed: no browser"), "{text}");
    assert!(text.contains("\n  mend: have it issued by a CA"), "{text}");
    assert!(text.contains("1 leaf \"a \\u{1b}[31mname\"\n"), "{text}");
    assert!(text.contains("  valid  2026-09-21 to 2026-12-20, 90 days left\n"), "{text}");
    assert_eq!(text.lines().last(), Some("2 faults"), "{text}");
}

#[test]
fn on_a_narrow_terminal_lines_are_wrapped_and_mends_left_to_be_copied() {
    let text = shown(&Page { width: Some(40), colour: false });
    for line in text.lines().filter(|line| !line.trim_start().starts_with("mend: ")) {
        assert!(line.chars().count() <= 40, "{line:?}");
    }
}

#[test]
fn on_a_terminal_what_refuses_is_red() {
    let text = shown(&Page { width: Some(80), colour: true });
    assert!(text.contains("\u{1b}[31mrefuses\u{1b}[0m"), "{text:?}");
}
