//! Whom a meeting lets in, as what, and for how long.
//!
//! It knows nothing of accounts: who somebody is and what they may do was settled
//! before. What is not known is left out, never made up.

/// Somebody who enters a meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// What tells people apart: Mattermost's user id; `None` where nobody was asked.
    pub id: Option<String>,
    /// Shown in the meeting.
    pub name: String,
    /// Left out where there is none.
    pub email: Option<String>,
    /// Address of a picture that the meeting's page can load; left out where there is none.
    pub avatar: Option<String>,
    /// What they may do.
    pub role: Role,
    /// When their right to enter ends, in seconds since 1970, which no token outlives; `None` where nothing ends it.
    pub until: Option<u64>,
}

/// What somebody may do in a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Mutes, removes, lets in from the lobby.
    Moderator,
    /// Of the house.
    Member,
    /// From outside.
    Guest,
}
