//! `security_headers`: a preset, or field by field.

use http::HeaderValue;
use serde_spanned::Spanned;

use crate::config::defaults;
use crate::config::file::{Choice, OneOrMany, SecurityHeaders as Given, SecurityTable};
use crate::config::model::{Frames, SecurityHeaders};
use crate::config::resolve::Gather;

/// The values of `Referrer-Policy` (W3C, section 3).
const REFERRER_POLICIES: [&str; 8] = [
    "no-referrer",
    "no-referrer-when-downgrade",
    "same-origin",
    "origin",
    "strict-origin",
    "origin-when-cross-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
];

pub(in crate::config::resolve) fn resolve(
    given: Option<&Spanned<Given>>,
    gather: &mut Gather<'_>,
) -> Option<SecurityHeaders> {
    let preset = SecurityTable::default();
    let table = match given?.get_ref() {
        Given::Switch(false) => return None,
        Given::Switch(true) => &preset,
        Given::Table(table) => table,
    };
    let on = |key: &Option<Spanned<bool>>, preset| key.as_ref().map_or(preset, |key| *key.get_ref());
    Some(SecurityHeaders {
        nosniff: on(&table.nosniff, true),
        frames: frames(table.frame_ancestors.as_ref(), gather),
        referrer: referrer(table.referrer_policy.as_ref(), gather),
        permissions: permissions(table.permissions_policy.as_ref(), gather),
        replace: on(&table.replace, false),
    })
}

fn frames(given: Option<&Spanned<Choice>>, gather: &mut Gather<'_>) -> Option<Frames> {
    let allowed: Vec<&str> = match given.map(|given| (given, given.get_ref())) {
        None | Some((_, Choice::Switch(true))) => vec!["self"],
        Some((_, Choice::Switch(false))) => return None,
        Some((_, Choice::Text(OneOrMany::One(one)))) => vec![one.as_str()],
        Some((given, Choice::Text(OneOrMany::Many(many)))) => {
            if many.is_empty() {
                gather.fatal_mend(
                    given,
                    "`frame_ancestors` is empty",
                    "write \"none\" for nobody, or false for no rule",
                );
            }
            many.iter().map(|one| one.get_ref().as_str()).collect()
        }
    };
    let mut sources = Vec::new();
    for text in &allowed {
        match text.trim_matches('\'') {
            word @ ("self" | "none") if word == "self" || allowed.len() == 1 => sources.push(format!("'{word}'")),
            origin if is_origin(origin) => sources.push(origin.to_owned()),
            other => {
                let Some(place) = given else { continue };
                gather.fatal_mend(
                    place,
                    format!("\"{}\" cannot be an ancestor of a frame", other.escape_debug()),
                    "write \"self\", \"none\", or origins like \"https://teams.example\"",
                );
                return None;
            }
        }
    }
    let old = match allowed.as_slice() {
        [one] if one.trim_matches('\'') == "self" => Some(HeaderValue::from_static("SAMEORIGIN")),
        [one] if one.trim_matches('\'') == "none" => Some(HeaderValue::from_static("DENY")),
        _ => None,
    };
    let policy = HeaderValue::try_from(format!("frame-ancestors {}", sources.join(" "))).ok()?;
    Some(Frames { old, policy })
}

/// `https://host`, with a port or a wildcard; nothing that would begin another directive.
fn is_origin(text: &str) -> bool {
    let host = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    host.is_some_and(|host| {
        !host.is_empty()
            && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '*' | '[' | ']'))
    })
}

fn referrer(given: Option<&Spanned<Choice>>, gather: &mut Gather<'_>) -> Option<HeaderValue> {
    match given.map(|given| (given, given.get_ref())) {
        None | Some((_, Choice::Switch(true))) => Some(HeaderValue::from_static(defaults::REFERRER_POLICY)),
        Some((_, Choice::Switch(false))) => None,
        Some((_, Choice::Text(OneOrMany::One(text)))) if REFERRER_POLICIES.contains(&text.as_str()) => {
            HeaderValue::try_from(text.as_str()).ok()
        }
        Some((given, _)) => {
            let mend = format!("write one of {}, or false", REFERRER_POLICIES.join(", "));
            gather.fatal_mend(given, "`referrer_policy` is no policy that browsers know", mend);
            None
        }
    }
}

fn permissions(given: Option<&Spanned<Choice>>, gather: &mut Gather<'_>) -> Option<HeaderValue> {
    match given.map(|given| (given, given.get_ref())) {
        None | Some((_, Choice::Switch(true))) => Some(HeaderValue::from_static(defaults::PERMISSIONS_POLICY)),
        Some((_, Choice::Switch(false))) => None,
        Some((_, Choice::Text(OneOrMany::One(text)))) if text.split(',').all(is_permission) => {
            HeaderValue::try_from(text.as_str()).ok()
        }
        Some((given, _)) => {
            let mend = "write it like \"geolocation=(), camera=(self)\", or false";
            gather.fatal_mend(given, "`permissions_policy` is no list of features and who may use them", mend);
            None
        }
    }
}

/// `feature=(…)`, `feature=*` or `feature=self`; not the form of the older `Feature-Policy`, which browsers ignore here.
fn is_permission(text: &str) -> bool {
    text.trim().split_once('=').is_some_and(|(feature, who)| {
        let named =
            !feature.is_empty() && feature.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '-' | '0'..='9'));
        named
            && (matches!(who, "*" | "self") || (who.starts_with('(') && who.ends_with(')')))
            && who.chars().all(|c| matches!(c, ' '..='~'))
    })
}
