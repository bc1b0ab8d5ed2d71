//! A token taken apart, and what each claim is for and who checks it.
//!
//! No signature is verified: the token is the one that was signed a moment ago.
//! Sources of the meanings: those of [`crate::jitsi::claims`].

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::cert::words::date;
use crate::config::model::{JitsiKey, Provider};
use crate::jitsi::provider::public_key_file;

/// What a token says.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Decoded {
    pub(super) header: Map<String, Value>,
    pub(super) claims: Map<String, Value>,
    /// Bytes of the signature: with RSA, those of the modulus.
    #[serde(skip)]
    pub(super) signature: usize,
}

/// One header parameter or claim.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Part {
    /// Where it stands: `header.kid`, `context.user.name`.
    pub(super) name: String,
    /// For people.
    pub(super) value: String,
    /// What it is for, and who checks it.
    pub(super) meaning: String,
}

impl Decoded {
    /// `None` where it is no token in compact form (RFC 7515 section 3.1).
    pub(super) fn of(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let mut bytes = || URL_SAFE_NO_PAD.decode(parts.next()?).ok();
        let header = serde_json::from_slice(&bytes()?).ok()?;
        let claims = serde_json::from_slice(&bytes()?).ok()?;
        let signature = bytes()?.len();
        parts.next().is_none().then_some(Self { header, claims, signature })
    }

    /// A claim that is a whole number of seconds.
    pub(super) fn seconds(&self, claim: &str) -> Option<i64> {
        self.claims.get(claim)?.as_i64()
    }

    /// A claim or header parameter that is a text.
    pub(super) fn text<'d>(map: &'d Map<String, Value>, name: &str) -> &'d str {
        map.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Everything that the token says: header, then what it is, then who comes.
    pub(super) fn explained(&self, provider: &Provider) -> Vec<Part> {
        let mut parts = Vec::new();
        for (name, value) in &self.header {
            parts.push(part(format!("header.{name}"), shown(value), provider));
        }
        let (context, others): (Vec<_>, Vec<_>) = self.claims.iter().partition(|(name, _)| *name == "context");
        for (name, value) in others.into_iter().chain(context) {
            match (name.as_str(), value.as_object(), value.as_i64()) {
                ("context", Some(context), _) => explain_context(context, provider, &mut parts),
                ("iat" | "nbf" | "exp", _, Some(seconds)) => {
                    parts.push(part(name.clone(), format!("{seconds} ({})", date(seconds)), provider));
                }
                _ => parts.push(part(name.clone(), shown(value), provider)),
            }
        }
        parts
    }
}

fn explain_context(context: &Map<String, Value>, provider: &Provider, parts: &mut Vec<Part>) {
    for (name, value) in context {
        let name = format!("context.{name}");
        match value.as_object() {
            Some(features) if name == "context.features" => {
                let of = |wanted: &str| {
                    let names = features.iter().filter(|(_, value)| *value == wanted).map(|(name, _)| name.as_str());
                    names.collect::<Vec<_>>().join(", ")
                };
                let value = match (of("true"), of("false")) {
                    (on, off) if on.is_empty() => format!("off: {off}"),
                    (on, off) if off.is_empty() => format!("on: {on}"),
                    (on, off) => format!("on: {on}; off: {off}"),
                };
                parts.push(part(name, value, provider));
            }
            Some(inner) => {
                parts.extend(inner.iter().map(|(key, value)| part(format!("{name}.{key}"), shown(value), provider)));
            }
            None => parts.push(part(name, shown(value), provider)),
        }
    }
}

fn part(name: String, value: String, provider: &Provider) -> Part {
    Part { meaning: meaning(&name, provider), name, value }
}

/// A text without quotes and without what would move a terminal's cursor.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.escape_debug().to_string(),
        other => other.to_string(),
    }
}

/// What a claim is for, and who checks it.
fn meaning(name: &str, provider: &Provider) -> String {
    let jaas = matches!(provider, Provider::Jaas { .. });
    let server = if jaas { "8x8's server" } else { "prosody" };
    match name {
        "header.typ" => format!("what this is; {server} refuses a token without it"),
        "header.alg" => match provider {
            Provider::Jitsi { key: JitsiKey::Secret(_), .. } => {
                "how it is signed: with the app_secret that prosody checks it by".to_owned()
            }
            _ => format!("how it is signed: with the private key here; {server} checks it by the public half"),
        },
        "header.kid" => match provider {
            Provider::Jitsi { key: JitsiKey::Rsa { key_id, .. }, .. } => {
                format!("by which prosody finds the public half: at {}", public_key_file(key_id))
            }
            _ => "by which 8x8 finds the public half; its part before the slash must be the app id".to_owned(),
        },
        "aud" if jaas => "whom it is for; the meeting's page and 8x8's server take \"jitsi\" alone".to_owned(),
        "aud" => "whom it is for; has to be one of prosody's asap_accepted_audiences".to_owned(),
        "iss" if jaas => "who issued it; the meeting's page and 8x8's server take \"chat\" alone".to_owned(),
        "iss" => "who issued it; has to be one of prosody's asap_accepted_issuers, its app_id unless told".to_owned(),
        "sub" if jaas => "whose account it is; must be what `kid` has before the slash".to_owned(),
        "sub" => "which tenant or domain; prosody looks at it with enable_domain_verification alone".to_owned(),
        "room" => format!("the one room that it opens, `*` for any; {server} compares it when somebody enters"),
        "iat" => "when it was issued; nobody checks it".to_owned(),
        "nbf" => format!("from when it holds, by the clocks of {server} and of the browser; without any leeway"),
        "exp" => format!("until when one can enter with it, by the clocks of {server} and of the browser"),
        "moderator" => "whether they moderate, for prosody's module token_moderation".to_owned(),
        "context.user.name" => "the name that the meeting shows".to_owned(),
        "context.user.id" => "tells people apart in 8x8's events; Mattermost's id where it is known".to_owned(),
        "context.user.email" => "the address, by which Jitsi looks for a Gravatar picture".to_owned(),
        "context.user.avatar" => "address of the picture, loaded by every participant's browser".to_owned(),
        "context.user.affiliation" => {
            "whether they moderate, for prosody's module token_affiliation: owner or member".to_owned()
        }
        "context.user.moderator" if jaas => "whether they moderate; 8x8's server makes them so".to_owned(),
        "context.user.moderator" => "whether they moderate, for modules that read JaaS's claim".to_owned(),
        "context.features" if jaas => {
            "what they may switch on; demanded, and heeded for who moderates alone".to_owned()
        }
        "context.features" => "what they may switch on; prosody heeds it for recording and telephone calls".to_owned(),
        _ => "nothing that gatepost knows of".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jitsi::features::Feature;

    #[test]
    fn what_is_no_token_is_none() {
        for text in ["", "a.b", "e30.e30", "e30.e30.e30.e30", "W10.e30.AA", "e30.e30.*"] {
            assert!(Decoded::of(text).is_none(), "{text}");
        }
        assert_eq!(Decoded::of("e30.e30.AAAA").map(|decoded| decoded.signature), Some(3));
    }

    #[test]
    fn features_are_told_in_one_line_and_no_value_moves_the_cursor() {
        let claims = serde_json::json!({
            "exp": 1_800_000_000_i64,
            "context": {
                "user": {"name": "\u{1b}[2J"},
                "features": {Feature::Recording.name(): "true", Feature::FileUpload.name(): "false"},
            },
        });
        let Value::Object(claims) = claims else { panic!("an object") };
        let provider = Provider::Public { server: String::new() };
        let parts = Decoded { header: Map::new(), claims, signature: 0 }.explained(&provider);
        let value = |name: &str| parts.iter().find(|part| part.name == name).map(|part| part.value.as_str());
        assert_eq!(value("context.features"), Some("on: recording; off: file-upload"));
        assert_eq!(value("context.user.name"), Some("\\u{1b}[2J"));
        assert_eq!(value("exp"), Some("1800000000 (2027-01-15 08:00 UTC)"));
    }
}
