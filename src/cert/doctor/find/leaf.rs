//! The server's own certificate: names, time and purpose; and the strength of all on the way.

use x509_parser::oid_registry::OID_X509_COMMON_NAME;

use crate::cert::doctor::fault::Kind;
use crate::cert::doctor::strength::{Key, Signature};
use crate::cert::expiry::{Urgency, urgency};
use crate::cert::member::Member;
use crate::cert::words::{DAY, date, span};
use crate::route::host::Host;

use super::{Finder, named};

/// 2019-07-01T00:00:00Z: leaves from then on are held to 825 days and to say serverAuth (support.apple.com/103769).
const APPLE_825: i64 = 1_561_939_200;
/// 2020-09-01T00:00:00Z: leaves of public CAs from then on are held to 398 days (support.apple.com/102028).
const PUBLIC_398: i64 = 1_598_918_400;

impl Finder<'_> {
    /// Whether the leaf bears a name, and the one asked for.
    pub(super) fn names(&mut self) {
        let leaf = self.leaf();
        let (names, _) = leaf.names();
        if names.is_empty() {
            let what = format!(
                "the certificate bears no subject alternative name; its common name {} counts with no browser",
                leaf.subject(),
            );
            let mend = "have it issued with the host names as subject alternative names".to_owned();
            let number = leaf.number;
            // Those that still read the common name refuse as well where that is another one.
            let other = self.question.name.as_ref().is_some_and(|name| common_name(leaf) != Some(name.as_str()));
            self.add(Kind::NoName, vec![number], what, mend);
            if !other {
                return;
            }
        }
        let Some(name) = &self.question.name else { return };
        if names.iter().any(|one| one.takes(name)) {
            return;
        }
        let number = self.leaf().number;
        let what = match names.len() {
            0 => format!("the certificate is not for {name}"),
            _ => {
                let shown: Vec<String> = names.iter().take(5).map(ToString::to_string).collect();
                let more = if names.len() > 5 { format!(" and {} more", names.len() - 5) } else { String::new() };
                format!("the certificate is not for {name}: it bears {}{more}", shown.join(", "))
            }
        };
        self.add(Kind::NameNotCovered, vec![number], what, name_mend(name));
    }

    /// The leaf's time, and issuers that end before it.
    pub(super) fn lifetime(&mut self) {
        let (now, leaf) = (self.question.now, self.leaf());
        let (from, until, number) = (leaf.not_before(), leaf.not_after(), leaf.number);
        let ends = |part: &str| {
            let (left, whole) = (span(until - now), span(until - from));
            format!("the certificate ends on {}: {left} left, less than a {part} of its {whole}", date(until))
        };
        let found = match urgency(from, until, now) {
            Some(Urgency::Over) => {
                let what = format!("the certificate expired on {}, {} ago", date(until), span(now - until));
                Some((Kind::ExpiredLeaf, what, "renew it, for example: certbot renew".to_owned()))
            }
            _ if now < from => {
                let what = format!("the certificate is not valid before {}", date(from));
                Some((Kind::NotYetValid, what, format!("is the clock right? It says {}", date(now))))
            }
            Some(Urgency::Tenth) => {
                Some((Kind::EndsVerySoon, ends("tenth"), "renew it, for example: certbot renew".to_owned()))
            }
            Some(Urgency::Quarter) => {
                let mend = "see whether renewals run, for example: certbot renew --dry-run".to_owned();
                Some((Kind::EndsSoon, ends("quarter"), mend))
            }
            None => None,
        };
        if let Some((kind, what, mend)) = found {
            self.add(kind, vec![number], what, mend);
        }
        let time = self.chain.time;
        let first = self.path().skip(1).min_by_key(|member| member.not_after());
        if let Some(first) = first.filter(|member| member.not_after() < until && time <= member.not_after()) {
            let (number, what) =
                (first.number, format!("{} ends on {}, before the leaf does", named(first), date(first.not_after())));
            self.add(Kind::EndsSoon, vec![number], what, "get the chain anew from the CA before that day".to_owned());
        }
        let lifetime = until - from;
        let private_too = from >= APPLE_825 && lifetime > 825 * DAY;
        let public_only = from >= PUBLIC_398 && lifetime > 398 * DAY && !self.roots().private;
        if private_too || public_only {
            let limit = if private_too { 825 } else { 398 };
            let what =
                format!("the certificate is valid for {}, more than the {limit} days that Apple takes", span(lifetime));
            self.add(Kind::TooLong { private_too }, vec![number], what, "have it issued for less".to_owned());
        }
    }

    /// Keys and signatures on the way.
    pub(super) fn strength(&mut self) {
        let mut found = Vec::new();
        for member in self.path() {
            let key = Key::of(member.x509().public_key());
            if let Some(weakness) = key.weakness(member.number == self.leaf().number) {
                let what =
                    format!("the key of {} is {key}: too short, or of a kind that few clients take", named(member));
                let mend = "have it issued for a new key: RSA with 2048 bits or more, or EC P-256";
                found.push((Kind::WeakKey(weakness), member.number, what, mend));
            }
            let signature = Signature::of(member.x509());
            let kind = match &signature {
                // A signature of one's own upon oneself proves nothing, and nobody looks at it.
                _ if member.is_self_signed() => continue,
                Signature::Strong(_) => continue,
                Signature::Sha1(_) => Kind::Sha1,
                Signature::Md(_) => Kind::Md5,
            };
            let what = format!("{} is signed by {signature}, which can be forged", named(member));
            found.push((kind, member.number, what, "have it issued anew with SHA-256"));
        }
        for (kind, number, what, mend) in found {
            self.add(kind, vec![number], what, mend.to_owned());
        }
    }

    /// What the leaf says that it is for (RFC 5280 section 4.2.1.12).
    pub(super) fn purpose(&mut self) {
        let leaf = self.leaf();
        let (number, from) = (leaf.number, leaf.not_before());
        let mend = || "have it issued with the extended key usage serverAuth".to_owned();
        match leaf.x509().extended_key_usage() {
            Ok(Some(usage)) if usage.value.server_auth || usage.value.any => {}
            Ok(Some(_)) => {
                let what = "the certificate is for other uses than servers (no serverAuth)".to_owned();
                self.add(Kind::WrongPurpose, vec![number], what, mend());
            }
            Ok(None) if from >= APPLE_825 => {
                let what = "the certificate does not say that it is for servers (serverAuth)".to_owned();
                self.add(Kind::NoPurpose, vec![number], what, mend());
            }
            Ok(None) => {}
            Err(_) => {
                let what = "the certificate's extended key usage is damaged or there twice".to_owned();
                self.add(Kind::Refused, vec![number], what, mend());
            }
        }
    }
}

fn common_name<'a>(member: &'a Member<'_>) -> Option<&'a str> {
    let subject = member.x509().subject();
    subject.iter_by_oid(&OID_X509_COMMON_NAME).next().and_then(|name| name.as_str().ok())
}

fn name_mend(name: &Host) -> String {
    match name.is_address() {
        true => {
            "ask by the name that the certificate bears: --name NAME; or have one issued for the address".to_owned()
        }
        false => format!("have it issued for {name} too, or ask for a name that it bears"),
    }
}
