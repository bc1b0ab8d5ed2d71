//! Commands that root types, about a gatepost that serves as another user: they become that user first.
//!
//! So what they make in the state folder is its own, and what they find unreadable it could not
//! read either. Keys that are root's alone are read as it reads them: by a reader process.

use std::path::Path;

use crate::config::finding::Finding;
use crate::config::model::Config;
use crate::privilege::reader::{self, Reader};
use crate::privilege::shed::{self, ShedError};
use crate::privilege::user::User;

/// The user that this is to become: where root asks about a configuration that names one.
///
/// # Errors
/// Where root asks, and the machine does not know it.
pub(super) fn user(config: &Config) -> Result<Option<User>, Finding> {
    let account = config.server.user.as_ref().filter(|_| rustix::process::geteuid().is_root());
    account.map(User::find).transpose()
}

/// Becomes it.
///
/// # Errors
/// Where this process cannot.
pub(super) fn act_as(user: &User, configuration: &Path) -> Result<(), ShedError> {
    if reader::current().is_none()
        // Without one, what the user cannot read is said where it is read.
        && let Ok(reader) = Reader::start(configuration, user)
    {
        reader.install();
    }
    shed::shed(Some(user)).map(drop)
}
