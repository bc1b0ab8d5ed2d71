//! The chain set: chains that are right, and chains wrong in every way that people meet, with what is to be said of each.
//!
//! Made when asked for. What clients say of each was found by running them, and
//! `tests/e2e/verdicts.sh` runs them again.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
    PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_RSA_SHA256,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use time::{Duration, OffsetDateTime};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The host that all of them are for, but the one that is not.
pub(crate) const HOST: &str = "chat.example";

/// One chain with what is to be said of it.
pub(crate) struct Case {
    /// In words that are a file's name, too.
    pub(crate) name: &'static str,
    /// What a server sends, in its order.
    pub(crate) sent: Vec<CertificateDer<'static>>,
    /// Its private key, PKCS#8.
    pub(crate) key: PrivateKeyDer<'static>,
    /// The root that clients have, as PEM.
    pub(crate) root: String,
    /// The faults and warnings, by their names, sorted.
    pub(crate) findings: &'static [&'static str],
    /// Desktop, Android, iOS, Java, OpenSSL: `t`rusts, `d`epends, `r`efuses.
    pub(crate) verdicts: &'static str,
    /// Whether a rustls client takes it.
    pub(crate) rustls: bool,
    /// Whether OpenSSL 3.0 takes it, as Debian 12 has it.
    pub(crate) openssl: bool,
    /// Whether Java 17 takes it.
    pub(crate) java: bool,
}

impl Case {
    /// The certificates as PEM.
    pub(crate) fn pem(&self) -> String {
        self.sent.iter().map(pem).collect()
    }

    /// A server that presents it, for one handshake after the other; ends with the runtime. Its port.
    pub(crate) async fn serve(&self) -> u16 {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let key = provider.key_provider.load_private_key(self.key.clone_key()).expect("a key that signs");
        // Not checked against each other: that they may differ is the point.
        let certified = CertifiedKey::new(self.sent.clone(), key);
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(answer(acceptor.clone(), tcp));
            }
        });
        port
    }
}

/// One line for a client that asks, after the handshake.
async fn answer(acceptor: TlsAcceptor, tcp: TcpStream) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let Ok(mut tls) = acceptor.accept(tcp).await else { return };
    let mut some = [0; 1024];
    if matches!(tls.read(&mut some).await, Ok(1..)) {
        let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        let _ = tls.shutdown().await;
    }
}

/// A certificate as PEM.
pub(crate) fn pem(der: &CertificateDer<'static>) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// A CA with its key.
pub(crate) type Ca = CertifiedIssuer<'static, KeyPair>;

/// This many days from now.
pub(crate) fn day(days: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::days(days)
}

/// A new key, ECDSA P-256.
pub(crate) fn key() -> KeyPair {
    KeyPair::generate().expect("an ECDSA key")
}

fn named(name: &str, days: (i64, i64)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (day(days.0), day(days.1));
    params
}

/// What a CA's certificate says.
pub(crate) fn authority(name: &str) -> CertificateParams {
    let mut params = named(name, (-100, 2000));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params
}

/// A root of its own.
pub(crate) fn root(name: &str) -> Ca {
    CertifiedIssuer::self_signed(authority(name), key()).expect("a root")
}

/// A CA that another signed.
pub(crate) fn below(issuer: &Ca, params: CertificateParams) -> Ca {
    CertifiedIssuer::signed_by(params, key(), issuer).expect("an intermediate")
}

/// What a leaf for [`HOST`] says.
pub(crate) fn leaf() -> CertificateParams {
    let mut params = named(HOST, (-10, 80));
    params.subject_alt_names = CertificateParams::new(vec![HOST.to_owned()]).expect("a name").subject_alt_names;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params
}

/// With an authority information access extension that names this caIssuers address (RFC 5280 section 4.2.2.1).
pub(crate) fn issuer_at(mut params: CertificateParams, address: &str) -> CertificateParams {
    let wrap = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).expect("short");
        assert!(length < 0x80, "short form of length");
        [&[tag, length], content].concat()
    };
    let method = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];
    let access = wrap(0x30, &[&method[..], &wrap(0x86, address.as_bytes())].concat());
    let content = wrap(0x30, &access);
    params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content));
    params
}

/// A leaf with its key.
pub(crate) struct Own {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) key: KeyPair,
}

/// A leaf with a new key.
pub(crate) fn issue(params: &CertificateParams, issuer: &Ca) -> Own {
    issue_for(key(), params, issuer)
}

fn issue_for(key: KeyPair, params: &CertificateParams, issuer: &Ca) -> Own {
    let issuer: &Issuer<'_, KeyPair> = issuer;
    let der = params.signed_by(&key, issuer).expect("a leaf").der().clone();
    Own { der, key }
}

/// The same name and key as `ca`, signed by another.
fn crossed(ca: &Ca, params: CertificateParams, days: (i64, i64), by: &Ca) -> CertificateDer<'static> {
    let mut params = params;
    (params.not_before, params.not_after) = (day(days.0), day(days.1));
    let (issuer, key): (&Issuer<'_, KeyPair>, &KeyPair) = (by, ca.key());
    params.signed_by(key, issuer).expect("a cross-sign").der().clone()
}

/// A case to which the expectations are added.
fn case(name: &'static str, own: &Own, others: &[&CertificateDer<'static>], root: &Ca) -> Case {
    let sent = std::iter::once(&own.der).chain(others.iter().copied()).cloned().collect();
    Case {
        name,
        sent,
        key: PrivateKeyDer::try_from(own.key.serialize_der()).expect("a key"),
        root: root.pem(),
        findings: &[],
        verdicts: "ttttt",
        rustls: true,
        openssl: true,
        java: true,
    }
}

impl Case {
    /// All refuse it, with this finding.
    fn refused(self, findings: &'static [&'static str]) -> Self {
        Self { findings, verdicts: "rrrrr", rustls: false, openssl: false, java: false, ..self }
    }

    /// All take it, and yet there is something to say.
    fn found(self, findings: &'static [&'static str]) -> Self {
        Self { findings, ..self }
    }

    /// The families differ.
    fn differs(self, findings: &'static [&'static str], verdicts: &'static str, takes: [bool; 3]) -> Self {
        let [rustls, openssl, java] = takes;
        Self { findings, verdicts, rustls, openssl, java, ..self }
    }

    /// What is sent, moved about.
    fn sending(mut self, order: &[usize]) -> Self {
        self.sent = order.iter().map(|index| self.sent[*index].clone()).collect();
        self
    }
}

/// All chains.
pub(crate) fn set() -> Vec<Case> {
    let top = root("Root");
    let middle = below(&top, authority("Middle"));
    let (middle_der, top_der) = (middle.der().clone(), top.der().clone());
    let low = below(&middle, issuer_at(authority("Low"), "http://127.0.0.1:9/middle.der"));
    let low_der = low.der().clone();
    let own = issue(&leaf(), &middle);
    let fetchable = || issue(&issuer_at(leaf(), "http://127.0.0.1:9/middle.der"), &middle);
    let deep = issue(&issuer_at(leaf(), "http://127.0.0.1:9/low.der"), &low);
    let plain = |name| case(name, &own, &[&middle_der], &top);
    let stranger = root("Stranger");
    let mut set = vec![
        plain("whole"),
        case("whole-of-four", &deep, &[&low_der, &middle_der], &top),
        case("straight-from-the-root", &issue(&leaf(), &top), &[], &top),
        case("bare-leaf", &fetchable(), &[], &top).differs(&["missing-intermediate"], "drdrr", [false, false, false]),
        case("bare-leaf-without-address", &own, &[], &top).refused(&["missing-intermediate"]),
        case("upper-missing", &deep, &[&low_der], &top).differs(
            &["missing-intermediate"],
            "drdrr",
            [false, false, false],
        ),
        case("lower-missing", &deep, &[&middle_der], &top).differs(
            &["missing-intermediate", "unneeded"],
            "drdrr",
            [false, false, false],
        ),
        case("issuers-in-wrong-order", &deep, &[&middle_der, &low_der], &top).found(&["wrong-order"]),
        plain("leaf-last").sending(&[1, 0]).refused(&["leaf-not-first"]),
        case("root-appended", &own, &[&middle_der, &top_der], &top).found(&["needless-root"]),
        case("everything-twice", &own, &[&own.der, &middle_der, &middle_der], &top).found(&["duplicate"]),
        case("stranger-sent", &own, &[&middle_der, below(&stranger, authority("Else")).der()], &top)
            .found(&["unneeded"]),
        case("other-root", &own, &[&middle_der], &stranger).refused(&["unknown-root"]),
        case("namesake-of-issuer", &own, &[below(&top, authority("Middle")).der()], &top)
            .refused(&["missing-intermediate", "wrong-issuer"]),
    ];
    set.extend(times(&top, &middle));
    set.extend(crosses());
    set.extend(names(&top, &middle));
    set.extend(purposes(&top, &middle));
    set.extend(keys(&top, &middle));
    set.extend(rules(&top));
    set
}

/// Expired, or not valid yet.
fn times(top: &Ca, middle: &Ca) -> Vec<Case> {
    let at = |params: CertificateParams, days: (i64, i64)| {
        let mut params = params;
        (params.not_before, params.not_after) = (day(days.0), day(days.1));
        params
    };
    let middle_der = middle.der().clone();
    let of = |name, days| case(name, &issue(&at(leaf(), days), middle), &[&middle_der], top);
    let expired = below(top, at(authority("Expired"), (-400, -1)));
    let early = below(top, at(authority("Early"), (1, 400)));
    let short = below(top, at(authority("Short"), (-400, 30)));
    vec![
        of("leaf-expired", (-95, -5)).refused(&["expired-leaf"]),
        of("leaf-not-valid-yet", (1, 91)).refused(&["not-yet-valid"]),
        of("leaf-ends-soon", (-80, 10)).found(&["ends-soon"]),
        of("leaf-ends-very-soon", (-80, 5)).found(&["ends-very-soon"]),
        of("leaf-for-three-years", (-10, 1085)).differs(&["too-long"], "dtrtt", [true; 3]),
        case("intermediate-expired", &issue(&leaf(), &expired), &[expired.der()], top)
            .refused(&["expired-intermediate"]),
        case("intermediate-not-valid-yet", &issue(&leaf(), &early), &[early.der()], top).refused(&["not-yet-valid"]),
        case("intermediate-ends-first", &issue(&leaf(), &short), &[short.der()], top).found(&["ends-soon"]),
    ]
}

/// Several certificates for one issuer (R40).
fn crosses() -> Vec<Case> {
    let old = CertifiedIssuer::self_signed(
        {
            let mut params = authority("Old Root");
            (params.not_before, params.not_after) = (day(-4000), day(-100));
            params
        },
        key(),
    )
    .expect("a root");
    let other = root("Other Root");
    let top = root("New Root");
    let middle = below(&top, authority("Crossed"));
    let own = issue(&leaf(), &middle);
    let middle_der = middle.der().clone();
    let expired = crossed(&top, authority("New Root"), (-2000, -100), &old);
    let valid = crossed(&top, authority("New Root"), (-2000, 100), &old);
    let twin_expired = crossed(&middle, authority("Crossed"), (-2000, -100), &other);
    let twin_valid = crossed(&middle, authority("Crossed"), (-100, 2000), &other);
    let astray = |case: Case| case.differs(&["led-astray"], "ttttr", [true, false, true]);
    let mut unsaid = leaf();
    unsaid.use_authority_key_identifier_extension = false;
    let unsaid = issue(&unsaid, &middle);
    let namesake = below(&top, authority("Crossed")).der().clone();
    let depends = |case: Case| case.differs(&["expired-cross-sign"], "ttttd", [true; 3]);
    vec![
        depends(case("r40-expired-cross-sign-above", &own, &[&middle_der, &expired], &top)),
        case("cross-sign-above", &own, &[&middle_der, &valid], &top),
        depends(case("r40-expired-twin-first", &own, &[&twin_expired, &middle_der], &top)),
        depends(case("r40-expired-twin-last", &own, &[&middle_der, &twin_expired], &top)),
        astray(case("twin-of-other-root-first", &own, &[&twin_valid, &middle_der], &top)),
        case("twin-of-other-root-last", &own, &[&middle_der, &twin_valid], &top),
        case("namesake-before-issuer", &own, &[&namesake, &middle_der], &top).found(&["wrong-issuer"]),
        case("namesake-before-issuer-by-name", &unsaid, &[&namesake, &middle_der], &top).differs(
            &["led-astray", "wrong-issuer"],
            "ttttr",
            [true, false, true],
        ),
    ]
}

/// Right names and wrong ones.
fn names(top: &Ca, middle: &Ca) -> Vec<Case> {
    let middle_der = middle.der().clone();
    let of = |name, names: &[&str]| {
        let mut params = leaf();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        params.subject_alt_names = CertificateParams::new(names).expect("names").subject_alt_names;
        case(name, &issue(&params, middle), &[&middle_der], top)
    };
    vec![
        of("several-names", &["www.example", HOST]),
        of("wrong-name", &["www.example"]).refused(&["name-not-covered"]),
        of("wildcard-of-its-own-name", &["*.chat.example"]).refused(&["name-not-covered"]),
        of("no-name-but-the-common-one", &[]).differs(&["no-name"], "rrrdd", [false, true, true]),
    ]
}

/// What the leaf is for.
fn purposes(top: &Ca, middle: &Ca) -> Vec<Case> {
    let middle_der = middle.der().clone();
    let of = |name, usages: &[ExtendedKeyUsagePurpose]| {
        let mut params = leaf();
        params.extended_key_usages = usages.to_vec();
        case(name, &issue(&params, middle), &[&middle_der], top)
    };
    let mut marked = leaf();
    marked.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let alone = CertifiedIssuer::self_signed(leaf(), key()).expect("self-signed");
    let (der, serialized) = (alone.der().clone(), alone.key().serialize_der());
    let alone_as = |name, root: &Ca| {
        let key = KeyPair::try_from(serialized.clone()).expect("the same key");
        case(name, &Own { der: der.clone(), key }, &[], root)
    };
    vec![
        of("for-clients-alone", &[ExtendedKeyUsagePurpose::ClientAuth]).refused(&["wrong-purpose"]),
        of("for-nothing-said", &[]).differs(&["no-purpose"], "dtrtt", [true; 3]),
        case("leaf-marked-as-ca", &issue(&marked, middle), &[&middle_der], top).differs(
            &["ca-as-leaf"],
            "dddtt",
            [false, true, true],
        ),
        alone_as("self-signed", top).refused(&["self-signed"]),
        alone_as("self-signed-and-trusted", &alone).differs(&["self-signed"], "dddtt", [true; 3]),
    ]
}

/// Kinds of keys, and keys of others.
fn keys(top: &Ca, middle: &Ca) -> Vec<Case> {
    let middle_der = middle.der().clone();
    let of = |name, algorithm| {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        case(name, &issue_for(key, &leaf(), middle), &[&middle_der], top)
    };
    let mut swapped = case("key-of-another", &issue(&leaf(), middle), &[&middle_der], top).refused(&["key-mismatch"]);
    swapped.key = PrivateKeyDer::try_from(key().serialize_der()).expect("a key");
    vec![
        of("rsa-2048", &PKCS_RSA_SHA256),
        of("p-384", &PKCS_ECDSA_P384_SHA384),
        of("p-521", &PKCS_ECDSA_P521_SHA512).differs(&["weak-key"], "drttt", [true; 3]),
        of("ed25519", &PKCS_ED25519).differs(&["weak-key"], "rrrdd", [true; 3]),
        swapped,
    ]
}

/// Rules of RFC 5280 that a CA broke, and too much of a good thing.
fn rules(top: &Ca) -> Vec<Case> {
    let mut constrained = authority("Constrained");
    constrained.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("other.example".to_owned())],
        excluded_subtrees: Vec::new(),
    });
    let constrained = below(top, constrained);
    let mut last = authority("Last");
    last.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let last = below(top, last);
    let beneath = below(&last, authority("Beneath"));
    let mut no_ca = authority("No CA");
    no_ca.is_ca = IsCa::ExplicitNoCa;
    let no_ca = below(top, no_ca);
    let middle = below(top, authority("Crowded"));
    let strangers: Vec<CertificateDer<'static>> =
        (0..9).map(|number| below(top, authority(&format!("Passer-by {number}"))).der().clone()).collect();
    let crowd: Vec<&CertificateDer<'static>> = std::iter::once(middle.der()).chain(&strangers).collect();
    vec![
        case("name-constraint-broken", &issue(&leaf(), &constrained), &[constrained.der()], top).refused(&["refused"]),
        case("path-length-broken", &issue(&leaf(), &beneath), &[beneath.der(), last.der()], top).refused(&["refused"]),
        case("issuer-is-no-ca", &issue(&leaf(), &no_ca), &[no_ca.der()], top).refused(&["refused"]),
        case("eleven-certificates", &issue(&leaf(), &middle), &crowd, top).differs(
            &["too-many", "unneeded"],
            "tttrt",
            [true, true, false],
        ),
    ]
}
