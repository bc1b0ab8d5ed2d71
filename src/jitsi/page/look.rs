//! How a launcher's pages look and speak: title, colours, logo, words.
//!
//! Made once from `[launcher.NAME.page]` and lent to every page. It keeps the logo's
//! address, and refuses to know the picture itself.

use std::path::PathBuf;

use thiserror::Error;

use crate::cert::read::{ReadError, read};
use crate::config::model::Page;

use super::colour::{Colours, DARK, LIGHT, Scheme};
use super::phrases::{Fault, Phrases};

/// How a launcher's pages look and speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Above every page and in the window's title, where one is given.
    pub title: Option<String>,
    /// What buttons are filled with.
    pub colours: Colours,
    /// Path of the logo on the pages' own host, such as `/jitsi/-/logo`; `None` where there is none.
    pub logo: Option<String>,
    /// All words.
    pub words: Phrases,
}

/// Why pages cannot look as they should.
#[derive(Debug, Error)]
pub enum LookError {
    /// The file with the words cannot be read.
    #[error("phrases {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// It is no UTF-8, as TOML has to be.
    #[error("phrases {}: is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// It has faults.
    #[error("phrases {}: {}", path.display(), faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Phrases {
        /// Which.
        path: PathBuf,
        /// All of them.
        faults: Vec<Fault>,
    },
}

impl LookError {
    /// The command or edit that mends it.
    pub fn mend(&self) -> String {
        match self {
            Self::Unreadable { path, source } => {
                source.mend(&path.display().to_string()).unwrap_or_else(|| "name a TOML file".into())
            }
            Self::NotText(path) => format!("save it as UTF-8, or: iconv -f LATIN1 -t UTF-8 {}", path.display()),
            Self::Phrases { .. } => "mend the file, or leave `phrases` out for English words".into(),
        }
    }
}

impl Look {
    /// As `[launcher.NAME.page]` has it; `logo` is the address under which the launcher serves the picture.
    ///
    /// # Errors
    /// Where the file with the words cannot be used.
    pub fn new(page: &Page, logo: Option<String>) -> Result<Self, LookError> {
        let words = match &page.phrases {
            None => Phrases { language: page.language.clone(), ..Phrases::english() },
            Some(path) => {
                let bytes = read(path).map_err(|source| LookError::Unreadable { path: path.clone(), source })?;
                let text = String::from_utf8(bytes).map_err(|_| LookError::NotText(path.clone()))?;
                Phrases::read(page.language.clone(), &text)
                    .map_err(|faults| LookError::Phrases { path: path.clone(), faults })?
            }
        };
        Ok(Self { title: page.title.clone(), colours: Colours::new(page.accent, page.accent_dark), logo, words })
    }

    /// For the title of a window, behind what the page itself is called.
    pub fn site(&self) -> &str {
        self.title.as_deref().unwrap_or(self.words.page.title.as_str())
    }

    pub(super) fn schemes(&self) -> [(&'static str, Scheme, super::colour::Shade); 2] {
        [("light", LIGHT, self.colours.light), ("dark", DARK, self.colours.dark)]
    }
}

/// English, the built-in colours, no title and no logo.
impl Default for Look {
    fn default() -> Self {
        Self { title: None, colours: Colours::default(), logo: None, words: Phrases::english() }
    }
}

#[cfg(test)]
mod tests;
