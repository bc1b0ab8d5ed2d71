//! `gatepost cert inspect`: the chain set, from files and from servers, and what other clients make of it.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use serde_json::Value;

use crate::support::chains::{Case, HOST, set};
use crate::support::process::{Outcome, gatepost};

/// What a person would type, and what came of it.
async fn inspect(folder: &Path, what: &str, more: &[&str]) -> (Outcome, Value) {
    let arguments = [&["cert", "inspect", what, "--json"], more].concat();
    let outcome = gatepost(folder, &arguments).await;
    let report = serde_json::from_str(&outcome.stdout).unwrap_or(Value::Null);
    (outcome, report)
}

/// `missing-intermediate unneeded`.
fn findings(report: &Value) -> Vec<&str> {
    let all = report["findings"].as_array().expect("findings");
    let mut kinds: Vec<&str> = all.iter().map(|finding| finding["kind"].as_str().expect("a kind")).collect();
    kinds.sort_unstable();
    kinds
}

/// The first letter of each verdict.
fn verdicts(report: &Value) -> String {
    let all = report["verdicts"].as_array().expect("verdicts");
    all.iter().map(|verdict| &verdict["verdict"].as_str().expect("a verdict")[..1]).collect()
}

fn write(folder: &Path, case: &Case) {
    std::fs::write(folder.join(case.name), case.pem()).expect("a chain");
    std::fs::write(folder.join("root.pem"), &case.root).expect("a root");
}

#[tokio::test]
async fn every_chain_of_the_set_gets_its_findings_and_verdicts_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut wrong = Vec::new();
    for case in set() {
        // Whose key the server has, a file without a key does not tell.
        if case.findings == ["key-mismatch"] {
            continue;
        }
        write(folder.path(), &case);
        let (outcome, report) =
            inspect(folder.path(), &format!("./{}", case.name), &["--roots", "root.pem", "--name", HOST]).await;
        wrong.extend(judged_wrongly(&case, &outcome, &report));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn every_chain_of_the_set_gets_them_from_a_server_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut wrong = Vec::new();
    for case in set() {
        write(folder.path(), &case);
        let server = format!("127.0.0.1:{}", case.serve().await);
        let (outcome, report) = inspect(folder.path(), &server, &["--roots", "root.pem", "--name", HOST]).await;
        if case.name == "leaf-last" {
            // The server has the leaf's key and shows another's certificate: two faults.
            assert_eq!(findings(&report), ["key-mismatch", "leaf-not-first"], "{outcome:?}");
            assert_eq!(outcome.code, Some(1));
            continue;
        }
        wrong.extend(judged_wrongly(&case, &outcome, &report));
        assert_eq!(report["tls"]["1.3"], "offered", "{}: {report}", case.name);
        assert_eq!(report["tls"]["1.2"], "offered", "{}: {report}", case.name);
        assert_eq!(report["tls"]["1.1"], "refused", "{}: {report}", case.name);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn judged_wrongly(case: &Case, outcome: &Outcome, report: &Value) -> Option<String> {
    if report.is_null() {
        return Some(format!("{}: {outcome:?}", case.name));
    }
    let (found, verdicts) = (findings(report), verdicts(report));
    let is_warning = |finding: &Value| finding["severity"] == "warning";
    let good = report["findings"].as_array().is_some_and(|all| all.iter().all(is_warning));
    let right = found == case.findings
        && verdicts == case.verdicts
        && outcome.code == Some(i32::from(!good))
        && report["good"] == good
        // Whoever is or may be locked out, that is a fault.
        && (!good || verdicts == "ttttt")
        && report["findings"].as_array().is_some_and(|all| all.iter().all(|finding| finding["mend"].is_string()));
    (!right).then(|| {
        format!("{}: {:?} {found:?} {verdicts}, not {:?} {}", case.name, outcome.code, case.findings, case.verdicts)
    })
}

#[test]
fn the_table_is_what_a_rustls_client_says_and_no_strict_family_is_told_to_trust_what_it_refuses() {
    let mut wrong = Vec::new();
    for case in set() {
        let root = CertificateDer::from_pem_slice(case.root.as_bytes()).expect("a root");
        let mut roots = RootCertStore::empty();
        roots.add(root).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().expect("a verifier");
        let name = ServerName::try_from(HOST).expect("a name");
        let verdict = verifier.verify_server_cert(&case.sent[0], &case.sent[1..], &name, &[], UnixTime::now());
        // A verifier sees no key; that a wrong one is refused the handshake shows.
        let takes = verdict.is_ok() && case.findings != ["key-mismatch"];
        if takes != case.rustls {
            wrong.push(format!("{}: {verdict:?}", case.name));
        }
        let strict = case.verdicts.as_bytes();
        for (family, takes) in [(3, case.java), (4, case.openssl)] {
            let consistent = match strict[family] {
                b't' => takes,
                b'r' => !takes,
                _ => true,
            };
            if !consistent {
                wrong.push(format!("{}: family {family} is said to {}", case.name, strict[family] as char));
            }
        }
        // Android does what rustls does or less, whatever the chain.
        if strict[1] == b't' && !case.rustls {
            wrong.push(format!("{}: Android is said to trust", case.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
