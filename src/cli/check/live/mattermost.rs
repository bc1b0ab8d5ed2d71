//! A Mattermost that a launcher asks: whether it answers, and whether its settings fit.
//!
//! Sources: `api4/config.go`, `config/client.go` (`SiteURL` is for everybody, `ManagedResourcePaths` for people with an
//! account).

use std::time::{Duration, Instant, SystemTime};

use http::{Method, StatusCode};
use serde_json::Value;

use crate::config::model::{Answer, Config, Proxy, Route, Site, UpstreamAddress, Way};
use crate::secret::Secret;

use super::peer::{Peer, date};
use super::{Sheet, Stand, leads_to, plugin};

/// JaaS allows no leeway; a token is good a minute before its time.
const MOST_SKEW: Duration = Duration::from_secs(30);

/// A Mattermost that a launcher has to do with, and how browsers come to it.
#[derive(Debug)]
pub(super) struct Mattermost<'c> {
    proxy: &'c Proxy,
    /// The path under which it is asked.
    below: String,
    /// Where this file shows it: site and route, and the address for browsers where the site has a name.
    shown: Option<(&'c Site, &'c Route, Option<String>)>,
}

impl<'c> Mattermost<'c> {
    /// The one that is asked about sessions; for a launcher that believes the plugin alone, the only one of the file.
    pub(super) fn of(config: &'c Config, stand: Stand<'c>) -> Option<Self> {
        let shown: Vec<(&Site, &Route, &Proxy)> = config
            .sites
            .iter()
            .flat_map(|site| site.routes.iter().map(move |route| (site, route)))
            .filter_map(|(site, route)| match &route.answer {
                Answer::Proxy(proxy) if proxy.mattermost => Some((site, route, &**proxy)),
                _ => None,
            })
            .collect();
        let asked = stand.launcher.mattermost();
        let believed = stand.launcher.identity.iter().any(|way| matches!(way, Way::Plugin(_)));
        let (proxy, below) = match (asked, shown.as_slice()) {
            (Some(asked), _) => (&asked.proxy, asked.path.clone()),
            (None, [(_, route, only)]) if believed => (*only, only.arriving(&route.path).to_owned()),
            (None, _) => return None,
        };
        // Where several sites show it, the launcher's own; where it is asked by an address that none shows, the only
        // one that the file has.
        let same =
            |other: &Proxy| proxy.upstreams.iter().any(|one| other.upstreams.iter().any(|it| it.origin == one.origin));
        let here = shown.iter().find(|(site, _, other)| same(other) && std::ptr::eq(*site, stand.site));
        let only = || shown.first().filter(|_| shown.len() == 1);
        let shown = here.or_else(|| shown.iter().find(|(_, _, other)| same(other))).or_else(only);
        let shown = shown.map(|(site, route, _)| {
            let origin = config.public_origin(site);
            (*site, *route, origin.map(|origin| format!("{origin}{}", route.path.as_str().trim_end_matches('/'))))
        });
        Some(Self { proxy, below, shown })
    }

    /// Where it listens.
    pub(super) fn upstreams(&self) -> &'c [UpstreamAddress] {
        &self.proxy.upstreams
    }

    /// Its address for browsers, where that is known.
    fn address(&self) -> Option<&str> {
        self.shown.as_ref()?.2.as_deref()
    }

    /// What `Host` says when a browser asks.
    fn authority(&self) -> Option<&str> {
        self.address()?.split("://").nth(1)?.split('/').next()
    }

    /// The first segment of a launcher's path below its own; `None` where the launcher is elsewhere. What does not begin
    /// with the SiteURL is another site's to its web app (`webapp/channels/src/utils/url.tsx`, `shouldOpenInNewTab`).
    fn segment_inside<'s>(&self, stand: Stand<'s>) -> Option<&'s str> {
        let (_, route, _) = self.shown.as_ref().filter(|(site, ..)| std::ptr::eq(*site, stand.site))?;
        route.path.strip(stand.route.path.as_str())?.split('/').find(|segment| !segment.is_empty())
    }
}

pub(super) async fn look(
    config: &Config,
    stand: Stand<'_>,
    mattermost: &Mattermost<'_>,
    upstream: &UpstreamAddress,
    token: Option<&Secret<String>>,
    first: bool,
    sheet: &mut Sheet<'_>,
) {
    let authority = mattermost.authority().unwrap_or(upstream.host.as_str());
    let peer = match Peer::upstream(upstream, mattermost.proxy, authority.to_owned(), &mattermost.below) {
        Ok(peer) => peer,
        Err(why) => return sheet.fault("answers", why, "see what `gatepost check` says of upstream_roots"),
    };
    if first && !answers(&peer, sheet).await {
        return;
    }
    let client = match peer.ask(Method::GET, "/api/v4/config/client?format=old", token).await {
        Ok(answer) if answer.status() == StatusCode::OK => serde_json::from_slice(answer.body()).unwrap_or(Value::Null),
        Ok(answer) if token.is_some() && answer.status() == StatusCode::UNAUTHORIZED => {
            let mend = "make a new one: a personal access token, or the value of MMAUTHTOKEN of somebody signed in";
            return sheet.fault("token", "Mattermost does not know the token of --token-file", mend);
        }
        Ok(answer) => return sheet.fault("settings", format!("answered {}", answer.status()), "is this a Mattermost?"),
        Err(why) => return sheet.fault("settings", why, "is it running?"),
    };
    if first {
        site_url(&client, config, mattermost, sheet);
    }
    managed_paths(&client, mattermost, stand, token.is_some(), sheet);
    plugin::look(&peer, config, stand, token, sheet).await;
}

async fn answers(peer: &Peer, sheet: &mut Sheet<'_>) -> bool {
    let asked = Instant::now();
    let answer = match peer.ask(Method::GET, "/api/v4/system/ping", None).await {
        Ok(answer) => answer,
        Err(why) => {
            sheet.fault("answers", why, "start it, or mend its address in the configuration");
            return false;
        }
    };
    let took = asked.elapsed();
    if answer.status() != StatusCode::OK {
        let mend = "look into its log; is this a Mattermost, and this the path of its SiteURL?";
        let asked = format!("{}/api/v4/system/ping", peer.below);
        sheet.fault("answers", format!("GET {asked} was answered with {}", answer.status()), mend);
        return false;
    }
    let version = answer.headers().get("x-version-id").and_then(|version| version.to_str().ok());
    let version = version.map(|text| text.split('.').take(3).collect::<Vec<_>>().join("."));
    sheet.ok("answers", format!("version {}, in {} ms", version.as_deref().unwrap_or("not said"), took.as_millis()));
    match date(&answer) {
        None => sheet.not_checked("clock", "its answer has no date", None),
        Some(there) => clock(there, took, sheet),
    }
    true
}

fn clock(there: SystemTime, took: Duration, sheet: &mut Sheet<'_>) {
    let here = SystemTime::now();
    let apart = here.duration_since(there).unwrap_or_else(|early| early.duration());
    // `Date` has whole seconds, and the answer took its time.
    match apart.saturating_sub(took + Duration::from_secs(1)) {
        apart if apart <= MOST_SKEW => sheet.ok("clock", "agrees with this machine's"),
        apart => sheet.warning(
            "clock",
            format!(
                "is {} s off this machine's: one of the two is wrong, and meeting servers allow nothing",
                apart.as_secs()
            ),
            "have both keep time: timedatectl set-ntp true",
        ),
    }
}

fn site_url(client: &Value, config: &Config, mattermost: &Mattermost<'_>, sheet: &mut Sheet<'_>) {
    const WHAT: &str = "SiteURL";
    let Some(site_url) = client[WHAT].as_str() else {
        return sheet.not_checked(WHAT, "this Mattermost does not tell it", None);
    };
    let Some(expected) = mattermost.address() else {
        return sheet.not_checked(
            WHAT,
            format!("is \"{site_url}\"; this file shows this Mattermost under no name"),
            None,
        );
    };
    if leads_to(config, site_url, expected) {
        return sheet.ok(WHAT, format!("is {site_url}"));
    }
    let said = if site_url.is_empty() { "is empty".to_owned() } else { format!("is {site_url}") };
    sheet.fault(
        WHAT,
        format!("{said}, and browsers come by {expected}: newer servers refuse their WebSockets, links lead elsewhere"),
        format!("System Console › Environment › Web Server › Site URL: {expected}"),
    );
}

fn managed_paths(
    client: &Value,
    mattermost: &Mattermost<'_>,
    stand: Stand<'_>,
    has_token: bool,
    sheet: &mut Sheet<'_>,
) {
    const WHAT: &str = "ManagedResourcePaths";
    let Some(segment) = mattermost.segment_inside(stand) else {
        return sheet.ok(WHAT, "is not needed: the launcher is not below Mattermost's address");
    };
    let Some(paths) = client[WHAT].as_str() else {
        let why = if has_token {
            "this Mattermost does not tell it"
        } else {
            "Mattermost tells it only to people with an account"
        };
        return sheet.not_checked(WHAT, why, Some("--token-file with a token of anybody's"));
    };
    if paths.split(',').any(|path| path.trim().trim_matches('/') == segment) {
        return sheet.ok(WHAT, format!("has \"{segment}\""));
    }
    let whole = if paths.trim().is_empty() { segment.to_owned() } else { format!("{},{segment}", paths.trim()) };
    sheet.fault(
        WHAT,
        format!(
            "has no \"{segment}\": links to meetings in messages are taken by Mattermost's web app (\"team not found\")"
        ),
        format!(
            "System Console › Environment › Web Server › Managed Resource Paths, or \
             mmctl config set ServiceSettings.ManagedResourcePaths {whole}"
        ),
    );
}
