//! A language's file → phrases; every fault of it at once.
//!
//! It refuses unknown tables and keys, with the nearest known, values that are no
//! text, and phrases with other `{places}` than the English one's: a page that
//! keeps its limit to itself, or shows braces, helps nobody.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::config::nearest_or_all;

use super::fill::Piece;
use super::{Language, Phrase, Phrases};

/// What is wrong at one place of a language's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What.
    pub what: String,
    /// The edit that mends it.
    pub mend: Option<String>,
}

impl Phrases {
    /// Reads a language's file; what it leaves out stays English.
    ///
    /// # Errors
    /// Everything that is wrong with it, in its order.
    pub fn read(language: Language, text: &str) -> Result<Self, Vec<Fault>> {
        let mut reading = Reading { text, phrases: Self { language, ..Self::english() }, faults: Vec::new() };
        let (root, errors) = DeTable::parse_recoverable(text);
        match errors.first() {
            // One fault of form breeds others; the first is the one to mend.
            Some(error) => reading.fault(error.span().unwrap_or(0..0), error.message().to_string(), None),
            None => reading.tables(root.get_ref()),
        }
        match reading.faults.is_empty() {
            true => Ok(reading.phrases),
            false => Err(reading.faults),
        }
    }
}

struct Reading<'t> {
    text: &'t str,
    phrases: Phrases,
    faults: Vec<Fault>,
}

impl Reading<'_> {
    fn tables(&mut self, root: &DeTable<'_>) {
        for (name, value) in root {
            let known = Phrases::TABLES.iter().find(|table| *table.0 == **name.get_ref());
            match (known, value.get_ref()) {
                (Some((table, keys)), DeValue::Table(entries)) => self.table(table, keys, entries),
                (Some((table, _)), _) => {
                    self.fault(name.span(), format!("`{table}` is no table"), Some(format!("write [{table}]")));
                }
                (None, _) => {
                    let tables: Vec<_> = Phrases::TABLES.iter().map(|table| table.0).collect();
                    let mend = nearest_or_all(name.get_ref(), &tables);
                    self.fault(name.span(), format!("unknown table `{}`", name.get_ref()), Some(mend));
                }
            }
        }
        self.faults.sort_by_key(|fault| (fault.line, fault.column));
    }

    fn table(&mut self, table: &str, keys: &[&str], entries: &DeTable<'_>) {
        for (key, value) in entries {
            let Some(phrase) = self.phrases.phrase_mut(table, key.get_ref()) else {
                let mend = nearest_or_all(key.get_ref(), keys);
                self.fault(key.span(), format!("unknown phrase `{}` in [{table}]", key.get_ref()), Some(mend));
                continue;
            };
            let DeValue::String(text) = value.get_ref() else {
                self.fault(value.span(), format!("`{}` is no text", key.get_ref()), Some("put it into quotes".into()));
                continue;
            };
            let mine = Phrase(Cow::Owned(text.trim().to_owned()));
            match misfit(phrase, &mine) {
                None => *phrase = mine,
                Some((what, mend)) => self.fault(value.span(), format!("`{}` {what}", key.get_ref()), Some(mend)),
            }
        }
    }

    fn fault(&mut self, span: Range<usize>, what: String, mend: Option<String>) {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        self.faults.push(Fault {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            what,
            mend,
        });
    }
}

/// Why `mine` cannot stand in the place of the English phrase, and what to do about it.
fn misfit(english: &Phrase, mine: &Phrase) -> Option<(String, String)> {
    if mine.0.is_empty() {
        return Some(("is empty".into(), "leave the key out where the English words should stay".into()));
    }
    let (wanted, found) = (places(english), places(mine));
    if let Some(unknown) = found.difference(&wanted).next() {
        let known: Vec<_> = wanted.iter().copied().collect();
        return Some((format!("has a place {{{unknown}}} that nothing fills"), nearest_or_all(unknown, &known)));
    }
    let missing = wanted.difference(&found).next()?;
    Some((format!("leaves out {{{missing}}}"), format!("in English it is \"{english}\"")))
}

fn places(phrase: &Phrase) -> BTreeSet<&str> {
    let place = |piece| match piece {
        Piece::Place(name) => Some(name),
        Piece::Text(_) => None,
    };
    phrase.pieces().filter_map(place).collect()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)?;
        match &self.mend {
            Some(mend) => write!(f, "; {mend}"),
            None => Ok(()),
        }
    }
}
