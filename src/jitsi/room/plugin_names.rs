//! Every name that the Mattermost Jitsi plugin gives a meeting comes through unchanged.
//!
//! The schemes are those of `server/plugin.go` and `server/randomNameGenerator.go` in
//! mattermost-community/mattermost-plugin-jitsi.

use super::*;

/// Numbers that are no pattern to a parser and the same on each run (xorshift, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).expect("below a usize")
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| letters[self.next(letters.len())]).collect()
    }
}

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const HEXADECIMAL: &str = "0123456789abcdef";
/// Of team and channel names in an address (Mattermost `model.IsValidChannelIdentifier`: also `_`).
const HANDLE: &str = "abcdefghijklmnopqrstuvwxyz0123456789-_";
/// Of user names (Mattermost `model.IsValidUsername`).
const USERNAME: &str = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
/// What is left of a topic.
const TOPIC: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// One name of each scheme.
fn names(numbers: &mut Numbers) -> [String; 6] {
    let words = ["Happy", "Cats", "Dance", "Wildly", "Unreasonable", "Xylophones"];
    let [team, channel] = [64, 64].map(|most| {
        let length = 1 + numbers.next(most);
        numbers.text(HANDLE, length)
    });
    let length = 3 + numbers.next(62);
    let username = format!("a{}", numbers.text(USERNAME, length - 1));
    let length = numbers.next(150);
    let topic = numbers.text(TOPIC, length);
    [
        (0..4).map(|_| words[numbers.next(words.len())]).collect(),
        [8, 4, 4, 4, 12].map(|length| numbers.text(HEXADECIMAL, length)).join("-"),
        format!("{team}-{channel}-{}", numbers.text(LOWER, 10)),
        format!("{username}-{}", numbers.text(LOWER, 20)),
        format!("{topic}-{}", numbers.text(LOWER, 20)),
        numbers.text(LOWER, 20),
    ]
}

#[test]
fn every_scheme_of_the_plugin_comes_through_unchanged() {
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    for _ in 0..500 {
        for name in names(&mut numbers) {
            // As the plugin links it, and as desktop app 6.0 asks for it.
            for rest in [format!("/{name}"), format!("/{name}/")] {
                let asked = Asked::of(&rest);
                let Ok(Asked::Room(room)) = asked else { panic!("{rest}: {asked:?}") };
                assert_eq!((room.name(), room.segment(), room.claim()), (&*name, name.clone(), name.clone()));
            }
            assert_eq!(Room::named(&name).map(|room| room.claim()), Ok(name));
        }
    }
}

#[test]
fn the_longest_team_and_channel_and_names_that_look_like_something_else_are_rooms() {
    let longest = format!("{}-{}-abcdefghij", "t".repeat(64), "c".repeat(64));
    assert_eq!(longest.len(), 140);
    for name in [
        longest.as_str(),
        "--abcdefghij",
        "-/".trim_end_matches('/').repeat(2).as_str(),
        "a.b.c-abcdefghijklmnopqrst",
        "..-abcdefghijklmnopqrst",
        "external_api.js-abcdefghijklmnopqrst",
        "jitsi-jitsi-abcdefghij",
    ] {
        assert_eq!(Room::named(name).map(|room| room.claim()), Ok(name.to_owned()));
    }
}

#[test]
fn a_name_of_10_kb_is_refused_whatever_it_is_made_of() {
    for unit in ["a", "Ä", "日", "👩‍👩‍👧", "ﷺ", "e\u{301}", "العربية", "हिन्दी", "עברית", "%41", "a%3C"]
    {
        let rest = format!("/{}", unit.repeat(10_240 / unit.len()));
        assert_eq!(Asked::of(&rest), Err(RoomError::TooLong), "{unit}");
    }
    // What Jitsi drops is dropped first: nothing is left of it.
    assert_eq!(Asked::of(&format!("/{}", "(".repeat(10_240))), Err(RoomError::Empty));
    assert_eq!(Asked::of(&format!("/{}", "a/".repeat(5_120))), Err(RoomError::Nested));
}

#[test]
fn a_name_of_any_script_is_one_room_however_it_is_written() {
    for name in
        ["Ελλάδα", "Москва", "日本語", "한국어", "العربية", "עברית", "हिन्दी", "ไทย", "Ǆ", "straße", "İstanbul", "😀"]
    {
        let room = Room::named(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(room.segment().bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b)), "{name}");
        assert_eq!(Asked::of(&format!("/{}", room.segment())), Ok(Asked::Room(room.clone())), "{name}");
        // Whoever takes the token's room for a name comes to the same room (`room` is compared in lower case).
        let again = Asked::of(&format!("/{}", room.claim()));
        let Ok(Asked::Room(again)) = again else { panic!("{name}: {again:?}") };
        assert_eq!(again.claim(), room.claim(), "{name}");
    }
}
