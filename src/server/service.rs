//! What systemd is told, where it is systemd that started us: sd_notify(3), by the crate `sd-notify`.
//!
//! Without `NOTIFY_SOCKET` in the environment nobody is told and nothing happens. A
//! message that cannot be sent is no reason to stop serving.

use std::time::Duration;

use sd_notify::NotifyState;

/// Says something.
fn say(words: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(words) {
        tracing::warn!(%error, "cannot tell systemd how it goes");
    }
}

/// This process serves, and is the one to watch.
pub(super) fn ready(status: &str) {
    say(&[NotifyState::MainPid(std::process::id()), NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration is being read again; [`ready`] says when that is over.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => say(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "cannot tell systemd of the reload"),
    }
}

/// This process is ending.
pub(super) fn stopping() {
    say(&[NotifyState::Stopping, NotifyState::Status("finishing what is open")]);
}

/// Another process is the one to watch from now on.
pub(super) fn succeeded_by(pid: u32) {
    say(&[NotifyState::MainPid(pid)]);
}

/// How often to say [`well`], where systemd watches: twice as often as it wants to hear it.
pub(super) fn watched() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

/// All is well.
pub(super) fn well() {
    say(&[NotifyState::Watchdog]);
}
