//! Which hosts `[acme]` is to have certificates for: all that no `[[certificate]]` names, in groups, one a site.

use std::path::Path;

use crate::cert::load;
use crate::clock::Clock;
use crate::config::finding::{Finding, Place, Severity};
use crate::config::model::{Acme, Config};
use crate::route::host::HostPattern;

use super::storage::folder_name;

/// Most names on one certificate: what Let's Encrypt's newer profiles allow (`classic` has 100), and with more of
/// them a handshake takes another round trip.
const MOST_NAMES: usize = 25;

/// What is to be had, from whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// `[acme]`.
    pub(super) acme: Acme,
    /// The names of each certificate to be.
    pub(super) groups: Vec<Vec<HostPattern>>,
}

impl Wanted {
    /// What a configuration wants; `None` where it has no `[acme]`.
    ///
    /// Reads the names on each `[[certificate]]`; what is wrong with those, [`crate::cert::open`] says.
    pub fn of(config: &Config, clock: Clock) -> Option<Self> {
        // Where the file says so is nothing that makes one wish another.
        let acme = Acme { place: Place::default(), ..config.acme.clone()? };
        let named: Vec<HostPattern> = config
            .certificates
            .iter()
            .filter_map(|files| load(files, clock, Severity::Fatal).0.ok())
            .flat_map(|loaded| loaded.names)
            .collect();
        let (groups, _) = groups(config, &acme, |host| bears(&named, host));
        Some(Self { acme, groups })
    }

    /// Every host of every group.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &HostPattern> {
        self.groups.iter().flatten()
    }

    /// Whether a certificate's folder is named like one of theirs.
    pub(super) fn is_concerned(&self, folder: &Path) -> bool {
        self.hosts().any(|host| folder.file_name().is_some_and(|name| name == folder_name(host).as_str()))
    }

    /// Whether this host is among them.
    pub fn has(&self, host: &HostPattern) -> bool {
        self.hosts().any(|other| other == host)
    }
}

/// Whether some of these names stand for all that a site's pattern takes.
pub(super) fn bears(names: &[HostPattern], pattern: &HostPattern) -> bool {
    match pattern {
        HostPattern::Exact(host) => names.iter().any(|name| name.takes(host)),
        HostPattern::Wildcard(_) => names.contains(pattern),
    }
}

/// The groups, and a finding for each host that cannot be had in this way.
pub(super) fn groups(
    config: &Config,
    acme: &Acme,
    is_named: impl Fn(&HostPattern) -> bool,
) -> (Vec<Vec<HostPattern>>, Vec<Finding>) {
    let mut groups = Vec::new();
    let mut findings = Vec::new();
    for site in &config.sites {
        let mut group: Vec<HostPattern> = Vec::new();
        for host in site.hosts.iter().filter(|host| !is_named(host)) {
            match acme.refusal(host, &site.place) {
                Some(finding) => findings.push(finding),
                // What a wildcard of the same site stands for, the CA refuses to name beside it.
                None if covered_by_wildcard(&site.hosts, host) => {}
                None => group.push(host.clone()),
            }
        }
        groups.extend(group.chunks(MOST_NAMES).map(<[HostPattern]>::to_vec));
    }
    (groups, findings)
}

/// Let's Encrypt: "Domain name is redundant with a wildcard domain in the same request".
fn covered_by_wildcard(hosts: &[HostPattern], host: &HostPattern) -> bool {
    let HostPattern::Exact(name) = host else { return false };
    hosts.iter().any(|other| matches!(other, HostPattern::Wildcard(_)) && other.takes(name))
}
