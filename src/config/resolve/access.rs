//! `allow`, `deny`, `rate_limit`, `login_limit` and `auth`: who may ask on a route, with what its site says.
//!
//! A route's `allow`, `auth` take the place of its site's: the nearer word counts. `deny` adds up: what a site shuts out,
//! no route lets in by accident.

mod auth;
mod headers;
mod limit;
mod walls;

use std::sync::Arc;

use ipnet::IpNet;
use serde_spanned::Spanned;

use crate::config::file::{self, Choice, OneOrMany};
use crate::config::finding::{Finding, Place};
use crate::config::model::{Access, Answer, Auth};
use crate::config::units::Network;

use super::Gather;

pub(super) use auth::{Auths, resolve as resolve_auths};
pub(super) use headers::resolve as security_headers;
pub(super) use walls::report;

type Networks = Option<Spanned<Vec<Spanned<Network>>>>;

/// What a site says for all its routes.
pub(super) struct OfSite<'f> {
    allow: Option<&'f Spanned<Vec<Spanned<Network>>>>,
    deny: Option<&'f Spanned<Vec<Spanned<Network>>>>,
    auth: Option<(Arc<Auth>, Place)>,
}

/// Reads a site's keys.
pub(super) fn of_site<'f>(file: &'f file::Site, auths: &Auths, gather: &mut Gather<'_>) -> OfSite<'f> {
    check(&file.allow, &file.deny, gather);
    let auth = file.auth.as_ref().and_then(|name| Some((chosen(name, auths, gather)?, Place::from(name))));
    OfSite { allow: file.allow.as_ref(), deny: file.deny.as_ref(), auth }
}

/// Reads a route's keys; the site's hold where it has none.
pub(super) fn of_route(
    file: &file::Route,
    (answer, answer_place): (&Answer, &Place),
    site: &OfSite<'_>,
    auths: &Auths,
    gather: &mut Gather<'_>,
) -> Access {
    check(&file.allow, &file.deny, gather);
    let allow = file.allow.as_ref().or(site.allow);
    let denied = [site.deny, file.deny.as_ref()];
    let auth = match &file.auth {
        Some(name) => chosen(name, auths, gather).map(|auth| (auth, Place::from(name))),
        None => site.auth.clone(),
    };
    if let Some((_, place)) = &auth {
        walls::unable(file, answer, place, answer_place, gather);
    }
    let by_address = [allow, file.deny.as_ref(), site.deny].into_iter().flatten().map(Place::from);
    let limits = [file.rate_limit.as_ref().map(Place::from), file.login_limit.as_ref().map(Place::from)];
    Access {
        allow: allow.map(networks),
        deny: denied.into_iter().flatten().flat_map(networks).collect(),
        rate: file.rate_limit.as_ref().and_then(|limit| limit::of_route(limit, gather)),
        login: file.login_limit.as_ref().and_then(|limit| limit::of_logins(limit, answer, gather)),
        address_place: by_address.chain(limits.into_iter().flatten()).next(),
        auth_place: auth.as_ref().map(|(_, place)| place.clone()),
        auth: auth.map(|(auth, _)| auth),
    }
}

fn networks(given: &Spanned<Vec<Spanned<Network>>>) -> Vec<IpNet> {
    given.get_ref().iter().map(|network| network.get_ref().0).collect()
}

/// `auth`: the table of that name, or none.
fn chosen(choice: &Spanned<Choice>, auths: &Auths, gather: &mut Gather<'_>) -> Option<Arc<Auth>> {
    match choice.get_ref() {
        Choice::Switch(false) => None,
        Choice::Text(OneOrMany::One(name)) => auths.use_by(name, Place::from(choice), gather),
        Choice::Switch(true) | Choice::Text(OneOrMany::Many(_)) => {
            let what = "`auth` does not say whose passwords are taken";
            gather.fatal_mend(choice, what, "write the name of an [auth.NAME], or false");
            None
        }
    }
}

/// Lists that cannot be meant.
fn check(allow: &Networks, deny: &Networks, gather: &mut Gather<'_>) {
    if let Some(allow) = allow.as_ref().filter(|allow| allow.get_ref().is_empty()) {
        gather.fatal_mend(
            allow,
            "`allow` is empty: nobody would be let in",
            "name the networks that may ask, or leave it out for everybody",
        );
    }
    let denied = deny.as_ref().map(Spanned::get_ref).map(Vec::as_slice).unwrap_or_default();
    for allowed in allow.iter().flat_map(Spanned::get_ref) {
        let Some(wider) = denied.iter().find(|wider| wider.get_ref().0.contains(&allowed.get_ref().0)) else {
            continue;
        };
        let what = format!("{} is not let in: `deny` wins over `allow`", allowed.get_ref().0);
        let finding = Finding::warning(allowed, what).also(wider, "denied here");
        gather.findings.push(finding.mend("remove one of the two, or make `deny` narrower"));
    }
}
