//! From what a CA issued to what is served, and what is planned of it: on disk, without a CA.

mod plans;
mod puts;

use std::path::Path;

use tempfile::TempDir;

use super::super::testing::{self, Chain, NOW, Pair, chain, clock, leaf, shown};
use super::order::Issued as FromCa;
use super::put::put;
use super::storage::{Storage, write_json};
use super::stored::{RECORD, Stored, all};
use super::wanted::Wanted;
use super::*;
use crate::config;
use crate::config::finding::Severity;
use crate::config::model::AcmeDirectory;
use crate::secret::Secret;

/// A configuration whose `[acme]` keeps its things in a folder of its own, and a CA of ours that it believes.
struct Bench {
    folder: TempDir,
    config: Config,
    wanted: Wanted,
    storage: Storage,
    ca: Chain,
}

/// With these sites, each a list of hosts in TOML, and more keys of `[acme]`.
fn bench(sites: &[&str], keys: &str) -> Bench {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = chain(&["unused.example"]);
    std::fs::write(folder.path().join("root.pem"), ca.root.pem()).expect("written");
    let config = parsed(folder.path(), sites, keys);
    let wanted = Wanted::of(&config, clock()).expect("[acme]");
    let storage = Storage::new(&wanted.acme.storage);
    storage.prepare(&wanted.acme.directory).expect("made");
    Bench { folder, config, wanted, storage, ca }
}

fn parsed(folder: &Path, sites: &[&str], keys: &str) -> Config {
    let mut text = format!(
        "[server]\nhttps = [\"127.0.0.1:8443\"]\nstate = \"state\"\n[acme]\ndirectory = \"https://ca.internal/dir\"\n\
         trusted_roots = \"root.pem\"\n{keys}\n"
    );
    for hosts in sites {
        text += &format!("[[site]]\nhosts = [{hosts}]\n[[site.route]]\npath = \"/\"\nrespond = \"hello\"\n");
    }
    let parsed = config::parse(&text, &folder.join("gatepost.toml"));
    parsed.config.unwrap_or_else(|| panic!("{:#?}", parsed.findings))
}

fn hosts(names: &[&str]) -> Vec<HostPattern> {
    names.iter().map(|name| HostPattern::parse(name).expect("a name")).collect()
}

impl Bench {
    /// What the CA sends for a leaf with this key.
    fn sent(&self, leaf: &Pair, key: &Pair) -> FromCa {
        FromCa {
            chain: leaf.pem() + &self.ca.middle.pem(),
            key: Secret::new(key.key_pem()),
            order: "https://ca.internal/order/1".into(),
            replaces: false,
        }
    }

    /// Issues as a good CA does, for this many days from now on, and puts in place.
    fn issue(&self, names: &[&str], from: i64, until: i64) -> Stored {
        let mut spec = leaf(names).days(from, until);
        // As every public CA does; renewal information is asked for by it.
        spec.params.use_authority_key_identifier_extension = true;
        let leaf = spec.by(&self.ca.middle);
        let issued = self.sent(&leaf, &leaf);
        let mut stored = put(&self.wanted, &self.storage, &hosts(names), &issued, clock()).expect("in place");
        stored.record.issued = stored.loaded.not_before;
        write_json(&stored.folder.join(RECORD), &stored.record).expect("written");
        stored
    }

    /// Puts what must be refused; why, and the mend.
    fn refused(&self, names: &[&str], issued: &FromCa) -> (String, String) {
        match put(&self.wanted, &self.storage, &hosts(names), issued, clock()) {
            Err(Failure::Chain { why, mend }) => (why, mend.unwrap_or_default()),
            other => panic!("{other:?}"),
        }
    }

    /// The names of the folders with certificates.
    fn folders(&self) -> Vec<String> {
        self.stored().iter().map(Stored::name).collect()
    }

    /// Newest first.
    fn stored(&self) -> Vec<Stored> {
        all(&self.storage.certificates(), &self.wanted.acme, clock()).0
    }

    /// What `open` says.
    fn said(&self) -> Vec<String> {
        let (_, findings) = super::super::open(&self.config, clock(), None);
        findings.iter().map(shown).collect()
    }
}

#[test]
fn until_there_is_a_certificate_its_hosts_fail_and_others_are_served() {
    let bench = bench(&[r#""a.internal.site", "b.internal.site""#, r#""c.site""#], "");
    bench.issue(&["c.site"], -1, 80);
    let live = super::super::Live::new(&bench.config, Vec::new());
    live.put_issued(issued(&bench.wanted, clock()));
    let store = live.store();
    assert_eq!(store.choose(Some("c.site")), Some(0));
    assert_eq!((store.choose(Some("a.internal.site")), store.choose(Some("b.internal.site"))), (None, None));
    let before = parsed(&bench.folder.path().join("elsewhere"), &[r#""a.internal.site""#], "");
    assert!(super::super::open(&before, clock(), None).1.is_empty(), "before the first run there is nothing to say");
    let said = bench.said();
    testing::one(&said, &["Warning: there is no certificate for a.internal.site, b.internal.site yet"]);

    bench.issue(&["a.internal.site", "b.internal.site"], -1, 80);
    live.put_issued(issued(&bench.wanted, clock()));
    assert!(live.store().choose(Some("b.internal.site")).is_some());
    assert_eq!(bench.said(), [""; 0]);
}

#[test]
fn what_failed_last_is_said_with_its_mend_and_the_next_try() {
    let bench = bench(&[r#""a.site", "b.site""#], "");
    let mut ledger = Ledger::read(&bench.storage, &bench.wanted.acme.directory);
    let now = i64::try_from(NOW).expect("a time");
    ledger.name_failed("b.site", "connection: Timeout; open port 80".into(), 0.0, now);
    ledger.write(now).expect("written");
    let said = bench.said();
    testing::some(
        &said,
        &["Fault: there is no certificate for b.site yet: connection: Timeout; open port 80", "again at"],
    );
    testing::some(&said, &["Warning: there is no certificate for a.site yet"]);
}

#[test]
fn a_wildcard_needs_dns_and_the_ways_out_are_named() {
    let text = "[acme]\n[[site]]\nhosts = [\"*.site.com\"]\n[[site.route]]\npath = \"/\"\nrespond = \"x\"\n";
    let parsed = config::parse(text, "gatepost.toml".as_ref());
    assert!(parsed.config.is_none());
    let said: Vec<String> = parsed.findings.iter().map(shown).collect();
    testing::one(&said, &["Fatal", "*.site.com by http-01", "dns-01", "dns_hook", "[[certificate]]"]);

    let bench = bench(&[r#""*.site.com", "site.com", "www.site.com""#], "challenge = \"dns-01\"\ndns_hook = \"true\"");
    assert_eq!(bench.wanted.groups, [hosts(&["*.site.com", "site.com"])], "www is the wildcard's");
    let stored = bench.issue(&["*.site.com", "site.com"], -1, 80);
    assert_eq!(stored.name(), "_.site.com");
    assert_eq!(bench.said(), [""; 0]);
}

#[test]
fn a_host_with_its_own_certificate_is_not_ordered() {
    let own = chain(&["own.site"]);
    let entry = testing::Entry::new(&(own.leaf.pem() + &own.middle.pem()), &own.leaf, &own.root);
    let bench = bench(&[r#""own.site", "a.site", "192.0.2.1", "intranet""#], "");
    let path = |name: &str| entry.folder.path().join(name).display().to_string();
    let text = format!(
        "[[certificate]]\nchain = {:?}\nkey = {:?}\ntrusted_roots = {:?}\n",
        path("fullchain.pem"),
        path("privkey.pem"),
        path("root.pem")
    );
    let config = parsed(bench.folder.path(), &[r#""own.site", "a.site", "192.0.2.1", "intranet""#], &text);
    let wanted = Wanted::of(&config, clock()).expect("[acme]");
    assert_eq!(wanted.groups, [hosts(&["a.site", "intranet"])], "a private CA may know single names");
    let (_, findings) = super::super::open(&config, clock(), None);
    let said: Vec<String> = findings.iter().map(shown).collect();
    testing::some(&said, &["Fault: [acme] gets no certificate for the address 192.0.2.1"]);
    assert!(!said.iter().any(|line| line.contains("own.site")), "{said:#?}");
}

#[test]
fn a_damaged_certificate_is_ordered_anew_and_stops_nothing() {
    let bench = bench(&[r#""a.site""#, r#""b.site""#], "");
    let a = bench.issue(&["a.site"], -1, 80);
    bench.issue(&["b.site"], -1, 80);
    std::fs::write(a.folder.join("key.pem"), "nonsense").expect("written");
    let (entries, findings) = super::super::open(&bench.config, clock(), None);
    assert!(entries.is_some(), "serving starts");
    assert!(findings.iter().all(|finding| finding.severity < Severity::Fatal), "{findings:?}");
    testing::some(&bench.said(), &["Grave", "key.pem", "gatepost has it issued anew"]);
    assert_eq!(bench.folders(), ["b.site"]);
    assert_eq!(Wanted::of(&bench.config, clock()).map(|wanted| wanted.groups.len()), Some(2));
}

#[test]
fn sites_with_very_many_hosts_get_several_certificates() {
    let many: Vec<String> = (0..60).map(|n| format!("\"h{n}.site\"")).collect();
    let bench = bench(&[&many.join(", ")], "");
    assert_eq!(bench.wanted.groups.iter().map(Vec::len).collect::<Vec<_>>(), [25, 25, 10]);
}
