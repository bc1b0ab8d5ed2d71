//! A second of the calendar, as files show it to a person: `2026-11-25T01:28:00Z`.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// `2026-11-25T01:28:00Z`, for files; seconds since 1970 in memory.
pub(super) fn rfc3339(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| seconds.to_string())
}

/// For `#[serde(with = …)]`.
pub(super) mod second {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    pub(in super::super) fn serialize<S: Serializer>(seconds: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::rfc3339(*seconds))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = String::deserialize(deserializer)?;
        OffsetDateTime::parse(&text, &Rfc3339).map(OffsetDateTime::unix_timestamp).map_err(de::Error::custom)
    }
}
