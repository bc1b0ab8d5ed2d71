//! The meetings that a launcher opens: a token as it signs them, held against what their server demands.
//!
//! The token is signed here, with the launcher's own key and rules, and thrown away: one that the running gatepost
//! gave would count somebody. The server is asked for the time alone.

use crate::cli::token::judge;
use crate::cli::verdict::Verdict;
use crate::config::model::{Launcher, Provider};
use crate::jitsi::room::Room;

use super::Sheet;
use super::launcher::ROOM;

pub(super) async fn look(launcher: &Launcher, sheet: &mut Sheet<'_>) {
    if let Provider::Public { server } = &launcher.provider {
        return sheet.ok("token", format!("none: {server} takes none, and decides itself who moderates"));
    }
    let room = match Room::named(ROOM) {
        Ok(room) => room,
        Err(error) => return sheet.not_checked("token", error.to_string(), None),
    };
    match judge(launcher, &room).await {
        Err((why, mend)) => sheet.add("token", Verdict::Fault, why, mend),
        Ok(checks) => {
            for check in checks {
                let what = match check.of {
                    "clock" => "clock".into(),
                    of => format!("token: {of}"),
                };
                sheet.add(what, check.verdict, check.words, check.mend);
            }
        }
    }
}
