//! The language that a page says it is in, and which way that one runs.
//!
//! It refuses what is no language tag in form; whether there is such a language it does not know.

use std::fmt;
use std::str::FromStr;

/// A language tag such as `de` or `pt-BR` (RFC 5646).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language(String);

/// Why a text is no [`Language`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotALanguage(String);

/// Languages written from right to left where their tag names no script.
const FROM_RIGHT: [&str; 12] = ["ar", "arc", "ckb", "dv", "fa", "he", "ps", "sd", "syr", "ug", "ur", "yi"];

/// Scripts that run from right to left (ISO 15924).
const SCRIPTS_FROM_RIGHT: [&str; 8] = ["Adlm", "Arab", "Aran", "Hebr", "Nkoo", "Rohg", "Syrc", "Thaa"];

/// Longest tag taken; RFC 5646 section 4.4.1 asks for at least 35.
const MAX: usize = 35;

impl Language {
    /// What the pages speak by themselves.
    pub fn english() -> Self {
        Self("en".into())
    }

    /// The tag.
    pub fn tag(&self) -> &str {
        &self.0
    }

    /// Whether it is English, of whatever country.
    pub fn is_english(&self) -> bool {
        self.subtags().next().is_some_and(|primary| primary.eq_ignore_ascii_case("en"))
    }

    /// The value of `dir`: `ltr` or `rtl`.
    pub fn direction(&self) -> &'static str {
        // A script is the one subtag of four letters; without one the language decides.
        let script = self.subtags().skip(1).find(|tag| tag.len() == 4 && tag.bytes().all(|b| b.is_ascii_alphabetic()));
        let from_right = match (script, self.subtags().next()) {
            (Some(script), _) => SCRIPTS_FROM_RIGHT.iter().any(|known| known.eq_ignore_ascii_case(script)),
            (None, Some(primary)) => FROM_RIGHT.iter().any(|known| known.eq_ignore_ascii_case(primary)),
            (None, None) => false,
        };
        if from_right { "rtl" } else { "ltr" }
    }

    fn subtags(&self) -> impl Iterator<Item = &str> {
        self.0.split('-')
    }
}

impl FromStr for Language {
    type Err = NotALanguage;

    fn from_str(text: &str) -> Result<Self, NotALanguage> {
        let mut tags = text.split('-');
        let is_letters = |tag: &str| (2..=3).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphabetic());
        let is_tag = |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match text.len() <= MAX && tags.next().is_some_and(is_letters) && tags.all(is_tag) {
            true => Ok(Self(text.into())),
            false => Err(NotALanguage(text.into())),
        }
    }
}

impl fmt::Display for NotALanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no language tag; write one such as \"de\" or \"pt-BR\"", self.0)
    }
}

impl std::error::Error for NotALanguage {}
