//! Walls that are none: rules by address where all come from one, passwords that everybody on the way can read, and
//! passwords before what cannot give one.

use std::net::SocketAddr;

use crate::config::file;
use crate::config::finding::{Finding, Place};
use crate::config::model::{Answer, Config, Site};
use crate::config::resolve::Gather;

pub(in crate::config::resolve) fn report(config: &Config, gather: &mut Gather<'_>) {
    by_address(config, gather);
    for site in &config.sites {
        let mut plain: Vec<Place> = Vec::new();
        for route in &site.routes {
            let (Some(_), Some(place)) = (&route.access.auth, &route.access.auth_place) else { continue };
            // A site's `auth` is one thing to mend, however many routes it has.
            if is_readable(config, site) && !plain.contains(place) {
                plain.push(place.clone());
            }
        }
        for place in plain {
            let finding = Finding::fault(place, "passwords come over plain HTTP: everybody on the way can read them");
            gather.findings.push(finding.mend(
                "leave `redirect_http` on, or name the proxy that speaks https in `trusted_proxies` of [server]",
            ));
        }
    }
}

/// Where something in front passes all requests on and is not named, all of them come from its address.
fn by_address(config: &Config, gather: &mut Gather<'_>) {
    let server = &config.server;
    let routes = || config.sites.iter().flat_map(|site| &site.routes);
    let mut places = routes().filter_map(|route| route.access.address_place.as_ref());
    let Some(place) = places.next() else { return };
    let everybody = server.trusted_proxies.iter().any(|network| network.prefix_len() == 0);
    if everybody {
        let what = "each client says itself which address it has, since `trusted_proxies` trusts everybody";
        let finding = Finding::fault(place.clone(), what);
        gather.findings.push(finding.mend("name only your own proxies in `trusted_proxies` of [server]"));
    }
    let all = || server.http.iter().chain(&server.https);
    let local = all().all(|address| address.ip().is_loopback());
    // Port 0 is any that is free: nobody leads people there.
    let is_try = all().all(|address| address.port() == 0);
    if server.trusted_proxies.is_empty() && (server.https.is_empty() || local) && !is_try {
        let why = match local {
            true => "gatepost listens on this machine alone",
            false => "https is off",
        };
        let what = format!("{why}, so a proxy seems to stand in front: all clients would have its address");
        let finding = Finding::warning(place.clone(), what);
        gather.findings.push(finding.mend("name it in `trusted_proxies` of [server], and have it set X-Forwarded-For"));
    }
}

/// Whether a password may come in clear from another machine.
fn is_readable(config: &Config, site: &Site) -> bool {
    let local = |address: &SocketAddr| address.ip().is_loopback();
    !site.redirect_http && config.server.trusted_proxies.is_empty() && !config.server.http.iter().all(local)
}

/// Clients of a route that cannot give the password that it asks for.
pub(super) fn unable(file: &file::Route, answer: &Answer, place: &Place, route: &Place, gather: &mut Gather<'_>) {
    let (what, mend) = match answer {
        Answer::Proxy(proxy) if proxy.mattermost => (
            "Mattermost's apps for phones and its bots cannot pass `auth`: they need Authorization for themselves, \
             and their WebSockets have no password to send",
            "leave sign-in to Mattermost, with login_limit = true, or shut the route to others by `allow`",
        ),
        // Nearly every proxy route lets WebSockets through; one that names them has some.
        Answer::Proxy(proxy) if file.upgrades.is_some() && !proxy.upgrades.is_empty() => (
            "a WebSocket of Safari's or of an app sends no password along, and would not be opened",
            "give the WebSocket's path a route of its own with auth = false",
        ),
        Answer::Launcher(launcher) if launcher.webhook_secret.is_some() => (
            "8x8 cannot pass `auth` with what it posts to -/webhook: it sends an Authorization of its own",
            "give the launcher's route auth = false: it asks Mattermost who somebody is",
        ),
        _ => return,
    };
    let finding = Finding::fault(place.clone(), what).also(route.clone(), "before this");
    gather.findings.push(finding.mend(mend));
}
