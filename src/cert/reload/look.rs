//! One look at certificate files: watched, told apart from what they were, read where they differ.
//!
//! All of it may block, on a file system that does not answer say, and so belongs
//! on a thread that may.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::clock::Clock;
use crate::config::finding::{Finding, Severity};
use crate::config::model::CertificateFiles;
use crate::privilege::reader;

use super::super::{Loaded, NotLoaded, load};
use super::trail::Trail;
use super::watch::Watch;

/// How often the names are resolved again because they changed meanwhile. The next look comes anyhow.
const RESOLVE: usize = 5;

/// What is to be looked at.
pub(super) struct Asked {
    pub(super) files: CertificateFiles,
    /// Files that still look like this need not be read.
    pub(super) seen: Option<Stamp>,
}

/// What a look came to.
pub(super) struct Look {
    pub(super) trail: Trail,
    /// A new watch, where the trail is another than before.
    pub(super) watch: Option<io::Result<Watch>>,
    pub(super) seen: Vec<Seen>,
}

/// What became of one pair.
pub(super) struct Seen {
    pub(super) stamp: Stamp,
    /// `None` where it looks as it did.
    pub(super) read: Option<(Result<Loaded, NotLoaded>, Vec<Finding>)>,
}

impl Look {
    /// Watches first and reads then, so that no change falls between the two.
    pub(super) fn take(asked: &[Asked], before: &Trail, clock: Clock) -> Self {
        let resolve = || Trail::of(asked.iter().flat_map(|asked| paths(&asked.files)));
        let (mut trail, mut watch) = (before.clone(), None);
        for _ in 0..RESOLVE {
            let now = resolve();
            if now == trail {
                break;
            }
            watch = Some(Watch::on(&now));
            trail = now;
        }
        let read = |asked: &Asked| {
            let stamp = Stamp::of(&asked.files);
            let unchanged = watch.is_none() && asked.seen.as_ref() == Some(&stamp);
            let read = (!unchanged).then(|| load(&asked.files, clock, Severity::Grave));
            Seen { stamp, read }
        };
        let seen = asked.iter().map(read).collect();
        Self { trail, watch, seen }
    }
}

fn paths(files: &CertificateFiles) -> impl Iterator<Item = &Path> {
    std::iter::once(&*files.chain).chain(files.key.as_deref()).chain(files.trusted_roots.as_deref())
}

/// What tells a file from what it was, without reading it: device, inode, size, and when content and inode changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Option<[i64; 7]>>);

impl Stamp {
    pub(super) fn of(files: &CertificateFiles) -> Self {
        let one = |path: &Path| match fs::metadata(path) {
            Ok(found) => {
                let times = [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()];
                let [device, inode, size] = [found.dev(), found.ino(), found.size()].map(u64::cast_signed);
                let [modified, modified_ns, changed, changed_ns] = times;
                Some([device, inode, size, modified, modified_ns, changed, changed_ns])
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                reader::current().and_then(|reader| reader.stat(path).ok())
            }
            Err(_) => None,
        };
        Self(paths(files).map(one).collect())
    }
}
