//! `gatepost run`: bind, give privileges up, read everything, then serve.
//!
//! What takes privileges comes first, while there is one thread; whatever is read and run
//! after it is with the rights of whom it is served by. Nothing half-starts: a configuration with a fatal finding, a certificate that
//! cannot be used, a key that does not sign or a port that is taken end it before
//! the first connection is accepted. Where another gatepost serves until this one is
//! ready, that one hears why.

mod error;
mod house;
mod named;
mod shed;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

use crate::cert::acme::Wanted;
use crate::cert::{self, Live};
use crate::clock::Clock;
use crate::config::Parsed;
use crate::config::model::Config;
use crate::config::surroundings::Surroundings;
use crate::control::door::Door;
use crate::jitsi::installation::Installation;
use crate::log::setup::program_log;
use crate::outgoing::{Standings, rounds};
use crate::privilege::{self, reader};
use crate::server::census::Census;
use crate::server::descriptors;
use crate::server::handover::Inherited;
use crate::server::listen::{Sockets, Speaks};
use crate::server::{self, Ready};
use crate::status;

pub use error::{ServeError, Whose};

use super::{ConfigFile, Failure, Status};
use house::{AccessLog, Fixed, House, admin_socket, https_port};
use named::{Named, put_issued, renewals, report};

/// Serves what the file says until told to stop.
pub(super) fn run(file: &ConfigFile) -> Result<Status, Failure> {
    privilege::keep_memory_private();
    // First of all: it changes the environment, which nothing else may look at meanwhile.
    let mut inherited = Inherited::find().map_err(ServeError::from)?;
    if let Some(reader) = inherited.reader.take() {
        reader.install();
    }
    let parsed = file
        .parse(&Surroundings::of_this_process())
        .inspect_err(|failure| inherited.before.failed(&failure.to_string()))?;
    serve(parsed, &mut inherited, |_| {}).inspect_err(|error| inherited.before.failed(&error.plain()))?;
    Ok(Status::Fine)
}

/// Serves a configuration that has been read; `announce` is told the bound addresses before the first connection.
/// Sockets that are wanted and were inherited are taken out of `inherited`.
///
/// # Errors
/// See [`ServeError`].
pub fn serve(
    parsed: Parsed,
    inherited: &mut Inherited,
    announce: impl FnOnce(&[(Speaks, SocketAddr)]),
) -> Result<(), ServeError> {
    let Parsed { config, findings, source, .. } = parsed;
    let Some(config) = config else {
        return Err(ServeError::Findings { of: Whose::Configuration, findings, text: Box::new(source) });
    };
    program_log(config.log.level);
    report(&findings, &source);
    descriptors::raise();
    let census = Arc::new(Census::new(&config.limits));
    let user = shed::user(&config, &source)?;
    if let Some(user) = &user {
        shed::leave_reader(&source.path, user);
    }
    let (sockets, leaving) = sockets(&std::mem::take(&mut inherited.sockets), &config)?;
    let admin = inherited.admin.take().map(|(wanted, listener)| (wanted, Arc::new(listener)));
    let admin = watch::Sender::new(admin_socket(config.admin, admin)?);
    shed::shed(&config, user.as_ref())?;

    let installation = Arc::new(Installation::at(&config.server.state, Clock::System));
    let standings = Arc::new(Standings::default());
    let Named { mut snapshot, certificates, findings } = Named::by(&config, &source, None, &installation, &standings)?;
    report(&findings, &source);
    snapshot.watch(&standings);
    let live = Arc::new(Live::new(&config, certificates));
    let wanted = Wanted::of(&config, Clock::System);
    put_issued(wanted.as_ref(), &live);

    let workers = config.server.workers.get();
    sockets.listen()?;
    let bound: Vec<_> = sockets.bound().collect();
    snapshot.https_port = https_port(snapshot.https_port, &sockets);
    let log = AccessLog::start(&config.log.access)?;
    let meetings = Arc::new(status::Meetings::new(&config, installation.clone()));
    let ready = Ready {
        snapshot,
        stores: live.stores(),
        sockets,
        leaving,
        workers,
        log: log.out(config.log.format),
        census: census.clone(),
        drain: config.server.drain,
        door: door(&config, inherited.before.follows()),
    };
    announce(&bound);
    reader::watch();
    let beside = {
        let subject = status::Subject {
            live: live.clone(),
            meetings: meetings.clone(),
            census: census.clone(),
            standings: standings.clone(),
            clock: Clock::System,
        };
        let status = status::serve(admin.subscribe(), subject);
        let (follow, watch) =
            (cert::reload::follow(live.clone(), Clock::System), cert::expiry::watch(live.clone(), Clock::System));
        let standings = standings.clone();
        async move { _ = tokio::join!(follow, watch, status, rounds::go(&standings)) }
    };
    let mut house = House {
        path: source.path,
        // Not before the ports are ours: the CA asks there.
        engine: Some(renewals(wanted, &live)?),
        live,
        installation,
        meetings,
        census,
        standings,
        admin,
        log,
        fixed: Fixed::of(&config),
    };
    server::run(ready, &inherited.before, &mut house, beside)?;
    house.log.finish();
    Ok(())
}

fn addresses(config: &Config) -> impl Iterator<Item = (Speaks, SocketAddr)> {
    let plain = config.server.http.iter().map(|&address| (Speaks::Http, address));
    plain.chain(config.server.https.iter().map(|&address| (Speaks::Https, address)))
}

/// What to listen on, as far as possible by the sockets that were inherited; and those of them that are not wanted any more.
fn sockets(inherited: &Sockets, config: &Config) -> Result<(Sockets, Sockets), ServeError> {
    let sockets = inherited.then(addresses(config), config.server.workers.get())?;
    for (_, address) in inherited.bound().filter(|(_, it)| !sockets.bound().any(|(_, other)| other == *it)) {
        tracing::warn!(%address, "was given a socket that [server] does not name: it is not listened on any more");
    }
    let leaving = inherited.beyond(&sockets);
    Ok((sockets, leaving))
}

/// Where commands ask. That they cannot keeps nobody from being served.
fn door(config: &Config, takes_over: bool) -> Option<Door> {
    let door = Door::make(&config.server.control, takes_over);
    door.inspect_err(|error| tracing::warn!(error = error as &dyn std::error::Error, "no control socket")).ok()
}
