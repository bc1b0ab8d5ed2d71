//! Whose session it is, asked about at Mattermost: `GET /api/v4/users/me`.
//!
//! Where a team's administrators count as administrators, a second question follows for
//! whoever is no system administrator and no guest: `GET /api/v4/users/me/teams/members`.
//! Whatever goes wrong with it goes wrong as with the first. A fault that passed for
//! "no administrator" would take rights from somebody for as long as a token lives, and
//! nobody would learn why; an error is over with the next try.
//!
//! Of the request's cookies the session alone goes to Mattermost. Of the answers nothing
//! goes back to the client: on a dead session Mattermost sends a `Set-Cookie` that signs
//! out. A redirect is no answer and is not followed.

use std::net::IpAddr;

use bytes::Bytes;
use http::uri::Scheme;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Fault, RequestError};
use crate::route::host::Authority;
use crate::secret::Secret;

use super::{NameOrder, Person, name};

/// Where Mattermost says whose session it is asked with (`server/channels/api4/user.go`, `getUser`).
const WHO_AM_I: &str = "/api/v4/users/me";

/// And what they are in their teams (`server/channels/api4/team.go`, `getTeamMembersForUser`). Teams that they left
/// are among them.
const MY_TEAMS: &str = "/api/v4/users/me/teams/members";

/// The roles of Mattermost's guests, system administrators and administrators of a team (`server/public/model/role.go`).
const GUEST: &str = "system_guest";
const ADMIN: &str = "system_admin";
const TEAM_ADMIN: &str = "team_admin";

/// What a launcher wants to know of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Asking {
    /// Which name is shown.
    pub names: NameOrder,
    /// Whether the address is wanted.
    pub email: bool,
    /// Whether an administrator of any team is an administrator.
    pub team_admins: bool,
}

impl Default for Asking {
    /// The plugin's order of names, the address, and system administrators alone.
    fn default() -> Self {
        Self { names: NameOrder::default(), email: true, team_admins: false }
    }
}

/// How the person came in, of which Mattermost is told the same as on a proxied request, and where it lives.
#[derive(Debug, Clone, Copy)]
pub struct Front<'a> {
    /// What all of Mattermost's paths begin with: the path of its SiteURL, without a last slash.
    pub below: &'a str,
    /// The host and port that was asked for.
    pub authority: &'a Authority,
    /// Over what.
    pub scheme: &'a Scheme,
    /// From where.
    pub client: IpAddr,
}

/// Asks Mattermost whose session it is; `None` where it is nobody's, of a person put out of service, or of a bot.
///
/// A bot goes to no meeting: who holds a bot's access token is some program, and would use up a monthly user.
///
/// `send` carries a request to Mattermost, bounds time and size of the answer, and follows no redirect.
///
/// # Errors
/// Where Mattermost gives no clear yes or no, so that a fault of Mattermost's does not look like a dead session.
pub async fn ask(
    session: &Secret<String>,
    front: Front<'_>,
    asking: &Asking,
    send: impl AsyncFn(Request<()>) -> Result<Response<Bytes>, RequestError>,
) -> Result<Option<Person>, RequestError> {
    let who_am_i = format!("{}{WHO_AM_I}", front.below);
    let answer = fetch(&who_am_i, session, front, &send).await?;
    let user: User = match answer.status() {
        StatusCode::OK => read(&who_am_i, "user", &answer)?,
        // 403: signed in, and held up by a second factor that is not set up.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Ok(None),
        status => return Err(unclear(&who_am_i, status)),
    };
    let Some(mut person) = user.person(asking)? else { return Ok(None) };
    // Mattermost makes no guest an administrator of a team.
    if asking.team_admins && !person.admin && !person.guest {
        let my_teams = format!("{}{MY_TEAMS}", front.below);
        let answer = fetch(&my_teams, session, front, &send).await?;
        let memberships: Option<Vec<Membership>> = match answer.status() {
            StatusCode::OK => read(&my_teams, "list of memberships", &answer)?,
            // Signed out since the first question.
            StatusCode::UNAUTHORIZED => return Ok(None),
            status => return Err(unclear(&my_teams, status)),
        };
        // Go writes an empty list as `null`.
        let memberships = memberships.unwrap_or_default();
        if memberships.iter().any(|membership| membership.user_id != person.id) {
            return Err(unavailable(format!("GET {my_teams} was answered with somebody else's memberships")));
        }
        person.admin = memberships.iter().any(Membership::administers);
    }
    Ok(Some(person))
}

/// Carries one question over; what hinders it is Mattermost's fault or ours, never the client's.
async fn fetch(
    path: &str,
    session: &Secret<String>,
    front: Front<'_>,
    send: &impl AsyncFn(Request<()>) -> Result<Response<Bytes>, RequestError>,
) -> Result<Response<Bytes>, RequestError> {
    send(question(path, "application/json", session, front)?).await.map_err(|error| match error.judge().0 {
        // Keeps its own words and cause.
        Fault::Upstream => error,
        // An answer that is too large is no fault of whoever asked for a meeting.
        Fault::Client | Fault::Us => unavailable(error.to_string()),
    })
}

/// A request to Mattermost on behalf of whose session it is.
///
/// # Errors
/// Where a path or a host is no part of a request: a defect of ours.
pub(super) fn question(
    path: &str,
    accept: &'static str,
    session: &Secret<String>,
    front: Front<'_>,
) -> Result<Request<()>, RequestError> {
    let internal = |error: http::Error| RequestError::Internal(format!("asking Mattermost for {path}: {error}"));
    // The cookie would do too, but two ways of saying who asks are one too many: Mattermost prefers the cookie.
    let mut bearer =
        HeaderValue::try_from(format!("Bearer {}", session.reveal())).map_err(|error| internal(error.into()))?;
    bearer.set_sensitive(true);
    Request::get(path)
        .header(header::HOST, front.authority.to_string())
        .header(header::AUTHORIZATION, bearer)
        .header(header::ACCEPT, accept)
        .header(HeaderName::from_static("x-forwarded-proto"), front.scheme.as_str())
        // Mattermost's rate limit counts by these; without them all who ask would share one count.
        .header(HeaderName::from_static("x-forwarded-for"), front.client.to_string())
        .header(HeaderName::from_static("x-real-ip"), front.client.to_string())
        .body(())
        .map_err(internal)
}

/// What is used of Mattermost's user (`server/public/model/user.go`).
#[derive(Deserialize)]
struct User {
    id: String,
    username: String,
    #[serde(default)]
    delete_at: i64,
    #[serde(default)]
    is_bot: bool,
    nickname: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
    roles: Option<String>,
    last_picture_update: Option<i64>,
}

impl User {
    /// `None` where nobody can enter by it.
    fn person(self, asking: &Asking) -> Result<Option<Person>, RequestError> {
        let username = name::shown(&self.username).to_lowercase();
        let Some(id) = name::id(&self.id).filter(|_| !username.is_empty()) else {
            return Err(unavailable(format!("GET {WHO_AM_I} was answered with a user without id or name")));
        };
        if self.delete_at > 0 || self.is_bot {
            return Ok(None);
        }
        let nickname = name::shown(&self.nickname.unwrap_or_default());
        let [first, last] = [self.first_name, self.last_name].map(|part| name::shown(&part.unwrap_or_default()));
        let full = name::shown(&format!("{first} {last}"));
        let roles = self.roles.unwrap_or_default();
        Ok(Some(Person {
            name: asking.names.choose(&nickname, &full, &username).to_owned(),
            email: self.email.as_deref().filter(|_| asking.email).and_then(name::email),
            guest: has(&roles, GUEST),
            admin: has(&roles, ADMIN),
            picture: self.last_picture_update,
            username: Some(username),
            id,
        }))
    }
}

/// What is used of a membership (`server/public/model/team_member.go`).
#[derive(Deserialize)]
struct Membership {
    user_id: String,
    roles: Option<String>,
    delete_at: i64,
    /// Whether they hold what the team's permission scheme calls its administrators; the role's name may be any.
    #[serde(default)]
    scheme_admin: bool,
}

impl Membership {
    /// Whether it makes an administrator; who left a team no longer is one.
    fn administers(&self) -> bool {
        self.delete_at == 0 && (self.scheme_admin || self.roles.as_deref().is_some_and(|roles| has(roles, TEAM_ADMIN)))
    }
}

/// Mattermost writes roles as words with blanks between.
fn has(roles: &str, role: &str) -> bool {
    roles.split_whitespace().any(|word| word == role)
}

fn read<T: DeserializeOwned>(path: &str, what: &str, answer: &Response<Bytes>) -> Result<T, RequestError> {
    serde_json::from_slice(answer.body()).map_err(|error| {
        let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("nothing said");
        unavailable(format!("GET {path} was answered with what is no {what} ({kind}): {error}"))
    })
}

fn unclear(path: &str, status: StatusCode) -> RequestError {
    unavailable(format!("GET {path} was answered with {status}; are its address and the path of its SiteURL right?"))
}

fn unavailable(why: String) -> RequestError {
    RequestError::IdentityUnavailable(why)
}

#[cfg(test)]
mod tests;
