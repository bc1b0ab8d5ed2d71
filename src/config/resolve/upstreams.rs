//! The keys of a proxy route about its upstreams as a set: how many connections, which gets a request, which is out.

use std::num::{NonZeroU32, NonZeroUsize};

use http::uri::PathAndQuery;
use serde_spanned::Spanned;

use crate::config::defaults::{self, ProxyDefaults};
use crate::config::file::{self, HealthPath};
use crate::config::finding::Place;
use crate::config::model::{Balance, Ejection, Health};

use super::Gather;
use super::proxy::duration;

/// Why a key about several upstreams does nothing.
const ALONE: &str = "there is one upstream, and nothing to choose";

pub(super) fn max_connections(file: &file::Route, gather: &mut Gather<'_>) -> NonZeroUsize {
    let given = file.max_connections.as_ref();
    let number = number("max_connections", given, 1..=defaults::MOST_CONNECTIONS, gather);
    number.and_then(NonZeroUsize::new).unwrap_or(defaults::MAX_CONNECTIONS)
}

pub(super) fn max_waiting(file: &file::Route, gather: &mut Gather<'_>) -> usize {
    let given = file.max_waiting.as_ref();
    number("max_waiting", given, 0..=defaults::MOST_WAITING, gather).unwrap_or(defaults::MAX_WAITING)
}

pub(super) fn balance(file: &file::Route, several: bool, gather: &mut Gather<'_>) -> Balance {
    let Some(given) = &file.balance else { return defaults::BALANCE };
    if !several {
        gather.no_effect(given, "balance", ALONE);
    }
    *given.get_ref()
}

pub(super) fn sticky(file: &file::Route, several: bool, gather: &mut Gather<'_>) -> Option<String> {
    let given = file.sticky.as_ref()?;
    let name = given.get_ref();
    if !several {
        gather.no_effect(given, "sticky", ALONE);
    }
    // RFC 6265 section 4.1.1: a cookie's name is a token, as a method's is.
    if http::Method::from_bytes(name.as_bytes()).is_err() {
        gather.fatal_mend(given, format!("\"{name}\" is no name for a cookie"), "write it like sticky = \"node\"");
    } else if name.starts_with("__Host-") || name.starts_with("__Secure-") {
        gather.fatal_mend(
            given,
            format!("browsers make a rule of their own of the cookie's name \"{name}\""),
            "choose a name without that prefix: Secure is set where the client came by https",
        );
    } else if name.to_ascii_uppercase().starts_with("MM") && file.preset.is_some() {
        gather.fatal_mend(
            given,
            format!("\"{name}\" looks like one of Mattermost's own cookies"),
            "choose another name",
        );
    }
    Some(name.clone())
}

pub(super) fn ejection(file: &file::Route, several: bool, gather: &mut Gather<'_>) -> Option<Ejection> {
    if !several {
        if let Some(given) = &file.eject_after {
            gather.no_effect(given, "eject_after", ALONE);
        }
        if let Some(given) = &file.eject_for {
            gather.no_effect(given, "eject_for", ALONE);
        }
    }
    let given = file.eject_after.as_ref();
    let after = number("eject_after", given, 0..=defaults::MOST_IN_A_ROW, gather);
    let first = duration("eject_for", file.eject_for.as_ref(), defaults::EJECTION.first, gather);
    let after = match after {
        Some(after) => u32::try_from(after).ok().and_then(NonZeroU32::new),
        None => Some(defaults::EJECTION.after),
    };
    if let (None, Some(given)) = (after, &file.eject_for) {
        gather.no_effect(given, "eject_for", "`eject_after` is 0, so nothing is ejected");
    }
    after.filter(|_| several).map(|after| Ejection { after, first })
}

pub(super) fn health(file: &file::Route, defaults: &ProxyDefaults, gather: &mut Gather<'_>) -> Option<Health> {
    let path = match &file.health {
        None => (!defaults.health.is_empty()).then(|| PathAndQuery::from_static(defaults.health)),
        Some(given) => match given.get_ref() {
            HealthPath::Off => None,
            HealthPath::At(path) => Some(health_path(path, given, gather)),
        },
    };
    let Some(path) = path else {
        let why = "`health` does not say what to ask for";
        for (key, place) in [
            ("health_interval", file.health_interval.as_ref().map(Spanned::span)),
            ("health_timeout", file.health_timeout.as_ref().map(Spanned::span)),
            ("unhealthy_after", file.unhealthy_after.as_ref().map(Spanned::span)),
            ("healthy_after", file.healthy_after.as_ref().map(Spanned::span)),
        ] {
            if let Some(place) = place {
                gather.no_effect(Place(place), key, why);
            }
        }
        return None;
    };
    Some(Health {
        path,
        interval: duration("health_interval", file.health_interval.as_ref(), defaults::HEALTH_INTERVAL, gather),
        timeout: duration("health_timeout", file.health_timeout.as_ref(), defaults::HEALTH_TIMEOUT, gather),
        unhealthy_after: in_a_row("unhealthy_after", file.unhealthy_after.as_ref(), gather)
            .unwrap_or(defaults::UNHEALTHY_AFTER),
        healthy_after: in_a_row("healthy_after", file.healthy_after.as_ref(), gather)
            .unwrap_or(defaults::HEALTHY_AFTER),
    })
}

fn health_path(path: &str, given: &Spanned<HealthPath>, gather: &mut Gather<'_>) -> PathAndQuery {
    match path.parse::<PathAndQuery>() {
        Ok(parsed) if path.starts_with('/') && !path.contains('#') => parsed,
        _ => {
            gather.fatal_mend(given, format!("`health` is \"{path}\", which is no path"), "write it like \"/healthz\"");
            PathAndQuery::from_static("/")
        }
    }
}

fn in_a_row(key: &str, given: Option<&Spanned<i64>>, gather: &mut Gather<'_>) -> Option<NonZeroU32> {
    let number = number(key, given, 1..=defaults::MOST_IN_A_ROW, gather)?;
    u32::try_from(number).ok().and_then(NonZeroU32::new)
}

/// A whole number within these bounds.
fn number(
    key: &str,
    given: Option<&Spanned<i64>>,
    bounds: std::ops::RangeInclusive<usize>,
    gather: &mut Gather<'_>,
) -> Option<usize> {
    let given = given?;
    let number = usize::try_from(*given.get_ref()).ok().filter(|number| bounds.contains(number));
    if number.is_none() {
        gather.fatal_mend(
            given,
            format!("`{key}` is {}", given.get_ref()),
            format!("write a number from {} to {}", bounds.start(), bounds.end()),
        );
    }
    number
}
