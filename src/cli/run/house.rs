//! What `gatepost run` keeps beside its workers, and how all of it is made anew from the file: the reload.
//!
//! First everything that may fail, with nothing changed: the file is read and
//! checked whole, handlers made, sockets bound, the log opened. Then all takes hold.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use crate::cert::Live;
use crate::cert::acme::{Engine, Wanted};
use crate::clock::Clock;
use crate::config::finding::Finding;
use crate::config::model::{self, Config};
use crate::config::source::Source;
use crate::config::{self, Parsed, render};
use crate::control::Answer;
use crate::jitsi::installation::Installation;
use crate::log::access::Out;
use crate::log::setup::program_log;
use crate::log::writer::{Target, Writer};
use crate::outgoing::Standings;
use crate::privilege::reader::{self, Reader};
use crate::server::census::Census;
use crate::server::listen::{Sockets, Speaks};
use crate::server::{self, Change};
use crate::status;

use super::super::with_causes;
use super::named::{Named, put_issued, report};
use super::{ServeError, Whose, addresses};

/// The status page's socket, with the address as the configuration has it; `None` where it is off.
pub(super) type Admin = Option<(SocketAddr, Arc<TcpListener>)>;

/// What is kept beside the workers.
pub(super) struct House {
    /// The file, as it was named.
    pub(super) path: PathBuf,
    pub(super) live: Arc<Live>,
    /// `None` once another process looks after certificates.
    pub(super) engine: Option<Engine>,
    pub(super) installation: Arc<Installation>,
    pub(super) meetings: Arc<status::Meetings>,
    pub(super) census: Arc<Census>,
    pub(super) standings: Arc<Standings>,
    pub(super) admin: watch::Sender<Admin>,
    pub(super) log: AccessLog,
    /// What takes a restart to change.
    pub(super) fixed: Fixed,
}

/// Keys of `[server]` that stay as they were at the start.
#[derive(PartialEq, Eq)]
pub(super) struct Fixed {
    state: PathBuf,
    control: PathBuf,
    user: Option<(String, Option<String>)>,
}

impl Fixed {
    pub(super) fn of(config: &Config) -> Self {
        let user = config.server.user.as_ref().map(|account| (account.user.clone(), account.group.clone()));
        Self { state: config.server.state.clone(), control: config.server.control.clone(), user }
    }
}

/// A configuration that can take hold: nothing can fail from here on, but the log's disk.
struct Prepared {
    config: Config,
    named: Named,
    sockets: Sockets,
    admin: Admin,
    log: Option<Option<Target>>,
}

impl House {
    fn prepare(&self, config: Config, source: &Source, listening: &Sockets) -> Result<Prepared, ServeError> {
        let named = Named::by(&config, source, Some(&self.live), &self.installation, &self.standings)?;
        let sockets = listening.then(addresses(&config), config.server.workers.get())?;
        let admin = admin_socket(config.admin, self.admin.borrow().clone())?;
        let log = match config.log.access == self.log.access {
            true => None,
            false => Some(Target::open(&config.log.access)?),
        };
        sockets.listen()?;
        Ok(Prepared { config, named, sockets, admin, log })
    }

    fn take_up(&mut self, prepared: Prepared) -> Result<Change, ServeError> {
        let Prepared { config, named, sockets, admin, log } = prepared;
        let Named { mut snapshot, certificates, .. } = named;
        if let Some(target) = log {
            self.log.turn_to(config.log.access.clone(), target)?;
        }
        program_log(config.log.level);
        self.live.adopt(&config, certificates);
        self.meetings.adopt(&config);
        self.census.adopt(&snapshot.limits);
        snapshot.watch(&self.standings);
        let wanted = Wanted::of(&config, Clock::System);
        put_issued(wanted.as_ref(), &self.live);
        if let Some(engine) = &self.engine {
            engine.follow(wanted);
        }
        self.admin.send_if_modified(|before| {
            let other = before.as_ref().map(|(wanted, _)| wanted) != admin.as_ref().map(|(wanted, _)| wanted);
            if other {
                *before = admin;
            }
            other
        });
        snapshot.https_port = https_port(snapshot.https_port, &sockets);
        let workers = config.server.workers.get();
        Ok(Change { snapshot, sockets, workers, log: self.log.out(config.log.format), drain: config.server.drain })
    }

    /// Reads the file, and takes up what it says.
    fn read_again(&mut self, listening: &Sockets, told: &mut Told) -> Result<Change, ServeError> {
        // It may name new files. What it does not let itself be told shows where one of them is read.
        if let Some(Err(refusal)) = reader::current().map(Reader::look_again) {
            let remark = format!("the reader process goes by the names that it knows: {refusal}");
            tracing::warn!("{remark}");
            told.remarks.push(remark);
        }
        let source = config::read(&self.path)?;
        let Parsed { config, findings, source, .. } = config::parse(&source.text, &self.path);
        let Some(config) = config else {
            return Err(ServeError::Findings { of: Whose::Configuration, findings, text: Box::new(source) });
        };
        told.add(&findings, &source);
        let fixed = Fixed::of(&config);
        let prepared = self.prepare(config, &source, listening)?;
        told.add(&prepared.named.findings, &source);
        if (&fixed.state, &fixed.control) != (&self.fixed.state, &self.fixed.control) {
            let remark = "`state` and `control` stay as they were until gatepost is upgraded or started anew";
            tracing::warn!("{remark}");
            told.remarks.push(remark.into());
        }
        if fixed.user != self.fixed.user {
            let remark = "`user` and `group` stay as they were until gatepost is started anew";
            tracing::warn!("{remark}");
            told.remarks.push(remark.into());
        }
        self.take_up(prepared)
    }
}

impl server::House for House {
    /// On any fault the old goes on serving and the log says why, as the answer does.
    fn reload(&mut self, listening: &Sockets) -> (Option<Change>, Answer) {
        tracing::info!(file = %self.path.display(), "reloading");
        let mut told = Told::default();
        match self.read_again(listening, &mut told) {
            Ok(change) => (Some(change), told.answer(&self.path, true, None)),
            Err(ServeError::Findings { findings, text, .. }) => {
                told.add(&findings, &text);
                tracing::error!("not reloaded: the configuration has faults; what was served goes on");
                (None, told.answer(&self.path, false, None))
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "not reloaded; what was served goes on");
                (None, told.answer(&self.path, false, Some(with_causes(&error))))
            }
        }
    }

    fn reopen_log(&mut self) {
        match self.log.reopen() {
            Ok(None) => {}
            Ok(Some(file)) => tracing::info!(file = %file.display(), "opened the access log anew"),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the access log goes on in the file that it was in");
            }
        }
    }

    fn file(&self) -> &Path {
        &self.path
    }

    fn admin(&self) -> Admin {
        self.admin.borrow().clone()
    }

    fn succeeded(&mut self) {
        self.admin.send_replace(None);
        // Its lock is what the other one waits for.
        self.engine = None;
    }
}

/// What a reload says to the log and to whoever asked for it.
#[derive(Default)]
struct Told {
    findings: Vec<serde_json::Value>,
    lines: Vec<String>,
    remarks: Vec<String>,
}

impl Told {
    fn add(&mut self, findings: &[Finding], source: &Source) {
        report(findings, source);
        for finding in findings {
            self.lines.push(render::short(finding, source));
            self.findings.extend(serde_json::to_value(render::Json::new(finding, source)).ok());
        }
    }

    fn answer(self, path: &Path, done: bool, error: Option<String>) -> Answer {
        let Self { findings, lines, remarks } = self;
        Answer { done, file: path.into(), pid: std::process::id(), findings, lines, remarks, error }
    }
}

/// The access log: what writes it, and what the configuration calls it.
pub(super) struct AccessLog {
    access: model::AccessLog,
    writer: Option<Writer>,
    /// Of logs that were turned off: what began before is written yet.
    ending: Vec<Writer>,
}

impl AccessLog {
    pub(super) fn start(access: &model::AccessLog) -> Result<Self, ServeError> {
        let writer = Target::open(access)?.map(Writer::start).transpose()?;
        Ok(Self { access: access.clone(), writer, ending: Vec::new() })
    }

    /// Where workers hand lines over.
    pub(super) fn out(&self, format: model::LogFormat) -> Option<Out> {
        self.writer.as_ref().map(|writer| Out { sink: writer.sink(), format })
    }

    fn turn_to(&mut self, access: model::AccessLog, target: Option<Target>) -> Result<(), ServeError> {
        match (&self.writer, target) {
            (Some(writer), Some(target)) => writer.turn_to(target)?,
            (None, Some(target)) => self.writer = Some(Writer::start(target)?),
            (_, None) => self.ending.extend(self.writer.take()),
        }
        self.access = access;
        Ok(())
    }

    /// Which file it goes on in, where it is one.
    fn reopen(&self) -> Result<Option<&Path>, ServeError> {
        let (model::AccessLog::File(path), Some(writer)) = (&self.access, &self.writer) else { return Ok(None) };
        if let Some(target) = Target::open(&self.access)? {
            writer.turn_to(target)?;
        }
        Ok(Some(path))
    }

    /// Waits until all is written. Nobody may have anything to hand over any more.
    pub(super) fn finish(self) {
        self.ending.into_iter().chain(self.writer).for_each(Writer::finish);
    }
}

/// The status page's one socket, since the main thread alone answers on it: the one that is there, where it is the same.
pub(super) fn admin_socket(wanted: Option<SocketAddr>, there: Admin) -> Result<Admin, ServeError> {
    let Some(wanted) = wanted else { return Ok(None) };
    if let Some((address, listener)) = there
        && address == wanted
    {
        return Ok(Some((address, listener)));
    }
    let bound = TcpListener::bind(wanted).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok((listener.local_addr()?, listener))
    });
    let (address, listener) = bound.map_err(|source| ServeError::Admin { address: wanted, source })?;
    tracing::info!(scheme = %"admin", %address, "listening");
    Ok(Some((wanted, Arc::new(listener))))
}

/// The port that redirects name: where the file leaves it to the kernel, the one that it gave.
pub(super) fn https_port(named: Option<u16>, sockets: &Sockets) -> Option<u16> {
    match named {
        Some(0) => sockets.bound().find(|(speaks, _)| *speaks == Speaks::Https).map(|(_, address)| address.port()),
        named => named,
    }
}
