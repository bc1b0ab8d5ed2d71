use tempfile::TempDir;

use super::*;
use crate::jitsi::page::phrases::Language;

/// A page in this language with a file of these words.
fn page(folder: &TempDir, language: &str, words: &[u8]) -> Page {
    let phrases = folder.path().join("phrases.toml");
    std::fs::write(&phrases, words).expect("written");
    Page { language: language.parse().expect("a language tag"), phrases: Some(phrases), ..Page::default() }
}

fn error(page: &Page) -> LookError {
    Look::new(page, None).expect_err("an error")
}

#[test]
fn with_nothing_said_it_is_english_and_plain() {
    assert_eq!(Look::new(&Page::default(), None).expect("a look"), Look::default());
}

#[test]
fn everything_that_is_said_is_taken() {
    let folder = TempDir::new().expect("a folder");
    let page = Page {
        title: Some("Example Ltd".into()),
        accent: Some("#a00020".parse().expect("a colour")),
        accent_dark: Some("#ffc0cb".parse().expect("a colour")),
        ..page(&folder, "he", "[launch]\nopen = \"פתיחה\"\n".as_bytes())
    };
    let look = Look::new(&page, Some("/jitsi/-/logo".into())).expect("a look");
    assert_eq!((look.site(), look.logo.as_deref()), ("Example Ltd", Some("/jitsi/-/logo")));
    assert_eq!((look.words.language.tag(), look.words.language.direction()), ("he", "rtl"));
    assert_eq!(look.words.launch.open.as_str(), "פתיחה");
    let accents = [look.colours.light, look.colours.dark].map(|shade| shade.accent.to_string());
    assert_eq!(accents, ["#a00020", "#ffc0cb"]);
}

#[test]
fn english_may_be_of_a_country_and_in_words_of_its_own() {
    let british: Language = "en-GB".parse().expect("a language tag");
    let look = Look::new(&Page { language: british.clone(), ..Page::default() }, None).expect("a look");
    assert_eq!(look.words, Phrases { language: british, ..Phrases::english() });
    let folder = TempDir::new().expect("a folder");
    let look = Look::new(&page(&folder, "en", b"[page]\ntitle = \"Calls\"\n"), None).expect("a look");
    assert_eq!(look.site(), "Calls");
}

#[test]
fn a_file_with_faults_tells_all_of_them() {
    let folder = TempDir::new().expect("a folder");
    let page = page(&folder, "de", b"[launch]\nopne = \"x\"\nroom = \"Raum\"\n");
    let error = error(&page).to_string();
    for part in
        ["phrases.toml: line 2, column 1: unknown phrase `opne`", "; line 3, column 8: `room` leaves out {room}"]
    {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let folder = TempDir::new().expect("a folder");
    // Latin-1, as editors of old write it: shown as it is, every umlaut would be a question mark.
    let latin = page(&folder, "de", b"[launch]\nopen = \"\xD6FFNEN\"\n");
    let not_text = error(&latin);
    assert!(not_text.to_string().ends_with("phrases.toml: is not UTF-8 text"), "{not_text}");
    assert!(not_text.mend().contains("iconv -f LATIN1 -t UTF-8"), "{}", not_text.mend());
    let missing = error(&Page { phrases: Some(folder.path().join("none.toml")), ..latin });
    assert!(missing.to_string().ends_with("none.toml: there is no such file"), "{missing}");
}
