//! `[launcher.NAME]`: judged once, then fitted into each route that uses it.
//!
//! Whom `identity = ["mattermost"]` asks depends on the site of the route, so a
//! launcher is complete only there.

mod jaas;
mod people;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_spanned::Spanned;

use crate::config::defaults;
use crate::config::file;
use crate::config::finding::{Finding, Place};
use crate::config::model::{
    Anonymous, Identity, LaunchMode, Launcher, MattermostSource, Moderators, Provider, Proxy, Rooms, UpstreamAddress,
};
use crate::config::shape;

use super::{Gather, address, proxy};

/// All launchers by name.
pub(super) struct Launchers(BTreeMap<String, Entry>);

struct Entry {
    place: Place,
    used: Cell<bool>,
    /// `None` where a finding says why.
    draft: Option<Draft>,
}

/// A launcher but for the Mattermost that it asks.
struct Draft {
    provider: Provider,
    mode: LaunchMode,
    asks: Option<Asks>,
    anonymous: Anonymous,
    moderators: Moderators,
    token_lifetime: Duration,
    rooms: Rooms,
    key_place: Place,
}

/// `identity` names "mattermost".
struct Asks {
    /// `mattermost`, where given.
    address: Option<(UpstreamAddress, Place)>,
}

pub(super) fn resolve(
    tables: BTreeMap<Spanned<String>, Spanned<file::Launcher>>,
    gather: &mut Gather<'_>,
) -> Launchers {
    let entry = |(name, table): (Spanned<String>, Spanned<file::Launcher>)| {
        let place = Place::from(&name);
        (name.into_inner(), Entry { place, used: Cell::new(false), draft: draft(&table, gather) })
    };
    Launchers(tables.into_iter().map(entry).collect())
}

impl Launchers {
    /// Notes that a route uses this launcher; a finding where there is none of that name.
    pub(super) fn use_by(&self, name: &Spanned<String>, gather: &mut Gather<'_>) {
        match self.0.get(name.get_ref()) {
            Some(entry) => entry.used.set(true),
            // What was taken out of the file may have been this very table.
            None if !gather.whole(&shape::ROOT) => {}
            None => {
                let known: Vec<_> = self.0.keys().map(String::as_str).collect();
                let mend = match known.is_empty() {
                    true => format!("add [launcher.{}]", name.get_ref()),
                    false => shape::nearest_or_all(name.get_ref(), &known),
                };
                gather.fatal_mend(name, format!("there is no [launcher.{}]", name.get_ref()), mend);
            }
        }
    }

    /// Warns of each that no route uses.
    pub(super) fn report_unused(&self, gather: &mut Gather<'_>) {
        for (name, entry) in self.0.iter().filter(|(_, entry)| !entry.used.get()) {
            gather.warning_mend(
                entry.place.clone(),
                format!("no route uses [launcher.{name}]"),
                format!("add a [[site.route]] with launcher = \"{name}\", or remove it"),
            );
        }
    }

    /// The launcher as one route has it.
    ///
    /// `mattermosts` are the site's routes with the preset, `proxies` says whether it has any proxy route.
    pub(super) fn for_route(
        &self,
        name: &Spanned<String>,
        mattermosts: &[&Proxy],
        proxies: bool,
        gather: &mut Gather<'_>,
    ) -> Option<Launcher> {
        let draft = self.0.get(name.get_ref())?.draft.as_ref()?;
        let identity = match &draft.asks {
            None => Identity::Nobody,
            Some(asks) => Identity::Mattermost(Box::new(MattermostSource {
                proxy: asked(asks, name, mattermosts, proxies, gather)?,
            })),
        };
        Some(Launcher {
            name: name.get_ref().clone(),
            provider: draft.provider.clone(),
            mode: draft.mode,
            identity,
            anonymous: draft.anonymous.clone(),
            moderators: draft.moderators.clone(),
            token_lifetime: draft.token_lifetime,
            rooms: draft.rooms,
            key_place: draft.key_place.clone(),
        })
    }
}

/// Who is asked about a session.
fn asked(
    asks: &Asks,
    name: &Spanned<String>,
    mattermosts: &[&Proxy],
    proxies: bool,
    gather: &mut Gather<'_>,
) -> Option<Proxy> {
    match (&asks.address, mattermosts) {
        (Some((address, place)), _) => {
            if !proxies {
                let finding = Finding::warning(
                    name,
                    "this site proxies to no Mattermost, and browsers send its session cookie to its own host alone",
                );
                let mend = "put the launcher's route into Mattermost's site, or set AllowCookiesForSubdomains there";
                gather.findings.push(finding.also(place.clone(), "asked here").mend(mend));
            }
            Some(proxy::mattermost_at(address.clone()))
        }
        (None, []) => {
            gather.fatal_mend(
                name,
                format!("[launcher.{}] asks Mattermost who is there, and this site has no Mattermost", name.get_ref()),
                "add a route with preset = \"mattermost\" to this site, or `mattermost` with its address to the launcher, \
                 or identity = [\"none\"] to let everybody in",
            );
            None
        }
        (None, [first, rest @ ..]) => {
            if rest.iter().any(|other| other.upstreams != first.upstreams) {
                gather.warning_mend(
                    name,
                    format!("this site has several Mattermosts; {} is asked", origins(first)),
                    "say which with `mattermost` in the launcher",
                );
            }
            Some((*first).clone())
        }
    }
}

fn origins(proxy: &Proxy) -> String {
    proxy.upstreams.iter().map(|upstream| upstream.origin.as_str()).collect::<Vec<_>>().join(", ")
}

fn draft(table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) -> Option<Draft> {
    let file = table.get_ref();
    report_unbuilt(table, gather);
    let provider = provider(table, gather);
    let asks = people::asks(file, gather);
    let address = file.mattermost.as_ref().and_then(|given| {
        if asks == Some(false) {
            gather.no_effect(given, "mattermost", "`identity` does not name \"mattermost\"");
        }
        Some((address::origin_of(given, gather)?, Place::from(given)))
    });
    let moderators = people::moderators(file, asks.unwrap_or(true), gather);
    let anonymous = people::anonymous(file, asks.unwrap_or(true), gather);
    if let Some(mode) = file.mode.as_ref().filter(|mode| *mode.get_ref() == LaunchMode::Redirect) {
        gather.warning_mend(
            mode,
            "the Mattermost desktop app blocks a redirect to the meeting: its users would see nothing happen",
            "leave `mode` out: the page opens the meeting in the default browser",
        );
    }
    let token_lifetime = token_lifetime(file, gather);
    Some(Draft {
        provider: provider?,
        mode: file.mode.as_ref().map_or(LaunchMode::Page, |mode| *mode.get_ref()),
        asks: asks?.then_some(Asks { address }),
        anonymous,
        moderators,
        token_lifetime,
        rooms: file.rooms.as_ref().map_or(Rooms::This, |rooms| *rooms.get_ref()),
        key_place: file.private_key.as_ref().map_or_else(|| Place::from(table), Place::from),
    })
}

/// Keys of the contract that come with later parts. Findings for secrets are placed at the table, not at the value.
fn report_unbuilt(table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) {
    let file = table.get_ref();
    if file.secret.is_some() {
        gather.not_built(table, "`secret` (a self-hosted Jitsi)");
    }
    if file.plugin_secret.is_some() {
        gather.not_built(table, "`plugin_secret`");
    }
    if let Some(id) = &file.plugin_app_id {
        gather.not_built(id, "`plugin_app_id`");
    }
    if let Some(guests) = file.guests.as_ref().filter(|guests| *guests.get_ref() == file::Guests::Join) {
        gather.not_built(guests, "guests = \"join\"");
    }
}

fn provider(table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) -> Option<Provider> {
    let Some(provider) = &table.get_ref().provider else {
        gather.missing(&table.span(), "this launcher has no `provider`", "write provider = \"jaas\"");
        return None;
    };
    match provider.get_ref() {
        file::Provider::Jaas => jaas::resolve(table, gather),
        file::Provider::Jitsi => {
            gather.not_built(provider, "provider = \"jitsi\"");
            None
        }
        file::Provider::Public => {
            gather.not_built(provider, "provider = \"public\"");
            None
        }
    }
}

fn token_lifetime(file: &file::Launcher, gather: &mut Gather<'_>) -> Duration {
    let Some(given) = &file.token_lifetime else { return defaults::TOKEN_LIFETIME };
    let lifetime = given.get_ref().0;
    if lifetime < defaults::LEAST_TOKEN_LIFETIME {
        let what = "`token_lifetime` is too short to get from the click into the meeting";
        gather.fatal_mend(given, what, "write \"1m\" or more");
    } else if lifetime > defaults::MOST_TOKEN_LIFETIME {
        let what =
            "`token_lifetime` is longer than a day: whoever holds the link can enter, and it cannot be called back";
        gather.fatal_mend(given, what, "write \"24h\" or less; a token is only needed on entering");
    }
    lifetime
}
