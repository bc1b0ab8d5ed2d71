//! This installation: what all its launchers share and what outlives a reload of the configuration.
//!
//! Keys, the ledger of the month's users, copies of pictures, and how often each
//! address tried. Keys and ledger lie in the state folder; they are opened when
//! the first launcher is made, so that a gatepost without one writes nothing.
//!
//! It refuses to stop a meeting over a folder that cannot be used: who may enter is
//! still known, only who came cannot be kept. What is wrong is said by
//! [`Installation::fault`], and in the log.

mod keys;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_lc_rs::hmac;
use time::{Date, Month, OffsetDateTime};

pub use keys::{Keys, KeysError};

use crate::clock::Clock;

use super::identity::avatar::Copies;
use super::ledger::{self, Admission, Admitted, Ledger, LedgerError, LedgerKey};
use super::turnstile::Turnstile;
use super::webhook::Event;

/// What the launchers of one process share.
pub struct Installation {
    /// `None`: nothing is kept.
    state: Option<PathBuf>,
    clock: Clock,
    opened: OnceLock<Opened>,
    /// In place of those that cannot be kept.
    passing: OnceLock<Keys>,
    turnstiles: Mutex<HashMap<String, (NonZeroU32, Arc<Turnstile>)>>,
}

struct Opened {
    keys: Keys,
    /// Why the keys are not those of the state folder.
    fault: Option<KeysError>,
    ledger: Option<Ledger>,
    copies: Copies,
}

impl Installation {
    /// The installation whose state is kept in this folder.
    pub fn at(state: &Path, clock: Clock) -> Self {
        Self::new(Some(state.to_owned()), clock)
    }

    /// One that keeps nothing and counts nobody: for looking whether a launcher can be made.
    pub fn passing() -> Self {
        Self::new(None, Clock::System)
    }

    fn new(state: Option<PathBuf>, clock: Clock) -> Self {
        Self { state, clock, opened: OnceLock::new(), passing: OnceLock::new(), turnstiles: Mutex::default() }
    }

    /// Opens keys and ledger, made where there are none, unless that is done already. It looks at the disk.
    pub fn open(&self) {
        self.opened();
    }

    /// What it signs with.
    pub fn keys(&self) -> &Keys {
        &self.opened().keys
    }

    /// For the cookies by which clients keep their upstream. It opens no ledger: a proxy may be all that there is.
    pub fn sticky_key(&self) -> hmac::Key {
        if let Some(opened) = self.opened.get() {
            return opened.keys.sticky();
        }
        match self.state.as_deref().map(Keys::open) {
            Some(Ok(keys)) => keys.sticky(),
            Some(Err(fault)) => {
                tracing::error!("clients do not keep their upstream across a restart: {}", words(&fault));
                self.passing.get_or_init(passing).sticky()
            }
            None => self.passing.get_or_init(passing).sticky(),
        }
    }

    /// Copies of people's pictures.
    pub fn copies(&self) -> &Copies {
        &self.opened().copies
    }

    /// The month's users, where they are kept at all.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.opened().ledger.as_ref()
    }

    /// Whether a launcher was made, so that there is something to tell of.
    pub fn is_open(&self) -> bool {
        self.opened.get().is_some()
    }

    /// What is wrong with the state folder, in words; `None` too where nothing was opened yet.
    pub fn fault(&self) -> Option<String> {
        let opened = self.opened.get()?;
        let keys = opened.fault.as_ref().map(words);
        keys.or_else(|| opened.ledger.as_ref().and_then(Ledger::fault))
    }

    /// Counts who comes.
    ///
    /// # Errors
    /// Where nobody can be counted for now.
    pub async fn admit(&self, admission: Admission) -> Result<Admitted, LedgerError> {
        match self.ledger() {
            Some(ledger) => ledger.admit(admission).await,
            None => Err(LedgerError::Closed),
        }
    }

    /// Takes what 8x8 posted into the count.
    ///
    /// # Errors
    /// As [`Installation::admit`].
    pub async fn record(&self, launcher: &str, event: Event) -> Result<(), LedgerError> {
        match self.ledger() {
            Some(ledger) => ledger.record(launcher.to_owned(), event).await.map(drop),
            None => Err(LedgerError::Closed),
        }
    }

    /// Whether the invitation is this device's: the first that comes with it has it.
    ///
    /// # Errors
    /// As [`Installation::admit`].
    pub async fn redeem(&self, invitation: [u8; 16], device: String, until: u64) -> Result<bool, LedgerError> {
        match self.ledger() {
            Some(ledger) => ledger.redeem(invitation, device, until).await,
            None => Err(LedgerError::Closed),
        }
    }

    /// How often one address may try at this launcher; what was tried is remembered as long as the number is the same.
    pub fn turnstile(&self, launcher: &str, tries: NonZeroU32) -> Arc<Turnstile> {
        let mut turnstiles = self.turnstiles.lock().unwrap_or_else(PoisonError::into_inner);
        match turnstiles.get(launcher) {
            Some((same, turnstile)) if *same == tries => turnstile.clone(),
            _ => {
                let turnstile = Arc::new(Turnstile::new(tries));
                turnstiles.insert(launcher.to_owned(), (tries, turnstile.clone()));
                turnstile
            }
        }
    }

    /// Seconds since 1970.
    pub fn now(&self) -> u64 {
        self.clock.unix_seconds()
    }

    /// The first day of the next month, in UTC, as JaaS counts.
    pub fn next_month(&self) -> Date {
        let now = i64::try_from(self.now()).ok().and_then(|now| OffsetDateTime::from_unix_timestamp(now).ok());
        let today = now.unwrap_or(OffsetDateTime::UNIX_EPOCH).date();
        let year = if today.month() == Month::December { today.year() + 1 } else { today.year() };
        Date::from_calendar_date(year, today.month().next(), 1).unwrap_or(Date::MAX)
    }

    fn opened(&self) -> &Opened {
        self.opened.get_or_init(|| {
            let (keys, fault) = match self.state.as_deref().map(Keys::open) {
                Some(Ok(keys)) => (keys, None),
                Some(Err(fault)) => {
                    tracing::error!(
                        "who comes to meetings is not counted, invitations are not believed: {}",
                        words(&fault)
                    );
                    (passing(), Some(fault))
                }
                None => (passing(), None),
            };
            // Under a passing key the ledger would take everybody for somebody new.
            let ledger = self
                .state
                .as_ref()
                .filter(|_| fault.is_none())
                .map(|state| Ledger::open(state.join(ledger::FILE), LedgerKey::new(keys.ledger()), self.clock));
            let copies = Copies::new(keys.avatars());
            Opened { keys, fault, ledger, copies }
        })
    }
}

fn passing() -> Keys {
    // Without the system's generator nothing else starts either: TLS needs it before this does.
    Keys::passing().expect("the system gives random numbers")
}

/// What is wrong with the keys, and how it is mended. They are read once: everything that was signed since stands on them.
fn words(fault: &KeysError) -> String {
    let cause = std::error::Error::source(fault).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{fault}{cause}; {}; then restart gatepost", fault.mend())
}

impl std::fmt::Debug for Installation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Installation")
            .field("state", &self.state)
            .field("open", &self.is_open())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_before_the_first_launcher_is_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("state");
        let installation = Installation::at(&state, Clock::System);
        assert!(!installation.is_open() && !state.exists() && installation.fault().is_none());
        installation.open();
        assert!(installation.is_open() && state.join("installation.key").exists());
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_used_is_said_and_stops_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("written");
        let installation = Installation::at(&file.join("state"), Clock::System);
        installation.open();
        let fault = installation.fault().expect("a fault");
        assert!(fault.contains(&file.display().to_string()) && fault.ends_with("restart gatepost"), "{fault}");
        // No thread of the ledger's has ended: there never was one.
        let error = installation.redeem([0; 16], "device".into(), 0).await.expect_err("nothing is kept");
        assert!(matches!(error, LedgerError::Closed), "{error}");
    }

    #[test]
    fn a_month_ends_with_its_last_day_in_utc() {
        for (now, next) in [(0, "1970-02-01"), (1_798_761_599, "2027-01-01"), (1_798_761_600, "2027-02-01")] {
            let installation = Installation::new(None, Clock::Fixed(now));
            assert_eq!(installation.next_month().to_string(), next);
        }
    }

    #[test]
    fn tries_are_remembered_as_long_as_the_rule_is_the_same() {
        let installation = Installation::passing();
        let once = NonZeroU32::MIN;
        let address = "203.0.113.9".parse().expect("an address");
        installation.turnstile("a", once).pass(address).expect("the first");
        assert!(installation.turnstile("a", once).pass(address).is_err());
        assert!(installation.turnstile("b", once).pass(address).is_ok());
        assert!(installation.turnstile("a", NonZeroU32::new(2).expect("2")).pass(address).is_ok());
    }
}
