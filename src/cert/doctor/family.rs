//! Families of clients: how each builds a chain from what a server sends, and so what it makes of a fault.
//!
//! All of them judge the same faults; they differ in what they fetch, keep or
//! overlook. Where a maker documents a behaviour, its page stands beside the rule.
//! Where none does, the verdict is `depends` and says so: better one chain mended
//! needlessly than one person locked out. What it does not know is the list of
//! roots that a device really has, revocation, and Certificate Transparency.
//!
//! Chain building, by family:
//!
//! - **Browsers on desktop.** Chrome and Edge build paths by RFC 4158 (Chrome Root Program FAQ, chromium
//!   `net/data/ssl/chrome_root_store/faq.md`, which has the 398 days for public CAs, too): over what is sent in any
//!   order, and by AIA, which Chromium 156 was seen to do. Safari does as Apple's trust evaluation, below. Firefox
//!   fetches nothing, and since 75 on desktop it has all intermediates of Mozilla's own CAs beforehand
//!   (wiki.mozilla.org/Security/CryptoEngineering/Intermediate_Preloading); those of a private CA it lacks.
//! - **Android.** The platform's trust manager (Conscrypt `TrustManagerImpl`), which apps use unless they bring their
//!   own, tries issuers among what was sent in any order, and fetches nothing: "missing intermediate certificate
//!   authority" in developer.android.com/privacy-and-security/security-ssl. It keeps intermediates that it has seen, so
//!   an app may succeed by luck; that is no reason to trust. Chrome on Android has its own verifier and may succeed
//!   where the apps fail. Apps for Android 7 and later take no root that a person installed, unless the app says so
//!   (developer.android.com/privacy-and-security/security-config).
//! - **iOS.** Apple documents that the system "may also download intermediate certificates from the network"
//!   (developer.apple.com/documentation/security, "Creating a Trust Object"); an app may turn that off
//!   (`SecTrustSetNetworkFetchAllowed`). When it does so, and what it keeps, is not documented: `depends`. The server's
//!   own certificate must be the first, others may be irrelevant (`SecTrustCreateWithCertificates`). What it must be
//!   like is in support.apple.com/103769 and, for public CAs, 102028.
//! - **Java.** AIA is off unless `com.sun.security.enableAIAcaIssuers` is set (Java PKI Programmer's Guide, appendix B).
//!   `sun.security.validator.PKIXValidator` builds anew from what was sent where it is out of order. At most ten
//!   certificates and 32 KiB of them (JSSE Reference Guide, `jdk.tls.maxCertificateChainLength`,
//!   `jdk.tls.maxHandshakeMessageSize`). Weak algorithms: `jdk.certpath.disabledAlgorithms` in `java.security`.
//! - **curl and OpenSSL** (and Python, PHP, Ruby; Node uses OpenSSL, too). Nothing is fetched; issuers are looked for
//!   among what was sent, in any order but the first that fits (`walk`), and in the store, which comes first since 1.1.0 (`X509_V_FLAG_TRUSTED_FIRST`,
//!   X509_VERIFY_PARAM_set_flags(3)). 1.0.2 and older, and GnuTLS before 3.6.14, follow what was sent and trip over an
//!   expired cross-sign (openssl.org/blog, "Old Let's Encrypt Root Certificate Expiration and OpenSSL 1.0.2"). Weak
//!   algorithms by security level, 2 by default since 3.2 and in Debian and Ubuntu before (SSL_CTX_set_security_level(3)).

use serde::Serialize;

use super::fault::{Fault, Kind};
use super::strength::WeakKey;

/// Clients that build chains alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Chrome, Edge, Firefox and Safari.
    Desktop,
    /// Apps on Android, Mattermost's among them.
    Android,
    /// Apps and browsers on iPhone and iPad, which all use Apple's evaluation.
    Ios,
    /// Programs on Java's own TLS.
    Java,
    /// curl, and what else uses OpenSSL.
    Openssl,
}

impl Family {
    /// All of them, as they are shown.
    pub const ALL: [Self; 5] = [Self::Desktop, Self::Android, Self::Ios, Self::Java, Self::Openssl];

    /// What a person calls it.
    pub fn called(self) -> &'static str {
        match self {
            Self::Desktop => "browsers on desktop",
            Self::Android => "Android",
            Self::Ios => "iOS",
            Self::Java => "Java",
            Self::Openssl => "curl and OpenSSL",
        }
    }
}

/// What a family makes of a chain. The later, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It takes it.
    Trusts,
    /// Some of its members or versions take it, or nobody documents that they do.
    Depends,
    /// It does not take it.
    Refuses,
}

impl Outcome {
    /// The word for it in all output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Trusts => "trusts",
            Self::Depends => "depends",
            Self::Refuses => "refuses",
        }
    }
}

/// What a family makes of a chain, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// Whose.
    pub family: Family,
    /// What it does.
    pub verdict: Outcome,
    /// Why; where it trusts, what it overcomes for that. One sentence without a full stop each.
    pub why: Vec<&'static str>,
}

impl Verdict {
    /// The worst that any fault brings with this family; of lesser ones nothing is said.
    pub(super) fn of(family: Family, faults: &[Fault]) -> Self {
        let effects: Vec<Effect> = faults.iter().filter_map(|fault| effect(family, fault.kind)).collect();
        let verdict = effects.iter().map(|effect| effect.0).max().unwrap_or(Outcome::Trusts);
        let mut why = Vec::new();
        for Effect(outcome, reason) in effects {
            if outcome == verdict && !why.contains(&reason) {
                why.push(reason);
            }
        }
        Self { family, verdict, why }
    }
}

/// What one fault brings, and why.
struct Effect(Outcome, &'static str);

fn trusts(why: &'static str) -> Option<Effect> {
    Some(Effect(Outcome::Trusts, why))
}

fn depends(why: &'static str) -> Option<Effect> {
    Some(Effect(Outcome::Depends, why))
}

fn refuses(why: &'static str) -> Option<Effect> {
    Some(Effect(Outcome::Refuses, why))
}

/// What the family makes of a fault; `None` where it does not matter to it.
fn effect(family: Family, kind: Kind) -> Option<Effect> {
    match kind {
        Kind::MissingIntermediate { fetchable, public } => missing(family, fetchable, public),
        Kind::UnknownRoot => refuses("it knows no root that the chain leads to"),
        Kind::SelfSigned { trusted } => self_signed(family, trusted),
        Kind::LeafNotFirst => refuses("the first certificate must be the server's own"),
        Kind::WrongOrder => trusts("it puts the order right by itself"),
        Kind::LedAstray => match family {
            Family::Openssl => {
                refuses("of several certificates for one issuer it takes the first that fits, and tries no other")
            }
            _ => trusts("of several certificates for one issuer it tries each"),
        },
        Kind::ExpiredLeaf => refuses("the certificate has expired"),
        Kind::ExpiredIntermediate => refuses("an intermediate has expired and there is no way around it"),
        Kind::NotYetValid => refuses("a certificate is not valid yet"),
        Kind::ExpiredCrossSign => match family {
            Family::Openssl => depends(
                "OpenSSL 1.1.0 and later goes around the expired member; 1.0.2 and older, and GnuTLS before 3.6.14, may stop at it",
            ),
            _ => trusts("it goes around the expired member"),
        },
        Kind::NameNotCovered => refuses("the certificate does not bear the name"),
        Kind::NoName => match family {
            Family::Java | Family::Openssl => {
                depends("the certificate bears no subject alternative name; some versions still read the common name")
            }
            _ => refuses("the certificate bears no subject alternative name"),
        },
        Kind::WeakKey(weakness) => weak_key(family, weakness),
        Kind::Sha1 => sha1(family),
        Kind::Md5 => refuses("it takes no MD5 signature"),
        Kind::WrongPurpose => refuses("the certificate is not for servers"),
        Kind::NoPurpose => match family {
            Family::Ios => refuses("Apple wants the extended key usage serverAuth"),
            Family::Desktop => {
                depends("Safari wants the extended key usage serverAuth; Chrome, Edge and Firefox do not")
            }
            _ => None,
        },
        Kind::CaAsLeaf => match family {
            Family::Desktop => depends("Firefox takes no CA as a server's certificate"),
            Family::Android | Family::Ios => {
                depends("nobody documents whether it takes a CA as a server's certificate")
            }
            Family::Java | Family::Openssl => None,
        },
        Kind::TooLong { private_too } => too_long(family, private_too),
        Kind::KeyMismatch => refuses("the server cannot prove that it has the certificate's key"),
        Kind::TooMany => match family {
            Family::Java => refuses("it takes ten certificates and 32 KiB of them at most"),
            _ => None,
        },
        Kind::Refused => refuses("the chain breaks a rule of RFC 5280"),
        Kind::HandshakeFails => depends("a strict client that was tried could not finish the handshake"),
        Kind::EndsSoon
        | Kind::EndsVerySoon
        | Kind::BadKey
        | Kind::KeyExposed
        | Kind::NeedlessRoot
        | Kind::Duplicate
        | Kind::Unneeded
        | Kind::WrongIssuer
        | Kind::OldTls
        | Kind::NoTls12
        | Kind::NoTls13
        | Kind::OtherForTls12 => None,
    }
}

fn missing(family: Family, fetchable: bool, public: bool) -> Option<Effect> {
    match (family, fetchable, public) {
        (Family::Desktop, true, true) => trusts(
            "Chrome, Edge and Safari fetch the missing certificate, and Firefox has it if its CA is a public one",
        ),
        (Family::Desktop, true, false) => {
            depends("Chrome, Edge and Safari fetch the missing certificate; Firefox does not")
        }
        (Family::Desktop, false, true) => {
            depends("nothing says where to fetch the missing certificate; Firefox may have it")
        }
        (Family::Desktop, false, false) => refuses("nothing says where to fetch the missing certificate"),
        (Family::Ios, true, _) => {
            depends("Apple documents that it may fetch the missing certificate, and not when; apps may forbid it")
        }
        (Family::Ios, false, _) => refuses("nothing says where to fetch the missing certificate"),
        (Family::Android, ..) => {
            refuses("it fetches no missing certificate: apps cannot connect, though Chrome on Android may")
        }
        (Family::Java | Family::Openssl, ..) => refuses("it fetches no missing certificate"),
    }
}

fn self_signed(family: Family, trusted: bool) -> Option<Effect> {
    match (family, trusted) {
        (_, false) => refuses("the certificate is self-signed"),
        (Family::Java | Family::Openssl, true) => trusts("the self-signed certificate is among its roots"),
        (_, true) => depends("a self-signed certificate counts only where it was installed on the device, if at all"),
    }
}

fn weak_key(family: Family, weakness: WeakKey) -> Option<Effect> {
    match (weakness, family) {
        (WeakKey::TinyRsa | WeakKey::TinyCurve, _) => refuses("it takes no key as short as that"),
        // support.apple.com/103769; Conscrypt `ChainStrengthAnalyzer`: 1024; java.security: RSA keySize < 1024.
        (WeakKey::ShortRsa, Family::Ios) => refuses("Apple takes no RSA key under 2048 bits"),
        (WeakKey::ShortRsa, Family::Desktop) => {
            depends("Safari takes no RSA key under 2048 bits, and neither do Chrome and Firefox from a public CA")
        }
        (WeakKey::ShortRsa, Family::Android) => depends("the platform takes RSA keys from 1024 bits on; apps may not"),
        (WeakKey::ShortRsa, Family::Java) => trusts("it takes RSA keys from 1024 bits on"),
        (WeakKey::ShortRsa, Family::Openssl) => {
            depends("security level 2 (OpenSSL 3.2, Debian, Ubuntu) takes no RSA key under 2048 bits")
        }
        // BoringSSL, which Chrome and Android use, offers P-256 and P-384 for signatures alone.
        (WeakKey::P521, Family::Desktop) => depends("Chrome and Edge take no P-521 key"),
        (WeakKey::P521, Family::Android) => refuses("it takes no P-521 key"),
        (WeakKey::P521, _) => None,
        (WeakKey::Uncommon, Family::Java | Family::Openssl) => depends("not every version takes such a key"),
        (WeakKey::Uncommon, _) => refuses("it takes RSA, P-256 and P-384 keys alone"),
    }
}

fn sha1(family: Family) -> Option<Effect> {
    match family {
        Family::Desktop | Family::Ios => refuses("it takes no SHA-1 signature"),
        Family::Android => depends("newer versions take no SHA-1 signature"),
        // java.security: SHA1 jdkCA & usage TLSServer.
        Family::Java => depends("it takes no SHA-1 signature below a root that Java ships"),
        Family::Openssl => depends("OpenSSL 3 takes no SHA-1 signature, unless its security level is lowered to 0"),
    }
}

fn too_long(family: Family, private_too: bool) -> Option<Effect> {
    match (family, private_too) {
        (Family::Ios, true) => refuses("Apple takes no certificate that is valid for more than 825 days"),
        (Family::Ios, false) => {
            refuses("Apple takes no certificate of a public CA that is valid for more than 398 days")
        }
        (Family::Desktop, true) => depends("Safari takes no certificate that is valid for more than 825 days"),
        (Family::Desktop, false) => {
            refuses("Chrome and Safari take no certificate of a public CA that is valid for more than 398 days")
        }
        (Family::Android | Family::Java | Family::Openssl, _) => None,
    }
}
