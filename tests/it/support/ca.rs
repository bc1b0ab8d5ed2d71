//! A private CA as real ones are: a root that signs an intermediate that signs leaves.
//!
//! One a test process; committed keys would expire and alarm scanners.

use std::sync::{Arc, OnceLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, DistinguishedName, DnType,
    IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};

/// The CA of this test process.
pub(crate) fn ca() -> &'static Ca {
    static CA: OnceLock<Ca> = OnceLock::new();
    CA.get_or_init(Ca::new)
}

/// A root and its intermediate.
pub(crate) struct Ca {
    root: CertifiedIssuer<'static, KeyPair>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
}

/// A leaf with what a server needs beside it, each as PEM.
#[derive(Clone)]
pub(crate) struct Identity {
    /// What is presented first.
    pub(crate) leaf: CertificateDer<'static>,
    /// The chain file.
    pub(crate) chain: String,
    /// The key file, PKCS#8.
    pub(crate) key: String,
}

impl Ca {
    /// A new root and intermediate, ECDSA P-256.
    pub(crate) fn new() -> Self {
        let root = CertifiedIssuer::self_signed(authority("gatepost test root"), new_key()).expect("a root");
        let intermediate = CertifiedIssuer::signed_by(authority("gatepost test intermediate"), new_key(), &root)
            .expect("an intermediate");
        Self { root, intermediate }
    }

    /// The root as PEM, for clients and `trusted_roots`.
    pub(crate) fn root_pem(&self) -> String {
        self.root.pem()
    }

    /// The root as rustls takes it.
    pub(crate) fn root_der(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }

    /// A leaf for `names`, valid now, with the whole chain.
    pub(crate) fn leaf(&self, names: &[&str]) -> Identity {
        let now = OffsetDateTime::now_utc();
        self.leaf_valid(names, now - Duration::days(1), now + Duration::days(89))
    }

    /// A leaf whose time is over.
    pub(crate) fn expired(&self, names: &[&str]) -> Identity {
        let now = OffsetDateTime::now_utc();
        self.leaf_valid(names, now - Duration::days(90), now - Duration::days(1))
    }

    /// A leaf of this lifetime of which so much is left.
    pub(crate) fn leaf_with_left(&self, names: &[&str], lifetime: Duration, left: Duration) -> Identity {
        let end = OffsetDateTime::now_utc() + left;
        self.leaf_valid(names, end - lifetime, end)
    }

    /// A chain for this certificate request (PKCS#10, DER).
    pub(crate) fn sign(&self, request: &[u8], from: OffsetDateTime, to: OffsetDateTime) -> String {
        let request = CertificateSigningRequestParams::from_der(&request.to_vec().into()).expect("a request");
        self.sign_request(request, from, to)
    }

    /// The same of one that was read already.
    pub(crate) fn sign_request(
        &self,
        mut request: CertificateSigningRequestParams,
        from: OffsetDateTime,
        to: OffsetDateTime,
    ) -> String {
        (request.params.not_before, request.params.not_after) = (from, to);
        request.params.use_authority_key_identifier_extension = true;
        let issuer: &Issuer<'_, KeyPair> = &self.intermediate;
        request.signed_by(issuer).expect("a leaf").pem() + &self.intermediate.pem()
    }

    fn leaf_valid(&self, names: &[&str], from: OffsetDateTime, to: OffsetDateTime) -> Identity {
        let key = new_key();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("names for a certificate");
        params.distinguished_name = DistinguishedName::new();
        params.use_authority_key_identifier_extension = true;
        params.not_before = from;
        params.not_after = to;
        let issuer: &Issuer<'_, KeyPair> = &self.intermediate;
        let leaf = params.signed_by(&key, issuer).expect("a leaf");
        Identity { leaf: leaf.der().clone(), chain: leaf.pem() + &self.intermediate.pem(), key: key.serialize_pem() }
    }
}

impl Identity {
    /// A TLS server that presents it.
    pub(crate) fn server(&self) -> Arc<rustls::ServerConfig> {
        let chain =
            CertificateDer::pem_slice_iter(self.chain.as_bytes()).collect::<Result<_, _>>().expect("certificates");
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        let config = rustls::ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a server");
        Arc::new(config)
    }

    /// The leaf alone: the fault that browsers forgive and phones do not.
    pub(crate) fn bare(mut self) -> Self {
        self.chain = self.certificates().swap_remove(0);
        self
    }

    /// The intermediate before the leaf, and the root at the end.
    pub(crate) fn in_wrong_order_with_root(mut self, ca: &Ca) -> Self {
        let mut certificates = self.certificates();
        certificates.reverse();
        certificates.push(ca.root_pem());
        self.chain = certificates.concat();
        self
    }

    /// This chain with another's key.
    pub(crate) fn with_key_of(mut self, other: &Self) -> Self {
        self.key.clone_from(&other.key);
        self
    }

    fn certificates(&self) -> Vec<String> {
        self.chain
            .split_inclusive("-----END CERTIFICATE-----")
            .map(|pem| format!("{}\n", pem.trim()))
            .filter(|pem| pem.len() > 1)
            .collect()
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("an ECDSA key")
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::days(200);
    params.not_after = now + Duration::days(2000);
    params
}
