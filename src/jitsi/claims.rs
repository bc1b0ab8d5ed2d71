//! What a meeting token says: the claims, as 8x8, a Jitsi of one's own and Jitsi's client want them.
//!
//! Sources: developer.8x8.com/jaas/docs/api-keys-jwt; jitsi-meet `react/features/base/jwt/functions.ts`
//! (`validateJwt`), `resources/prosody-plugins/token/util.lib.lua` and lib-jitsi-meet `doc/tokens.md`. What makes a
//! moderator on a Jitsi of one's own differs by the module that prosody has, and each reads a claim of its own:
//! `context.user.affiliation` by jitsi-contrib's `token_affiliation`, `moderator` by `token_moderation`
//! (jitsi-token-moderation-plugin). All are there, and what a server does not know it ignores.
//!
//! Nothing but strings in `context.user`: an old lib-jitsi-meet throws on a number or null there.
//! No `"admin"`: it would open 8x8's management endpoints to whoever holds the token.

use serde::{Serialize, Serializer};

use super::bearer::{Bearer, Role};
use super::features::{Feature, Features};

/// How long before its issue a token already holds, in seconds. Jitsi's server allows no leeway, and the
/// browser compares with the user's own clock too: a minute covers clocks that nobody tends. 8x8's samples
/// take 10.
const BACKDATED: u64 = 60;

/// What all tokens of one launcher have in common.
#[derive(Debug, Clone)]
pub struct Terms {
    /// For whom: `jitsi`. A string, since both Jitsi's client and its server compare it as one.
    pub audience: String,
    /// `iss`: `chat` for JaaS, prosody's `app_id` for a Jitsi of one's own.
    pub issuer: String,
    /// `sub`: the app id for JaaS, the host or tenant for a Jitsi of one's own.
    pub subject: String,
    /// From issue to expiry, in seconds.
    pub lifetime: u64,
    /// Who may switch on what.
    pub features: Features,
    /// Whom it is for.
    pub dialect: Dialect,
}

/// Where 8x8 and a Jitsi of one's own want different claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Features are demanded, and nothing that 8x8 does not document is said.
    Jaas,
    /// Who moderates is said in each way that some module of prosody reads. Of features nothing is said
    /// until one is named: the server's own rule is that moderators may record.
    Jitsi,
}

/// The payload of a token, in the order in which it is written.
#[derive(Debug, Serialize)]
pub struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    /// The one room that the token opens (see [`crate::jitsi::room::Room::claim`]), or `*`.
    room: &'a str,
    /// In seconds since 1970, as are the two that follow. Whole numbers: a string is refused.
    iat: u64,
    nbf: u64,
    exp: u64,
    /// For prosody's `token_moderation`, which takes `true` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    moderator: Option<bool>,
    context: Context<'a>,
}

/// `context`: JaaS refuses a token without it.
#[derive(Debug, Serialize)]
struct Context<'a> {
    user: User<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    features: Option<Permissions>,
}

/// `context.user`.
#[derive(Debug, Serialize)]
struct User<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    name: &'a str,
    /// Left out where there is none: an empty one is shown as such.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<&'a str>,
    /// For prosody's `token_affiliation`: `owner` or `member`.
    #[serde(skip_serializing_if = "Option::is_none")]
    affiliation: Option<&'static str>,
    moderator: &'static str,
}

/// `context.features`.
#[derive(Debug)]
struct Permissions {
    features: Features,
    role: Role,
}

impl<'a> Claims<'a> {
    /// What a token says that is issued `now`, in seconds since 1970, to let `bearer` into `room`.
    pub fn new(terms: &'a Terms, room: &'a str, bearer: &'a Bearer, now: u64) -> Self {
        let jitsi = terms.dialect == Dialect::Jitsi;
        let moderates = bearer.role == Role::Moderator;
        Self {
            aud: &terms.audience,
            iss: &terms.issuer,
            sub: &terms.subject,
            room,
            iat: now,
            nbf: now.saturating_sub(BACKDATED),
            exp: bearer.until.unwrap_or(u64::MAX).min(now.saturating_add(terms.lifetime)),
            moderator: jitsi.then_some(moderates),
            context: Context {
                user: User {
                    id: bearer.id.as_deref(),
                    name: &bearer.name,
                    email: bearer.email.as_deref(),
                    avatar: bearer.avatar.as_deref(),
                    affiliation: jitsi.then_some(if moderates { "owner" } else { "member" }),
                    moderator: flag(moderates),
                },
                features: (!jitsi || !terms.features.is_empty())
                    .then_some(Permissions { features: terms.features, role: bearer.role }),
            },
        }
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let said = |(feature, on): (Feature, bool)| (feature.name(), flag(on));
        serializer.collect_map(self.features.of(self.role).map(said))
    }
}

/// `"true"` or `"false"`: 8x8 documents strings, and all its samples use them. Jitsi takes either.
const fn flag(yes: bool) -> &'static str {
    if yes { "true" } else { "false" }
}
