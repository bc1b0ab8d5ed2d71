//! Goes round the upstreams and asks each in its time whether it is well.
//!
//! One for the whole process, beside the workers: as many askers as workers would
//! ask as many times, and none of them would hold up a request any less.

use std::time::Duration;

use tokio::task::JoinSet;

use super::probe::Check;
use super::standing::Standings;

/// Asks as long as it is polled; what is asked follows the configuration that is served.
pub async fn go(standings: &Standings) {
    loop {
        let mut asking = JoinSet::new();
        for (standing, check) in standings.checks() {
            asking.spawn(async move {
                loop {
                    let due = standing.next_check(|| if check.at_once { Duration::ZERO } else { about(&check) });
                    tokio::time::sleep_until(due.into()).await;
                    let outcome = check.ask().await;
                    standing.checked(outcome, &check.rule, about(&check));
                }
            });
        }
        // Dropping the set ends what was asked until now; when each is due next, its standing remembers.
        standings.changed().await;
    }
}

/// The interval, give or take a tenth: upstreams, and gateposts, are not to be asked in step.
fn about(check: &Check) -> Duration {
    let tenth = check.rule.interval / 10;
    // Without the system's generator they are asked in step.
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    check.rule.interval - tenth + (tenth * 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}
