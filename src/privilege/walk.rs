//! A path walked step by step, by descriptors, and only where nobody but who may is able to change where it leads.
//!
//! Whoever can read everything must not be led: if a folder on the way, or a link,
//! could be changed by the user that asks, that user could make the name mean any file.
//! Then the walk stops: it can do itself what it has the rights for.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fgetxattr, fstat, openat, readlinkat, statat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::steps::{Step, steps};

/// Links followed before it counts as a circle: the kernel's own limit (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Where access control lists are (acl(5)); with one, the mode's bits of the group are the most that the list gives anybody.
const ACL: &str = "system.posix_acl_access";

/// Whom nobody is led by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stranger {
    pub(super) uid: u32,
    pub(super) groups: Vec<u32>,
}

/// A name that decides what the path means: a link, the last one, or the first that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) folder: PathBuf,
    pub(super) identity: (u64, u64),
    pub(super) name: OsString,
}

/// Where a path leads.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) spots: Vec<Spot>,
    pub(super) end: Result<End, Errno>,
}

/// What is there.
#[derive(Debug)]
pub(super) struct End {
    folder: OwnedFd,
    name: OsString,
    pub(super) stat: Stat,
}

/// This could be changed by the stranger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Changeable(pub(super) PathBuf);

impl Stranger {
    /// Whether this one could put something else into the folder, or in place of what is there.
    fn could_change(&self, folder: &OwnedFd, found: &Stat) -> bool {
        if found.st_uid == self.uid {
            return true;
        }
        // Others' entries are safe in such a folder; its own, the walk looks at one by one (inode(7)).
        let is_sticky = found.st_mode & 0o1000 != 0;
        let by_others = found.st_mode & 0o002 != 0;
        let is_listed = || fgetxattr(folder, ACL, &mut [0_u8; 0]).is_ok();
        let by_group = found.st_mode & 0o020 != 0 && (self.groups.contains(&found.st_gid) || is_listed());
        !is_sticky && (by_others || by_group)
    }

    /// Walks `path`, which begins at `/`.
    pub(super) fn led(&self, path: &Path) -> Result<Walked, Changeable> {
        let mut spots = Vec::new();
        let end = self.walk(path, &mut spots)?;
        Ok(Walked { spots, end })
    }

    fn walk(&self, path: &Path, spots: &mut Vec<Spot>) -> Result<Result<End, Errno>, Changeable> {
        let root = match self.enter(CWD, OsStr::new("/"), Path::new("/"))? {
            Ok(root) => root,
            Err(error) => return Ok(Err(error)),
        };
        let mut folders = vec![root];
        let mut ahead = steps(path);
        let mut links = 0;
        while let Some(step) = ahead.pop_front() {
            let name = match step {
                Step::Root => {
                    folders.truncate(1);
                    continue;
                }
                Step::Up => {
                    if folders.len() > 1 {
                        folders.pop();
                    }
                    continue;
                }
                Step::Down(name) => name,
            };
            let Some(here) = folders.last() else { return Ok(Err(Errno::NOENT)) };
            let spot = || Spot { folder: here.path.clone(), identity: here.identity, name: name.clone() };
            let found = match statat(&here.descriptor, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) => found,
                Err(error) => {
                    spots.push(spot());
                    return Ok(Err(error));
                }
            };
            let kind = FileType::from_raw_mode(found.st_mode);
            let place = here.path.join(&name);
            if kind == FileType::Symlink {
                spots.push(spot());
                if found.st_uid == self.uid {
                    return Err(Changeable(place));
                }
                links += 1;
                if links > MAX_LINKS {
                    return Ok(Err(Errno::LOOP));
                }
                match readlinkat(&here.descriptor, name.as_os_str(), Vec::new()) {
                    Ok(target) => {
                        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                        steps(&target).into_iter().rev().for_each(|step| ahead.push_front(step));
                    }
                    Err(error) => return Ok(Err(error)),
                }
            } else if kind == FileType::Directory && !ahead.is_empty() {
                match self.enter(&here.descriptor, &name, &place)? {
                    Ok(folder) => folders.push(folder),
                    Err(error) => return Ok(Err(error)),
                }
            } else {
                spots.push(spot());
                if !ahead.is_empty() {
                    return Ok(Err(Errno::NOTDIR));
                }
                if found.st_uid == self.uid {
                    return Err(Changeable(place));
                }
                let Some(folder) = folders.pop() else { return Ok(Err(Errno::NOENT)) };
                return Ok(Ok(End { folder: folder.descriptor, name, stat: found }));
            }
        }
        Ok(Err(Errno::ISDIR))
    }

    fn enter(
        &self,
        at: impl std::os::fd::AsFd,
        name: &OsStr,
        path: &Path,
    ) -> Result<Result<Folder, Errno>, Changeable> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened =
            openat(at, name, flags, Mode::empty()).and_then(|descriptor| Ok((fstat(&descriptor)?, descriptor)));
        match opened {
            Ok((found, descriptor)) if self.could_change(&descriptor, &found) => Err(Changeable(path.to_owned())),
            Ok((found, descriptor)) => {
                Ok(Ok(Folder { descriptor, path: path.to_owned(), identity: (found.st_dev, found.st_ino) }))
            }
            Err(error) => Ok(Err(error)),
        }
    }
}

impl End {
    /// Opens it, where it is a folder.
    pub(super) fn enter(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&self.folder, self.name.as_os_str(), flags, Mode::empty())
    }

    /// Opens it for reading, where it is a regular file: opening anything else could do something.
    pub(super) fn open(&self) -> Result<OwnedFd, Errno> {
        match FileType::from_raw_mode(self.stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(Errno::ISDIR),
            _ => return Err(Errno::NXIO),
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        openat(&self.folder, self.name.as_os_str(), flags, Mode::empty())
    }
}

struct Folder {
    descriptor: OwnedFd,
    path: PathBuf,
    identity: (u64, u64),
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::io::Read;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;

    /// Somebody whom nothing here belongs to.
    const STRANGER: u32 = 3_999_999;

    fn stranger() -> Stranger {
        Stranger { uid: STRANGER, groups: vec![STRANGER] }
    }

    /// A folder of certbot's kind. Below `/tmp`, which is sticky.
    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let base = folder.path().canonicalize().expect("there");
        for name in ["live/chat", "archive/chat"] {
            fs::create_dir_all(base.join(name)).expect("a folder");
            fs::set_permissions(base.join(name).parent().expect("above"), Permissions::from_mode(0o700)).expect("mode");
        }
        fs::write(base.join("archive/chat/privkey1.pem"), "key").expect("a file");
        symlink("../../archive/chat/privkey1.pem", base.join("live/chat/privkey.pem")).expect("a link");
        (folder, base)
    }

    fn read(who: &Stranger, path: &Path) -> Result<String, String> {
        let end = who.led(path).map_err(|error| format!("changeable {}", error.0.display()))?.end;
        let opened = end.and_then(|end| end.open()).map_err(|error| error.to_string())?;
        let mut text = String::new();
        fs::File::from(opened).read_to_string(&mut text).expect("read");
        Ok(text)
    }

    #[test]
    fn certbots_links_lead_to_the_key_and_each_name_on_the_way_is_told() {
        let (_keep, base) = place();
        let key = base.join("live/chat/privkey.pem");
        assert_eq!(read(&stranger(), &key).expect("read"), "key");
        let spots = stranger().led(&key).expect("a walk").spots;
        let shown: Vec<_> = spots.iter().map(|spot| spot.folder.join(&spot.name)).collect();
        assert_eq!(shown, [key, base.join("archive/chat/privkey1.pem")]);
        let folder = fs::metadata(base.join("archive/chat")).expect("there");
        assert_eq!(spots[1].identity, (folder.dev(), folder.ino()));
    }

    #[test]
    fn what_is_missing_is_missing_and_still_tells_where() {
        let (_keep, base) = place();
        let walked = stranger().led(&base.join("live/other/privkey.pem")).expect("a walk");
        assert_eq!(walked.end.expect_err("missing"), Errno::NOENT);
        assert_eq!((&walked.spots[0].folder, walked.spots[0].name.to_str()), (&base.join("live"), Some("other")));
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_walked_through() {
        let (_keep, base) = place();
        for (mode, is_led) in [(0o755, true), (0o777, false), (0o1777, true)] {
            fs::set_permissions(base.join("live/chat"), Permissions::from_mode(mode)).expect("mode set");
            let outcome = read(&stranger(), &base.join("live/chat/privkey.pem"));
            assert_eq!(outcome.is_ok(), is_led, "{mode:o}: {outcome:?}");
        }
        // The group counts where the stranger is in it.
        let group = fs::metadata(base.join("live/chat")).expect("there").gid();
        fs::set_permissions(base.join("live/chat"), Permissions::from_mode(0o770)).expect("mode set");
        assert!(read(&stranger(), &base.join("live/chat/privkey.pem")).is_ok());
        let member = Stranger { uid: STRANGER, groups: vec![group] };
        assert!(read(&member, &base.join("live/chat/privkey.pem")).is_err());
    }

    #[test]
    fn what_belongs_to_the_stranger_leads_nowhere() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let (_keep, base) = place();
        let theirs = base.join("theirs");
        fs::create_dir(&theirs).expect("a folder");
        symlink(base.join("archive/chat/privkey1.pem"), theirs.join("link")).expect("a link");
        chown(&theirs, Some(STRANGER), None).expect("given");
        assert_eq!(
            read(&stranger(), &theirs.join("link")).expect_err("not led"),
            format!("changeable {}", theirs.display())
        );
        // A link of theirs where everybody may make one.
        let open = base.join("open");
        fs::create_dir(&open).expect("a folder");
        fs::set_permissions(&open, Permissions::from_mode(0o1777)).expect("mode set");
        let link = open.join("link");
        symlink(base.join("archive/chat/privkey1.pem"), &link).expect("a link");
        assert!(read(&stranger(), &link).is_ok(), "ours as yet");
        std::os::unix::fs::lchown(&link, Some(STRANGER), None).expect("given");
        assert!(read(&stranger(), &link).expect_err("not led").starts_with("changeable"));
    }

    #[test]
    fn nothing_but_a_regular_file_is_opened() {
        let (_keep, base) = place();
        rustix::fs::mknodat(CWD, base.join("fifo"), FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
        let is_a = |text: &str, error: Errno| assert_eq!(text, error.to_string());
        is_a(&read(&stranger(), &base.join("fifo")).expect_err("a FIFO"), Errno::NXIO);
        is_a(&read(&stranger(), &base.join("live")).expect_err("a folder"), Errno::ISDIR);
        is_a(&read(&stranger(), &base.join("fifo/x")).expect_err("no folder"), Errno::NOTDIR);
        symlink("circle", base.join("circle")).expect("a link");
        is_a(&read(&stranger(), &base.join("circle")).expect_err("a circle"), Errno::LOOP);
    }
}
