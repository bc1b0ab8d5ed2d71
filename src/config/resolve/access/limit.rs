//! `rate_limit` and `login_limit`: how many, in which time, and how many at once.

use std::num::NonZeroU32;
use std::time::Duration;

use http::Method;
use serde_spanned::Spanned;

use crate::config::defaults;
use crate::config::file::{LoginLimit, RateLimit as Given, RateTable};
use crate::config::model::{Answer, RateLimit};
use crate::config::resolve::{Gather, items};
use crate::config::units::{Rate, Unit};

pub(super) fn of_route(given: &Spanned<Given>, gather: &mut Gather<'_>) -> Option<RateLimit> {
    limit("rate_limit", given, given.get_ref(), gather)
}

pub(super) fn of_logins(given: &Spanned<LoginLimit>, answer: &Answer, gather: &mut Gather<'_>) -> Option<RateLimit> {
    if matches!(answer, Answer::Proxy(proxy) if !proxy.mattermost) {
        let why = "it counts logins to Mattermost, and this route has no preset = \"mattermost\"";
        gather.no_effect(given, "login_limit", why);
    }
    match given.get_ref() {
        LoginLimit::Switch(false) => None,
        LoginLimit::Switch(true) => Rate::parse(defaults::LOGIN_RATE).ok().map(|rate| RateLimit {
            interval: rate.per / rate.count.get(),
            burst: defaults::LOGIN_BURST,
            methods: Vec::new(),
            words: rate.to_string(),
        }),
        LoginLimit::Limit(limit) => {
            if let Given::Table(RateTable { methods: Some(methods), .. }) = limit {
                gather.no_effect(methods, "methods", "which requests are logins is known");
            }
            self::limit("login_limit", given, limit, gather)
        }
    }
}

fn limit<T>(key: &str, place: &Spanned<T>, given: &Given, gather: &mut Gather<'_>) -> Option<RateLimit> {
    let (rate, burst, methods) = match given {
        Given::Rate(rate) => (*rate, None, Vec::new()),
        Given::Table(table) => {
            let Some(rate) = &table.rate else {
                let what = format!("`{key}` has no `rate`");
                gather.missing(&place.span(), what, "write rate = \"20/s\", or another rate");
                return None;
            };
            (*rate.get_ref(), table.burst.as_ref(), methods(table, gather))
        }
    };
    let interval = rate.per / rate.count.get();
    if interval < defaults::SHORTEST_INTERVAL {
        let what = format!("`{key}` of {rate} is more than can be told apart: 1000/s at most");
        gather.fatal_mend(place, what, "write less, or leave it out");
        return None;
    }
    let burst = match burst {
        None => rate.count,
        Some(given) => checked_burst(given, interval, gather)?,
    };
    Some(RateLimit { interval, burst, methods, words: rate.to_string() })
}

fn checked_burst(given: &Spanned<i64>, interval: Duration, gather: &mut Gather<'_>) -> Option<NonZeroU32> {
    let burst = u32::try_from(*given.get_ref()).ok().and_then(NonZeroU32::new);
    let fits = burst.filter(|burst| interval.saturating_mul(burst.get()) <= defaults::LONGEST_BURST);
    if fits.is_none() {
        let most = defaults::LONGEST_BURST.as_millis() / interval.as_millis().max(1);
        gather.fatal_mend(
            given,
            format!("`burst` is {}", given.get_ref()),
            format!("write a number from 1 to {most}: what takes longer than a day to come back is no rate"),
        );
    }
    fits
}

fn methods(table: &RateTable, gather: &mut Gather<'_>) -> Vec<Method> {
    let mut methods = Vec::new();
    for item in items(table.methods.as_ref()) {
        match Method::from_bytes(item.get_ref().as_bytes()) {
            Ok(method) if method.as_str() == method.as_str().to_ascii_uppercase() => methods.push(method),
            _ => gather.fatal_mend(
                &item,
                format!("\"{}\" is no method that a client sends", item.get_ref().escape_debug()),
                "write it in capitals, like \"POST\"",
            ),
        }
    }
    if let Some(given) = table.methods.as_ref().filter(|given| items(Some(given)).is_empty()) {
        gather.fatal_mend(given, "`methods` is empty: nothing would count", "name methods, or leave it out for all");
    }
    methods
}
