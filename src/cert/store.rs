//! Which certificate a connection is presented, and which hosts may be answered on it.
//!
//! By SNI: the certificate that bears the name exactly, then one with a wildcard
//! for it, in the order of the file; for an unknown name, or none, the first. So
//! the client judges, and says which names it saw. A name whose certificate is
//! not there yet gets none: presenting another would only teach people to click
//! warnings away.
//!
//! What rustls makes of odd SNI before it asks here (0.23, `server/hs.rs`; tests
//! below): an IP address counts as no SNI at all (RFC 6066 section 3 forbids it),
//! so such a client gets the first certificate; a trailing dot is dropped (by
//! `pki-types` since 1.16, and here); letters come lower-cased; what is no host
//! name ends the handshake with an `illegal_parameter` alert. No certificate here is an `access_denied`
//! alert there. All of it holds for HTTP/1.1 and HTTP/2 alike, as ALPN comes later.
//!
//! Nothing here locks, and a lookup allocates nothing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::route::host::{Host, HostPattern};

use super::Loaded;
use super::acme::alpn;

/// All certificates of one configuration: immutable, swapped whole on reload.
#[derive(Debug)]
pub struct Store {
    loaded: Vec<Loaded>,
    names: Names,
    /// Hosts whose certificate is not there yet; the indices mean nothing.
    pending: Names,
    /// Where answers to tls-alpn-01 are, where that challenge is used.
    challenges: Option<PathBuf>,
}

impl Store {
    /// `loaded` in the order of the file; `pending` are the hosts that none of them names while files are missing.
    pub fn new(loaded: Vec<Loaded>, pending: &[HostPattern]) -> Self {
        let mut names = Names::default();
        for (index, certificate) in loaded.iter().enumerate() {
            certificate.names.iter().for_each(|name| names.add(name, index));
        }
        let mut waiting = Names::default();
        pending.iter().for_each(|name| waiting.add(name, 0));
        Self { loaded, names, pending: waiting, challenges: None }
    }

    /// The same, answering a CA's validator from the files in this folder (RFC 8737).
    #[must_use]
    pub fn answering_challenges(self, folder: Option<PathBuf>) -> Self {
        Self { challenges: folder, ..self }
    }

    /// Whether validators are answered at all.
    pub fn answers_challenges(&self) -> bool {
        self.challenges.is_some()
    }

    /// All certificates, in the order of the file.
    pub fn certificates(&self) -> &[Loaded] {
        &self.loaded
    }

    /// The index of the certificate that a client with this SNI is presented; `None` where its handshake fails.
    pub fn choose(&self, sni: Option<&str>) -> Option<usize> {
        let first = (!self.loaded.is_empty()).then_some(0);
        let Some(sni) = sni else { return first };
        let sni = sni.strip_suffix('.').unwrap_or(sni);
        let sni = if sni.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(sni.to_ascii_lowercase())
        } else {
            Cow::Borrowed(sni)
        };
        match self.names.bearers(&sni).next() {
            Some(index) => Some(index),
            None if self.pending.bearers(&sni).next().is_some() => None,
            None => first,
        }
    }

    /// Whether some certificate names this host.
    pub fn names(&self, host: &Host) -> bool {
        self.names.bearers(host.as_str()).next().is_some()
    }

    /// Whether this host may be answered on a connection that was presented this certificate (RFC 9110 section
    /// 7.4, RFC 9113 section 9.1.1): it bears the host's name, or none does. Otherwise 421 sends the client to a
    /// connection of its own.
    pub fn may_answer(&self, presented: usize, host: &Host) -> bool {
        let mut bearers = self.names.bearers(host.as_str()).peekable();
        bearers.peek().is_none() || bearers.any(|bearer| bearer == presented)
    }
}

impl ResolvesServerCert for Store {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(folder) = &self.challenges
            && client_hello.alpn().is_some_and(alpn::is_asked)
        {
            // A file is read here, on a worker: a few hundred bytes, in a handshake that a CA alone has a use for.
            return alpn::answer_for(folder, client_hello.server_name()?);
        }
        let index = self.choose(client_hello.server_name())?;
        self.loaded.get(index).map(|certificate| certificate.key.clone())
    }
}

/// Who bears which name.
#[derive(Debug, Default)]
struct Names {
    exact: HashMap<Box<str>, Vec<usize>>,
    /// By what follows the first dot.
    wildcard: HashMap<Box<str>, Vec<usize>>,
}

impl Names {
    fn add(&mut self, name: &HostPattern, index: usize) {
        let (map, key) = match name {
            HostPattern::Exact(host) => (&mut self.exact, host),
            HostPattern::Wildcard(suffix) => (&mut self.wildcard, suffix),
        };
        map.entry(key.as_str().into()).or_default().push(index);
    }

    /// Who bears the name exactly, then by wildcard; each in the order of the file. `name` is in lower case.
    fn bearers(&self, name: &str) -> impl Iterator<Item = usize> {
        let exact = self.exact.get(name).map_or(&[][..], Vec::as_slice);
        let by_wildcard = name.split_once('.').and_then(|(_, suffix)| self.wildcard.get(suffix));
        let wildcard = match by_wildcard {
            // `*.0.2.1` must not take 192.0.2.1.
            Some(bearers) if name.parse::<Ipv4Addr>().is_err() => bearers.as_slice(),
            _ => &[],
        };
        exact.iter().chain(wildcard).copied()
    }
}

#[cfg(test)]
mod tests;
