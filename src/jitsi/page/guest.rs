//! The form for people without an account, plain or by invitation.
//!
//! It says all that is wrong with what was sent at once in front of the form, and the field that is to be mended
//! has the focus, without a script. It refuses to show a passcode again.

use askama::Template;
use time::OffsetDateTime;

use super::{Kind, Look, Nonce, pages};

/// Asks an outside person for a name, and for the passcode where there is one.
///
/// It is sent as `application/x-www-form-urlencoded` with `csrf`, `room`, `name` and perhaps `passcode`. Under
/// `Referrer-Policy: no-referrer` browsers send it with `Origin: null` (Fetch, "append a request `Origin` header"):
/// do not hold that against it.
#[derive(Template)]
#[template(path = "jitsi/page/guest.html")]
pub struct Guest<'a> {
    /// How it looks.
    pub look: &'a Look,
    /// For script and style.
    pub nonce: &'a Nonce,
    /// Where the form is sent.
    pub action: &'a str,
    /// Goes back with the form, and proves that it is ours.
    pub csrf: &'a str,
    /// The room's name for people; goes back with the form too.
    pub room: &'a str,
    /// What was typed before; empty at first.
    pub name: &'a str,
    /// Whether the launcher has a passcode.
    pub passcode: bool,
    /// What was wrong with the form as it was sent.
    pub fault: Option<GuestFault>,
    /// Until when the invitation holds that leads here; `None` without one.
    pub invited: Option<OffsetDateTime>,
    /// See [`Kind::Form`].
    pub leads_to: &'a [&'a str],
}

/// What is wrong with a guest's form as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestFault {
    /// No name.
    NameMissing,
    /// A name of more characters than are taken.
    NameTooLong {
        /// So many are.
        most: usize,
    },
    /// A name of control characters or the like.
    NameRefused,
    /// Not the launcher's.
    Passcode,
    /// The CSRF token is past its time.
    TooOld,
    /// Too many tries from one address.
    TooManyTries {
        /// Until the next, in seconds.
        seconds: u64,
    },
    /// The form came without the cookie that belongs to it.
    NoCookies,
}

impl GuestFault {
    fn is_of_name(self) -> bool {
        matches!(self, Self::NameMissing | Self::NameTooLong { .. } | Self::NameRefused)
    }
}

impl Guest<'_> {
    fn name_is_wrong(&self) -> bool {
        self.fault.is_some_and(GuestFault::is_of_name)
    }

    fn passcode_is_wrong(&self) -> bool {
        self.fault == Some(GuestFault::Passcode)
    }
}

pages! {
    Guest does |page| Kind::Form { leads_to: page.leads_to };
}
