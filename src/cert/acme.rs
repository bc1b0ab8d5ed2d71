//! Certificates from a CA by ACME (RFC 8555), renewed before anybody notices.
//!
//! `wanted` says for which hosts, `stored` what is there, `plan` what is due,
//! `obtain` sees it through with `order` (the protocol, by instant-acme) and `put`
//! (judged, then put in place); `engine` does so as long as gatepost serves,
//! [`by_hand`] once. Serving sees files alone: what is in place is loaded like any
//! other certificate.
//!
//! It refuses to serve what the judge refuses, to ask when the CA's limits are
//! near, and to let two processes order at once.

mod account;
mod ari;
pub mod by_hand;
mod challenge;
mod engine;
mod failure;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod ledger;
mod limits;
mod obtain;
mod order;
mod plan;
mod put;
mod schedule;
mod stamp;
mod storage;
mod stored;
mod transport;
mod wanted;

pub use self::challenge::alpn;
pub use self::engine::Engine;
pub use self::failure::{Failure, Refusal};
pub use self::obtain::Placed;
pub use self::storage::{Storage, StorageError};
pub use self::wanted::Wanted;

use std::io;

use crate::clock::Clock;
use crate::config::finding::Finding;
use crate::config::model::{Acme, Config};
use crate::route::host::HostPattern;

use super::Issued;
use ledger::Ledger;

/// What is to be said of a configuration's hosts that the `[[certificate]]`s, which bear the names `named`, leave over.
pub(super) fn findings(config: &Config, acme: &Acme, named: &[HostPattern], clock: Clock) -> Vec<Finding> {
    let (groups, mut findings) = wanted::groups(config, acme, |host| wanted::bears(named, host));
    let storage = Storage::new(&acme.storage);
    if let Err(error) = std::fs::read_dir(storage.certificates())
        && error.kind() == io::ErrorKind::PermissionDenied
    {
        let what = format!("{} may not be read by this user", storage.certificates().display());
        findings.push(Finding::fault(acme.place.clone(), what).mend("run this as the user that gatepost runs as"));
        return findings;
    }
    if groups.is_empty() && findings.is_empty() {
        let what = "[acme] has no effect: every host has its [[certificate]]";
        findings.push(Finding::warning(acme.place.clone(), what).mend("remove it"));
    }
    let wanted = Wanted { acme: acme.clone(), groups };
    let (stored, found) = stored::all(&storage.certificates(), acme, clock);
    // What belongs to hosts of another time is nobody's concern.
    findings.extend(found.into_iter().filter(|(folder, _)| wanted.is_concerned(folder)).map(|(_, finding)| finding));
    let pending: Vec<HostPattern> =
        wanted.hosts().filter(|host| plan::newest(&stored, host).is_none()).cloned().collect();
    findings.extend(not_there_yet(&wanted, &storage, &pending));
    findings
}

/// What is on disk for the wanted hosts, newest first, and what is not there yet: for [`super::Live::put_issued`].
pub fn issued(wanted: &Wanted, clock: Clock) -> Vec<Issued> {
    let storage = Storage::new(&wanted.acme.storage);
    let (stored, _) = stored::all(&storage.certificates(), &wanted.acme, clock);
    let of_use = stored.iter().filter(|stored| wanted.hosts().any(|host| wanted::bears(&stored.loaded.names, host)));
    let there =
        of_use.map(|stored| Issued { name: stored.name(), hosts: Vec::new(), loaded: Some(stored.loaded.clone()) });
    let awaited = wanted.groups.iter().map(|group| Issued {
        name: storage::folder_name(&group[0]),
        hosts: group.clone(),
        loaded: None,
    });
    there.chain(awaited).collect()
}

/// A word on each host without a certificate: it is on its way, or why it is not. None before the first run: then it
/// cannot be otherwise.
fn not_there_yet(wanted: &Wanted, storage: &Storage, pending: &[HostPattern]) -> Vec<Finding> {
    if pending.is_empty() || !storage.certificates().is_dir() {
        return Vec::new();
    }
    let place = &wanted.acme.place;
    let ledger = Ledger::read(storage, &wanted.acme.directory);
    let mut findings = Vec::new();
    let (failed, waiting): (Vec<&HostPattern>, Vec<&HostPattern>) =
        pending.iter().partition(|host| ledger.names.contains_key(&host.to_string()));
    for host in failed {
        let Some(trouble) = ledger.names.get(&host.to_string()) else { continue };
        let what = format!("there is no certificate for {host} yet: {}", trouble.said);
        let mend =
            format!("gatepost tries again at {}; at once: gatepost cert renew {host}", stamp::rfc3339(trouble.again));
        findings.push(Finding::fault(place.clone(), what).mend(mend));
    }
    if !waiting.is_empty() {
        let names: Vec<String> = waiting.iter().map(ToString::to_string).collect();
        let what = match &ledger.ca {
            Some(trouble) => format!("there is no certificate for {} yet: {}", names.join(", "), trouble.said),
            None => format!("there is no certificate for {} yet", names.join(", ")),
        };
        let mend = "a running gatepost has it issued; until then handshakes for it fail and others are served";
        let finding = match ledger.ca {
            Some(_) => Finding::fault(place.clone(), what),
            None => Finding::warning(place.clone(), what),
        };
        findings.push(finding.mend(mend));
    }
    findings
}

#[cfg(test)]
mod tests;
