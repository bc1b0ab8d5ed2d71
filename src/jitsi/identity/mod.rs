//! Who is asking: the session that came with the request, asked about at Mattermost.
//!
//! Mattermost alone knows whose session it is: `GET /api/v4/users/me`, once a meeting,
//! never kept, so that signing out takes effect at once.
//!
//! It believes nothing that a client can write: `MMUSERID` is not looked at, and of the
//! request's cookies the session alone goes to Mattermost. Of the answer nothing goes
//! back to the client: on a dead session Mattermost sends a `Set-Cookie` that signs out.

use std::net::IpAddr;

use bytes::Bytes;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use serde::Deserialize;

use crate::error::{Fault, RequestError};
use crate::route::host::Authority;
use crate::secret::Secret;

/// Where Mattermost says whose session it is asked with.
const WHO_AM_I: &str = "/api/v4/users/me";

/// Mattermost's session cookie.
const SESSION_COOKIE: &[u8] = b"MMAUTHTOKEN";

/// Mattermost cuts a session token at 50 characters before it looks it up; its own have 26.
const LONGEST_SESSION: usize = 50;

/// Mattermost's own limits (`model/user.go`): 64 for each of the two names that make a display name, 128 for
/// an address. What is longer does not come from Mattermost; it is cut, so that the token stays small.
const LONGEST_NAME: usize = 64 + 1 + 64;
const LONGEST_EMAIL: usize = 128;
const LONGEST_ID: usize = 64;

/// The role of Mattermost's guests.
const GUEST: &str = "system_guest";

/// The role of Mattermost's system administrators.
const ADMIN: &str = "system_admin";

/// A person as Mattermost knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Mattermost's user id.
    pub id: String,
    /// For showing: nickname, else first and last name, else user name, as the Jitsi plugin chooses.
    pub name: String,
    /// `None` where Mattermost keeps it to itself.
    pub email: Option<String>,
    /// Lower case, as Mattermost keeps it.
    pub username: String,
    /// One of Mattermost's own guests.
    pub guest: bool,
    /// One of Mattermost's system administrators.
    pub admin: bool,
}

/// How the person came in; Mattermost is told the same as on a proxied request.
#[derive(Debug, Clone, Copy)]
pub struct Front<'a> {
    /// The host and port that was asked for.
    pub authority: &'a Authority,
    /// Over what.
    pub scheme: &'a Scheme,
    /// From where.
    pub client: IpAddr,
}

/// The session that came with a request, in Mattermost's own order: the cookie, then `Authorization`.
///
/// `None` too where it is longer than a session or has a character that none has.
pub fn session(fields: &HeaderMap) -> Option<Secret<String>> {
    let found = cookie(fields).or_else(|| authorization(fields))?;
    let plain = !found.is_empty() && found.len() <= LONGEST_SESSION && found.iter().all(u8::is_ascii_alphanumeric);
    let text = plain.then(|| std::str::from_utf8(found).ok()).flatten()?;
    Some(Secret::new(text.to_owned()))
}

/// The first cookie of the name, as Mattermost takes it; HTTP/2 sends cookies in several fields (RFC 9113 section 8.2.3).
fn cookie(fields: &HeaderMap) -> Option<&[u8]> {
    fields
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|field| field.as_bytes().split(|&b| b == b';'))
        .find_map(|crumb| crumb.trim_ascii().strip_prefix(SESSION_COOKIE)?.strip_prefix(b"="))
}

/// `Bearer x` or `token x`, in any case.
fn authorization(fields: &HeaderMap) -> Option<&[u8]> {
    let field = fields.get(header::AUTHORIZATION)?.as_bytes();
    let space = field.iter().position(|&b| b == b' ')?;
    let (scheme, token) = (&field[..space], field[space..].trim_ascii());
    (scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"token")).then_some(token)
}

/// Asks Mattermost whose session it is; `None` where it is nobody's, or of a person put out of service.
///
/// `send` carries a request to Mattermost and bounds time and size of the answer.
///
/// # Errors
/// Where Mattermost gives no clear yes or no, so that a fault of Mattermost's does not look like a dead session.
pub async fn ask(
    session: &Secret<String>,
    front: Front<'_>,
    send: impl AsyncFn(Request<()>) -> Result<Response<Bytes>, RequestError>,
) -> Result<Option<Person>, RequestError> {
    let answer = send(question(session, front)?).await.map_err(|error| match error.judge().0 {
        // Keeps its own words and cause.
        Fault::Upstream => error,
        // An answer that is too large is no fault of whoever asked for a meeting.
        Fault::Client | Fault::Us => unavailable(error.to_string()),
    })?;
    match answer.status() {
        StatusCode::OK => person(&answer),
        // 403: signed in, and held up by a second factor that is not set up.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(None),
        status => Err(unavailable(format!("GET {WHO_AM_I} was answered with {status}; is `mattermost` its address?"))),
    }
}

fn question(session: &Secret<String>, front: Front<'_>) -> Result<Request<()>, RequestError> {
    let internal = |error: http::Error| RequestError::Internal(format!("asking Mattermost who is signed in: {error}"));
    // The cookie would do too, but two ways of saying who asks are one too many: Mattermost prefers the cookie.
    let mut bearer =
        HeaderValue::try_from(format!("Bearer {}", session.reveal())).map_err(|error| internal(error.into()))?;
    bearer.set_sensitive(true);
    Request::get(WHO_AM_I)
        .header(header::HOST, front.authority.to_string())
        .header(header::AUTHORIZATION, bearer)
        .header(header::ACCEPT, "application/json")
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
    nickname: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
    roles: Option<String>,
}

fn person(answer: &Response<Bytes>) -> Result<Option<Person>, RequestError> {
    let user: User = serde_json::from_slice(answer.body()).map_err(|error| {
        let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("nothing said");
        unavailable(format!("GET {WHO_AM_I} was answered with what is no user ({kind}): {error}"))
    })?;
    let id = plain(&user.id, LONGEST_ID);
    let username = plain(&user.username, LONGEST_NAME).to_lowercase();
    if id.is_empty() || username.is_empty() {
        return Err(unavailable(format!("GET {WHO_AM_I} was answered with a user without id or name")));
    }
    if user.delete_at > 0 {
        return Ok(None);
    }
    let text = |field: Option<String>, longest| plain(&field.unwrap_or_default(), longest);
    let whole = format!("{} {}", text(user.first_name, 64), text(user.last_name, 64));
    let shown = [text(user.nickname, LONGEST_NAME), plain(&whole, LONGEST_NAME)];
    let name = shown.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| username.clone());
    let roles = user.roles.unwrap_or_default();
    let has = |role: &str| roles.split_whitespace().any(|r| r == role);
    Ok(Some(Person {
        id,
        name,
        email: Some(text(user.email, LONGEST_EMAIL)).filter(|email| !email.is_empty()),
        guest: has(GUEST),
        admin: has(ADMIN),
        username,
    }))
}

/// Text for showing: no control characters, no blanks at the ends, no longer than `longest` characters.
fn plain(text: &str, longest: usize) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(longest).collect()
}

fn unavailable(why: String) -> RequestError {
    RequestError::IdentityUnavailable(why)
}

#[cfg(test)]
pub(crate) mod standin;
#[cfg(test)]
mod tests;
