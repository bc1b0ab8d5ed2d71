//! One `[[certificate]]`: from its files to what TLS presents, with every finding on the way.
//!
//! It refuses a key that is not the leaf's, and leaves it to the caller whether
//! files that are not there stop the start.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};

use crate::clock::Clock;
use crate::config::finding::{Finding, Place, Severity};
use crate::config::model::CertificateFiles;
use crate::privilege::exposure;
use crate::route::host::HostPattern;

use super::chain;
use super::judge::Judge;
use super::key::{self, public_key};
use super::member::Member;
use super::pem::{Pem, PemError, PemFault, Placed};
use super::roots::Roots;

/// A certificate ready to be presented.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The chain to send, leaf first, and its key.
    pub key: Arc<CertifiedKey>,
    /// The names that the leaf bears.
    pub names: Vec<HostPattern>,
    /// First second of the leaf's validity, since 1970.
    pub not_before: i64,
    /// Last second of the leaf's validity, since 1970.
    pub not_after: i64,
}

impl Loaded {
    /// First and last second of the leaf's validity, since 1970.
    pub fn validity(&self) -> (i64, i64) {
        (self.not_before, self.not_after)
    }
}

/// Why there is nothing to present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotLoaded {
    /// The chain or the key is not there, and nothing else is wrong.
    Missing,
    /// A fatal finding says why.
    Refused,
}

/// Reads and judges one entry. `when_missing` is the severity of files that are not there: fatal, or a fault where
/// renewals may yet bring them.
pub fn load(
    files: &CertificateFiles,
    clock: Clock,
    when_missing: Severity,
) -> (Result<Loaded, NotLoaded>, Vec<Finding>) {
    let mut findings = Vec::new();
    let outcome = read(files, when_missing, &mut findings).and_then(|source| source.judge(files, clock, &mut findings));
    (outcome, findings)
}

/// The files of one entry, read.
struct Source {
    chain: Pem,
    /// `None` where the chain file holds the key too.
    key: Option<Pem>,
}

fn read(files: &CertificateFiles, when_missing: Severity, findings: &mut Vec<Finding>) -> Result<Source, NotLoaded> {
    let chain = Pem::read(&files.chain);
    let key = files.key.as_deref().map(Pem::read).transpose();
    match (chain, key) {
        (Ok(chain), Ok(key)) => {
            let source = Source { chain, key };
            let exposed = exposure(&source, files);
            let is_refused = exposed.iter().any(|finding| finding.severity == Severity::Fatal);
            findings.extend(exposed);
            if is_refused { Err(NotLoaded::Refused) } else { Ok(source) }
        }
        (chain, key) => {
            let errors = [(&files.place, chain.err()), (&files.key_place, key.err())];
            let errors: Vec<(&Place, PemError)> =
                errors.into_iter().filter_map(|(place, error)| Some((place, error?))).collect();
            let all_missing = errors.iter().all(|(_, error)| error.is_missing());
            for (place, error) in errors {
                let mut finding = said(place, &error);
                if error.is_missing() && when_missing != Severity::Fatal {
                    finding.severity = when_missing;
                    finding.mend = Some(
                        "have it issued through port 80 (acme_webroot); it is taken up as soon as it is there, and until then handshakes for its names fail"
                            .to_owned(),
                    );
                }
                findings.push(finding);
            }
            Err(if all_missing { NotLoaded::Missing } else { NotLoaded::Refused })
        }
    }
}

/// Keys that others can read, in either file.
fn exposure(source: &Source, files: &CertificateFiles) -> Vec<Finding> {
    let of = |path, place| exposure::of(path, "key", place, files.strict_key_permissions);
    let key = files.key.as_deref().and_then(|path| of(path, &files.key_place));
    let chain = source.chain.has_key().then(|| of(&files.chain, &files.place)).flatten();
    key.into_iter().chain(chain).collect()
}

/// A PEM error as a fatal finding.
fn said(place: &Place, error: &PemError) -> Finding {
    Finding { mend: error.mend(), ..Finding::fatal(place.clone(), error.to_string()) }
}

impl Source {
    fn judge(&self, files: &CertificateFiles, clock: Clock, findings: &mut Vec<Finding>) -> Result<Loaded, NotLoaded> {
        let now = i64::try_from(clock.unix_seconds()).unwrap_or(i64::MAX);
        let certificates = self.chain.certificates().map_err(|error| {
            let mut finding = said(&files.place, &error);
            if self.chain.has_key() && self.key.as_ref().is_some_and(|key| key.certificates().is_ok()) {
                finding.mend = Some("`chain` and `key` are swapped: exchange the two".to_owned());
            }
            findings.push(finding);
        });
        let key = self.key(files).map_err(|finding| findings.push(finding));
        let roots = Roots::read(files.trusted_roots.as_deref()).map_err(|error| {
            let what = format!("trusted_roots cannot be used: {error}");
            findings.push(Finding { mend: error.mend(), ..Finding::fatal(files.roots_place.clone(), what) });
        });
        let (Ok(certificates), Ok(key), Ok(roots)) = (certificates, key, roots) else {
            return Err(NotLoaded::Refused);
        };
        let members = members(files, certificates, findings)?;
        let leaf = public_key(&*key).and_then(|bits| chain::leaf(&members, &bits, now));
        let Some(leaf) = leaf else {
            findings.push(self.mismatch(files, &members, &*key));
            return Err(NotLoaded::Refused);
        };
        let chain = chain::arrange(&members, leaf, &roots, now);
        let before = findings.len();
        self.other_key(files, &*key, findings);
        Judge { files, members: &members, chain: &chain, roots: &roots, now, findings }.all();
        if findings[before..].iter().any(|finding| finding.severity == Severity::Fatal) {
            return Err(NotLoaded::Refused);
        }
        let served = chain.served.iter().map(|index| members[*index].der.clone()).collect();
        Ok(Loaded {
            key: Arc::new(CertifiedKey::new(served, key)),
            names: members[leaf].names().0,
            not_before: members[leaf].not_before(),
            not_after: members[leaf].not_after(),
        })
    }

    /// The file that is to hold the key.
    fn key_file(&self) -> &Pem {
        self.key.as_ref().unwrap_or(&self.chain)
    }

    fn key(&self, files: &CertificateFiles) -> Result<Arc<dyn SigningKey>, Finding> {
        let found = self.key_file().private_key().map_err(|error| {
            let mut finding = said(&files.key_place, &error);
            if files.key.is_none() && matches!(error.fault(), PemFault::NoKey { .. }) {
                finding.mend = Some("name the file that holds it: key = \"…\"".to_owned());
            }
            finding
        })?;
        // Checked by `private_key` already; a second failure would be the library's own.
        key::signing(&found).ok_or_else(|| Finding::fatal(files.key_place.clone(), "the private key cannot be used"))
    }

    /// The key within the chain file, where the entry names another file for it.
    fn key_beside_chain(&self) -> Option<PrivateKeyDer<'static>> {
        self.key.as_ref().and_then(|_| self.chain.private_key().ok())
    }

    /// A key in the chain file that is another than the one used: left over, or the right one by mistake.
    fn other_key(&self, files: &CertificateFiles, used: &dyn SigningKey, findings: &mut Vec<Finding>) {
        let Some(other) = self.key_beside_chain().and_then(|other| key::signing(&other)) else { return };
        if public_key(&*other) != public_key(used) {
            let what =
                format!("{} holds a private key too, which is not the one of this certificate", files.chain.display());
            findings.push(Finding::warning(files.place.clone(), what).mend("take it out of the file"));
        }
    }

    fn mismatch(&self, files: &CertificateFiles, members: &[Member<'_>], key: &dyn SigningKey) -> Finding {
        let key_path = files.key.as_ref().unwrap_or(&files.chain).display();
        let chain = files.chain.display();
        let owner = public_key(key).and_then(|bits| members.iter().find(|member| member.public_key() == bits));
        let what = match owner {
            Some(ca) => format!(
                "the private key in {key_path} is that of the CA, {}, and not of the leaf in {chain}",
                ca.shown()
            ),
            None => format!(
                "the private key in {key_path} belongs to no certificate in {chain}, which begins with {}",
                members[0].shown()
            ),
        };
        let fits =
            self.key_beside_chain().and_then(|inside| key::signing(&inside)).and_then(|inside| public_key(&*inside));
        let mend = if fits.is_some_and(|bits| members.iter().any(|member| member.public_key() == bits)) {
            format!("the key within {chain} fits: leave `key` out")
        } else {
            format!(
                "take both from the same issue; these two must print the same: openssl x509 -noout -pubkey -in {chain}; openssl pkey -pubout -in {key_path}"
            )
        };
        Finding::fatal(files.key_place.clone(), what).mend(mend)
    }
}

/// The certificates read; never none.
fn members<'a>(
    files: &CertificateFiles,
    certificates: &'a [Placed<CertificateDer<'static>>],
    findings: &mut Vec<Finding>,
) -> Result<Vec<Member<'a>>, NotLoaded> {
    let mut members = Vec::with_capacity(certificates.len());
    let mut damaged = false;
    for (index, placed) in certificates.iter().enumerate() {
        match Member::read(placed, index + 1) {
            Some(member) => members.push(member),
            None => {
                damaged = true;
                let what = format!(
                    "{}, line {}: certificate {} is no X.509 certificate, or a damaged one",
                    files.chain.display(),
                    placed.line,
                    index + 1,
                );
                let mend = "copy the file anew from where it was issued";
                findings.push(Finding::fatal(files.place.clone(), what).mend(mend));
            }
        }
    }
    if damaged { Err(NotLoaded::Refused) } else { Ok(members) }
}
