//! Station 5: what answers.
//!
//! `Context` is what a handler knows of the request beside its head: who asks,
//! by which name, over what. Handlers run on one worker's thread and need not be
//! `Send`.

pub mod challenge;
pub mod launcher;
pub mod meant;
pub mod proxy;
pub mod redirect;
pub mod respond;
pub mod site;

use std::cell::Cell;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::Scheme;
use http::{Method, Request, Response};
use thiserror::Error;

use crate::access::auth::users::UserFault;
use crate::body::Body;
use crate::config::finding::Place;
use crate::config::model::{self, Answer};
use crate::error::RequestError;
use crate::jitsi::installation::Installation;
use crate::log::access::Entry;
use crate::outgoing::{Check, Standing, Standings, Trust, TrustError, Upstream};
use crate::route::host::{Authority, HostPattern};
use crate::route::path::PathPrefix;
use crate::upload::Upload;

use launcher::{Launcher, Question};
use proxy::Sticky;
use proxy::tunnel::Tunnels;
use respond::Fixed;
use site::Site;

/// Names one request in the log line and on the error page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What a handler knows of a request beside its head.
#[derive(Debug)]
pub struct Context<'r> {
    /// In the log line and on the error page.
    pub id: RequestId,
    /// How the client came in; a trusted proxy's `X-Forwarded-Proto` counts.
    pub scheme: Scheme,
    /// The host and port that the client asked for.
    pub authority: &'r Authority,
    /// The port that the connection came in on.
    pub local_port: u16,
    /// The address at the other end of the connection.
    pub peer: IpAddr,
    /// The client's address; differs from `peer` behind a trusted proxy.
    pub client: IpAddr,
    /// Whether the peer is in `trusted_proxies`.
    pub peer_trusted: bool,
    /// The prefix of the route that was taken.
    pub prefix: &'r PathPrefix,
    /// The request's path with unreserved characters decoded once, from its first slash.
    pub path: &'r str,
    /// What follows `prefix` in `path`: empty, or from a slash on.
    pub rest: &'r str,
    /// Time from sending to the upstream to its answer's head, set by handlers that ask one.
    pub upstream_time: &'r Cell<Option<Duration>>,
}

/// What answers under a route, made from the configuration's `Answer`.
#[derive(Debug)]
pub enum Handler {
    /// A folder on disk.
    Site(Site),
    /// An upstream; the number of its pool.
    Proxy(Box<Proxied>, Pool),
    /// A meeting; the pool of the Mattermost that knows who asks, where one is asked.
    Launcher(Box<Launcher>, Option<Pool>),
    /// Another address.
    Redirect(model::Redirect),
    /// A fixed answer.
    Respond(Fixed),
}

/// A proxy route.
#[derive(Debug)]
pub struct Proxied {
    rules: model::Proxy,
    sticky: Option<Sticky>,
}

impl Proxied {
    /// Whether `preset = "mattermost"` was given.
    pub fn is_mattermost(&self) -> bool {
        self.rules.mattermost
    }

    /// Whether a WebSocket may be opened through it to this upstream.
    pub fn leads_to(&self, upstream: &model::UpstreamAddress) -> bool {
        !self.rules.upgrades.is_empty() && self.rules.upstreams.contains(upstream)
    }
}

/// The number of a set of upstreams that every worker keeps its own connections to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool(usize);

/// What a worker needs to know to keep connections to a route's upstreams.
#[derive(Debug)]
pub struct PoolPlan {
    /// Addresses and times.
    pub proxy: model::Proxy,
    /// How to speak TLS to each of them.
    pub trust: Vec<Option<Trust>>,
    /// How each of them fares.
    pub standings: Vec<Arc<Standing>>,
    /// What `Host` says in a check of their health.
    checked_as: String,
}

impl PoolPlan {
    /// How each upstream fares, and how it is asked whether it is well, where it is.
    pub fn checks(&self) -> impl Iterator<Item = (Arc<Standing>, Option<Check>)> {
        let each = self.proxy.upstreams.iter().zip(&self.trust).zip(&self.standings);
        each.map(|((address, trust), standing)| {
            let check = self.proxy.health.as_ref().map(|rule| Check {
                address: address.clone(),
                trust: trust.clone(),
                host: self.checked_as.clone(),
                rule: rule.clone(),
                at_once: self.proxy.upstreams.len() > 1,
            });
            (standing.clone(), check)
        })
    }
}

/// What handlers are made with.
#[derive(Debug)]
pub struct Building<'b> {
    /// The site that they belong to.
    pub site: &'b model::Site,
    /// The pools that they need are added to these.
    pub plans: &'b mut Vec<PoolPlan>,
    /// Shared by launchers.
    pub installation: &'b Arc<Installation>,
    /// How the upstreams fare that were there before.
    pub standings: &'b Standings,
}

/// Why a handler cannot be made.
#[derive(Debug, Error)]
pub enum BuildError {
    /// An `https://` upstream cannot be verified.
    #[error("TLS to {upstream} cannot be set up")]
    Trust {
        /// Where the file says how to verify it, else the route.
        place: Place,
        /// The upstream's address.
        upstream: String,
        /// Why.
        #[source]
        source: Box<TrustError>,
    },
    /// A launcher's key cannot be used.
    #[error("[launcher.{launcher}] cannot serve")]
    Launcher {
        /// Where the file names its key.
        place: Place,
        /// Its name.
        launcher: String,
        /// Why.
        #[source]
        source: Box<launcher::LauncherError>,
    },
    /// A table of users cannot be used.
    #[error(transparent)]
    Users(Box<UserFault>),
}

impl BuildError {
    /// The first of what is wrong with a table of users; `check` says all.
    pub fn of_users(faults: Vec<UserFault>) -> Self {
        let first = faults.into_iter().next().expect("a table of users that cannot be used has a fault");
        Self::Users(Box::new(first))
    }

    /// Where the file says what cannot be used.
    pub fn place(&self) -> &Place {
        match self {
            Self::Trust { place, .. } | Self::Launcher { place, .. } => place,
            Self::Users(fault) => fault.place(),
        }
    }

    /// The command or edit that mends it.
    pub fn mend(&self) -> Option<String> {
        match self {
            Self::Trust { source, .. } => source.mend(),
            Self::Launcher { source, .. } => Some(source.mend()),
            Self::Users(fault) => Some(fault.mend()),
        }
    }
}

/// What the worker that serves a request lends to its handler.
#[derive(Debug)]
pub struct Means<'w> {
    /// Every pool's upstreams, as this worker knows them.
    pub pools: &'w [Vec<Rc<Upstream>>],
    /// Counts up with every request, so that upstreams take turns.
    pub turn: u64,
    /// The worker's tunnels.
    pub tunnels: &'w Rc<Tunnels>,
    /// The request's line in the access log.
    pub entry: Option<&'w Rc<Entry>>,
}

impl Handler {
    /// Makes a handler.
    ///
    /// # Errors
    /// Where a file that it needs cannot be used; see [`BuildError`].
    pub fn build(route: &model::Route, building: &mut Building<'_>) -> Result<Self, BuildError> {
        match &route.answer {
            Answer::Website(website) => Ok(Self::Site(Site::new(website))),
            Answer::Proxy(proxy) => {
                let sticky = proxy.sticky.as_ref().map(|name| {
                    let key = building.installation.sticky_key();
                    Sticky::new(name, route.path.as_str(), &proxy.upstreams, &key)
                });
                let proxied = Proxied { rules: (**proxy).clone(), sticky };
                Ok(Self::Proxy(Box::new(proxied), plan(route, proxy, building)?))
            }
            Answer::Launcher(settings) => {
                let prefix = route.path.as_str().trim_end_matches('/');
                let launcher =
                    Launcher::new(settings, prefix, building.installation).map_err(|source| BuildError::Launcher {
                        place: settings.key_place.clone(),
                        launcher: settings.name.clone(),
                        source: Box::new(source),
                    })?;
                let pool = settings.mattermost().map(|source| {
                    // The route to Mattermost has it checked already.
                    plan(route, &model::Proxy { health: None, ..source.proxy.clone() }, building)
                });
                Ok(Self::Launcher(Box::new(launcher), pool.transpose()?))
            }
            Answer::Redirect(redirect) => Ok(Self::Redirect(redirect.clone())),
            Answer::Respond(respond) => Ok(Self::Respond(Fixed::new(respond))),
        }
    }

    /// Whether every query on this route is somebody's secret and stays out of the log.
    pub fn has_secret_queries(&self) -> bool {
        matches!(self, Self::Launcher(..))
    }

    /// How long a client may take to take a byte of the answer, where the route has a say in it.
    pub fn patience(&self) -> Option<Duration> {
        match self {
            Self::Proxy(proxied, _) => Some(proxied.rules.send_timeout),
            _ => None,
        }
    }

    /// Answers a request.
    ///
    /// # Errors
    /// Why it was not answered as asked; see [`RequestError`].
    pub async fn reply(
        &self,
        request: Request<Upload>,
        context: &Context<'_>,
        means: Means<'_>,
    ) -> Result<Response<Body>, RequestError> {
        // To extended CONNECT any 2xx would mean that a tunnel is open (RFC 8441 section 5).
        if request.method() == Method::CONNECT && !matches!(self, Self::Proxy(..)) {
            return Err(RequestError::MethodNotAllowed("GET, HEAD"));
        }
        match self {
            Self::Proxy(proxied, pool) => {
                let means = proxy::Means {
                    upstreams: &means.pools[pool.0],
                    sticky: proxied.sticky.as_ref(),
                    turn: means.turn,
                    tunnels: means.tunnels,
                    entry: means.entry,
                };
                proxy::forward(&proxied.rules, request, context, means).await
            }
            Self::Site(site) => site.reply(&request, context).await,
            Self::Launcher(launcher, pool) => {
                let ask = async |question: Question| match pool {
                    Some(pool) => ask_mattermost(&means.pools[pool.0], question).await,
                    None => Err(RequestError::Internal("a launcher without Mattermost asked it".into())),
                };
                // Boxed, so that the futures of the other handlers need not be as large.
                Box::pin(launcher.reply(request, context, ask)).await
            }
            Self::Redirect(redirect) => {
                let received = request.uri().path_and_query().map_or("/", |received| received.as_str());
                redirect::reply(redirect, received)
            }
            Self::Respond(fixed) => Ok(fixed.reply()),
        }
    }
}

/// The number of a new pool for a proxy's upstreams.
fn plan(route: &model::Route, proxy: &model::Proxy, building: &mut Building<'_>) -> Result<Pool, BuildError> {
    let trust = |address: &model::UpstreamAddress| {
        address.tls.then(|| Trust::new(address, &proxy.verify)).transpose().map_err(|source| BuildError::Trust {
            place: if proxy.verify.place.0.is_empty() { route.place.clone() } else { proxy.verify.place.clone() },
            upstream: address.origin.clone(),
            source: Box::new(source),
        })
    };
    let trust = proxy.upstreams.iter().map(trust).collect::<Result<_, _>>()?;
    let hosts = &building.site.hosts;
    let label = format!("{}{}", hosts.first().map(ToString::to_string).unwrap_or_default(), route.path.as_str());
    let standing = |address: &model::UpstreamAddress| building.standings.of(&label, &address.origin);
    let standings = proxy.upstreams.iter().map(standing).collect();
    let checked_as = match (&proxy.host, hosts.iter().find_map(HostPattern::exact)) {
        (model::UpstreamHost::Fixed(authority), _) => authority.to_string(),
        (model::UpstreamHost::Preserve, Some(host)) => host.to_string(),
        (model::UpstreamHost::Preserve, None) => "localhost".to_owned(),
    };
    building.plans.push(PoolPlan { proxy: proxy.clone(), trust, standings, checked_as });
    Ok(Pool(building.plans.len() - 1))
}

/// Asks the first upstream that answers.
async fn ask_mattermost(upstreams: &[Rc<Upstream>], question: Question) -> Result<Response<Bytes>, RequestError> {
    let mut last = RequestError::Internal("a launcher's Mattermost has no address".into());
    for upstream in upstreams {
        match upstream.fetch(question.request.clone(), question.most, question.within).await {
            Ok(answer) => return Ok(answer),
            Err(error) => last = error,
        }
    }
    Err(last)
}
