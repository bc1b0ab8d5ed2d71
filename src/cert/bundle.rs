//! The right combined PEM, out of files in any order and shape: the leaf, its intermediates in order, no root.
//!
//! What is missing it fetches where it was told to, from the address that the
//! certificate itself names, and checks it (`fetch`). It refuses rather than writes
//! what would lock people out: no leaf or two, a key of another certificate, a
//! chain that reaches no root.

use std::path::{Path, PathBuf};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use super::chain::{self, Chain, Dropped};
use super::doctor::MAX_CERTIFICATES;
use super::fetch::{self, FetchError};
use super::key;
use super::member::{Member, Signed};
use super::missing;
use super::pem::{Pem, PemError, Placed, encode};
use super::roots::Roots;
use super::words::{date, reason};
use crate::secret::Secret;

/// How many missing issuers are fetched one after the other: the longest public chains have three intermediates.
const MAX_HOPS: usize = 4;

/// What was given: all certificates and the key, wherever they stood.
#[derive(Debug)]
pub struct Ingredients {
    certificates: Vec<Ingredient>,
    key: Option<Key>,
}

#[derive(Debug)]
struct Ingredient {
    placed: Placed<CertificateDer<'static>>,
    /// The file, or the address that it was fetched from.
    from: String,
}

#[derive(Debug)]
struct Key {
    key: PrivateKeyDer<'static>,
    public: Vec<u8>,
    from: PathBuf,
}

/// What to write.
#[derive(Debug)]
pub struct Bundle {
    /// The certificates as PEM, the leaf first.
    pub chain: String,
    /// The leaf's key as PEM, where one was given.
    pub key: Option<Secret<String>>,
    /// Each certificate of the chain in words, and where it came from.
    pub parts: Vec<String>,
    /// What was left out or is doubtful, a sentence each.
    pub notes: Vec<String>,
}

/// Why there is nothing to write.
#[derive(Debug, Error)]
pub enum BundleError {
    /// A file is not to be had, or is damaged.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A certificate is damaged.
    #[error("{0}: a certificate in it is no X.509 certificate, or a damaged one")]
    Damaged(String),
    /// Lists of roots by mistake.
    #[error("the files hold {0} certificates; a chain has two to four: is a list of roots among them?")]
    TooMany(usize),
    /// Keys alone, say.
    #[error("the files hold no certificate: name the one that does with --cert")]
    NoCertificate,
    /// Nothing to begin with.
    #[error("none of the certificates is a server's own: all of them are CAs; name the file that holds it with --cert")]
    NoLeaf,
    /// Which is meant?
    #[error(
        "there are certificates for several keys: {0}; name the key of the right one with --key, or leave the others out"
    )]
    SeveralLeaves(String),
    /// Which is meant?
    #[error("{one} and {other} hold two different private keys; name the right one with --key")]
    TwoKeys {
        /// The first.
        one: PathBuf,
        /// The second.
        other: PathBuf,
    },
    /// A key of something else.
    #[error("the private key in {0} belongs to none of the certificates: take both from the same issue")]
    KeyMismatch(PathBuf),
    /// An issuer's key.
    #[error("the private key in {key} is that of {ca}, a CA, and not a server's")]
    KeyOfCa {
        /// The key's file.
        key: PathBuf,
        /// The CA.
        ca: String,
    },
    /// Not whole, and not told to fetch, or fetching failed.
    #[error(
        "the chain is not whole: the certificate of {issuer} is missing, the issuer of {child}{}{}",
        .address,
        how(.tried.as_deref())
    )]
    Incomplete {
        /// Who is missing.
        issuer: String,
        /// Whose issuer.
        child: String,
        /// `; it can be had at …`, or nothing.
        address: String,
        /// What came of fetching.
        tried: Option<Box<FetchError>>,
    },
    /// Whole, and yet refused.
    #[error("strict clients would refuse the chain: {0}; get it anew from the CA that issued the certificate")]
    Unusable(String),
}

fn how(tried: Option<&FetchError>) -> String {
    match tried {
        Some(error) => format!("; fetching it failed: {error}"),
        None => "; add it with --chain, or have it fetched with --fetch; if a private CA's root issued it, name that with --roots".to_owned(),
    }
}

impl Ingredients {
    /// Reads all files; certificates and keys are taken wherever they stand. A key named by itself wins over others.
    ///
    /// # Errors
    /// Where a file is not to be had or damaged, or where two keys are there and none is named.
    pub fn read(files: &[PathBuf], key: Option<&Path>) -> Result<Self, BundleError> {
        let mut certificates = Vec::new();
        let mut found: Option<Key> = None;
        for path in files {
            let pem = Pem::read_any(path)?;
            // A file that holds a key alone is as good here as any other.
            if !pem.has_key() || pem.certificates().is_ok() {
                let placed = pem.certificates()?.iter();
                certificates.extend(placed.map(|one| Ingredient {
                    placed: Placed { item: one.item.clone(), line: one.line },
                    from: path.display().to_string(),
                }));
            }
            if key.is_some() || !pem.has_key() {
                continue;
            }
            let here = Key::of(&pem, path)?;
            match &found {
                Some(other) if other.public != here.public => {
                    return Err(BundleError::TwoKeys { one: other.from.clone(), other: here.from });
                }
                Some(_) => {}
                None => found = Some(here),
            }
        }
        if let Some(path) = key {
            found = Some(Key::of(&Pem::read(path)?, path)?);
        }
        if certificates.is_empty() {
            return Err(BundleError::NoCertificate);
        }
        if certificates.len() > MAX_CERTIFICATES {
            return Err(BundleError::TooMany(certificates.len()));
        }
        Ok(Self { certificates, key: found })
    }

    /// Puts the chain together, and with `fetch` fetches what it lacks. `now` in seconds since 1970.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub async fn bundle(mut self, roots: &Roots, fetch: bool, now: i64) -> Result<Bundle, BundleError> {
        let mut hops = 0;
        loop {
            let issuer = {
                let members = self.members()?;
                let chain = chain::arrange(&members, self.leaf(&members, now)?, roots, now);
                let Some(top) = missing_above(&members, &chain, roots)? else {
                    return Ok(self.rendered(&members, &chain, roots, now));
                };
                let incomplete = |tried| BundleError::Incomplete {
                    issuer: top.issuer(),
                    child: top.subject(),
                    address: missing::address_of(top),
                    tried,
                };
                if !fetch || hops == MAX_HOPS {
                    return Err(incomplete(None));
                }
                fetch::issuer_of(top, now).await.map_err(|error| incomplete(Some(Box::new(error))))?
            };
            hops += 1;
            let (certificate, from) = issuer;
            self.certificates.push(Ingredient { placed: Placed { item: certificate, line: 0 }, from });
        }
    }

    fn members(&self) -> Result<Vec<Member<'_>>, BundleError> {
        let numbered = self.certificates.iter().zip(1..);
        numbered
            .map(|(one, number)| {
                Member::read(&one.placed, number).ok_or_else(|| BundleError::Damaged(one.from.clone()))
            })
            .collect()
    }

    /// Which one is the server's own: by the key, where there is one, else the only one that is no CA.
    fn leaf(&self, members: &[Member<'_>], now: i64) -> Result<usize, BundleError> {
        if let Some(key) = &self.key {
            return chain::leaf(members, &key.public, now).ok_or_else(|| {
                match members.iter().find(|member| member.public_key() == key.public.as_slice()) {
                    Some(ca) => BundleError::KeyOfCa { key: key.from.clone(), ca: ca.subject() },
                    None => BundleError::KeyMismatch(key.from.clone()),
                }
            });
        }
        let own: Vec<&Member<'_>> = members.iter().filter(|member| !member.is_ca()).collect();
        let Some(first) = own.first() else { return Err(BundleError::NoLeaf) };
        if own.iter().any(|member| member.public_key() != first.public_key()) {
            let shown: Vec<String> =
                own.iter().take(4).map(|member| format!("{} ({})", member.subject(), self.from(member))).collect();
            return Err(BundleError::SeveralLeaves(shown.join(", ")));
        }
        chain::leaf(members, first.public_key(), now).ok_or(BundleError::NoLeaf)
    }

    fn from(&self, member: &Member<'_>) -> &str {
        &self.certificates[member.number - 1].from
    }

    fn rendered(&self, members: &[Member<'_>], chain: &Chain, roots: &Roots, now: i64) -> Bundle {
        let served = || chain.served.iter().map(|index| &members[*index]);
        let part = |member: &Member<'_>| {
            format!("{}, until {}, from {}", member.subject(), date(member.not_after()), self.from(member))
        };
        Bundle {
            chain: served().map(|member| encode::block("CERTIFICATE", member.der)).collect(),
            key: self.key.as_ref().map(|key| Secret::new(encode::private_key(&key.key))),
            parts: served().map(part).collect(),
            notes: self.notes(members, chain, roots, now),
        }
    }

    fn notes(&self, members: &[Member<'_>], chain: &Chain, roots: &Roots, now: i64) -> Vec<String> {
        let leaf = &members[chain.path[0]];
        let mut notes = Vec::new();
        if leaf.not_after() < now {
            notes.push(format!("the certificate expired on {}: renew it", date(leaf.not_after())));
        } else if now < leaf.not_before() {
            notes.push(format!("the certificate is not valid before {}", date(leaf.not_before())));
        }
        if leaf.is_self_signed() && !roots.include(leaf) {
            notes.push("the certificate is self-signed: no browser and no app takes it unless told to".to_owned());
        } else if let (Err(_), Some(root)) = (&chain.strict, own_root(members, chain)) {
            let subject = root.subject();
            notes.push(format!(
                "the chain ends in {subject}, which is not among the roots asked: clients must have it installed"
            ));
        }
        for (index, why) in &chain.dropped {
            let member = &members[*index];
            let why = match why {
                // The same certificate in two files is what people have, and no news.
                Dropped::Double => continue,
                Dropped::Root => "a root, which clients have or do not trust",
                Dropped::Expired => "expired, and needed by no client",
                Dropped::NameAlone => "named like an issuer, but with a key that did not sign",
                Dropped::SameKey => "an older issue for the same key",
                Dropped::Unconnected => "the issuer of nothing in this chain",
            };
            notes.push(format!("left out: {} ({}): {why}", member.subject(), self.from(member)));
        }
        notes
    }
}

/// The topmost certificate, where its issuer is missing; `None` where the chain is whole.
fn missing_above<'m, 'a>(
    members: &'m [Member<'a>],
    chain: &Chain,
    roots: &Roots,
) -> Result<Option<&'m Member<'a>>, BundleError> {
    let Err(error) = &chain.strict else { return Ok(None) };
    let path = || chain.path.iter().map(|index| &members[*index]);
    let Some(top) = path().next_back().filter(|top| !top.is_self_signed()) else { return Ok(None) };
    let outside = path().skip(1).find(|member| !member.is_valid_at(chain.time));
    if let Some(member) = outside {
        let (from, until) = (date(member.not_before()), date(member.not_after()));
        return Err(BundleError::Unusable(format!("{} is valid from {from} to {until}", member.subject())));
    }
    if own_root(members, chain).is_some() {
        return Ok(None);
    }
    if roots.signed(top) { Err(BundleError::Unusable(reason(error))) } else { Ok(Some(top)) }
}

/// A root among what was given that signed the topmost certificate: a private CA's, say.
fn own_root<'m, 'a>(members: &'m [Member<'a>], chain: &Chain) -> Option<&'m Member<'a>> {
    let top = &members[*chain.path.last()?];
    let roots = chain.dropped.iter().filter(|(_, why)| *why == Dropped::Root).map(|(index, _)| &members[*index]);
    roots.into_iter().find(|root| top.signed_by(root) == Signed::Yes)
}

impl Key {
    fn of(pem: &Pem, path: &Path) -> Result<Self, BundleError> {
        let key = pem.private_key()?;
        // `private_key` has tried it already; a second failure would be the library's own.
        let public = key::signing(&key).and_then(|key| key::public_key(&*key));
        let public = public.ok_or_else(|| BundleError::KeyMismatch(path.to_owned()))?;
        Ok(Self { key, public, from: path.to_owned() })
    }
}
