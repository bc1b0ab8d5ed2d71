//! What stands in the file in place of ids and names, so that whoever has the file alone learns neither.
//!
//! An id (of a person, a device, an invitation) is kept as its HMAC-SHA-256. The month and the launcher go into it,
//! so that not even the file's owner sees that November's device is October's. A name is sealed with AES-256-GCM,
//! bound to the place where it stands. Both keys come of the installation's key by HKDF (RFC 5869).
//!
//! It has no way to give an id back.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac};

use crate::secret::Secret;

use super::month::YearMonth;

/// Bytes of a nonce of AES-GCM, ahead of what it sealed.
const NONCE: usize = 12;

/// Longest name that is kept, in characters: Mattermost's own names end at 64 each.
const LONGEST_LABEL: usize = 200;

/// An HMAC-SHA-256.
pub(super) type Digest = [u8; 32];

/// The key that ids are hashed and names are sealed with; belongs to one installation.
#[derive(Debug, Clone)]
pub struct LedgerKey(Secret<[u8; 32]>);

impl LedgerKey {
    /// Of 32 bytes that nobody can guess.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }
}

/// What an id is of: equal ids of two kinds have nothing in common in the file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A person whom Mattermost knows.
    Person,
    /// Somebody without account, known by the device alone.
    Guest,
    /// A browser, by the launcher's cookie.
    Device,
    /// A device as 8x8 names it.
    Reported,
    /// A webhook's `idempotencyKey`.
    Event,
    /// An invitation.
    Invitation,
    /// The device that has an invitation.
    Invited,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Guest => "guest",
            Self::Device => "device",
            Self::Reported => "reported",
            Self::Event => "event",
            Self::Invitation => "invitation",
            Self::Invited => "invited",
        }
    }
}

/// The keys at work.
pub(super) struct Seal {
    ids: hmac::Key,
    labels: RandomizedNonceKey,
    /// Stands in the file, so that another key is found out and not taken for a month without people.
    pub(super) proof: Digest,
}

impl Seal {
    pub(super) fn new(key: &LedgerKey) -> Self {
        // A uniform key needs no extraction (RFC 5869 section 3.3).
        let root = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, key.0.reveal());
        let derived = |purpose: &str| {
            let mut bytes = [0; 32];
            let info = [b"gatepost ledger ".as_slice(), purpose.as_bytes()];
            let okm = root.expand(&info, hkdf::HKDF_SHA256).expect("32 bytes are within HKDF's 255 blocks");
            okm.fill(&mut bytes).expect("the buffer is as long as the output");
            bytes
        };
        Self {
            ids: hmac::Key::new(hmac::HMAC_SHA256, &derived("ids")),
            labels: RandomizedNonceKey::new(&AES_256_GCM, &derived("labels")).expect("a key of 32 bytes"),
            proof: derived("proof"),
        }
    }

    /// What stands for an id of a launcher's month.
    pub(super) fn monthly(&self, kind: Kind, launcher: &str, month: YearMonth, id: &str) -> Digest {
        self.digest(&[kind.name().as_bytes(), launcher.as_bytes(), &month.index().to_be_bytes(), id.as_bytes()])
    }

    /// What stands for an id that belongs to no month.
    pub(super) fn lasting(&self, kind: Kind, id: &[u8]) -> Digest {
        self.digest(&[kind.name().as_bytes(), id])
    }

    fn digest(&self, fields: &[&[u8]]) -> Digest {
        let mut context = hmac::Context::with_key(&self.ids);
        for field in fields {
            // With its length ahead, so that no two lists of fields are the same bytes.
            context.update(&(field.len() as u64).to_be_bytes());
            context.update(field);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    /// A name as it stands beside `owner`; empty where the system gives no random numbers, so that the count goes on
    /// without the name.
    pub(super) fn close(&self, label: &str, owner: &Digest) -> Vec<u8> {
        let mut sealed: Vec<u8> = label.chars().take(LONGEST_LABEL).collect::<String>().into_bytes();
        match self.labels.seal_in_place_append_tag(Aad::from(owner), &mut sealed) {
            Ok(nonce) => [nonce.as_ref().as_slice(), &sealed].concat(),
            Err(_) => Vec::new(),
        }
    }

    /// The name again; `None` where it was not sealed by this key for this owner.
    pub(super) fn label(&self, sealed: &[u8], owner: &Digest) -> Option<String> {
        let (nonce, text) = sealed.split_at_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let plain = self.labels.open_in_place(nonce, Aad::from(owner), &mut text).ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> YearMonth {
        text.parse().expect("a month")
    }

    #[test]
    fn an_id_is_another_one_in_another_month_launcher_kind_or_installation() {
        let seal = Seal::new(&LedgerKey::new([7; 32]));
        let one = seal.monthly(Kind::Person, "jaas", month("2026-11"), "p1");
        assert_eq!(one, seal.monthly(Kind::Person, "jaas", month("2026-11"), "p1"));
        assert_ne!(one, seal.monthly(Kind::Person, "jaas", month("2026-12"), "p1"));
        assert_ne!(one, seal.monthly(Kind::Person, "jaasp", month("2026-11"), "1"));
        assert_ne!(one, seal.monthly(Kind::Device, "jaas", month("2026-11"), "p1"));
        let other = Seal::new(&LedgerKey::new([8; 32]));
        assert_ne!(one, other.monthly(Kind::Person, "jaas", month("2026-11"), "p1"));
        assert_ne!(seal.proof, other.proof);
    }

    #[test]
    fn a_name_opens_by_its_key_beside_its_owner_alone() {
        let seal = Seal::new(&LedgerKey::new([7; 32]));
        let (owner, stranger) = ([1; 32], [2; 32]);
        let closed = seal.close("Ada Ⅳ", &owner);
        assert_eq!(seal.label(&closed, &owner).as_deref(), Some("Ada Ⅳ"));
        assert_eq!(seal.label(&closed, &stranger), None);
        assert_eq!(Seal::new(&LedgerKey::new([8; 32])).label(&closed, &owner), None);
        assert_eq!(seal.label(&closed[..5], &owner), None);
        assert_eq!(seal.label(&seal.close("", &owner), &owner).as_deref(), Some(""));
        assert_ne!(closed, seal.close("Ada Ⅳ", &owner), "the same name does not look the same");
        let long = seal.close(&"ß".repeat(5000), &owner);
        assert_eq!(seal.label(&long, &owner).map(|label| label.chars().count()), Some(LONGEST_LABEL));
    }

    #[test]
    fn nothing_of_the_keys_is_shown() {
        let key = LedgerKey::new([7; 32]);
        assert_eq!(format!("{key:?} {:?}", Seal::new(&key)), "LedgerKey(***) Seal(***)");
    }
}
