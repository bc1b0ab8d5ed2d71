//! When a certificate is renewed. Arithmetic alone: no clock, no file, no chance.
//!
//! By the CA's own word where it gives one (ARI, RFC 9773), else by what is left
//! of the lifetime. Chance, which keeps installations apart, comes from the
//! certificate itself: its serial number is random (Baseline Requirements 7.1),
//! so a restart changes nothing and nothing has to be remembered.

use aws_lc_rs::digest;

/// Ten days: Let's Encrypt's line between what is renewed at a third of the lifetime left and at half
/// (letsencrypt.org/docs/integration-guide).
const SHORT: i64 = 10 * 24 * 60 * 60;

/// A CA's window for the renewal of one certificate (RFC 9773 section 4.2), in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) end: i64,
}

/// What of a certificate matters here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life<'c> {
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    /// Anything that differs from certificate to certificate.
    pub(super) serial: &'c str,
}

impl Life<'_> {
    fn length(&self) -> i64 {
        self.not_after.saturating_sub(self.not_before).max(0)
    }

    /// A part of `whole` that is this certificate's own, from 0 to `whole`.
    fn part_of(&self, whole: i64) -> i64 {
        let digest = digest::digest(&digest::SHA256, self.serial.as_bytes());
        let first = digest.as_ref().iter().take(4).fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte));
        // A share of 2^-32ths; the wider arithmetic cannot overflow, and the result is at most `whole`.
        let part = (i128::from(whole.max(0)) * i128::from(first)) >> 32;
        i64::try_from(part).unwrap_or(0)
    }
}

/// The second at which to renew.
pub(super) fn renew_at(life: Life<'_>, window: Option<Window>) -> i64 {
    match window.filter(|window| window.start < window.end) {
        Some(window) => {
            let chosen = window.start.saturating_add(life.part_of(window.end.saturating_sub(window.start)));
            // A CA that is mistaken, or lies, must not let the certificate run out: half of the time that is left
            // at the usual moment stays for trying again.
            let last = life.not_after.saturating_sub(left_at_renewal(life) / 2);
            chosen.min(last)
        }
        None => {
            let left = left_at_renewal(life);
            // Up to a tenth of that earlier, never later.
            life.not_after.saturating_sub(left).saturating_sub(life.part_of(left / 10))
        }
    }
}

/// How much of the lifetime is left when a CA that gives no window is asked.
fn left_at_renewal(life: Life<'_>) -> i64 {
    if life.length() < SHORT { life.length() / 2 } else { life.length() / 3 }
}

/// How long a certificate that was issued with this much time left is not renewed in any case: a CA whose window is
/// always over, or whose certificates hardly live, is not asked without end.
pub(super) fn rest_after_issue(left: i64) -> i64 {
    (left / 2).clamp(10, 60 * 60)
}

/// How long until the CA is asked for its window again: what it said, within an hour and a day: a restart within
/// the hour asks nothing, and twice a day is asked where it says nothing (RFC 9773 section 4.3.2).
pub(super) fn ask_again_after(said: Option<i64>) -> i64 {
    said.map_or(6 * 60 * 60, |said| said.clamp(60 * 60, 24 * 60 * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60;

    fn life(days: i64, serial: &str) -> Life<'_> {
        Life { not_before: 1_000_000_000, not_after: 1_000_000_000 + days * DAY, serial }
    }

    fn days_left(days: i64, serial: &str) -> f64 {
        let life = life(days, serial);
        (life.not_after - renew_at(life, None)) as f64 / DAY as f64
    }

    #[test]
    fn a_third_is_left_of_every_lifetime_that_is_to_come() {
        for (days, third) in [(90, 30.0), (64, 21.3), (45, 15.0)] {
            for serial in ["a", "b", "03:1f", "zzzz"] {
                let left = days_left(days, serial);
                assert!(left >= third && left <= third * 1.1 + 0.1, "{days} {serial}: {left}");
            }
        }
    }

    #[test]
    fn half_is_left_of_a_six_day_certificate() {
        let left = days_left(6, "x");
        assert!((3.0..=3.4).contains(&left), "{left}");
    }

    #[test]
    fn serials_spread_renewals_and_the_same_one_stays() {
        let all: std::collections::BTreeSet<i64> =
            (0..50).map(|n| renew_at(life(90, &format!("serial {n}")), None)).collect();
        assert!(all.len() > 40, "{}", all.len());
        let spread = all.last().expect("some") - all.first().expect("some");
        assert!(spread > 2 * DAY, "spread over {spread} s");
        assert_eq!(renew_at(life(90, "x"), None), renew_at(life(90, "x"), None));
    }

    #[test]
    fn the_cas_window_counts_and_a_point_within_it_is_taken() {
        let life = life(90, "x");
        let window = Window { start: life.not_before + 50 * DAY, end: life.not_before + 52 * DAY };
        let at = renew_at(life, Some(window));
        assert!(window.start <= at && at <= window.end);
        let past = Window { start: life.not_before - 9 * DAY, end: life.not_before - 8 * DAY };
        assert!(renew_at(life, Some(past)) < life.not_before, "a window that is over means now");
    }

    #[test]
    fn a_window_that_makes_no_sense_lets_nothing_run_out() {
        let life = life(90, "x");
        let late = Window { start: life.not_after + DAY, end: i64::MAX };
        assert_eq!(renew_at(life, Some(late)), life.not_after - 15 * DAY);
        let reversed = Window { start: life.not_after, end: life.not_before };
        assert_eq!(renew_at(life, Some(reversed)), renew_at(life, None));
        let mad = Window { start: i64::MIN, end: i64::MAX };
        assert!(renew_at(life, Some(mad)) <= life.not_after);
    }

    #[test]
    fn asking_again_keeps_within_an_hour_and_a_day() {
        assert_eq!(ask_again_after(Some(0)), 60 * 60);
        assert_eq!(ask_again_after(Some(21_600)), 21_600);
        assert_eq!(ask_again_after(Some(i64::MAX)), DAY);
        assert!(ask_again_after(None) <= DAY / 2);
    }
}
