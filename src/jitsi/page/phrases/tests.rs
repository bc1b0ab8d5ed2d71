use std::path::Path;

use super::*;

fn language(tag: &str) -> Language {
    tag.parse().expect("a language tag")
}

fn read(text: &str) -> Result<Phrases, Vec<Fault>> {
    Phrases::read(language("de"), text)
}

/// Every fault of `text`, as people read them.
fn faults(text: &str) -> Vec<String> {
    read(text).expect_err("faults").iter().map(ToString::to_string).collect()
}

#[test]
fn what_a_file_leaves_out_stays_english() {
    let phrases = read("[launch]\nopen = \"BESPRECHUNG ÖFFNEN\"\n").expect("phrases");
    assert_eq!(phrases.launch.open.as_str(), "BESPRECHUNG ÖFFNEN");
    assert_eq!(phrases.launch.ready, Phrases::english().launch.ready);
    assert_eq!(phrases.language.tag(), "de");
    let nothing = Phrases::read(Language::english(), "").expect("phrases");
    assert_eq!(nothing, Phrases::english());
}

#[test]
fn every_fault_of_a_file_is_told_at_once_with_its_place_and_mend() {
    let text = "[lunch]\nready = \"x\"\n[launch]\nopne = \"x\"\nroom = \"Raum\"\nopening = 5\n\
                [notice]\nnear = \"{used} von {limitt}\"\n[full]\nheading = \" \"\n[meant]\nhint = \"{x}\"\n";
    let expected = [
        "line 1, column 2: unknown table `lunch`; did you mean `launch`?",
        "line 4, column 1: unknown phrase `opne` in [launch]; did you mean `open`?",
        "line 5, column 8: `room` leaves out {room}; in English it is \"Room {room}\"",
        "line 6, column 11: `opening` is no text; put it into quotes",
        "line 8, column 8: `near` has a place {limitt} that nothing fills; did you mean `limit`?",
        "line 10, column 11: `heading` is empty; leave the key out where the English words should stay",
        "line 12, column 8: `hint` has a place {x} that nothing fills; known here: asked",
    ];
    assert_eq!(faults(text), expected);
}

#[test]
fn what_is_no_toml_is_told_by_its_first_fault() {
    let faults = faults("[launch]\nopen = \"Öffnen\nready = \"Bereit\"\n");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with("line 2, column "), "{faults:?}");
}

#[test]
fn a_table_that_is_none_and_a_key_outside_of_tables_are_told() {
    assert_eq!(faults("launch = \"x\"\n"), ["line 1, column 1: `launch` is no table; write [launch]"]);
    let faults = faults("open = \"x\"\n");
    assert!(faults[0].starts_with("line 1, column 1: unknown table `open`"), "{faults:?}");
}

#[test]
fn a_place_stands_wherever_the_language_wants_it() {
    let phrases = read("[notice]\nnear = \"Von {limit} sind {used} verbraucht.\"\n").expect("phrases");
    let filled = phrases.notice.near.with("used", 23).with("limit", 25);
    assert_eq!(filled.to_string(), "Von <bdi>25</bdi> sind <bdi>23</bdi> verbraucht.");
}

#[test]
fn a_phrase_is_text_and_no_markup_and_so_is_what_fills_it() {
    let phrases = read("[launch]\nroom = \"<b>Raum</b> {room} & { } {\"\n");
    assert!(phrases.is_err(), "a place without a name is one that nothing fills");
    let phrases = read("[launch]\nroom = \"<b>Raum</b> {room} & {\"\n").expect("phrases");
    let filled = phrases.launch.room.with("room", "{room}<i>").to_string();
    assert_eq!(filled, "&#60;b&#62;Raum&#60;/b&#62; <bdi>{room}&#60;i&#62;</bdi> &#38; {");
}

#[test]
fn the_german_example_speaks_german_throughout() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/phrases/de.toml");
    let text = std::fs::read_to_string(path).expect("the example");
    let phrases = read(&text).unwrap_or_else(|faults| panic!("{faults:?}"));
    let (mut german, mut english) = (phrases, Phrases::english());
    for (table, keys) in Phrases::TABLES {
        for key in *keys {
            // Months that the two languages write alike.
            if *table == "date" && ["april", "august", "september", "november"].contains(key) {
                continue;
            }
            let (mine, theirs) = (german.phrase_mut(table, key).cloned(), english.phrase_mut(table, key).cloned());
            assert_ne!(mine, theirs, "[{table}] {key}");
        }
    }
    let day = time::macros::date!(2026 - 03 - 01);
    assert_eq!(german.day(&day).text, "1. März 2026");
}

#[test]
fn the_direction_follows_the_script_and_else_the_language() {
    for (tag, direction) in [
        ("en", "ltr"),
        ("de-CH", "ltr"),
        ("he", "rtl"),
        ("ar-EG", "rtl"),
        ("fa", "rtl"),
        ("UR", "rtl"),
        ("az-Arab", "rtl"),
        ("pa-arab-PK", "rtl"),
        ("ar-Latn", "ltr"),
        ("zh-Hant-TW", "ltr"),
        ("aro", "ltr"),
    ] {
        assert_eq!(language(tag).direction(), direction, "{tag}");
    }
    assert!(language("en-GB").is_english() && !language("eng").is_english() && !language("de").is_english());
}

#[test]
fn what_is_no_language_tag_is_refused() {
    for tag in ["", "d", "de_DE", "de-", "-de", "deutsch", "de\"><script>", "d1", "de-überall", "de-123456789", "ä"] {
        let error = tag.parse::<Language>().expect_err(tag);
        assert!(error.to_string().contains("write one such as \"de\""), "{error}");
    }
}
