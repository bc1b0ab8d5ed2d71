//! `gatepost invite ROOM --for DURATION`: a signed link that lets one person from outside into one room.
//!
//! It signs with the installation's key, so that it runs where gatepost serves, as the
//! user that gatepost runs as. Nothing is kept: the link itself says all.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::clock::Clock;
use crate::config::model::{Answer, Config, Launcher, Route, Site};
use crate::jitsi::installation::Keys;
use crate::jitsi::invitation::Invitation;
use crate::jitsi::room::Room;

use super::{ConfigFile, Failure, Status, with_causes};

pub(super) const AFTER_HELP: &str = "\
Whoever opens the link is asked for a name and enters that one room as a guest, never as a moderator. The first
browser that uses it keeps it: sent on, it opens nothing. It cannot be called back; give it a short time, and time
enough: the meeting's own token ends with it, so that whoever leaves the meeting after that cannot come back.
The launcher needs `invitations = true`. Run it as the user that gatepost runs as: it reads a key in `state`.

Examples:
  gatepost invite Standup --for 2h
  sudo -u gatepost gatepost invite \"Sales talk\" --for 1d --launcher jaas
  gatepost invite Standup --for 90m --json | jq -r .link";

/// Longer ones are forgotten about, and cannot be called back.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// `gatepost invite …`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// The room's name in words: "Sales talk" where the meeting's link has Sales%20talk
    room: String,
    /// How long the link holds, as in \"2h\" or \"1d\"; 31 days at most
    #[arg(long = "for", value_name = "DURATION", value_parser = crate::config::duration)]
    lasting: Duration,
    /// Which [launcher.NAME], where more than one takes invitations
    #[arg(long, value_name = "NAME")]
    launcher: Option<String>,
    /// Write JSON for a script
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Status, Failure> {
    if arguments.lasting.is_zero() || arguments.lasting > LONGEST {
        return Err(Failure::Usage("an invitation holds for a second to 31 days: write --for 2h".into()));
    }
    let room = Room::named(arguments.room.trim())
        .map_err(|error| Failure::Usage(format!("\"{}\" is no room: {error}", arguments.room.escape_debug())))?;
    let (config, _) = arguments.config.load()?;
    let (site, route, launcher) = find(&config, arguments.launcher.as_deref())?;
    let Some(origin) = config.public_origin(site) else {
        return Err(Failure::Usage(
            "the launcher's site has but wildcards in `hosts`: name one host in full there".into(),
        ));
    };
    if origin.ends_with(":0") {
        let words =
            "`https` listens on whatever port is free, which no link can name: set public_https_port in [server]";
        return Err(Failure::Usage(words.into()));
    }
    let keys = Keys::open_existing(&config.server.state)
        .map_err(|error| Failure::State(format!("{}; {}", with_causes(&error), error.mend())))?;
    let until = Clock::System.unix_seconds().saturating_add(arguments.lasting.as_secs());
    let invitation = Invitation::new(room, until)
        .map_err(|error| Failure::State(format!("the system gives no random numbers: {error}")))?;
    let segment = invitation.seal(&keys.invitations(), &launcher.name);
    let link = format!("{origin}{}/-/invite/{segment}", route.path.as_str().trim_end_matches('/'));
    let ends = i64::try_from(until).ok().and_then(|until| OffsetDateTime::from_unix_timestamp(until).ok());
    let ends = ends.and_then(|ends| ends.format(&Rfc3339).ok()).unwrap_or_default();
    match arguments.json {
        true => {
            let value =
                json!({ "link": link, "room": invitation.room.name(), "launcher": launcher.name, "until": ends });
            writeln!(out, "{value:#}")?;
        }
        false => {
            writeln!(out, "{link}")?;
            writeln!(out, "lets one guest into the room \"{}\" until {ends}", invitation.room.name())?;
        }
    }
    Ok(Status::Fine)
}

/// The launcher that is meant, and where it stands first.
fn find<'c>(config: &'c Config, name: Option<&str>) -> Result<(&'c Site, &'c Route, &'c Launcher), Failure> {
    let all = config.sites.iter().flat_map(|site| site.routes.iter().map(move |route| (site, route)));
    let launchers = all.filter_map(|(site, route)| match &route.answer {
        Answer::Launcher(launcher) => Some((site, route, &**launcher)),
        _ => None,
    });
    let (mut inviting, mut others) = (Vec::new(), Vec::new());
    for (site, route, launcher) in launchers.filter(|(_, _, launcher)| name.is_none_or(|name| launcher.name == name)) {
        match launcher.guests.invitations {
            // Another route of the same launcher takes the same links.
            true if inviting.iter().any(|(_, _, known): &(_, _, &Launcher)| known.name == launcher.name) => {}
            true => inviting.push((site, route, launcher)),
            false => others.push(launcher.name.as_str()),
        }
    }
    match (&inviting[..], &others[..], name) {
        ([one], _, _) => Ok(*one),
        ([], [], Some(name)) => Err(Failure::Usage(format!("no route has a launcher of the name \"{name}\""))),
        ([], [], None) => Err(Failure::Usage("the configuration has no launcher in any route".into())),
        ([], [other, ..], _) => {
            Err(Failure::Usage(format!("[launcher.{other}] takes no invitations: add invitations = true to it")))
        }
        (several, _, _) => {
            let names: Vec<_> = several.iter().map(|(_, _, launcher)| launcher.name.as_str()).collect();
            Err(Failure::Usage(format!("say which launcher, with --launcher: {}", names.join(", "))))
        }
    }
}
