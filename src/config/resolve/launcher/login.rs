//! Where people sign in, for launchers on a host without Mattermost, and under which path that Mattermost is asked.

use crate::config::model::{Answer, Config, Launcher, Proxy, Way};

/// A site that shows a Mattermost: its address for browsers, and what it proxies to.
struct Shown {
    address: String,
    upstreams: Vec<String>,
    /// What is left of the route's path at the upstream.
    arriving: String,
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
                let Some(shown) = found(launcher, &shown) else { continue };
                launcher.login = Some(shown.address.clone());
                for way in &mut launcher.identity {
                    if let Way::Mattermost(source) = way {
                        source.path.clone_from(&shown.arriving);
                    }
                }
            }
        }
    }
}

fn found<'s>(launcher: &Launcher, shown: &'s [Shown]) -> Option<&'s Shown> {
    let same = |shown: &&Shown| {
        launcher
            .mattermost()
            .is_some_and(|source| origins(&source.proxy).iter().any(|origin| shown.upstreams.contains(origin)))
    };
    let only = || if let [only] = shown { Some(only) } else { None };
    shown.iter().find(same).or_else(only)
}

fn shown(config: &Config) -> Vec<Shown> {
    let mut all = Vec::new();
    for site in &config.sites {
        let Some(origin) = config.public_origin(site) else { continue };
        for route in &site.routes {
            if let Answer::Proxy(proxy) = &route.answer
                && proxy.mattermost
            {
                all.push(Shown {
                    address: format!("{origin}{}", route.path.as_str()),
                    upstreams: origins(proxy),
                    arriving: proxy.arriving(&route.path).to_owned(),
                });
            }
        }
    }
    all
}

fn origins(proxy: &Proxy) -> Vec<String> {
    proxy.upstreams.iter().map(|upstream| upstream.origin.clone()).collect()
}
