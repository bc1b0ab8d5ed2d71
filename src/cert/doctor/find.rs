//! Finds what is wrong with a chain, and says what mends it: here the key, the order and what is sent needlessly, in
//! `leaf` the server's own certificate, in `reach` the way to a root.
//!
//! The one place that makes words for people of it. It asks nobody and fetches
//! nothing; who minds a fault is `family`'s part.

mod leaf;
mod reach;

use crate::cert::chain::{Chain, Dropped};
use crate::cert::member::Member;
use crate::cert::roots::Roots;
use crate::cert::walk;
use crate::cert::words::{date, quoted};

use super::fault::{Fault, Kind};
use super::{Proof, Question, Source};

/// More than these, and some client refuses: ten certificates (JSSE, `jdk.tls.maxCertificateChainLength`)…
const MAX_NUMBER: usize = 10;
/// … in 32 KiB (JSSE, `jdk.tls.maxHandshakeMessageSize`).
const MAX_BYTES: usize = 32 * 1024;

/// A chain, and what was found so far.
pub(super) struct Finder<'a> {
    pub(super) members: &'a [Member<'a>],
    pub(super) chain: &'a Chain,
    pub(super) question: &'a Question<'a>,
    pub(super) faults: Vec<Fault>,
}

impl Finder<'_> {
    /// All faults, those that lock people out first.
    pub(super) fn all(mut self) -> Vec<Fault> {
        self.proof();
        self.first();
        self.names();
        self.reach();
        self.lifetime();
        self.strength();
        self.purpose();
        self.company();
        self.faults.sort_by_key(|fault| std::cmp::Reverse(fault.severity()));
        self.faults
    }

    fn roots(&self) -> &Roots {
        self.question.roots
    }

    fn leaf(&self) -> &Member<'_> {
        &self.members[self.chain.path[0]]
    }

    /// The leaf and its issuers, as far as what is presented leads.
    fn path(&self) -> impl Iterator<Item = &Member<'_>> {
        self.chain.path.iter().map(|index| &self.members[*index])
    }

    fn top(&self) -> &Member<'_> {
        &self.members[self.chain.path[self.chain.path.len() - 1]]
    }

    fn dropped(&self, why: Dropped) -> Vec<&Member<'_>> {
        let of_kind = self.chain.dropped.iter().filter(|(_, dropped)| *dropped == why);
        of_kind.map(|(index, _)| &self.members[*index]).collect()
    }

    fn add(&mut self, kind: Kind, about: Vec<usize>, what: String, mend: impl Into<Option<String>>) {
        self.faults.push(Fault { kind, about, what, mend: mend.into() });
    }

    /// `gatepost cert bundle …` for what was examined, with these arguments at its end.
    fn bundle(&self, more: &str) -> String {
        let (place, cert) = match self.question.source {
            Source::File(path) => ("", quoted(path)),
            Source::Host => ("on the server: ", "ITS-FILE".to_owned()),
        };
        let roots = self.question.roots_file.map(|path| format!(" --roots {}", quoted(path))).unwrap_or_default();
        format!("{place}gatepost cert bundle combined.pem --cert {cert}{more}{roots}")
    }

    /// Whether the private key is the leaf's.
    fn proof(&mut self) {
        let leaf = self.leaf();
        match &self.question.proof {
            Proof::Unknown | Proof::Shown => {}
            Proof::Key(bits) => {
                if bits.as_slice() == leaf.public_key() {
                    return;
                }
                let owner = self.members.iter().find(|member| member.public_key() == bits.as_slice());
                let what = match owner {
                    Some(owner) => {
                        format!("the private key in the file is that of {}, and not the leaf's", named(owner))
                    }
                    None => "the private key in the file belongs to none of its certificates".to_owned(),
                };
                let mend = "take key and certificate from the same issue";
                self.add(Kind::KeyMismatch, vec![leaf.number], what, mend.to_owned());
            }
            Proof::Failed => {
                let what = "the server's signature in the handshake does not fit the first certificate".to_owned();
                let mend =
                    "its key file and its chain file are of different certificates: take both from the same issue";
                self.add(Kind::KeyMismatch, vec![1], what, mend.to_owned());
            }
        }
    }

    /// Whether the leaf comes first, and the others in order.
    fn first(&mut self) {
        let leaf = self.leaf();
        if leaf.number != 1 {
            let what = format!(
                "{} comes first; the server's own is certificate {}; most servers do not even load such a file, or present the wrong one",
                named(&self.members[0]),
                leaf.number,
            );
            let mend = self.bundle("");
            self.add(Kind::LeafNotFirst, vec![1, leaf.number], what, mend);
        } else if self.chain.was_disordered {
            let what = "the issuers are not in order: each must come after what it signed (RFC 5246 section 7.4.2)";
            let about = self.chain.served.iter().map(|index| self.members[*index].number).collect();
            let mend = self.bundle("");
            self.add(Kind::WrongOrder, about, what.to_owned(), mend);
        }
        self.astray();
    }

    /// Whether OpenSSL gets to a root, over all that is sent and in its order.
    fn astray(&mut self) {
        let leaf = self.leaf();
        let order: Vec<usize> = (0..self.members.len()).collect();
        let is_another_fault = leaf.number != 1 || leaf.is_self_signed() || self.chain.strict.is_err();
        if is_another_fault || walk::reaches_root(self.members, &order, self.roots(), self.chain.time) {
            return;
        }
        let what = "of several certificates for one issuer, the first leads to no root; OpenSSL and curl try no other";
        let mend = self.bundle("");
        self.add(Kind::LedAstray, Vec::new(), what.to_owned(), mend);
    }

    /// What is presented beside the way to a root.
    fn company(&mut self) {
        let number = self.members.len();
        let bytes: usize = self.members.iter().map(|member| member.der.len()).sum();
        if number > MAX_NUMBER || bytes > MAX_BYTES {
            let what =
                format!("{number} certificates in {} KiB: Java takes ten in 32 KiB at most", bytes.div_ceil(1024));
            let mend = self.bundle("");
            self.add(Kind::TooMany, Vec::new(), what, mend);
        }
        let kinds = [
            (
                Dropped::Root,
                Kind::NeedlessRoot,
                "a root: clients have it or do not trust it, and it costs every handshake",
            ),
            (Dropped::Double, Kind::Duplicate, "there already"),
            (
                Dropped::NameAlone,
                Kind::WrongIssuer,
                "named like an issuer in the chain, but with a key that did not sign it",
            ),
            (Dropped::SameKey, Kind::Unneeded, "for the same key as the leaf, an older issue perhaps"),
            (Dropped::Unconnected, Kind::Unneeded, "the issuer of nothing in this chain"),
        ];
        for (dropped, kind, why) in kinds {
            let found = self.dropped(dropped);
            if found.is_empty() {
                continue;
            }
            let about: Vec<usize> = found.iter().map(|member| member.number).collect();
            let what = match found.as_slice() {
                [one] => format!("{} is {why}", named(one)),
                many => format!("{} certificates are each {why}", many.len()),
            };
            let mend = format!("take it out: {}", self.bundle(""));
            self.add(kind, about, what, mend);
        }
        let expired: Vec<(usize, String)> = self
            .dropped(Dropped::Expired)
            .into_iter()
            .map(|member| {
                let what = format!(
                    "expired member: {} ended on {}, and is needed only by a path over {}, which no client that looks at dates takes",
                    named(member),
                    date(member.not_after()),
                    member.issuer(),
                );
                (member.number, what)
            })
            .collect();
        for (number, what) in expired {
            let mend = format!("drop it: {}", self.bundle(""));
            self.add(Kind::ExpiredCrossSign, vec![number], what, mend);
        }
    }
}

/// How a person finds it in what is shown: `certificate 2, "R11",`.
fn named(member: &Member<'_>) -> String {
    format!("certificate {} ({})", member.number, member.subject())
}
