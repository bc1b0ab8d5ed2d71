//! The account at the CA: made once, kept on disk, made anew where the CA has forgotten it.
//!
//! Who writes `[acme]` agrees to the CA's terms of service: so says the documentation of the key.

use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};
use serde::{Deserialize, Serialize};

use crate::config::model::{Acme, ExternalAccount};
use crate::secret::source;

use super::failure::Failure;
use super::ledger::Ledger;
use super::limits;
use super::stamp;
use super::storage::{Storage, read_json, write_json};
use super::transport::{RetryAfter, Transport};

/// `account.json`.
#[derive(Serialize, Deserialize)]
struct Kept {
    directory: String,
    email: Option<String>,
    #[serde(with = "stamp::second")]
    made: i64,
    /// instant-acme's own: the account's address, and its key.
    credentials: AccountCredentials,
}

/// An account ready to order.
pub(super) struct Ready {
    pub(super) account: Account,
    pub(super) retry_after: RetryAfter,
}

/// The account's file.
fn file(storage: &Storage, acme: &Acme) -> PathBuf {
    storage.account(&acme.directory).join("account.json")
}

/// The account of this CA; registers one where there is none yet.
pub(super) async fn open(storage: &Storage, acme: &Acme, ledger: &mut Ledger, now: i64) -> Result<Ready, Failure> {
    let transport = Transport::new(acme).map_err(|error| Failure::Transport(Box::new(error)))?;
    let retry_after = transport.retry_after.clone();
    let path = file(storage, acme);
    match read_json::<Kept>(&path)? {
        Some(kept) => {
            let builder = Account::builder_with_http(Box::new(transport));
            let opened = builder.from_credentials(kept.credentials).await;
            let account = opened.map_err(Failure::ca("asking the CA for its directory", &retry_after))?;
            let ready = Ready { account, retry_after };
            if kept.email != acme.email {
                tell_email(&ready, &path, acme).await?;
            }
            Ok(ready)
        }
        None => register(transport, &path, acme, ledger, now).await,
    }
}

async fn register(
    transport: Transport,
    path: &Path,
    acme: &Acme,
    ledger: &mut Ledger,
    now: i64,
) -> Result<Ready, Failure> {
    limits::account(ledger, &acme.directory, now)?;
    let retry_after = transport.retry_after.clone();
    let contact = acme.email.as_ref().map(|email| format!("mailto:{email}"));
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let external = acme.external_account.as_ref().map(external_key).transpose()?;
    let url = acme.directory.url().to_owned();
    tracing::info!(ca = url, email = acme.email.as_deref().unwrap_or("none"), "registering an account with the CA");
    let made = Account::builder_with_http(Box::new(transport)).create(&wanted, url.clone(), external.as_ref()).await;
    let (account, credentials) = made.map_err(Failure::ca("registering an account", &retry_after))?;
    ledger.registered(now);
    write_json(path, &Kept { directory: url, email: acme.email.clone(), made: now, credentials })?;
    Ok(Ready { account, retry_after })
}

/// The CA has another address than the file, or none.
async fn tell_email(ready: &Ready, path: &Path, acme: &Acme) -> Result<(), Failure> {
    let contact = acme.email.as_ref().map(|email| format!("mailto:{email}"));
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    ready
        .account
        .update_contacts(&contact)
        .await
        .map_err(Failure::ca("telling the CA the e-mail address", &ready.retry_after))?;
    if let Some(kept) = read_json::<Kept>(path)? {
        write_json(path, &Kept { email: acme.email.clone(), ..kept })?;
    }
    Ok(())
}

/// Sets aside an account that the CA does not know, so that the next [`open`] registers another.
pub(super) fn set_aside(storage: &Storage, acme: &Acme) {
    let path = file(storage, acme);
    tracing::warn!(file = %path.display(), "the CA does not know this account any more: another is registered");
    // Where it cannot be moved, the next order fails with the same words.
    let _ = std::fs::rename(&path, path.with_file_name("account-unknown-to-the-ca.json"));
}

fn external_key(external: &ExternalAccount) -> Result<ExternalAccountKey, Failure> {
    let text = source::read(&external.hmac_key, "eab_hmac_key")
        .map_err(|error| Failure::ExternalAccount(format!("{error}; {}", error.mend())))?;
    // CAs show it as base64url; people's tools add the padding.
    let bare = text.reveal().trim().trim_end_matches('=').replace('+', "-").replace('/', "_");
    match BASE64_URL_SAFE_NO_PAD.decode(bare) {
        Ok(key) if !key.is_empty() => Ok(ExternalAccountKey::new(external.key_id.clone(), &key)),
        _ => Err(Failure::ExternalAccount("it is not base64url".to_owned())),
    }
}
