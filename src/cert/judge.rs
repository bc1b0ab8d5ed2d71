//! What a person is told of a chain: findings with their severity and their mend.
//!
//! Refused is one thing alone, the bare leaf: every browser fetches the missing
//! issuer and every phone does not. All else is served, with a word: port 80 has
//! to stay open for renewals, and an aged list of roots must not take a site down.

use crate::config::finding::{Finding, Place};
use crate::config::model::CertificateFiles;

use super::chain::{Chain, Dropped};
use super::expiry::{self, Urgency};
use super::live::Origin;
use super::member::{Member, Signed};
use super::missing;
use super::roots::Roots;
use super::words::{date, listed, reason};

/// A chain under judgement, and what was found so far.
pub(super) struct Judge<'a> {
    pub(super) files: &'a CertificateFiles,
    pub(super) members: &'a [Member<'a>],
    pub(super) chain: &'a Chain,
    pub(super) roots: &'a Roots,
    pub(super) now: i64,
    pub(super) findings: &'a mut Vec<Finding>,
}

impl Judge<'_> {
    /// All findings on the chain, gravest matter first.
    pub(super) fn all(&mut self) {
        self.reach();
        self.leaf_lifetime();
        self.intermediates_lifetime();
        self.order();
        self.names();
    }

    fn leaf(&self) -> &Member<'_> {
        &self.members[self.chain.path[0]]
    }

    fn file(&self) -> String {
        self.files.chain.display().to_string()
    }

    fn place(&self) -> Place {
        self.files.place.clone()
    }

    fn add(&mut self, finding: Finding, mend: Option<String>) {
        self.findings.push(Finding { mend, ..finding });
    }

    /// Whether a strict client gets from the leaf to a root.
    fn reach(&mut self) {
        if self.files.allow_incomplete_chain && !self.is_bare() {
            let what = format!("allow_incomplete_chain has no effect: {} is no bare leaf", self.file());
            let mend = "take it out, so that a bare leaf is noticed when one comes".to_owned();
            let finding = Finding::warning(self.place(), what);
            self.add(finding, Some(mend));
        }
        let (file, place) = (self.file(), self.place());
        let leaf = self.leaf();
        if leaf.is_self_signed() {
            if !self.roots.include(leaf) {
                let what = format!("{file} is self-signed: no browser and no app takes it unless told to, one by one");
                self.add(Finding::warning(place, what), None);
            }
        } else if self.is_bare() {
            self.bare_leaf();
        } else if let Err(error) = self.chain.strict.clone() {
            self.refused(&error);
        }
    }

    /// One certificate to send, neither self-signed nor signed by a root: a known one, or one that the file appends.
    fn is_bare(&self) -> bool {
        let leaf = self.leaf();
        if leaf.is_self_signed() {
            return false;
        }
        let root_in_file = || self.dropped(Dropped::Root).iter().any(|root| leaf.signed_by(root) == Signed::Yes);
        self.chain.path.len() == 1 && !self.roots.signed(leaf) && !root_in_file()
    }

    fn bare_leaf(&mut self) {
        let (file, place, leaf) = (self.file(), self.place(), self.leaf());
        let what = format!(
            "{file} is a bare leaf: the certificate of its issuer {} is missing; browsers fetch it, Android and iOS would refuse, and so would the Mattermost apps{}",
            leaf.issuer(),
            missing::address_of(leaf),
        );
        let mend = missing::mend(&self.files.chain, leaf, leaf);
        let finding = if self.files.allow_incomplete_chain {
            Finding::warning(place, format!("{what}; served because of allow_incomplete_chain"))
        } else {
            Finding::fatal(place, what)
        };
        self.add(finding, Some(mend));
    }

    /// More than a leaf, and yet a strict client says no.
    fn refused(&mut self, error: &webpki::Error) {
        let (file, place, time) = (self.file(), self.place(), self.chain.time);
        let out_of_time =
            self.chain.path.iter().skip(1).map(|index| &self.members[*index]).find(|member| !member.is_valid_at(time));
        // An issuer that was renewed since the leaf's time ran out: the leaf's own finding says what to do.
        if out_of_time.is_some_and(|member| member.not_before() > time && member.is_valid_at(self.now)) {
            return;
        }
        let top = &self.members[self.chain.path[self.chain.path.len() - 1]];
        let (what, mend) = if let Some(member) = out_of_time {
            let what = if member.not_after() < time {
                format!(
                    "{file}: {} expired on {} and the chain has no other way to a root",
                    member.shown(),
                    date(member.not_after())
                )
            } else {
                format!("{file}: {} is not valid before {}", member.shown(), date(member.not_before()))
            };
            (what, Some("get the chain anew from the CA that issued the certificate".to_owned()))
        } else if matches!(error, webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey) {
            // A private CA made anew keeps its name and not its key.
            let why = if matches!(error, webpki::Error::UnknownIssuer) {
                "which is not among them"
            } else {
                "but the one of that name has another key"
            };
            let what = format!(
                "the chain in {file} reaches none of {}: {} is issued by {}, {why}{}",
                self.roots.called(),
                top.shown(),
                top.issuer(),
                missing::address_of(top),
            );
            let mend = format!(
                "if an intermediate is missing, {}; if a private CA issued it, name its root in trusted_roots; if a public root is newer than this build, all is well",
                missing::mend(&self.files.chain, self.leaf(), top),
            );
            (what, Some(mend))
        } else {
            (format!("a strict client refuses the chain in {file}: {}", reason(error)), None)
        };
        self.add(Finding::fault(place, what), mend);
    }

    /// The leaf's own time.
    fn leaf_lifetime(&mut self) {
        let (file, place, now, leaf) = (self.file(), self.place(), self.now, self.leaf());
        let (from, until) = (leaf.not_before(), leaf.not_after());
        if now < from {
            let what = format!("the certificate in {file} is not valid before {}", date(from));
            let mend = format!("is the clock right? It says {}", date(now));
            self.add(Finding::grave(place, what), Some(mend));
            return;
        }
        let origin = Origin::Files(self.files.chain.clone());
        let Some(notice) = expiry::notice(&origin, &leaf.names().0, (from, until), now) else { return };
        let finding = match notice.urgency {
            Urgency::Quarter => Finding::warning(place, notice.what),
            Urgency::Tenth | Urgency::Over => Finding::grave(place, notice.what),
        };
        self.add(finding, Some(notice.mend));
    }

    /// An intermediate that ends before the leaf takes the leaf along.
    fn intermediates_lifetime(&mut self) {
        let (file, place) = (self.file(), self.place());
        let until = self.leaf().not_after();
        let time = self.chain.time;
        let first =
            self.chain.path.iter().skip(1).map(|index| &self.members[*index]).min_by_key(|member| member.not_after());
        let Some(first) = first.filter(|member| member.not_after() < until && time <= member.not_after()) else {
            return;
        };
        let what = format!("{file}: {} ends on {}, before the leaf does", first.shown(), date(first.not_after()));
        self.add(Finding::warning(place, what), Some("get the chain anew from the CA before that day".to_owned()));
    }

    /// What was put right.
    fn order(&mut self) {
        let file = self.file();
        if self.chain.was_disordered {
            let leaf = self.leaf();
            let what = if leaf.number == 1 {
                format!("{file} is not in order (each issuer after what it signed); it is served in order")
            } else {
                format!(
                    "{file} is not in order: the leaf is certificate {} (line {}); it is served leaf first",
                    leaf.number, leaf.line
                )
            };
            let finding = Finding::warning(self.place(), what);
            self.add(
                finding,
                Some("put the leaf first, then each issuer: other programs take the file as it stands".to_owned()),
            );
        }
        if self.chain.was_astray {
            let what = format!(
                "{file} holds several certificates for one issuer, and first one that leads to no root of {}: OpenSSL and curl try no other; it is served after those that do",
                self.roots.called()
            );
            let mend = "put those that lead to a root before it: other programs take the file as it stands";
            self.add(Finding::warning(self.place(), what), Some(mend.to_owned()));
        }
        let unconnected = match self.chain.strict {
            Err(webpki::Error::UnknownIssuer) => {
                "add the certificate that it signed, if that is missing, else take it out"
            }
            _ => "take it out of the file",
        };
        let kinds = [
            (Dropped::Double, "there twice", "take the second out"),
            (Dropped::Root, "a root, which clients have or do not trust", "take it out of the file"),
            (
                Dropped::NameAlone,
                "named like an issuer in the chain, but with a key that did not sign it",
                "replace it by the issuer of the same name and the right key",
            ),
            (Dropped::SameKey, "for the same key as the leaf, an older issue perhaps", "take it out of the file"),
            (Dropped::Unconnected, "the issuer of nothing in this chain", unconnected),
        ];
        for (kind, why, mend) in kinds {
            let Some(list) = listed(&self.dropped(kind)) else { continue };
            let what = format!("{file}: {list} not sent: {why}");
            self.add(Finding::warning(self.place(), what), Some(mend.to_owned()));
        }
        let expired: Vec<Finding> = self.dropped(Dropped::Expired).iter().map(|member| self.expired(member)).collect();
        self.findings.extend(expired);
    }

    /// A cross-sign whose time is over: some clients stumble over it, and none needs it.
    fn expired(&self, member: &Member<'_>) -> Finding {
        let what = format!(
            "{}: expired member: {}, ended on {}, needed only by a path over {}, which no client that looks at dates takes; not sent",
            self.file(),
            member.shown(),
            date(member.not_after()),
            member.issuer(),
        );
        Finding::warning(self.place(), what).mend("drop it from the file")
    }

    /// What was left out for this reason.
    fn dropped(&self, kind: Dropped) -> Vec<&Member<'_>> {
        let of_kind = self.chain.dropped.iter().filter(|(_, why)| *why == kind);
        of_kind.map(|(index, _)| &self.members[*index]).collect()
    }

    /// The names that the leaf bears.
    fn names(&mut self) {
        let (file, place, leaf) = (self.file(), self.place(), self.leaf());
        let (names, unusable) = leaf.names();
        if names.is_empty() {
            let what = format!(
                "the certificate in {file} bears no host name (subjectAltName); its common name {} counts with no client",
                leaf.subject(),
            );
            self.add(
                Finding::fault(place, what),
                Some("have it issued with the names as subject alternative names".to_owned()),
            );
        } else if !unusable.is_empty() {
            let what = format!("the certificate in {file} bears names that no client can ask for: {unusable:?}");
            self.add(Finding::warning(place, what), None);
        }
    }
}

#[cfg(test)]
mod tests;
