//! What is to be ordered now, and when to look again. It asks nobody and writes nothing.
//!
//! Reckoned host by host: each is due when its newest certificate is to be
//! renewed, or at once where it has none, and not before a failed try's pause is
//! over. What is due in a site goes into one order. So a name that the CA cannot
//! reach is tried apart from those that have their certificate, and joins them
//! again when they are renewed.

use instant_acme::CertificateIdentifier;

use crate::config::model::Acme;
use crate::route::host::HostPattern;

use super::ledger::Ledger;
use super::stored::Stored;
use super::wanted::{Wanted, bears};

/// One order to place.
#[derive(Debug)]
pub(super) struct Task {
    /// In the order of the site; never none.
    pub(super) names: Vec<HostPattern>,
    /// The certificate that it renews.
    pub(super) replaces: Option<CertificateIdentifier<'static>>,
    /// Whether the CA proposed the renewal, so that its limits do not count.
    pub(super) exempt: bool,
}

/// What to do.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Now.
    pub(super) tasks: Vec<Task>,
    /// The next second at which something may be due; `None` where nothing ever is.
    pub(super) next: Option<i64>,
}

/// Makes the plan. `stored` comes newest first.
pub(super) fn plan(wanted: &Wanted, stored: &[Stored], ledger: &Ledger, now: i64) -> Plan {
    let mut plan = Plan::default();
    for group in &wanted.groups {
        let hosts: Vec<Host<'_>> = group.iter().map(|name| Host::new(name, &wanted.acme, stored, ledger)).collect();
        let due: Vec<&Host<'_>> = hosts.iter().filter(|host| host.due <= now).collect();
        let later = hosts.iter().map(|host| host.due).filter(|due| *due > now).min();
        plan.next = [plan.next, later].into_iter().flatten().min();
        if due.is_empty() {
            continue;
        }
        let renews = due.iter().any(|host| host.newest.is_some());
        let joins = |host: &Host<'_>| host.due <= now || (renews && host.is_past_half(now) && host.free <= now);
        plan.tasks.push(task(hosts.iter().filter(|host| joins(host))));
    }
    plan
}

/// Orders by hand: the whole group of each host that was asked for, whatever is due.
pub(super) fn by_hand(wanted: &Wanted, stored: &[Stored], asked: Option<&HostPattern>) -> Vec<Task> {
    let groups = wanted.groups.iter().filter(|group| asked.is_none_or(|host| group.contains(host)));
    groups
        .map(|group| {
            let none = Ledger::default();
            let hosts: Vec<Host<'_>> = group.iter().map(|name| Host::new(name, &wanted.acme, stored, &none)).collect();
            task(hosts.iter())
        })
        .collect()
}

fn task<'h>(hosts: impl Iterator<Item = &'h Host<'h>>) -> Task {
    let hosts: Vec<&Host<'_>> = hosts.collect();
    // One certificate can be named as the one renewed: that of the first host which has any.
    let renewed = hosts.iter().find_map(|host| host.newest);
    Task {
        names: hosts.iter().map(|host| host.name.clone()).collect(),
        replaces: renewed.and_then(|stored| stored.identifier.clone()),
        exempt: renewed
            .and_then(|stored| stored.record.renewal.as_ref())
            .is_some_and(|renewal| renewal.window.is_some()),
    }
}

/// The newest certificate that stands for a host. `stored` comes newest first.
pub(super) fn newest<'s>(stored: &'s [Stored], host: &HostPattern) -> Option<&'s Stored> {
    stored.iter().find(|stored| bears(&stored.loaded.names, host))
}

/// A host as the plan sees it.
struct Host<'p> {
    name: &'p HostPattern,
    newest: Option<&'p Stored>,
    /// When its certificate is to be renewed.
    renew: i64,
    /// When the pause after a failure is over.
    free: i64,
    /// When it is to be ordered.
    due: i64,
}

impl<'p> Host<'p> {
    fn new(name: &'p HostPattern, acme: &Acme, stored: &'p [Stored], ledger: &Ledger) -> Self {
        let newest = newest(stored, name);
        let renew = newest.map_or(i64::MIN, |stored| stored.renew_at(acme));
        let free = ledger.again(&name.to_string());
        Self { name, newest, renew, free, due: renew.max(free) }
    }

    /// Whether it may as well be renewed along with others: half of the time until its own renewal is over. One that
    /// was renewed just now must not be ordered again with each try of its neighbour.
    fn is_past_half(&self, now: i64) -> bool {
        self.newest.is_some_and(|stored| {
            let from = stored.loaded.not_before;
            now >= from.saturating_add(self.renew.saturating_sub(from) / 2)
        })
    }
}
