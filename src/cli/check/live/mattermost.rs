//! A Mattermost that a launcher asks: whether it answers, and whether its settings fit.
//!
//! Sources: `api4/config.go`, `config/client.go` (which parts of the client's configuration are for everybody), the
//! Jitsi plugin's `plugin.json`.

use std::time::{Duration, Instant, SystemTime};

use http::{Method, StatusCode};
use serde_json::Value;

use crate::config::model::{Config, Proxy, UpstreamAddress, Way};
use crate::secret::Secret;

use super::peer::{Peer, date};
use super::{Sheet, Stand};

/// JaaS allows no leeway; a token is good a minute before its time.
const MOST_SKEW: Duration = Duration::from_secs(30);

pub(super) async fn look(
    config: &Config,
    stand: Stand<'_>,
    upstream: &UpstreamAddress,
    proxy: &Proxy,
    token: Option<&Secret<String>>,
    first: bool,
    sheet: &mut Sheet<'_>,
) {
    let origin = config.public_origin(stand.site);
    let authority = origin.as_deref().and_then(|origin| origin.split("://").nth(1)).unwrap_or(upstream.host.as_str());
    let peer = match Peer::upstream(upstream, proxy, authority.to_owned()) {
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
        site_url(&client, config, stand, sheet);
    }
    managed_paths(&client, stand, token.is_some(), sheet);
    plugin(&peer, config, stand, token, sheet).await;
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
        let mend = "look into its log; is this a Mattermost?";
        sheet.fault("answers", format!("GET /api/v4/system/ping was answered with {}", answer.status()), mend);
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

fn site_url(client: &Value, config: &Config, stand: Stand<'_>, sheet: &mut Sheet<'_>) {
    let Some(site_url) = client["SiteURL"].as_str() else {
        return sheet.not_checked("SiteURL", "this Mattermost does not tell it", None);
    };
    let mattermost = stand
        .site
        .routes
        .iter()
        .find(|route| matches!(&route.answer, crate::config::model::Answer::Proxy(proxy) if proxy.mattermost));
    let Some((origin, route)) = config.public_origin(stand.site).zip(mattermost) else {
        return sheet.not_checked("SiteURL", format!("is {site_url}; this site does not show Mattermost"), None);
    };
    let expected = format!("{origin}{}", route.path.as_str().trim_end_matches('/'));
    if site_url.trim_end_matches('/').eq_ignore_ascii_case(&expected) {
        return sheet.ok("SiteURL", format!("is {expected}"));
    }
    let said = if site_url.is_empty() { "is empty".to_owned() } else { format!("is {site_url}") };
    sheet.fault(
        "SiteURL",
        format!("{said}, and browsers come by {expected}: newer servers refuse their WebSockets, links lead elsewhere"),
        format!("System Console › Environment › Web Server › Site URL: {expected}"),
    );
}

fn managed_paths(client: &Value, stand: Stand<'_>, has_token: bool, sheet: &mut Sheet<'_>) {
    const WHAT: &str = "ManagedResourcePaths";
    let Some(segment) = stand.route.path.as_str().split('/').find(|segment| !segment.is_empty()) else {
        return sheet.ok(WHAT, "is not needed: the launcher has a host of its own");
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
        format!("mmctl config set ServiceSettings.ManagedResourcePaths {whole}"),
    );
}

async fn plugin(peer: &Peer, config: &Config, stand: Stand<'_>, token: Option<&Secret<String>>, sheet: &mut Sheet<'_>) {
    const WHAT: &str = "Jitsi plugin";
    let needs = Some("--token-file with a token of a system administrator's");
    let Some(token) = token else {
        return sheet.not_checked(WHAT, "only system administrators see its settings", needs);
    };
    let settings: Value = match peer.ask(Method::GET, "/api/v4/config", Some(token)).await {
        Ok(answer) if answer.status() == StatusCode::OK => serde_json::from_slice(answer.body()).unwrap_or(Value::Null),
        Ok(answer) if answer.status() == StatusCode::FORBIDDEN => {
            return sheet.not_checked(WHAT, "the token is no system administrator's", needs);
        }
        Ok(answer) => {
            return sheet.not_checked(WHAT, format!("GET /api/v4/config was answered with {}", answer.status()), None);
        }
        Err(why) => return sheet.not_checked(WHAT, why, None),
    };
    let plugins = &settings["PluginSettings"];
    if plugins["PluginStates"]["jitsi"]["Enable"] != Value::Bool(true) {
        let needed = stand.launcher.identity.iter().any(|way| matches!(way, Way::Plugin(_)));
        return match needed {
            false => sheet.ok(WHAT, "is not in use; links to the launcher work without it"),
            true => sheet.fault(
                WHAT,
                "is not enabled, and identity has \"plugin\": nobody comes by its links",
                "enable it in System Console › Plugins, or take \"plugin\" out of identity",
            ),
        };
    }
    let jitsi = &plugins["Plugins"]["jitsi"];
    address(jitsi, config, stand, sheet);
    embedded(jitsi, sheet);
    signing(jitsi, stand, sheet);
}

/// A setting of the plugin's; Mattermost keeps their names in lower case, and some tools do not.
fn setting<'v>(jitsi: &'v Value, name: &str) -> Option<&'v Value> {
    jitsi.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn is_on(jitsi: &Value, name: &str) -> bool {
    match setting(jitsi, name) {
        Some(Value::Bool(on)) => *on,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

fn address(jitsi: &Value, config: &Config, stand: Stand<'_>, sheet: &mut Sheet<'_>) {
    const WHAT: &str = "plugin: Jitsi Server URL";
    let Some(origin) = config.public_origin(stand.site) else {
        return sheet.not_checked(WHAT, "the launcher's site has but wildcards for names", None);
    };
    let expected = format!("{origin}{}", stand.route.path.as_str().trim_end_matches('/'));
    let given = setting(jitsi, "JitsiURL").and_then(Value::as_str).unwrap_or_default();
    match given.trim().trim_end_matches('/') {
        given if given.eq_ignore_ascii_case(&expected) => sheet.ok(WHAT, format!("is {expected}")),
        "" => sheet.fault(WHAT, "is empty: meetings start at meet.jit.si", format!("set it to {expected}")),
        given => {
            sheet.warning(WHAT, format!("is {given}, which is not this launcher"), format!("set it to {expected}"));
        }
    }
}

fn embedded(jitsi: &Value, sheet: &mut Sheet<'_>) {
    match is_on(jitsi, "JitsiEmbedded") {
        true => sheet.fault(
            "plugin: embedded",
            "is on: it drops the launcher's path, and the desktop app gives a frame neither camera nor microphone",
            "turn \"Embed Jitsi video inside Mattermost\" off; each user: /jitsi settings embedded false",
        ),
        false => sheet.ok("plugin: embedded", "is off"),
    }
    if is_on(jitsi, "JitsiCompatibilityMode") {
        sheet.warning(
            "plugin: compatibility mode",
            "is on: the meeting server's script would run inside Mattermost; the launcher answers with an empty one",
            "turn it off",
        );
    }
}

fn signing(jitsi: &Value, stand: Stand<'_>, sheet: &mut Sheet<'_>) {
    const WHAT: &str = "plugin: JWT";
    let ours = stand.launcher.identity.iter().find_map(|way| match way {
        Way::Plugin(source) => Some(source.app_id.as_str()),
        Way::Mattermost(_) => None,
    });
    let theirs = setting(jitsi, "JitsiAppID").and_then(Value::as_str).unwrap_or_default();
    match (is_on(jitsi, "JitsiJWT"), ours) {
        (true, Some(ours)) if ours == theirs => {
            sheet
                .ok(WHAT, "is on, with this launcher's App ID; whether the secret is the same shows at the first link");
        }
        (true, Some(ours)) => sheet.fault(
            WHAT,
            format!("is on with the App ID \"{theirs}\", and plugin_app_id is \"{ours}\": no link is believed"),
            "make them the same",
        ),
        (false, Some(_)) => sheet.fault(
            WHAT,
            "is off, and identity has \"plugin\": links carry no token, and phones come unnamed",
            "turn \"Use JWT Authentication for Jitsi\" on, with plugin_app_id and plugin_secret",
        ),
        (true, None) => sheet.warning(
            WHAT,
            "is on, and this launcher does not read its tokens: they stand in links for nothing",
            "add \"plugin\" to identity, with plugin_app_id and plugin_secret, or turn it off",
        ),
        (false, None) => sheet.ok(WHAT, "is off, as identity has it"),
    }
}
