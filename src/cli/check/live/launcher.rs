//! A launcher as the world meets it, asked of the running gatepost.
//!
//! Nobody is counted: where somebody would enter, only the head is asked for.

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};

use crate::config::model::Config;
use crate::secret::Secret;

use super::peer::Peer;
use super::{Sheet, Stand};

/// A room that nobody meets in.
const ROOM: &str = "gatepost-check";

pub(super) async fn look(config: &Config, stand: Stand<'_>, token: Option<&Secret<String>>, sheet: &mut Sheet<'_>) {
    let peer = match Peer::gatepost(config, stand.site) {
        Ok(peer) => peer,
        Err(why) => return sheet.not_checked("answers", why, None),
    };
    let prefix = stand.route.path.as_str().trim_end_matches('/');
    match peer.ask(Method::GET, &format!("{prefix}/external_api.js"), None).await {
        Err(why) => return sheet.fault("answers", why, "does `gatepost run` serve this file on this machine?"),
        Ok(answer) if answer.status() == StatusCode::OK && answer.body().is_empty() => {
            sheet.ok("answers", "and gives the plugin's compatibility mode nothing to run");
        }
        Ok(answer) => {
            let why = format!("{prefix}/external_api.js was answered with {}", answer.status());
            return sheet.fault(
                "answers",
                why,
                "does the running gatepost serve this very file? gatepost explain, then SIGHUP",
            );
        }
    }
    let room = format!("{prefix}/{ROOM}");
    if stand.launcher.identity.is_empty() {
        sheet.warning(
            "without a session",
            "whoever opens the address gets a token: identity is [\"none\"]",
            "write identity = [\"mattermost\"], unless this is meant",
        );
        return;
    }
    match peer.ask(Method::GET, &room, None).await {
        Err(why) => sheet.fault("without a session", why, "look into gatepost's log"),
        Ok(answer) => without_session(&answer, sheet),
    }
    with_session(&peer, &room, stand, token, sheet).await;
}

fn without_session(answer: &Response<Bytes>, sheet: &mut Sheet<'_>) {
    const WHAT: &str = "without a session";
    let led = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    let shows_token = led.contains("jwt=") || answer.body().windows(4).any(|four| four == b"jwt=");
    match (answer.status(), shows_token) {
        (_, true) => {
            sheet.fault(WHAT, "a token was given to nobody in particular", "is a proxy in front that adds a session?");
        }
        (StatusCode::FOUND | StatusCode::UNAUTHORIZED, false) => sheet.ok(WHAT, "no token; the way to the login"),
        (status, false) => sheet.fault(WHAT, format!("was answered with {status}"), "look into gatepost's log"),
    }
}

async fn with_session(
    peer: &Peer,
    room: &str,
    stand: Stand<'_>,
    token: Option<&Secret<String>>,
    sheet: &mut Sheet<'_>,
) {
    const WHAT: &str = "with a session";
    if stand.launcher.mattermost().is_none() {
        return sheet.not_checked(WHAT, "only the plugin's links say who asks", None);
    }
    let Some(token) = token else {
        return sheet.not_checked(WHAT, "there is none to try", Some("--token-file with a token of anybody's"));
    };
    match peer.ask(Method::HEAD, room, Some(token)).await {
        Err(why) => sheet.fault(WHAT, why, "look into gatepost's log"),
        Ok(answer) => match answer.status() {
            StatusCode::OK => sheet.ok(
                WHAT,
                "would enter; only the head was asked for, which counts nobody and signs nothing: gatepost token does",
            ),
            StatusCode::FOUND | StatusCode::UNAUTHORIZED => {
                let mend = "is the token a bot's, or its owner deactivated? Does the launcher ask the Mattermost that gave it?";
                sheet.fault(WHAT, "is led to the login all the same", mend);
            }
            status => sheet.fault(WHAT, format!("was answered with {status}"), "look into gatepost's log"),
        },
    }
}
