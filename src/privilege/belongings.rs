//! What root made, or makes now, and the user that gatepost becomes has to write: state folder, control socket's folder, access log.
//!
//! Folders that are not there are made and given. What is there and root's alone is given
//! with all in it that is root's: nobody else could have put a trap there. It refuses
//! whatever another user owns or could change, and names the command instead. Where the user
//! itself could bend the path, root keeps away: that one makes what it needs.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Uid, chownat, fstat, openat, statat};
use rustix::io::Errno;
use thiserror::Error;

use crate::config::finding::Finding;
use crate::config::model::{AccessLog, Config};

use super::user::User;
use super::walk::Stranger;

/// More folders below each other than anything in the state folder has.
const DEEPEST: usize = 16;

/// Something that the user could not use.
#[derive(Debug, Error)]
pub enum GiveError {
    /// It is somebody else's.
    #[error(
        "{what} {} belongs to user {owner}, and gatepost is to run as {user}; if that is right: chown -R {user}: {}",
        .path.display(), .path.display()
    )]
    Anothers {
        /// What it is for.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Whose it is, by number.
        owner: u32,
        /// Whose it should be.
        user: String,
    },
    /// Others could have put something there.
    #[error(
        "{what} {} is root's and others may write to it, so that it is not given to {user} unseen; look what is in it, then: chown -R {user}: {}",
        .path.display(), .path.display()
    )]
    Open {
        /// What it is for.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Whose it should be.
        user: String,
    },
    /// The system refused.
    #[error("{what} {} cannot be made, or given to {user}; by hand: install -d -o {user} -m 0700 {}", .path.display(), .path.display())]
    System {
        /// What it is for.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Whose it should be.
        user: String,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

/// Makes and gives everything that this configuration has gatepost write. As root.
///
/// # Errors
/// The first that cannot be used; see [`GiveError`].
pub fn give(config: &Config, user: &User) -> Result<(), GiveError> {
    // Also where nothing is kept there yet: a reload may bring what keeps something, and cannot make it.
    Belonging { what: "the state folder", path: &config.server.state, user }.give_folder()?;
    if let Some(acme) = config.acme.as_ref().filter(|acme| !acme.storage.starts_with(&config.server.state)) {
        Belonging { what: "the storage of [acme]", path: &acme.storage, user }.give_folder()?;
    }
    if let Some(folder) = config.server.control.parent() {
        Belonging { what: "the control socket's folder", path: folder, user }.give_runtime_folder()?;
    }
    if let AccessLog::File(path) = &config.log.access {
        Belonging { what: "the access log", path, user }.give_log()?;
    }
    Ok(())
}

/// What [`give`] would refuse, as findings. As root; nothing is made.
pub fn refused(config: &Config, user: &User) -> Vec<Finding> {
    let state = Belonging { what: "the state folder", path: &config.server.state, user };
    let storage = config
        .acme
        .as_ref()
        .map(|acme| (Belonging { what: "the storage of [acme]", path: &acme.storage, user }, acme.place.clone()));
    let all = std::iter::once((state, config.server.state_place.clone())).chain(storage);
    all.filter_map(|(belonging, place)| Some(Finding::fatal(place, belonging.refusal()?.to_string()))).collect()
}

struct Belonging<'g> {
    what: &'static str,
    path: &'g Path,
    user: &'g User,
}

/// What is at a belonging's path.
enum There {
    /// Nothing.
    Missing,
    /// A folder.
    Folder(OwnedFd, Stat),
    /// Whatever it is, the user could make the path lead elsewhere, or owns it: it is none of root's business.
    Theirs,
}

impl Belonging<'_> {
    /// What stands against its being the user's.
    fn refusal(&self) -> Option<GiveError> {
        match self.look() {
            Ok(There::Folder(_, found)) => self.judge(&found),
            Ok(There::Missing | There::Theirs) => None,
            Err(error) => Some(error),
        }
    }

    fn judge(&self, found: &Stat) -> Option<GiveError> {
        match found.st_uid {
            0 => is_open(found).then(|| self.open()),
            _ => Some(self.anothers(found)),
        }
    }

    fn give_folder(&self) -> Result<(), GiveError> {
        match self.look()? {
            There::Theirs => Ok(()),
            There::Missing => self.make(),
            There::Folder(folder, found) => {
                if let Some(refusal) = self.judge(&found) {
                    return Err(refusal);
                }
                self.give_all(&folder, DEEPEST).map_err(|error| self.system(error))?;
                tracing::info!(folder = %self.path.display(), user = self.user.name, "{} was root's and is the user's now", self.what);
                Ok(())
            }
        }
    }

    /// One like `/run/gatepost`, which nothing else is in, is given; one like `/run` is left as it is.
    fn give_runtime_folder(&self) -> Result<(), GiveError> {
        match self.look()? {
            There::Missing => self.make(),
            There::Folder(folder, found)
                if self.path.ends_with("gatepost") && found.st_uid == 0 && !is_open(&found) =>
            {
                self.give_one(&folder).map_err(|error| self.system(error))
            }
            There::Folder(..) | There::Theirs => Ok(()),
        }
    }

    /// A file alone: a folder of logs is other programs' as well. Where the user can write there, it will.
    fn give_log(&self) -> Result<(), GiveError> {
        let (Some(parent), Some(name)) = (self.path.parent(), self.path.file_name()) else { return Ok(()) };
        let parent = Belonging { path: parent, ..*self };
        let (folder, found) = match parent.look()? {
            There::Missing => return parent.make(),
            There::Theirs => return Ok(()),
            There::Folder(folder, found) => (folder, found),
        };
        if found.st_uid != 0 || is_open(&found) {
            return Ok(());
        }
        // Nobody else can have put a link or another's file there.
        let flags =
            OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP;
        // Whatever else it is: opened as the user it says so itself.
        let Ok(file) = openat(&folder, name, flags | OFlags::CLOEXEC, mode) else { return Ok(()) };
        let is_roots = |found: Stat| {
            found.st_uid == 0 && found.st_nlink == 1 && FileType::from_raw_mode(found.st_mode) == FileType::RegularFile
        };
        match fstat(&file).is_ok_and(is_roots) {
            true => self.give_one(&file).map_err(|error| self.system(error)),
            false => Ok(()),
        }
    }

    /// Root is not led by whom it is about to give something to.
    fn look(&self) -> Result<There, GiveError> {
        let path = std::path::absolute(self.path).map_err(|error| self.system(error))?;
        let stranger = Stranger { uid: self.user.uid, groups: self.user.groups.clone() };
        let Ok(walked) = stranger.led(&path) else { return Ok(There::Theirs) };
        let opened = walked.end.and_then(|end| {
            let folder = end.enter()?;
            Ok((fstat(&folder)?, folder))
        });
        match opened {
            Ok((found, folder)) => Ok(There::Folder(folder, found)),
            Err(Errno::NOENT) => Ok(There::Missing),
            Err(error) => Err(self.system(error.into())),
        }
    }

    fn make(&self) -> Result<(), GiveError> {
        let made = || {
            if let Some(parent) = self.path.parent() {
                DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
            }
            DirBuilder::new().mode(0o700).create(self.path)
        };
        made().map_err(|error| self.system(error))?;
        match self.look()? {
            There::Folder(folder, _) => self.give_one(&folder).map_err(|error| self.system(error)),
            There::Missing | There::Theirs => Err(self.system(io::ErrorKind::NotFound.into())),
        }
    }

    fn give_one(&self, folder: impl AsFd) -> io::Result<()> {
        fchown(folder, Some(self.user.uid), Some(self.user.gid))
    }

    /// What is in it first, so that nobody but root can change anything meanwhile.
    fn give_all(&self, folder: &OwnedFd, deeper: usize) -> io::Result<()> {
        let (uid, gid) = (Uid::from_raw(self.user.uid), Gid::from_raw(self.user.gid));
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let found = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
            let kind = FileType::from_raw_mode(found.st_mode);
            if found.st_uid != 0 {
                continue;
            }
            if kind == FileType::Directory && !is_open(&found) && deeper > 0 {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                self.give_all(&openat(folder, name, flags, Mode::empty())?, deeper - 1)?;
            // A file with other names elsewhere is not the folder's alone.
            } else if kind != FileType::RegularFile || found.st_nlink == 1 {
                chownat(folder, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
            }
        }
        self.give_one(folder)
    }

    fn anothers(&self, found: &Stat) -> GiveError {
        GiveError::Anothers {
            what: self.what,
            path: self.path.to_owned(),
            owner: found.st_uid,
            user: self.user.name.clone(),
        }
    }

    fn open(&self) -> GiveError {
        GiveError::Open { what: self.what, path: self.path.to_owned(), user: self.user.name.clone() }
    }

    fn system(&self, source: io::Error) -> GiveError {
        GiveError::System { what: self.what, path: self.path.to_owned(), user: self.user.name.clone(), source }
    }
}

fn is_open(found: &Stat) -> bool {
    found.st_mode & 0o022 != 0
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;

    /// The user of these tests, and a folder; `None` where nothing can be given away.
    fn root() -> Option<(User, tempfile::TempDir)> {
        let user = User { name: "gatepost".into(), uid: 3_999_999, gid: 3_999_998, groups: vec![3_999_998] };
        rustix::process::geteuid().is_root().then(|| (user, tempfile::tempdir().expect("a folder")))
    }

    fn owner(path: &Path) -> u32 {
        fs::symlink_metadata(path).expect("there").uid()
    }

    #[test]
    fn a_folder_that_is_missing_is_made_and_one_of_roots_is_given_with_what_is_in_it() {
        let Some((user, folder)) = root() else { return };
        let state = folder.path().join("lib/gatepost");
        let belonging = Belonging { what: "the state folder", path: &state, user: &user };
        belonging.give_folder().expect("made");
        assert_eq!((owner(&state), owner(state.parent().expect("above"))), (user.uid, 0));
        assert_eq!(fs::metadata(&state).expect("there").mode() & 0o777, 0o700);

        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, "").expect("a file");
        fs::create_dir(state.join("acme")).expect("a folder");
        fs::write(state.join("acme/key"), "").expect("a file");
        symlink(&elsewhere, state.join("link")).expect("a link");
        fs::hard_link(&elsewhere, state.join("other-name")).expect("a link");
        chown(&state, Some(0), Some(0)).expect("root's again");
        belonging.give_folder().expect("given");
        for name in ["", "acme", "acme/key", "link"] {
            assert_eq!(owner(&state.join(name)), user.uid, "{name}");
        }
        assert_eq!(owner(&elsewhere), 0, "neither by the link nor by its other name");
    }

    #[test]
    fn what_others_own_or_could_change_is_left_to_a_person() {
        let Some((user, folder)) = root() else { return };
        let state = folder.path().join("gatepost");
        fs::create_dir(&state).expect("a folder");
        let belonging = Belonging { what: "the state folder", path: &state, user: &user };
        fs::set_permissions(&state, Permissions::from_mode(0o777)).expect("mode set");
        let error = belonging.give_folder().expect_err("open to all");
        assert!(matches!(error, GiveError::Open { .. }) && error.to_string().contains("chown -R gatepost:"), "{error}");
        chown(&state, Some(33), None).expect("another's");
        let error = belonging.give_folder().expect_err("another's");
        assert!(error.to_string().contains("belongs to user 33"), "{error}");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("a file");
        let error = Belonging { path: &file, ..belonging }.give_folder().expect_err("no folder");
        assert!(matches!(error, GiveError::System { .. }), "{error}");
    }

    #[test]
    fn root_is_led_by_roots_links_and_by_no_others() {
        let Some((user, folder)) = root() else { return };
        let (real, theirs) = (folder.path().join("data"), folder.path().join("home"));
        fs::create_dir(&real).expect("a folder");
        fs::create_dir(&theirs).expect("a folder");
        // What the user would like to have: root's folder, by a link in its own one.
        symlink(folder.path(), theirs.join("link")).expect("a link");
        chown(&theirs, Some(user.uid), Some(user.gid)).expect("given");
        let bent = theirs.join("link/data");
        let belonging = Belonging { what: "the state folder", path: &bent, user: &user };
        belonging.give_folder().expect("left alone");
        Belonging { path: &theirs.join("made"), ..belonging }.give_folder().expect("left alone");
        Belonging { path: &theirs.join("link/x.log"), ..belonging }.give_log().expect("left alone");
        assert_eq!(owner(&real), 0);
        assert!(!theirs.join("made").exists() && !folder.path().join("x.log").exists());
        let link = folder.path().join("gatepost");
        symlink(&real, &link).expect("a link");
        Belonging { path: &link, ..belonging }.give_folder().expect("given");
        assert_eq!((owner(&real), owner(&link)), (user.uid, 0));
    }

    #[test]
    fn a_folder_of_many_is_not_given_and_the_log_in_it_is() {
        let Some((user, folder)) = root() else { return };
        let shared = Belonging { what: "the control socket's folder", path: folder.path(), user: &user };
        shared.give_runtime_folder().expect("nothing to do");
        assert_eq!(owner(folder.path()), 0);
        let log = folder.path().join("access.log");
        let belonging = Belonging { what: "the access log", path: &log, user: &user };
        belonging.give_log().expect("made");
        assert_eq!((owner(&log), owner(folder.path())), (user.uid, 0));
        // A link is not followed: it is opened as the user, or not.
        let target = folder.path().join("target");
        fs::write(&target, "").expect("a file");
        let link = folder.path().join("link.log");
        symlink(&target, &link).expect("a link");
        Belonging { path: &link, ..belonging }.give_log().expect("left");
        assert_eq!(owner(&target), 0);
    }
}
