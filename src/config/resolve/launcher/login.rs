//! Where people sign in, for launchers on a host without Mattermost.

use crate::config::model::{Answer, Config, Launcher, Proxy};

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
    let mut all = Vec::new();
    for site in &config.sites {
        let Some(origin) = config.public_origin(site) else { continue };
        for route in &site.routes {
            if let Answer::Proxy(proxy) = &route.answer
                && proxy.mattermost
            {
                let path = route.path.as_str().trim_end_matches('/');
                all.push(Shown { address: format!("{origin}{path}"), upstreams: origins(proxy) });
            }
        }
    }
    all
}

fn origins(proxy: &Proxy) -> Vec<String> {
    proxy.upstreams.iter().map(|upstream| upstream.origin.clone()).collect()
}
