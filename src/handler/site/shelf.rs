//! Small files that a worker keeps in memory as long as the disk says that they are the same.
//!
//! Each request asks the kernel for the name's state, one call in place of open,
//! state, read and close; an edit, a replacement, a chmod or a removal shows at
//! once. What that one call does not see, a link that has come into the way, is
//! looked for every second by opening anew.
//!
//! Kept is only what a later change cannot hide in: files that were reached
//! without a link, on file systems of this machine, whose last change is older
//! than a tick of any of their clocks. A change through a mapping of the file shows when the kernel dates it.

use std::cell::RefCell;
use std::ffi::{CStr, OsStr};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::HeaderValue;
use lru::LruCache;
use rustix::fs::{self, Stat};

use super::buffer::CHUNK;
use super::encoding::Coding;
use super::file::{File, Modified};
use super::media::{Media, Squeeze};

/// The largest file that is kept: one that is answered in one piece.
const LARGEST: u64 = CHUNK as u64;

/// Bytes that one worker keeps: the pages, scripts and pictures that most visits to a website ask for.
const ROOM: u64 = 4 * 1024 * 1024;

/// How old a file's last change must be: the coarsest of the file systems' clocks ticks each second.
const SETTLED: Duration = Duration::from_secs(2);

/// How long a name is trusted to lead through no link.
const WALKED: Duration = Duration::from_secs(1);

/// File systems of this machine that date each change: ext2 to ext4, XFS, Btrfs, F2FS, ZFS, bcachefs, tmpfs, overlayfs
/// (statfs(2)). What a network's file system says may be old.
const DATED: [i64; 8] =
    [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x2FC1_2FC1, 0xCA45_1A4E, 0x0102_1994, 0x794C_7630];

thread_local! {
    static SHELF: RefCell<Shelf> = RefCell::new(Shelf { files: LruCache::unbounded(), room: ROOM, name: Vec::new() });
}

/// What a name led to, as far as the kernel tells without opening it; differs after every change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    number: u64,
    size: i64,
    pub(super) modified: Modified,
    changed: Modified,
}

/// A small file's bytes, and what answers say of them.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) stamp: Stamp,
    pub(super) bytes: Bytes,
    pub(super) media: Media,
    pub(super) content_type: HeaderValue,
    /// `ETag` of the bytes as they are.
    pub(super) tag: HeaderValue,
    /// `Last-Modified`, which needs no look at the clock: it is past.
    pub(super) modified: Option<(SystemTime, HeaderValue)>,
    coded: [OnceLock<Bytes>; Coding::ALL.len()],
    /// By coding, the folder's state when no sibling of this file in it was found there.
    lacking: Mutex<[Option<Stamp>; Coding::ALL.len()]>,
}

/// One worker's files, by their names, the longest unasked going first.
struct Shelf {
    files: LruCache<Box<[u8]>, Entry>,
    /// Bytes that may still be kept.
    room: u64,
    /// The name that is looked for, with the zero that the kernel wants.
    name: Vec<u8>,
}

struct Entry {
    kept: Arc<Kept>,
    /// When the name was last seen to lead here through no link.
    walked: Instant,
}

impl Stamp {
    #[allow(clippy::useless_conversion, reason = "the fields' types differ between platforms")]
    pub(super) fn of(stat: &Stat) -> Self {
        let changed = Modified {
            seconds: i64::from(stat.st_ctime),
            nanoseconds: u32::try_from(stat.st_ctime_nsec).unwrap_or_default(),
        };
        Self {
            device: stat.st_dev,
            number: stat.st_ino,
            size: i64::from(stat.st_size),
            modified: Modified::of(stat),
            changed,
        }
    }

    /// Whether any change from now on will have another date.
    fn is_settled(&self, now: SystemTime) -> bool {
        let before = now.checked_sub(SETTLED);
        [self.changed, self.modified].iter().all(|at| at.time().zip(before).is_some_and(|(at, before)| at < before))
    }
}

/// The file of that name, where it is kept and nothing has changed.
pub(super) fn find(root: &Path, path: &[u8]) -> Option<Arc<Kept>> {
    SHELF.with_borrow_mut(|shelf| {
        if shelf.files.is_empty() {
            return None;
        }
        shelf.call(root, path);
        let entry = shelf.files.get(&*shelf.name)?;
        if entry.walked.elapsed() < WALKED && stamp(&shelf.name) == Some(entry.kept.stamp) {
            return Some(entry.kept.clone());
        }
        None
    })
}

/// Keeps a file that was opened under that name, where it may be kept.
pub(super) fn keep(root: &Path, path: &[u8], file: File) -> File {
    let Some(stamp) = file.stamp().filter(|_| file.size() <= LARGEST) else { return file };
    SHELF.with_borrow_mut(|shelf| {
        shelf.call(root, path);
        if let Some(entry) = shelf.files.get_mut(&*shelf.name)
            && entry.kept.stamp == stamp
        {
            entry.walked = Instant::now();
            return File::kept(entry.kept.clone());
        }
        shelf.forget();
        if !stamp.is_settled(SystemTime::now()) || !file.handle().is_some_and(is_dated) {
            return file;
        }
        match file.read_at_once() {
            Some(bytes) => File::kept(shelf.put(Kept::new(stamp, path, bytes))),
            None => file,
        }
    })
}

/// Whether the file of that name is kept, and the bytes that are still free.
#[cfg(test)]
pub(super) fn look(root: &Path, path: &[u8]) -> (bool, u64) {
    SHELF.with_borrow_mut(|shelf| {
        shelf.call(root, path);
        (shelf.files.contains(&*shelf.name), shelf.room)
    })
}

impl Shelf {
    fn call(&mut self, root: &Path, path: &[u8]) {
        self.name.clear();
        self.name.extend_from_slice(root.as_os_str().as_bytes());
        self.name.push(b'/');
        self.name.extend_from_slice(path);
        self.name.push(0);
    }

    fn forget(&mut self) {
        if let Some(entry) = self.files.pop(&*self.name) {
            self.room += entry.kept.weight();
        }
    }

    fn put(&mut self, kept: Kept) -> Arc<Kept> {
        let kept = Arc::new(kept);
        while self.room < kept.weight()
            && let Some((_, oldest)) = self.files.pop_lru()
        {
            self.room += oldest.kept.weight();
        }
        self.room = self.room.saturating_sub(kept.weight());
        self.files.put(self.name.as_slice().into(), Entry { kept: kept.clone(), walked: Instant::now() });
        kept
    }
}

impl Kept {
    fn new(stamp: Stamp, path: &[u8], bytes: Bytes) -> Self {
        let media = Media::of(path);
        let modified = stamp.modified.time();
        let dated = |time| HeaderValue::try_from(httpdate::fmt_http_date(time)).ok().map(|field| (time, field));
        Self {
            stamp,
            media,
            content_type: media.content_type(),
            tag: stamp.modified.tag(bytes.len() as u64, None, None),
            modified: modified.and_then(dated),
            bytes,
            coded: Default::default(),
            lacking: Mutex::default(),
        }
    }

    /// What it may come to take: the name, the answer's fields, the bytes, and the same bytes once more where they are
    /// compressed, which is more than all codings of them take together.
    fn weight(&self) -> u64 {
        const BESIDE: u64 = 512;
        let copies = if self.media.squeeze() == Squeeze::Never { 1 } else { 2 };
        BESIDE + copies * self.bytes.len() as u64
    }

    /// Its bytes in a coding, once somebody has made them.
    pub(super) fn coded(&self, coding: Coding) -> &OnceLock<Bytes> {
        &self.coded[coding as usize]
    }

    /// Whether nothing in this coding stands beside it: it was looked for when the folder was as it is now.
    pub(super) fn lacks(&self, coding: Coding, folder: Option<Stamp>) -> bool {
        let lacking = self.lacking.lock().unwrap_or_else(PoisonError::into_inner);
        folder.is_some() && lacking[coding as usize] == folder
    }

    /// Nothing in this coding was found beside it; `folder` is the folder's state from before that.
    pub(super) fn note_lack(&self, coding: Coding, folder: Option<Stamp>) {
        let settled = folder.filter(|folder| folder.is_settled(SystemTime::now()));
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner)[coding as usize] = settled;
    }
}

/// The state of the folder in which a path's file stands.
pub(super) fn folder(root: &Path, path: &[u8]) -> Option<Stamp> {
    let folder = match path.iter().rposition(|&b| b == b'/') {
        Some(end) => &root.join(OsStr::from_bytes(&path[..end])),
        None => root,
    };
    fs::stat(folder).ok().map(|stat| Stamp::of(&stat))
}

fn stamp(name: &[u8]) -> Option<Stamp> {
    fs::stat(CStr::from_bytes_with_nul(name).ok()?).ok().map(|stat| Stamp::of(&stat))
}

#[allow(clippy::useless_conversion, reason = "the field's type differs between platforms")]
fn is_dated(handle: impl AsFd) -> bool {
    fs::fstatfs(handle).is_ok_and(|system| DATED.contains(&i64::from(system.f_type)))
}
