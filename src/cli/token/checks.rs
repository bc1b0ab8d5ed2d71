//! What people usually get wrong about meeting tokens, each with its words and what mends it.
//!
//! Some faults stop everything before there is a token: the configuration's own findings and [`ProviderError`] say
//! those (a key id of another app, a public key given for the private one, a key that is not RSA).
//!
//! [`ProviderError`]: crate::jitsi::provider::ProviderError

use serde::Serialize;

use crate::config::model::{JitsiKey, Launcher, Provider, Rooms};
use crate::jitsi::provider::{LEAST_SECRET, public_key_file};

use super::decoded::Decoded;
use crate::cli::clock::{Skew, Unknown};
use crate::cli::verdict::Verdict;

/// One look at a token.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct Check {
    /// At what.
    pub(in crate::cli) of: &'static str,
    pub(in crate::cli) verdict: Verdict,
    pub(in crate::cli) words: String,
    /// The command or edit that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) mend: Option<String>,
}

/// In seconds: less than this is too short to get from the click into the meeting, on a slow phone, with a page
/// between (as the configuration has it).
const SHORT: i64 = 60;

/// A token holds from a minute before its issue; a server whose clock is further behind refuses it.
const BACKDATED: u64 = 60;

/// The Mattermost desktop app opens no longer address (`Invalid Link`, mattermost/desktop `common/utils/url.ts`).
const LONGEST_ADDRESS: usize = 8192;

pub(super) fn all(
    launcher: &Launcher,
    secret_length: Option<usize>,
    address: &str,
    token: Option<&Decoded>,
    skew: &Result<Skew, Unknown>,
) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(token) = token {
        checks.extend(key(launcher, secret_length, token));
        checks.push(subject(launcher, token));
        checks.push(room(launcher.rooms, token));
        let lifetime = token.seconds("exp").unwrap_or(0) - token.seconds("iat").unwrap_or(0);
        checks.push(lasting(lifetime));
        checks.push(clock(lifetime, skew));
    }
    checks.push(length(address));
    checks
}

fn ok(of: &'static str, words: impl Into<String>) -> Check {
    Check { of, verdict: Verdict::Ok, words: words.into(), mend: None }
}

fn bad(of: &'static str, verdict: Verdict, words: impl Into<String>, mend: impl Into<String>) -> Check {
    Check { of, verdict, words: words.into(), mend: Some(mend.into()) }
}

/// `kid`, and what the token is signed with.
fn key(launcher: &Launcher, secret_length: Option<usize>, token: &Decoded) -> Vec<Check> {
    let kid = Decoded::text(&token.header, "kid");
    let rsa = ok("key", format!("it is signed with an RSA key of {} bits", token.signature * 8));
    match &launcher.provider {
        Provider::Jaas { app_id, .. } => vec![rsa, key_id(kid, app_id)],
        Provider::Jitsi { key: JitsiKey::Rsa { key_id, .. }, .. } => vec![
            rsa,
            Check {
                of: "kid",
                verdict: Verdict::NotChecked,
                words: format!("prosody has to find the public key at {}", public_key_file(key_id)),
                mend: Some(
                    "put what `openssl rsa -in PRIVATE_KEY -pubout` prints there, and ask for it with curl".into(),
                ),
            },
        ],
        Provider::Jitsi { key: JitsiKey::Secret(_), .. } => {
            let length = secret_length.unwrap_or(0);
            vec![match length < LEAST_SECRET {
                true => bad(
                    "key",
                    Verdict::Warning,
                    format!(
                        "the secret has {length} bytes: with fewer than {LEAST_SECRET} it can be guessed from a token"
                    ),
                    "make one with `openssl rand -hex 32`, here and as app_secret in prosody",
                ),
                false => ok("key", format!("it is signed with a secret of {length} bytes; prosody's must be the same")),
            }]
        }
        Provider::Public { .. } => Vec::new(),
    }
}

fn key_id(kid: &str, app_id: &str) -> Check {
    match kid.split_once('/') {
        Some((app, key)) if app == app_id && !key.is_empty() => ok("kid", "it begins with the app id"),
        Some((app, _)) => bad(
            "kid",
            Verdict::Fault,
            format!(
                "it belongs to the app \"{}\": 8x8 refuses it (\"kid and jwt tenant do not match\")",
                app.escape_debug()
            ),
            "copy key_id and app_id from the same app in the JaaS console",
        ),
        None => bad(
            "kid",
            Verdict::Fault,
            "it has no slash: 8x8 refuses it (\"invalid kid format\")",
            format!("write key_id = \"{app_id}/{}\"", kid.escape_debug()),
        ),
    }
}

fn subject(launcher: &Launcher, token: &Decoded) -> Check {
    let subject = Decoded::text(&token.claims, "sub");
    match &launcher.provider {
        Provider::Jaas { app_id, .. } if subject == app_id => ok("sub", "it is the app id"),
        Provider::Jaas { app_id, .. } => bad(
            "sub",
            Verdict::Fault,
            format!("it is \"{}\" and not the app id: 8x8 refuses it", subject.escape_debug()),
            format!("sub has to be \"{app_id}\""),
        ),
        Provider::Jitsi { server, .. } | Provider::Public { server } => {
            let host = server.split_once("://").map_or(server.as_str(), |(_, host)| host);
            if subject == "*" || host.strip_prefix(subject).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            {
                return ok("sub", "it is the meeting server's host, or any");
            }
            Check {
                of: "sub",
                verdict: Verdict::NotChecked,
                words: format!(
                    "\"{}\" is not the meeting server's host; prosody minds with enable_domain_verification alone",
                    subject.escape_debug()
                ),
                mend: Some(
                    "let `subject` be the tenant, or the domain of prosody's VirtualHost (docker: meet.jitsi)".into(),
                ),
            }
        }
    }
}

fn room(rooms: Rooms, token: &Decoded) -> Check {
    match (rooms, Decoded::text(&token.claims, "room")) {
        (Rooms::Any, _) | (_, "*") => {
            bad("room", Verdict::Warning, "it opens every room there is", "leave `rooms = \"any\"` out of the launcher")
        }
        _ => ok("room", "it opens this room alone"),
    }
}

fn lasting(lifetime: i64) -> Check {
    match lifetime < SHORT {
        true => bad(
            "exp",
            Verdict::Warning,
            format!("it holds for {lifetime} s: too short to get from a click into the meeting"),
            "write --lifetime 1m or more",
        ),
        false => ok("exp", format!("it holds for {}", span(lifetime))),
    }
}

fn clock(lifetime: i64, skew: &Result<Skew, Unknown>) -> Check {
    const MEND: &str = "set this machine's clock by NTP: `timedatectl set-ntp true`";
    let skew = match skew {
        Ok(skew) => skew,
        Err(why) => {
            return Check { of: "clock", verdict: Verdict::NotChecked, words: why.to_string(), mend: None };
        }
    };
    let (by, ahead) = (span(skew.ahead.saturating_abs()), skew.ahead > 0);
    match (skew.certain(), ahead) {
        // A Date has whole seconds, and both clocks may be corrected a little all the time.
        (0..=2, _) => ok("clock", "it agrees with the meeting server's"),
        (certain, true) if certain >= BACKDATED => bad(
            "clock",
            Verdict::Fault,
            format!("it is {by} ahead of the meeting server's: a fresh token holds there only later (\"nbf\")"),
            MEND,
        ),
        (certain, false) if certain >= lifetime.unsigned_abs() => bad(
            "clock",
            Verdict::Fault,
            format!("it is {by} behind the meeting server's: a fresh token has expired there already"),
            MEND,
        ),
        (_, ahead) => bad(
            "clock",
            Verdict::Warning,
            format!("it is {by} {} the meeting server's", if ahead { "ahead of" } else { "behind" }),
            MEND,
        ),
    }
}

fn length(address: &str) -> Check {
    match address.len() {
        length if length > LONGEST_ADDRESS => bad(
            "address",
            Verdict::Fault,
            format!("it has {length} bytes, and the Mattermost desktop app opens {LONGEST_ADDRESS} at most"),
            "give a shorter name",
        ),
        length => ok("address", format!("it has {length} bytes, of {LONGEST_ADDRESS} that the desktop app takes")),
    }
}

/// `95 s`, `2 h 5 min`: a difference or a lifetime, for people.
pub(super) fn span(seconds: i64) -> String {
    match (seconds / 3600, seconds % 3600 / 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
