//! `gatepost token ROOM`: a token as a launcher would sign it, decoded and explained.
//!
//! It signs with the very key and rules that serving uses, and then reads the token
//! itself, so that what is explained is what a meeting server sees. Beside that it
//! looks for what people usually get wrong (see [`checks`]).
//!
//! The token goes to standard output alone. Nobody is counted: a budget knows of
//! people who come through the launcher.

mod checks;
mod decoded;
mod text;

use std::io::Write;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::clock::Clock;
use crate::config::model::{Config, Launcher, Rooms};
use crate::jitsi::provider::{Bearer, Meetings, Role};
use crate::jitsi::room::Room;

use super::clock::{self, Unknown};
use super::verdict::Verdict;
use super::{ConfigFile, Failure, Status, with_causes};
pub(super) use checks::Check;
use decoded::{Decoded, Part};

pub(super) const AFTER_HELP: &str = "\
Whoever holds the address that is printed may enter until it expires: it opens a meeting, so keep it out of chats
and tickets. The clock of the meeting server is compared with this machine's by one HTTP request without a token.

Examples:
  gatepost token Standup                                a member's token, explained
  gatepost token Standup --name Ann --role moderator    one that may mute and record
  gatepost token Standup --lifetime 5m --offline        asks nobody for the time
  gatepost token Standup --json | jq -r .address        the address alone";

/// As long as the configuration allows.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// `gatepost token …`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// The room's name in words: "Sales talk" where the meeting's link has Sales%20talk
    room: String,
    /// Whom the token names
    #[arg(long, value_name = "NAME", default_value = "Somebody")]
    name: String,
    /// The address that goes along [default: none]
    #[arg(long, value_name = "E")]
    email: Option<String>,
    /// What they may do
    #[arg(long, value_name = "ROLE", value_enum, default_value_t = Asked::Member)]
    role: Asked,
    /// Which [launcher.NAME], where there is more than one
    #[arg(long, value_name = "NAME")]
    launcher: Option<String>,
    /// From issue to expiry, as in "5m"; a day at most [default: the launcher's token_lifetime]
    #[arg(long, value_name = "DURATION", value_parser = crate::config::duration)]
    lifetime: Option<Duration>,
    /// Ask no meeting server for the time
    #[arg(long)]
    offline: bool,
    /// Write JSON for a script
    #[arg(long)]
    json: bool,
}

/// `--role`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Asked {
    Moderator,
    Member,
    Guest,
}

/// What was signed, and what is to be said of it.
#[derive(Debug, Serialize)]
struct Minted<'a> {
    launcher: &'a str,
    room: &'a str,
    role: &'static str,
    address: &'a str,
    /// `null` where meetings take none.
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decoded: Option<&'a Decoded>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    explained: Vec<Part>,
    checks: Vec<Check>,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Status, Failure> {
    let room = Room::named(arguments.room.trim())
        .map_err(|error| Failure::Usage(format!("\"{}\" is no room: {error}", arguments.room.escape_debug())))?;
    if arguments.lifetime.is_some_and(|lifetime| lifetime.as_secs() == 0 || lifetime > LONGEST) {
        return Err(Failure::Usage("a token holds for a second to a day: write --lifetime 1h".into()));
    }
    let (config, _) = arguments.config.load()?;
    let launcher = choose(&config, arguments.launcher.as_deref())?;
    let lifetime = arguments.lifetime.unwrap_or(launcher.token_lifetime);
    let meetings = Meetings::new(&launcher.provider, lifetime, &launcher.features, Clock::System).map_err(|error| {
        Failure::Token(format!("[launcher.{}] cannot sign: {}; {}", launcher.name, with_causes(&error), error.mend()))
    })?;
    let bearer = Bearer {
        id: None,
        name: arguments.name.clone(),
        email: arguments.email.clone(),
        avatar: None,
        role: arguments.role.into(),
        until: None,
    };
    let (address, skew) = waited(async {
        let address = meetings.address(&room, launcher.rooms, &bearer).await;
        let skew = match arguments.offline {
            true => Err(Unknown::Offline),
            false => clock::skew(meetings.origin()).await,
        };
        (address, skew)
    })?;
    let address = address.map_err(|error| Failure::Token(with_causes(&error)))?;
    let address = address.reveal();
    let token = address.split_once("?jwt=").map(|(_, token)| token);
    let decoded = token.and_then(Decoded::of);
    let checks = checks::all(launcher, meetings.secret_length(), address, decoded.as_ref(), &skew);
    let minted = Minted {
        launcher: &launcher.name,
        room: room.name(),
        role: arguments.role.word(),
        address,
        token,
        explained: decoded.as_ref().map(|decoded| decoded.explained(&launcher.provider)).unwrap_or_default(),
        decoded: decoded.as_ref(),
        checks,
    };
    match arguments.json {
        true => {
            serde_json::to_writer_pretty(&mut *out, &minted).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        false => text::write(&minted, launcher.rooms == Rooms::Any, out)?,
    }
    Ok(match minted.checks.iter().any(|check| check.verdict == Verdict::Fault) {
        true => Status::Faults,
        false => Status::Fine,
    })
}

/// What is to be said of tokens of this launcher's: one is signed for somebody in this room, judged and thrown away.
///
/// # Errors
/// Why none can be signed, and what mends it.
pub(super) async fn judge(launcher: &Launcher, room: &Room) -> Result<Vec<Check>, (String, Option<String>)> {
    let meetings = Meetings::new(&launcher.provider, launcher.token_lifetime, &launcher.features, Clock::System)
        .map_err(|error| (with_causes(&error), Some(error.mend())))?;
    let somebody =
        Bearer { id: None, name: "Somebody".into(), email: None, avatar: None, role: Role::Member, until: None };
    let address =
        meetings.address(room, launcher.rooms, &somebody).await.map_err(|error| (with_causes(&error), None))?;
    let decoded = address.reveal().split_once("?jwt=").and_then(|(_, token)| Decoded::of(token));
    let skew = clock::skew(meetings.origin()).await;
    Ok(checks::all(launcher, meetings.secret_length(), address.reveal(), decoded.as_ref(), &skew))
}

/// The launcher that was named, or the only one.
fn choose<'c>(config: &'c Config, name: Option<&str>) -> Result<&'c Launcher, Failure> {
    let launchers = config.launchers();
    let names = || launchers.iter().map(|launcher| launcher.name.as_str()).collect::<Vec<_>>().join(", ");
    match (name, &launchers[..]) {
        (_, []) => Err(Failure::Usage("the configuration has no launcher in any route".into())),
        (Some(name), _) => launchers.iter().find(|launcher| launcher.name == name).copied().ok_or_else(|| {
            Failure::Usage(format!("no route has a launcher of the name \"{name}\"; there is {}", names()))
        }),
        (None, [one]) => Ok(one),
        (None, _) => Err(Failure::Usage(format!("say which launcher, with --launcher: {}", names()))),
    }
}

/// Runs to its end; a name that the system is still looking up does not hold the command.
fn waited<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
    let outcome = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(outcome)
}

impl Asked {
    fn word(self) -> &'static str {
        match self {
            Self::Moderator => "moderator",
            Self::Member => "member",
            Self::Guest => "guest",
        }
    }
}

impl From<Asked> for Role {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Moderator => Self::Moderator,
            Asked::Member => Self::Member,
            Asked::Guest => Self::Guest,
        }
    }
}

#[cfg(test)]
mod tests;
