//! A certificate's end, seen before it bites.
//!
//! What counts is the part of its lifetime that is left, since lifetimes differ:
//! 90 days, 45, 6. Renewals are due at a third; so less than a quarter means that
//! they do not run, and less than a tenth that somebody must act today. Nobody
//! else says so any more: Let's Encrypt sends no mail since 2025.
//!
//! It renews nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::clock::Clock;
use crate::route::host::HostPattern;

use super::live::{Live, Origin};
use super::words::{DAY, date, span};
use super::{Loaded, live};

/// How often the certificates in use are judged again: a tenth of a six-day certificate is 14 hours.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// How near the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Less than a quarter of the lifetime is left.
    Quarter,
    /// Less than a tenth is left.
    Tenth,
    /// It is over.
    Over,
}

/// What is to be said of a certificate that nears its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) urgency: Urgency,
    /// One sentence without a full stop.
    pub(super) what: String,
    pub(super) mend: String,
}

/// How near the end of this validity is at the second `now`; `None` where there is time.
pub(crate) fn urgency(not_before: i64, not_after: i64, now: i64) -> Option<Urgency> {
    let (left, lifetime) = (not_after - now, not_after - not_before);
    let is_less_than = |part: i64| left.saturating_mul(part) < lifetime;
    match () {
        () if left < 0 => Some(Urgency::Over),
        () if is_less_than(10) => Some(Urgency::Tenth),
        () if is_less_than(4) => Some(Urgency::Quarter),
        () => None,
    }
}

/// The notice on a certificate with these names; `None` where there is time.
pub(super) fn notice(
    origin: &Origin,
    names: &[HostPattern],
    (not_before, not_after): (i64, i64),
    now: i64,
) -> Option<Notice> {
    let urgency = urgency(not_before, not_after, now)?;
    let names = listed(names);
    let (which, end) = (format!("the certificate {origin} for {names}"), date(not_after));
    let (left, lifetime) = (span(not_after - now), span(not_after - not_before));
    let what = match urgency {
        Urgency::Over => format!("{which} expired on {end}; it is served all the same, and every client refuses it"),
        Urgency::Tenth => format!("{which} ends on {end}: {left} left, less than a tenth of its {lifetime}"),
        Urgency::Quarter => format!("{which} ends on {end}: {left} left, less than a quarter of its {lifetime}"),
    };
    let mend = match (origin, urgency) {
        (Origin::Files(_), Urgency::Quarter) => "see whether renewals run, for example: certbot renew --dry-run",
        (Origin::Files(_), _) => "renew it, for example: certbot renew",
        (Origin::Issued(_), _) => "this log says why it could not be renewed; ask again: gatepost cert renew",
    };
    Some(Notice { urgency, what, mend: mend.to_owned() })
}

/// Says in the log what nears its end, for as long as it is polled: each certificate once a day, and when it gets worse.
///
/// What came from files was judged when it was read, by the start or by `reload`, and is said again a day later.
pub async fn watch(live: Arc<Live>, clock: Clock) {
    let mut stores = live.stores();
    let mut diary = Diary::default();
    loop {
        stores.borrow_and_update();
        let now = i64::try_from(clock.unix_seconds()).unwrap_or(i64::MAX);
        for Notice { urgency, what, mend } in diary.due(&live.all(), now) {
            match urgency {
                Urgency::Quarter => tracing::warn!("{what}; {mend}"),
                Urgency::Tenth | Urgency::Over => tracing::error!("{what}; {mend}"),
            }
        }
        tokio::select! {
            // Ends with the last sender, which `live` is.
            _ = stores.changed() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// What was said of which certificate, and when.
#[derive(Debug, Default)]
struct Diary(HashMap<CertificateDer<'static>, (Option<Urgency>, i64)>);

impl Diary {
    fn due(&mut self, all: &[live::Held], now: i64) -> Vec<Notice> {
        let leaf = |loaded: &Loaded| loaded.key.cert.first().cloned();
        self.0.retain(|known, _| all.iter().any(|held| held.loaded.key.cert.first() == Some(known)));
        let mut due = Vec::new();
        for held in all {
            let Some(leaf) = leaf(&held.loaded) else { continue };
            let notice = notice(&held.origin, &held.loaded.names, held.loaded.validity(), now);
            let urgency = notice.as_ref().map(|notice| notice.urgency);
            let said = self.0.get(&leaf).copied();
            let is_due = match said {
                None => matches!(held.origin, Origin::Issued(_)),
                Some((before, at)) => urgency > before || now - at >= DAY,
            };
            if said.is_none() || (is_due && urgency.is_some()) {
                self.0.insert(leaf, (urgency, now));
            }
            due.extend(notice.filter(|_| is_due));
        }
        due
    }
}

/// Up to five names in words.
pub(super) fn listed(names: &[HostPattern]) -> String {
    let shown = names.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "no host".to_owned(),
        1..=5 => shown,
        many => format!("{shown} and {} more", many - 5),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, Entry, NOW};
    use super::*;

    const NOW_SIGNED: i64 = NOW.cast_signed();

    /// Served from files; valid for `lifetime` days of which `left` are left, in hours.
    fn held(lifetime: i64, left: i64, origin: &str) -> live::Held {
        let root = testing::ca("Root").self_signed();
        let middle = testing::ca("Middle").by(&root);
        let leaf = testing::leaf(&["site.example"]).by(&middle);
        let entry = Entry::new(&(leaf.pem() + &middle.pem()), &leaf, &root);
        let (mut loaded, _) = entry.served();
        loaded.not_after = NOW_SIGNED + left * 3600;
        loaded.not_before = loaded.not_after - lifetime * DAY;
        let origin = match origin {
            "files" => Origin::Files("/etc/x.pem".into()),
            name => Origin::Issued(name.to_owned()),
        };
        live::Held { origin, loaded }
    }

    fn urgencies(notices: Vec<Notice>) -> Vec<Urgency> {
        notices.into_iter().map(|notice| notice.urgency).collect()
    }

    #[test]
    fn what_counts_is_the_part_of_the_lifetime_that_is_left() {
        for days in [90, 64, 45, 6] {
            let lifetime = days * DAY;
            let at = |left: i64| urgency(0, lifetime, lifetime - left);
            assert_eq!(at(lifetime / 4), None, "{days} days");
            assert_eq!(at(lifetime / 4 - 1), Some(Urgency::Quarter), "{days} days");
            assert_eq!(at(lifetime / 10), Some(Urgency::Quarter), "{days} days");
            assert_eq!(at(lifetime / 10 - 1), Some(Urgency::Tenth), "{days} days");
            assert_eq!(at(0), Some(Urgency::Tenth), "its last second is valid");
            assert_eq!(at(-1), Some(Urgency::Over));
        }
    }

    #[test]
    fn the_notice_names_hosts_time_left_and_the_mend() {
        let held = held(90, 5 * 24, "files");
        let notice = notice(&held.origin, &held.loaded.names, held.loaded.validity(), NOW_SIGNED).expect("a notice");
        assert_eq!(
            notice.what,
            "the certificate in /etc/x.pem for site.example ends on 2026-09-26 14:13 UTC: 5 days left, less than a tenth of its 90 days"
        );
        assert!(notice.mend.contains("certbot renew"));
    }

    #[test]
    fn each_is_said_once_a_day_and_at_once_when_it_gets_worse() {
        let all = [held(90, 22 * 24, "files")];
        let mut diary = Diary::default();
        assert_eq!(diary.due(&all, NOW_SIGNED), [], "the start has said it");
        assert_eq!(diary.due(&all, NOW_SIGNED + DAY - 1), []);
        assert_eq!(urgencies(diary.due(&all, NOW_SIGNED + DAY)), [Urgency::Quarter]);
        assert_eq!(diary.due(&all, NOW_SIGNED + DAY + 3600), []);
        assert_eq!(urgencies(diary.due(&all, NOW_SIGNED + 14 * DAY)), [Urgency::Tenth]);
        assert_eq!(diary.due(&all, NOW_SIGNED + 14 * DAY + 1), []);
        assert_eq!(urgencies(diary.due(&all, NOW_SIGNED + 22 * DAY + 1)), [Urgency::Over]);
        assert_eq!(urgencies(diary.due(&all, NOW_SIGNED + 23 * DAY + 1)), [Urgency::Over]);
    }

    #[test]
    fn a_six_day_certificate_is_said_within_the_hour_that_it_gets_urgent() {
        let all = [held(6, 37, "site.example")];
        let mut diary = Diary::default();
        let said: Vec<_> = (0..40).flat_map(|hour| urgencies(diary.due(&all, NOW_SIGNED + hour * 3600))).collect();
        assert_eq!(said, [Urgency::Quarter, Urgency::Tenth, Urgency::Over]);
    }

    #[test]
    fn a_certificate_of_our_own_is_said_at_first_sight_and_a_renewed_one_is_another() {
        let mut diary = Diary::default();
        assert_eq!(urgencies(diary.due(&[held(90, 24, "site.example")], NOW_SIGNED)), [Urgency::Tenth]);
        assert_eq!(urgencies(diary.due(&[held(90, 24, "site.example")], NOW_SIGNED)), [Urgency::Tenth]);
        assert_eq!(diary.due(&[held(90, 89 * 24, "site.example")], NOW_SIGNED), []);
        assert_eq!(diary.0.len(), 1, "what is not served any more is forgotten");
    }
}
