//! What a configuration names, made ready: handlers, certificates, folders; and what is wrong with it, gathered.

use std::sync::Arc;

use crate::cert::acme::{self, Engine, Wanted};
use crate::cert::{self, Live};
use crate::clock::Clock;
use crate::config::finding::{Finding, Severity};
use crate::config::model::Config;
use crate::config::render;
use crate::config::source::Source;
use crate::jitsi::installation::Installation;
use crate::outgoing::Standings;
use crate::privilege::exposure;
use crate::server::snapshot::Snapshot;

use super::super::check::{folders, handlers};
use super::{ServeError, Whose};

/// Everything that requests and handshakes see.
pub(super) struct Named {
    pub(super) snapshot: Snapshot,
    pub(super) certificates: Vec<cert::Entry>,
    /// What is doubtful about it and stops nothing.
    pub(super) findings: Vec<Finding>,
}

impl Named {
    /// Makes it, or says all that is in its way. `serving` is what handshakes see already.
    pub(super) fn by(
        config: &Config,
        source: &Source,
        serving: Option<&Live>,
        installation: &Arc<Installation>,
        standings: &Standings,
    ) -> Result<Self, ServeError> {
        let (certificates, mut findings) = cert::open(config, Clock::System, serving);
        // Handlers are made below, the first that cannot be ends it; here all that cannot be are said at once.
        let mut broken = handlers(config);
        for finding in exposure::of_secrets(config) {
            match finding.severity {
                Severity::Fatal => broken.push(finding),
                _ => findings.push(finding),
            }
        }
        let (Some(certificates), true) = (certificates, broken.is_empty()) else {
            findings.extend(broken);
            findings.sort_by_key(|finding| finding.place.0.start);
            return Err(ServeError::Findings { of: Whose::Files, findings, text: Box::new(source.clone()) });
        };
        let snapshot = Snapshot::new(config, installation, standings)?;
        findings.extend(folders::served(config));
        Ok(Self { snapshot, certificates, findings })
    }
}

/// Puts what a CA has issued before into use.
pub(super) fn put_issued(wanted: Option<&Wanted>, live: &Live) {
    live.put_issued(wanted.map(|wanted| acme::issued(wanted, Clock::System)).unwrap_or_default());
}

/// Has the rest issued, and everything renewed from now on.
pub(super) fn renewals(wanted: Option<Wanted>, live: &Arc<Live>) -> Result<Engine, ServeError> {
    let live = live.clone();
    Engine::start(wanted, Clock::System, move |wanted| put_issued(Some(wanted), &live)).map_err(ServeError::Engine)
}

/// Findings that do not stop the start, in the log.
pub(super) fn report(findings: &[Finding], source: &Source) {
    for finding in findings {
        let line = render::short(finding, source);
        match finding.severity {
            Severity::Warning | Severity::Fault => tracing::warn!("{line}"),
            Severity::Grave | Severity::Fatal => tracing::error!("{line}"),
        }
    }
}
