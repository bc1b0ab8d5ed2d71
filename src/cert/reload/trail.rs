//! Where a file's name leads: every folder whose entries decide what the name means, link by link.
//!
//! `live/chat/fullchain.pem` is a link into `../../archive/chat/`: a renewal
//! changes the link and not the file. A folder on the way may be a link as well
//! (Kubernetes' `..data`), or not be there yet. So what is remembered is each
//! name that is a link, the last name, and the first one that is missing.
//!
//! Folders that are just walked through are not: a folder that is moved away
//! tells so itself, and the poll sees what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::privilege::reader::{self, Spot};
use crate::steps::{Step, steps};

/// Links followed before it counts as a circle: the kernel's own limit (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Which names in which folders matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trail {
    own: BTreeMap<Folder, BTreeSet<OsString>>,
    /// Files that lie where this process may not look, and what the reader process says of them.
    of_reader: BTreeMap<PathBuf, Vec<Spot>>,
}

/// A folder by its real path; its device and inode tell it from another one that took its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl Trail {
    /// The trails of all these files.
    pub(super) fn of<'a>(files: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut trail = Self::default();
        for file in files {
            trail.walk(file);
        }
        trail
    }

    /// The folders, each with the names in it that matter.
    pub(super) fn folders(&self) -> impl Iterator<Item = (&Folder, &BTreeSet<OsString>)> {
        self.own.iter()
    }

    /// Files that the reader process has to watch.
    pub(super) fn of_reader(&self) -> impl Iterator<Item = &PathBuf> {
        self.of_reader.keys()
    }

    fn walk(&mut self, file: &Path) {
        // Fails for an empty path alone, which names nothing.
        let Ok(absolute) = std::path::absolute(file) else { return };
        let mut ahead = steps(&absolute);
        let mut folder = PathBuf::from("/");
        let mut links = 0;
        while let Some(step) = ahead.pop_front() {
            let name = match step {
                Step::Root => {
                    folder = PathBuf::from("/");
                    continue;
                }
                Step::Up => {
                    // What was walked so far has no links in it, so that this is the real parent.
                    folder.pop();
                    continue;
                }
                Step::Down(name) => name,
            };
            let here = folder.join(&name);
            let found = fs::symlink_metadata(&here);
            match found {
                Ok(found) if found.is_symlink() => {
                    self.note(&folder, name);
                    links += 1;
                    let Ok(target) = fs::read_link(&here) else { return };
                    if links > MAX_LINKS {
                        return;
                    }
                    for step in steps(&target).into_iter().rev() {
                        ahead.push_front(step);
                    }
                }
                Ok(found) if found.is_dir() && !ahead.is_empty() => folder = here,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    match reader::current().and_then(|reader| reader.trail(file).ok()) {
                        Some(spots) => _ = self.of_reader.insert(file.to_owned(), spots),
                        None => self.note(&folder, name),
                    }
                    return;
                }
                // The file itself, or as far as one gets today.
                _ => return self.note(&folder, name),
            }
        }
    }

    fn note(&mut self, folder: &Path, name: OsString) {
        let identity = fs::metadata(folder).ok().map(|found| (found.dev(), found.ino()));
        self.own.entry(Folder { path: folder.to_owned(), identity }).or_default().insert(name);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Folders relative to `base` with their names.
    fn shown(base: &Path, file: &str) -> Vec<String> {
        let trail = Trail::of([base.join(file).as_path()]);
        let line = |(folder, names): (&Folder, &BTreeSet<OsString>)| {
            let folder = folder.path.strip_prefix(base).expect("below").display().to_string();
            let names: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
            format!("{folder}: {}", names.join(" "))
        };
        trail.folders().map(line).collect()
    }

    fn base() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let real = folder.path().canonicalize().expect("there");
        (folder, real)
    }

    #[test]
    fn certbots_links_lead_to_both_folders() {
        let (_keep, base) = base();
        for folder in ["live/chat", "archive/chat"] {
            fs::create_dir_all(base.join(folder)).expect("a folder");
        }
        fs::write(base.join("archive/chat/fullchain1.pem"), "").expect("a file");
        symlink("../../archive/chat/fullchain1.pem", base.join("live/chat/fullchain.pem")).expect("a link");
        assert_eq!(
            shown(&base, "live/chat/fullchain.pem"),
            ["archive/chat: fullchain1.pem", "live/chat: fullchain.pem"]
        );
    }

    #[test]
    fn a_folder_that_is_a_link_counts_and_one_that_is_walked_through_does_not() {
        let (_keep, base) = base();
        fs::create_dir_all(base.join("a/..2026")).expect("a folder");
        fs::write(base.join("a/..2026/tls.crt"), "").expect("a file");
        symlink("..2026", base.join("a/..data")).expect("a link");
        symlink("..data/tls.crt", base.join("a/tls.crt")).expect("a link");
        assert_eq!(shown(&base, "a/tls.crt"), ["a: ..data tls.crt", "a/..2026: tls.crt"]);
    }

    #[test]
    fn what_is_not_there_is_awaited_in_the_deepest_folder_that_is() {
        let (_keep, base) = base();
        assert_eq!(shown(&base, "live/chat/fullchain.pem"), [": live"]);
        fs::create_dir_all(base.join("live")).expect("a folder");
        assert_eq!(shown(&base, "live/chat/fullchain.pem"), ["live: chat"]);
        symlink("nowhere/x", base.join("live/chat")).expect("a link");
        assert_eq!(shown(&base, "live/chat/fullchain.pem"), ["live: chat nowhere"]);
    }

    #[test]
    fn a_circle_of_links_ends() {
        let (_keep, base) = base();
        symlink("b", base.join("a")).expect("a link");
        symlink("a", base.join("b")).expect("a link");
        assert_eq!(shown(&base, "a"), [": a b"]);
    }

    #[test]
    fn another_folder_in_the_place_of_one_is_another_trail() {
        let (_keep, base) = base();
        fs::create_dir(base.join("a")).expect("a folder");
        let file = base.join("a/x.pem");
        let before = Trail::of([file.as_path()]);
        assert_eq!(before, Trail::of([file.as_path()]));
        fs::rename(base.join("a"), base.join("b")).expect("moved");
        fs::create_dir(base.join("a")).expect("a folder");
        assert_ne!(before, Trail::of([file.as_path()]));
    }
}
