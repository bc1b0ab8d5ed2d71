//! The certificates in use, and the one door through which they change while gatepost serves.
//!
//! Whoever has something new, a file that changed or a certificate that a CA just
//! issued, puts it here; a new [`Store`] of everything goes out on a channel, and
//! the server takes it up for the next handshake. Routes, upstreams and open
//! connections know nothing of it.
//!
//! It reads no file and judges nothing: what is put here has been judged. Nothing
//! on a request's way comes here, so that its lock holds up nobody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::config::model::{CertificateFiles, Config};
use crate::route::host::HostPattern;

use super::{Loaded, Store, is_named};

/// One `[[certificate]]` with what came of its files.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its files.
    pub files: CertificateFiles,
    /// What is served; `None` while they have not been there yet.
    pub loaded: Option<Loaded>,
}

/// A certificate that gatepost has issued itself.
#[derive(Debug, Clone)]
struct Issued {
    name: String,
    /// Whom it is for: handshakes for these fail until there is a certificate that names them.
    hosts: Vec<HostPattern>,
    loaded: Option<Loaded>,
}

/// The certificates in use.
#[derive(Debug)]
pub struct Live {
    held: Mutex<Held>,
    stores: watch::Sender<Arc<Store>>,
    entries: watch::Sender<Arc<[CertificateFiles]>>,
}

#[derive(Debug, Default)]
struct Held {
    entries: Vec<Entry>,
    issued: Vec<Issued>,
    hosts: Vec<HostPattern>,
}

impl Live {
    /// Begins with what [`super::open`] read of a configuration.
    pub fn new(config: &Config, entries: Vec<Entry>) -> Self {
        let held = Held { hosts: hosts(config), entries, issued: Vec::new() };
        let files = held.files();
        Self {
            stores: watch::Sender::new(Arc::new(held.store())),
            entries: watch::Sender::new(files),
            held: held.into(),
        }
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
        self.entries.subscribe()
    }

    /// What is served from these files; `None` where nothing is.
    pub fn loaded(&self, files: &CertificateFiles) -> Option<Loaded> {
        let held = self.held();
        held.entries.iter().find(|entry| is_of(entry, files)).and_then(|entry| entry.loaded.clone())
    }

    /// Every certificate that is served, with what a person calls it: its chain file, or the name under which it was
    /// issued.
    pub fn all(&self) -> Vec<(String, Loaded)> {
        let held = self.held();
        let from_files = held.entries.iter().map(|entry| (entry.files.chain.display().to_string(), &entry.loaded));
        let issued = held.issued.iter().map(|issued| (issued.name.clone(), &issued.loaded));
        from_files.chain(issued).filter_map(|(name, loaded)| Some((name, loaded.clone()?))).collect()
    }

    /// Serves this from these files from the next handshake on. Nothing happens where no `[[certificate]]` has these
    /// files any more.
    pub fn put_files(&self, files: &CertificateFiles, loaded: Loaded) {
        let mut held = self.held();
        if let Some(entry) = held.entries.iter_mut().find(|entry| is_of(entry, files)) {
            entry.loaded = Some(loaded);
            self.publish(&held);
        }
    }

    /// Announces a certificate that gatepost will have issued for these hosts: until it is [`Self::put`], handshakes
    /// for those that no other certificate names fail cleanly. Announced again, it keeps what it has.
    pub fn expect(&self, name: &str, hosts: Vec<HostPattern>) {
        let mut held = self.held();
        match held.issued.iter_mut().find(|issued| issued.name == name) {
            Some(issued) => issued.hosts = hosts,
            None => held.issued.push(Issued { name: name.to_owned(), hosts, loaded: None }),
        }
        self.publish(&held);
    }

    /// Serves an issued certificate, in place of the one of this name, from the next handshake on.
    pub fn put(&self, name: &str, loaded: Loaded) {
        let mut held = self.held();
        match held.issued.iter_mut().find(|issued| issued.name == name) {
            Some(issued) => issued.loaded = Some(loaded),
            None => held.issued.push(Issued { name: name.to_owned(), hosts: Vec::new(), loaded: Some(loaded) }),
        }
        self.publish(&held);
    }

    /// Serves the issued certificate of this name no more.
    pub fn withdraw(&self, name: &str) {
        let mut held = self.held();
        held.issued.retain(|issued| issued.name != name);
        self.publish(&held);
    }

    /// Takes up the `[[certificate]]` entries of another configuration; issued certificates stay.
    pub fn adopt(&self, config: &Config, entries: Vec<Entry>) {
        let mut held = self.held();
        held.entries = entries;
        held.hosts = hosts(config);
        self.publish(&held);
        self.entries.send_replace(held.files());
    }

    fn publish(&self, held: &Held) {
        self.stores.send_replace(Arc::new(held.store()));
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Every change is a single assignment, so that a panic leaves nothing half-done behind.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
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
        Store::new(loaded, &pending)
    }
}

fn hosts(config: &Config) -> Vec<HostPattern> {
    config.sites.iter().flat_map(|site| site.hosts.iter().cloned()).collect()
}

fn is_of(entry: &Entry, files: &CertificateFiles) -> bool {
    entry.files.chain == files.chain && entry.files.key == files.key
}
