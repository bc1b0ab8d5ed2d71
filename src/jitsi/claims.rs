//! What a JaaS token says: the claims, as 8x8 and Jitsi's own client want them.
//!
//! Sources: developer.8x8.com/jaas/docs/api-keys-jwt; jitsi-meet
//! `react/features/base/jwt/functions.ts` (`validateJwt`) and `constants.ts`.
//!
//! Nothing but strings in `context`: an old Jitsi throws on a number or null there.
//! No `"admin"`: it would open 8x8's management endpoints to whoever holds the token.

use serde::Serialize;

/// The payload of a token, in the order in which it is written.
#[derive(Debug, Serialize)]
pub struct Claims<'a> {
    /// Always this string; the client compares it, so a list would not do.
    pub aud: &'static str,
    /// Always `chat`.
    pub iss: &'static str,
    /// The app id: what `kid` has before its slash.
    pub sub: &'a str,
    /// The one room that the token opens (see [`crate::jitsi::room::Room::claim`]), or `*`.
    pub room: &'a str,
    /// When it was issued, in seconds since 1970.
    pub iat: u64,
    /// From when it holds, in seconds since 1970.
    pub nbf: u64,
    /// Until when it holds, in whole seconds since 1970: a string is refused.
    pub exp: u64,
    /// Who is coming, and with which rights.
    pub context: Context<'a>,
}

/// `context`: JaaS refuses a token without it.
#[derive(Debug, Serialize)]
pub struct Context<'a> {
    /// Who is coming.
    pub user: User<'a>,
    /// Which costly things they may switch on.
    pub features: Features,
}

/// `context.user`.
#[derive(Debug, Serialize)]
pub struct User<'a> {
    /// Whatever tells people apart; Mattermost's user id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    /// Shown in the meeting.
    pub name: &'a str,
    /// Left out where there is none: an empty one is shown as such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<&'a str>,
    /// Documented as a string.
    pub moderator: Flag,
}

/// `"true"` or `"false"`: 8x8 documents strings, and all its samples use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Flag {
    /// `"true"`
    True,
    /// `"false"`
    False,
}

impl From<bool> for Flag {
    fn from(yes: bool) -> Self {
        if yes { Self::True } else { Self::False }
    }
}

/// `context.features`: JaaS refuses a token without this object, and its client one with a name that it does not know.
///
/// Named is what costs money or lets the outside in, each switched off in words. Chat and polls are left to
/// the meeting's own default: naming them would switch them off.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are 8x8's and say what they switch")]
pub struct Features {
    pub livestreaming: Flag,
    pub recording: Flag,
    pub transcription: Flag,
    pub inbound_call: Flag,
    pub outbound_call: Flag,
    pub sip_inbound_call: Flag,
    pub sip_outbound_call: Flag,
    pub file_upload: Flag,
    pub list_visitors: Flag,
}

impl Features {
    /// All of them off.
    pub const OFF: Self = Self {
        livestreaming: Flag::False,
        recording: Flag::False,
        transcription: Flag::False,
        inbound_call: Flag::False,
        outbound_call: Flag::False,
        sip_inbound_call: Flag::False,
        sip_outbound_call: Flag::False,
        file_upload: Flag::False,
        list_visitors: Flag::False,
    };
}
