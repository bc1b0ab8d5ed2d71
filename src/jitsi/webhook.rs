//! What 8x8 posts when something happens in a meeting: the events that tell who is a monthly user.
//!
//! The shape is 8x8's own description (developer.8x8.com/jaas/docs/webhooks-payload): one JSON object with
//! `idempotencyKey`, `appId`, `eventType`, `timestamp` in milliseconds, `fqn` (`<appId>/<room>`) and `data`, whose
//! shape the type decides. jitsi-meet's own tests (`tests/specs/jaas`) see the same.
//!
//! What a monthly user is, only USAGE says: its `data` lists one `deviceId` for each device that has just come to a
//! meeting of two or more, the very thing that 8x8 bills; `userId` is the `context.user.id` of the token, which is
//! Mattermost's. Whoever sits in a meeting alone is in none and costs nothing. PARTICIPANT_JOINED names people and
//! connections (`id`, and `participantId`, which is another one at each join) and no device, so that it cannot tell
//! one browser from two: it is counted as a visit and decides nothing.
//!
//! It refuses what is too long, no JSON, or lacks what its type must have. Types that it does not know are no error:
//! 8x8 has thirty of them and makes new ones, and what is not taken with 2xx is posted again. Whether the post comes
//! from 8x8 at all, by its `Authorization` or its [`signature`], is seen to before.

pub mod signature;

use serde::{Deserialize, Deserializer};
use thiserror::Error;

/// Longest post that is read, in bytes. A USAGE of the 500 people that a meeting has at most is 130 KiB.
pub const LONGEST: usize = 256 * 1024;

/// Longest id that is believed, in bytes: 8x8's are of 32 to 40, phone numbers of dialled-in people shorter, the
/// `userId` is what our own token said.
const LONGEST_ID: usize = 256;

/// Devices of one event: more than a meeting has people.
const MOST_DEVICES: usize = 1000;

/// Seconds since 1970 that an event may bear: JaaS began in 2020, and nothing of the years past 2100 is ours to see.
const TIMES: std::ops::Range<u64> = 1_577_836_800..4_102_444_800;

/// One event, as far as it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Equal for an event that is posted twice.
    pub key: Option<String>,
    /// When it happened, in seconds since 1970.
    pub at: u64,
    /// What.
    pub what: What,
    /// Whose account's.
    app_id: String,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Devices have come to a meeting of two or more.
    Usage(Vec<Used>),
    /// Somebody has entered a meeting.
    Joined,
    /// Anything else.
    Other,
}

/// A device that 8x8 counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Used {
    /// 8x8's id of it: kept in the browser's local storage, or a phone number.
    #[serde(rename = "deviceId")]
    pub device: String,
    /// The token's `context.user.id`.
    #[serde(rename = "userId", default)]
    pub person: Option<String>,
}

/// Why a post is no event.
#[derive(Debug, Error)]
pub enum EventError {
    /// More than [`LONGEST`] bytes.
    #[error("the post is longer than {LONGEST} bytes")]
    TooLong,
    /// No JSON, or not of the shape.
    #[error("the post is no JaaS event: {0}")]
    Shape(#[from] serde_json::Error),
    /// A value that cannot be right; which.
    #[error("the post is no JaaS event: its {0} cannot be right")]
    Value(&'static str),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    event_type: String,
    timestamp: u64,
    #[serde(default, deserialize_with = "or_nothing")]
    idempotency_key: String,
    #[serde(default, deserialize_with = "or_nothing")]
    app_id: String,
    #[serde(default, deserialize_with = "or_nothing")]
    fqn: String,
}

#[derive(Deserialize)]
struct Usage {
    data: Vec<Used>,
}

impl Event {
    /// Reads the body of a post.
    ///
    /// # Errors
    /// Where it is too long, no JSON, or a value in it cannot be right.
    pub fn parse(body: &[u8]) -> Result<Self, EventError> {
        if body.len() > LONGEST {
            return Err(EventError::TooLong);
        }
        let head: Head = serde_json::from_slice(body)?;
        let at = head.timestamp / 1000;
        if !TIMES.contains(&at) {
            return Err(EventError::Value("timestamp"));
        }
        // Some events come without `appId`; the room's whole name begins with it.
        let app_id = match head.app_id.is_empty() {
            true => head.fqn.split('/').next().unwrap_or_default().to_owned(),
            false => head.app_id,
        };
        let what = match head.event_type.as_str() {
            "USAGE" => What::Usage(usage(body)?),
            "PARTICIPANT_JOINED" => What::Joined,
            _ => What::Other,
        };
        let key = Some(head.idempotency_key).filter(|key| !key.is_empty());
        if key.as_ref().is_some_and(|key| key.len() > LONGEST_ID) {
            return Err(EventError::Value("idempotencyKey"));
        }
        Ok(Self { key, at, what, app_id })
    }

    /// Whether it is of this launcher's account. A webhook that was set up for another one must not count here.
    pub fn belongs_to(&self, app_id: &str) -> bool {
        self.app_id == app_id
    }
}

fn usage(body: &[u8]) -> Result<Vec<Used>, EventError> {
    let Usage { mut data } = serde_json::from_slice(body)?;
    if data.len() > MOST_DEVICES {
        return Err(EventError::Value("data"));
    }
    for used in &mut data {
        used.person = used.person.take().filter(|person| !person.is_empty());
        let person = used.person.as_ref().map_or(0, String::len);
        if used.device.is_empty() || used.device.len() > LONGEST_ID || person > LONGEST_ID {
            return Err(EventError::Value("deviceId or userId"));
        }
    }
    Ok(data)
}

/// A text that may be missing or `null`.
fn or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
