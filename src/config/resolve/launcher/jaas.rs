//! `provider = "jaas"`: the app, its key, and where it meets.

use serde_spanned::Spanned;

use crate::config::defaults;
use crate::config::file;
use crate::config::finding::Place;
use crate::config::model::{PemSource, Provider};
use crate::config::resolve::Gather;

use super::{meeting_server, private_key};

/// How 8x8 names every app (developer.8x8.com/jaas/docs/api-keys-jwt).
const APP_PREFIX: &str = "vpaas-magic-cookie-";

pub(super) fn resolve(table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) -> Option<Provider> {
    let file = table.get_ref();
    for (key, place) in [
        ("secret", file.secret.as_ref().map(Place::from)),
        ("subject", file.subject.as_ref().map(Place::from)),
        ("audience", file.audience.as_ref().map(Place::from)),
    ] {
        if let Some(place) = place {
            gather.no_effect(place, key, "JaaS fixes it; it is for a Jitsi of one's own");
        }
    }
    let app_id = app_id(table, gather);
    let key_id = key_id(table, app_id.as_deref(), gather);
    let private_key = private_key(table, gather);
    let server = match &file.server {
        None => Some(defaults::JAAS_SERVER.to_owned()),
        Some(given) => meeting_server::resolve(given, gather).map(|address| address.origin),
    };
    Some(Provider::Jaas { app_id: app_id?, key_id: key_id?, private_key: private_key?, server: server? })
}

fn app_id(table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) -> Option<String> {
    let Some(given) = &table.get_ref().app_id else {
        gather.missing(
            &table.span(),
            "this launcher has no `app_id`",
            "copy the AppID from the JaaS console: app_id = \"vpaas-magic-cookie-…\"",
        );
        return None;
    };
    let text = given.get_ref();
    // It becomes a segment of the meeting's address.
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if text.is_empty() || !text.bytes().all(plain) {
        gather.fatal_mend(
            given,
            format!("\"{}\" is not an AppID", text.escape_debug()),
            "copy it from the JaaS console: \"vpaas-magic-cookie-\" and 32 hexadecimal digits, without a slash",
        );
        return None;
    }
    if !text.starts_with(APP_PREFIX) && table.get_ref().server.is_none() {
        gather.warning_mend(
            given,
            format!("the AppID \"{text}\" does not begin with {APP_PREFIX}, as all of 8x8's do"),
            "copy it from the JaaS console",
        );
    }
    Some(text.clone())
}

/// R104: the part before the slash is the app id, or JaaS answers "kid and jwt tenant do not match".
fn key_id(table: &Spanned<file::Launcher>, app_id: Option<&str>, gather: &mut Gather<'_>) -> Option<String> {
    let Some(given) = &table.get_ref().key_id else {
        gather.missing(
            &table.span(),
            "this launcher has no `key_id`",
            "copy the key's id from the JaaS console: key_id = \"vpaas-magic-cookie-…/…\"",
        );
        return None;
    };
    let text = given.get_ref();
    let app_id = app_id?;
    match text.split_once('/') {
        Some((app, key)) if app == app_id && !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic()) => {
            return Some(text.clone());
        }
        Some((app, _)) if app != app_id => gather.fatal_mend(
            given,
            format!(
                "`key_id` belongs to the app \"{app}\", and `app_id` is \"{app_id}\": JaaS would refuse every token"
            ),
            "copy both from the same app in the JaaS console",
        ),
        None => gather.fatal_mend(
            given,
            "`key_id` has no slash: JaaS would refuse every token (\"invalid kid format\")",
            format!("write \"{app_id}/{text}\""),
        ),
        Some(_) => gather.fatal_mend(
            given,
            "`key_id` has no id of a key after the slash",
            "copy the key's whole id from the JaaS console",
        ),
    }
    None
}

fn private_key(table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) -> Option<PemSource> {
    let Some(given) = &table.get_ref().private_key else {
        gather.missing(
            &table.span(),
            "this launcher has no `private_key`",
            "name the file that the JaaS console gave when the key was made: private_key = \"/etc/gatepost/private.pk\"",
        );
        return None;
    };
    private_key::resolve(given, table, gather)
}
