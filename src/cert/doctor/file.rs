//! What a file holds for the doctor: its certificates, and what its key proves.
//!
//! A key that is no good is a finding like any other; a file without a certificate
//! is an error.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustls::pki_types::CertificateDer;

use crate::cert::key;
use crate::cert::pem::{Pem, PemError, Placed};
use crate::cert::words::quoted;

use super::Proof;
use super::fault::{Fault, Kind};

/// What a file holds.
#[derive(Debug)]
pub struct Held {
    /// The certificates, in the order of the file; never none.
    pub certificates: Vec<Placed<CertificateDer<'static>>>,
    /// What the key in it proves, if there is one.
    pub proof: Proof,
    /// What is wrong with that key, or with who may read it.
    pub faults: Vec<Fault>,
}

impl Held {
    /// Reads PEM, or a binary certificate, or a PKCS#7 container.
    ///
    /// # Errors
    /// Where the file is not to be had, is damaged, or holds no certificate.
    pub fn read(path: &Path) -> Result<Self, PemError> {
        let pem = Pem::read_any(path)?;
        let certificates = pem.certificates()?.iter();
        let certificates = certificates.map(|one| Placed { item: one.item.clone(), line: one.line }).collect();
        let mut held = Self { certificates, proof: Proof::Unknown, faults: Vec::new() };
        if !pem.has_key() {
            return Ok(held);
        }
        match pem.private_key() {
            Ok(found) => {
                let public = key::signing(&found).and_then(|key| key::public_key(&*key));
                held.proof = public.map_or(Proof::Unknown, Proof::Key);
            }
            Err(error) => {
                let what = match error.line() {
                    Some(line) => format!("line {line}: {}", error.fault()),
                    None => error.fault().to_string(),
                };
                held.faults.push(Fault { kind: Kind::BadKey, about: Vec::new(), what, mend: error.mend() });
            }
        }
        if is_open_to_all(path) {
            let what = "the file holds a private key, and every user of this machine may read it".to_owned();
            let mend = Some(format!("chmod o-rwx {}", quoted(path)));
            held.faults.push(Fault { kind: Kind::KeyExposed, about: Vec::new(), what, mend });
        }
        Ok(held)
    }
}

fn is_open_to_all(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.permissions().mode() & 0o004 != 0)
}
