//! Certificates that are on disk: read, judged like any other, and what is known of each beside its files.

use std::path::{Path, PathBuf};

use instant_acme::CertificateIdentifier;
use serde::{Deserialize, Serialize};

use crate::cert::{Loaded, load};
use crate::clock::Clock;
use crate::config::finding::{Finding, Severity};
use crate::config::model::{Acme, AcmeDirectory, CertificateFiles};

use super::schedule::{Life, Window, renew_at, rest_after_issue};
use super::stamp;
use super::storage::{Storage, StorageError, read_json, write_json};

/// The chain's file.
pub(super) const CHAIN: &str = "fullchain.pem";
/// The key's file.
pub(super) const KEY: &str = "key.pem";
/// The file of a [`Record`].
pub(super) const RECORD: &str = "order.json";

/// `order.json`: where a certificate came from and what the CA says of its renewal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    /// The address of the CA's directory.
    pub(super) directory: String,
    pub(super) profile: Option<String>,
    /// As ordered.
    pub(super) names: Vec<String>,
    #[serde(with = "stamp::second")]
    pub(super) issued: i64,
    /// The order's address at the CA.
    pub(super) order: String,
    pub(super) renewal: Option<Renewal>,
}

/// What the CA says of a certificate's renewal (RFC 9773).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Renewal {
    /// The window; `None` where the CA gives none.
    pub(super) window: Option<Between>,
    /// A page that explains it.
    pub(super) explanation: Option<String>,
    /// Not asked again before this second.
    #[serde(with = "stamp::second")]
    pub(super) ask_again: i64,
}

/// A window as files have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Between {
    #[serde(with = "stamp::second")]
    pub(super) start: i64,
    #[serde(with = "stamp::second")]
    pub(super) end: i64,
}

/// One certificate on disk that can be served.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    /// Its folder.
    pub(super) folder: PathBuf,
    pub(super) record: Record,
    /// Chain, key, names and validity.
    pub(super) loaded: Loaded,
    /// What RFC 9773 section 4.1 calls it; `None` where its issuer gives it no authority key identifier.
    pub(super) identifier: Option<CertificateIdentifier<'static>>,
}

/// Everything in a folder of certificates: what can be served, newest first, and findings on all of it. What cannot
/// be served is as good as not there: it is ordered anew.
pub(super) fn all(folder: &Path, acme: &Acme, clock: Clock) -> (Vec<Stored>, Vec<(PathBuf, Finding)>) {
    let mut stored = Vec::new();
    let mut findings = Vec::new();
    for folder in Storage::folders(folder) {
        let (outcome, found) = Stored::read(&folder, acme, clock);
        findings.extend(found.into_iter().map(|finding| (folder.clone(), finding)));
        stored.extend(outcome);
    }
    stored.sort_by_key(|stored: &Stored| std::cmp::Reverse((stored.loaded.not_before, stored.loaded.not_after)));
    (stored, findings)
}

/// The files of a certificate in a folder, as a `[[certificate]]` would name them.
pub(super) fn files(folder: &Path, acme: &Acme) -> CertificateFiles {
    CertificateFiles {
        chain: folder.join(CHAIN),
        key: Some(folder.join(KEY)),
        trusted_roots: acme.trusted_roots.clone(),
        allow_incomplete_chain: false,
        strict_key_permissions: false,
        place: acme.place.clone(),
        key_place: acme.place.clone(),
        roots_place: acme.place.clone(),
    }
}

impl Stored {
    /// Reads and judges one.
    pub(super) fn read(folder: &Path, acme: &Acme, clock: Clock) -> (Option<Self>, Vec<Finding>) {
        let (outcome, mut findings) = load(&files(folder, acme), clock, Severity::Grave);
        for finding in &mut findings {
            // One damaged file must not keep the others from being served: this one is ordered anew.
            finding.severity = finding.severity.min(Severity::Grave);
            finding.mend = Some("gatepost has it issued anew; at once: gatepost cert renew".to_owned());
        }
        if acme.directory == AcmeDirectory::LetsEncryptStaging {
            // Nobody's roots include the staging CA's: that is what it is for.
            findings.retain(|finding| finding.severity != Severity::Fault);
        }
        let Ok(loaded) = outcome else { return (None, findings) };
        // Without its record a certificate is served all the same, and belongs to no CA that is known.
        let record = read_json(&folder.join(RECORD)).unwrap_or_default().unwrap_or_default();
        let identifier = loaded.key.cert.first().and_then(|leaf| CertificateIdentifier::try_from(leaf).ok());
        (Some(Self { folder: folder.into(), record, loaded, identifier }), findings)
    }

    /// The name of its folder.
    pub(super) fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// When it is to be renewed.
    pub(super) fn renew_at(&self, acme: &Acme) -> i64 {
        if self.record.directory != acme.directory.url() || self.record.profile != acme.profile {
            // Another CA is wanted by now, or another profile.
            return i64::MIN;
        }
        let between = self.record.renewal.as_ref().and_then(|renewal| renewal.window);
        let window = between.map(|between| Window { start: between.start, end: between.end });
        let (serial, not_after) = (self.serial(), self.loaded.not_after);
        let at = renew_at(Life { not_before: self.loaded.not_before, not_after, serial: &serial }, window);
        at.max(self.record.issued.saturating_add(rest_after_issue(not_after.saturating_sub(self.record.issued))))
    }

    /// Something that no other certificate has.
    fn serial(&self) -> String {
        match &self.identifier {
            Some(identifier) => identifier.to_string(),
            None => format!("{:?}{}", self.folder, self.loaded.not_after),
        }
    }

    /// When the CA is to be asked for its window; `None` where it cannot be.
    pub(super) fn ask_at(&self, acme: &Acme) -> Option<i64> {
        self.identifier.as_ref()?;
        if self.record.directory != acme.directory.url() {
            return None;
        }
        Some(self.record.renewal.as_ref().map_or(i64::MIN, |renewal| renewal.ask_again))
    }

    /// Notes what the CA said.
    pub(super) fn note_renewal(&mut self, renewal: Renewal) -> Result<(), StorageError> {
        self.record.renewal = Some(renewal);
        write_json(&self.folder.join(RECORD), &self.record)
    }
}
