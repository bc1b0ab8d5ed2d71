//! Sees one task through: orders, leaves out names that the CA refuses, orders for the rest, puts in place.
//!
//! Every outcome is written to the ledger before anything else is tried, so that
//! no crash and no restart makes it ask again too soon.

use std::path::PathBuf;

use crate::clock::Clock;
use crate::route::host::HostPattern;

use super::account::{self, Ready};
use super::failure::{Failure, Refusal};
use super::ledger::Ledger;
use super::limits;
use super::order::{self, Issued, Outcome};
use super::plan::Task;
use super::put;
use super::stamp::rfc3339;
use super::storage::Storage;
use super::stored::Stored;
use super::wanted::Wanted;

/// Most orders for one task: each after the first does without the names that the one before it lost.
const MOST_ORDERS: usize = 4;

/// What became of a task.
#[derive(Debug, Default)]
pub(super) struct Obtained {
    /// What is in place now.
    pub(super) placed: Option<Placed>,
    /// Names that the CA refused.
    pub(super) refused: Vec<Refusal>,
    /// Why the rest has nothing.
    pub(super) failed: Option<Failure>,
}

/// A certificate that is in place.
#[derive(Debug)]
pub struct Placed {
    /// The names that were ordered.
    pub names: Vec<String>,
    /// Where it is.
    pub folder: PathBuf,
    /// Last second of its validity, since 1970.
    pub not_after: i64,
}

/// All that ordering needs; the account is opened when it is first used.
pub(super) struct Desk<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) storage: &'a Storage,
    pub(super) ledger: Ledger,
    pub(super) clock: Clock,
    ready: Option<Ready>,
}

impl<'a> Desk<'a> {
    /// Asks nobody yet.
    pub(super) fn new(wanted: &'a Wanted, storage: &'a Storage, clock: Clock) -> Self {
        let ledger = Ledger::read(storage, &wanted.acme.directory);
        Self { wanted, storage, ledger, clock, ready: None }
    }

    pub(super) fn now(&self) -> i64 {
        i64::try_from(self.clock.unix_seconds()).unwrap_or(i64::MAX)
    }

    /// The account, opened or registered.
    pub(super) async fn ready(&mut self) -> Result<&Ready, Failure> {
        if self.ready.is_none() {
            let now = self.now();
            self.ready = Some(account::open(self.storage, &self.wanted.acme, &mut self.ledger, now).await?);
        }
        self.ready.as_ref().ok_or_else(|| Failure::Lies("there is no account".to_owned()))
    }

    /// Sees a task through.
    pub(super) async fn obtain(&mut self, task: Task) -> Obtained {
        let mut obtained = Obtained::default();
        let mut names = task.names;
        let mut replaces = task.replaces;
        let mut may_register_anew = true;
        let mut orders = 0;
        while !names.is_empty() && orders < MOST_ORDERS {
            orders += 1;
            let texts: Vec<String> = names.iter().map(ToString::to_string).collect();
            if let Err(limit) =
                limits::order(&self.ledger, &self.wanted.acme.directory, &texts, task.exempt, self.now())
            {
                self.held(&texts, limit, &mut obtained);
                break;
            }
            match self.order(&texts, &mut replaces).await {
                Ok(Outcome::Issued(issued)) => {
                    self.issued(&names, &texts, &issued, &mut obtained);
                    break;
                }
                Ok(Outcome::Refused(refused)) => {
                    names.retain(|name| !refused.iter().any(|refusal| refusal.name == name.to_string()));
                    self.refused(refused, &names, &mut obtained);
                }
                Err(failure) if failure.is_unknown_account() && may_register_anew => {
                    account::set_aside(self.storage, &self.wanted.acme);
                    (self.ready, may_register_anew) = (None, false);
                }
                Err(failure) => {
                    self.failed(&texts, failure, &mut obtained);
                    break;
                }
            }
        }
        obtained
    }

    async fn order(
        &mut self,
        names: &[String],
        replaces: &mut Option<instant_acme::CertificateIdentifier<'static>>,
    ) -> Result<Outcome, Failure> {
        let (wanted, storage, now) = (self.wanted, self.storage, self.now());
        self.ready().await?;
        self.ledger.ordered(now);
        self.ledger.write(now)?;
        let url = wanted.acme.directory.url();
        tracing::info!(
            names = names.join(" "),
            ca = url,
            challenge = wanted.acme.challenge.name(),
            "ordering a certificate"
        );
        let ready = self.ready().await?;
        order::place(ready, &wanted.acme, storage, names, replaces.clone()).await
    }

    fn issued(&mut self, names: &[HostPattern], texts: &[String], issued: &Issued, obtained: &mut Obtained) {
        let now = self.now();
        self.ledger.issued(texts, issued.replaces, now);
        match put::put(self.wanted, self.storage, names, issued, self.clock) {
            Ok(stored) => {
                let placed = placed(&stored, texts);
                tracing::info!(
                    names = texts.join(" "),
                    until = rfc3339(placed.not_after),
                    folder = %placed.folder.display(),
                    "a certificate was issued and is in place"
                );
                obtained.placed = Some(placed);
            }
            Err(failure) => {
                let mend = failure.mend();
                tracing::error!(names = texts.join(" "), mend, "{failure}; what was served until now goes on");
                for name in texts {
                    self.ledger.name_failed(name, failure.to_string(), chance(), now);
                }
                obtained.failed = Some(failure);
            }
        }
        self.write_ledger();
    }

    fn refused(&mut self, refused: Vec<Refusal>, rest: &[HostPattern], obtained: &mut Obtained) {
        let now = self.now();
        for refusal in refused {
            self.ledger.name_failed(&refusal.name, words(&refusal), chance(), now);
            let again = rfc3339(self.ledger.again(&refusal.name));
            tracing::error!(name = refusal.name, mend = refusal.mend, again, "no certificate: {}", refusal.said);
            obtained.refused.push(refusal);
        }
        if !rest.is_empty() {
            tracing::info!(names = rest.len(), "ordering again for the other names");
        }
        self.write_ledger();
    }

    fn failed(&mut self, names: &[String], failure: Failure, obtained: &mut Obtained) {
        let now = self.now();
        self.ledger.ca_failed(failure.to_string(), failure.retry_after(), chance(), now);
        let again = rfc3339(self.ledger.ca.as_ref().map_or(now, |trouble| trouble.again));
        tracing::error!(names = names.join(" "), mend = failure.mend(), again, "no certificate: {failure}");
        obtained.failed = Some(failure);
        self.write_ledger();
    }

    /// One of the CA's limits is near: nothing is asked, and nothing failed.
    fn held(&mut self, names: &[String], failure: Failure, obtained: &mut Obtained) {
        if let Failure::Limit { until, .. } = &failure {
            for name in names {
                self.ledger.hold(name, *until, failure.to_string());
            }
            tracing::warn!(names = names.join(" "), again = rfc3339(*until), "no certificate: {failure}");
        }
        obtained.failed = Some(failure);
        self.write_ledger();
    }

    /// A ledger that cannot be written holds nothing back after a restart: worth an error, no reason to stop.
    pub(super) fn write_ledger(&mut self) {
        let now = self.now();
        if let Err(error) = self.ledger.write(now) {
            let failure = Failure::from(error);
            tracing::error!(mend = failure.mend(), "{failure}");
        }
    }
}

fn placed(stored: &Stored, names: &[String]) -> Placed {
    Placed { names: names.to_vec(), folder: stored.folder.clone(), not_after: stored.loaded.not_after }
}

fn words(refusal: &Refusal) -> String {
    match &refusal.mend {
        Some(mend) => format!("{}; {mend}", refusal.said),
        None => refusal.said.clone(),
    }
}

/// From 0 to 1.
fn chance() -> f64 {
    // Without the system's generator everybody waits a little less, and that is all.
    f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX)
}
