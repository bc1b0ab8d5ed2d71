//! `[launcher.NAME]`: judged once, then fitted into each route that uses it.
//!
//! Whom `identity = ["mattermost"]` asks depends on the site of the route, so a
//! launcher is complete only there.

mod budget;
mod features;
mod guests;
mod jaas;
mod jitsi;
mod login;
mod meeting_server;
mod page;
mod people;
mod private_key;
mod public;
mod shared_secret;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_spanned::Spanned;

use crate::config::defaults;
use crate::config::file;
use crate::config::finding::{Finding, Place};
use crate::config::model::{
    Anonymous, AtLimit, Budget, Guests, LaunchMode, Launcher, MattermostSource, Moderators, Page, People, PluginSource,
    Provider, Proxy, Rooms, SecretFrom, UpstreamAddress, Way,
};
use crate::config::shape;
use crate::jitsi::features::Features;
use crate::route::host::Authority;
use crate::route::path::{PathPrefix, decode_unreserved};

use super::{Gather, address, proxy, secret};

pub(super) use login::fill_in as fill_in_logins;
use people::Asks;

/// All launchers by name.
pub(super) struct Launchers(BTreeMap<String, Entry>);

struct Entry {
    place: Place,
    used: Cell<bool>,
    /// `None` where a finding says why.
    draft: Option<Draft>,
}

/// A launcher but for the Mattermost that it asks and the launcher that it falls back to.
struct Draft {
    provider: Provider,
    mode: LaunchMode,
    ways: Vec<Asks>,
    plugin: Option<PluginSource>,
    /// `mattermost`, where given.
    mattermost: Option<(UpstreamAddress, Place)>,
    login: Option<String>,
    people: People,
    anonymous: Anonymous,
    guests: Guests,
    moderators: Moderators,
    token_lifetime: Duration,
    rooms: Rooms,
    features: Features,
    near_misses: bool,
    budget: budget::Draft,
    webhook_secret: Option<SecretFrom>,
    page: Page,
    key_place: Place,
}

/// What a launcher finds in the site of its route.
pub(super) struct Neighbours<'s> {
    /// The routes with the preset, each with its path.
    pub(super) mattermosts: Vec<(&'s PathPrefix, &'s Proxy)>,
    /// Whether there is any proxy route.
    pub(super) proxies: bool,
}

impl<'s> Neighbours<'s> {
    /// The Mattermost whose address is given, else the first.
    fn mattermost(&self, given: Option<&(UpstreamAddress, Place)>) -> Option<(&'s PathPrefix, &'s Proxy)> {
        let same = |proxy: &Proxy| given.is_some_and(|(address, _)| proxy.upstreams.contains(address));
        self.mattermosts.iter().find(|(_, proxy)| same(proxy)).or_else(|| self.mattermosts.first()).copied()
    }
}

pub(super) fn resolve(
    tables: BTreeMap<Spanned<String>, Spanned<file::Launcher>>,
    gather: &mut Gather<'_>,
) -> Launchers {
    shared_secret::report(&tables, gather);
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
    pub(super) fn for_route(
        &self,
        name: &Spanned<String>,
        neighbours: &Neighbours<'_>,
        gather: &mut Gather<'_>,
    ) -> Option<Launcher> {
        let draft = self.0.get(name.get_ref())?.draft.as_ref()?;
        let mut identity = Vec::new();
        for way in &draft.ways {
            identity.push(match way {
                Asks::Plugin => Way::Plugin(draft.plugin.clone()?),
                Asks::Mattermost => Way::Mattermost(Box::new(asked(draft, name, neighbours, gather)?)),
            });
        }
        let here = neighbours.mattermost(draft.mattermost.as_ref()).map(|(path, _)| path.as_str().to_owned());
        let login = draft.login.clone().or(here);
        let budget = self.budget(&draft.budget, &mut vec![name.get_ref()], gather)?;
        Some(draft.launcher(name.get_ref(), identity, login, budget))
    }

    /// The budget with the launcher that it falls back to; `passed` are the names on the way there.
    fn budget<'l>(
        &'l self,
        draft: &'l budget::Draft,
        passed: &mut Vec<&'l str>,
        gather: &mut Gather<'_>,
    ) -> Option<Budget> {
        let at_limit = match &draft.at_limit {
            budget::AtLimit::Warn => AtLimit::Warn,
            budget::AtLimit::DenyNew => AtLimit::DenyNew,
            budget::AtLimit::Fallback(name) => {
                self.use_by(name, gather);
                let (known, entry) = self.0.get_key_value(name.get_ref())?;
                let other = entry.draft.as_ref()?;
                if passed.contains(&known.as_str()) {
                    gather.fatal_mend(
                        name,
                        format!("the launchers fall back in a ring: {} → {known}", passed.join(" → ")),
                        "let the last of them have at_limit = \"warn\" or \"deny-new\"",
                    );
                    return None;
                }
                passed.push(known);
                let budget = self.budget(&other.budget, passed, gather)?;
                // Who comes has been asked by then: the other launcher's own ways are not taken.
                AtLimit::Fallback(Box::new(other.launcher(known, Vec::new(), None, budget)))
            }
        };
        Some(Budget { limit: draft.limit, at_limit })
    }
}

impl Draft {
    fn launcher(&self, name: &str, identity: Vec<Way>, login: Option<String>, budget: Budget) -> Launcher {
        Launcher {
            name: name.to_owned(),
            provider: self.provider.clone(),
            mode: self.mode,
            identity,
            people: self.people.clone(),
            login,
            anonymous: self.anonymous.clone(),
            guests: self.guests.clone(),
            moderators: self.moderators.clone(),
            token_lifetime: self.token_lifetime,
            rooms: self.rooms,
            features: self.features,
            near_misses: self.near_misses,
            budget,
            webhook_secret: self.webhook_secret.clone(),
            page: self.page.clone(),
            key_place: self.key_place.clone(),
        }
    }
}

/// Who is asked about a session.
fn asked(
    draft: &Draft,
    name: &Spanned<String>,
    neighbours: &Neighbours<'_>,
    gather: &mut Gather<'_>,
) -> Option<MattermostSource> {
    match (&draft.mattermost, &neighbours.mattermosts[..]) {
        (Some((address, place)), _) => {
            if !neighbours.proxies {
                let finding = Finding::warning(
                    name,
                    "this site proxies to no Mattermost, and browsers send its session cookie to its own host alone",
                );
                let mend = "put the launcher's route into Mattermost's site, or set AllowCookiesForSubdomains there";
                gather.findings.push(finding.also(place.clone(), "asked here").mend(mend));
            }
            let here = || {
                neighbours.mattermost(draft.mattermost.as_ref()).map(|(path, proxy)| proxy.arriving(path).to_owned())
            };
            let path = draft.login.as_deref().map(path_of).or_else(here).unwrap_or_default();
            Some(MattermostSource { proxy: proxy::mattermost_at(address.clone()), path })
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
        (None, [(path, first), rest @ ..]) => {
            if rest.iter().any(|(_, other)| other.upstreams != first.upstreams) {
                gather.warning_mend(
                    name,
                    format!("this site has several Mattermosts; {} is asked", origins(first)),
                    "say which with `mattermost` in the launcher",
                );
            }
            Some(MattermostSource { proxy: (**first).clone(), path: first.arriving(path).to_owned() })
        }
    }
}

/// The path of an address for browsers, as one that is asked for.
fn path_of(address: &str) -> String {
    let path = address.parse::<http::Uri>().map(|uri| uri.path().trim_end_matches('/').to_owned()).unwrap_or_default();
    decode_unreserved(&path).into_owned()
}

fn origins(proxy: &Proxy) -> String {
    proxy.upstreams.iter().map(|upstream| upstream.origin.as_str()).collect::<Vec<_>>().join(", ")
}

fn draft(table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) -> Option<Draft> {
    let file = table.get_ref();
    let provider = provider(table, gather);
    let ways = people::ways(file, gather);
    // Where it is not clear, nothing more is to be said about what depends on it.
    let supposed = ways.clone().unwrap_or_else(|| vec![Asks::Mattermost, Asks::Plugin]);
    let plugin = match &ways {
        Some(ways) => people::plugin(table, ways.contains(&Asks::Plugin), gather),
        None => None,
    };
    let mattermost = file.mattermost.as_ref().and_then(|given| {
        if !supposed.contains(&Asks::Mattermost) {
            gather.no_effect(given, "mattermost", "`identity` does not name \"mattermost\"");
        }
        Some((address::origin_of(given, gather)?, Place::from(given)))
    });
    let moderators = match &file.provider {
        Some(provider) if *provider.get_ref() == file::Provider::Public => Moderators::Members,
        _ => people::moderators(file, &supposed, gather),
    };
    let people = people::people(file, &supposed, gather);
    let guests = guests::resolve(file, !supposed.is_empty(), gather);
    let anonymous = people::anonymous(file, !supposed.is_empty(), guests.join || guests.invitations, gather);
    if let Some(mode) = file.mode.as_ref().filter(|mode| *mode.get_ref() == LaunchMode::Redirect) {
        gather.warning_mend(
            mode,
            "the Mattermost desktop app blocks a redirect to the meeting: its users would see nothing happen",
            "leave `mode` out: the page opens the meeting in the default browser",
        );
    }
    let login = file.mattermost_url.as_ref().and_then(|given| login(given, gather));
    let token_lifetime = token_lifetime(file, gather);
    let features = features::resolve(file, gather);
    let budget = budget::resolve(file, gather);
    let webhook_secret = webhook_secret(table, gather);
    let page = page::resolve(file, gather);
    Some(Draft {
        provider: provider?,
        mode: file.mode.as_ref().map_or(LaunchMode::Page, |mode| *mode.get_ref()),
        ways: ways?,
        plugin,
        mattermost,
        login,
        people,
        anonymous,
        guests,
        moderators,
        token_lifetime,
        rooms: file.rooms.as_ref().map_or(Rooms::This, |rooms| *rooms.get_ref()),
        features,
        near_misses: file.near_misses.as_ref().is_none_or(|given| *given.get_ref()),
        budget,
        webhook_secret,
        page,
        key_place: file.private_key.as_ref().or(file.secret.as_ref()).map_or_else(|| Place::from(table), Place::from),
    })
}

/// Mattermost's address for browsers, which may have a path (its `SiteURL`).
fn login(given: &Spanned<String>, gather: &mut Gather<'_>) -> Option<String> {
    let text = given.get_ref().trim().trim_end_matches('/');
    let parsed = text.parse::<http::Uri>().ok().filter(|uri| {
        matches!(uri.scheme_str(), Some("https" | "http"))
            && uri.query().is_none()
            // It parses, and is left out: the login would stand behind the `#`.
            && !text.contains('#')
            && uri.authority().is_some_and(|authority| Authority::parse(authority.as_str()).is_ok())
    });
    if parsed.is_none() {
        let what = format!("`mattermost_url` is no address: \"{}\"", text.escape_debug());
        gather.fatal_mend(given, what, "write Mattermost's own SiteURL: \"https://mattermost.site.com\"");
    }
    parsed.map(|_| text.to_owned())
}

/// Only 8x8 posts there. A short secret can be guessed, and whoever has it writes into the count.
fn webhook_secret(table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) -> Option<SecretFrom> {
    let file = table.get_ref();
    let given = file.webhook_secret.as_ref()?;
    if file.provider.as_ref().is_some_and(|provider| *provider.get_ref() != file::Provider::Jaas) {
        gather.no_effect(Place::from(given), "webhook_secret", "JaaS alone posts what happens in its meetings");
    }
    let secret = secret::resolve(given, gather)?;
    if let SecretFrom::Text(text) = &secret
        && gather.surroundings.environment.is_some()
        && text.reveal().len() < defaults::LEAST_WEBHOOK_SECRET
    {
        gather.fatal_mend(
            Place::from(table),
            format!(
                "`webhook_secret` is shorter than {} characters: it could be guessed",
                defaults::LEAST_WEBHOOK_SECRET
            ),
            "make one with `openssl rand -hex 32`, and write it into the JaaS console too",
        );
    }
    Some(secret)
}

fn provider(table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) -> Option<Provider> {
    let Some(provider) = &table.get_ref().provider else {
        gather.missing(&table.span(), "this launcher has no `provider`", "write provider = \"jaas\"");
        return None;
    };
    match provider.get_ref() {
        file::Provider::Jaas => jaas::resolve(table, gather),
        file::Provider::Jitsi => jitsi::resolve(table, gather),
        file::Provider::Public => public::resolve(table, gather),
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
