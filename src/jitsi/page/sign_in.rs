//! The page for whom nobody knows: to Mattermost's login, and on to the meeting.
//!
//! Mattermost's login by password keeps `redirect_to` inside its own router, which
//! knows no launcher. So the login opens in a tab of its own, and this page asks the
//! launcher now and then whether somebody has signed in; then it leads on by itself.
//! It asks while it is seen, for ten minutes, and refuses to lead on unless the answer
//! was "nobody" before: it never goes round in a circle.

use askama::Template;

use super::{Kind, Look, Nonce, pages};

/// Nobody is signed in.
#[derive(Template)]
#[template(path = "jitsi/page/sign_in.html")]
pub struct SignIn<'a> {
    /// How it looks.
    pub look: &'a Look,
    /// For script and style.
    pub nonce: &'a Nonce,
    /// Mattermost's login on the same host; `None` where the launcher stands on a host of its own, which sees
    /// nothing of Mattermost's session.
    pub login: Option<&'a str>,
    /// The launcher's own address of the meeting.
    pub again: &'a str,
    /// The launcher's address that answers 204 once somebody is signed in, and 401 before; asked only where there
    /// is a login.
    pub session: &'a str,
    /// The guests' form, where there is one.
    pub guest: Option<&'a str>,
    /// What is to be done about a link whose token is older than its time.
    pub old_link: Option<OldLink>,
}

/// What helps who comes by a link that is older than its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldLink {
    /// Signing in: a session says who somebody is, whatever the link says.
    SignIn,
    /// Nothing: the link alone says it, and the plugin keeps its end when it signs it again.
    Dead,
}

pages! {
    SignIn does |page| match page.login {
        Some(_) => Kind::Asks,
        None => Kind::Plain,
    };
}
