//! `gatepost demo`: everything at once, with nothing else needed.
//!
//! A development CA, a sample website, a stand-in chat and a stand-in meeting
//! server are made; the configuration that joins them is written out and goes the
//! very same way as `run`'s. What is shown is the product, not a show of it.
//!
//! It refuses to pass for more: the chat signs in whoever types a name, so nothing
//! but loopback is listened on unless told.

mod chat;
mod files;
mod guide;
mod key;
mod place;
mod ports;

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::cert::development::{self, DevelopmentError};
use crate::clock::Clock;
use crate::config;
use crate::route::host::HostPattern;
use crate::server::handover::Inherited;

use super::run::{self, ServeError};
use super::{Failure, Status};
use chat::Chat;
use files::Files;
use guide::Guide;
use key::{KeyError, MeetingKey};
use place::NoPlace;
use ports::PortError;

/// The names that the demo serves. Browsers and curl lead `*.localhost` to this machine (RFC 6761 section 6.3).
const NAMES: [&str; 4] = ["www.localhost", "localhost", "chat.localhost", "meet.localhost"];

/// The AppID: 8x8's form, and nobody's.
const APP_ID: &str = "vpaas-magic-cookie-demo";

/// What `gatepost demo --help` says below the options.
pub(super) const AFTER_HELP: &str = "\
Needs no file, no root and no other program. Makes a development CA and all else that it serves, keeps it \
for the next time in certs/demo of a checkout, else in ~/.local/state/gatepost/demo, and prints what to try.";

/// `gatepost demo`
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Port for https; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value_t = 8443)]
    https_port: u16,
    /// Port for plain http, which leads to https; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    http_port: u16,
    /// Listen on this address instead of 127.0.0.1 and ::1; may be given several times.
    /// Whoever reaches it can sign in under any name
    #[arg(long, value_name = "ADDRESS")]
    address: Vec<IpAddr>,
}

/// Why there is no demo.
#[derive(Debug, Error)]
pub enum DemoError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Port(#[from] PortError),
    /// There is no folder to keep things in.
    #[error(transparent)]
    Place(#[from] NoPlace),
    /// The certificates cannot be made.
    #[error(transparent)]
    Certificates(#[from] DevelopmentError),
    /// The key for meeting tokens cannot be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file cannot be written.
    #[error("cannot write {}, where the demo keeps what it serves; outside of a checkout XDG_STATE_HOME names another place", .path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The stand-in chat cannot be started.
    #[error("cannot start the stand-in chat on a port of 127.0.0.1")]
    Chat(#[source] io::Error),
    /// As for `gatepost run`.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Serves the demo until told to stop.
pub(super) fn run(arguments: &Arguments) -> Result<Status, Failure> {
    let Arguments { https_port, http_port, address } = arguments;
    if http_port == https_port && *http_port != 0 {
        let words = format!("--http-port and --https-port are both {http_port}; give one of them another");
        return Err(Failure::Usage(words));
    }
    serve(*https_port, *http_port, address)?;
    Ok(Status::Fine)
}

impl From<DemoError> for Failure {
    fn from(error: DemoError) -> Self {
        match error {
            DemoError::Serve(error) => error.into(),
            error => Self::Demo(Box::new(error)),
        }
    }
}

fn serve(https_port: u16, http_port: u16, addresses: &[IpAddr]) -> Result<(), DemoError> {
    // Ports first: where another demo runs already, nothing of its files is touched.
    let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    let (wanted, all) = if addresses.is_empty() { (&loopback[..], false) } else { (addresses, true) };
    let https = ports::reserve("--https-port", https_port, wanted, all)?;
    let http = ports::reserve("--http-port", http_port, wanted, all)?;

    let folder = place::folder(Path::new(""), |name| std::env::var_os(name))?;
    let names = NAMES.map(|name| HostPattern::parse(name).expect("the demo's names are host names"));
    let made = development::write_into(&folder, &names, Clock::System)?;
    let key = MeetingKey::of(&folder.join(files::MEETING_KEY))?;
    let chat = Chat::start(key.verifying()).map_err(DemoError::Chat)?;

    let files = Files { http: &http.addresses, https: &https.addresses, https_port: https.port, chat: chat.address() };
    let path =
        files.write_into(&folder).map_err(|files::WriteError { path, source }| DemoError::Write { path, source })?;
    let source = config::read(&path).map_err(ServeError::from)?;
    let guide = Guide { folder: &folder, root: &made.root, config: &path, https: https.port, http: http.port };
    run::serve(config::parse(&source.text, &path), &mut Inherited::default(), |_| {
        // A closed standard output is no reason to stop serving.
        let _ = io::stdout().write_all(guide.to_string().as_bytes());
    })?;
    // Its thread ends with it.
    drop(chat);
    Ok(())
}
