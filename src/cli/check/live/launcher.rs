//! A launcher as the world meets it, asked of the running gatepost.
//!
//! Nobody is counted: where somebody would enter, only the head is asked for.

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};

use crate::config::model::Config;
use crate::secret::Secret;

use super::peer::Peer;
use super::{Sheet, Stand, outside};

/// A room that nobody meets in.
pub(super) const ROOM: &str = "gatepost-check";

pub(super) async fn look(config: &Config, stand: Stand<'_>, token: Option<&Secret<String>>, sheet: &mut Sheet<'_>) {
    let prefix = stand.route.path.as_str().trim_end_matches('/');
    let script = format!("{prefix}/external_api.js");
    let public = outside::look(config, stand, &script, sheet).await;
    let local = here(config, stand, &script, public.is_some(), sheet).await;
    // By its public name where that leads to it: so browsers come.
    let Some(peer) = public.or(local) else { return };
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

/// The launcher of the gatepost that runs on this machine, where it answers.
async fn here(config: &Config, stand: Stand<'_>, script: &str, elsewhere: bool, sheet: &mut Sheet<'_>) -> Option<Peer> {
    const WHAT: &str = "answers";
    const MEND: &str = "does `gatepost run` serve this file on this machine?";
    let peer = match Peer::gatepost(config, stand.site) {
        Ok(peer) => peer,
        Err(why) => {
            sheet.not_checked(WHAT, why, None);
            return None;
        }
    };
    match peer.ask(Method::GET, script, None).await {
        Ok(answer) if answer.status() == StatusCode::OK && answer.body().is_empty() => {
            sheet.ok(WHAT, "and gives the plugin's compatibility mode nothing to run");
            return Some(peer);
        }
        Ok(answer) => sheet.fault(
            WHAT,
            format!("{script} was answered with {}", answer.status()),
            "does the running gatepost serve this very file? gatepost explain, then SIGHUP",
        ),
        // The file may be looked at from a machine that it is not for.
        Err(why) if elsewhere => sheet.warning(WHAT, format!("not on this machine: {why}"), MEND),
        Err(why) => sheet.fault(WHAT, why, MEND),
    }
    None
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
            StatusCode::OK => {
                sheet.ok(WHAT, "would enter; only the head was asked for, which counts nobody and signs nothing");
            }
            StatusCode::FOUND | StatusCode::UNAUTHORIZED => {
                let mend = "is the token a bot's, or its owner deactivated? Does the launcher ask the Mattermost that gave it?";
                sheet.fault(WHAT, "is led to the login all the same", mend);
            }
            status => sheet.fault(WHAT, format!("was answered with {status}"), "look into gatepost's log"),
        },
    }
}
