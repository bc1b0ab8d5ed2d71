//! Who is signed in: sessions and the people that they belong to.
//!
//! A session token is all that is believed; nothing that a client says of itself
//! afterwards counts. At most [`MOST`] are kept: the oldest goes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use serde::Serialize;

use crate::jitsi::identity;
use crate::secret::Secret;

/// Nobody signs in this often in a demo; whoever tries fills no memory.
const MOST: usize = 500;

/// Mattermost's limit for a nickname, in characters.
pub(super) const LONGEST_NAME: usize = 64;

/// The alphabet of Mattermost's ids: z-base-32, where nothing looks like another letter.
const ALPHABET: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Member,
    Admin,
    Guest,
}

impl Role {
    /// As the form says it; whatever else is said is a member.
    pub(super) fn of(text: &str) -> Self {
        match text {
            "admin" => Self::Admin,
            "guest" => Self::Guest,
            _ => Self::Member,
        }
    }

    /// As people say it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Guest => "guest",
        }
    }

    /// As Mattermost says it (`server/public/model/role.go`).
    fn roles(self) -> &'static str {
        match self {
            Self::Member => "system_user",
            Self::Admin => "system_user system_admin",
            Self::Guest => "system_guest",
        }
    }
}

/// Somebody who signed in.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: String,
    /// As typed.
    pub(super) name: String,
    pub(super) role: Role,
    username: String,
    since: u64,
}

/// The sessions.
#[derive(Debug, Default)]
pub(super) struct People(RefCell<VecDeque<(Secret<String>, Rc<Person>)>>);

impl People {
    /// Signs somebody in and gives the session's token. `name` has been looked at.
    ///
    /// # Errors
    /// Where the system has no random numbers to give.
    pub(super) fn sign_in(&self, name: &str, role: Role) -> Result<Secret<String>, getrandom::Error> {
        let token = Secret::new(id()?);
        let person = Person { id: id()?, name: name.to_owned(), role, username: username(name), since: milliseconds() };
        let mut people = self.0.borrow_mut();
        if people.len() == MOST {
            people.pop_front();
        }
        people.push_back((token.clone(), Rc::new(person)));
        Ok(token)
    }

    /// Ends the session that came with a request.
    pub(super) fn sign_out(&self, fields: &HeaderMap) {
        if let Some(session) = identity::session(fields) {
            self.0.borrow_mut().retain(|(token, _)| *token != session);
        }
    }

    /// Whose session came with a request, by cookie or bearer token.
    pub(super) fn of(&self, fields: &HeaderMap) -> Option<(Secret<String>, Rc<Person>)> {
        let session = identity::session(fields)?;
        let person = self.by(&session)?;
        Some((session, person))
    }

    /// Whose session this is.
    pub(super) fn by(&self, session: &Secret<String>) -> Option<Rc<Person>> {
        self.0.borrow().iter().find(|(token, _)| token == session).map(|(_, person)| person.clone())
    }
}

/// A name to sign in with: what is shown of `text`, or `None` where nothing is or it is too long.
pub(super) fn name(text: &str) -> Option<&str> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= LONGEST_NAME && !text.chars().any(char::is_control);
    fits.then_some(text)
}

impl Person {
    /// What Mattermost's `GET /api/v4/users/me` says (`server/public/model/user.go`), as far as clients look.
    pub(super) fn user(&self) -> impl Serialize {
        #[derive(Serialize)]
        struct User {
            id: String,
            create_at: u64,
            update_at: u64,
            delete_at: u64,
            username: String,
            auth_data: &'static str,
            auth_service: &'static str,
            email: String,
            email_verified: bool,
            nickname: String,
            first_name: &'static str,
            last_name: &'static str,
            position: &'static str,
            roles: &'static str,
            locale: &'static str,
            disable_welcome_email: bool,
        }
        User {
            id: self.id.clone(),
            create_at: self.since,
            update_at: self.since,
            delete_at: 0,
            username: self.username.clone(),
            auth_data: "",
            auth_service: "",
            email: format!("{}@chat.localhost", self.username),
            email_verified: true,
            nickname: self.name.clone(),
            first_name: "",
            last_name: "",
            position: "",
            roles: self.role.roles(),
            locale: "en",
            disable_welcome_email: true,
        }
    }
}

impl Person {
    /// What Mattermost's `GET /api/v4/users/me/teams/members` says of the one team that there is
    /// (`server/public/model/team_member.go`). Nobody administers it alone.
    pub(super) fn membership(&self) -> impl Serialize {
        #[derive(Serialize)]
        struct TeamMember {
            team_id: &'static str,
            user_id: String,
            roles: &'static str,
            delete_at: u64,
            scheme_guest: bool,
            scheme_user: bool,
            scheme_admin: bool,
            explicit_roles: &'static str,
        }
        let guest = self.role == Role::Guest;
        TeamMember {
            team_id: "teateateateateateateateate",
            user_id: self.id.clone(),
            roles: if guest { "team_guest" } else { "team_user" },
            delete_at: 0,
            scheme_guest: guest,
            scheme_user: !guest,
            scheme_admin: false,
            explicit_roles: "",
        }
    }
}

/// What Mattermost allows in a user name of what was typed.
fn username(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let text: String =
        name.to_lowercase().chars().map(|c| if c == ' ' { '-' } else { c }).filter(|&c| allowed(c)).collect();
    // It begins with a letter there.
    if text.starts_with(|c: char| c.is_ascii_lowercase()) { text } else { format!("user{text}") }
}

/// 26 characters, 130 bits.
pub(super) fn id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 26];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
}

/// Now, as Mattermost counts.
pub(super) fn milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
