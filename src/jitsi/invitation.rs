//! Invitations: a signed link that lets one person from outside into one room until a time.
//!
//! All that it says stands in the link itself, under a signature of this
//! installation; nothing is kept until somebody comes with it. That it lets in
//! one person alone is the ledger's to see to, by [`Invitation::id`].
//!
//! It refuses what was altered, what another launcher was asked to believe, and
//! what is over; it says nothing of who invited.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

use super::room::Room;

/// What a signature of this length is worth: nobody guesses 128 bits.
const TAG: usize = 16;

/// Id, time, and nothing of a room.
const HEAD: usize = 16 + 8;

/// Longest link that is looked at, in characters: the longest room takes 1280 of them.
const LONGEST: usize = 1400;

/// One invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Tells it from every other.
    pub id: [u8; 16],
    /// Until when it holds, in seconds since 1970.
    pub until: u64,
    /// The one room.
    pub room: Room,
}

/// Why a link lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvitationError {
    /// Altered, cut off, made up, or made for another launcher or installation.
    #[error("the invitation is not genuine")]
    NotGenuine,
    /// Its time is over: it held until then, in seconds since 1970.
    #[error("the invitation is over")]
    Over(u64),
}

impl Invitation {
    /// A new one.
    ///
    /// # Errors
    /// Where the system has no random numbers to give.
    pub fn new(room: Room, until: u64) -> Result<Self, getrandom::Error> {
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        Ok(Self { id, until, room })
    }

    /// As a segment of an address: `launcher` alone will believe it.
    pub fn seal(&self, key: &hmac::Key, launcher: &str) -> String {
        let mut sealed = Vec::with_capacity(HEAD + self.room.name().len() + TAG);
        sealed.extend_from_slice(&self.id);
        sealed.extend_from_slice(&self.until.to_be_bytes());
        sealed.extend_from_slice(self.room.name().as_bytes());
        let tag = sign(key, launcher, &sealed);
        sealed.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// Reads a segment of an address at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// See [`InvitationError`].
    pub fn open(segment: &str, key: &hmac::Key, launcher: &str, now: u64) -> Result<Self, InvitationError> {
        let sealed = (segment.len() <= LONGEST).then(|| URL_SAFE_NO_PAD.decode(segment).ok()).flatten();
        let invitation =
            sealed.and_then(|sealed| genuine(&sealed, key, launcher)).ok_or(InvitationError::NotGenuine)?;
        if invitation.until <= now {
            return Err(InvitationError::Over(invitation.until));
        }
        Ok(invitation)
    }
}

fn genuine(sealed: &[u8], key: &hmac::Key, launcher: &str) -> Option<Invitation> {
    let (said, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
    // Compared in constant time.
    aws_lc_rs::constant_time::verify_slices_are_equal(&sign(key, launcher, said), tag).ok()?;
    let (id, rest) = said.split_first_chunk::<16>()?;
    let (until, room) = rest.split_first_chunk::<8>()?;
    let room = Room::named(std::str::from_utf8(room).ok()?).ok()?;
    Some(Invitation { id: *id, until: u64::from_be_bytes(*until), room })
}

fn sign(key: &hmac::Key, launcher: &str, said: &[u8]) -> [u8; TAG] {
    let mut signing = hmac::Context::with_key(key);
    // With its length, so that no launcher's name runs into what is said.
    signing.update(&u64::try_from(launcher.len()).unwrap_or(u64::MAX).to_be_bytes());
    signing.update(launcher.as_bytes());
    signing.update(said);
    let tag = signing.sign();
    *tag.as_ref().first_chunk().expect("HMAC-SHA-256 gives 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jitsi::installation::Keys;

    fn key() -> hmac::Key {
        Keys::passing().expect("random numbers").invitations()
    }

    fn invitation(room: &str) -> Invitation {
        Invitation::new(Room::named(room).expect("a room"), 1000).expect("random numbers")
    }

    #[test]
    fn what_was_sealed_is_read_until_its_time_is_over() {
        let key = key();
        let longest = "é".repeat(160);
        for room in ["Standup", "Raum für alle", "team-channel-abcdefghij", longest.as_str()] {
            let invitation = invitation(room);
            let segment = invitation.seal(&key, "jaas");
            assert!(segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{segment}");
            assert_eq!(Invitation::open(&segment, &key, "jaas", 999), Ok(invitation));
            assert_eq!(Invitation::open(&segment, &key, "jaas", 1000), Err(InvitationError::Over(1000)));
        }
    }

    #[test]
    fn no_letter_of_it_can_be_altered_added_or_left_out() {
        let key = key();
        let segment = invitation("Standup").seal(&key, "jaas");
        let refused = |altered: &str| {
            assert_eq!(Invitation::open(altered, &key, "jaas", 0), Err(InvitationError::NotGenuine), "{altered}");
        };
        for at in 0..segment.len() {
            let other = if segment.as_bytes()[at] == b'A' { "B" } else { "A" };
            let mut altered = segment.clone();
            altered.replace_range(at..=at, other);
            refused(&altered);
            refused(&segment[..at]);
        }
        refused(&format!("{segment}A"));
        refused(&format!("{segment}="));
        refused("");
        refused(&"A".repeat(100_000));
    }

    #[test]
    fn another_launcher_and_another_installation_do_not_believe_it() {
        let key = key();
        let segment = invitation("Standup").seal(&key, "jaas");
        assert_eq!(Invitation::open(&segment, &key, "jaa", 0), Err(InvitationError::NotGenuine));
        assert_eq!(Invitation::open(&segment, &self::key(), "jaas", 0), Err(InvitationError::NotGenuine));
    }

    #[test]
    fn two_for_the_same_room_and_time_are_two() {
        assert_ne!(invitation("a").id, invitation("a").id);
    }
}
