//! Who is asking: what Mattermost, or its Jitsi plugin's word, says of whoever came with a request.
//!
//! Two ways lead to a [`Person`]. [`Known::ask`] has Mattermost say whose the session is
//! that came along. [`plugin::Plugin::verify`] reads the token that Mattermost's Jitsi
//! plugin signs into its links, for browsers that have no session: it says less.
//!
//! It believes nothing that a client can write without proof. A person is made of what
//! Mattermost said, by answer or by signature, and of nothing else in the request.

pub mod avatar;
pub mod cache;
pub mod mattermost;
pub mod name;
pub mod plugin;
mod session;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

pub use cache::Known;
pub use mattermost::{Asking, Front};
pub use name::NameOrder;
pub use session::session;

/// A person as Mattermost knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Mattermost's user id: ASCII letters and digits.
    pub id: String,
    /// For showing; never empty.
    pub name: String,
    /// `None` where Mattermost keeps it to itself or it is to be left out.
    pub email: Option<String>,
    /// Lower case, as Mattermost keeps it; `None` where only the plugin's token spoke, which has none.
    pub username: Option<String>,
    /// One of Mattermost's own guests. The plugin's token does not tell: false there.
    pub guest: bool,
    /// One of Mattermost's system administrators, or an administrator of a team where [`Asking::team_admins`] counts
    /// them. The plugin's token does not tell: false there.
    pub admin: bool,
    /// When the picture was last changed, in milliseconds since 1970 as Mattermost counts, which makes them negative
    /// or 0 where nobody set one; `None` where it is not known.
    pub picture: Option<i64>,
}

#[cfg(test)]
pub(crate) mod standin;
