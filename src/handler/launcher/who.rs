//! Who is asking: each way in its order, until one knows.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Response};

use crate::clock::Clock;
use crate::config::model;
use crate::error::RequestError;
use crate::handler::Context;
use crate::jitsi::identity::plugin::{Plugin, PluginFault};
use crate::jitsi::identity::{self, Asking, Front, Known, NameOrder, Person, plugin};
use crate::jitsi::room::Room;
use crate::secret::source;

use super::{LauncherError, Question};

/// One way of finding out.
#[derive(Debug)]
pub(super) enum Way {
    /// Mattermost is asked about the session.
    Mattermost {
        known: Box<Known>,
        asking: Asking,
        /// What its paths begin with.
        below: String,
    },
    /// The link's own token says it.
    Plugin {
        plugin: Box<Plugin>,
        /// Whether the address goes along.
        email: bool,
    },
}

/// What the ways say together.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Somebody with an account.
    Person(Person),
    /// Nobody knows.
    Nobody {
        /// The link's token proved that the room was meant for whoever has the link.
        proved: bool,
        /// The link's token is older than its time.
        old_link: bool,
    },
}

/// A request, as far as it tells who sent it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'r> {
    pub(super) fields: &'r HeaderMap,
    pub(super) query: Option<&'r str>,
    /// The room that the link's token has to be for; `None` where no room is asked for.
    pub(super) room: Option<&'r Room>,
}

impl Way {
    /// `admins`: whether it matters who is an administrator.
    pub(super) fn new(way: &model::Way, people: &model::People, admins: bool) -> Result<Self, LauncherError> {
        Ok(match way {
            model::Way::Mattermost(source) => Self::Mattermost {
                known: Box::default(),
                below: source.path.clone(),
                asking: Asking { names: NameOrder::of(&people.names), email: people.email, team_admins: admins },
            },
            model::Way::Plugin(plugin) => {
                let secret = source::read(&plugin.secret, "plugin_secret")?;
                let plugin = Plugin::new(&*plugin.app_id, &secret, Clock::System);
                Self::Plugin { plugin: Box::new(plugin), email: people.email }
            }
        })
    }
}

/// Tries the ways in their order.
///
/// # Errors
/// Where a way that could have known gave no clear answer, and none after it knows.
pub(super) async fn settle(
    ways: &[Way],
    asker: Asker<'_>,
    context: &Context<'_>,
    ask: &impl AsyncFn(Question) -> Result<Response<Bytes>, RequestError>,
) -> Result<Who, RequestError> {
    let (mut proved, mut old_link, mut unclear) = (false, false, None);
    for way in ways {
        match way {
            Way::Mattermost { known, asking, below } => {
                let Some(session) = identity::session(asker.fields) else { continue };
                let asked = Instant::now();
                let front = front(below, context);
                let person = known.ask(&session, front, asking, async |it| ask(Question::who(it)).await).await;
                context.upstream_time.set(Some(asked.elapsed()));
                match person {
                    Ok(Some(person)) => return Ok(Who::Person(person)),
                    Ok(None) => {}
                    Err(error) => unclear = Some(error),
                }
            }
            Way::Plugin { plugin, email } => {
                let token = asker.query.and_then(plugin::in_query);
                let (Some(token), Some(room)) = (token, asker.room) else { continue };
                match plugin.verify(&token, room) {
                    Ok(proof) => match proof.person {
                        Some(person) => {
                            let email = person.email.filter(|_| *email);
                            return Ok(Who::Person(Person { email, ..person }));
                        }
                        None => proved = true,
                    },
                    Err(fault) => {
                        old_link |= fault == PluginFault::Expired;
                        tracing::debug!(id = %context.id, "{fault}");
                    }
                }
            }
        }
    }
    match unclear {
        Some(error) => Err(error),
        None => Ok(Who::Nobody { proved, old_link }),
    }
}

/// Whether the link's token proves that the room was meant for whoever has the link.
pub(super) fn proves(ways: &[Way], query: Option<&str>, room: &Room) -> bool {
    let Some(token) = query.and_then(plugin::in_query) else { return false };
    ways.iter().any(|way| match way {
        Way::Plugin { plugin, .. } => plugin.verify(&token, room).is_ok(),
        Way::Mattermost { .. } => false,
    })
}

/// How the request came in, for the Mattermost whose paths begin with `below`.
pub(super) fn front<'c>(below: &'c str, context: &'c Context<'_>) -> Front<'c> {
    Front { below, authority: context.authority, scheme: &context.scheme, client: context.client }
}
