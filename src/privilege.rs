//! Privileges: what gatepost may do at its start, and how it gives that up before it serves a byte.
//!
//! ```text
//! started as root, or with capabilities
//!   reader     a process of its own that can read, and nothing else; it opens what the configuration names
//!   (server)   binds the addresses
//!   belongings state folder, control socket's folder and access log become the user's
//!   shed       groups, group, user, capabilities: gone, for good, and looked after
//! serves as an ordinary user
//! ```
//!
//! All of it happens while there is one thread, since the kernel keeps privileges by
//! thread. It refuses to go on with less given up than was asked for. docs/privileges.md
//! says why it is done so, and what else was weighed.

pub mod belongings;
pub mod exposure;
pub mod reader;
pub mod shed;
pub mod user;

mod walk;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Has no core file hold our keys, and no process of the same user look into this one (prctl(2), `PR_SET_DUMPABLE`).
pub fn keep_memory_private() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "a core file of this process could hold its keys");
    }
}
