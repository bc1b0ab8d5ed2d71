//! A room name → a signed token → the page, or the redirect, that opens the meeting.
//!
//! Who asks is settled before anything is signed: no identity, no token. Where nobody
//! is signed in, the answer leads to Mattermost's login on the same host.
//!
//! It refuses what [`Asked`] refuses, methods other than GET and HEAD, and to say where
//! the login should lead back to by anything but its own path: a `redirect_to` that a
//! client sends is never read.

use std::error::Error as _;
use std::path::PathBuf;
use std::time::Instant;

use askama::Template;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use percent_encoding::utf8_percent_encode;
use thiserror::Error;

use crate::body::Body;
use crate::cert::read::{self, ReadError};
use crate::clock::Clock;
use crate::config::model::{self, LaunchMode, Moderators, PemSource, Provider, Rooms};
use crate::error::RequestError;
use crate::jitsi::identity::{self, Asking, Front, Person};
use crate::jitsi::key::KeyError;
use crate::jitsi::page::{Launch, Nonce, SignIn, Waiting};
use crate::jitsi::room::{Asked, COMPONENT, Room};
use crate::jitsi::token::{Bearer, SignError, Signer};
use crate::secret::Secret;

use super::Context;

/// One launcher, ready to sign.
#[derive(Debug)]
pub struct Launcher {
    signer: Signer,
    /// Server and app id: what every meeting's address begins with, without trailing slash.
    base: String,
    mode: LaunchMode,
    asks: bool,
    anonymous: model::Anonymous,
    moderators: Moderators,
    rooms: Rooms,
}

/// Why a launcher cannot start.
#[derive(Debug, Error)]
pub enum LauncherError {
    /// The key's file cannot be read.
    #[error("private_key {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// It can be read, and is no key for meeting tokens.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl LauncherError {
    /// The command or edit that mends it.
    pub fn mend(&self) -> String {
        match self {
            Self::Unreadable { source: ReadError::Missing(_), .. } => {
                "name the file with the private half of the key uploaded to the JaaS console".into()
            }
            Self::Unreadable { path, source } => {
                source.mend(&path.display().to_string()).unwrap_or_else(|| "name the key's own file".into())
            }
            Self::Key(error) => error.what.mend().into(),
        }
    }
}

impl Launcher {
    /// Reads the key that `model` names.
    ///
    /// # Errors
    /// Where the key cannot be read or could not sign a token; see [`LauncherError::mend`].
    pub fn new(model: &model::Launcher) -> Result<Self, LauncherError> {
        let Provider::Jaas { app_id, key_id, private_key, server } = &model.provider;
        let (pem, origin) = pem(private_key)?;
        let signer = Signer::from_pem(pem.reveal(), &origin, app_id, key_id, model.token_lifetime, Clock::System)?;
        Ok(Self {
            signer,
            base: format!("{server}/{app_id}"),
            mode: model.mode,
            asks: model.mattermost().is_some(),
            anonymous: model.anonymous.clone(),
            moderators: model.moderators.clone(),
            rooms: model.rooms,
        })
    }

    /// Answers a request below the launcher's path.
    ///
    /// `ask` carries a request to the Mattermost of [`Identity::Mattermost`] and bounds time and size of the
    /// answer; it is not called where nobody is asked.
    ///
    /// # Errors
    /// Where the path names nothing that a launcher has, Mattermost gives no clear answer, or signing fails.
    pub async fn reply<B>(
        &self,
        request: &Request<B>,
        context: &Context<'_>,
        ask: impl AsyncFn(Request<()>) -> Result<Response<Bytes>, RequestError>,
    ) -> Result<Response<Body>, RequestError> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(RequestError::MethodNotAllowed("GET, HEAD"));
        }
        let mut response = match (Asked::of(context.rest)?, self.mode) {
            (Asked::ExternalApi, _) => library(),
            (Asked::Nothing, LaunchMode::Page) => page(StatusCode::OK, |nonce| Waiting { nonce }.render())?,
            (Asked::Nothing, LaunchMode::Redirect) => self.open(None, request, context, ask).await?,
            (Asked::Room(room), _) => self.open(Some(room), request, context, ask).await?,
        };
        guard(&mut response);
        if request.method() == Method::HEAD {
            *response.body_mut() = Body::Empty;
        }
        Ok(response)
    }

    /// The answer that opens `room`, or a room of its own where none was asked for.
    async fn open<B>(
        &self,
        room: Option<Room>,
        request: &Request<B>,
        context: &Context<'_>,
        ask: impl AsyncFn(Request<()>) -> Result<Response<Bytes>, RequestError>,
    ) -> Result<Response<Body>, RequestError> {
        let person = match self.asks {
            false => None,
            true => match who(request, context, ask).await? {
                Some(person) => Some(person),
                None => return sign_in(context, room.as_ref()),
            },
        };
        let room = match room {
            Some(room) => room,
            None => Room::random().map_err(no_random)?,
        };
        let claim = match self.rooms {
            Rooms::This => room.claim(),
            Rooms::Any => "*".into(),
        };
        let token = self.signer.token(claim, self.bearer(person)).await.map_err(|error| unsigned(&error))?;
        let meeting = Secret::new(format!("{}/{}?jwt={}", self.base, room.segment(), token.reveal()));
        match self.mode {
            LaunchMode::Page => {
                page(StatusCode::OK, |nonce| Launch { nonce, room: room.name(), meeting: meeting.reveal() }.render())
            }
            LaunchMode::Redirect => found(meeting.reveal()),
        }
    }

    /// What the token says of whoever asked: `person`, or the launcher's own words where nobody was asked.
    fn bearer(&self, person: Option<Person>) -> Bearer {
        let moderator = match (&self.moderators, &person) {
            (Moderators::Everyone, _) => true,
            (_, None) => false,
            (Moderators::Members, Some(person)) => !person.guest,
            (Moderators::Admins, Some(person)) => person.admin,
            (Moderators::Users(names), Some(person)) => {
                person.username.as_ref().is_some_and(|name| names.contains(name))
            }
        };
        match person {
            Some(Person { id, name, email, .. }) => Bearer { id: Some(id), name, email, moderator },
            None => Bearer {
                id: None,
                name: self.anonymous.name.clone().unwrap_or_else(|| model::Anonymous::UNNAMED.into()),
                email: self.anonymous.email.clone(),
                moderator,
            },
        }
    }
}

/// The PEM text, and what to call it in errors.
fn pem(source: &PemSource) -> Result<(Secret<Vec<u8>>, String), LauncherError> {
    match source {
        PemSource::File(path) => match read::read(path) {
            Ok(pem) => Ok((Secret::new(pem), format!("private_key {}", path.display()))),
            Err(source) => Err(LauncherError::Unreadable { path: path.clone(), source }),
        },
        PemSource::Text(pem) => {
            Ok((Secret::new(pem.reveal().clone().into_bytes()), "private_key, from the environment,".into()))
        }
    }
}

/// Whose session came with the request; `None` where none did or Mattermost does not know it.
async fn who<B>(
    request: &Request<B>,
    context: &Context<'_>,
    ask: impl AsyncFn(Request<()>) -> Result<Response<Bytes>, RequestError>,
) -> Result<Option<Person>, RequestError> {
    let Some(session) = identity::session(request.headers()) else { return Ok(None) };
    let front = Front { authority: context.authority, scheme: &context.scheme, client: context.client };
    let asked = Instant::now();
    let person = identity::mattermost::ask(&session, front, &Asking::default(), ask).await;
    context.upstream_time.set(Some(asked.elapsed()));
    person
}

/// 302 to Mattermost's login, which is told to lead back here; its body says the same to whoever does not follow.
///
/// No loop comes of it: the login page is a page, whoever is signed in, and asks for a click or leads on inside
/// Mattermost's own web app. After a login by password that web app also takes the way back, and may not know
/// it for the launcher's: then the meeting's link has to be opened once more, which the body says too. A login
/// by single sign-on comes straight back.
fn sign_in(context: &Context<'_>, room: Option<&Room>) -> Result<Response<Body>, RequestError> {
    let again = format!("{}/{}", context.prefix.as_str(), room.map(Room::segment).unwrap_or_default());
    let login = format!("/login?redirect_to={}", utf8_percent_encode(&again, COMPONENT));
    let mut response = page(StatusCode::FOUND, |nonce| SignIn { nonce, login: &login, again: &again }.render())?;
    response.headers_mut().insert(header::LOCATION, location(&login)?);
    Ok(response)
}

/// The answer to `external_api.js`: the plugin runs whatever comes, of whatever status, inside Mattermost.
fn library() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/javascript"));
    response
}

/// A page whose script and style run by a nonce of its own.
fn page(
    status: StatusCode,
    fill: impl FnOnce(&Nonce) -> askama::Result<String>,
) -> Result<Response<Body>, RequestError> {
    let nonce = Nonce::fresh().map_err(no_random)?;
    let html = fill(&nonce).map_err(|error| RequestError::Internal(format!("filling a page: {error}")))?;
    let policy = HeaderValue::try_from(nonce.policy()).expect("base64 and ASCII words make a field value");
    let mut response = Response::new(Body::full(html));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

fn found(address: &str) -> Result<Response<Body>, RequestError> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(header::LOCATION, location(address)?);
    Ok(response)
}

/// An address as a field value that shows itself in no log.
fn location(address: &str) -> Result<HeaderValue, RequestError> {
    let mut value = HeaderValue::try_from(address)
        .map_err(|_| RequestError::Internal("an address of the launcher makes no field value".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What all answers of a launcher bear: kept nowhere, named to nobody, framed by nobody, taken for nothing else.
fn guard(response: &mut Response<Body>) {
    let fields = response.headers_mut();
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ));
}

/// The cause goes along in words: an internal error has no place for it.
fn unsigned(error: &SignError) -> RequestError {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    RequestError::Internal(format!("{error}{cause}"))
}

fn no_random(error: getrandom::Error) -> RequestError {
    RequestError::Internal(format!("the system gives no random numbers: {error}"))
}

#[cfg(test)]
mod tests;
