//! A whole configuration's certificates.

use super::testing::{Entry, chain, clock, shown};
use super::*;
use crate::config;

/// A configuration with these certificates and, by a line of hosts each, these sites.
fn config(certificates: &[&Entry], sites: &[&str], more: &str) -> Config {
    let mut text = format!("[server]\nhttps = [\"127.0.0.1:8443\"]\n{more}\n");
    for entry in certificates {
        let path = |name| entry.folder.path().join(name).display().to_string();
        text += &format!(
            "[[certificate]]\nchain = {:?}\nkey = {:?}\ntrusted_roots = {:?}\n",
            path("fullchain.pem"),
            path("privkey.pem"),
            path("root.pem"),
        );
    }
    for hosts in sites {
        text += &format!("[[site]]\nhosts = [{hosts}]\n[[site.route]]\npath = \"/\"\nrespond = \"hello\"\n");
    }
    let parsed = config::parse(&text, "gatepost.toml".as_ref());
    parsed.config.unwrap_or_else(|| panic!("{:#?}", parsed.findings))
}

const ACME: &str = "acme_webroot = \"/var/www/acme\"";

fn entry(names: &[&str]) -> Entry {
    let c = chain(names);
    Entry::new(&(c.leaf.pem() + &c.middle.pem()), &c.leaf, &c.root)
}

/// One whose files are not there yet.
fn missing(names: &[&str]) -> Entry {
    let entry = entry(names);
    for name in ["fullchain.pem", "privkey.pem"] {
        std::fs::remove_file(entry.folder.path().join(name)).expect("removed");
    }
    entry
}

#[test]
fn a_host_that_no_certificate_names_is_a_fault_at_its_site() {
    let one = entry(&["site.example", "*.b.example"]);
    let sites = [r#""site.example", "*.b.example", "x.b.example""#, r#""other.example", "*.site.example""#];
    let config = config(&[&one], &sites, "");
    let (entries, findings) = open(&config, clock(), None);
    assert!(entries.is_some());
    let said: Vec<String> = findings.iter().map(shown).collect();
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].starts_with("Fault: no certificate names other.example"), "{said:#?}");
    assert!(said[1].starts_with("Fault: no certificate names *.site.example"), "{said:#?}");
    assert!(findings.iter().all(|finding| finding.place == config.sites[1].place));
}

#[test]
fn missing_files_stop_the_start_unless_acme_may_bring_them() {
    let (one, new) = (entry(&["site.example"]), missing(&["new.example"]));
    let sites = [r#""new.example""#, r#""site.example""#];
    let (entries, findings) = open(&config(&[&new, &one], &sites, ""), clock(), None);
    assert!(entries.is_none());
    assert_eq!(findings.iter().filter(|finding| finding.severity == Severity::Fatal).count(), 2, "chain and key");

    let config = config(&[&new, &one], &sites, ACME);
    let (entries, findings) = open(&config, clock(), None);
    let store = Live::new(&config, entries.expect("served without it")).store();
    assert!(findings.iter().all(|finding| finding.severity == Severity::Grave), "{findings:?}");
    assert_eq!(findings.len(), 2, "chain and key");
    assert!(shown(&findings[0]).contains("have it issued through port 80"), "{findings:?}");
    assert_eq!(store.choose(Some("new.example")), None);
    assert_eq!(store.choose(Some("site.example")), Some(0));
    assert_eq!(store.choose(None), Some(0));
}

#[test]
fn one_refused_certificate_refuses_all_and_every_finding_is_there() {
    let (good, bad, worse) = (entry(&["site.example"]), entry(&["b.example"]), entry(&["c.example"]));
    bad.write("privkey.pem", "");
    worse.write("fullchain.pem", "");
    let (entries, findings) = open(&config(&[&bad, &good, &worse], &[r#""site.example""#], ACME), clock(), None);
    assert!(entries.is_none());
    assert_eq!(findings.len(), 2, "{findings:?}");
}
