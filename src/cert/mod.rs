//! Certificates: read, judged, put right, chosen by SNI.
//!
//! The way in is [`open`] for all of a configuration, [`load()`] for one entry. It
//! fetches nothing and renews nothing, and refuses to start on what would lock
//! some clients out without a word to anybody: a bare leaf above all.

mod chain;
pub mod development;
mod judge;
mod key;
mod load;
mod member;
mod missing;
pub mod pem;
pub mod read;
mod roots;
pub mod store;
#[cfg(test)]
mod testing;

pub use self::load::{Loaded, NotLoaded, load};
pub use self::store::Store;

use crate::clock::Clock;
use crate::config::finding::{Finding, Severity};
use crate::config::model::Config;
use crate::route::host::HostPattern;

/// Loads every certificate of a configuration; all findings in one go.
///
/// There is a store unless a finding is fatal. Where `acme_webroot` is set, files that are not there yet are a fault
/// and not fatal: port 80 must open for them ever to come. A host that no certificate names is a fault.
pub fn open(config: &Config, clock: Clock) -> (Option<Store>, Vec<Finding>) {
    let when_missing = if config.server.acme_webroot.is_some() { Severity::Grave } else { Severity::Fatal };
    let mut loaded = Vec::new();
    let mut some_missing = false;
    let mut findings = Vec::new();
    for files in &config.certificates {
        let (outcome, found) = load(files, clock, when_missing);
        findings.extend(found);
        match outcome {
            Ok(certificate) => loaded.push(certificate),
            Err(NotLoaded::Missing) => some_missing = true,
            Err(NotLoaded::Refused) => {}
        }
    }
    let mut pending = Vec::new();
    let hosts = config.sites.iter().flat_map(|site| site.hosts.iter().map(move |host| (site, host)));
    for (site, host) in hosts.filter(|(_, host)| !is_named(host, &loaded)) {
        if some_missing {
            pending.push(host.clone());
        } else if !loaded.is_empty() && !config.server.https.is_empty() {
            let what =
                format!("no certificate names {host}: clients that ask for it over https will refuse what they get");
            let mend = "have a certificate issued that bears this name, and name its files in a [[certificate]]";
            findings.push(Finding::fault(site.place.clone(), what).mend(mend));
        }
    }
    let fatal = findings.iter().any(|finding| finding.severity == Severity::Fatal);
    let store = (!fatal).then(|| Store::new(loaded, &pending));
    (store, findings)
}

/// Whether a certificate names all that a site's pattern takes.
fn is_named(pattern: &HostPattern, loaded: &[Loaded]) -> bool {
    let mut names = loaded.iter().flat_map(|certificate| &certificate.names);
    match pattern {
        HostPattern::Exact(host) => names.any(|name| name.takes(host)),
        HostPattern::Wildcard(_) => names.any(|name| name == pattern),
    }
}

#[cfg(test)]
mod tests;
