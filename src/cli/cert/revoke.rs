//! `gatepost cert revoke HOST`: tells the CA that a certificate must not be believed any more.
//!
//! Another is in place before, so that no client meets a revoked one; where that
//! fails nothing is revoked, unless told.

use std::io::Write;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cert::acme::by_hand::{self, Reason, RevokeError};
use crate::clock::Clock;
use crate::log::setup::program_log;

use super::super::{ConfigFile, Failure, Status};
use super::{renew, waiting};

pub(super) const AFTER_HELP: &str = "\
First another certificate with another key is issued and put in place, then the old one is revoked. With
--no-reissue it is revoked and taken away at once; handshakes for its names fail until a running gatepost has
another issued, which it does by itself as long as a site has the host.

Examples:
  gatepost cert revoke chat.site.com --reason key-compromise
  gatepost cert revoke old.site.com --reason cessation-of-operation --no-reissue";

/// `gatepost cert revoke …`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// A host of the configuration
    host: String,
    /// What the CA is told
    #[arg(long, value_enum, default_value = "unspecified")]
    reason: Why,
    /// Revoke without having another issued first
    #[arg(long)]
    no_reissue: bool,
    /// Write JSON for a script
    #[arg(long)]
    json: bool,
}

/// `--reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Why {
    /// None given
    Unspecified,
    /// Somebody else may have the key
    KeyCompromise,
    /// Another took its place
    Superseded,
    /// The host is given up
    CessationOfOperation,
}

impl From<Why> for Reason {
    fn from(why: Why) -> Self {
        match why {
            Why::Unspecified => Self::Unspecified,
            Why::KeyCompromise => Self::KeyCompromise,
            Why::Superseded => Self::Superseded,
            Why::CessationOfOperation => Self::CessationOfOperation,
        }
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Status, Failure> {
    let (config, _) = arguments.config.load()?;
    let (wanted, host) = renew::wanted(&config, Some(&arguments.host))?;
    let Some(host) = host else { return Err(Failure::Usage("which host?".to_owned())) };
    program_log(config.log.level);
    let asked = by_hand::revoke(&wanted, &host, arguments.reason.into(), !arguments.no_reissue, Clock::System);
    let revoked = match waiting(asked)? {
        Ok(revoked) => revoked,
        Err(RevokeError::Failed(failure)) => return Err(failure.into()),
        Err(RevokeError::NotReissued(report)) => {
            match arguments.json {
                true => renew::write_json(
                    &json!({ "revoked": [], "refused": renew::refused(&report), "failed": renew::failed(&report) }),
                    out,
                )?,
                false => {
                    renew::write_lines(&report, out)?;
                    writeln!(out, "not revoked, since no other certificate came; --no-reissue revokes all the same")?;
                }
            }
            return Ok(Status::Faults);
        }
        Err(error @ RevokeError::None(..)) => return Err(Failure::Acme(error.to_string())),
    };
    match (arguments.json, &revoked.reissued) {
        (true, reissued) => {
            let placed = reissued.as_ref().map(renew::placed).unwrap_or_default();
            renew::write_json(&json!({ "revoked": revoked.names, "placed": placed }), out)?;
        }
        (false, reissued) => {
            if let Some(report) = reissued {
                renew::write_lines(report, out)?;
            }
            writeln!(out, "{}: revoked", revoked.names.join(" "))?;
        }
    }
    Ok(Status::Fine)
}
