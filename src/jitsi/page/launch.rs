//! The page that opens a meeting, and the one that waits for a room.
//!
//! The meeting's address, token and all, stands in the link alone, where the script
//! reads it. From its own address the page takes over the meeting's topic and refuses
//! whatever else stands behind the `#`.

use askama::Template;

use super::{Look, Nonce, pages};

/// Opens the meeting in a window of its own, and offers it by a link; on a phone by the Jitsi app's link first.
#[derive(Template)]
#[template(path = "jitsi/page/launch.html")]
pub struct Launch<'a> {
    /// How it looks.
    pub look: &'a Look,
    /// For script and style.
    pub nonce: &'a Nonce,
    /// The room's name for people.
    pub room: &'a str,
    /// The meeting's address, token and all.
    pub meeting: &'a str,
    /// The Jitsi app's, where the page is for a phone: see [`App::of`].
    pub app: Option<App<'a>>,
    /// What else there is to say.
    pub notice: Option<Notice<'a>>,
}

/// The same meeting by the Jitsi app's own link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct App<'a> {
    address: &'a str,
}

/// What the page that opens a meeting says beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'a> {
    /// The month's users are used up, and the meeting opens elsewhere.
    Elsewhere {
        /// `monthly_users`.
        limit: u32,
        /// The other launcher's name.
        instead: &'a str,
    },
    /// For moderators: nearly all of the month's users are used up.
    Near {
        /// So many of them.
        used: u32,
        /// `monthly_users`.
        limit: u32,
    },
    /// For moderators: there are more users than the month has, and meetings go on.
    Over {
        /// So many of them.
        used: u32,
        /// `monthly_users`.
        limit: u32,
    },
    /// For moderators: users cannot be counted, and meetings go on.
    Uncounted,
}

/// No room was asked for.
#[derive(Template)]
#[template(path = "jitsi/page/waiting.html")]
pub struct Waiting<'a> {
    /// How it looks.
    pub look: &'a Look,
    /// For the style.
    pub nonce: &'a Nonce,
}

impl<'a> App<'a> {
    /// The link that the app takes on the system that `user_agent` names; `None` where that is no phone.
    ///
    /// An iPad calls itself a Mac, so that it is taken for a desktop, and the browser's link works there.
    pub fn of(user_agent: &str, ios: &'a str, android: &'a str) -> Option<Self> {
        let is_one_of = |names: &[&str]| names.iter().any(|name| user_agent.contains(name));
        // The Windows phones of old said "Android" and "iPhone" too; there is no app for them.
        match () {
            () if user_agent.contains("Windows") => None,
            () if is_one_of(&["iPhone", "iPad", "iPod"]) => Some(Self { address: ios }),
            () if user_agent.contains("Android") => Some(Self { address: android }),
            () => None,
        }
    }
}

pages! {
    Launch;
    Waiting;
}
