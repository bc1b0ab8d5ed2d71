use super::*;

fn colour(text: &str) -> Colour {
    text.parse().expect("a colour")
}

/// `wanted` to two digits, as contrast calculators print it.
fn near(ratio: f64, wanted: f64) -> bool {
    (ratio - wanted).abs() < 0.01
}

#[test]
fn contrast_is_as_the_guidelines_reckon_it() {
    assert!(near(Colour::BLACK.contrast(Colour::WHITE), 21.0));
    assert!(near(colour("#777777").contrast(Colour::WHITE), 4.48), "the grey that just fails");
    assert!(near(colour("#767676").contrast(Colour::WHITE), 4.54), "the grey that just passes");
    let (one, two) = (colour("#ff0000"), colour("#0000ff"));
    assert!(near(one.contrast(two), two.contrast(one)));
}

#[test]
fn whatever_the_accent_is_the_text_on_it_reads_and_the_button_shows() {
    // Every 15th step of each part: 5832 colours, the corners among them.
    let steps = (0..=255u8).step_by(15);
    for red in steps.clone() {
        for green in steps.clone() {
            for blue in steps.clone() {
                let accent = Colour::of(red, green, blue);
                let colours = Colours::new(Some(accent), None);
                for (shade, scheme) in [(colours.light, LIGHT), (colours.dark, DARK)] {
                    assert_eq!(shade.accent, accent, "taken as it is");
                    assert!(shade.text.contrast(accent) >= TEXT_CONTRAST, "{accent}");
                    assert!(shade.edge.contrast(scheme.back) >= SHAPE_CONTRAST, "{accent}");
                }
            }
        }
    }
}

#[test]
fn the_pages_own_colours_read_in_both_schemes() {
    for scheme in [LIGHT, DARK] {
        assert!(scheme.text.contrast(scheme.back) >= TEXT_CONTRAST);
        assert!(scheme.quiet.contrast(scheme.back) >= TEXT_CONTRAST);
    }
}

#[test]
fn an_accent_that_shows_needs_no_edge() {
    let colours = Colours::default();
    assert_eq!((colours.light.edge, colours.light.text), (ACCENT, Colour::WHITE));
    let yellow = Colours::new(Some(colour("#ffd400")), Some(colour("#036")));
    assert_eq!((yellow.light.edge, yellow.light.text), (LIGHT.text, Colour::BLACK));
    assert_eq!((yellow.dark.edge, yellow.dark.text), (DARK.text, Colour::WHITE));
}

#[test]
fn a_colour_is_written_one_way_and_read_two() {
    assert_eq!(colour("#166DE0").to_string(), "#166de0");
    assert_eq!(colour("#fa0").to_string(), "#ffaa00");
    for text in ["166de0", "#16", "#166de", "#166de0ff", "#12345g", "blue", "", "#", "#ä0", "#1;}*{", "rgb(0 0 0)"] {
        let error = text.parse::<Colour>().expect_err(text);
        assert!(error.to_string().contains("write it as \"#166de0\""), "{error}");
    }
}
