//! What a person is called: which of Mattermost's three names, in which order.
//!
//! It lets nothing through that shows another name than is meant: no control characters,
//! no marks that turn the direction of text, nothing longer than Mattermost allows.
//! A name of which nothing can be seen is none.

use crate::config::model::DisplayName;
use crate::jitsi::room::DIRECTION;

/// Mattermost's own limit for each of the names that people give themselves (`server/public/model/user.go`:
/// `UserNicknameMaxRunes`, `UserFirstNameMaxRunes`, `UserLastNameMaxRunes`); a first and a last one make a full name.
/// What is longer does not come from Mattermost; it is cut, so that the token stays small.
pub(super) const LONGEST: usize = 64 + 1 + 64;

/// Longest address (`UserEmailMaxLength` there).
const LONGEST_EMAIL: usize = 128;

/// Longest id; Mattermost's have 26 characters (`server/public/model/utils.go`, `IsValidId`).
const LONGEST_ID: usize = 64;

/// Letters with nothing to see: what Unicode has nothing drawn for (`Default_Ignorable_Code_Point` in
/// `DerivedCoreProperties.txt`), such as zero-width blanks, marks of direction, fillers and selectors; and the blank
/// Braille pattern.
const fn is_unseen(letter: char) -> bool {
    matches!(letter,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Which name is shown: the first of these that the person has, and the user name where they have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NameOrder([DisplayName; 3]);

impl NameOrder {
    /// As the Mattermost plugin chooses (`model.ShowNicknameFullName`).
    pub const PLUGINS: Self = Self([DisplayName::Nickname, DisplayName::FullName, DisplayName::Username]);

    /// The order of `names`; what is named twice counts where it stands first.
    pub fn of(names: &[DisplayName]) -> Self {
        let mut order = [DisplayName::Username; 3];
        let first = names.iter().enumerate().filter(|(at, name)| !names[..*at].contains(name)).map(|(_, name)| *name);
        for (place, name) in order.iter_mut().zip(first) {
            *place = name;
        }
        Self(order)
    }

    /// The first of the names that is not empty. `full` and `nickname` are fit for showing.
    pub(super) fn choose<'a>(&self, nickname: &'a str, full: &'a str, username: &'a str) -> &'a str {
        let given = self.0.iter().map(|name| match name {
            DisplayName::Nickname => nickname,
            DisplayName::FullName => full,
            DisplayName::Username => username,
        });
        given.into_iter().find(|name| !name.is_empty()).unwrap_or(username)
    }
}

impl Default for NameOrder {
    fn default() -> Self {
        Self::PLUGINS
    }
}

/// A name for showing, or nothing where there is nothing to see of it.
pub fn shown(text: &str) -> String {
    let kept: String = text.chars().filter(|c| !c.is_control() && !DIRECTION.contains(c)).collect();
    let kept: String = kept.trim().chars().take(LONGEST).collect();
    if kept.chars().all(|c| c.is_whitespace() || is_unseen(c)) { String::new() } else { kept.trim_end().into() }
}

/// An address that a token may carry; `None` where there is none, or what is no address.
pub(super) fn email(text: &str) -> Option<String> {
    let text = text.trim();
    let plain = text.chars().all(|c| !c.is_control() && !c.is_whitespace() && !DIRECTION.contains(&c));
    (plain && text.contains('@') && text.chars().count() <= LONGEST_EMAIL).then(|| text.to_owned())
}

/// A user's id as Mattermost makes them: ASCII letters and digits, so that it stands for itself in an address.
pub(super) fn id(text: &str) -> Option<String> {
    let plain = !text.is_empty() && text.len() <= LONGEST_ID && text.bytes().all(|b| b.is_ascii_alphanumeric());
    plain.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::DisplayName::{FullName, Nickname, Username};
    use super::*;

    #[test]
    fn the_user_name_is_the_last_resort_of_every_order() {
        for (order, with_all, without_nickname, with_none) in [
            (&[Nickname, FullName][..], "Al", "Alice Smith", "alice"),
            (&[FullName, Nickname], "Alice Smith", "Alice Smith", "alice"),
            (&[FullName], "Alice Smith", "Alice Smith", "alice"),
            (&[Nickname], "Al", "alice", "alice"),
            (&[Username], "alice", "alice", "alice"),
            (&[Username, Nickname], "alice", "alice", "alice"),
            (&[FullName, FullName, FullName, Nickname], "Alice Smith", "Alice Smith", "alice"),
            (&[Nickname, Nickname, FullName], "Al", "Alice Smith", "alice"),
            (&[], "alice", "alice", "alice"),
        ] {
            let names = NameOrder::of(order);
            assert_eq!(names.choose("Al", "Alice Smith", "alice"), with_all, "{order:?}");
            assert_eq!(names.choose("", "Alice Smith", "alice"), without_nickname, "{order:?}");
            assert_eq!(names.choose("", "", "alice"), with_none, "{order:?}");
        }
        assert_eq!(NameOrder::default(), NameOrder::of(&[Nickname, FullName]));
    }

    #[test]
    fn a_name_is_shown_as_it_is_but_for_what_would_mislead() {
        for (given, expected) in [
            ("Alice", "Alice"),
            ("  Alice\t", "Alice"),
            ("A\u{7}l\r\nice", "Alice"),
            ("Al \"<b>\" Ice", "Al \"<b>\" Ice"),
            ("李雷", "李雷"),
            ("مریم\u{200C}", "مریم\u{200C}"),
            ("👩\u{200D}🚀", "👩\u{200D}🚀"),
            ("ecila\u{202E}", "ecila"),
            ("\u{2066}Alice\u{2069}", "Alice"),
            ("\u{202E} Alice", "Alice"),
            ("", ""),
            (" \u{A0} ", ""),
            ("\u{200B}\u{FEFF}", ""),
            ("\u{3164}\u{2800}", ""),
            ("\u{200E} \u{200F}\u{61C}", ""),
            ("\u{2063}\u{FE0F}\u{E0041}\u{34F}\u{180E}\u{FFA0}", ""),
            ("❤\u{FE0F}", "❤\u{FE0F}"),
        ] {
            assert_eq!(shown(given), expected, "{given:?}");
        }
        assert_eq!(shown(&"ä".repeat(9999)).chars().count(), LONGEST);
        assert_eq!(shown(&format!("{} b", "a".repeat(LONGEST - 1))).len(), LONGEST - 1, "no blank where it was cut");
    }

    #[test]
    fn an_address_or_id_that_is_none_is_left_out() {
        assert_eq!(email(" alice@gatepost.test "), Some("alice@gatepost.test".into()));
        for none in ["", " ", "alice", "a b@c", "a@b\nc", "a@b\u{202E}c", &format!("{}@b", "a".repeat(127))] {
            assert_eq!(email(none), None, "{none:?}");
        }
        assert_eq!(id("ybndrfg8ejkmcpqxot1uwisza3").as_deref(), Some("ybndrfg8ejkmcpqxot1uwisza3"));
        for none in ["", "..", "a/b", "a b", "a\u{0}", "ä", &"a".repeat(65)] {
            assert_eq!(id(none), None, "{none:?}");
        }
    }
}
