//! How many people a month, and what happens to who comes after.

use std::num::NonZeroU32;

use serde_spanned::Spanned;

use crate::config::file;
use crate::config::finding::Place;
use crate::config::resolve::Gather;
use crate::config::shape;

/// A budget but for the launcher that it falls back to.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) limit: Option<NonZeroU32>,
    pub(super) at_limit: AtLimit,
}

/// As [`crate::config::model::AtLimit`], with a name in place of the other launcher.
#[derive(Debug, Clone)]
pub(super) enum AtLimit {
    Warn,
    DenyNew,
    Fallback(Spanned<String>),
}

pub(super) fn resolve(file: &file::Launcher, gather: &mut Gather<'_>) -> Draft {
    let limit = file.monthly_users.as_ref().and_then(|given| {
        let limit = u32::try_from(*given.get_ref()).ok().and_then(NonZeroU32::new);
        if limit.is_none() {
            let what = "`monthly_users` is how many people may use the account in a month: a whole number above 0";
            gather.fatal_mend(given, what, "write 25 for JaaS's free plan, or leave it out to count without a limit");
        }
        limit
    });
    if let (Some(at_limit), None) = (&file.at_limit, &file.monthly_users) {
        gather.no_effect(at_limit, "at_limit", "there is no limit without `monthly_users`");
    }
    Draft { limit, at_limit: at_limit(file, gather) }
}

fn at_limit(file: &file::Launcher, gather: &mut Gather<'_>) -> AtLimit {
    const KNOWN: [&str; 3] = ["warn", "deny-new", "fallback:NAME"];
    let Some(given) = &file.at_limit else { return AtLimit::Warn };
    match given.get_ref().as_str() {
        "warn" => AtLimit::Warn,
        "deny-new" => AtLimit::DenyNew,
        other => match other.strip_prefix("fallback:").map(str::trim) {
            Some(name) if !name.is_empty() => AtLimit::Fallback(Spanned::new(given.span(), name.to_owned())),
            _ => {
                gather.fatal_mend(
                    Place::from(given),
                    format!("`at_limit` does not know \"{other}\""),
                    shape::nearest_or_all(other, &KNOWN),
                );
                AtLimit::Warn
            }
        },
    }
}
