//! People from outside: a form that asks for a name, by its address or by an invitation.
//!
//! The form is ours by its mark, one address may try so often a minute, and whoever
//! comes in this way is never a moderator. Looking at a form or at an invitation
//! changes nothing, whatever previews links; only sending it does.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use time::OffsetDateTime;

use crate::body::Body;
use crate::config::model::LaunchMode;
use crate::error::RequestError;
use crate::handler::Context;
use crate::jitsi::device::Device;
use crate::jitsi::form::{LONGEST_NAME, Mark, MarkError, Setting, Typed};
use crate::jitsi::identity::name;
use crate::jitsi::invitation::{Invitation, InvitationError};
use crate::jitsi::page::{Guest, GuestFault, InvitationFault, Unusable};
use crate::jitsi::room::{Asked, Room};

use super::enter::{Browser, Entrant};
use super::{Launcher, Question, no_random, nonce, who, whole};

/// Largest form that is read, in bytes: three fields, percent-encoded, and room for what extensions add.
const LARGEST_FORM: usize = 8 * 1024;

/// A form is sent in one go.
const SENT_WITHIN: Duration = Duration::from_secs(20);

/// What stands behind the form.
enum Behind {
    /// `-/guest/ROOM`; whether the way here proved the room.
    Room { room: Room, proved: bool },
    /// `-/invite/…`
    Invitation(Invitation),
}

impl Behind {
    fn room(&self) -> &Room {
        match self {
            Self::Room { room, .. } => room,
            Self::Invitation(invitation) => &invitation.room,
        }
    }

    /// When the right to enter ends by itself.
    fn until(&self) -> Option<u64> {
        match self {
            Self::Room { .. } => None,
            Self::Invitation(invitation) => Some(invitation.until),
        }
    }
}

/// A form to be shown, as far as it differs.
struct Shown<'s> {
    behind: &'s Behind,
    /// Its own address, where it is sent to as well.
    action: String,
    /// Under what its mark is sealed.
    what: &'s str,
    name: &'s str,
    fault: Option<GuestFault>,
}

impl Launcher {
    /// `-/guest/ROOM`, what follows `guest`.
    pub(super) async fn guest<B>(
        &self,
        rest: &str,
        request: Request<B>,
        context: &Context<'_>,
        ask: &impl AsyncFn(Question) -> Result<Response<Bytes>, RequestError>,
    ) -> Result<Response<Body>, RequestError>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let Asked::Room(room) = Asked::of(rest)? else { return Err(RequestError::NotFound) };
        if !self.guests.join {
            return Err(RequestError::NotFound);
        }
        // The link's token, passed on to the form: with it no passcode is asked for.
        let proved = who::proves(&self.ways, request.uri().query(), &room);
        let what = format!("guest/{}", room.segment());
        let behind = Behind::Room { room, proved };
        self.form(behind, &what, request, context, ask).await
    }

    /// `-/invite/…`, the segment that follows.
    pub(super) async fn invitation<B>(
        &self,
        segment: &str,
        request: Request<B>,
        context: &Context<'_>,
        ask: &impl AsyncFn(Question) -> Result<Response<Bytes>, RequestError>,
    ) -> Result<Response<Body>, RequestError>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        if !self.guests.invitations {
            return Err(RequestError::NotFound);
        }
        let key = self.installation.keys().invitations();
        match Invitation::open(segment, &key, &self.name, self.installation.now()) {
            Ok(invitation) => {
                let what = format!("invite/{segment}");
                self.form(Behind::Invitation(invitation), &what, request, context, ask).await
            }
            Err(InvitationError::Over(until)) => {
                self.unusable(Unusable::Expired { until: moment(until) }, StatusCode::GONE)
            }
            Err(InvitationError::NotGenuine) => self.unusable(Unusable::Forged, StatusCode::NOT_FOUND),
        }
    }

    async fn form<B>(
        &self,
        mut behind: Behind,
        what: &str,
        request: Request<B>,
        context: &Context<'_>,
        ask: &impl AsyncFn(Question) -> Result<Response<Bytes>, RequestError>,
    ) -> Result<Response<Body>, RequestError>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let action = format!("{}/-/{what}", context.prefix.as_str());
        let (head, body) = request.into_parts();
        let device = Device::of(&head.headers).map_err(no_random)?;
        if head.method != Method::POST {
            let shown = Shown { behind: &behind, action, what, name: "", fault: None };
            return self.show(&shown, StatusCode::OK, &device, context);
        }
        // Other websites may send forms here; browsers say so, and their marks would not fit either.
        if head.headers.get("sec-fetch-site").is_some_and(|from| from == "cross-site") {
            return Err(RequestError::Forbidden);
        }
        if let Err(wait) = self.guests.turnstile.pass(context.client) {
            let seconds = wait.as_secs() + 1;
            let fault = Some(GuestFault::TooManyTries { seconds });
            let shown = Shown { behind: &behind, action, what, name: "", fault };
            let mut response = self.show(&shown, StatusCode::TOO_MANY_REQUESTS, &device, context)?;
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            return Ok(response);
        }
        let typed = Typed::read(&whole(body, LARGEST_FORM, SENT_WITHIN).await?);
        let mark = self.mark(&typed, what, &device);
        if let (Behind::Room { proved, .. }, Ok(mark)) = (&mut behind, mark) {
            *proved |= mark.proved;
        }
        let name = match mark.and_then(|_| self.judge(&typed, &behind)) {
            Ok(name) => name,
            Err(fault) => {
                let status = match fault {
                    GuestFault::Passcode => StatusCode::FORBIDDEN,
                    _ => StatusCode::BAD_REQUEST,
                };
                let shown = Shown { behind: &behind, action, what, name: &typed.name, fault: Some(fault) };
                return self.show(&shown, status, &device, context);
            }
        };
        if let Behind::Invitation(invitation) = &behind {
            let redeemed = self.installation.redeem(invitation.id, device.id().to_owned(), invitation.until).await;
            match redeemed {
                Ok(true) => {}
                Ok(false) => return self.unusable(Unusable::Used, StatusCode::FORBIDDEN),
                Err(_) => return self.ledger_down(&action),
            }
        }
        let entrant = Entrant::Guest { name, until: behind.until() };
        let browser = Browser { device, fields: &head.headers };
        self.enter(Some(behind.room().clone()), entrant, &browser, context, ask).await
    }

    /// What the form's mark says; a fault where the form is not ours, or not this browser's.
    fn mark(&self, typed: &Typed, what: &str, device: &Device) -> Result<Mark, GuestFault> {
        // A mark is bound to a device, so that a browser without a cookie has none that fits.
        if device.is_new() {
            return Err(GuestFault::NoCookies);
        }
        let setting = self.setting(what, device);
        let mark = Mark::open(&typed.mark, &self.installation.keys().forms(), setting, self.installation.now());
        mark.map_err(|error| match error {
            MarkError::TooOld => GuestFault::TooOld,
            // A form that another browser was shown, or nobody: shown anew, it is this one's.
            MarkError::Foreign => GuestFault::NoCookies,
        })
    }

    /// The name under which the guest enters, or the first thing that is wrong.
    fn judge(&self, typed: &Typed, behind: &Behind) -> Result<String, GuestFault> {
        let typed_name = typed.name.as_str();
        if typed_name.is_empty() {
            return Err(GuestFault::NameMissing);
        }
        if typed_name.chars().count() > LONGEST_NAME {
            return Err(GuestFault::NameTooLong { most: LONGEST_NAME });
        }
        let name = name::shown(typed_name);
        if name.is_empty() {
            return Err(GuestFault::NameRefused);
        }
        if let (Some(passcode), Behind::Room { proved: false, .. }) = (&self.guests.passcode, behind)
            && !typed.has_passcode(passcode)
        {
            return Err(GuestFault::Passcode);
        }
        Ok(name)
    }

    fn setting<'s>(&'s self, what: &'s str, device: &'s Device) -> Setting<'s> {
        Setting { launcher: &self.name, device: device.id(), what }
    }

    fn show(
        &self,
        shown: &Shown<'_>,
        status: StatusCode,
        device: &Device,
        context: &Context<'_>,
    ) -> Result<Response<Body>, RequestError> {
        let (proved, invited) = match shown.behind {
            Behind::Room { proved, .. } => (*proved, None),
            Behind::Invitation(invitation) => (true, Some(moment(invitation.until))),
        };
        let setting = self.setting(shown.what, device);
        let csrf = Mark { proved }.seal(&self.installation.keys().forms(), setting, self.installation.now());
        let name = if shown.name.is_empty() { self.anonymous.name.as_deref().unwrap_or_default() } else { shown.name };
        let origins = self.origins();
        let leads_to = if self.mode == LaunchMode::Redirect { &origins[..] } else { &[] };
        let page = Guest {
            look: &self.look,
            nonce: &nonce()?,
            action: &shown.action,
            csrf: &csrf,
            room: shown.behind.room().name(),
            name,
            passcode: self.guests.passcode.is_some() && !proved,
            fault: shown.fault,
            invited,
            leads_to,
        };
        let mut response = super::show(status, &page)?;
        self.remember(device, context, &mut response);
        Ok(response)
    }

    fn unusable(&self, why: Unusable, status: StatusCode) -> Result<Response<Body>, RequestError> {
        super::show(status, &InvitationFault { look: &self.look, nonce: &nonce()?, why })
    }
}

/// A moment for people; the last that there is where the number is beyond all calendars.
fn moment(unix: u64) -> OffsetDateTime {
    let last = OffsetDateTime::new_utc(time::Date::MAX, time::Time::MIDNIGHT);
    i64::try_from(unix).ok().and_then(|unix| OffsetDateTime::from_unix_timestamp(unix).ok()).unwrap_or(last)
}
