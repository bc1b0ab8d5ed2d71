//! What the reader keeps of its rights: to read, as nobody.

use std::io;

use nix::sys::signal::SigSet;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use rustix::thread::{
    CapabilitySet, capabilities, configure_capability_in_ambient_set, set_keep_capabilities, set_name, set_no_new_privs,
};

use super::super::keep_memory_private;
use super::super::shed::{keep, narrow};

/// The user "nobody" of every Linux: it owns nothing.
const NOBODY: u32 = 65_534;

/// Gives up everything but reading; to be called while there is one thread.
///
/// With `CAP_DAC_READ_SEARCH` it becomes nobody and can read every file and write none. Where a container does not
/// give that, it stays root without any capability, and can read what is root's own.
pub(super) fn confine() -> io::Result<()> {
    keep_memory_private();
    // Told to end are processes that serve; this one ends with the one that asks. (SIGKILL ends it all the same.)
    SigSet::all().thread_block()?;
    let _ = set_name(c"gatepost-reader");
    let kept = capabilities(None)?.permitted & CapabilitySet::DAC_READ_SEARCH;
    narrow(kept);
    if rustix::process::geteuid().is_root() {
        setgroups(&[])?;
        if !kept.is_empty() {
            set_keep_capabilities(true)?;
            let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
            setresgid(gid, gid, gid)?;
            setresuid(uid, uid, uid)?;
        }
    }
    keep(kept)?;
    if !kept.is_empty() {
        // For the reader that this one starts for a process that follows. Kernels before 4.3 have no such thing.
        let _ = configure_capability_in_ambient_set(kept, true);
    }
    set_no_new_privs(true)?;
    keep_memory_private();
    Ok(())
}
