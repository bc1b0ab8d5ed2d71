//! Text → `file::File`, with a finding for each thing that has the wrong shape.
//!
//! serde stops at its first error. So what that error points at is taken out of
//! the document and serde asked again, until it is content: all unknown keys and
//! wrong types of a file come in one go. A table that lost a key is remembered,
//! lest `resolve` complains of the loss once more.

use std::ops::Range;

use serde::Deserialize;
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::file::File;
use super::finding::{Finding, Place};

/// What could be made of a text.
#[derive(Debug, Default)]
pub(super) struct Shaped {
    /// Without what was refused.
    pub(super) file: File,
    /// What was refused.
    pub(super) findings: Vec<Finding>,
    /// The places of the tables that something was taken out of.
    pub(super) damaged: Vec<Range<usize>>,
}

/// Reads a text; `None` in place of the file where it is no TOML.
pub(super) fn read(text: &str) -> Result<Shaped, Vec<Finding>> {
    let (mut root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(believable(&errors).iter().map(|error| syntax(error, text)).collect());
    }
    let mut shaped = Shaped::default();
    loop {
        let error = match File::deserialize(Deserializer::from(root.clone())) {
            Ok(file) => {
                shaped.file = file;
                return Ok(shaped);
            }
            Err(error) => error,
        };
        let span = error.span().unwrap_or_default();
        let taken = take(&mut root, &span);
        shaped.findings.push(explain(error.message(), &span, taken.as_ref().map(|taken| taken.key.as_str())));
        match taken {
            Some(taken) => shaped.damaged.push(taken.table),
            // Cannot be found, so cannot be taken out either: what follows stays unread.
            None => return Err(shaped.findings),
        }
    }
}

/// The errors that do not merely follow from another: after a bracket that was
/// left open every line looks wrong, so only the first counts. Keys given twice
/// mislead nobody, and all of them are shown.
fn believable(errors: &[toml::de::Error]) -> &[toml::de::Error] {
    match errors.iter().all(|error| error.message() == "duplicate key") {
        true => errors,
        false => &errors[..1],
    }
}

fn syntax(error: &toml::de::Error, text: &str) -> Finding {
    let mut span = error.span().unwrap_or_default();
    if span.is_empty() {
        // Something is missing here: mark the character that stands in its place, or the last one.
        let (at, found) = text.char_indices().take_while(|(at, _)| *at <= span.start).last().unwrap_or((0, ' '));
        span = at..at + found.len_utf8();
    }
    Finding::fatal(Place(span), format!("this is not TOML: {}", error.message()))
}

/// What was taken out of the document.
struct Taken {
    key: String,
    table: Range<usize>,
}

type Entry<'e, 'i> = (&'e Spanned<std::borrow::Cow<'i, str>>, &'e Spanned<DeValue<'i>>);

/// The place of the outermost table: the whole file.
pub(super) const ROOT: Range<usize> = 0..0;

/// Takes out the entry that an error points at: its key, its value, or the innermost value around it.
fn take(root: &mut Spanned<DeTable<'_>>, span: &Range<usize>) -> Option<Taken> {
    let whole = ROOT;
    let root = root.get_mut();
    let key = |(key, _): Entry<'_, '_>| key.span() == *span;
    let value = |(_, value): Entry<'_, '_>| value.span() == *span;
    let around = |(_, value): Entry<'_, '_>| value.span().start <= span.start && span.end <= value.span().end;
    take_where(root, &whole, &key)
        .or_else(|| take_where(root, &whole, &value))
        .or_else(|| take_where(root, &whole, &around))
}

/// Depth first, so that the innermost entry goes.
fn take_where(table: &mut DeTable<'_>, whole: &Range<usize>, is_it: &dyn Fn(Entry<'_, '_>) -> bool) -> Option<Taken> {
    for (_, value) in table.iter_mut() {
        let span = value.span();
        let taken = match value.get_mut() {
            DeValue::Table(inner) => take_where(inner, &span, is_it),
            DeValue::Array(items) => items.iter_mut().find_map(|item| {
                let span = item.span();
                match item.get_mut() {
                    DeValue::Table(inner) => take_where(inner, &span, is_it),
                    _ => None,
                }
            }),
            _ => None,
        };
        if taken.is_some() {
            return taken;
        }
    }
    let key = table.iter().find(|entry| is_it(*entry)).map(|(key, _)| key.clone())?;
    table.remove(&key);
    Some(Taken { key: key.into_inner().into_owned(), table: whole.clone() })
}

/// serde's message in this program's words.
fn explain(message: &str, span: &Range<usize>, key: Option<&str>) -> Finding {
    let place = Place(span.clone());
    let (what, mend) = match message.split_once('\n') {
        Some((what, mend)) => (what, Some(mend)),
        None => (message, None),
    };
    let named = key.map_or(String::new(), |key| format!("`{key}` "));
    if let Some(rest) = what.strip_prefix("unknown field ") {
        let mut words = backticked(rest);
        let unknown = words.next().unwrap_or_default();
        let known: Vec<_> = words.collect();
        let finding = Finding::fatal(place, format!("unknown key `{unknown}`"));
        return finding.mend(nearest_or_all(unknown, &known));
    }
    if let Some(rest) = what.strip_prefix("unknown variant ") {
        let mut words = backticked(rest);
        let unknown = words.next().unwrap_or_default();
        let known: Vec<_> = words.collect();
        // `{ fle = "…" }`: the word stands where a key belongs.
        let what = match key == Some(unknown) {
            true => format!("unknown key `{unknown}`"),
            false => format!("{named}does not know \"{unknown}\""),
        };
        let finding = Finding::fatal(place, what);
        return finding.mend(nearest_or_all(unknown, &known));
    }
    if let Some((found, wanted)) = what.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected ")) {
        let finding = Finding::fatal(place, format!("{named}has {} where {} belongs", in_toml(found), in_toml(wanted)));
        return match (key, found, wanted) {
            (Some(key @ ("certificate" | "site")), "map", "a sequence") => {
                finding.mend(format!("write [[{key}]] with two brackets: there may be several"))
            }
            (Some("route"), "map", "a sequence") => {
                finding.mend("write [[site.route]] with two brackets: there may be several")
            }
            (_, found, "a sequence") if found.starts_with("string ") => finding.mend("put it into brackets: [\"…\"]"),
            _ => finding,
        };
    }
    // What the TOML reader says of anything but a string where one of several words belongs.
    if what == "wanted string or table" {
        return Finding::fatal(place, format!("{named}has something else where a string belongs"));
    }
    // A unit's error begins with the value in quotation marks, any other with a verb.
    let what = match key {
        Some(key) if what.starts_with('"') => format!("`{key}`: {what}"),
        _ => format!("{named}{what}"),
    };
    let finding = Finding::fatal(place, what);
    match mend {
        Some(mend) => finding.mend(mend),
        None => finding,
    }
}

/// serde's names of types → TOML's.
fn in_toml(name: &str) -> String {
    match name {
        "map" | "a map" => "a table".into(),
        "sequence" | "a sequence" => "a list".into(),
        "a boolean" => "true or false".into(),
        "i64" => "a whole number".into(),
        name if name.starts_with("struct ") => "a table".into(),
        name => match name.split_once(' ') {
            Some(("string", value)) => format!("the string {value}"),
            Some(("integer" | "floating", value)) => format!("the number {}", value.replace("point ", "")),
            Some(("boolean", value)) => value.trim_matches('`').into(),
            _ => name.into(),
        },
    }
}

fn backticked(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The known word that a person probably meant, or all of them.
pub(crate) fn nearest_or_all(unknown: &str, known: &[&str]) -> String {
    match nearest(unknown, known) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if known.is_empty() => "remove it".into(),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// The known word that a person probably meant.
///
/// At least half of the letters must agree: beyond that a suggestion misleads.
pub(super) fn nearest<'k>(unknown: &str, known: &[&'k str]) -> Option<&'k str> {
    let likeness = |word: &str| strsim::normalized_damerau_levenshtein(&unknown.to_lowercase(), word);
    let (nearest, likeness) = known.iter().map(|word| (*word, likeness(word))).max_by(|a, b| a.1.total_cmp(&b.1))?;
    (likeness >= 0.5).then_some(nearest)
}
