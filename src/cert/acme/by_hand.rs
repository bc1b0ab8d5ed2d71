//! Orders and revocations that a person asks for: `gatepost cert renew` and `gatepost cert revoke`.
//!
//! They wait for whoever orders at the moment, and heed the CA's limits as the engine does.

use std::time::Duration;

use instant_acme::{RevocationReason, RevocationRequest};

use crate::clock::Clock;
use crate::route::host::HostPattern;

use super::failure::{Failure, Refusal};
use super::obtain::{Desk, Placed};
use super::plan::{self, newest};
use super::put::{discard, reconsider};
use super::storage::{Lock, Storage};
use super::stored::{self, Stored};
use super::wanted::Wanted;

/// How long another process may go on ordering before it is given up on: an order of many names takes minutes.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// What is in place now.
    pub placed: Vec<Placed>,
    /// Names that the CA refused.
    pub refused: Vec<Refusal>,
    /// What failed as a whole.
    pub failed: Vec<Failure>,
}

impl Report {
    /// Whether everything that was asked for came.
    pub fn is_fine(&self) -> bool {
        self.refused.is_empty() && self.failed.is_empty()
    }
}

/// Has the certificates of a host, or of all, issued anew.
///
/// # Errors
/// Where nothing could be tried.
pub async fn renew(wanted: &Wanted, host: Option<&HostPattern>, clock: Clock) -> Result<Report, Failure> {
    let storage = Storage::new(&wanted.acme.storage);
    let _lock = lock(&storage, wanted).await?;
    reconsider(wanted, &storage, clock);
    let (stored, _) = stored::all(&storage.certificates(), &wanted.acme, clock);
    let mut desk = Desk::new(wanted, &storage, clock);
    let tasks = plan::by_hand(wanted, &stored, host);
    let mut report = Report::default();
    for task in tasks {
        let obtained = desk.obtain(task).await;
        report.placed.extend(obtained.placed);
        report.refused.extend(obtained.refused);
        report.failed.extend(obtained.failed);
    }
    Ok(report)
}

/// What a revocation came to.
#[derive(Debug)]
pub struct Revoked {
    /// The certificate that is revoked: the names on it.
    pub names: Vec<String>,
    /// What came in its place, where that was wanted.
    pub reissued: Option<Report>,
}

/// Why a certificate is revoked (RFC 5280 section 5.3.1), as far as Let's Encrypt lets its subscribers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// None given.
    Unspecified,
    /// Somebody else may have the key.
    KeyCompromise,
    /// Another took its place.
    Superseded,
    /// The host is given up.
    CessationOfOperation,
}

impl From<Reason> for RevocationReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Unspecified => Self::Unspecified,
            Reason::KeyCompromise => Self::KeyCompromise,
            Reason::Superseded => Self::Superseded,
            Reason::CessationOfOperation => Self::CessationOfOperation,
        }
    }
}

/// Why a certificate was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// There is none.
    #[error("there is no certificate for {0} in {1}")]
    None(HostPattern, String),
    /// The new one did not come, and the old one goes on.
    #[error("no new certificate came, so the old one is not revoked")]
    NotReissued(Report),
    /// The CA, or the disk.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Revokes the certificate of a host. Where `reissue`, another is in place before: nobody meets a revoked one.
/// Otherwise it is taken away, and a running gatepost has another issued where the host is still wanted.
///
/// # Errors
/// Where there is no such certificate, the new one did not come, or the CA refuses.
pub async fn revoke(
    wanted: &Wanted,
    host: &HostPattern,
    reason: Reason,
    reissue: bool,
    clock: Clock,
) -> Result<Revoked, RevokeError> {
    let storage = Storage::new(&wanted.acme.storage);
    let _lock = lock(&storage, wanted).await?;
    let (stored, _) = stored::all(&storage.certificates(), &wanted.acme, clock);
    let Some(old) = newest(&stored, host).cloned() else {
        return Err(RevokeError::None(host.clone(), storage.certificates().display().to_string()));
    };
    let mut desk = Desk::new(wanted, &storage, clock);
    let reissued = match reissue {
        false => None,
        true => Some(reissue_of(&mut desk, &old, &stored).await?),
    };
    desk.ready().await?;
    let ready = desk.ready().await?;
    if let Some(leaf) = old.loaded.key.cert.first() {
        let request = RevocationRequest { certificate: leaf, reason: Some(reason.into()) };
        ready.account.revoke(&request).await.map_err(Failure::ca("revoking the certificate", &ready.retry_after))?;
    }
    if reissued.is_none() {
        discard(&old).map_err(Failure::from)?;
    }
    let names = old.loaded.names.iter().map(ToString::to_string).collect();
    Ok(Revoked { names, reissued })
}

/// New certificates for every wanted host that the old one stands for.
async fn reissue_of(desk: &mut Desk<'_>, old: &Stored, stored: &[Stored]) -> Result<Report, RevokeError> {
    let mut report = Report::default();
    for mut task in plan::by_hand(desk.wanted, stored, None) {
        task.names.retain(|host| newest(stored, host).is_some_and(|newest| newest.folder == old.folder));
        // What is revoked is not renewed: the CA is to see a new order.
        (task.replaces, task.exempt) = (None, false);
        if task.names.is_empty() {
            continue;
        }
        let obtained = desk.obtain(task).await;
        report.placed.extend(obtained.placed);
        report.refused.extend(obtained.refused);
        report.failed.extend(obtained.failed);
    }
    if report.is_fine() { Ok(report) } else { Err(RevokeError::NotReissued(report)) }
}

/// Waits until nobody else orders.
async fn lock(storage: &Storage, wanted: &Wanted) -> Result<Lock, Failure> {
    storage.is_ours()?;
    storage.prepare(&wanted.acme.directory)?;
    let until = tokio::time::Instant::now() + PATIENCE;
    let mut told = false;
    loop {
        if let Some(lock) = storage.lock()? {
            return Ok(lock);
        }
        if tokio::time::Instant::now() > until {
            return Err(Failure::Busy);
        }
        if !told {
            tracing::info!("another gatepost is ordering: waiting until it is done");
            told = true;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
