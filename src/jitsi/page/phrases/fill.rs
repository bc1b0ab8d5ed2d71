//! A phrase with its `{places}` filled, escaped for HTML.
//!
//! What fills a place is set apart from the sentence around it (`bdi`): a room's name that runs from right to left
//! turns nothing around in a page that runs from left to right, and the other way about.

use std::fmt;

use askama::filters::{Escaper, Html, HtmlSafe};

use super::Phrase;

/// A phrase, and what is known for its places so far.
#[derive(Debug)]
pub struct Filled<'a> {
    phrase: &'a Phrase,
    places: Vec<(&'static str, Value)>,
}

/// A day or a time, for machines and in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    pub(super) machine: String,
    pub(super) text: String,
    local: bool,
}

#[derive(Debug)]
enum Value {
    Text(String),
    Moment(Moment),
}

/// What a phrase is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Place(&'a str),
}

impl Moment {
    pub(super) fn new(machine: String, text: String, local: bool) -> Self {
        Self { machine, text, local }
    }
}

impl Phrase {
    /// Puts `value` into the place `{name}`.
    pub fn with(&self, name: &'static str, value: impl fmt::Display) -> Filled<'_> {
        Filled { phrase: self, places: Vec::new() }.with(name, value)
    }

    /// Puts a day or a time into the place `{name}`.
    pub fn at(&self, name: &'static str, moment: Moment) -> Filled<'_> {
        Filled { phrase: self, places: vec![(name, Value::Moment(moment))] }
    }

    /// The phrase in pieces; a brace that nothing closes is text.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            if let Some((name, after)) = rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                rest = after;
                return Some(Piece::Place(name));
            }
            // Past the first byte: one brace of its own is text, and must not be looked at again.
            let end = rest.bytes().skip(1).position(|byte| byte == b'{').map_or(rest.len(), |at| at + 1);
            let (text, after) = rest.split_at(end);
            rest = after;
            (!text.is_empty()).then_some(Piece::Text(text))
        })
    }
}

impl<'a> Filled<'a> {
    /// Puts `value` into the place `{name}`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Filled<'a> {
        self.places.push((name, Value::Text(value.to_string())));
        self
    }

    /// The same as plain text, neither escaped nor set apart.
    pub(super) fn text(&self) -> String {
        let piece = |piece| match piece {
            Piece::Text(text) => text,
            Piece::Place(name) => match self.value(name) {
                Some(Value::Text(text)) | Some(Value::Moment(Moment { text, .. })) => text,
                None => "",
            },
        };
        self.phrase.pieces().map(piece).collect()
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.places.iter().find(|place| place.0 == name).map(|place| &place.1)
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Filled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.phrase.pieces() {
            match piece {
                Piece::Text(text) => Html.write_escaped_str(&mut *f, text)?,
                Piece::Place(name) => match self.value(name) {
                    Some(Value::Text(text)) => {
                        f.write_str("<bdi>")?;
                        Html.write_escaped_str(&mut *f, text)?;
                        f.write_str("</bdi>")?;
                    }
                    Some(Value::Moment(Moment { machine, text, local })) => {
                        let local = if *local { " data-local" } else { "" };
                        write!(f, "<time datetime=\"{machine}\"{local}>")?;
                        Html.write_escaped_str(&mut *f, text)?;
                        f.write_str("</time>")?;
                    }
                    // Every file's phrase has the English one's places, and the templates fill those.
                    None => {}
                },
            }
        }
        Ok(())
    }
}

/// It escapes what it shows by itself.
impl HtmlSafe for Filled<'_> {}
