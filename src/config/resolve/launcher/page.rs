//! `[launcher.NAME.page]`: how a launcher's pages look.

use serde_spanned::Spanned;

use crate::config::file;
use crate::config::finding::Place;
use crate::config::model::{Colour, Page};
use crate::config::resolve::Gather;

/// Longer ones break the page of a phone.
const LONGEST_TITLE: usize = 80;

pub(super) fn resolve(file: &file::Launcher, gather: &mut Gather<'_>) -> Page {
    let Some(table) = &file.page else { return Page::default() };
    let page = table.get_ref();
    Page {
        title: page.title.as_ref().and_then(|given| title(given, gather)),
        accent: page.accent.as_ref().and_then(|given| colour(given, "accent", gather)),
        accent_dark: page.accent_dark.as_ref().and_then(|given| colour(given, "accent_dark", gather)),
        logo: page.logo.as_ref().map(|given| gather.path(given)),
        language: page.language.as_ref().and_then(|given| language(given, gather)),
        phrases: page.phrases.as_ref().map(|given| gather.path(given)),
        place: Place::from(table),
    }
}

fn title(given: &Spanned<String>, gather: &mut Gather<'_>) -> Option<String> {
    let title = given.get_ref().trim();
    if title.chars().count() > LONGEST_TITLE || title.chars().any(char::is_control) {
        let what = format!("`title` is one line of at most {LONGEST_TITLE} characters");
        gather.fatal_mend(given, what, "write the name of the house: title = \"Meetings at Site.com\"");
        return None;
    }
    (!title.is_empty()).then(|| title.to_owned())
}

/// `#rgb` or `#rrggbb`, as CSS has it (CSS Color 4, section 5.2).
fn colour(given: &Spanned<String>, key: &str, gather: &mut Gather<'_>) -> Option<Colour> {
    let digits: Option<Vec<u8>> = given
        .get_ref()
        .strip_prefix('#')
        .and_then(|hex| hex.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect());
    match digits.as_deref() {
        Some(&[r, g, b]) => Some(Colour([r * 17, g * 17, b * 17])),
        Some(&[r, r2, g, g2, b, b2]) => Some(Colour([r * 16 + r2, g * 16 + g2, b * 16 + b2])),
        _ => {
            let what = format!("`{key}` is no colour: \"{}\"", given.get_ref().escape_debug());
            gather.fatal_mend(given, what, "write it as #rrggbb, like \"#166de0\"");
            None
        }
    }
}

/// A tag as BCP 47 writes it: letters, then groups of letters and digits.
fn language(given: &Spanned<String>, gather: &mut Gather<'_>) -> Option<String> {
    let tag = given.get_ref();
    let mut groups = tag.split('-');
    let first = groups
        .next()
        .is_some_and(|group| (2..=8).contains(&group.len()) && group.bytes().all(|b| b.is_ascii_alphabetic()));
    let rest = groups.all(|group| (1..=8).contains(&group.len()) && group.bytes().all(|b| b.is_ascii_alphanumeric()));
    if first && rest && tag.len() <= 35 {
        return Some(tag.clone());
    }
    let what = format!("`language` is no tag of a language: \"{}\"", tag.escape_debug());
    gather.fatal_mend(given, what, "write it as a web page does: \"en\", \"de\", \"pt-BR\"");
    None
}
