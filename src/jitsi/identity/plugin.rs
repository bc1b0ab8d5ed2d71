//! The token that Mattermost's Jitsi plugin signs into its links: which room, until when, and often who asks.
//!
//! The plugin signs with a secret that it shares with gatepost (its settings "App ID" and
//! "App Secret"), by HS256. As the meeting starts it names the room alone. Mattermost's web
//! and desktop clients have it signed anew with `context.user` for whoever looks at the
//! post; phones and copied texts carry the first one, which proves the room and nobody.
//! Source: mattermost-plugin-jitsi, `server/plugin.go` and `server/model.go`.
//!
//! It takes HS256 and nothing else: the algorithm is not the token's to choose. It demands
//! what the plugin always writes and believes no role: the plugin writes none. A token of a
//! meeting, which names a role or features, is refused even where it is signed by the same
//! secret: who was once let into a meeting would else let themselves in for ever.

use std::borrow::Cow;
use std::fmt;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;

use crate::clock::Clock;
use crate::jitsi::room::{Asked, Room};
use crate::secret::Secret;

use super::{Person, name};

/// Longest token. The plugin's own come to 900 bytes with the longest names and room; three times the most of it in
/// letters that take more than one byte still fits.
const LONGEST: usize = 4096;

/// How far Mattermost's clock and ours may differ, in seconds: by a minute, as clocks do that nobody tends. A link
/// lives half an hour unless the plugin is told otherwise; a minute more opens nothing that it did not open before.
const LEEWAY: u64 = 60;

/// Reads the plugin's tokens.
#[derive(Debug)]
pub struct Plugin {
    app_id: String,
    /// `None` where the secret is empty: everybody could sign with that.
    key: Option<DecodingKey>,
    signed: Validation,
    clock: Clock,
}

/// What a token of the plugin proves: that its room was asked for by somebody with a Mattermost account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Who that is; `None` where the token proves the room alone. Neither role nor user name is known of them.
    pub person: Option<Person>,
}

/// Why a token of the plugin is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginFault {
    /// Longer than the plugin makes them; not looked at.
    TooLong,
    /// Not three parts of base64url with JSON in them.
    Malformed,
    /// Its header names another algorithm than HS256, or something that must be understood and is not.
    Header,
    /// Not signed with the plugin's secret.
    Signature,
    /// A meeting's own token.
    Meeting,
    /// `iss` is not the app id.
    Issuer,
    /// `aud` is not, or does not contain, the app id.
    Audience,
    /// `room` is another room than the one asked for.
    Room,
    /// `exp` is missing, or is no whole number of seconds.
    NoExpiry,
    /// `exp` is past.
    Expired,
    /// `nbf` is yet to come, or is no whole number of seconds.
    NotYet,
}

impl Plugin {
    /// `app_id` and `secret` as the plugin's settings have them. An empty secret proves nothing: with it no token is
    /// believed.
    pub fn new(app_id: impl Into<String>, secret: &Secret<String>, clock: Clock) -> Self {
        let secret = secret.reveal().as_bytes();
        let mut signed = Validation::new(Algorithm::HS256);
        // Of the claims the library would judge these by the system's clock and pass over those of a wrong type.
        signed.required_spec_claims.clear();
        signed.validate_exp = false;
        signed.validate_nbf = false;
        signed.validate_aud = false;
        let key = (!secret.is_empty()).then(|| DecodingKey::from_secret(secret));
        Self { app_id: app_id.into(), key, signed, clock }
    }

    /// What `token` proves to somebody who asks for `room`.
    ///
    /// `sub`, the host in the plugin's settings, is not looked at: gatepost may have several.
    ///
    /// # Errors
    /// Says why the token proves nothing.
    pub fn verify(&self, token: &str, room: &Room) -> Result<Proof, PluginFault> {
        if token.len() > LONGEST {
            return Err(PluginFault::TooLong);
        }
        let claims = self.claims(token)?;
        claims.open_no_meeting()?;
        if !self.is_app_id(&claims.iss) {
            return Err(PluginFault::Issuer);
        }
        // The library that the plugin signs with writes a list of one as a string (cristalhq/jwt, `audience.go`).
        let named = match &claims.aud {
            Value::Array(several) => several.iter().any(|one| self.is_app_id(one)),
            one => self.is_app_id(one),
        };
        if !named {
            return Err(PluginFault::Audience);
        }
        let now = self.clock.unix_seconds();
        let until = claims.exp.as_u64().ok_or(PluginFault::NoExpiry)?;
        if until.saturating_add(LEEWAY) <= now {
            return Err(PluginFault::Expired);
        }
        if !claims.nbf.is_null() && claims.nbf.as_u64().is_none_or(|from| from > now.saturating_add(LEEWAY)) {
            return Err(PluginFault::NotYet);
        }
        if !claims.room.as_str().is_some_and(|named| same(named, room)) {
            return Err(PluginFault::Room);
        }
        Ok(Proof { person: claims.person() })
    }

    fn is_app_id(&self, claim: &Value) -> bool {
        claim.as_str() == Some(&self.app_id)
    }

    /// The claims of a token that the plugin signed.
    fn claims(&self, token: &str) -> Result<Claims, PluginFault> {
        // Ahead of the library's own look at it, so that an unknown algorithm is told from broken JSON.
        let header = jsonwebtoken::decode_header(token).map_err(|error| match error.kind() {
            ErrorKind::Json(_) => PluginFault::Header,
            _ => PluginFault::Malformed,
        })?;
        // What `crit` names must be understood (RFC 7515 section 4.1.11); the library passes over it.
        if header.alg != Algorithm::HS256 || header.crit.is_some() {
            return Err(PluginFault::Header);
        }
        let key = self.key.as_ref().ok_or(PluginFault::Signature)?;
        let decoded = jsonwebtoken::decode(token, key, &self.signed).map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => PluginFault::Signature,
            ErrorKind::InvalidAlgorithm => PluginFault::Header,
            _ => PluginFault::Malformed,
        })?;
        Ok(decoded.claims)
    }
}

/// Whether two names are one room to Jitsi: whatever the case and however encoded
/// (`resources/prosody-plugins/token/util.lib.lua`). Never any room: of `*` nothing is left.
fn same(named: &str, room: &Room) -> bool {
    match Asked::of(named) {
        Ok(Asked::Room(named)) => named.claim().eq_ignore_ascii_case(&room.claim()),
        Ok(Asked::Nothing | Asked::ExternalApi) | Err(_) => false,
    }
}

/// What is looked at in the plugin's token. Of any type: a wrong one is a claim that does not hold, each in its own words.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    iss: Value,
    #[serde(default)]
    aud: Value,
    #[serde(default)]
    exp: Value,
    #[serde(default)]
    nbf: Value,
    #[serde(default)]
    room: Value,
    #[serde(default)]
    context: Value,
}

impl Claims {
    /// The plugin writes neither role nor features; whatever opens a meeting by itself does.
    fn open_no_meeting(&self) -> Result<(), PluginFault> {
        let user = &self.context["user"];
        let written = [&self.context["features"], &user["moderator"], &user["affiliation"]];
        if written.iter().all(|value| value.is_null()) { Ok(()) } else { Err(PluginFault::Meeting) }
    }

    /// Who asks. A link that nobody had signed anew for themselves has a user of empty strings.
    fn person(&self) -> Option<Person> {
        let user = &self.context["user"];
        let text = |key: &str| user[key].as_str().unwrap_or_default();
        let id = name::id(text("id"))?;
        // Mattermost falls back on the user name by itself where its privacy settings keep the others back.
        let name = Some(name::shown(text("name"))).filter(|name| !name.is_empty())?;
        Some(Person {
            id,
            name,
            email: name::email(text("email")),
            username: None,
            guest: false,
            admin: false,
            picture: None,
        })
    }
}

impl PluginFault {
    /// For the log.
    fn why(self) -> &'static str {
        match self {
            Self::TooLong => "it is longer than the plugin makes them",
            Self::Malformed => "it is no JSON Web Token",
            Self::Header => "its header names another algorithm than HS256, or extensions",
            Self::Signature => "it is not signed with plugin_secret; is that the plugin's \"App Secret\"?",
            Self::Meeting => "it is a meeting's own token; does another program sign with plugin_secret?",
            Self::Issuer => "its issuer is not plugin_app_id; is that the plugin's \"App ID\"?",
            Self::Audience => "its audience is not plugin_app_id",
            Self::Room => "it is for another room",
            Self::NoExpiry => "it says not until when it holds",
            Self::Expired => "it has expired",
            Self::NotYet => "it does not hold yet; do the clocks of Mattermost and of this host agree?",
        }
    }
}

impl fmt::Display for PluginFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the plugin's token proves nothing: {}", self.why())
    }
}

impl std::error::Error for PluginFault {}

/// The plugin's token in a request's query, `jwt=…`; `None` where there is none or there are two.
pub fn in_query(query: &str) -> Option<Cow<'_, str>> {
    let mut found = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == "jwt").map(|(_, value)| value);
    let token = found.next().filter(|token| !token.is_empty())?;
    found.next().is_none().then_some(token)
}

#[cfg(test)]
mod tests;
