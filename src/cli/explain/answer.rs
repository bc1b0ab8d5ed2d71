//! What each handler would do with a request, in words, with its limits and header rules.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::config::model::{
    Anonymous, Answer, AtLimit, Budget, Config, Guests, Health, JitsiKey, LaunchMode, Launcher, Limits, Provider,
    Proxy, Redirect, RedirectTarget, Rooms, Site, Symlinks, UpstreamHost, Way, Website,
};
use crate::handler::challenge;
use crate::handler::site::resolve::{Refusal, Target};
use crate::jitsi::provider::public_key_file;
use crate::jitsi::room::Asked as AskedRoom;
use crate::route::near;
use crate::route::path::{PathPrefix, decode_unreserved};

use super::Answered;
use super::url::Asked;

/// A certificate authority's challenge, ahead of everything else.
pub(super) fn challenge(asked: &Asked, config: &Config) -> Option<Answered> {
    let folders = challenge::folders(config);
    let path = decode_unreserved(&asked.path);
    let token = challenge::token(&path).filter(|_| !folders.is_empty())?;
    let files: Vec<String> = folders.iter().map(|folder| folder.join(token).display().to_string()).collect();
    let answer =
        format!("the challenge in {}, ahead of redirect and routes; 404 if it is not there", files.join(" or "));
    Some(Answered::new("challenge", None, answer))
}

/// Port 80's redirect.
pub(super) fn to_https(to: &Asked) -> Answered {
    let mut answered = Answered::new("redirect", Some(301), format!("301 to {to}"));
    answered.details.push(("other methods", "308 for all but GET and HEAD, which keeps method and body".into()));
    answered
}

/// A route's answer in a few words.
pub(super) fn in_short(answer: &Answer) -> String {
    match answer {
        Answer::Website(website) => format!("root {}", website.root.display()),
        Answer::Proxy(proxy) => format!("proxy {}", origins(proxy)),
        Answer::Launcher(launcher) => format!("launcher {}", launcher.name),
        Answer::Redirect(redirect) => match &redirect.target {
            RedirectTarget::Origin(text) | RedirectTarget::Fixed(text) => format!("redirect {text}"),
            RedirectTarget::Template(before, after) => format!("redirect {before}{{path}}{after}"),
        },
        Answer::Respond(respond) => format!("respond {}", respond.status.as_u16()),
    }
}

/// A route's answer in full.
pub(super) fn of(answer: &Answer, asked: &Asked, prefix: &PathPrefix, rest: &str) -> Answered {
    match answer {
        Answer::Website(website) => of_website(website, rest),
        Answer::Proxy(proxy) => of_proxy(proxy, asked, prefix),
        Answer::Launcher(launcher) => of_launcher(launcher, rest),
        Answer::Redirect(redirect) => of_redirect(redirect, asked),
        Answer::Respond(respond) => {
            let status = respond.status.as_u16();
            let mut answered = Answered::new("respond", Some(status), format!("{status} with a fixed text"));
            answered.details.push(("length", format!("{} bytes", respond.text.len())));
            answered.details.push(("Content-Type", shown(&respond.content_type)));
            answered
        }
    }
}

/// What `[limits]` says of every request, whoever answers.
pub(super) fn limits(limits: &Limits) -> [(&'static str, String); 2] {
    let head = format!(
        "{} and {} fields at most, within {}",
        size(limits.head_size.into()),
        limits.head_fields,
        time(limits.head_timeout)
    );
    let connections = format!("{} at once from one address", limits.connections_per_address.most);
    [("request head", head), ("connections", connections)]
}

/// The launcher's path that was probably meant by one that goes to Mattermost.
pub(super) fn meant(answer: &Answer, site: &Site, path: &str) -> Option<String> {
    let Answer::Proxy(proxy) = answer else { return None };
    let routes = proxy.mattermost.then_some(&site.routes)?;
    routes.iter().find_map(|route| match &route.answer {
        Answer::Launcher(launcher) if launcher.near_misses => {
            near::meant(path, &route.path).map(|rest| format!("{}{rest}", route.path.as_str()))
        }
        _ => None,
    })
}

fn of_website(website: &Website, rest: &str) -> Answered {
    let at = |target: &Target| website.root.join(OsStr::from_bytes(&target.path)).display().to_string();
    let answer = match Target::parse(rest) {
        Ok(target) if target.folder => format!("the folder {}", at(&target)),
        Ok(target) => format!("the file {}; if it is a folder, a redirect to the same with a slash", at(&target)),
        Err(Refusal::Closed) => "refused: names that begin with a dot and paths out of root are never served".into(),
        Err(Refusal::Malformed | Refusal::NoName) => "refused: this is no name of a file".into(),
    };
    let mut answered = Answered::new("website", None, answer);
    let details = &mut answered.details;
    details.push(("index", website.index.join(", ")));
    details.push(("listing", if website.listing { "on, for a folder without index" } else { "off" }.into()));
    let links = match website.symlinks {
        Symlinks::Follow => "followed anywhere",
        Symlinks::Inside => "followed where they stay inside root",
        Symlinks::Deny => "not followed",
    };
    details.push(("symbolic links", links.into()));
    if let Some(fallback) = &website.fallback {
        details.push(("not found", format!("200 with {}", website.root.join(fallback).display())));
    }
    for (status, page) in &website.error_pages {
        details.push(("error page", format!("{}: {}", status.as_u16(), website.root.join(page).display())));
    }
    answered
}

fn of_proxy(proxy: &Proxy, asked: &Asked, prefix: &PathPrefix) -> Answered {
    let target = asked.target();
    let sent = match proxy.strip_prefix {
        false => target,
        true => match prefix.strip_received(&target) {
            rest if rest.starts_with('/') => rest.to_owned(),
            rest => format!("/{rest}"),
        },
    };
    let mut answered = Answered::new("proxy", None, format!("what {} answers", origins(proxy)));
    let details = &mut answered.details;
    if proxy.mattermost {
        details.push(("preset", "mattermost".into()));
    }
    if proxy.upstreams.iter().any(|upstream| upstream.tls) {
        details.push(("verification", verification(proxy)));
    }
    details.push(("target sent", sent));
    let host = match &proxy.host {
        UpstreamHost::Preserve => asked.authority.to_string(),
        UpstreamHost::Fixed(authority) => authority.to_string(),
    };
    details.push(("Host sent", host));
    let scheme = if asked.tls { "https" } else { "http" };
    details.push(("X-Forwarded-Proto sent", format!("{scheme}, unless a trusted proxy in front says otherwise")));
    details
        .push(("X-Forwarded-For sent", "the client's address; appended behind a trusted proxy, else replaced".into()));
    fields("request field", &proxy.request_headers, details);
    fields("response field", &proxy.response_headers, details);
    details.push(("max_body", size(proxy.max_body)));
    details.push(("connect_timeout", time(proxy.connect_timeout)));
    details.push(("read_timeout", time(proxy.read_timeout)));
    details.push(("send_timeout", time(proxy.send_timeout)));
    let upgrades = match proxy.upgrades.as_slice() {
        [] => "none".into(),
        upgrades => format!("{}, idle for {} at most", upgrades.join(", "), time(proxy.upgrade_idle_timeout)),
    };
    details.push(("upgrades", upgrades));
    details.push(("pool_idle_timeout", time(proxy.pool_idle_timeout)));
    set(proxy, details);
    answered
}

/// What is about the upstreams as a set.
fn set(proxy: &Proxy, details: &mut Vec<(&'static str, String)>) {
    let each = if proxy.upstreams.len() > 1 { " to each upstream" } else { "" };
    let (connections, waiting) = (proxy.max_connections, proxy.max_waiting);
    details.push(("max_connections", format!("{connections}{each}; {waiting} more requests wait, then 503")));
    if proxy.upstreams.len() > 1 {
        let sticky = match &proxy.sticky {
            Some(name) => format!("; whoever has the cookie \"{name}\" keeps theirs"),
            None => String::new(),
        };
        details.push(("balance", format!("{}{sticky}", proxy.balance.word())));
        let ejection = match &proxy.ejection {
            Some(rule) => format!("after {} failures in a row, for {} and longer", rule.after, time(rule.first)),
            None => "never".into(),
        };
        details.push(("ejected", ejection));
    }
    details.push(("health", proxy.health.as_ref().map_or_else(|| "not asked".into(), health)));
}

fn health(health: &Health) -> String {
    format!(
        "GET {} every {}, {} at most; out after {} failures, back after {} successes",
        health.path,
        time(health.interval),
        time(health.timeout),
        health.unhealthy_after,
        health.healthy_after
    )
}

fn verification(proxy: &Proxy) -> String {
    if !proxy.verify.on {
        return "OFF: whoever stands between can read and change everything".into();
    }
    let roots = match &proxy.verify.roots {
        Some(roots) => format!("the roots in {}", roots.display()),
        None => "Mozilla's roots".into(),
    };
    match &proxy.verify.name {
        Some(name) => format!("by {roots}, as {name}"),
        None => format!("by {roots}"),
    }
}

fn fields(what: &'static str, rules: &[(HeaderName, Option<HeaderValue>)], details: &mut Vec<(&'static str, String)>) {
    for (name, value) in rules {
        details.push((
            what,
            match value {
                Some(_) if may_be_credential(name) => {
                    format!("{name}: ***")
                }
                Some(value) => format!("{name}: {}", shown(value)),
                None => format!("{name} is removed"),
            },
        ));
    }
}

/// Credentials are set this way, and explanations are pasted into tickets.
fn may_be_credential(name: &HeaderName) -> bool {
    ["auth", "token", "key", "cookie", "secret", "password"].iter().any(|word| name.as_str().contains(word))
}

fn of_launcher(launcher: &Launcher, rest: &str) -> Answered {
    let page = launcher.mode == LaunchMode::Page;
    let (status, answer) = match AskedRoom::of(rest) {
        Ok(AskedRoom::Room(room)) if page => (None, format!("a page that opens the meeting \"{}\"", room.name())),
        Ok(AskedRoom::Room(room)) => (None, format!("302 to the meeting \"{}\"", room.name())),
        Ok(AskedRoom::Nothing) if page => {
            (Some(200), "a page that says the launcher is up and waits for a room".into())
        }
        Ok(AskedRoom::Nothing) => (None, "302 to a meeting with a random name".into()),
        Ok(AskedRoom::ExternalApi) => (Some(200), "an empty script, for Mattermost's Jitsi plugin".into()),
        Err(_) => match own(rest) {
            Some(own) => (None, own.into()),
            None => (None, "refused: this is no name of a room".into()),
        },
    };
    let mut answered = Answered::new("launcher", status, answer);
    let details = &mut answered.details;
    details.push(("launcher", launcher.name.clone()));
    provider(&launcher.provider, details);
    details.push(("identity", identity(launcher)));
    if !launcher.identity.is_empty() {
        details.push(("guests", guests(&launcher.guests)));
    }
    details.push(("moderators", launcher.who_moderates()));
    details.push(("monthly users", budget(&launcher.budget)));
    if !matches!(launcher.provider, Provider::Public { .. }) {
        token(launcher, details);
    }
    answered
}

/// What a launcher has of its own below the segment `-` (`crate::handler::launcher`), and which key opens it.
fn own(rest: &str) -> Option<&'static str> {
    let (name, rest) = rest.trim_matches('/').strip_prefix("-/").map(|own| own.split_once('/').unwrap_or((own, "")))?;
    match (name, rest.is_empty()) {
        ("session", true) => Some("204 where somebody is signed in, else 401"),
        ("guest", false) => Some("the guests' form; 404 without guests = \"join\""),
        ("invite", false) => Some("an invitation's form; 404 without invitations = true"),
        ("webhook", true) => Some("what 8x8 posts is counted; 404 without webhook_secret"),
        ("avatar", false) => Some("a copy of a picture; 404 without avatars = true"),
        ("logo", true) => Some("the logo; 404 where [launcher.NAME.page] has none"),
        _ => None,
    }
}

/// Whose meetings, and by what its tokens are known there.
fn provider(provider: &Provider, details: &mut Vec<(&'static str, String)>) {
    match provider {
        Provider::Jaas { app_id, key_id, server, .. } => {
            details.push(("provider", "JaaS".into()));
            details.push(("meetings at", format!("{server}/{app_id}")));
            details.push(("key id", key_id.clone()));
        }
        Provider::Jitsi { app_id, server, subject, audience, key } => {
            details.push(("provider", "a Jitsi of one's own".into()));
            details.push(("meetings at", server.clone()));
            details.push(("claims", format!("iss \"{app_id}\", aud \"{audience}\", sub \"{subject}\"")));
            match key {
                JitsiKey::Secret(_) => {
                    details.push(("signed with", "HS256 and the secret that prosody has too".into()));
                }
                JitsiKey::Rsa { key_id, .. } => {
                    details.push(("signed with", "RS256".into()));
                    details.push(("key id", format!("{key_id}; prosody fetches {}", public_key_file(key_id))));
                }
            }
        }
        Provider::Public { server } => {
            details.push(("provider", "public: no token, the name goes along in the address".into()));
            details.push(("meetings at", server.clone()));
        }
    }
}

/// Lifetime, rooms and features of a launcher's tokens.
fn token(launcher: &Launcher, details: &mut Vec<(&'static str, String)>) {
    details.push(("token_lifetime", time(launcher.token_lifetime)));
    let rooms = match launcher.rooms {
        Rooms::This => "the asked room alone",
        Rooms::Any => "ANY room of this app",
    };
    details.push(("token opens", rooms.into()));
    let features = &launcher.features;
    match (features.is_empty(), &launcher.provider) {
        (true, Provider::Jaas { .. }) => details.push(("features", "all off".into())),
        (true, _) => details.push(("features", "by the server's own rule".into())),
        (false, _) => {
            details.push(("moderators may", features.moderators.to_string()));
            details.push(("members may", features.members.to_string()));
            details.push(("guests may", features.guests.to_string()));
        }
    }
}

fn identity(launcher: &Launcher) -> String {
    if launcher.identity.is_empty() {
        let name = launcher.anonymous.name.as_deref().unwrap_or(Anonymous::UNNAMED);
        return format!("nobody is asked: everybody enters as \"{name}\"");
    }
    let way = |way: &Way| match way {
        Way::Mattermost(source) => {
            let asked: Vec<_> =
                source.proxy.upstreams.iter().map(|upstream| format!("{}{}", upstream.origin, source.path)).collect();
            format!("the session cookie is asked about at {}", asked.join(", "))
        }
        Way::Plugin(plugin) => format!("the link's token of the Jitsi plugin \"{}\"", plugin.app_id),
    };
    let ways: Vec<_> = launcher.identity.iter().map(way).collect();
    let without = match launcher.offered_login() {
        Some("") => "the way to sign in".to_owned(),
        Some(login) => format!("the way to sign in at {login}"),
        None => "the advice to open the link from Mattermost".to_owned(),
    };
    format!("{}; without one, {without}", ways.join(", then "))
}

fn guests(guests: &Guests) -> String {
    let join = match (guests.join, &guests.passcode) {
        (false, _) => "not let in",
        (true, None) => "may join under a name of their own",
        (true, Some(_)) => "may join with the passcode",
    };
    let invited = if guests.invitations { "; with an invitation, into its room" } else { "" };
    format!("{join}{invited}")
}

fn budget(budget: &Budget) -> String {
    match (budget.limit, &budget.at_limit) {
        (None, _) => "counted, without a limit".into(),
        (Some(limit), AtLimit::Warn) => format!("{limit}; who comes after is let in, and it is said"),
        (Some(limit), AtLimit::DenyNew) => format!("{limit}; who comes after is sent away"),
        (Some(limit), AtLimit::Fallback(other)) => {
            format!("{limit}; who comes after is led to [launcher.{}]", other.name)
        }
    }
}

fn of_redirect(redirect: &Redirect, asked: &Asked) -> Answered {
    let target = asked.target();
    let location = match &redirect.target {
        RedirectTarget::Origin(origin) => format!("{origin}{target}"),
        RedirectTarget::Template(before, after) => {
            format!("{before}{}{after}", target.strip_prefix('/').unwrap_or(&target))
        }
        RedirectTarget::Fixed(fixed) => fixed.clone(),
    };
    let status = redirect.status.as_u16();
    Answered::new("redirect", Some(status), format!("{status} to {location}"))
}

fn origins(proxy: &Proxy) -> String {
    proxy.upstreams.iter().map(|upstream| upstream.origin.as_str()).collect::<Vec<_>>().join(", ")
}

fn shown(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// As the file would say it, in the largest unit that keeps it whole.
fn time(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    match units.into_iter().find(|(_, factor)| millis > 0 && millis.is_multiple_of(*factor)) {
        Some((unit, factor)) => format!("{}{unit}", millis / factor),
        None => format!("{millis}ms"),
    }
}

/// As [`time`].
fn size(bytes: u64) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor)) {
        Some((unit, factor)) => format!("{}{unit}", bytes / factor),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_shown_as_the_file_would_say_them() {
        assert_eq!(time(Duration::from_secs(600)), "10m");
        assert_eq!(time(Duration::from_millis(1_500)), "1500ms");
        assert_eq!(size(128 << 20), "128MiB");
        assert_eq!(size(50_000_000), "50000000B");
    }
}
