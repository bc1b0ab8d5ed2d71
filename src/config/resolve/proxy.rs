//! `proxy`: an upstream, with what `preset` sets.

use std::time::Duration;

use serde_spanned::Spanned;

use crate::config::defaults::{self, ProxyDefaults};
use crate::config::file::{self, OneOrMany, Preset};
use crate::config::finding::{Finding, Place};
use crate::config::model::{Proxy, UpstreamAddress, UpstreamHost, UpstreamVerify};
use crate::config::units::Span;
use crate::route::host::{Authority, Host};
use crate::route::path::PathPrefix;

use super::fields::{self, Towards};
use super::{Gather, address, items, upstreams};

pub(super) fn resolve(upstreams: &Spanned<OneOrMany>, file: &file::Route, gather: &mut Gather<'_>) -> Proxy {
    let mattermost = file.preset.as_ref().is_some_and(|preset| *preset.get_ref() == Preset::Mattermost);
    let defaults = if mattermost { &defaults::MATTERMOST } else { &defaults::PROXY };
    let upstreams = addresses(upstreams, gather);
    let several = upstreams.len() > 1;
    let mut time = |key, given: Option<&Spanned<Span>>, default| duration(key, given, default, gather);
    let proxy = Proxy {
        mattermost,
        connect_timeout: time("connect_timeout", file.connect_timeout.as_ref(), defaults.connect_timeout),
        read_timeout: time("read_timeout", file.read_timeout.as_ref(), defaults.read_timeout),
        send_timeout: time("send_timeout", file.send_timeout.as_ref(), defaults.send_timeout),
        upgrade_idle_timeout: time(
            "upgrade_idle_timeout",
            file.upgrade_idle_timeout.as_ref(),
            defaults.upgrade_idle_timeout,
        ),
        pool_idle_timeout: time("pool_idle_timeout", file.pool_idle_timeout.as_ref(), defaults.pool_idle_timeout),
        max_body: max_body(file, defaults, gather),
        max_connections: upstreams::max_connections(file, gather),
        max_waiting: upstreams::max_waiting(file, gather),
        balance: upstreams::balance(file, several, gather),
        sticky: upstreams::sticky(file, several, gather),
        ejection: upstreams::ejection(file, several, gather),
        health: upstreams::health(file, defaults, gather),
        verify: verify(file, &upstreams, gather),
        upstreams,
        upgrades: upgrades(file, gather),
        host: host(file, gather),
        strip_prefix: file.strip_prefix.as_ref().is_some_and(|strip| *strip.get_ref()),
        request_headers: fields::resolve(file.request_headers.as_ref(), Towards::Upstream, gather),
        response_headers: fields::resolve(file.response_headers.as_ref(), Towards::Client, gather),
    };
    if mattermost {
        judge_for_mattermost(&proxy, file, gather);
    }
    proxy
}

/// Has a preset's health path begin as all paths of this route do at the upstream: a Mattermost may live below one.
pub(super) fn check_below(proxy: &mut Proxy, path: &PathPrefix) {
    let arriving = proxy.arriving(path).trim_end_matches('/').to_owned();
    if let Some(health) = &mut proxy.health
        && let Ok(below) = format!("{arriving}{}", health.path).parse()
    {
        health.path = below;
    }
}

/// The Mattermost that identity asks, where an address of its own is given: as the preset speaks to it.
pub(super) fn mattermost_at(address: UpstreamAddress) -> Proxy {
    let defaults = &defaults::MATTERMOST;
    Proxy {
        upstreams: vec![address],
        verify: UpstreamVerify { on: true, roots: None, name: None, place: Place::default() },
        mattermost: true,
        max_body: defaults.max_body,
        connect_timeout: defaults.connect_timeout,
        read_timeout: defaults.read_timeout,
        send_timeout: defaults.send_timeout,
        upgrade_idle_timeout: defaults.upgrade_idle_timeout,
        pool_idle_timeout: defaults.pool_idle_timeout,
        max_connections: defaults::MAX_CONNECTIONS,
        max_waiting: defaults::MAX_WAITING,
        balance: defaults::BALANCE,
        sticky: None,
        ejection: None,
        health: None,
        upgrades: Vec::new(),
        host: UpstreamHost::Preserve,
        strip_prefix: false,
        request_headers: Vec::new(),
        response_headers: Vec::new(),
    }
}

fn addresses(given: &Spanned<OneOrMany>, gather: &mut Gather<'_>) -> Vec<UpstreamAddress> {
    let items = items(Some(given));
    if items.is_empty() {
        gather.fatal_mend(given, "`proxy` names no address", "write it like proxy = \"http://127.0.0.1:8065\"");
    }
    if items.len() > defaults::MOST_UPSTREAMS {
        gather.fatal_mend(
            given,
            format!("`proxy` names {} addresses", items.len()),
            format!("name {} at most", defaults::MOST_UPSTREAMS),
        );
    }
    let mut addresses: Vec<UpstreamAddress> = Vec::new();
    for item in items {
        let Some(address) = address::origin(item.get_ref(), &item, gather) else { continue };
        match addresses.contains(&address) {
            true => gather.warning_mend(&item, format!("{} is named twice", address.origin), "remove one of the two"),
            false => addresses.push(address),
        }
    }
    addresses
}

pub(super) fn duration(
    key: &str,
    given: Option<&Spanned<Span>>,
    default: Duration,
    gather: &mut Gather<'_>,
) -> Duration {
    let Some(given) = given else { return default };
    let Span(duration) = *given.get_ref();
    if duration.is_zero() {
        gather.fatal_mend(given, format!("`{key}` is no time at all"), "write a longer one, or leave the key out");
    }
    duration
}

fn max_body(file: &file::Route, defaults: &ProxyDefaults, gather: &mut Gather<'_>) -> u64 {
    let Some(given) = &file.max_body else { return defaults.max_body };
    let bytes = given.get_ref().0;
    if bytes == 0 {
        // In nginx 0 means no limit; here that cannot be meant by accident.
        gather.fatal_mend(
            given,
            "`max_body` of 0 would refuse every upload",
            "write the largest body to take, like \"1GiB\"",
        );
    }
    bytes
}

fn verify(file: &file::Route, upstreams: &[UpstreamAddress], gather: &mut Gather<'_>) -> UpstreamVerify {
    let on = file.upstream_verify.as_ref().is_none_or(|verify| *verify.get_ref());
    let name = file.upstream_name.as_ref().and_then(|name| match Host::parse(name.get_ref()) {
        Ok(host) => Some(host),
        Err(error) => {
            gather.fatal(name, format!("`upstream_name` is \"{}\", which {error}", name.get_ref()));
            None
        }
    });
    let roots = file.upstream_roots.as_ref().map(|roots| gather.path(roots));
    if !upstreams.is_empty() && !upstreams.iter().any(|upstream| upstream.tls) {
        let why = "the upstream is spoken to by http://, without TLS";
        if let Some(roots) = &file.upstream_roots {
            gather.no_effect(roots, "upstream_roots", why);
        }
        if let Some(name) = &file.upstream_name {
            gather.no_effect(name, "upstream_name", why);
        }
        if let Some(verify) = &file.upstream_verify {
            gather.no_effect(verify, "upstream_verify", why);
        }
    } else if let (false, Some(verify)) = (on, &file.upstream_verify) {
        gather.warning_mend(
            verify,
            "the upstream's certificate is NOT verified: whoever stands between can read and change everything",
            "give its CA with `upstream_roots`, or its name with `upstream_name`, and remove this",
        );
        if let Some(roots) = &file.upstream_roots {
            gather.no_effect(roots, "upstream_roots", "`upstream_verify` is false");
        }
    }
    let place = file.upstream_roots.as_ref().or(file.upstream_name.as_ref()).map(Place::from).unwrap_or_default();
    UpstreamVerify { on, roots, name, place }
}

fn upgrades(file: &file::Route, gather: &mut Gather<'_>) -> Vec<String> {
    let Some(given) = &file.upgrades else { return vec![defaults::UPGRADE.into()] };
    let mut protocols: Vec<String> = Vec::new();
    if items(Some(given)).is_empty()
        && let Some(limit) = &file.upgrade_idle_timeout
    {
        gather.no_effect(limit, "upgrade_idle_timeout", "`upgrades` is empty, so nothing upgrades");
    }
    for item in items(Some(given)) {
        let protocol = item.get_ref().to_ascii_lowercase();
        // RFC 9110 section 7.8: protocol-name ["/" protocol-version], both tokens.
        let mut parts = protocol.split('/');
        let tokens = parts.clone().count() <= 2 && parts.all(|part| http::Method::from_bytes(part.as_bytes()).is_ok());
        if !tokens {
            gather.fatal_mend(&item, format!("\"{protocol}\" is not a protocol's name"), "write it like \"websocket\"");
        } else if matches!(protocol.as_str(), "h2c" | "h2" | "http" | "http/2" | "http/2.0" | "tls" | "tls/1.0") {
            gather.fatal_mend(
                &item,
                format!("\"{protocol}\" would carry requests past every rule of this file"),
                "remove it: clients speak HTTP/2 to gatepost over TLS without it",
            );
        } else if !protocols.contains(&protocol) {
            protocols.push(protocol);
        }
    }
    protocols
}

fn host(file: &file::Route, gather: &mut Gather<'_>) -> UpstreamHost {
    let Some(given) = &file.host else { return UpstreamHost::Preserve };
    if given.get_ref() == "preserve" {
        return UpstreamHost::Preserve;
    }
    match Authority::parse(given.get_ref()) {
        Ok(authority) => UpstreamHost::Fixed(authority),
        Err(error) => {
            gather.fatal_mend(
                given,
                format!("`host` is \"{}\", which {error}", given.get_ref()),
                "write \"preserve\", a name, or a name and a port",
            );
            UpstreamHost::Preserve
        }
    }
}

/// What Mattermost itself would take amiss.
fn judge_for_mattermost(proxy: &Proxy, file: &file::Route, gather: &mut Gather<'_>) {
    if let Some(given) = &file.upgrade_idle_timeout
        && proxy.upgrade_idle_timeout < defaults::MATTERMOST_LEAST_UPGRADE_IDLE
    {
        gather.fatal_mend(
            given,
            "`upgrade_idle_timeout` cuts WebSockets that are well: Mattermost pings every 60 s and waits 100 s",
            "write \"100s\" or more, or leave it to the preset",
        );
    }
    if let Some(given) = &file.pool_idle_timeout
        && proxy.pool_idle_timeout >= defaults::MATTERMOST_OWN_IDLE
    {
        gather.warning_mend(
            given,
            "Mattermost closes idle connections after 300 s: requests would meet closed ones",
            "write less, or leave it to the preset",
        );
    }
    if let Some(given) = &file.max_body
        && proxy.max_body > 0
        && proxy.max_body < defaults::MATTERMOST_OWN_MAX_FILE
    {
        gather.warning_mend(
            given,
            "`max_body` refuses files that Mattermost would take: its own limit is 100 MiB unless changed there",
            "leave it to the preset, or see that MaxFileSize in Mattermost is no larger",
        );
    }
    if let (Some(given), UpstreamHost::Fixed(_)) = (&file.host, &proxy.host) {
        let finding =
            Finding::warning(given, "Mattermost compares a WebSocket's Origin with Host, and this changes Host");
        gather.findings.push(finding.mend("leave `host` out"));
    }
    if let Some(given) = &file.upgrades
        && !proxy.upgrades.iter().any(|protocol| protocol == defaults::UPGRADE)
    {
        let finding = Finding::fault(given, "Mattermost needs WebSocket, and `upgrades` does not name it");
        gather.findings.push(finding.mend("add \"websocket\", or leave `upgrades` out"));
    }
}
