//! From somebody who may enter to the answer that opens the meeting: counted, signed, shown.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};

use crate::body::Body;
use crate::config::model::{LaunchMode, Moderators, Rooms};
use crate::error::RequestError;
use crate::handler::Context;
use crate::jitsi::device::Device;
use crate::jitsi::identity::{self, Person};
use crate::jitsi::ledger::{Admission, Admitted, LedgerError};
use crate::jitsi::page::{App, Full, Launch, LedgerDown, Notice};
use crate::jitsi::provider::{Bearer, Role};
use crate::jitsi::room::Room;

use super::{AtLimit, Guests, Launcher, Question, Way, found, no_random, nonce, show, unsigned, who};

/// Somebody who may enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entrant {
    /// With an account.
    Person(Person),
    /// From outside, under a name of their own.
    Guest {
        name: String,
        /// When their invitation ends, in seconds since 1970; `None` where they came by the form's own address.
        until: Option<u64>,
    },
    /// Nobody was asked.
    Unasked,
}

/// What the browser said of itself.
#[derive(Debug)]
pub(super) struct Browser<'r> {
    pub(super) device: Device,
    pub(super) fields: &'r HeaderMap,
}

/// Where somebody was let in, and what is to be said of it.
enum Counted<'l> {
    In { launcher: &'l Launcher, notice: Option<Notice<'l>> },
    Full { limit: u32 },
    LedgerDown,
}

impl Launcher {
    /// The answer that opens `room`, or a room that nobody guesses.
    pub(super) async fn enter(
        &self,
        room: Option<Room>,
        entrant: Entrant,
        browser: &Browser<'_>,
        context: &Context<'_>,
        ask: &impl AsyncFn(Question) -> Result<Response<Bytes>, RequestError>,
    ) -> Result<Response<Body>, RequestError> {
        let room = match room {
            Some(room) => room,
            None => Room::random().map_err(no_random)?,
        };
        let again = self.address_of(context, &room);
        let (launcher, notice) = match self.count(&entrant, &browser.device).await {
            Counted::In { launcher, notice } => (launcher, notice),
            Counted::Full { limit } => {
                let until = self.installation.next_month();
                return show(StatusCode::FORBIDDEN, &Full { look: &self.look, nonce: &nonce()?, limit, until });
            }
            Counted::LedgerDown => {
                return self.ledger_down(&again);
            }
        };
        let role = launcher.role(&entrant);
        let avatar = self.avatar(&entrant, browser.fields, context, ask).await;
        let bearer = launcher.bearer(entrant, role, avatar);
        // Whoever comes from outside comes into one room, whatever the house allows its own people.
        let rooms = if role == Role::Guest { Rooms::This } else { launcher.rooms };
        let meeting = launcher.meetings.address(&room, rooms, &bearer).await.map_err(|error| unsigned(&error))?;
        let mut response = match self.mode {
            LaunchMode::Redirect => found(meeting.reveal())?,
            LaunchMode::Page => {
                let agent = browser.fields.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
                let app = launcher.meetings.app_address(&meeting);
                let page = Launch {
                    look: &self.look,
                    nonce: &nonce()?,
                    room: room.name(),
                    meeting: meeting.reveal(),
                    app: App::of(agent.unwrap_or_default(), app.ios.reveal(), app.android.reveal()),
                    notice: notice
                        .filter(|notice| role == Role::Moderator || matches!(notice, Notice::Elsewhere { .. })),
                };
                show(StatusCode::OK, &page)?
            }
        };
        self.remember(&browser.device, context, &mut response);
        Ok(response)
    }

    /// Nobody can be counted, and nobody enters uncounted.
    pub(super) fn ledger_down(&self, again: &str) -> Result<Response<Body>, RequestError> {
        show(StatusCode::SERVICE_UNAVAILABLE, &LedgerDown { look: &self.look, nonce: &nonce()?, again })
    }

    /// Counts who comes, and finds the launcher that lets them in: this one, or what it falls back to.
    async fn count(&self, entrant: &Entrant, device: &Device) -> Counted<'_> {
        let (mut launcher, mut elsewhere) = (self, None);
        loop {
            let limit = launcher.limit;
            let counted = launcher.admit(entrant, device).await;
            let full = match (&counted, &launcher.at_limit) {
                (Ok(admitted), _) => !admitted.let_in,
                (Err(_), AtLimit::Warn) => false,
                // Not counted, nobody knows whether there is room; without a limit there always is.
                (Err(_), _) => limit.is_some(),
            };
            if !full {
                return Counted::In { launcher, notice: elsewhere.or_else(|| notice(&counted, limit)) };
            }
            match (&launcher.at_limit, limit, counted) {
                (AtLimit::Fallback(other), Some(limit), _) if other.takes(entrant) => {
                    elsewhere = elsewhere.or(Some(Notice::Elsewhere { limit, instead: &other.name }));
                    launcher = other;
                }
                (_, Some(limit), Ok(_)) => return Counted::Full { limit },
                _ => return Counted::LedgerDown,
            }
        }
    }

    /// Whether somebody whom another launcher let in may come here, too. Of who has an account nothing is asked again,
    /// nor of anybody where nobody is asked; an invitation was made for the other one, and is as good as one of ours.
    fn takes(&self, entrant: &Entrant) -> bool {
        match entrant {
            Entrant::Person(_) | Entrant::Unasked => true,
            Entrant::Guest { until, .. } => {
                let Guests { everybody, join, invitations, .. } = self.guests;
                everybody || join || (invitations && until.is_some())
            }
        }
    }

    async fn admit(&self, entrant: &Entrant, device: &Device) -> Result<Admitted, LedgerError> {
        let (person, label) = match entrant {
            Entrant::Person(person) => {
                (Some(person.id.clone()), person.username.clone().unwrap_or_else(|| person.name.clone()))
            }
            Entrant::Guest { name, .. } => (None, name.clone()),
            Entrant::Unasked => (None, String::new()),
        };
        let admission = Admission {
            launcher: self.name.clone(),
            person,
            label,
            device: device.id().to_owned(),
            limit: self.limit,
            deny_new: !matches!(self.at_limit, AtLimit::Warn),
        };
        self.installation.admit(admission).await
    }

    /// By the rule of this launcher, which may be one that another fell back to.
    fn role(&self, entrant: &Entrant) -> Role {
        let person = match entrant {
            Entrant::Guest { .. } => return Role::Guest,
            Entrant::Unasked if self.moderators == Moderators::Everyone => return Role::Moderator,
            Entrant::Unasked => return Role::Member,
            Entrant::Person(person) => person,
        };
        let moderates = match &self.moderators {
            Moderators::Everyone => true,
            Moderators::Members => !person.guest,
            Moderators::Admins => person.admin,
            Moderators::Users(names) => person.username.as_ref().is_some_and(|name| names.contains(name)),
        };
        match (moderates, person.guest) {
            (true, _) => Role::Moderator,
            (false, true) => Role::Guest,
            (false, false) => Role::Member,
        }
    }

    fn bearer(&self, entrant: Entrant, role: Role, avatar: Option<String>) -> Bearer {
        match entrant {
            Entrant::Person(Person { id, name, email, .. }) => {
                Bearer { id: Some(id), name, email: email.filter(|_| self.email), avatar, role, until: None }
            }
            Entrant::Guest { name, until } => {
                Bearer { id: None, name, email: self.anonymous.email.clone(), avatar: None, role, until }
            }
            Entrant::Unasked => Bearer {
                id: None,
                name: self.anonymous_name().into_owned(),
                email: self.anonymous.email.clone(),
                avatar: None,
                role,
                until: None,
            },
        }
    }

    fn anonymous_name(&self) -> Cow<'_, str> {
        self.anonymous.name.as_deref().unwrap_or(crate::config::model::Anonymous::UNNAMED).into()
    }

    /// The address of a copy of the person's picture. A meeting needs none: whatever goes wrong, it opens without.
    async fn avatar(
        &self,
        entrant: &Entrant,
        fields: &HeaderMap,
        context: &Context<'_>,
        ask: &impl AsyncFn(Question) -> Result<Response<Bytes>, RequestError>,
    ) -> Option<String> {
        let Entrant::Person(person) = entrant else { return None };
        // Only Mattermost's own word names a picture, and only over https does a meeting load it.
        if !self.avatars || person.picture.is_none() || context.scheme != http::uri::Scheme::HTTPS {
            return None;
        }
        let session = identity::session(fields)?;
        let below = self.ways.iter().find_map(|way| match way {
            Way::Mattermost { below, .. } => Some(below),
            Way::Plugin { .. } => None,
        })?;
        let (copies, front) = (self.installation.copies(), who::front(below, context));
        let fetched = copies.fetch_if_absent(person, &session, front, async |it| ask(Question::picture(it)).await);
        match fetched.await {
            Ok(segment) => Some(format!("https://{}{}/-/avatar/{segment}", context.authority, context.prefix.as_str())),
            Err(error) => {
                tracing::debug!(id = %context.id, error = &error as &dyn std::error::Error, "a meeting opens without a picture");
                None
            }
        }
    }
}

/// What a moderator ought to know of the month.
fn notice<'l>(counted: &Result<Admitted, LedgerError>, limit: Option<u32>) -> Option<Notice<'l>> {
    /// From here on it is worth a word: four fifths.
    const NEAR: (u64, u64) = (4, 5);
    let limit = limit?;
    let Ok(admitted) = counted else { return Some(Notice::Uncounted) };
    let used = admitted.real.unwrap_or(admitted.devices);
    if used > limit {
        Some(Notice::Over { used, limit })
    } else if u64::from(used) * NEAR.1 >= u64::from(limit) * NEAR.0 {
        Some(Notice::Near { used, limit })
    } else {
        None
    }
}
