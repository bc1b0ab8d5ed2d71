//! `[acme]` as meant: which CA, how it is answered, where what it issues is kept.

use std::path::PathBuf;

use crate::config::finding::{Finding, Place};
use crate::route::host::{Host, HostPattern};
use crate::secret::Secret;

/// `[acme]`: where certificates come from for hosts that no `[[certificate]]` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// Whom the CA may write to.
    pub email: Option<String>,
    /// Which CA.
    pub directory: AcmeDirectory,
    /// PEM: roots for the CA's own https; `None` for Mozilla's.
    pub directory_roots: Option<PathBuf>,
    /// PEM: roots for judging what it issues; `None` for Mozilla's.
    pub trusted_roots: Option<PathBuf>,
    /// How the CA is shown that a name is ours.
    pub challenge: AcmeChallenge,
    /// Folder for account and certificates.
    pub storage: PathBuf,
    /// The CA's certificate profile, where one is wanted.
    pub profile: Option<String>,
    /// External account binding (RFC 8555 section 7.3.4), where the CA wants one.
    pub external_account: Option<ExternalAccount>,
    /// Where the file says so, for findings.
    pub place: Place,
}

impl Acme {
    /// Why no certificate can be had for a site's host in this way, and the ways out; `None` where it can.
    ///
    /// Refused is a wildcard without DNS alone, which can never work. The others shut out their own host and no more.
    pub fn refusal(&self, host: &HostPattern, site: &Place) -> Option<Finding> {
        let name = match host {
            HostPattern::Wildcard(name) => name,
            HostPattern::Exact(name) => name,
        };
        if matches!(host, HostPattern::Wildcard(_)) && !matches!(self.challenge, AcmeChallenge::Dns01 { .. }) {
            // RFC 8555 section 7.1.3 leaves it to the CA; every public one demands DNS (Baseline Requirements 3.2.2.4).
            let what = format!("[acme] cannot get a certificate for {host} by {}", self.challenge.name());
            let mend = "write challenge = \"dns-01\" with a `dns_hook`, name a [[certificate]] that bears it, or list the hosts one by one";
            return Some(Finding::fatal(site.clone(), what).mend(mend));
        }
        if name.is_address() {
            let what = format!("[acme] gets no certificate for the address {host}: handshakes for it will fail");
            return Some(
                Finding::fault(site.clone(), what).mend("name a [[certificate]] that bears it, or use a name"),
            );
        }
        if !matches!(self.directory, AcmeDirectory::Url(_)) && !is_public(name) {
            let what = format!("no public CA gives a certificate for {host}: the name is not on the internet");
            let mend = "name a [[certificate]] of a private CA, or that CA's `directory` in [acme]";
            return Some(Finding::fault(site.clone(), what).mend(mend));
        }
        None
    }
}

/// Whether a name could be in the public DNS (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`).
fn is_public(name: &Host) -> bool {
    const PRIVATE: [&str; 9] =
        ["localhost", "local", "test", "invalid", "example", "internal", "home.arpa", "lan", "onion"];
    let name = name.as_str();
    let below = |suffix: &str| name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    name.contains('.') && !PRIVATE.iter().any(|suffix| below(suffix))
}

/// A CA, by where its directory (RFC 8555 section 7.1.1) is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcmeDirectory {
    /// Let's Encrypt.
    LetsEncrypt,
    /// Let's Encrypt's test CA: hardly any limits, and nobody trusts it.
    LetsEncryptStaging,
    /// The https address of another's.
    Url(String),
}

impl AcmeDirectory {
    /// Its address.
    pub fn url(&self) -> &str {
        match self {
            // letsencrypt.org/docs/acme-protocol-updates, .../staging-environment
            Self::LetsEncrypt => "https://acme-v02.api.letsencrypt.org/directory",
            Self::LetsEncryptStaging => "https://acme-staging-v02.api.letsencrypt.org/directory",
            Self::Url(url) => url,
        }
    }
}

/// How a CA is shown that a name is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcmeChallenge {
    /// A file on port 80 (RFC 8555 section 8.3).
    Http01,
    /// A certificate on port 443 (RFC 8737).
    TlsAlpn01,
    /// A TXT record (RFC 8555 section 8.4), set and removed by commands in the form of certbot's manual hooks.
    Dns01 {
        /// Sets the record.
        hook: String,
        /// Removes it.
        cleanup: Option<String>,
    },
}

impl AcmeChallenge {
    /// Its name in the protocol and in the file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Dns01 { .. } => "dns-01",
        }
    }
}

/// An account that the CA knows already from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The CA's name for the key.
    pub key_id: String,
    /// The key, base64url.
    pub hmac_key: SecretFrom,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretFrom {
    /// Read from this file when it is needed.
    File(PathBuf),
    /// Given in the configuration or in the environment.
    Text(Secret<String>),
}
