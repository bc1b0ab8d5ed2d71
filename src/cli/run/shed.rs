//! What `gatepost run` does about its privileges: who it becomes, who reads for it then, what it gives up.

use std::path::Path;

use crate::config::model::Config;
use crate::config::source::Source;
use crate::privilege::belongings;
use crate::privilege::reader::{self, Reader};
use crate::privilege::shed::{self, Shed};
use crate::privilege::user::User;

use super::{ServeError, Whose};

/// Whom to serve as: the user that the file names, or, where this is an ordinary user already, that one.
pub(super) fn user(config: &Config, source: &Source) -> Result<Option<User>, ServeError> {
    let is_root = rustix::process::geteuid().is_root();
    let named = config.server.user.as_ref().map(User::find).transpose().map_err(|finding| ServeError::Findings {
        of: Whose::Files,
        findings: vec![finding],
        text: Box::new(source.clone()),
    })?;
    if is_root {
        return Ok(named);
    }
    let ours = User::of_this_process();
    if let Some(named) = named
        && named.uid != ours.uid
    {
        tracing::warn!(
            "`user` in [server] is {}, which only root can become: gatepost serves as {}; start it anew as root for another",
            named.name,
            ours.name
        );
    }
    Ok(Some(ours))
}

/// Leaves a process behind that can read what the configuration names, where this one has rights to read that it is about
/// to lose. Without one files must be readable for `user`; what is not is said when it is read.
pub(super) fn leave_reader(configuration: &Path, user: &User) {
    if reader::current().is_some() || !reader::is_of_use() {
        return;
    }
    match Reader::start(configuration, user) {
        Ok(reader) => reader.install(),
        Err(error) => tracing::warn!("{error}; what {} cannot read by itself is not read", user.name),
    }
}

/// Gives up what there is to give up, and what the user needs to the user.
pub(super) fn shed(config: &Config, user: Option<&User>) -> Result<(), ServeError> {
    if let Some(user) = user.filter(|_| rustix::process::geteuid().is_root()) {
        belongings::give(config, user)?;
    }
    // Whoever is an ordinary user already, and did not say more, may go on to start what it likes (a hook with sudo).
    let wanted = user.filter(|_| config.server.user.is_some());
    match (shed::shed(wanted)?, user) {
        (Shed::Root, Some(user)) => {
            tracing::info!(user = user.name, uid = user.uid, gid = user.gid, "root's rights are given up");
        }
        (Shed::Capabilities, _) => tracing::info!("capabilities are given up"),
        (Shed::StaysRoot, _) => {
            tracing::warn!(
                "gatepost serves as root: name a `user` in [server] for it to become once its ports are bound"
            );
        }
        (Shed::Root | Shed::Nothing, _) => {}
    }
    Ok(())
}
