//! The launcher's pages: the one that opens a meeting, the guests' form, the way to the login, and those that say no.
//!
//! A page is a struct whose template stands beside it. Every text from outside is
//! escaped by the template, all words come from [`phrases`], and title, colours and
//! logo from the [`Look`]. Scripts and styles carry a nonce, and the page's policy
//! lets nothing else run or load; no page holds a frame. Every page works
//! without its script.
//!
//! The pages refuse to decide anything: who may enter, what is counted and which
//! address a link has is settled by whoever fills them.

use askama::Template;

pub mod colour;
pub mod guest;
pub mod launch;
pub mod look;
pub mod phrases;
pub mod policy;
pub mod refusal;
pub mod sign_in;

pub use guest::{Guest, GuestFault};
pub use launch::{App, Launch, Notice, Waiting};
pub use look::Look;
pub use policy::{Kind, Nonce};
pub use refusal::{Full, InvitationFault, LedgerDown, Meant, Unreachable, Unusable};
pub use sign_in::{OldLink, SignIn};

/// A page, and the policy that it is to be sent with.
pub trait Page: Template {
    /// How it looks.
    fn look(&self) -> &Look;

    /// What its script and style run by.
    fn nonce(&self) -> &Nonce;

    /// What it does beside showing itself.
    fn kind(&self) -> Kind<'_> {
        Kind::Plain
    }

    /// Its `Content-Security-Policy`.
    fn policy(&self) -> String {
        self.nonce().policy(self.kind(), self.look().logo.is_some())
    }
}

/// Says of pages that they have a look and a nonce, and, where they do more than show themselves, what.
macro_rules! pages {
    ($($page:ident $(does |$this:ident| $kind:expr)?;)*) => {$(
        impl $crate::jitsi::page::Page for $page<'_> {
            fn look(&self) -> &$crate::jitsi::page::Look {
                self.look
            }

            fn nonce(&self) -> &$crate::jitsi::page::Nonce {
                self.nonce
            }

            $(fn kind(&self) -> $crate::jitsi::page::Kind<'_> {
                let $this = self;
                $kind
            })?
        }
    )*};
}

use pages;

#[cfg(test)]
mod tests;
