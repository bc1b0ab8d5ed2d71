//! Asks the CA when it wants a certificate renewed (ARI, RFC 9773), where it says so at all.
//!
//! A CA that does not answer is no reason to order, and none not to: the
//! certificate's own lifetime counts then.

use std::time::Duration;

use instant_acme::{Error, RenewalInfo};

use super::failure::Failure;
use super::obtain::Desk;
use super::schedule::ask_again_after;
use super::stored::{Between, Renewal, Stored};

/// A CA without ARI may have it tomorrow.
const WITHOUT: i64 = 24 * 60 * 60;
/// After a failure to ask (RFC 9773 section 4.3.3 wants it retried, with pauses).
const AFTER_FAILURE: i64 = 60 * 60;

/// Asks about a certificate and notes the answer beside it.
pub(super) async fn ask(desk: &mut Desk<'_>, stored: &mut Stored) -> Result<(), Failure> {
    let Some(identifier) = stored.identifier.clone() else { return Ok(()) };
    let now = desk.now();
    let before = stored.record.renewal.as_ref().and_then(|renewal| renewal.window);
    let answer = match desk.ready().await {
        Ok(ready) => {
            let asked = ready.account.renewal_info(&identifier).await;
            asked.map_err(Failure::ca("asking for renewal information", &ready.retry_after))
        }
        Err(failure) => Err(failure),
    };
    let renewal = match answer {
        Ok((info, wait)) => heard(info, wait, now),
        Err(Failure::Ca { source: Error::Unsupported(_), .. }) => {
            Renewal { window: None, explanation: None, ask_again: now + WITHOUT }
        }
        Err(failure) => {
            tracing::warn!(certificate = %stored.folder.display(), "{failure}; its own lifetime counts");
            Renewal { window: before, explanation: None, ask_again: now + AFTER_FAILURE }
        }
    };
    if renewal.window != before
        && let Some(window) = renewal.window
    {
        tracing::info!(
            certificate = %stored.folder.display(),
            from = super::stamp::rfc3339(window.start),
            to = super::stamp::rfc3339(window.end),
            why = renewal.explanation,
            "the CA says when it wants this certificate renewed"
        );
    }
    stored.note_renewal(renewal)?;
    Ok(())
}

fn heard(info: RenewalInfo, wait: Duration, now: i64) -> Renewal {
    let window = info.suggested_window;
    let between = Between { start: window.start.unix_timestamp(), end: window.end.unix_timestamp() };
    let wait = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
    Renewal {
        // RFC 9773 section 4.2: a window that ends before it starts is no window.
        window: (between.start < between.end).then_some(between),
        explanation: info.explanation_url.filter(|url| url.len() < 500 && !url.contains(char::is_control)),
        ask_again: now.saturating_add(ask_again_after(Some(wait))),
    }
}
