//! `gatepost meetings`: the month's people and devices against the budget, and who used what.
//!
//! It reads the ledger beside a gatepost that writes it, with the key of the state folder, and changes nothing.

mod show;

use std::io::Write;

use clap::Args;
use serde::Serialize;

use crate::clock::Clock;
use crate::config::model::{AtLimit, Config, Launcher};
use crate::jitsi::installation::Keys;
use crate::jitsi::ledger::{self, LedgerKey, Month, PersonUse, Reading, YearMonth};

use super::{ConfigFile, Failure, Status, with_causes};

pub(super) const AFTER_HELP: &str = "\
The budget counts devices, as JaaS does: each browser of a person is one. Run it as the user that gatepost runs as.
docs/meetings-budget.md says what is counted, and how to have 8x8's own count beside it.

Examples:
  gatepost meetings                              this month, every launcher of the configuration
  gatepost meetings --month 2026-10              that month
  gatepost meetings --json | jq '.launchers[].used'";

/// Months of the small table.
const SHOWN: u32 = 12;

/// `gatepost meetings …`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// The month, like 2026-10, in UTC [default: the present one]
    #[arg(long, value_name = "YYYY-MM")]
    month: Option<YearMonth>,
    /// This launcher alone; also one that the configuration no longer has
    #[arg(long, value_name = "NAME")]
    launcher: Option<String>,
    /// Write JSON for a script
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Status, Failure> {
    let (config, _) = arguments.config.load()?;
    let month = arguments.month.unwrap_or_else(|| YearMonth::of(Clock::System.unix_seconds()));
    let reading = reading(&config)?;
    let names = names(arguments.launcher.as_deref(), &config, reading.as_ref())?;
    let launchers: Result<Vec<_>, _> =
        names.iter().map(|name| Account::of(name, config.launcher(name), month, reading.as_ref())).collect();
    let accounts = Accounts { month, launchers: launchers? };
    match arguments.json {
        true => {
            serde_json::to_writer_pretty(&mut *out, &accounts).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        false => show::write(&accounts, out)?,
    }
    Ok(Status::Fine)
}

/// The open ledger; `None` where nobody has opened a meeting yet.
fn reading(config: &Config) -> Result<Option<Reading>, Failure> {
    let file = config.server.state.join(ledger::FILE);
    let is_there = file.try_exists().unwrap_or(true);
    if !is_there {
        return Ok(None);
    }
    let keys = Keys::open_existing(&config.server.state)
        .map_err(|error| Failure::State(format!("{}; {}", with_causes(&error), error.mend())))?;
    Reading::open(&file, &LedgerKey::new(keys.ledger())).map_err(Failure::from)
}

impl From<ledger::Fault> for Failure {
    fn from(fault: ledger::Fault) -> Self {
        Self::State(fault.words())
    }
}

/// The one that was typed, else all of the configuration.
fn names(typed: Option<&str>, config: &Config, reading: Option<&Reading>) -> Result<Vec<String>, Failure> {
    let configured: Vec<String> = config.launchers().iter().map(|launcher| launcher.name.clone()).collect();
    let Some(typed) = typed else { return Ok(configured) };
    let mut known = configured;
    for name in reading.map(Reading::launchers).transpose()?.into_iter().flatten() {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    match known.iter().any(|name| name == typed) {
        true => Ok(vec![typed.to_owned()]),
        false if known.is_empty() => Err(Failure::Usage("the configuration has no launcher".to_owned())),
        false => Err(Failure::Usage(format!("there is no launcher {typed}; there is {}", known.join(", ")))),
    }
}

/// Everything that is told.
#[derive(Debug, Serialize)]
struct Accounts {
    month: YearMonth,
    launchers: Vec<Account>,
}

/// What is told of one launcher.
#[derive(Debug, Serialize)]
struct Account {
    launcher: String,
    /// Of the configuration.
    budget: Option<u32>,
    at_limit: Option<String>,
    /// Its meetings are 8x8's, which bills by its own count.
    jaas: bool,
    /// 8x8 can post what it counts.
    webhook: bool,
    /// What the budget is compared with: 8x8's own count where there is one, else the devices.
    used: u32,
    counted: Month,
    people: Vec<PersonUse>,
    months: Vec<Month>,
}

impl Account {
    fn of(
        name: &str,
        configured: Option<&Launcher>,
        month: YearMonth,
        reading: Option<&Reading>,
    ) -> Result<Self, Failure> {
        let (mut months, people) = match reading {
            Some(reading) => (reading.months(name, month, SHOWN)?, reading.people(name, month)?),
            None => (Vec::new(), Vec::new()),
        };
        let counted = months.last().cloned().unwrap_or_else(|| Month::empty(month));
        // Nothing is told of the time before the first meeting.
        let first = months.iter().position(|month| *month != Month::empty(month.month));
        months.drain(..first.unwrap_or(months.len()));
        Ok(Self {
            launcher: name.to_owned(),
            budget: configured.and_then(|launcher| launcher.budget.limit).map(u32::from),
            at_limit: configured.map(|launcher| at_limit(&launcher.budget.at_limit)),
            jaas: configured.is_some_and(|launcher| launcher.jaas_app_id().is_some()),
            webhook: configured.is_some_and(|launcher| launcher.webhook_secret.is_some()),
            used: counted.used(),
            counted,
            people,
            months,
        })
    }
}

/// As the configuration writes it.
fn at_limit(rule: &AtLimit) -> String {
    match rule {
        AtLimit::Warn => "warn".to_owned(),
        AtLimit::DenyNew => "deny-new".to_owned(),
        AtLimit::Fallback(other) => format!("fallback:{}", other.name),
    }
}
