//! The settings of Mattermost's Jitsi plugin, as far as a launcher minds them.
//!
//! Its secret comes along where Mattermost does not mask it: it is compared, and shown nowhere. Source of the names and
//! of what is demanded: the plugin's `plugin.json` and `server/configuration.go`.

use http::{Method, StatusCode};
use serde_json::Value;

use crate::config::model::{Config, PluginSource, Way};
use crate::secret::{Secret, source};

use super::peer::Peer;
use super::{Sheet, Stand, leads_to};

/// As Mattermost knows it.
const ID: &str = "jitsi";

/// In minutes: a day. What is signed for longer is no link to a meeting any more.
const LONGEST_LINK: f64 = 24.0 * 60.0;

/// Looks at the settings, where the token is a system administrator's.
pub(super) async fn look(
    peer: &Peer,
    config: &Config,
    stand: Stand<'_>,
    token: Option<&Secret<String>>,
    sheet: &mut Sheet<'_>,
) {
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
    let is_in_use =
        plugins["Enable"] != Value::Bool(false) && plugins["PluginStates"][ID]["Enable"] == Value::Bool(true);
    let ours = stand.launcher.identity.iter().find_map(|way| match way {
        Way::Plugin(source) => Some(source),
        Way::Mattermost(_) => None,
    });
    match (is_in_use, ours) {
        (true, _) => sheet.ok(WHAT, "is in use"),
        (false, None) => return sheet.ok(WHAT, "is not in use; links to the launcher work without it"),
        (false, Some(_)) => {
            let mend = "System Console › Plugins › Jitsi: enable it, or take \"plugin\" out of identity";
            return sheet.fault(WHAT, "is not in use, and identity has \"plugin\": nobody can enter by it", mend);
        }
    }
    let jitsi = &plugins["Plugins"][ID];
    address(jitsi, config, stand, sheet);
    embedded(jitsi, sheet);
    signing(jitsi, ours, sheet);
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
        given if leads_to(config, given, &expected) => sheet.ok(WHAT, format!("is {given}")),
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
        false => sheet.ok("plugin: embedded", "is off; a user's own /jitsi settings cannot be seen from here"),
    }
    if is_on(jitsi, "JitsiCompatibilityMode") {
        sheet.warning(
            "plugin: compatibility mode",
            "is on: the meeting server's script would run inside Mattermost; the launcher answers with an empty one",
            "turn it off",
        );
    }
}

fn signing(jitsi: &Value, ours: Option<&PluginSource>, sheet: &mut Sheet<'_>) {
    const WHAT: &str = "plugin: JWT";
    let theirs = setting(jitsi, "JitsiAppID").and_then(Value::as_str).unwrap_or_default();
    match (is_on(jitsi, "JitsiJWT"), ours) {
        (true, Some(ours)) if ours.app_id == theirs => {
            sheet.ok(WHAT, "is on, with this launcher's App ID");
            secret(jitsi, ours, sheet);
            lifetime(jitsi, sheet);
        }
        (true, Some(ours)) => sheet.fault(
            WHAT,
            format!(
                "is on with the App ID \"{theirs}\", and plugin_app_id is \"{}\": no link is believed",
                ours.app_id
            ),
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

/// Whether both sign with the same, where Mattermost does not mask it.
fn secret(jitsi: &Value, ours: &PluginSource, sheet: &mut Sheet<'_>) {
    const WHAT: &str = "plugin: App Secret";
    let theirs = setting(jitsi, "JitsiAppSecret").and_then(Value::as_str).unwrap_or_default();
    if theirs.is_empty() {
        return sheet.fault(WHAT, "is empty: the plugin starts no meeting so", "set it to what plugin_secret is");
    }
    if theirs.bytes().all(|b| b == b'*') {
        return sheet.not_checked(WHAT, "Mattermost does not show it; whether it fits shows at the first link", None);
    }
    match source::read(&ours.secret, "plugin_secret") {
        Err(error) => sheet.not_checked(WHAT, crate::cli::with_causes(&error), None),
        Ok(ours) if ours.reveal() == theirs => sheet.ok(WHAT, "is plugin_secret"),
        Ok(_) => sheet.fault(WHAT, "is not what plugin_secret is: no link is believed", "make them the same"),
    }
}

/// A link is its owner for as long as it holds (`docs/threats.md`).
fn lifetime(jitsi: &Value, sheet: &mut Sheet<'_>) {
    const WHAT: &str = "plugin: link expiry";
    let given = setting(jitsi, "JitsiLinkValidTime");
    let minutes = given.and_then(|given| given.as_f64().or_else(|| given.as_str()?.trim().parse().ok()));
    match minutes {
        Some(minutes) if (1.0..=LONGEST_LINK).contains(&minutes) => sheet.ok(WHAT, format!("is {minutes} minutes")),
        Some(minutes) if minutes > LONGEST_LINK => sheet.warning(
            WHAT,
            format!("is {minutes} minutes: for so long whoever is passed a link enters as its owner"),
            "set \"Meeting Link Expiry Time\" to some 30 minutes",
        ),
        _ => sheet.ok(WHAT, "is the plugin's own: 30 minutes"),
    }
}
