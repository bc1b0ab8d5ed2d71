//! `[[site]]`: hosts, and the routes below them.

use serde_spanned::Spanned;

use crate::config::file;
use crate::config::finding::{Finding, Place};
use crate::config::model::{Answer, Route, Server, Site};
use crate::config::shape::ROOT;
use crate::route::host::{HostError, HostPattern};
use crate::route::path::PathPrefix;

use super::access::{self, Auths, OfSite};
use super::launcher::{Launchers, Neighbours};
use super::route::{self, Draft, DraftAnswer};
use super::{Gather, items};

/// What sites and routes refer to.
pub(super) struct Known<'k> {
    pub(super) launchers: &'k Launchers,
    pub(super) auths: &'k Auths,
    pub(super) server: &'k Server,
}

/// Hosts of all sites so far with their places.
type Taken = Vec<(HostPattern, Place, usize)>;

pub(super) fn resolve(tables: &[Spanned<file::Site>], known: &Known<'_>, gather: &mut Gather<'_>) -> Vec<Site> {
    if tables.is_empty() && gather.whole(&ROOT) {
        gather.fatal_mend(
            Place::default(),
            "no [[site]] is given: nothing would be served",
            "add [[site]] with `hosts`, and [[site.route]] with `path` and what answers there",
        );
    }
    let mut sites = Vec::new();
    let mut taken = Taken::new();
    let mut default: Option<Place> = None;
    for (index, table) in tables.iter().enumerate() {
        let file = table.get_ref();
        if let Some(this) = file.default.as_ref().filter(|default| *default.get_ref()) {
            match &default {
                None => default = Some(Place::from(this)),
                Some(first) => gather
                    .findings
                    .push(Finding::fatal(this, "two sites are the default").also(first.clone(), "the first is here")),
            }
        }
        sites.push(site(table, index, &mut taken, known, gather));
    }
    sites
}

fn site(
    table: &Spanned<file::Site>,
    index: usize,
    taken: &mut Taken,
    known: &Known<'_>,
    gather: &mut Gather<'_>,
) -> Site {
    let (file, server) = (table.get_ref(), known.server);
    let default = file.default.as_ref().is_some_and(|default| *default.get_ref());
    let hosts: Vec<_> = items(file.hosts.as_ref()).iter().filter_map(|name| host(name, index, taken, gather)).collect();
    if file.hosts.as_ref().is_none_or(|hosts| items(Some(hosts)).is_empty()) && !default {
        gather.missing(
            &table.span(),
            "this site has no `hosts`",
            "write hosts = [\"www.site.com\"], or default = true for every name that no other site has",
        );
    }
    let tls = !server.https.is_empty();
    if let (Some(redirect), false) = (file.redirect_http.as_ref().filter(|redirect| *redirect.get_ref()), tls) {
        gather.no_effect(redirect, "redirect_http", "https is off, so there is nothing to redirect to");
    }
    let hsts = file.hsts.as_ref().and_then(|hsts| match hsts.get_ref() {
        file::Hsts::Off => None,
        file::Hsts::For(span) => Some(span.0),
    });
    if let (Some(given), Some(_), false) = (&file.hsts, hsts, tls || !server.trusted_proxies.is_empty()) {
        // RFC 6797 section 8.1: browsers ignore it over plain HTTP.
        gather.no_effect(given, "hsts", "https is off, and browsers heed it over https alone");
    }
    let of_site = access::of_site(file, known.auths, gather);
    Site {
        hosts,
        default,
        redirect_http: tls && file.redirect_http.as_ref().is_none_or(|redirect| *redirect.get_ref()),
        hsts,
        security_headers: access::security_headers(file.security_headers.as_ref(), gather),
        routes: routes(table, &of_site, known, gather),
        place: file.hosts.as_ref().map_or_else(|| Place::from(table), Place::from),
    }
}

fn host(name: &Spanned<&str>, site: usize, taken: &mut Taken, gather: &mut Gather<'_>) -> Option<HostPattern> {
    let text = *name.get_ref();
    let pattern = match HostPattern::parse(text) {
        Ok(pattern) => pattern,
        Err(error) => {
            let what = match text.contains("://") {
                true => format!("the host \"{text}\" is a whole address"),
                false => format!("the host \"{text}\" {error}"),
            };
            let finding = Finding::fatal(name, what);
            gather.findings.push(match host_mend(text, error) {
                Some(mend) => finding.mend(mend),
                None => finding,
            });
            return None;
        }
    };
    if let Some((_, first, whose)) = taken.iter().find(|(other, ..)| *other == pattern) {
        let finding = match *whose == site {
            true => Finding::warning(name, format!("the host {pattern} is named twice in this site")),
            false => Finding::fatal(name, format!("two sites answer for the host {pattern}")),
        };
        gather.findings.push(finding.also(first.clone(), "first here").mend("keep one of the two"));
        return None;
    }
    taken.push((pattern.clone(), Place::from(name), site));
    Some(pattern)
}

/// What was probably meant.
fn host_mend(text: &str, error: HostError) -> Option<String> {
    if let Some((_, rest)) = text.split_once("://") {
        return Some(format!("write \"{}\"", rest.split('/').next().unwrap_or(rest)));
    }
    if text == "*" {
        return Some("for every name that no other site has write default = true in its place".into());
    }
    match error {
        HostError::UnexpectedPort => text.rsplit_once(':').map(|(host, _)| format!("write \"{host}\"")),
        HostError::BadIpv6 if text.parse::<std::net::Ipv6Addr>().is_ok() => Some(format!("write \"[{text}]\"")),
        // The original has 8x8.vc with a multiplication sign in places.
        HostError::NotAscii if text.contains('×') => Some(format!("write \"{}\"", text.replace('×', "x"))),
        HostError::BadCharacter('*') => Some("a wildcard is \"*.\" and a name; it stands for one label".into()),
        HostError::BadCharacter('/') => Some("write the name alone; paths belong into [[site.route]]".into()),
        _ => None,
    }
}

fn routes(table: &Spanned<file::Site>, of_site: &OfSite<'_>, known: &Known<'_>, gather: &mut Gather<'_>) -> Vec<Route> {
    let launchers = known.launchers;
    let tables = table.get_ref().route.as_deref().unwrap_or_default();
    if tables.is_empty() {
        gather.missing(&table.span(), "this site has no route: it would answer nothing but 404", "add [[site.route]]");
    }
    let drafts: Vec<Draft<'_>> = tables.iter().filter_map(|table| route::draft(table, launchers, gather)).collect();
    report_equal_paths(&drafts, gather);
    report_shadowed_by_challenge(&drafts, known.server, gather);
    let proxies = || drafts.iter().filter_map(|draft| Some((&draft.path, draft.proxy()?)));
    let neighbours = Neighbours {
        mattermosts: proxies().filter(|(_, proxy)| proxy.mattermost).collect(),
        proxies: proxies().next().is_some(),
    };
    let mut answers = Vec::new();
    for draft in &drafts {
        answers.push(match &draft.answer {
            DraftAnswer::Ready(_) => None,
            DraftAnswer::Launcher(name) => {
                launchers.for_route(name, &neighbours, gather).map(|it| Answer::Launcher(Box::new(it)))
            }
        });
    }
    let mut finish = |(draft, launcher): (Draft<'_>, Option<Answer>)| {
        let answer = match draft.answer {
            DraftAnswer::Ready(answer) => *answer,
            DraftAnswer::Launcher(_) => launcher?,
        };
        let at = (&answer, &draft.answer_place);
        let access = access::of_route(draft.file, at, of_site, known.auths, gather);
        Some(Route { path: draft.path, access, answer, place: draft.answer_place })
    };
    drafts.into_iter().zip(answers).filter_map(&mut finish).collect()
}

fn report_equal_paths(drafts: &[Draft<'_>], gather: &mut Gather<'_>) {
    for (index, draft) in drafts.iter().enumerate() {
        if let Some(first) = drafts[..index].iter().find(|first| first.path == draft.path) {
            let what =
                format!("two routes of this site have the path {} (a last slash makes no difference)", draft.path);
            let finding = Finding::fatal(draft.path_place.clone(), what);
            gather.findings.push(finding.also(first.path_place.clone(), "first here").mend("keep one of the two"));
        }
    }
}

fn report_shadowed_by_challenge(drafts: &[Draft<'_>], server: &Server, gather: &mut Gather<'_>) {
    let Ok(challenge) = PathPrefix::parse("/.well-known/acme-challenge/") else { return };
    for draft in drafts {
        if server.acme_webroot.is_some() && challenge.strip(draft.path.as_str()).is_some() {
            gather.no_effect(
                draft.path_place.clone(),
                "path",
                "`acme_webroot` of [server] answers there, ahead of routes",
            );
        }
    }
}
