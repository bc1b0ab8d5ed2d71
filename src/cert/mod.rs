//! Certificates: read, judged, put right, chosen by SNI.
//!
//! The way in is [`open`] for all of a configuration, [`load()`] for one entry. What
//! is served lives in [`live`]; `reload` watches the files for what changes, and
//! `expiry` the calendar for what ends. Certificates that a CA issues for `[acme]`
//! are had and renewed in [`acme`]. `doctor` examines any chain, of a file or of a
//! server, and `bundle` puts one right; both are for a person at a terminal.
//!
//! It refuses to start on what would lock some clients out without a word to
//! anybody: a bare leaf above all.

pub mod acme;
pub mod bundle;
mod chain;
mod container;
pub mod development;
pub mod doctor;
pub mod expiry;
pub mod fetch;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod judge;
mod key;
pub mod live;
mod load;
mod member;
mod missing;
pub mod pem;
pub mod read;
pub mod reload;
mod roots;
pub mod store;
#[cfg(test)]
pub(crate) mod testing;
mod walk;
pub(crate) mod words;
mod write;

pub use self::live::{Entry, Issued, Live};
pub use self::load::{Loaded, NotLoaded, load};
pub use self::store::Store;
pub use self::write::whole as write_whole;

use crate::clock::Clock;
use crate::config::finding::{Finding, Severity};
use crate::config::model::Config;
use crate::route::host::HostPattern;

/// Loads every certificate of a configuration; all findings in one go.
///
/// There are entries unless a finding is fatal. Where `acme_webroot` is set, files that are not there yet are a fault
/// and not fatal: port 80 must open for them ever to come. A host that no certificate names is a fault.
///
/// `serving` is what is served already. An entry of it whose files cannot be used now keeps what it has (R42), and the
/// finding that says so is no longer fatal.
pub fn open(config: &Config, clock: Clock, serving: Option<&Live>) -> (Option<Vec<Entry>>, Vec<Finding>) {
    let when_missing = if config.server.acme_webroot.is_some() { Severity::Grave } else { Severity::Fatal };
    let mut entries = Vec::new();
    let mut some_missing = false;
    let mut findings = Vec::new();
    for files in &config.certificates {
        let (outcome, mut found) = load(files, clock, when_missing);
        let kept = outcome.is_err().then(|| serving?.loaded(files)).flatten();
        if kept.is_some() {
            for finding in found.iter_mut().filter(|finding| finding.severity >= Severity::Grave) {
                finding.severity = Severity::Grave;
                finding.what.push_str("; what was served before goes on until the files fit");
            }
        }
        some_missing |= kept.is_none() && matches!(outcome, Err(NotLoaded::Missing));
        findings.extend(found);
        entries.push(Entry { files: files.clone(), loaded: outcome.ok().or(kept) });
    }
    let loaded: Vec<Loaded> = entries.iter().filter_map(|entry| entry.loaded.clone()).collect();
    if let Some(acme) = &config.acme {
        let named: Vec<HostPattern> = loaded.iter().flat_map(|certificate| certificate.names.clone()).collect();
        findings.extend(acme::findings(config, acme, &named, clock));
    } else if !some_missing && !loaded.is_empty() && !config.server.https.is_empty() {
        let hosts = config.sites.iter().flat_map(|site| site.hosts.iter().map(move |host| (site, host)));
        for (site, host) in hosts.filter(|(_, host)| !is_named(host, &loaded)) {
            let what =
                format!("no certificate names {host}: clients that ask for it over https will refuse what they get");
            let mend = "have a certificate issued that bears this name, and name its files in a [[certificate]]";
            findings.push(Finding::fault(site.place.clone(), what).mend(mend));
        }
    }
    let fatal = findings.iter().any(|finding| finding.severity == Severity::Fatal);
    ((!fatal).then_some(entries), findings)
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
