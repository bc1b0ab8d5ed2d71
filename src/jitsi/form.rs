//! A guest's form: the mark that shows that it is ours, and what was typed into it.
//!
//! The mark stands in the form and is bound to the browser's device, the launcher,
//! the form's own address and the hour; another website can neither read nor make
//! one (CSRF). It carries along whether the way to the form has proved the room, so
//! that no passcode is asked for.
//!
//! It refuses to say which part of a mark was wrong.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::secret::Secret;

/// Time enough to look for the passcode in one's mail.
const HOLDS: u64 = 2 * 60 * 60;

/// Time, flag, and as much of the signature as nobody guesses.
const LENGTH: usize = 8 + 1 + 16;

/// Longest name in characters: what Mattermost takes for a nickname.
pub const LONGEST_NAME: usize = 64;

/// Where a form stands, and who looks at it.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The launcher's name.
    pub launcher: &'a str,
    /// The browser.
    pub device: &'a str,
    /// What is asked for: a room, an invitation.
    pub what: &'a str,
}

/// What a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The way to the form proved that the room was meant for whoever came it.
    pub proved: bool,
}

/// Why a form is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkError {
    /// Ours, once.
    TooOld,
    /// Not ours, or another browser's.
    Foreign,
}

impl Mark {
    /// As a hidden field, made at `now`, in seconds since 1970.
    pub fn seal(self, key: &hmac::Key, setting: Setting<'_>, now: u64) -> String {
        let mut sealed = Vec::with_capacity(LENGTH);
        sealed.extend_from_slice(&now.to_be_bytes());
        sealed.push(self.proved.into());
        let tag = sign(key, setting, &sealed);
        sealed.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// Reads the field as it came back.
    ///
    /// # Errors
    /// See [`MarkError`].
    pub fn open(field: &str, key: &hmac::Key, setting: Setting<'_>, now: u64) -> Result<Self, MarkError> {
        let sealed = URL_SAFE_NO_PAD.decode(field).ok().and_then(|sealed| <[u8; LENGTH]>::try_from(sealed).ok());
        let sealed = sealed.ok_or(MarkError::Foreign)?;
        let (said, tag) = sealed.split_at(9);
        verify_slices_are_equal(&sign(key, setting, said), tag).map_err(|_| MarkError::Foreign)?;
        let made = said.first_chunk().map(|time| u64::from_be_bytes(*time)).ok_or(MarkError::Foreign)?;
        // A clock that was set back makes a form from the future: it is as good as new.
        if now.saturating_sub(made) >= HOLDS {
            return Err(MarkError::TooOld);
        }
        Ok(Self { proved: said.last() == Some(&1) })
    }
}

fn sign(key: &hmac::Key, setting: Setting<'_>, said: &[u8]) -> [u8; 16] {
    let mut signing = hmac::Context::with_key(key);
    for part in [setting.launcher.as_bytes(), setting.device.as_bytes(), setting.what.as_bytes(), said] {
        // With its length, so that no part runs into the next.
        signing.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        signing.update(part);
    }
    *signing.sign().as_ref().first_chunk().expect("HMAC-SHA-256 gives 32 bytes")
}

/// What was typed.
#[derive(Debug, Default)]
pub struct Typed {
    /// The mark.
    pub mark: String,
    /// As typed, without blanks at the ends.
    pub name: String,
    /// As typed, without blanks at the ends.
    pub passcode: Option<Secret<String>>,
}

impl Typed {
    /// Reads an `application/x-www-form-urlencoded` body; of a field that came twice the first counts.
    pub fn read(body: &[u8]) -> Self {
        let mut typed = Self::default();
        let mut seen = [false; 3];
        for (key, value) in form_urlencoded::parse(body) {
            let (index, value) = match &*key {
                "csrf" => (0, value),
                "name" => (1, value),
                "passcode" => (2, value),
                _ => continue,
            };
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            let value = value.trim().to_owned();
            match index {
                0 => typed.mark = value,
                1 => typed.name = value,
                _ => typed.passcode = Some(Secret::new(value)),
            }
        }
        typed
    }

    /// Whether this is the passcode. The time that it takes tells at most how long the passcode is.
    pub fn has_passcode(&self, passcode: &Secret<String>) -> bool {
        let typed = self.passcode.as_ref().map(|typed| typed.reveal().as_bytes()).unwrap_or_default();
        verify_slices_are_equal(typed, passcode.reveal().trim().as_bytes()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jitsi::installation::Keys;

    const HERE: Setting<'_> = Setting { launcher: "jaas", device: "d1", what: "room1" };

    fn key() -> hmac::Key {
        Keys::passing().expect("random numbers").forms()
    }

    #[test]
    fn a_mark_holds_for_two_hours_where_it_was_made() {
        let key = key();
        for proved in [false, true] {
            let field = Mark { proved }.seal(&key, HERE, 10_000);
            for now in [0, 10_000, 10_000 + HOLDS - 1] {
                assert_eq!(Mark::open(&field, &key, HERE, now), Ok(Mark { proved }));
            }
            assert_eq!(Mark::open(&field, &key, HERE, 10_000 + HOLDS), Err(MarkError::TooOld));
            for elsewhere in [
                Setting { launcher: "other", ..HERE },
                Setting { device: "d2", ..HERE },
                Setting { what: "room2", ..HERE },
                Setting { launcher: "jaasd", device: "1", ..HERE },
            ] {
                assert_eq!(Mark::open(&field, &key, elsewhere, 10_000), Err(MarkError::Foreign), "{elsewhere:?}");
            }
            assert_eq!(Mark::open(&field, &self::key(), HERE, 10_000), Err(MarkError::Foreign));
        }
    }

    #[test]
    fn an_altered_mark_is_foreign() {
        let key = key();
        let field = Mark { proved: false }.seal(&key, HERE, 10_000);
        for at in 0..field.len() {
            let other = if field.as_bytes()[at] == b'A' { "B" } else { "A" };
            let mut altered = field.clone();
            altered.replace_range(at..=at, other);
            assert_eq!(Mark::open(&altered, &key, HERE, 10_000), Err(MarkError::Foreign), "{altered}");
        }
        for odd in ["", "A", "not base64!", &"A".repeat(100_000)] {
            assert_eq!(Mark::open(odd, &key, HERE, 10_000), Err(MarkError::Foreign));
        }
    }

    #[test]
    fn what_was_typed_is_read_once_and_without_blanks_around_it() {
        let typed = Typed::read(b"csrf=abc&name=+Zo%C3%AB+%3Cb%3E+&name=other&passcode=+open+sesame&x=y");
        assert_eq!((&*typed.mark, &*typed.name), ("abc", "Zoë <b>"));
        assert!(typed.has_passcode(&Secret::new("open sesame\n".into())));
        for other in ["", "open", "open sesame!", "Open sesame"] {
            assert!(!typed.has_passcode(&Secret::new(other.into())), "{other}");
        }
        let nothing = Typed::read(b"\xff\xfe&&=&name");
        assert!(nothing.mark.is_empty() && nothing.name.is_empty() && nothing.passcode.is_none());
    }
}
