//! How findings are shown: with the line of the file as rustc does it, in one line each, or as JSON.
//!
//! Secrets in the lines shown are written over; see `mask`. What a terminal would act upon is shown by its number.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use super::finding::{Finding, Severity};
use super::mask::masked;
use super::source::Source;

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// For a terminal.
    Yes,
    /// For a file or a pipe.
    No,
}

/// All findings, each with the line of the file that it is about; ends with a line break unless empty.
pub fn long(findings: &[Finding], source: &Source, colour: Colour) -> String {
    let renderer = match colour {
        Colour::Yes => Renderer::styled(),
        Colour::No => Renderer::plain(),
    };
    // Of the file's own lines `annotate_snippets` shows these as they are. As long as before, so that places stay.
    let text = masked(&source.text).replace(|c| ('\u{80}'..='\u{9f}').contains(&c), "¿");
    let path = source.path.to_string_lossy();
    let mut out = String::new();
    for finding in findings {
        let level = match finding.severity {
            Severity::Warning => Level::WARNING,
            Severity::Fault | Severity::Grave | Severity::Fatal => Level::ERROR.with_name(finding.severity.word()),
        };
        let title = level.primary_title(plain(&finding.what));
        let group = match first_line(&text, &finding.place.0) {
            Some(span) => {
                let mut snippet = Snippet::source(&text).path(&*path).annotation(AnnotationKind::Primary.span(span));
                for (place, label) in &finding.also {
                    if let Some(span) = first_line(&text, &place.0) {
                        snippet = snippet.annotation(AnnotationKind::Context.span(span).label(plain(label)));
                    }
                }
                title.element(snippet)
            }
            None => title.element(Origin::path(&*path)),
        };
        let group = match &finding.mend {
            Some(mend) => group.element(Level::HELP.message(plain(mend))),
            None => group,
        };
        out.push_str(&renderer.render(&[group]));
        out.push_str("\n\n");
    }
    out
}

/// The part of a place that is on its first line: a value of many lines is known by its beginning.
fn first_line(text: &str, place: &Range<usize>) -> Option<Range<usize>> {
    if place.is_empty() {
        return None;
    }
    let shown = text.get(place.clone())?;
    let end = shown.find(['\r', '\n']).filter(|&end| end > 0).unwrap_or(shown.len());
    Some(place.start..place.start + end)
}

/// A text without what would move a terminal's cursor or colour it: a value of the file may hold anything.
fn plain(text: &str) -> Cow<'_, str> {
    let acts = |c: char| c.is_control() && c != '\n';
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::new(), |mut shown, c| {
        match acts(c) {
            true => shown.extend(c.escape_debug()),
            false => shown.push(c),
        }
        shown
    }))
}

/// One finding in one line: `file:line:column: severity: what; mend`.
pub fn short(finding: &Finding, source: &Source) -> String {
    let path = source.path.display();
    let mut line = match source.position(&finding.place) {
        Some((line, column)) => format!("{path}:{line}:{column}: "),
        None => format!("{path}: "),
    };
    line.push_str(finding.severity.word());
    line.push_str(": ");
    line.push_str(&plain(&finding.what));
    if let Some(mend) = &finding.mend {
        line.push_str("; ");
        line.push_str(&plain(mend));
    }
    line.replace(['\r', '\n'], " ")
}

/// One finding for a script.
#[derive(Debug, Serialize)]
pub struct Json<'f> {
    severity: &'static str,
    file: String,
    /// From 1; absent where the whole file is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// From 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    what: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<&'f str>,
}

impl<'f> Json<'f> {
    /// What a script may want to know of a finding.
    pub fn new(finding: &'f Finding, source: &Source) -> Self {
        let (line, column) = source.position(&finding.place).unzip();
        Self {
            severity: finding.severity.word(),
            file: source.path.display().to_string(),
            line,
            column,
            what: &finding.what,
            mend: finding.mend.as_deref(),
        }
    }
}
