//! The pages that open nothing: they say why, and what to do instead.
//!
//! They refuse to tell people outside what belongs into the log: no address, no name of a file, no cause.

use askama::Template;
use time::{Date, OffsetDateTime};

use super::{Look, Nonce, pages};

/// An invitation that opens nothing.
#[derive(Template)]
#[template(path = "jitsi/page/invitation.html")]
pub struct InvitationFault<'a> {
    /// How it looks.
    pub look: &'a Look,
    /// For script and style.
    pub nonce: &'a Nonce,
    /// Why.
    pub why: Unusable,
}

/// Why an invitation opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// Past its time.
    Expired {
        /// It held until then.
        until: OffsetDateTime,
    },
    /// Redeemed by another device.
    Used,
    /// Altered, cut, or made by another installation.
    Forged,
}

/// The month's users are used up.
#[derive(Template)]
#[template(path = "jitsi/page/full.html")]
pub struct Full<'a> {
    /// How it looks.
    pub look: &'a Look,
    /// For the style.
    pub nonce: &'a Nonce,
    /// `monthly_users`.
    pub limit: u32,
    /// First day of the next month.
    pub until: Date,
}

/// Mattermost does not answer, so that nobody knows who asks.
#[derive(Template)]
#[template(path = "jitsi/page/unreachable.html")]
pub struct Unreachable<'a> {
    /// How it looks.
    pub look: &'a Look,
    /// For the style.
    pub nonce: &'a Nonce,
    /// The launcher's own address of the meeting.
    pub again: &'a str,
}

/// The month's users cannot be counted, where no meeting goes on without.
#[derive(Template)]
#[template(path = "jitsi/page/ledger_down.html")]
pub struct LedgerDown<'a> {
    /// How it looks.
    pub look: &'a Look,
    /// For the style.
    pub nonce: &'a Nonce,
    /// The launcher's own address of the meeting.
    pub again: &'a str,
}

/// An address under Mattermost's host that is one letter off a launcher's.
#[derive(Template)]
#[template(path = "jitsi/page/meant.html")]
pub struct Meant<'a> {
    /// How it looks.
    pub look: &'a Look,
    /// For the style.
    pub nonce: &'a Nonce,
    /// What was probably meant, as an address that a link can have.
    pub meant: &'a str,
    /// Host and path as they were asked for.
    pub host_path: &'a str,
}

pages! {
    InvitationFault;
    Full;
    Unreachable;
    LedgerDown;
    Meant;
}
