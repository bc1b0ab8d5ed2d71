//! Faults of a chain: their kinds, how grave they are, and how a script calls them.
//!
//! A kind carries what `family` needs to say who minds; the words for people are
//! made where the fault is found.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::config::finding::Severity;

use super::strength::WeakKey;

/// One thing that is wrong or doubtful, and its mend.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What kind of thing.
    pub kind: Kind,
    /// Numbers of the certificates that it is about; none where it is about the whole.
    pub about: Vec<usize>,
    /// What was found, on what: one sentence without a full stop.
    pub what: String,
    /// What to do about it.
    pub mend: Option<String>,
}

/// What is wrong. In JSON by [`Kind::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The issuer of the topmost certificate is neither presented nor a root.
    MissingIntermediate {
        /// Whether that certificate names an http address for it.
        fetchable: bool,
        /// Whether the roots asked are Mozilla's.
        public: bool,
    },
    /// The chain seems whole, and ends in a root that is not among those asked.
    UnknownRoot,
    /// The leaf signed itself.
    SelfSigned {
        /// Whether it is among the roots asked.
        trusted: bool,
    },
    /// A certificate that is not the server's own comes first.
    LeafNotFirst,
    /// An issuer comes before what it signed.
    WrongOrder,
    /// Of several certificates for one issuer, one that leads to no root comes first.
    LedAstray,
    /// The leaf's time is over.
    ExpiredLeaf,
    /// An issuer's time is over, and there is no way around it.
    ExpiredIntermediate,
    /// A cross-sign's time is over, and the chain does without it.
    ExpiredCrossSign,
    /// The leaf or an issuer on the way is not valid yet.
    NotYetValid,
    /// Less than a quarter of the leaf's lifetime is left, or an issuer ends before it.
    EndsSoon,
    /// Less than a tenth of the leaf's lifetime is left: renewals do not run.
    EndsVerySoon,
    /// The leaf does not bear the name asked for.
    NameNotCovered,
    /// The leaf bears no name at all.
    NoName,
    /// A key is too short, or of a kind that few clients take.
    WeakKey(WeakKey),
    /// A certificate on the way is signed with SHA-1.
    Sha1,
    /// A certificate on the way is signed with MD5 or older.
    Md5,
    /// The leaf is for other uses than servers.
    WrongPurpose,
    /// The leaf does not say what it is for.
    NoPurpose,
    /// The leaf is marked as a CA.
    CaAsLeaf,
    /// The leaf is valid for longer than clients take.
    TooLong {
        /// Whether it is over the limit for CAs that people install, and not only over that for public ones.
        private_too: bool,
    },
    /// The private key is another certificate's.
    KeyMismatch,
    /// The private key in the file cannot be used, or there are two.
    BadKey,
    /// Others than its owner may read the private key.
    KeyExposed,
    /// More certificates than some clients take.
    TooMany,
    /// A root, which clients have or do not trust.
    NeedlessRoot,
    /// A certificate that is there already.
    Duplicate,
    /// A certificate that signs nothing in the chain.
    Unneeded,
    /// A certificate with the name of an issuer, and the wrong key.
    WrongIssuer,
    /// A strict client says no for another reason.
    Refused,
    /// TLS 1.0 or 1.1 is offered (RFC 8996).
    OldTls,
    /// TLS 1.2 is not offered.
    NoTls12,
    /// TLS 1.3 is not offered.
    NoTls13,
    /// TLS 1.2 clients get another certificate.
    OtherForTls12,
    /// The handshake fails after the certificate was sent.
    HandshakeFails,
}

impl Kind {
    /// What a script knows it by. Never changes.
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingIntermediate { .. } => "missing-intermediate",
            Self::UnknownRoot => "unknown-root",
            Self::SelfSigned { .. } => "self-signed",
            Self::LeafNotFirst => "leaf-not-first",
            Self::WrongOrder => "wrong-order",
            Self::LedAstray => "led-astray",
            Self::ExpiredLeaf => "expired-leaf",
            Self::ExpiredIntermediate => "expired-intermediate",
            Self::ExpiredCrossSign => "expired-cross-sign",
            Self::NotYetValid => "not-yet-valid",
            Self::EndsSoon => "ends-soon",
            Self::EndsVerySoon => "ends-very-soon",
            Self::NameNotCovered => "name-not-covered",
            Self::NoName => "no-name",
            Self::WeakKey(_) => "weak-key",
            Self::Sha1 | Self::Md5 => "weak-signature",
            Self::WrongPurpose => "wrong-purpose",
            Self::NoPurpose => "no-purpose",
            Self::CaAsLeaf => "ca-as-leaf",
            Self::TooLong { .. } => "too-long",
            Self::KeyMismatch => "key-mismatch",
            Self::BadKey => "bad-key",
            Self::KeyExposed => "key-exposed",
            Self::TooMany => "too-many",
            Self::NeedlessRoot => "needless-root",
            Self::Duplicate => "duplicate",
            Self::Unneeded => "unneeded",
            Self::WrongIssuer => "wrong-issuer",
            Self::Refused => "refused",
            Self::OldTls => "old-tls",
            Self::NoTls12 => "no-tls-1.2",
            Self::NoTls13 => "no-tls-1.3",
            Self::OtherForTls12 => "other-for-tls-1.2",
            Self::HandshakeFails => "handshake-fails",
        }
    }

    /// A fault where somebody is or may be locked out, or a rule of TLS is broken; else a warning.
    pub fn severity(self) -> Severity {
        match self {
            Self::EndsSoon
            | Self::KeyExposed
            | Self::NeedlessRoot
            | Self::Duplicate
            | Self::Unneeded
            | Self::WrongIssuer
            | Self::NoTls12
            | Self::NoTls13
            | Self::OtherForTls12 => Severity::Warning,
            _ => Severity::Fault,
        }
    }
}

impl Fault {
    /// As [`Kind::severity`].
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Fault", 5)?;
        fields.serialize_field("kind", self.kind.name())?;
        fields.serialize_field("severity", self.severity().word())?;
        fields.serialize_field("certificates", &self.about)?;
        fields.serialize_field("what", &self.what)?;
        fields.serialize_field("mend", &self.mend)?;
        fields.end()
    }
}
