//! The certificates in use, and the one door through which they change while gatepost serves.
//!
//! Whoever has something new, a file that changed or a certificate that a CA just
//! issued, puts it here; a new [`Store`] of everything goes out on a channel, and
//! the server takes it up for the next handshake. Routes, upstreams and open
//! connections know nothing of it.
//!
//! It reads no file and judges nothing: what is put here has been judged. Nothing
//! on a request's way comes here, so that its lock holds up nobody.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::config::model::{AcmeChallenge, CertificateFiles, Config};
use crate::route::host::HostPattern;

use super::{Loaded, Store, acme, is_named};

/// One `[[certificate]]` with what came of its files.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its files.
    pub files: CertificateFiles,
    /// What is served; `None` while they have not been there yet.
    pub loaded: Option<Loaded>,
}

/// A certificate that gatepost has had issued, or will have.
#[derive(Debug, Clone)]
pub struct Issued {
    /// What it is called.
    pub name: String,
    /// Whom it is for: handshakes for these fail until there is a certificate that names them.
    pub hosts: Vec<HostPattern>,
    /// What is served; `None` while there is none yet.
    pub loaded: Option<Loaded>,
}

/// A certificate that is served, and where it is from.
#[derive(Debug, Clone)]
pub struct Held {
    /// Where it is from.
    pub origin: Origin,
    /// What is presented.
    pub loaded: Loaded,
}

/// Where a certificate is from; prints as the words after "the certificate".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A `[[certificate]]` with this chain file.
    Files(PathBuf),
    /// Issued by gatepost under this name.
    Issued(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(chain) => write!(f, "in {}", chain.display()),
            Self::Issued(name) => write!(f, "issued as {name}"),
        }
    }
}

/// The certificates in use.
#[derive(Debug)]
pub struct Live {
    state: Mutex<State>,
    stores: watch::Sender<Arc<Store>>,
    files: watch::Sender<Arc<[CertificateFiles]>>,
}

#[derive(Debug)]
struct State {
    entries: Vec<Entry>,
    issued: Vec<Issued>,
    /// The hosts of all sites.
    hosts: Vec<HostPattern>,
    /// Where answers to tls-alpn-01 are, where that challenge is used.
    challenges: Option<PathBuf>,
}

impl Live {
    /// Begins with what [`super::open`] read of a configuration.
    pub fn new(config: &Config, entries: Vec<Entry>) -> Self {
        Self::begin(hosts(config), challenges(config), entries)
    }

    fn begin(hosts: Vec<HostPattern>, challenges: Option<PathBuf>, entries: Vec<Entry>) -> Self {
        let state = State { entries, issued: Vec::new(), hosts, challenges };
        let (stores, files) = (watch::Sender::new(Arc::new(state.store())), watch::Sender::new(state.files()));
        Self { state: state.into(), stores, files }
    }

    /// Without a configuration.
    #[cfg(test)]
    pub(super) fn of(entries: Vec<Entry>) -> Self {
        Self::begin(Vec::new(), None, entries)
    }

    /// What is served now.
    pub fn store(&self) -> Arc<Store> {
        self.stores.borrow().clone()
    }

    /// Every store from now on; the server follows it.
    pub fn stores(&self) -> watch::Receiver<Arc<Store>> {
        self.stores.subscribe()
    }

    /// The files of every `[[certificate]]`, now and after each reload of the configuration.
    pub fn files(&self) -> watch::Receiver<Arc<[CertificateFiles]>> {
        self.files.subscribe()
    }

    /// What is served from these files; `None` where nothing is.
    pub fn loaded(&self, files: &CertificateFiles) -> Option<Loaded> {
        let state = self.state();
        state.entries.iter().find(|entry| is_of(entry, files)).and_then(|entry| entry.loaded.clone())
    }

    /// Every certificate that is served, in the order of the store.
    pub fn all(&self) -> Vec<Held> {
        let state = self.state();
        let from_files = state.entries.iter().map(|entry| (Origin::Files(entry.files.chain.clone()), &entry.loaded));
        let issued = state.issued.iter().map(|issued| (Origin::Issued(issued.name.clone()), &issued.loaded));
        let all = from_files.chain(issued);
        all.filter_map(|(origin, loaded)| Some(Held { origin, loaded: loaded.clone()? })).collect()
    }

    /// Serves this from these files from the next handshake on. Nothing happens where no `[[certificate]]` has these
    /// files any more.
    pub fn put_files(&self, files: &CertificateFiles, loaded: Loaded) {
        let mut state = self.state();
        if let Some(entry) = state.entries.iter_mut().find(|entry| is_of(entry, files)) {
            entry.loaded = Some(loaded);
            self.publish(&state);
        }
    }

    /// Serves these issued certificates in place of those before, all in one step. Where several name a host, the
    /// first does. Handshakes for hosts of one that is not there yet fail cleanly.
    pub fn put_issued(&self, issued: Vec<Issued>) {
        let mut state = self.state();
        state.issued = issued;
        self.publish(&state);
    }

    /// Takes up the `[[certificate]]` entries of another configuration; issued certificates stay.
    pub fn adopt(&self, config: &Config, entries: Vec<Entry>) {
        let mut state = self.state();
        state.entries = entries;
        state.hosts = hosts(config);
        state.challenges = challenges(config);
        self.publish(&state);
        self.files.send_replace(state.files());
    }

    fn publish(&self, state: &State) {
        self.stores.send_replace(Arc::new(state.store()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a single assignment, so that a panic leaves nothing half-done behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn files(&self) -> Arc<[CertificateFiles]> {
        self.entries.iter().map(|entry| entry.files.clone()).collect()
    }

    fn store(&self) -> Store {
        let from_files = self.entries.iter().filter_map(|entry| entry.loaded.clone());
        let issued = self.issued.iter().filter_map(|issued| issued.loaded.clone());
        let loaded: Vec<Loaded> = from_files.chain(issued).collect();
        let some_missing = self.entries.iter().any(|entry| entry.loaded.is_none());
        let awaited = self.issued.iter().flat_map(|issued| &issued.hosts);
        let awaited = awaited.chain(self.hosts.iter().filter(|_| some_missing));
        let pending: Vec<HostPattern> = awaited.filter(|host| !is_named(host, &loaded)).cloned().collect();
        Store::new(loaded, &pending).answering_challenges(self.challenges.clone())
    }
}

fn hosts(config: &Config) -> Vec<HostPattern> {
    config.sites.iter().flat_map(|site| site.hosts.iter().cloned()).collect()
}

fn challenges(config: &Config) -> Option<PathBuf> {
    let acme = config.acme.as_ref().filter(|acme| acme.challenge == AcmeChallenge::TlsAlpn01)?;
    Some(acme::Storage::new(&acme.storage).tls_alpn_01())
}

fn is_of(entry: &Entry, files: &CertificateFiles) -> bool {
    entry.files.chain == files.chain && entry.files.key == files.key
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, Entry as Files};
    use super::*;

    fn loaded(name: &str) -> (CertificateFiles, Loaded) {
        let root = testing::ca("Root").self_signed();
        let middle = testing::ca("Middle").by(&root);
        let leaf = testing::leaf(&[name]).by(&middle);
        let entry = Files::new(&(leaf.pem() + &middle.pem()), &leaf, &root);
        (entry.files.clone(), entry.served().0)
    }

    fn hosts(names: &[&str]) -> Vec<HostPattern> {
        names.iter().map(|name| HostPattern::parse(name).expect("a pattern")).collect()
    }

    fn chosen(live: &Live, name: &str) -> Option<Vec<u8>> {
        let store = live.store();
        store.choose(Some(name)).map(|index| store.certificates()[index].key.cert[0].to_vec())
    }

    fn leaf(loaded: &Loaded) -> Option<Vec<u8>> {
        Some(loaded.key.cert[0].to_vec())
    }

    fn issued(hosts: Vec<HostPattern>, loaded: Option<&Loaded>) -> Issued {
        Issued { name: "new".into(), hosts, loaded: loaded.cloned() }
    }

    #[test]
    fn a_name_that_is_waited_for_gets_nothing_and_others_are_served() {
        let (files, first) = loaded("site.example");
        let live = Live::of(vec![Entry { files, loaded: Some(first.clone()) }]);
        live.put_issued(vec![issued(hosts(&["new.example", "site.example"]), None)]);
        assert_eq!(chosen(&live, "new.example"), None);
        assert_eq!(chosen(&live, "site.example"), leaf(&first), "named by another");
        assert_eq!(chosen(&live, "unknown.example"), leaf(&first));

        let (_, new) = loaded("new.example");
        let awaited = issued(hosts(&["new.example", "more.example"]), None);
        live.put_issued(vec![issued(Vec::new(), Some(&new)), awaited]);
        assert_eq!(chosen(&live, "new.example"), leaf(&new));
        assert_eq!(chosen(&live, "more.example"), None);

        let (_, renewed) = loaded("new.example");
        live.put_issued(vec![issued(Vec::new(), Some(&renewed)), issued(Vec::new(), Some(&new))]);
        assert_eq!(chosen(&live, "new.example"), leaf(&renewed), "the first that names it");
        live.put_issued(Vec::new());
        assert_eq!(chosen(&live, "new.example"), leaf(&first), "nobody's name any more");
    }

    #[test]
    fn files_of_no_entry_are_not_served_and_every_change_is_told() {
        let ((files, first), (others, second)) = (loaded("site.example"), loaded("site.example"));
        let live = Live::of(vec![Entry { files: files.clone(), loaded: Some(first.clone()) }]);
        let mut stores = live.stores();
        live.put_files(&others, second.clone());
        assert!(!stores.has_changed().expect("open"));
        live.put_files(&files, second.clone());
        assert!(stores.has_changed().expect("open"));
        stores.borrow_and_update();
        assert_eq!(chosen(&live, "site.example"), leaf(&second));
        assert_eq!(live.loaded(&files).map(|loaded| leaf(&loaded)), Some(leaf(&second)));
        assert!(live.loaded(&others).is_none());
    }
}
