//! One process follows another, and no connection attempt falls between them.
//!
//! The one that serves starts the next one from its own path, with its own
//! arguments, and gives it every listening socket over a socket pair that is the
//! next one's standard input (`SCM_RIGHTS`, unix(7)). Both then have the same open
//! sockets: what the kernel has queued on them belongs to whoever accepts it. So
//! nothing is bound anew, not even below port 1024, and no queue is closed.
//!
//! ```text
//! the old one                                the new one
//! starts it, sends each socket, "that's all" reads the configuration and all that it names,
//! serves on                                  binds what is new, opens the log, makes the control socket
//!                                     ready ←
//! tells systemd whom to watch → yours        starts its workers, takes the control socket's place,
//!                                            tells systemd that it serves
//!                                   serving ←
//! accepts no more, drains
//! ```
//!
//! Where the new one cannot start it says why, or ends, or does not answer in
//! time: the old one serves on and tells who asked. Until "yours" the new one has accepted
//! nothing, so that it can be sent away at any time; where the old one dies before it,
//! the new one serves, since it has everything.
//!
//! What both have while the old one drains:
//! - *Listening sockets*, the status page's among them: the new one accepts, the old one does not.
//! - *The control socket's path*: the new one's, by rename; the old one finishes its conversations.
//! - *The access log*: both append whole lines to the same file.
//! - *The meeting ledger*: SQLite in WAL mode is for several processes, and each admission is one transaction.
//! - *Certificates by ACME*: whoever holds the lock in the storage orders. The old one lets it go at "yours"; the new one
//!   tries again every few seconds until it has it. An order under way is begun anew.
//! - *What is only in memory* (tries per address, copies of pictures, tickets of TLS sessions) begins anew.
//!
//! `listenfd` and `LISTEN_FDS` are for systemd, which numbers descriptors in a child as
//! only `unsafe` code between fork and exec can. Cloudflare's `ecdysis` does the same in
//! a child of its own; it knows one socket a name and not a group of them, and
//! brings `bincode` 1, which nobody maintains any more.

mod predecessor;
mod successor;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::listen::Speaks;

pub use predecessor::{Before, InheritError, Inherited};
pub(super) use successor::{Fault, Start, Successor};

/// Names the standard input of a process that is to follow another.
const VARIABLE: &str = "GATEPOST_HANDOVER";

/// What is said over the pair, each in a message of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    /// A listening socket comes with this.
    Listener {
        speaks: Speaks,
        /// As the configuration has it.
        wanted: SocketAddr,
        /// Whether systemd holds it too.
        held: bool,
    },
    /// The status page's comes with this.
    Admin {
        /// As the configuration has it.
        wanted: SocketAddr,
    },
    /// Where the process that reads for the next one answers; it comes with this.
    Reader,
    /// There are no more.
    ThatIsAll,
    /// Everything is there to serve.
    Ready,
    /// It cannot serve.
    Failed {
        /// Why, as its own log has it.
        why: String,
    },
    /// Serve.
    Yours,
    /// It serves.
    Serving,
    /// Do not serve.
    Not,
}
