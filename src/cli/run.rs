//! `gatepost run`: read everything, then bind, then serve.
//!
//! Nothing half-starts: a configuration with a fatal finding, a certificate that
//! cannot be used, a key that does not sign or a port that is taken end it before
//! the first connection is accepted.

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use crate::cert::acme::{self, Engine, Wanted};
use crate::cert::{self, Live};
use crate::clock::Clock;
use crate::config::finding::{Finding, Severity};
use crate::config::model::Config;
use crate::config::source::{ReadError, Source};
use crate::config::surroundings::Surroundings;
use crate::config::{self, Parsed, render};
use crate::jitsi::installation::Installation;
use crate::log::setup::program_log;
use crate::log::writer::{OpenError, Writer};
use crate::outgoing::{Standings, rounds};
use crate::server::census::Census;
use crate::server::descriptors;
use crate::server::listen::{BindError, Speaks, bind};
use crate::server::snapshot::{Snapshot, SnapshotError};
use crate::server::{self, Ready, RunError};
use crate::status;

use super::check::{folders, handlers};
use super::{ConfigFile, Failure, Status, colour_of_stderr};

/// Why serving does not start, or ended.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The configuration cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Something in the configuration, or in the files that it names, stops the start.
    #[error("the configuration has faults that keep gatepost from starting")]
    Findings {
        /// Whose they are.
        of: Whose,
        /// All of them.
        findings: Vec<Finding>,
        /// The text that they are about.
        text: Box<Source>,
    },
    /// A handler cannot be made of what the configuration names.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The status page's address cannot be listened on.
    #[error("cannot listen on {address}, which [admin] names for the status page; does another program hold it?")]
    Admin {
        /// Which.
        address: std::net::SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The access log cannot be written.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// No thread for renewals is to be had.
    #[error("cannot look after certificates")]
    Engine(#[source] std::io::Error),
    /// Serving went wrong.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What a finding that stops the start is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The configuration file.
    Configuration,
    /// What it names: certificates, keys, roots.
    Files,
}

/// Serves what the file says until told to stop.
pub(super) fn run(file: &ConfigFile) -> Result<Status, Failure> {
    serve(file.parse(&Surroundings::of_this_process())?, |_| {})?;
    Ok(Status::Fine)
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Read(error) => Self::Read(error),
            ServeError::Findings { of, mut findings, text } => {
                findings.retain(|finding| finding.severity == Severity::Fatal);
                let mut shown = render::long(&findings, &text, colour_of_stderr());
                shown.push_str(&format!("gatepost does not start: {} cannot be used as it is", text.path.display()));
                match of {
                    Whose::Configuration => Self::Config(shown),
                    Whose::Files => Self::Files(shown),
                }
            }
            error => Self::Serve(Box::new(error)),
        }
    }
}

/// Serves a configuration that has been read; `announce` is told the bound addresses before the first connection.
///
/// # Errors
/// See [`ServeError`].
pub fn serve(parsed: Parsed, announce: impl FnOnce(&[(Speaks, std::net::SocketAddr)])) -> Result<(), ServeError> {
    let Parsed { config, findings, source, .. } = parsed;
    let Some(config) = config else {
        return Err(ServeError::Findings { of: Whose::Configuration, findings, text: Box::new(source) });
    };
    program_log(config.log.level);
    report(&findings, &source);
    descriptors::raise();
    let census = Arc::new(Census::new(&config.limits));
    let installation = Arc::new(Installation::at(&config.server.state, Clock::System));
    let standings = Arc::new(Standings::default());
    let (mut snapshot, certificates) = what_is_named(&config, &source, None, &installation, &standings)?;
    snapshot.watch(&standings);
    let live = Arc::new(Live::new(&config, certificates));
    let wanted = Wanted::of(&config, Clock::System);
    put_issued(wanted.as_ref(), &live);
    let listeners = bind(addresses(&config), config.server.workers.get())?;
    let admin = config.admin.map(status_listener).transpose()?;
    // Not before the ports are ours: the CA asks there.
    let engine = engine(wanted, &live)?;
    let bound: Vec<_> = listeners.iter().take(1).flatten().map(|one| (one.speaks, one.address)).collect();
    let first_https = bound.iter().find(|(speaks, _)| *speaks == Speaks::Https).map(|(_, address)| address.port());
    let https_port = |named: Option<u16>| if named == Some(0) { first_https } else { named };
    snapshot.https_port = https_port(snapshot.https_port);
    let ready = Ready {
        snapshot,
        stores: live.stores(),
        listeners,
        census: census.clone(),
        log: Writer::start(&config.log.access)?,
        format: config.log.format,
        drain: config.server.drain,
    };
    announce(&bound);
    let path = source.path;
    let meetings = Arc::new(status::Meetings::new(&config, installation.clone()));
    let reload = || {
        let mut snapshot = reload(&path, &config, &live, &engine, &installation, &meetings, &standings)?;
        snapshot.https_port = https_port(snapshot.https_port);
        census.adopt(&snapshot.limits);
        Some(snapshot)
    };
    let beside = async {
        tokio::join!(
            cert::reload::follow(live.clone(), Clock::System),
            cert::expiry::watch(live.clone(), Clock::System),
            rounds::go(&standings),
            async {
                if let Some(listener) = admin {
                    let subject = status::Subject {
                        live: live.clone(),
                        meetings: meetings.clone(),
                        census: census.clone(),
                        standings: standings.clone(),
                        clock: Clock::System,
                    };
                    status::serve(listener, subject).await;
                }
            }
        );
    };
    server::run(ready, reload, beside)?;
    Ok(())
}

fn addresses(config: &Config) -> impl Iterator<Item = (Speaks, std::net::SocketAddr)> {
    let plain = config.server.http.iter().map(|&address| (Speaks::Http, address));
    plain.chain(config.server.https.iter().map(|&address| (Speaks::Https, address)))
}

/// The admin listener: one socket, since the main thread alone answers on it.
fn status_listener(address: std::net::SocketAddr) -> Result<std::net::TcpListener, ServeError> {
    let bound = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok((listener.local_addr()?, listener))
    });
    let (address, listener) = bound.map_err(|source| ServeError::Admin { address, source })?;
    tracing::info!(scheme = %"admin", %address, "listening");
    Ok(listener)
}

/// Puts what a CA has issued before into use.
fn put_issued(wanted: Option<&Wanted>, live: &Live) {
    live.put_issued(wanted.map(|wanted| acme::issued(wanted, Clock::System)).unwrap_or_default());
}

/// Has the rest issued, and everything renewed from now on.
fn engine(wanted: Option<Wanted>, live: &Arc<Live>) -> Result<Engine, ServeError> {
    let live = live.clone();
    Engine::start(wanted, Clock::System, move |wanted| put_issued(Some(wanted), &live)).map_err(ServeError::Engine)
}

/// Everything that requests and handshakes see, or all that is in its way. `serving` is what handshakes see already.
fn what_is_named(
    config: &Config,
    source: &Source,
    serving: Option<&Live>,
    installation: &Arc<Installation>,
    standings: &Standings,
) -> Result<(Snapshot, Vec<cert::Entry>), ServeError> {
    let (certificates, mut findings) = cert::open(config, Clock::System, serving);
    // Handlers are made below, the first that cannot be ends it; here all that cannot be are said at once.
    let broken = handlers(config);
    let (Some(certificates), true) = (certificates, broken.is_empty()) else {
        findings.extend(broken);
        findings.sort_by_key(|finding| finding.place.0.start);
        return Err(ServeError::Findings { of: Whose::Files, findings, text: Box::new(source.clone()) });
    };
    report(&findings, source);
    let snapshot = Snapshot::new(config, installation, standings)?;
    report(&folders::served(config), source);
    Ok((snapshot, certificates))
}

/// Reads the file again. On any fault the old snapshot goes on serving and the log says why.
fn reload(
    path: &Path,
    serving: &Config,
    live: &Live,
    engine: &Engine,
    installation: &Arc<Installation>,
    meetings: &status::Meetings,
    standings: &Standings,
) -> Option<Snapshot> {
    tracing::info!(file = %path.display(), "reloading");
    let next = config::read(path).map_err(ServeError::from).and_then(|source| {
        let Parsed { config, findings, source, .. } = config::parse(&source.text, path);
        let Some(config) = config else {
            return Err(ServeError::Findings { of: Whose::Configuration, findings, text: Box::new(source) });
        };
        report(&findings, &source);
        if needs_restart(&config, serving) {
            tracing::warn!("addresses, workers, logs and `state` stay as they were until gatepost is restarted");
        }
        let (snapshot, certificates) = what_is_named(&config, &source, Some(live), installation, standings)?;
        // Last, so that a fault above leaves everything as it was.
        live.adopt(&config, certificates);
        meetings.adopt(&config);
        snapshot.watch(standings);
        let wanted = Wanted::of(&config, Clock::System);
        put_issued(wanted.as_ref(), live);
        engine.follow(wanted);
        Ok(snapshot)
    });
    match next {
        Ok(snapshot) => Some(snapshot),
        Err(ServeError::Findings { findings, text, .. }) => {
            report(&findings, &text);
            tracing::error!("not reloaded: the configuration has faults; what was served goes on");
            None
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "not reloaded; what was served goes on");
            None
        }
    }
}

fn needs_restart(next: &Config, serving: &Config) -> bool {
    let (next_server, serving_server) = (&next.server, &serving.server);
    next_server.http != serving_server.http
        || next_server.https != serving_server.https
        || next_server.workers != serving_server.workers
        || next.log != serving.log
        || next.admin != serving.admin
        || next_server.state != serving_server.state
}

/// Findings that do not stop the start, in the log.
fn report(findings: &[Finding], source: &Source) {
    for finding in findings {
        let line = render::short(finding, source);
        match finding.severity {
            Severity::Warning | Severity::Fault => tracing::warn!("{line}"),
            Severity::Grave | Severity::Fatal => tracing::error!("{line}"),
        }
    }
}
