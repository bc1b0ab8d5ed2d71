//! `[launcher.NAME.page]`: how a launcher's pages look.

use serde_spanned::Spanned;

use crate::config::file;
use crate::config::finding::Place;
use crate::config::model::Page;
use crate::config::resolve::Gather;
use crate::jitsi::page::colour::Colour;
use crate::jitsi::page::phrases::Language;

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
        language: language(page, gather),
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

fn colour(given: &Spanned<String>, key: &str, gather: &mut Gather<'_>) -> Option<Colour> {
    let colour = given.get_ref().parse().ok();
    if colour.is_none() {
        let what = format!("`{key}` is no colour: \"{}\"", given.get_ref().escape_debug());
        gather.fatal_mend(given, what, "write it as #rrggbb, like \"#166de0\"");
    }
    colour
}

fn language(page: &file::Page, gather: &mut Gather<'_>) -> Language {
    let Some(given) = &page.language else {
        if let Some(phrases) = &page.phrases {
            let mend = "add language = \"de\", or whatever language they are in: browsers and screen readers go by it";
            gather.fatal_mend(phrases, "`phrases` stands without `language`", mend);
        }
        return Language::english();
    };
    let language: Language = match given.get_ref().parse() {
        Ok(language) => language,
        Err(_) => {
            let what = format!("`language` is no tag of a language: \"{}\"", given.get_ref().escape_debug());
            gather.fatal_mend(given, what, "write it as a web page does: \"en\", \"de\", \"pt-BR\"");
            return Language::english();
        }
    };
    if !language.is_english() && page.phrases.is_none() {
        let mend = "name a file with the words: phrases = \"de.toml\" (examples/phrases/ has it)";
        gather.fatal_mend(given, "gatepost itself speaks English alone", mend);
    }
    language
}
