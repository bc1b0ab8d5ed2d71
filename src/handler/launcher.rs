//! A room name → who asks → a signed token → the page, or the redirect, that opens the meeting.
//!
//! Who asks is settled before anything is signed: no identity, no token. Where nobody
//! is signed in, the answer leads to Mattermost's login, and to the guests' form
//! where there is one.
//!
//! It refuses what [`Asked`] refuses, methods that an address does not take, and to say
//! where the login should lead back to by anything but its own path: a
//! `redirect_to` that a client sends is never read.

mod answer;
mod enter;
mod guest;
mod own;
mod wanted;
mod webhook;
mod who;

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_encoding::utf8_percent_encode;
use thiserror::Error;

use crate::body::Body;
use crate::cert::read::{self, ReadError};
use crate::clock::Clock;
use crate::config::LEAST_WEBHOOK_SECRET;
use crate::config::model::{self, LaunchMode, Moderators, Rooms, SecretFrom};
use crate::error::{Fault, RequestError};
use crate::jitsi::device::Device;
use crate::jitsi::installation::Installation;
use crate::jitsi::page::look::LookError;
use crate::jitsi::page::{Look, OldLink, SignIn, Unreachable, Waiting};
use crate::jitsi::provider::{Meetings, ProviderError};
use crate::jitsi::room::{Asked, COMPONENT, Room};
use crate::jitsi::token::SignError;
use crate::jitsi::turnstile::Turnstile;
use crate::secret::Secret;
use crate::secret::source::{self, SecretError};

use super::Context;
use answer::{found, guard, library, location, nonce, rendered, show};
use enter::{Browser, Entrant};
use own::Own;
use wanted::{is_navigation, is_part, is_prefetch};
use who::{Asker, Way, Who};

/// One launcher, ready to sign.
#[derive(Debug)]
pub struct Launcher {
    name: String,
    meetings: Meetings,
    mode: LaunchMode,
    /// None where nobody is asked, and where another launcher has asked before it fell back to this one.
    ways: Vec<Way>,
    /// Mattermost's address for browsers; empty on the launcher's own host, `None` where no login helps.
    login: Option<String>,
    anonymous: model::Anonymous,
    guests: Guests,
    moderators: Moderators,
    rooms: Rooms,
    /// Whether people's addresses go into its tokens, also of those whom another launcher led here.
    email: bool,
    avatars: bool,
    limit: Option<u32>,
    at_limit: AtLimit,
    webhook: Option<Secret<String>>,
    /// The account at 8x8, where it is one.
    app_id: Option<String>,
    look: Look,
    logo: Option<Logo>,
    installation: Arc<Installation>,
}

/// Who may enter without an account.
#[derive(Debug)]
struct Guests {
    join: bool,
    passcode: Option<Secret<String>>,
    invitations: bool,
    /// Nobody is asked.
    everybody: bool,
    turnstile: Arc<Turnstile>,
}

/// What happens to who comes when the month's users are used up.
#[derive(Debug)]
enum AtLimit {
    Warn,
    DenyNew,
    Fallback(Box<Launcher>),
}

#[derive(Debug)]
struct Logo {
    picture: Bytes,
    kind: &'static str,
}

/// What a launcher asks Mattermost.
#[derive(Debug)]
pub struct Question {
    /// The request, for Mattermost's own address.
    pub request: Request<()>,
    /// Largest answer that is read, in bytes.
    pub most: usize,
    /// Time for the whole answer: a person waits for it.
    pub within: Duration,
}

impl Question {
    /// Who somebody is. A user's JSON is some 2 KiB, and that of a hundred teams 20; what is larger is no user.
    fn who(request: Request<()>) -> Self {
        Self { request, most: 64 * 1024, within: Duration::from_secs(5) }
    }

    /// A picture, without which a meeting opens as well.
    fn picture(request: Request<()>) -> Self {
        Self { request, most: crate::jitsi::identity::avatar::LARGEST, within: Duration::from_secs(2) }
    }
}

/// Why a launcher cannot start.
#[derive(Debug, Error)]
pub enum LauncherError {
    /// The logo cannot be read.
    #[error("logo {}: {source}", path.display())]
    Logo {
        /// Which.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// A secret is not to be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The secret of 8x8's posts could be guessed.
    #[error("webhook_secret is shorter than {LEAST_WEBHOOK_SECRET} characters: it could be guessed")]
    ShortSecret,
    /// The logo is no picture that browsers show without risk.
    #[error("logo {}: is neither SVG nor PNG, JPEG, GIF or WebP", .0.display())]
    NoPicture(PathBuf),
    /// It can be read, and is no key for meeting tokens.
    #[error(transparent)]
    Meetings(#[from] ProviderError),
    /// Its pages cannot look as they should.
    #[error(transparent)]
    Look(#[from] LookError),
}

impl LauncherError {
    /// The command or edit that mends it.
    pub fn mend(&self) -> String {
        match self {
            Self::Logo { path, source } => {
                source.mend(&path.display().to_string()).unwrap_or_else(|| "name the picture itself".into())
            }
            Self::Secret(error) => error.mend(),
            Self::ShortSecret => "make one with `openssl rand -hex 32`, and write it into the JaaS console too".into(),
            Self::NoPicture(_) => "name a picture of one of these kinds".into(),
            Self::Meetings(error) => error.mend(),
            Self::Look(error) => error.mend(),
        }
    }
}

impl Launcher {
    /// Reads what `model` names: its key, its secrets, its words and its logo.
    ///
    /// `prefix` is the path of its route, without a last slash.
    ///
    /// # Errors
    /// Where a file cannot be read or its key could not sign a token; see [`LauncherError::mend`].
    pub fn new(model: &model::Launcher, prefix: &str, installation: &Arc<Installation>) -> Result<Self, LauncherError> {
        // Now, while nobody waits.
        installation.open();
        let admins = model.asks_for_admins();
        let ways = model.identity.iter().map(|way| Way::new(way, &model.people, admins));
        let guests = Guests {
            join: model.guests.join,
            passcode: model.guests.passcode.as_ref().map(|from| source::read(from, "guest_passcode")).transpose()?,
            invitations: model.guests.invitations,
            everybody: model.guests.everybody,
            turnstile: installation.turnstile(&model.name, model.guests.tries),
        };
        let at_limit = match &model.budget.at_limit {
            model::AtLimit::Warn => AtLimit::Warn,
            model::AtLimit::DenyNew => AtLimit::DenyNew,
            model::AtLimit::Fallback(other) => AtLimit::Fallback(Box::new(Self::new(other, prefix, installation)?)),
        };
        let logo = model.page.logo.as_deref().map(Logo::read).transpose()?;
        let logo_address = logo.as_ref().map(|_| format!("{prefix}/-/logo"));
        Ok(Self {
            name: model.name.clone(),
            meetings: Meetings::new(&model.provider, model.token_lifetime, &model.features, Clock::System)?,
            mode: model.mode,
            ways: ways.collect::<Result<_, _>>()?,
            login: model.offered_login().map(ToOwned::to_owned),
            anonymous: model.anonymous.clone(),
            guests,
            moderators: model.moderators.clone(),
            rooms: model.rooms,
            email: model.people.email,
            avatars: model.people.avatars,
            limit: model.budget.limit.map(u32::from),
            at_limit,
            app_id: model.jaas_app_id().map(ToOwned::to_owned),
            webhook: model.webhook_secret.as_ref().map(webhook_secret).transpose()?,
            look: Look::new(&model.page, logo_address)?,
            logo,
            installation: installation.clone(),
        })
    }

    /// Answers a request below the launcher's path.
    ///
    /// `ask` carries a question to the Mattermost of [`model::Way::Mattermost`]; it is not called where none is asked.
    ///
    /// # Errors
    /// Where the path names nothing that a launcher has, Mattermost gives no clear answer, or signing fails.
    pub async fn reply<B>(
        &self,
        request: Request<B>,
        context: &Context<'_>,
        ask: impl AsyncFn(Question) -> Result<Response<Bytes>, RequestError>,
    ) -> Result<Response<Body>, RequestError>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let is_head = request.method() == Method::HEAD;
        let mut response = match Own::of(context.rest) {
            Some(own) => self.own(own?, request, context, &ask).await?,
            None => self.meet(&request, context, &ask).await?,
        };
        guard(&mut response);
        if is_head {
            *response.body_mut() = Body::Empty;
        }
        Ok(response)
    }

    async fn own<B>(
        &self,
        own: Own<'_>,
        request: Request<B>,
        context: &Context<'_>,
        ask: &impl AsyncFn(Question) -> Result<Response<Bytes>, RequestError>,
    ) -> Result<Response<Body>, RequestError>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        if !own.takes(request.method()) {
            return Err(RequestError::MethodNotAllowed(own.methods()));
        }
        match own {
            Own::Session => self.session(&request, context, ask).await,
            Own::Guest(room) => self.guest(room, request, context, ask).await,
            Own::Invitation(segment) => self.invitation(segment, request, context, ask).await,
            Own::Webhook => self.webhook(request, context).await,
            Own::Avatar(segment) => self.picture(segment),
            Own::Logo => self.logo(),
        }
    }

    /// What is asked for by a room's name, or by none.
    async fn meet<B>(
        &self,
        request: &Request<B>,
        context: &Context<'_>,
        ask: &impl AsyncFn(Question) -> Result<Response<Bytes>, RequestError>,
    ) -> Result<Response<Body>, RequestError> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(RequestError::MethodNotAllowed("GET, HEAD"));
        }
        let room = match (Asked::of(context.rest)?, self.mode) {
            (Asked::ExternalApi, _) => return Ok(library()),
            (Asked::Nothing, LaunchMode::Page) => {
                return show(StatusCode::OK, &Waiting { look: &self.look, nonce: &nonce()? });
            }
            (Asked::Nothing, LaunchMode::Redirect) => None,
            (Asked::Room(room), _) => Some(room),
        };
        if is_part(request) {
            return Err(RequestError::Forbidden);
        }
        let fields = request.headers();
        let asker = Asker { fields, query: request.uri().query(), room: room.as_ref() };
        let entrant = match self.ways[..] {
            [] => Entrant::Unasked,
            _ => match who::settle(&self.ways, asker, context, ask).await {
                Ok(Who::Person(person)) => Entrant::Person(person),
                Ok(Who::Nobody { proved, old_link }) => {
                    return self.sign_in(request, context, room.as_ref(), proved, old_link);
                }
                Err(error) => return Err(self.unreachable(error, context, room.as_ref())),
            },
        };
        // Looking opens nothing, so it counts nobody either.
        if request.method() == Method::HEAD || is_prefetch(request) {
            let mut response = Response::new(Body::Empty);
            // What was fetched ahead is shown later, unless it failed.
            if is_prefetch(request) {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            return Ok(response);
        }
        let browser = Browser { device: Device::of(fields).map_err(no_random)?, fields };
        self.enter(room, entrant, &browser, context, ask).await
    }

    /// The way to Mattermost's login, and to the guests' form.
    ///
    /// A browser gets a page that leads there in another tab and goes on by itself: after a login by password
    /// Mattermost's web app takes the way back itself, and does not know it for the launcher's. A program gets a
    /// redirect, which works where single sign-on comes straight back.
    fn sign_in<B>(
        &self,
        request: &Request<B>,
        context: &Context<'_>,
        room: Option<&Room>,
        proved: bool,
        old_link: bool,
    ) -> Result<Response<Body>, RequestError> {
        let prefix = context.prefix.as_str();
        let again = format!("{prefix}/{}", room.map(Room::segment).unwrap_or_default());
        let login = self.login.as_ref().map(|base| format!("{base}/login"));
        let guest = room.filter(|_| self.guests.join).map(|room| {
            // A token that proved the room goes along, so that no passcode is asked for.
            let query = request.uri().query().filter(|_| proved).map(|query| format!("?{query}")).unwrap_or_default();
            format!("{prefix}/-/guest/{}{query}", room.segment())
        });
        let session = format!("{prefix}/-/session");
        let page = SignIn {
            look: &self.look,
            nonce: &nonce()?,
            login: login.as_deref(),
            again: &again,
            session: &session,
            guest: guest.as_deref(),
            old_link: old_link.then(|| self.old_link()),
        };
        let mut response = show(StatusCode::UNAUTHORIZED, &page)?;
        match login {
            Some(login) if !is_navigation(request) => {
                let back = utf8_percent_encode(&again, COMPONENT);
                response.headers_mut().insert(header::LOCATION, location(&format!("{login}?redirect_to={back}"))?);
                *response.status_mut() = StatusCode::FOUND;
            }
            _ => own::challenge(&mut response),
        }
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("Cookie, Sec-Fetch-Mode"));
        Ok(response)
    }

    /// What helps who comes by a link that is too old.
    fn old_link(&self) -> OldLink {
        match self.ways.iter().any(|way| matches!(way, Way::Mattermost { .. })) {
            true => OldLink::SignIn,
            false => OldLink::Dead,
        }
    }

    /// The error with a page of the launcher's own, which says that nobody can be known for now.
    fn unreachable(&self, error: RequestError, context: &Context<'_>, room: Option<&Room>) -> RequestError {
        if error.judge().0 != Fault::Upstream {
            return error;
        }
        let again = format!("{}/{}", context.prefix.as_str(), room.map(Room::segment).unwrap_or_default());
        let shown = nonce().and_then(|nonce| {
            rendered(error.judge().1, &Unreachable { look: &self.look, nonce: &nonce, again: &again })
        });
        match shown {
            Ok(mut page) => {
                guard(&mut page);
                RequestError::Paged(Box::new((error, page)))
            }
            Err(_) => error,
        }
    }

    /// Has the browser come back as the same device.
    fn remember(&self, device: &Device, context: &Context<'_>, response: &mut Response<Body>) {
        let secure = context.scheme == http::uri::Scheme::HTTPS;
        response.headers_mut().append(header::SET_COOKIE, device.cookie(context.prefix.as_str(), secure));
    }

    fn address_of(&self, context: &Context<'_>, room: &Room) -> String {
        format!("{}/{}", context.prefix.as_str(), room.segment())
    }

    /// Where its meetings may open, as a policy names them.
    fn origins(&self) -> Vec<&str> {
        let mut origins = vec![self.meetings.origin()];
        if let AtLimit::Fallback(other) = &self.at_limit {
            origins.extend(other.origins());
        }
        origins
    }
}

impl Logo {
    fn read(path: &std::path::Path) -> Result<Self, LauncherError> {
        let unreadable = |source| LauncherError::Logo { path: path.to_owned(), source };
        let picture = read::read(path).map_err(unreadable)?;
        let kind =
            crate::jitsi::identity::avatar::kind(&picture).or_else(|| is_svg(&picture).then_some("image/svg+xml"));
        match kind {
            Some(kind) => Ok(Self { picture: picture.into(), kind }),
            None => Err(LauncherError::NoPicture(path.to_owned())),
        }
    }
}

/// Whether it begins as SVG does. Served as a picture, and with a policy that runs nothing, a script in it is inert.
fn is_svg(picture: &[u8]) -> bool {
    std::str::from_utf8(picture).is_ok_and(|text| {
        let text = text.trim_start_matches('\u{FEFF}').trim_start();
        text.starts_with("<svg") || (text.starts_with("<?xml") || text.starts_with("<!--")) && text.contains("<svg")
    })
}

/// Without blanks around it: a field's value has none.
fn webhook_secret(from: &SecretFrom) -> Result<Secret<String>, LauncherError> {
    let secret = source::read(from, "webhook_secret")?;
    match secret.reveal().trim() {
        short if short.len() < LEAST_WEBHOOK_SECRET => Err(LauncherError::ShortSecret),
        secret => Ok(Secret::new(secret.to_owned())),
    }
}

/// A small body, whole.
async fn whole<B>(body: B, most: usize, within: Duration) -> Result<Bytes, RequestError>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let read = tokio::time::timeout(within, Limited::new(body, most).collect()).await;
    match read.map_err(|_| RequestError::BodyStalled(within))? {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(RequestError::BodyTooLarge(most as u64)),
        Err(error) => Err(match error.downcast::<hyper::Error>() {
            Ok(error) => RequestError::ClientGone(*error),
            Err(_) => RequestError::Bad("its body broke off"),
        }),
    }
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
