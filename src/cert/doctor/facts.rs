//! What one certificate says, and what part it has in the chain.
//!
//! Facts alone, owned and ready to show; whether they are good `find` says.

use serde::Serialize;
use serde::ser::Serializer;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cert::chain::{Chain, Dropped};
use crate::cert::member::{Member, Signed};
use crate::cert::roots::Roots;
use crate::cert::words::{DAY, day};

use super::strength::{Key, Signature};

/// One certificate as presented.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// Which one, from 1, in the order of the file or of the handshake.
    pub number: usize,
    /// Line of its BEGIN in the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Its part in the chain.
    pub role: Role,
    /// Whom it is for, as it stands there: not fit for a terminal without escaping.
    pub subject: String,
    /// Who issued it, likewise.
    pub issuer: String,
    /// Its public key.
    pub key: Key,
    /// How it was signed.
    pub signature: Signature,
    /// The host names and addresses that it bears.
    pub names: Vec<String>,
    /// First second of its validity, since 1970; in JSON by RFC 3339.
    #[serde(serialize_with = "moment")]
    pub not_before: i64,
    /// Last second of its validity, since 1970; in JSON by RFC 3339.
    #[serde(serialize_with = "moment")]
    pub not_after: i64,
    /// Whole days left; negative once it has expired.
    pub days_left: i64,
    /// SHA-256 of the whole certificate, in hexadecimal.
    pub sha256: String,
    /// Where it says that its issuer's certificate can be had.
    pub issuer_addresses: Vec<String>,
    /// Numbers of the presented certificates that signed it, itself left out.
    pub signed_by: Vec<usize>,
    /// Whether one of the roots signed it, or is it.
    pub reaches_root: bool,
}

/// The part that a certificate has in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The server's own.
    Leaf,
    /// On the way from the leaf to a root.
    Intermediate,
    /// Another issuer of something on the way.
    CrossSign,
    /// Self-signed, and no leaf.
    Root,
    /// There already.
    Duplicate,
    /// A cross-sign whose time is over, on no way that is needed.
    ExpiredCrossSign,
    /// It has the name of an issuer in the chain, yet another key.
    WrongIssuer,
    /// Another certificate for the leaf's key.
    OlderLeaf,
    /// It signs nothing here.
    Unneeded,
}

impl Role {
    fn of(index: usize, chain: &Chain) -> Self {
        let dropped = chain.dropped.iter().find(|(dropped, _)| *dropped == index);
        match dropped.map(|(_, why)| why) {
            Some(Dropped::Double) => Self::Duplicate,
            Some(Dropped::Root) => Self::Root,
            Some(Dropped::Expired) => Self::ExpiredCrossSign,
            Some(Dropped::NameAlone) => Self::WrongIssuer,
            Some(Dropped::SameKey) => Self::OlderLeaf,
            Some(Dropped::Unconnected) => Self::Unneeded,
            None if chain.path.first() == Some(&index) => Self::Leaf,
            None if chain.path.contains(&index) => Self::Intermediate,
            None => Self::CrossSign,
        }
    }
}

impl Facts {
    pub(super) fn of(index: usize, members: &[Member<'_>], chain: &Chain, roots: &Roots, now: i64) -> Self {
        let member = &members[index];
        let signed_by = members.iter().enumerate().filter(|(other, issuer)| {
            let is_double = members[..*other].iter().any(|earlier| earlier.der == issuer.der);
            *other != index && !is_double && issuer.der != member.der && member.signed_by(issuer) == Signed::Yes
        });
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, member.der);
        Self {
            number: member.number,
            line: (member.line > 0).then_some(member.line),
            role: Role::of(index, chain),
            subject: member.subject_text(),
            issuer: member.issuer_text(),
            key: Key::of(member.x509().public_key()),
            signature: Signature::of(member.x509()),
            names: member.names().0.iter().map(ToString::to_string).collect(),
            not_before: member.not_before(),
            not_after: member.not_after(),
            days_left: (member.not_after() - now).div_euclid(DAY),
            sha256: digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
            issuer_addresses: member.issuer_addresses().map(str::to_owned).collect(),
            signed_by: signed_by.map(|(_, issuer)| issuer.number).collect(),
            reaches_root: roots.signed(member) || roots.include(member),
        }
    }
}

impl Facts {
    /// `2026-08-25 to 2026-11-23, 17 days left`.
    pub fn validity(&self) -> String {
        let left = match self.days_left {
            past if past < 0 => "expired".to_owned(),
            0 => "less than a day left".to_owned(),
            1 => "1 day left".to_owned(),
            days => format!("{days} days left"),
        };
        format!("{} to {}, {left}", day(self.not_before), day(self.not_after))
    }
}

fn moment<S: Serializer>(seconds: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let text = OffsetDateTime::from_unix_timestamp(*seconds).ok().and_then(|time| time.format(&Rfc3339).ok());
    text.serialize(serializer)
}
