//! Gives privileges up, for all of the process and for good: groups, group, user, capabilities.
//!
//! nix calls the C library, which changes the ids of every thread (nptl(7)); capabilities
//! are each thread's own. So this is done while there is one thread, and refused
//! where there are more. What the kernel says afterwards is compared with what was
//! wanted, and coming back is tried: it must fail.

use std::io;

use nix::unistd::{Gid, Uid, getresgid, getresuid, setgroups, setresgid, setresuid};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs,
};
use thiserror::Error;

use super::keep_memory_private;
use super::user::User;

/// More numbers than the kernel has capabilities (41 in Linux 6.12), and as many as its sets have bits.
const CAPABILITIES: u32 = 64;

/// What was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shed {
    /// Root's rights: this process is another user now.
    Root,
    /// Capabilities that an ordinary user had.
    Capabilities,
    /// There was nothing.
    Nothing,
    /// Nothing, although this is root: no user is named.
    StaysRoot,
}

/// What could not be given up.
#[derive(Debug, Error)]
pub enum ShedError {
    /// The system refused.
    #[error(
        "cannot give privileges up: {call} for user {user}; in a sandbox root needs CAP_SETUID and CAP_SETGID for it (systemd: CapabilityBoundingSet=), or start as that user (systemd: User=)"
    )]
    Refused {
        /// What was called.
        call: &'static str,
        /// Who was to be become.
        user: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The kernel does not say what was wanted.
    #[error("privileges were given up, and {0} is still there: gatepost does not serve so")]
    Kept(&'static str),
    /// Others would keep theirs.
    #[error(
        "privileges can be given up by a process of one thread, and this one has {0}; that is gatepost's own fault"
    )]
    Threads(usize),
}

/// Becomes `user` where this is root, and gives up whatever capabilities there are.
///
/// # Errors
/// See [`ShedError`]; then nothing may be served.
pub fn shed(user: Option<&User>) -> Result<Shed, ShedError> {
    let is_root = rustix::process::geteuid().is_root();
    let shed = match (is_root, user) {
        (true, None) => return Ok(Shed::StaysRoot),
        (true, Some(user)) => {
            alone()?;
            narrow(CapabilitySet::empty());
            become_user(user)?;
            Shed::Root
        }
        (false, _) if held() => {
            alone()?;
            narrow(CapabilitySet::empty());
            Shed::Capabilities
        }
        (false, None) => return Ok(Shed::Nothing),
        (false, Some(_)) => Shed::Nothing,
    };
    let name = || user.map_or_else(|| "this user".to_owned(), |user| user.name.clone());
    let refused = |call| move |error: Errno| (call, io::Error::from(error));
    keep(CapabilitySet::empty())
        .map_err(refused("capset"))
        .and_then(|()| set_no_new_privs(true).map_err(refused("no_new_privs")))
        .map_err(|(call, source)| ShedError::Refused { call, user: name(), source })?;
    // Another user's memory is closed by the kernel already; said once more, whatever `fs.suid_dumpable` says.
    keep_memory_private();
    look_after(user.filter(|_| is_root))?;
    Ok(shed)
}

fn become_user(user: &User) -> Result<(), ShedError> {
    let groups: Vec<Gid> = user.groups.iter().copied().map(Gid::from_raw).collect();
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    let refused =
        |call| move |error: nix::Error| ShedError::Refused { call, user: user.name.clone(), source: error.into() };
    setgroups(&groups).map_err(refused("setgroups"))?;
    setresgid(gid, gid, gid).map_err(refused("setresgid"))?;
    setresuid(uid, uid, uid).map_err(refused("setresuid"))
}

/// Whether this thread has any capability, or could get one.
fn held() -> bool {
    capabilities(None).is_ok_and(|held| !(held.effective | held.permitted | held.inheritable).is_empty())
}

/// Takes all but these out of what a program that is started may have. Whoever may not do so goes on: `no_new_privs` comes.
pub(super) fn narrow(kept: CapabilitySet) {
    for number in 0..CAPABILITIES {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if !kept.contains(one) {
            // EINVAL past the last one, EPERM without CAP_SETPCAP.
            let _ = remove_capability_from_bounding_set(one);
        }
    }
}

/// Keeps these capabilities and no others.
pub(super) fn keep(kept: CapabilitySet) -> Result<(), Errno> {
    // Kernels before 4.3 have none.
    let _ = clear_ambient_capability_set();
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: kept })
}

fn alone() -> Result<(), ShedError> {
    // Without /proc it is believed: nothing before this starts a thread.
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads == 1 { Ok(()) } else { Err(ShedError::Threads(threads)) }
}

/// What the kernel says now.
fn look_after(became: Option<&User>) -> Result<(), ShedError> {
    if held() {
        return Err(ShedError::Kept("a capability"));
    }
    if !rustix::thread::no_new_privs().unwrap_or(false) {
        return Err(ShedError::Kept("the right to get new ones"));
    }
    let Some(user) = became else { return Ok(()) };
    let uids = getresuid().is_ok_and(|is| [is.real, is.effective, is.saved].iter().all(|it| it.as_raw() == user.uid));
    let gids = getresgid().is_ok_and(|is| [is.real, is.effective, is.saved].iter().all(|it| it.as_raw() == user.gid));
    let groups = nix::unistd::getgroups().map(|groups| groups.into_iter().map(Gid::as_raw).collect::<Vec<_>>());
    if !uids || setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_ok() {
        return Err(ShedError::Kept("root's user id"));
    }
    let root = Gid::from_raw(0);
    if !gids || (user.gid != 0 && setresgid(root, root, root).is_ok()) {
        return Err(ShedError::Kept("root's group id"));
    }
    if !groups.is_ok_and(|mut groups| {
        groups.sort_unstable();
        groups == user.groups
    }) {
        return Err(ShedError::Kept("a supplementary group"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn among_other_threads_nothing_is_given_up() {
        // The test's own thread is one, the harness's another.
        assert!(matches!(alone(), Err(ShedError::Threads(2..))));
        if rustix::process::geteuid().is_root() {
            assert_eq!(shed(None).expect("root stays root"), Shed::StaysRoot);
            let nobody = User { name: "nobody".into(), uid: 65_534, gid: 65_534, groups: vec![65_534] };
            assert!(matches!(shed(Some(&nobody)), Err(ShedError::Threads(_))));
            assert!(rustix::process::geteuid().is_root());
        }
    }
}
