//! Where people sign in, for launchers on a host without Mattermost.

use crate::config::model::{Answer, Config, Launcher, Proxy};
use crate::route::host::HostPattern;

/// A site that shows a Mattermost: its address for browsers, and what it proxies to.
struct Shown {
    address: String,
    upstreams: Vec<String>,
}

/// Gives each launcher that knows no login the address under which this file shows the Mattermost that it asks, or
/// the only one that it shows at all.
pub(in crate::config::resolve) fn fill_in(config: &mut Config) {
    let shown = shown(config);
    for site in &mut config.sites {
        for route in &mut site.routes {
            if let Answer::Launcher(launcher) = &mut route.answer
                && launcher.login.is_none()
            {
                launcher.login = found(launcher, &shown);
            }
        }
    }
}

fn found(launcher: &Launcher, shown: &[Shown]) -> Option<String> {
    let same = |shown: &&Shown| {
        launcher
            .mattermost()
            .is_some_and(|source| origins(&source.proxy).iter().any(|origin| shown.upstreams.contains(origin)))
    };
    let only = || if let [only] = shown { Some(only) } else { None };
    shown.iter().find(same).or_else(only).map(|shown| shown.address.clone())
}

fn shown(config: &Config) -> Vec<Shown> {
    let (scheme, port) = match config.server.https.is_empty() {
        false => ("https", Some(config.server.public_https_port).filter(|&port| port != 443)),
        true => ("http", config.server.http.first().map(std::net::SocketAddr::port).filter(|&port| port != 80)),
    };
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let mut all = Vec::new();
    for site in &config.sites {
        // A wildcard is no address.
        let Some(host) = site.hosts.iter().find_map(HostPattern::exact) else { continue };
        for route in &site.routes {
            if let Answer::Proxy(proxy) = &route.answer
                && proxy.mattermost
            {
                let path = route.path.as_str().trim_end_matches('/');
                all.push(Shown { address: format!("{scheme}://{host}{port}{path}"), upstreams: origins(proxy) });
            }
        }
    }
    all
}

fn origins(proxy: &Proxy) -> Vec<String> {
    proxy.upstreams.iter().map(|upstream| upstream.origin.clone()).collect()
}
