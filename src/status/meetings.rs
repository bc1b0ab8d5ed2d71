//! What is told of meetings: each launcher's month against its budget, and the year before.
//!
//! It asks the ledger's thread as requests do, and keeps nothing of its own but the
//! rules of the configuration that is served.

use std::sync::{Arc, Mutex, PoisonError};

use crate::config::model::{AtLimit, Config, Launcher};
use crate::jitsi::installation::Installation;
use crate::jitsi::ledger::{LedgerError, Month};

/// Months that are drawn, the present one among them.
const DRAWN: u32 = 12;

/// Where it is known.
#[derive(Debug)]
pub struct Meetings {
    installation: Arc<Installation>,
    rules: Mutex<Vec<Rule>>,
}

/// What the configuration says of a launcher.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) launcher: String,
    pub(super) budget: Option<u32>,
    pub(super) at_limit: String,
    pub(super) moderators: String,
    /// Its meetings are 8x8's, which has a count of its own.
    pub(super) jaas: bool,
}

/// What is to be told now.
#[derive(Debug)]
pub(super) struct Told {
    /// What is wrong with the ledger, and the command that mends it.
    pub(super) fault: Option<String>,
    /// Empty where the configuration has no launcher.
    pub(super) launchers: Vec<OfLauncher>,
}

/// Of one launcher.
#[derive(Debug)]
pub(super) struct OfLauncher {
    pub(super) rule: Rule,
    /// The present month is the last; empty where the ledger does not tell.
    pub(super) months: Vec<Month>,
}

impl OfLauncher {
    pub(super) fn now(&self) -> Option<&Month> {
        self.months.last()
    }
}

impl Meetings {
    /// Of the launchers of this configuration, counted by this installation.
    pub fn new(config: &Config, installation: Arc<Installation>) -> Self {
        Self { installation, rules: Mutex::new(rules(config)) }
    }

    /// Tells of this configuration from now on.
    pub fn adopt(&self, config: &Config) {
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = rules(config);
    }

    pub(super) async fn tell(&self) -> Told {
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut told = Told { fault: None, launchers: Vec::new() };
        for rule in rules {
            let months = match self.installation.ledger() {
                Some(ledger) => ledger.months(rule.launcher.clone(), DRAWN).await,
                None => Err(LedgerError::Closed),
            };
            let months = months.unwrap_or_else(|error| {
                told.fault.get_or_insert_with(|| error.to_string());
                Vec::new()
            });
            told.launchers.push(OfLauncher { rule, months });
        }
        if !told.launchers.is_empty() {
            // The kept one says more than one answer: that the disk is full, although it can be read.
            told.fault = self.installation.fault().or(told.fault);
        }
        told
    }
}

fn rules(config: &Config) -> Vec<Rule> {
    let rule = |launcher: &&Launcher| Rule {
        launcher: launcher.name.clone(),
        budget: launcher.budget.limit.map(u32::from),
        at_limit: match &launcher.budget.at_limit {
            AtLimit::Warn => "beyond that it is said, and nobody turned away".to_owned(),
            AtLimit::DenyNew => "beyond that new devices are turned away".to_owned(),
            AtLimit::Fallback(other) => format!("beyond that new devices are led to {}", other.name),
        },
        moderators: launcher.who_moderates(),
        jaas: launcher.jaas_app_id().is_some(),
    };
    config.launchers().iter().map(rule).collect()
}
