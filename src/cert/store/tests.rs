use std::io::{Read, Write};
use std::sync::Mutex;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::super::testing::{self, Entry, Pair};
use super::*;

fn loaded(names: &[&str], root: &Pair) -> Loaded {
    let middle = testing::ca("Middle").by(root);
    let leaf = testing::leaf(names).by(&middle);
    let entry = Entry::new(&(leaf.pem() + &middle.pem()), &leaf, root);
    let (loaded, said) = entry.served();
    assert!(said.is_empty(), "{said:?}");
    loaded
}

fn patterns(names: &[&str]) -> Vec<HostPattern> {
    names.iter().map(|name| HostPattern::parse(name).expect("a pattern")).collect()
}

fn host(text: &str) -> Host {
    Host::parse(text).expect("a host")
}

/// 0: site.example and its www; 1: *.site.example; 2: b.site.example and an address; waiting: new.example.
fn store(root: &Pair) -> Store {
    let certificates = vec![
        loaded(&["site.example", "www.site.example"], root),
        loaded(&["*.site.example"], root),
        loaded(&["b.site.example", "192.0.2.7", "2001:db8::7"], root),
    ];
    Store::new(certificates, &patterns(&["new.example", "*.new.example"]))
}

fn root() -> Pair {
    testing::ca("Root").self_signed()
}

#[test]
fn an_exact_name_comes_before_a_wildcard_whatever_the_order() {
    let store = store(&root());
    assert_eq!(store.choose(Some("site.example")), Some(0));
    assert_eq!(store.choose(Some("www.site.example")), Some(0));
    assert_eq!(store.choose(Some("a.site.example")), Some(1));
    assert_eq!(store.choose(Some("b.site.example")), Some(2));
    // A wildcard takes one label and not two.
    assert_eq!(store.choose(Some("x.a.site.example")), Some(0));
}

#[test]
fn r20_r44_case_and_a_trailing_dot_do_not_count() {
    let store = store(&root());
    assert_eq!(store.choose(Some("B.Site.EXAMPLE.")), Some(2));
    assert_eq!(store.choose(Some("a.site.example.")), Some(1));
    assert_eq!(store.choose(Some("NEW.example.")), None);
}

#[test]
fn r43_no_name_and_unknown_names_get_the_first() {
    let store = store(&root());
    assert_eq!(store.choose(None), Some(0));
    assert_eq!(store.choose(Some("unknown.example")), Some(0));
    assert_eq!(store.choose(Some("")), Some(0));
    assert_eq!(store.choose(Some(".")), Some(0));
}

#[test]
fn names_whose_certificate_is_not_there_yet_get_none() {
    let store = store(&root());
    assert_eq!(store.choose(Some("new.example")), None);
    assert_eq!(store.choose(Some("a.new.example")), None);
    assert_eq!(Store::new(Vec::new(), &patterns(&["new.example"])).choose(None), None);
}

#[test]
fn r46_r48_a_host_is_answered_where_the_presented_certificate_bears_it_or_none_does() {
    let store = store(&root());
    // Coalesced on the wildcard's connection, though b has a certificate of its own too.
    assert!(store.may_answer(1, &host("a.site.example")));
    assert!(store.may_answer(1, &host("b.site.example")));
    assert!(store.may_answer(2, &host("b.site.example")));
    assert!(!store.may_answer(1, &host("site.example")));
    assert!(!store.may_answer(0, &host("a.site.example")));
    assert!(store.may_answer(0, &host("bar.other.example")), "no certificate names it");
    assert!(store.may_answer(2, &host("[2001:db8:0::7]")));
    assert!(!store.may_answer(0, &host("192.0.2.7")));
    assert!(store.names(&host("192.0.2.7")) && !store.names(&host("192.0.2.8")));
}

#[test]
fn a_wildcard_takes_no_address() {
    let mut names = Names::default();
    names.add(&HostPattern::Wildcard(host("0.2.1")), 0);
    assert_eq!(names.bearers("192.0.2.1").next(), None);
    assert_eq!(names.bearers("x.0.2.1").next(), Some(0));
}

/// Asks the store, and keeps what it was asked and what it gave.
#[derive(Debug)]
struct Recorder(Store, Mutex<Option<(Option<String>, Option<usize>)>>);

impl ResolvesServerCert for Recorder {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let sni = hello.server_name().map(str::to_owned);
        let choice = self.0.choose(sni.as_deref());
        *self.1.lock().expect("no panic") = Some((sni, choice));
        self.0.resolve(hello)
    }
}

fn server(resolver: Arc<dyn ResolvesServerCert>) -> ServerConnection {
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    ServerConnection::new(Arc::new(config)).expect("a server")
}

fn client(root: &Pair, name: &str, sni: bool) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(root.certificate.der().clone()).expect("a root");
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.enable_sni = sni;
    config.time_provider = Arc::new(Then);
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("a client")
}

/// The time at which all test certificates are valid.
#[derive(Debug)]
struct Then;

impl rustls::time_provider::TimeProvider for Then {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        Some(rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(testing::NOW)))
    }
}

/// A whole handshake in memory.
fn handshake(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), rustls::Error> {
    while client.is_handshaking() || server.is_handshaking() {
        let mut sent = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut sent).expect("memory");
        }
        server.read_tls(&mut sent.as_slice()).expect("memory");
        let server_said = server.process_new_packets().map(|_| ());
        let mut sent = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut sent).expect("memory");
        }
        client.read_tls(&mut sent.as_slice()).expect("memory");
        client.process_new_packets()?;
        server_said?;
    }
    client.writer().write_all(b"hello").expect("memory");
    let mut sent = Vec::new();
    client.write_tls(&mut sent).expect("memory");
    server.read_tls(&mut sent.as_slice()).expect("memory");
    server.process_new_packets()?;
    let mut heard = [0; 5];
    server.reader().read_exact(&mut heard).expect("the client's bytes");
    assert_eq!(&heard, b"hello");
    Ok(())
}

#[test]
fn real_clients_get_the_certificate_of_the_name_that_they_ask_for() {
    let root = root();
    let store = Arc::new(store(&root));
    for (name, index) in [("site.example", 0), ("any.site.example", 1), ("b.site.example", 2)] {
        let mut client = client(&root, name, true);
        handshake(&mut client, &mut server(store.clone())).expect(name);
        let presented = client.peer_certificates().expect("certificates");
        assert_eq!(presented, store.certificates()[index].key.cert, "{name}");
    }
    // No SNI: the first, which bears this name.
    let mut without = client(&root, "site.example", false);
    handshake(&mut without, &mut server(store.clone())).expect("no SNI");
    // An unknown name: the first, and the client is the one to judge.
    let refusal = handshake(&mut client(&root, "unknown.example", true), &mut server(store));
    assert!(matches!(refusal, Err(rustls::Error::InvalidCertificate(_))), "{refusal:?}");
}

#[test]
fn a_pending_name_ends_its_handshake_with_an_alert_and_touches_no_other() {
    let root = root();
    let store = Arc::new(store(&root));
    let refusal = handshake(&mut client(&root, "new.example", true), &mut server(store.clone()));
    assert_eq!(refusal, Err(rustls::Error::AlertReceived(AlertDescription::AccessDenied)));
    handshake(&mut client(&root, "b.site.example", true), &mut server(store)).expect("served");
}

/// What rustls asks the store for when a client puts `sni` into its hello, as bytes.
fn asked_for(sni: &str) -> Option<(Option<String>, Option<usize>)> {
    let root = root();
    let recorder = Arc::new(Recorder(store(&root), Mutex::new(None)));
    // A legal name of the same length, replaced in the bytes of the hello.
    let legal = "x".repeat(sni.len());
    let mut client = client(&root, &legal, true);
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("memory");
    let at = hello.windows(legal.len()).position(|window| window == legal.as_bytes()).expect("the SNI");
    hello[at..at + sni.len()].copy_from_slice(sni.as_bytes());
    let mut server = server(recorder.clone());
    server.read_tls(&mut hello.as_slice()).expect("memory");
    let _ = server.process_new_packets();
    recorder.1.lock().expect("no panic").take()
}

#[test]
fn r43_r44_what_rustls_makes_of_odd_names_is_what_the_module_says() {
    assert_eq!(asked_for("203.0.113.5"), Some((None, Some(0))), "an address is no SNI");
    assert_eq!(asked_for("192.0.2.7"), Some((None, Some(0))), "not even one that a certificate bears");
    assert_eq!(asked_for("b.site.example."), Some((Some("b.site.example".to_owned()), Some(2))));
    assert_eq!(asked_for("B.SITE.example"), Some((Some("b.site.example".to_owned()), Some(2))));
    assert_eq!(asked_for("other.example"), Some((Some("other.example".to_owned()), Some(0))));
    assert_eq!(asked_for("no host name"), None, "the handshake is over before");
}
