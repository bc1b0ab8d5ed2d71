//! `provider = "jitsi"`: a Jitsi of one's own, whose prosody checks tokens.
//!
//! What is demanded is what prosody demands (jitsi-meet `resources/prosody-plugins/token/util.lib.lua`): an issuer
//! that it accepts, and either the secret that it knows too, or a key whose public half it fetches by its id.

use serde_spanned::Spanned;

use crate::config::defaults;
use crate::config::file;
use crate::config::finding::{Finding, Place};
use crate::config::model::{JitsiKey, Provider, SecretFrom, UpstreamAddress};
use crate::config::resolve::{Gather, secret};
use crate::jitsi::provider::LEAST_SECRET;

use super::{meeting_server, private_key};

pub(super) fn resolve(table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) -> Option<Provider> {
    let file = table.get_ref();
    let app_id = app_id(table, gather);
    let server = server(table, gather);
    let subject = claim(file.subject.as_ref(), "subject", gather);
    if let (Some(given), Some(subject)) = (&file.subject, &subject)
        && *subject != subject.to_lowercase()
    {
        gather.warning_mend(
            given,
            "`subject` has capital letters: prosody compares it with a domain or tenant in lower case",
            format!("write \"{}\"", subject.to_lowercase()),
        );
    }
    let audience = claim(file.audience.as_ref(), "audience", gather);
    let key = key(table, gather);
    let server = server?;
    Some(Provider::Jitsi {
        app_id: app_id?,
        subject: subject.unwrap_or_else(|| server.host.to_string()),
        audience: audience.unwrap_or_else(|| defaults::JITSI_AUDIENCE.to_owned()),
        server: server.origin,
        key: key?,
    })
}

fn app_id(table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) -> Option<String> {
    let Some(given) = &table.get_ref().app_id else {
        gather.missing(
            &table.span(),
            "this launcher has no `app_id`",
            "copy `app_id` from prosody's configuration (docker: JWT_APP_ID)",
        );
        return None;
    };
    claim(Some(given), "app_id", gather)
}

fn server(table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) -> Option<UpstreamAddress> {
    let Some(given) = &table.get_ref().server else {
        gather.missing(
            &table.span(),
            "this launcher has no `server`",
            "write where your Jitsi is: server = \"https://meet.site.com\"",
        );
        return None;
    };
    meeting_server::resolve(given, gather)
}

/// The text of a claim, as given.
fn claim(given: Option<&Spanned<String>>, key: &str, gather: &mut Gather<'_>) -> Option<String> {
    let given = given?;
    let text = given.get_ref().trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        gather.fatal_mend(given, format!("`{key}` is empty, or no single line"), "write it as prosody has it");
        return None;
    }
    Some(text.to_owned())
}

/// Exactly one of a secret and a private key.
fn key(table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) -> Option<JitsiKey> {
    let file = table.get_ref();
    match (&file.secret, &file.private_key) {
        (None, None) => {
            gather.missing(
                &table.span(),
                "this launcher has neither `secret` nor `private_key`: it could sign no token",
                "write secret = { file = \"…\" } with prosody's app_secret (docker: JWT_APP_SECRET), or private_key and \
                 key_id where prosody has an asap_key_server",
            );
            None
        }
        (Some(secret), Some(private_key)) => {
            let finding = Finding::fatal(
                Place::from(private_key),
                "`private_key` and `secret` are both given: prosody takes tokens of one kind",
            );
            let mend = "remove `secret` where prosody has an asap_key_server, else `private_key`";
            gather.findings.push(finding.also(Place::from(secret), "the other").mend(mend));
            None
        }
        (Some(given), None) => {
            if let Some(key_id) = &file.key_id {
                gather.no_effect(key_id, "key_id", "a token that is signed with a secret names no key");
            }
            let secret = secret::resolve(given, gather)?;
            long_enough(&secret, table, gather).then_some(JitsiKey::Secret(secret))
        }
        (None, Some(given)) => {
            let private_key = private_key::resolve(given, table, gather);
            let key_id = key_id(table, gather);
            Some(JitsiKey::Rsa { private_key: private_key?, key_id: key_id? })
        }
    }
}

/// Where the secret is known by now: whether there is one. A short one is warned of.
fn long_enough(secret: &SecretFrom, table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) -> bool {
    let SecretFrom::Text(text) = secret else { return true };
    if gather.surroundings.environment.is_none() {
        return true;
    }
    let length = text.reveal().trim().len();
    if length == 0 {
        gather.fatal(Place::from(table), "`secret` is empty: anybody could sign with it");
    } else if length < LEAST_SECRET {
        // Not at the value: it would be shown.
        gather.warning_mend(
            Place::from(table),
            format!(
                "`secret` has {length} bytes; HS256 wants {LEAST_SECRET} or more, or it can be guessed from any token"
            ),
            "make one with `openssl rand -hex 32`, here and as app_secret in prosody",
        );
    }
    length > 0
}

fn key_id(table: &Spanned<file::Launcher>, gather: &mut Gather<'_>) -> Option<String> {
    let Some(given) = &table.get_ref().key_id else {
        gather.missing(
            &table.span(),
            "this launcher has no `key_id`",
            "name the key as you like, say key_id = \"gatepost\": prosody fetches <asap_key_server>/<sha256 of it>.pem",
        );
        return None;
    };
    let text = given.get_ref();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        gather.fatal_mend(
            given,
            format!("\"{}\" names no key", text.escape_debug()),
            "write letters, digits, hyphens and slashes, as `printf %s KEY_ID | sha256sum` had it when the key's \
             file was named",
        );
        return None;
    }
    Some(text.clone())
}
