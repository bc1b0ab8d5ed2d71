//! Room names: what people and the Mattermost plugin put behind a launcher's path → what Jitsi makes of it.
//!
//! One door in, [`Asked::of`]. A name is decoded once, brought to Unicode's NFKC and
//! freed of the characters that Jitsi itself drops, so that the address, the token's
//! `room` and the chat room on Jitsi's server are one and the same.
//!
//! It refuses several segments, control characters, names that Jitsi could not open
//! and everything below the reserved segment `-`.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization;

use crate::error::RequestError;

/// Percent-encodes text for one segment or one query value: all but letters, digits and `-_.~`. On a room's
/// name this is JavaScript's `encodeURIComponent`, which spares only characters that Jitsi drops beside these.
pub const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What Jitsi drops from a room name (jitsi-meet `react/features/base/util/uri.ts`, `_ROOM_EXCLUDE_PATTERN`).
const DROPPED: &str = ":?#[]@!$&'()*+,;=></\"";

/// Longest name in characters. The plugin's longest scheme, `team-channel-` and ten letters, comes to 140;
/// the rest is for topics.
const MAX_CHARS: usize = 500;

/// Longest name in bytes once percent-encoded. A Jitsi room is the local part of an XMPP address, at most 1023
/// bytes (RFC 7622 section 3.3); JaaS puts `[vpaas-magic-cookie-…]`, 53 of them, before the name.
const MAX_ENCODED: usize = 960;

/// Under a launcher's path this segment is no room: what the launcher itself needs lives below it.
const RESERVED: &str = "-";

/// The plugin in compatibility mode runs what this file answers inside Mattermost; it is no room.
const EXTERNAL_API: &str = "external_api.js";

/// What browsers and robots ask of a host by themselves, where a launcher has the whole host: nobody's room.
const UNASKED: [&str; 2] = ["favicon.ico", "robots.txt"];

/// What Safari asks for besides, without cookies, in several sizes: `apple-touch-icon-120x120-precomposed.png`.
const TOUCH_ICON: (&str, &str) = ("apple-touch-icon", ".png");

/// Marks that turn the direction of text: in a room name they only serve to show another name than is meant.
pub(super) const DIRECTION: [char; 9] =
    ['\u{202A}', '\u{202B}', '\u{202C}', '\u{202D}', '\u{202E}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}'];

/// Letters and digits of a random room, and how many: 25 of 36 make 129 bits.
const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const RANDOM_LENGTH: usize = 25;

/// What the path behind a launcher's prefix asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// No room: `/jitsi` or `/jitsi/`.
    Nothing,
    /// `external_api.js`, Jitsi's library.
    ExternalApi,
    /// This room.
    Room(Room),
}

/// Why a path asks for nothing that a launcher has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomError {
    /// More than one segment: a room has no rooms.
    Nested,
    /// `-`, or a name that stands for a file.
    Reserved,
    /// Percent-decoded it is no UTF-8.
    NotText,
    /// Control characters, line breaks, marks that turn the direction of text.
    Control,
    /// Nothing left once what Jitsi drops is gone.
    Empty,
    /// Longer than a room of Jitsi can be.
    TooLong,
}

/// A room's name as Jitsi takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room(Box<str>);

impl Asked {
    /// Reads what follows the launcher's prefix in a request's path, with unreserved characters decoded or not.
    ///
    /// Slashes before and after the name make no difference: the desktop app adds one at the end, an address
    /// typed into the plugin's settings one before it.
    ///
    /// # Errors
    /// Says why it asks for nothing that is there; see [`RoomError`].
    pub fn of(rest: &str) -> Result<Self, RoomError> {
        let segment = rest.trim_matches('/');
        if segment.is_empty() {
            return Ok(Self::Nothing);
        }
        if segment == RESERVED || segment.starts_with("-/") {
            return Err(RoomError::Reserved);
        }
        if segment.contains('/') {
            return Err(RoomError::Nested);
        }
        let decoded = percent_decode_str(segment).decode_utf8().map_err(|_| RoomError::NotText)?;
        if decoded == EXTERNAL_API {
            return Ok(Self::ExternalApi);
        }
        Room::normal(&decoded).map(Self::Room)
    }
}

impl Room {
    /// A room that nobody guesses, from the operating system's generator.
    ///
    /// # Errors
    /// Where the system has no random numbers to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut name = String::with_capacity(RANDOM_LENGTH);
        let mut bytes = [0; 2 * RANDOM_LENGTH];
        while name.len() < RANDOM_LENGTH {
            getrandom::fill(&mut bytes)?;
            // 252 is the largest multiple of 36 in a byte; what lies above it would favour some letters.
            let fair = bytes.iter().filter(|&&b| b < 252).map(|&b| char::from(ALPHABET[usize::from(b) % 36]));
            name.extend(fair.take(RANDOM_LENGTH - name.len()));
        }
        Ok(Self(name.into()))
    }

    /// The name for people.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The name as a segment of an address.
    pub fn segment(&self) -> String {
        utf8_percent_encode(&self.0, COMPONENT).to_string()
    }

    /// The name as the token's `room` has to say it.
    ///
    /// Jitsi's server compares `room`, its ASCII letters lowered, with the local part of the chat room's
    /// address (`resources/prosody-plugins/token/util.lib.lua`), and that is the name in NFKC, lower case and
    /// percent-encoded (`getBackendSafeRoomName` in `uri.ts`): `Room%20Name`, never `Room Name`.
    /// ASCII names keep their case, so that the token shows the room as it was asked for.
    pub fn claim(&self) -> String {
        if self.0.is_ascii() {
            self.segment()
        } else {
            utf8_percent_encode(&self.0.to_lowercase(), COMPONENT).to_string()
        }
    }

    /// The room of this name, as a person says it: not percent-encoded, and without a launcher's address before it.
    ///
    /// # Errors
    /// Says why no room can have it; see [`RoomError`].
    pub fn named(name: &str) -> Result<Self, RoomError> {
        if name.contains('/') {
            return Err(RoomError::Nested);
        }
        Self::normal(name)
    }

    fn normal(decoded: &str) -> Result<Self, RoomError> {
        // NFKC first: it makes `<` of a full-width one. Again after dropping, which can bring a letter and its
        // accent together.
        let kept: String = decoded.nfkc().filter(|c| !DROPPED.contains(*c)).collect();
        let name: String = kept.trim_matches(' ').nfkc().collect();
        if name.chars().any(|c| c.is_control() || (c.is_whitespace() && c != ' ') || DIRECTION.contains(&c)) {
            return Err(RoomError::Control);
        }
        // A backslash is a slash to browsers.
        if name.contains('\\') {
            return Err(RoomError::Nested);
        }
        // Browsers resolve dot segments, encoded or not: the address would lead to the page above the room.
        if name.is_empty() || name == "." || name == ".." {
            return Err(RoomError::Empty);
        }
        let is_icon = name.starts_with(TOUCH_ICON.0) && name.ends_with(TOUCH_ICON.1);
        if name == RESERVED || name.eq_ignore_ascii_case(EXTERNAL_API) || UNASKED.contains(&name.as_str()) || is_icon {
            return Err(RoomError::Reserved);
        }
        let room = Self(name.into());
        if room.0.chars().count() > MAX_CHARS || room.segment().len() > MAX_ENCODED {
            return Err(RoomError::TooLong);
        }
        Ok(room)
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RoomError {
    fn why(self) -> &'static str {
        match self {
            Self::Nested => "a room's name is one segment of the address",
            Self::Reserved => "this name stands for something else than a room",
            Self::NotText => "the room's name is not valid UTF-8",
            Self::Control => "the room's name has invisible control characters",
            Self::Empty => "nothing is left of the room's name without the characters that Jitsi drops",
            Self::TooLong => "the room's name is too long: 500 characters are taken, fewer where they are not ASCII",
        }
    }
}

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why())
    }
}

impl std::error::Error for RoomError {}

impl From<RoomError> for RequestError {
    fn from(error: RoomError) -> Self {
        match error {
            RoomError::Nested | RoomError::Reserved => Self::NotFound,
            _ => Self::Bad(error.why()),
        }
    }
}

#[cfg(test)]
mod plugin_names;
#[cfg(test)]
mod tests;
