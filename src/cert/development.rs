//! A development CA: a root, an intermediate below it, and a leaf, for `gatepost demo` and for tests.
//!
//! It makes what a real CA hands out (a leaf of 90 days with a chain), so that what
//! works with it works with the real one. It refuses to be more: one key type, no
//! revocation, and a root that nobody but its maker should trust.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use time::{Duration, OffsetDateTime};

use crate::clock::Clock;
use crate::config::finding::{Place, Severity};
use crate::config::model::CertificateFiles;
use crate::route::host::HostPattern;
use crate::secret::Secret;

use super::load;
use super::member::Member;
use super::pem::{self, Placed};

/// As Let's Encrypt's.
const LEAF_DAYS: i64 = 90;
/// People install the root by hand: not every year.
const CA_DAYS: i64 = 3650;
/// Clocks of phones and virtual machines lag; nothing is valid from this very second on.
const BACKDATED: Duration = Duration::hours(1);

/// Why there is no development certificate.
#[derive(Debug, Error)]
pub enum DevelopmentError {
    /// Key or certificate could not be made.
    #[error("a development certificate could not be made")]
    Make(#[from] rcgen::Error),
    /// A file could not be written.
    #[error("{path} could not be written")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A development root with its key.
pub struct Root {
    key: KeyPair,
    pem: String,
}

/// What a root issued.
#[derive(Debug, Clone)]
pub struct Issued {
    /// PEM: leaf, then intermediate.
    pub chain: String,
    /// PEM: the leaf's key, PKCS#8.
    pub key: Secret<String>,
}

/// Where everything was written.
#[derive(Debug, Clone)]
pub struct Files {
    /// The root, for clients to trust.
    pub root: PathBuf,
    /// The leaf with its chain and key, as a configuration would name them.
    pub certificate: CertificateFiles,
}

impl Root {
    /// Makes a new one, valid for ten years.
    ///
    /// # Errors
    /// Where key generation or signing fails.
    pub fn new(clock: Clock) -> Result<Self, DevelopmentError> {
        let key = KeyPair::generate()?;
        let pem = root_params(clock).self_signed(&key)?.pem();
        Ok(Self { key, pem })
    }

    /// The root as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Issues a leaf of 90 days for these names, below an intermediate of its own.
    ///
    /// # Errors
    /// Where key generation or signing fails.
    pub fn issue(&self, names: &[HostPattern], clock: Clock) -> Result<Issued, DevelopmentError> {
        // The issuer's subject and key are all that signing takes of the root; both are the same as ever.
        let params = root_params(clock);
        let root = Issuer::from_params(&params, &self.key);
        let middle_key = KeyPair::generate()?;
        let mut middle = ca_params("gatepost development intermediate", BasicConstraints::Constrained(0), clock);
        middle.use_authority_key_identifier_extension = true;
        let middle_certificate = middle.signed_by(&middle_key, &root)?;
        let key = KeyPair::generate()?;
        let leaf = leaf_params(names, clock)?.signed_by(&key, &Issuer::from_params(&middle, &middle_key))?;
        let chain = leaf.pem() + &middle_certificate.pem();
        Ok(Issued { chain, key: Secret::new(key.serialize_pem()) })
    }

    /// The root of an earlier time; `None` where it is not there, not whole, or ends before a new leaf would.
    fn reuse(certificate: &Path, key: &Path, clock: Clock) -> Option<Self> {
        let key = pem::private_key(&super::read::read(key).ok()?, "").ok()?;
        let key = KeyPair::from_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256).ok()?;
        let item: CertificateDer<'static> = pem::certificates(certificate).ok()?.into_iter().next()?;
        let placed = Placed { item, line: 1 };
        let root = Member::read(&placed, 1)?;
        let until_leaf_ends = now(clock) + Duration::days(LEAF_DAYS);
        let good = root.public_key() == key.public_key_raw()
            && root.is_self_signed()
            && root.is_valid_at(now(clock).unix_timestamp())
            && root.is_valid_at(until_leaf_ends.unix_timestamp());
        let pem = fs::read_to_string(certificate).ok()?;
        good.then_some(Self { key, pem })
    }
}

/// Makes sure that `folder` holds a root, and below it a chain and a key for these names.
///
/// What is there is kept while the names are the same and more than a quarter of the leaf's lifetime is left;
/// otherwise a new leaf comes from the same root, which browsers may have been told to trust. Key files are 0600;
/// each file is written beside its place and moved there.
///
/// # Errors
/// Where something cannot be made or written.
pub fn write_into(folder: &Path, names: &[HostPattern], clock: Clock) -> Result<Files, DevelopmentError> {
    let root_key = folder.join("root-key.pem");
    let root = folder.join("root.pem");
    let key = folder.join("key.pem");
    let certificate = CertificateFiles {
        chain: folder.join("chain.pem"),
        key: Some(key.clone()),
        trusted_roots: Some(root.clone()),
        allow_incomplete_chain: false,
        strict_key_permissions: false,
        place: Place::default(),
        key_place: Place::default(),
        roots_place: Place::default(),
    };
    let files = Files { root, certificate };
    if is_still_good(&files.certificate, names, clock) {
        return Ok(files);
    }
    let failed = |path: &Path, source| DevelopmentError::Write { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| failed(folder, error))?;
    let authority = match Root::reuse(&files.root, &root_key, clock) {
        Some(root) => root,
        None => {
            let made = Root::new(clock)?;
            write(&root_key, &made.key.serialize_pem(), 0o600)?;
            write(&files.root, made.pem(), 0o644)?;
            made
        }
    };
    let issued = authority.issue(names, clock)?;
    write(&key, issued.key.reveal(), 0o600)?;
    write(&files.certificate.chain, &issued.chain, 0o644)?;
    Ok(files)
}

/// Judged like any other certificate: nothing to be said against it, and these names.
fn is_still_good(files: &CertificateFiles, names: &[HostPattern], clock: Clock) -> bool {
    let (loaded, findings) = load(files, clock, Severity::Fatal);
    let Ok(loaded) = loaded else { return false };
    let same = |one: &[HostPattern], other: &[HostPattern]| one.iter().all(|name| other.contains(name));
    findings.is_empty() && same(&loaded.names, names) && same(names, &loaded.names)
}

fn now(clock: Clock) -> OffsetDateTime {
    let seconds = i64::try_from(clock.unix_seconds()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn root_params(clock: Clock) -> CertificateParams {
    ca_params("gatepost development root", BasicConstraints::Unconstrained, clock)
}

fn ca_params(name: &str, below: BasicConstraints, clock: Clock) -> CertificateParams {
    let mut params = params(name, CA_DAYS, clock);
    params.is_ca = IsCa::Ca(below);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf_params(names: &[HostPattern], clock: Clock) -> Result<CertificateParams, DevelopmentError> {
    let mut params = params("gatepost development certificate", LEAF_DAYS, clock);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    for name in names {
        params.subject_alt_names.push(subject_alternative(name)?);
    }
    Ok(params)
}

fn params(name: &str, days: i64, clock: Clock) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = now(clock) - BACKDATED;
    params.not_after = now(clock) + Duration::days(days);
    params
}

fn subject_alternative(name: &HostPattern) -> Result<SanType, DevelopmentError> {
    let text = name.to_string();
    Ok(match text.trim_matches(['[', ']']).parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(text.try_into()?),
    })
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), DevelopmentError> {
    super::write::whole(path, text, mode).map_err(|source| DevelopmentError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
