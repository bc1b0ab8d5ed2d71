//! `[server]`.

use std::num::NonZeroUsize;

use serde_spanned::Spanned;

use crate::config::defaults;
use crate::config::file;
use crate::config::finding::{Finding, Place};
use crate::config::model::{Account, Server};

use super::{Gather, listen};

pub(super) fn resolve(table: Option<Spanned<file::Server>>, gather: &mut Gather<'_>) -> Server {
    let place = table.as_ref().map(Place::from).unwrap_or_default();
    let file = table.map(Spanned::into_inner).unwrap_or_default();
    let (http, https) = listen::resolve(file.http.as_ref(), file.https.as_ref(), gather);
    let (http_given, https_given) = (http.is_some(), https.is_some());
    let http = http.unwrap_or_else(|| vec![defaults::HTTP]);
    let https = https.unwrap_or_else(|| vec![defaults::HTTPS]);
    if http.is_empty() && https.is_empty() {
        gather.missing(&place.0, "nothing is listened on: `http` and `https` are both empty", "name an address");
    }
    if http.is_empty()
        && let Some(webroot) = &file.acme_webroot
    {
        let finding = Finding::warning(webroot, "`acme_webroot` is asked for over plain HTTP, which is off");
        gather
            .findings
            .push(finding.mend("let `http` listen on port 80: a CA asks there first (RFC 8555 section 8.3)"));
    }
    let user = account(file.user, file.group, gather);
    let state = match &file.state {
        Some(state) => gather.path(state),
        None => gather.surroundings.state(user.is_some()),
    };
    let control = match &file.control {
        Some(control) => gather.path(control),
        None => gather.surroundings.control(user.is_some(), &state),
    };
    for network in file.trusted_proxies.iter().flatten() {
        if network.get_ref().0.prefix_len() == 0 {
            gather.warning_mend(
                network,
                format!("{} trusts everybody: each client can say that it is another", network.get_ref().0),
                "name only the networks that your own proxies are in",
            );
        }
    }
    let trusted_proxies = file.trusted_proxies.into_iter().flatten().map(|network| network.into_inner().0).collect();
    Server {
        workers: workers(file.workers.as_ref(), gather),
        public_https_port: public_port(file.public_https_port.as_ref(), &https, gather),
        http,
        https,
        http_given,
        https_given,
        acme_webroot: file.acme_webroot.as_ref().map(|webroot| gather.path(webroot)),
        acme_webroot_place: file.acme_webroot.as_ref().map(Place::from).unwrap_or_default(),
        state,
        state_place: file.state.as_ref().map(Place::from).unwrap_or_default(),
        control,
        drain: file.drain.map_or(defaults::DRAIN, |drain| drain.into_inner().0),
        trusted_proxies,
        user,
        strict_key_permissions: file.strict_key_permissions.is_some_and(Spanned::into_inner),
    }
}

fn account(user: Option<Spanned<String>>, group: Option<Spanned<String>>, gather: &mut Gather<'_>) -> Option<Account> {
    let Some(user) = user else {
        if let Some(group) = &group {
            gather.no_effect(group, "group", "no `user` is named");
        }
        return None;
    };
    let place = Place::from(&user);
    for name in std::iter::once(&user).chain(&group) {
        if name.get_ref().is_empty() || name.get_ref().contains(['\0', ':', '\n']) {
            gather.fatal(name, format!("{:?} is no name of the user database", name.get_ref()));
        }
    }
    Some(Account {
        user: user.into_inner(),
        group_place: group.as_ref().map_or_else(|| place.clone(), Place::from),
        group: group.map(Spanned::into_inner),
        place,
    })
}

fn workers(given: Option<&Spanned<i64>>, gather: &mut Gather<'_>) -> NonZeroUsize {
    let Some(given) = given else { return gather.surroundings.cores };
    let number = usize::try_from(*given.get_ref()).ok().filter(|&number| number <= defaults::MOST_WORKERS);
    number.and_then(NonZeroUsize::new).unwrap_or_else(|| {
        gather.fatal_mend(
            given,
            format!("`workers` is {}", given.get_ref()),
            format!("write a number from 1 to {}, or leave it out for one per core", defaults::MOST_WORKERS),
        );
        NonZeroUsize::MIN
    })
}

fn public_port(given: Option<&Spanned<i64>>, https: &[std::net::SocketAddr], gather: &mut Gather<'_>) -> u16 {
    let own = https.first().map_or(defaults::HTTPS.port(), std::net::SocketAddr::port);
    let Some(given) = given else { return own };
    if https.is_empty() {
        gather.no_effect(given, "public_https_port", "https is off, so nothing redirects to it");
    }
    match u16::try_from(*given.get_ref()) {
        Ok(port) if port != 0 => port,
        _ => {
            gather.fatal_mend(
                given,
                format!("`public_https_port` is {}", given.get_ref()),
                "write a number from 1 to 65535",
            );
            own
        }
    }
}
