//! The way from the leaf to a root, for a client that fetches nothing: what breaks it off.

use crate::cert::chain::Dropped;
use crate::cert::doctor::Source;
use crate::cert::doctor::fault::Kind;
use crate::cert::doctor::strength::{Key, Signature};
use crate::cert::member::Signed;
use crate::cert::missing;
use crate::cert::words::{date, quoted, reason};

use super::{Finder, named};

impl Finder<'_> {
    /// Whether a client that fetches nothing gets from the leaf to a root.
    pub(super) fn reach(&mut self) {
        let leaf = self.leaf();
        if leaf.is_self_signed() {
            let trusted = self.roots().include(leaf);
            let what = match trusted {
                true => format!("the certificate is self-signed, and among {}", self.question.roots_called()),
                false => "the certificate is self-signed: no browser and no app takes it unless told to, one by one"
                    .to_owned(),
            };
            let mend = "have it issued by a CA: Let's Encrypt does so for nothing".to_owned();
            let number = leaf.number;
            self.add(Kind::SelfSigned { trusted }, vec![number], what, mend);
            return;
        }
        let Err(error) = self.chain.strict.clone() else { return };
        let before = self.faults.len();
        self.out_of_time();
        if !self.roots().signed(self.top()) {
            self.no_root();
        } else if self.faults.len() == before && !self.is_weak() {
            self.refused(&error);
        }
    }

    /// Issuers on the way whose time is not now.
    fn out_of_time(&mut self) {
        let time = self.chain.time;
        let outside: Vec<(Kind, usize, String)> = self
            .path()
            .skip(1)
            .filter(|member| !member.is_valid_at(time))
            .map(|member| {
                let (kind, what) = if member.not_after() < time {
                    let what = format!(
                        "{} expired on {}, and the chain has no other way to a root",
                        named(member),
                        date(member.not_after())
                    );
                    (Kind::ExpiredIntermediate, what)
                } else {
                    (Kind::NotYetValid, format!("{} is not valid before {}", named(member), date(member.not_before())))
                };
                (kind, member.number, what)
            })
            .collect();
        for (kind, number, what) in outside {
            self.add(kind, vec![number], what, "get the chain anew from the CA that issued the certificate".to_owned());
        }
    }

    /// The topmost issuer is signed by nobody who is presented or among the roots.
    fn no_root(&mut self) {
        let top = self.top();
        let (number, called) = (top.number, self.question.roots_called());
        if let Some(root) = self.dropped(Dropped::Root).into_iter().find(|root| top.signed_by(root) == Signed::Yes) {
            let what = format!("the chain ends in {}, which is not among {called}", named(root));
            let about = vec![number, root.number];
            self.add(Kind::UnknownRoot, about, what, self.private_ca());
            return;
        }
        if self.roots().have_name_of_issuer(top) {
            let what = format!(
                "{} is issued by {}; the one of that name in {called} has another key",
                named(top),
                top.issuer()
            );
            self.add(Kind::UnknownRoot, vec![number], what, self.private_ca());
            return;
        }
        let is_bare = self.chain.path.len() == 1;
        if !is_bare && top.issuer_address().is_none() {
            let what =
                format!("{} is issued by {}, which is neither sent nor among {called}", named(top), top.issuer());
            self.add(Kind::UnknownRoot, vec![number], what, self.private_ca());
            return;
        }
        let fetchable = top.issuer_addresses().any(|address| address.starts_with("http://"));
        let what = format!(
            "the certificate of {} is missing, the issuer of {}{}",
            top.issuer(),
            named(top),
            missing::address_of(top),
        );
        let mend = self.missing(fetchable);
        let public = !self.roots().private;
        self.add(Kind::MissingIntermediate { fetchable, public }, vec![number], what, mend);
    }

    fn missing(&self, fetchable: bool) -> String {
        if let Source::File(path) = self.question.source
            && let Some((sibling, is_whole)) = missing::sibling_with_issuer(path, self.leaf(), self.top())
        {
            return match is_whole {
                true => format!("{} beside it holds both: serve that one", sibling.display()),
                false => self.bundle(&format!(" --chain {}", quoted(&sibling))),
            };
        }
        match fetchable {
            true => self.bundle(" --fetch"),
            false => self.bundle(" --chain THE-ISSUER'S-FILE, which the CA hands out"),
        }
    }

    fn private_ca(&self) -> String {
        match self.roots().private {
            false => "if it is a private CA's, judge it by its root: --roots FILE; every client must have that root installed",
            true => "is it the right list of roots? Clients need the root that the chain ends in",
        }
        .to_owned()
    }

    /// Whether a weak key or signature on the way explains a strict client's no; `strength` says it.
    fn is_weak(&self) -> bool {
        self.path().any(|member| {
            Key::of(member.x509().public_key()).weakness(member.number == self.leaf().number).is_some()
                || !matches!(Signature::of(member.x509()), Signature::Strong(_))
        })
    }

    fn refused(&mut self, error: &webpki::Error) {
        let number = self.leaf().number;
        match error {
            webpki::Error::CaUsedAsEndEntity => {
                let what =
                    "the leaf is marked as a CA: rustls and Firefox take none as a server's certificate".to_owned();
                let mend = "have a certificate issued for the server, with CA:FALSE".to_owned();
                self.add(Kind::CaAsLeaf, vec![number], what, mend);
            }
            // `purpose` says it.
            webpki::Error::RequiredEkuNotFoundContext(_) => {}
            other => {
                let what = format!("a strict client refuses the chain: {}", reason(other));
                let mend = "get the chain anew from the CA that issued the certificate".to_owned();
                self.add(Kind::Refused, Vec::new(), what, mend);
            }
        }
    }
}
