//! Certificates made on the spot, good ones and every kind of bad ones; files to put them in.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair,
};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use crate::clock::Clock;
use crate::config::finding::{Finding, Place, Severity};
use crate::config::model::CertificateFiles;

use super::{Loaded, NotLoaded, load};

/// When all tests take place.
pub(super) const NOW: u64 = 1_790_000_000;

pub(super) fn clock() -> Clock {
    Clock::Fixed(NOW)
}

fn day(days: i64) -> OffsetDateTime {
    let now = OffsetDateTime::from_unix_timestamp(NOW.cast_signed()).expect("a time");
    now + Duration::days(days)
}

/// A key with the certificate that somebody gave it.
pub(super) struct Pair {
    pub(super) params: CertificateParams,
    pub(super) key: KeyPair,
    pub(super) certificate: Certificate,
}

impl Pair {
    pub(super) fn pem(&self) -> String {
        self.certificate.pem()
    }

    pub(super) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }

    /// The same name and key, signed by another: a cross-sign.
    pub(super) fn crossed_by(&self, issuer: &Self, days: (i64, i64)) -> String {
        let mut params = self.params.clone();
        (params.not_before, params.not_after) = (day(days.0), day(days.1));
        params.signed_by(&self.key, &issuer.issuer()).expect("signed").pem()
    }
}

/// What a certificate is to say.
pub(super) struct Spec {
    pub(super) params: CertificateParams,
}

/// A CA valid from ten days ago for ten years.
pub(super) fn ca(name: &str) -> Spec {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Spec { params }.days(-10, 3650)
}

/// A leaf valid from ten days ago for eighty days more.
pub(super) fn leaf(names: &[&str]) -> Spec {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, "a leaf");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Spec { params }.days(-10, 80)
}

impl Spec {
    /// Valid between these days, counted from now.
    pub(super) fn days(mut self, from: i64, until: i64) -> Self {
        (self.params.not_before, self.params.not_after) = (day(from), day(until));
        self
    }

    /// An authority information access extension with this caIssuers address (RFC 5280 section 4.2.2.1).
    pub(super) fn issuer_at(mut self, address: &str) -> Self {
        let wrap = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).expect("short");
            assert!(length < 0x80, "short form of length");
            [&[tag, length], content].concat()
        };
        let method = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];
        let access = wrap(0x30, &[&method[..], &wrap(0x86, address.as_bytes())].concat());
        let extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], wrap(0x30, &access));
        self.params.custom_extensions.push(extension);
        self
    }

    pub(super) fn self_signed(self) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let certificate = self.params.self_signed(&key).expect("signed");
        Pair { params: self.params, key, certificate }
    }

    pub(super) fn by(self, issuer: &Pair) -> Pair {
        self.by_with_key(issuer, KeyPair::generate().expect("a key"))
    }

    pub(super) fn by_with_key(self, issuer: &Pair, key: KeyPair) -> Pair {
        let certificate = self.params.signed_by(&key, &issuer.issuer()).expect("signed");
        Pair { params: self.params, key, certificate }
    }
}

/// A root, an intermediate below it and a leaf below that.
pub(super) struct Chain {
    pub(super) root: Pair,
    pub(super) middle: Pair,
    pub(super) leaf: Pair,
}

pub(super) fn chain(names: &[&str]) -> Chain {
    let root = ca("Root").self_signed();
    let middle = ca("Middle").by(&root);
    let leaf = leaf(names).by(&middle);
    Chain { root, middle, leaf }
}

/// A folder with the files of one `[[certificate]]`.
pub(super) struct Entry {
    pub(super) folder: TempDir,
    pub(super) files: CertificateFiles,
}

/// A folder that nobody else comes into, as keys are kept in.
pub(crate) fn private_folder() -> TempDir {
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    tempfile::Builder::new().permissions(private).tempdir().expect("a folder")
}

impl Entry {
    /// `fullchain.pem` with this text, `privkey.pem` with the key of this pair, and this root trusted.
    pub(super) fn new(fullchain: &str, key: &Pair, root: &Pair) -> Self {
        let entry = Self::combined(fullchain, root);
        let key_file = entry.write("privkey.pem", &key.key_pem());
        let files = CertificateFiles { key: Some(key_file), ..entry.files };
        Self { files, ..entry }
    }

    /// One file for chain and key.
    pub(super) fn combined(text: &str, root: &Pair) -> Self {
        let folder = private_folder();
        let files = CertificateFiles {
            chain: folder.path().join("fullchain.pem"),
            key: None,
            trusted_roots: Some(folder.path().join("root.pem")),
            allow_incomplete_chain: false,
            strict_key_permissions: false,
            place: Place(3..5),
            key_place: Place(6..7),
            roots_place: Place(8..9),
        };
        let entry = Self { folder, files };
        entry.write("fullchain.pem", text);
        entry.write("root.pem", &root.pem());
        entry
    }

    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    pub(super) fn load(&self) -> (Result<Loaded, NotLoaded>, Vec<Finding>) {
        load(&self.files, clock(), Severity::Fatal)
    }

    /// Loads, and expects that it is served; what was said.
    pub(super) fn served(&self) -> (Loaded, Vec<String>) {
        let (loaded, findings) = self.load();
        let said: Vec<String> = findings.iter().map(shown).collect();
        let Ok(loaded) = loaded else { panic!("refused: {said:#?}") };
        assert!(findings.iter().all(|finding| finding.place == Place(3..5)));
        (loaded, said)
    }

    /// Loads, and expects that it is refused; what was said.
    pub(super) fn refused(&self) -> Vec<String> {
        let (loaded, findings) = self.load();
        let said: Vec<String> = findings.iter().map(shown).collect();
        assert_eq!(loaded.err(), Some(NotLoaded::Refused), "{said:#?}");
        assert!(findings.iter().any(|finding| finding.severity == Severity::Fatal), "{said:#?}");
        said
    }
}

/// `Severity: what | mend`.
pub(super) fn shown(finding: &Finding) -> String {
    let mend = finding.mend.as_deref().unwrap_or("-");
    format!("{:?}: {} | {mend}", finding.severity, finding.what)
}

/// Expects exactly one finding, with all of these in it.
pub(super) fn one(said: &[String], parts: &[&str]) {
    assert_eq!(said.len(), 1, "{said:#?}");
    some(said, parts);
}

/// Expects a finding with all of these in it.
pub(super) fn some(said: &[String], parts: &[&str]) {
    assert!(said.iter().any(|line| parts.iter().all(|part| line.contains(part))), "no {parts:?} in {said:#?}");
}

/// The subjects' common names of what is served.
pub(super) fn served_names(loaded: &Loaded) -> Vec<String> {
    let name = |der: &rustls::pki_types::CertificateDer<'_>| {
        let (_, x509) = x509_parser::parse_x509_certificate(der).expect("a certificate");
        let name = x509.subject().iter_common_name().last().expect("a common name");
        name.as_str().expect("text").to_owned()
    };
    loaded.key.cert.iter().map(name).collect()
}
