//! Redirects and proxies that lead back to where they came from.

use std::net::IpAddr;

use crate::config::finding::{Finding, Place};
use crate::config::model::{Answer, Config, Proxy, RedirectTarget, Route, Server, Site};
use crate::route::host::{Authority, Host, HostPattern};
use crate::route::path::{PathPrefix, decode_unreserved};
use crate::route::table::{By, Routed, Routes, Table};

use super::Gather;

pub(super) fn report(config: &Config, gather: &mut Gather<'_>) {
    let hosts = config.sites.iter().enumerate().map(|(index, site)| (site.hosts.clone(), index));
    let table = Table::new(hosts, config.sites.iter().position(|site| site.default));
    for (index, site) in config.sites.iter().enumerate() {
        for route in &site.routes {
            match &route.answer {
                Answer::Redirect(redirect) => {
                    if let Some(what) = redirect_loop(&redirect.target, route, index, site, &table, &config.server) {
                        gather.findings.push(
                            Finding::fatal(route.place.clone(), what).mend("lead it to another host or another path"),
                        );
                    }
                }
                Answer::Proxy(proxy) => report_own_address(proxy, &route.place, &config.server, gather),
                _ => {}
            }
        }
    }
}

/// R22: a redirect that a request for its own target takes again.
fn redirect_loop(
    target: &RedirectTarget,
    route: &Route,
    index: usize,
    site: &Site,
    table: &Table<usize>,
    server: &Server,
) -> Option<String> {
    let (text, any_path) = match target {
        RedirectTarget::Origin(origin) => (origin.as_str(), true),
        RedirectTarget::Template(before, _) => (before.as_str(), false),
        RedirectTarget::Fixed(fixed) => (fixed.as_str(), false),
    };
    let path = match text.split_once("://") {
        None => text,
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            let authority = Authority::parse(authority).ok()?;
            let port = authority.port.unwrap_or(if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 });
            let comes_back = match scheme.eq_ignore_ascii_case("https") {
                true => !server.https.is_empty() && port == server.public_https_port,
                false => !site.redirect_http && server.http.iter().any(|address| address.port() == port),
            };
            // A default site takes only what reaches this machine, and a name that no site has need not.
            let (&to, _) = table.find(&authority.host).filter(|(_, by)| comes_back && *by != By::Default)?;
            if to != index {
                return None;
            }
            path
        }
    };
    let path = path.split(['?', '#']).next().filter(|path| !path.is_empty()).unwrap_or("/");
    let lands_here = match any_path {
        true => true,
        false => {
            let routes = Routes::new(site.routes.iter().map(|route| (route.path.clone(), &route.path)));
            matches!(routes.find(&decode_unreserved(path)), Routed::To(taken, ..) if *taken == route.path)
        }
    };
    lands_here
        .then(|| format!("the redirect for {} leads to {text}, which it takes again: a loop", shown(&route.path, site)))
}

fn shown(path: &PathPrefix, site: &Site) -> String {
    match site.hosts.as_slice() {
        [HostPattern::Exact(host)] => format!("{host}{path}"),
        _ => path.to_string(),
    }
}

/// A proxy whose upstream is gatepost itself asks itself until nothing is left.
fn report_own_address(proxy: &Proxy, place: &Place, server: &Server, gather: &mut Gather<'_>) {
    for upstream in &proxy.upstreams {
        let listens = if upstream.tls { &server.https } else { &server.http };
        let Some(ip) = address(&upstream.host) else { continue };
        let own = listens.iter().any(|listen| {
            listen.port() == upstream.port && (listen.ip() == ip || (listen.ip().is_unspecified() && ip.is_loopback()))
        });
        if own {
            gather.findings.push(
                Finding::fault(
                    place.clone(),
                    format!("{} is gatepost's own address: it would ask itself", upstream.origin),
                )
                .mend("name the address that the server behind it listens on"),
            );
        }
    }
}

fn address(host: &Host) -> Option<IpAddr> {
    match host.as_str() {
        "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        text => text.trim_matches(['[', ']']).parse().ok(),
    }
}
