//! The launcher's pages: the one that opens a meeting, the one without a room, the one that leads to the login.
//!
//! Every text from outside is escaped by the template. Scripts and styles carry a
//! nonce, and the policy lets nothing else run or load; no page holds a frame. The
//! meeting's address stands in the link alone, where the script reads it.

use std::fmt::Write;

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Lets this one answer's own script and style run (CSP level 3, section 6.7.3.3), and is never used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A fresh one: 128 bits, as the specification asks for at least.
    ///
    /// # Errors
    /// Where the system has no random numbers to give.
    pub fn fresh() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(STANDARD_NO_PAD.encode(bytes)))
    }

    /// The `Content-Security-Policy` for the page that carries this nonce.
    pub fn policy(&self) -> String {
        let mut policy = String::from("default-src 'none'");
        for kind in ["script-src", "style-src"] {
            write!(policy, "; {kind} 'nonce-{}'", self.0).expect("writing to a String does not fail");
        }
        policy + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    }
}

/// Opens the meeting in a window of its own, and offers it by a link.
#[derive(Template)]
#[template(path = "jitsi/page/launch.html")]
pub struct Launch<'a> {
    /// For script and style.
    pub nonce: &'a Nonce,
    /// The room's name for people.
    pub room: &'a str,
    /// The meeting's address, token and all.
    pub meeting: &'a str,
}

/// No room was asked for.
#[derive(Template)]
#[template(path = "jitsi/page/waiting.html")]
pub struct Waiting<'a> {
    /// For the style.
    pub nonce: &'a Nonce,
}

/// Nobody is signed in.
#[derive(Template)]
#[template(path = "jitsi/page/signin.html")]
pub struct SignIn<'a> {
    /// For the style.
    pub nonce: &'a Nonce,
    /// Mattermost's login, on the same host.
    pub login: &'a str,
    /// The launcher's own address of the meeting.
    pub again: &'a str,
}

#[cfg(test)]
mod tests;
