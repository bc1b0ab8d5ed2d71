//! What requests see: routes and rules. Made whole, swapped whole, never changed.
//!
//! Certificates stand beside it in [`Served`], so that a renewed one takes no
//! route and no connection to an upstream along when it goes.
//!
//! It is built once, before anything is bound or swapped, so that whatever is
//! wrong with it stops the start and nothing half-starts. Workers share it
//! read-only and keep their own connections beside it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use http::HeaderValue;
use ipnet::IpNet;
use thiserror::Error;

use crate::access::{Guards, Rules};
use crate::config::model::{Config, Limits};
use crate::handler::meant::Near;
use crate::handler::proxy::tunnel::Lead;
use crate::handler::{BuildError, Building, Handler, PoolPlan, challenge};
use crate::jitsi::installation::Installation;
use crate::log::access::Out;
use crate::outgoing::Standings;
use crate::route::table::{Routed, Routes, Table};

use super::tls::Tls;

/// All that is served at one moment.
#[derive(Debug, Clone)]
pub struct Served {
    /// Routes and rules; another one after a reload of the configuration.
    pub snapshot: Arc<Snapshot>,
    /// Certificates; another one whenever a certificate changes.
    pub tls: Arc<Tls>,
    /// The access log, where it is on.
    pub log: Option<Out>,
}

/// What requests see.
#[derive(Debug)]
pub struct Snapshot {
    /// Host → site.
    pub table: Table<Site>,
    /// Where the answers to a CA's questions over HTTP are, looked through in this order.
    pub challenges: Vec<PathBuf>,
    /// The port that redirects to https name; `None` where nothing listens for https.
    pub https_port: Option<u16>,
    /// The pools that each worker keeps.
    pub plans: Vec<PoolPlan>,
    /// What connections that begin now may take.
    pub limits: Arc<Limits>,
    guards: Guards,
    trusted_proxies: Vec<IpNet>,
}

/// One site.
#[derive(Debug)]
pub struct Site {
    /// Path → route.
    pub routes: Routes<Route>,
    /// Whether any of them keeps anybody out, so that no path may lead around it.
    pub walled: bool,
    /// Launchers that may be meant by a path that Mattermost would take.
    pub near: Near,
    /// Whether plain HTTP is redirected to https.
    pub redirect_http: bool,
    /// `Strict-Transport-Security`, ready to send.
    pub hsts: Option<HeaderValue>,
}

/// One route.
#[derive(Debug)]
pub struct Route {
    /// What answers.
    pub handler: Handler,
    /// What a request meets before; `None` where nothing is asked for.
    pub rules: Option<Box<Rules>>,
}

/// Why no snapshot could be made.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// A handler cannot be made.
    #[error(transparent)]
    Handler(#[from] BuildError),
}

impl Snapshot {
    /// Makes everything that the configuration names, but for its certificates. Launchers share `installation`, and
    /// upstreams that were there before keep their standing.
    ///
    /// # Errors
    /// The first thing that cannot be made.
    pub fn new(
        config: &Config,
        installation: &Arc<Installation>,
        standings: &Standings,
    ) -> Result<Self, SnapshotError> {
        let mut plans = Vec::new();
        let mut guards = Guards::default();
        let mut sites = Vec::new();
        for site in &config.sites {
            let mut building = Building { site, plans: &mut plans, installation, standings };
            let routes = site
                .routes
                .iter()
                .map(|route| {
                    let handler = Handler::build(route, &mut building)?;
                    let rules = Rules::build(site, route, &mut guards).map_err(BuildError::of_users)?;
                    Ok((route.path.clone(), Route { handler, rules }))
                })
                .collect::<Result<Vec<_>, BuildError>>()?;
            let walled = routes.iter().any(|(_, route)| route.rules.as_ref().is_some_and(|rules| rules.wall_off(None)));
            let hsts = site.hsts.and_then(|age| HeaderValue::try_from(format!("max-age={}", age.as_secs())).ok());
            sites.push((
                site.hosts.clone(),
                Site {
                    routes: Routes::new(routes),
                    walled,
                    near: Near::of(site),
                    redirect_http: site.redirect_http,
                    hsts,
                },
            ));
        }
        let default = config.sites.iter().position(|site| site.default);
        Ok(Self {
            table: Table::new(sites, default),
            challenges: challenge::folders(config),
            https_port: (!config.server.https.is_empty()).then_some(config.server.public_https_port),
            plans,
            limits: Arc::new(config.limits.clone()),
            guards,
            trusted_proxies: config.server.trusted_proxies.clone(),
        })
    }

    /// Takes over what the one before counted and remembered: a reload gives nobody a new burst of requests, and asks
    /// for nobody's password anew.
    pub fn inherit(&mut self, before: &Self) {
        self.guards.inherit(&before.guards);
        let rules_before = || {
            let routes = before.table.sites().iter().flat_map(|site| site.routes.iter());
            routes.filter_map(|(_, route)| route.rules.as_deref())
        };
        for route in self.table.sites_mut().iter_mut().flat_map(|site| site.routes.iter_mut()) {
            if let Some(rules) = &mut route.rules {
                let old = rules_before().find(|old| old.home() == rules.home());
                rules.inherit(old, &self.guards);
            }
        }
    }

    /// Tells of these upstreams from now on, and has them checked.
    pub fn watch(&self, standings: &Standings) {
        standings.adopt(self.plans.iter().flat_map(PoolPlan::checks));
    }

    /// Whether a WebSocket that was opened through this host and path to this upstream could be opened again.
    pub fn leads(&self, lead: &Lead) -> bool {
        let Some((site, _)) = self.table.find(&lead.host) else { return false };
        match site.routes.find(&lead.path) {
            Routed::To(_, _, Route { handler: Handler::Proxy(proxied, _), .. }) => proxied.leads_to(&lead.upstream),
            _ => false,
        }
    }

    /// Whether what this address says of others is believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }
}
