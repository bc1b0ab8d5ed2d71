//! The folder on disk: opens what is inside it and may be seen.
//!
//! What was opened is judged, not what was named: no link can be swapped in
//! between. The common case is one `openat2` that follows no link at all; only
//! where a link is met does the policy take a second look. A name that is in the
//! kernel's cache is opened on the spot, anything else on a thread that may
//! block. Opening waits for nobody at a pipe's other end; pipes, devices and
//! sockets are then refused, and one that a link leads to is not even opened.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{self, CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::config::model::Symlinks;
use crate::error::RequestError;

use super::file::File;
use super::resolve::is_hidden;
use super::shelf;

/// A folder whose content is served, and what links in it may do.
#[derive(Debug, Clone)]
pub(super) struct Tree(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    symlinks: Symlinks,
}

/// What a path led to.
#[derive(Debug)]
pub(super) enum Opened {
    /// A regular file.
    File(File),
    /// A folder.
    Folder(OwnedFd),
}

/// Why nothing was opened.
#[derive(Debug)]
pub(super) enum Refused {
    /// Not there, or not to be known of.
    NotFound,
    /// There, but this process may not read it.
    Forbidden,
    /// The system could not.
    Broken(io::Error),
}

/// A link's way through `..` can race with a rename, and the kernel then asks for another try (openat2(2), EAGAIN).
const RACE_TRIES: usize = 8;

/// Without waiting for a writer, a terminal or a leased file.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
/// A handle on the name alone: opening it has no effect on a device.
const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

impl Tree {
    pub(super) fn new(root: &Path, symlinks: Symlinks) -> Self {
        Self(Arc::new(Inner { root: root.to_owned(), symlinks }))
    }

    /// Opens what is at `path`, which is relative, without dot segments, and empty for the root.
    pub(super) async fn open(&self, path: &[u8]) -> Result<Opened, Refused> {
        let root = &self.0.root;
        if let Some(kept) = shelf::find(root, path) {
            return Ok(Opened::File(File::kept(kept)));
        }
        match self.0.open(path, ResolveFlags::CACHED) {
            Err(Errno::AGAIN | Errno::INVAL) => {}
            Ok(Opened::File(file)) => return Ok(Opened::File(shelf::keep(root, path, file))),
            done => return done.map_err(Refused::from),
        }
        let (inner, path) = (Arc::clone(&self.0), path.to_owned());
        off_thread(move || Ok(inner.open_patiently(&path)?)).await
    }

    /// What is at `path`, for a listing; on a thread that may block.
    pub(super) fn look(&self, path: &[u8]) -> Result<Stat, Refused> {
        let root = self.0.look_at_root(ResolveFlags::empty())?;
        let handle = self.0.follow(&root, path, ResolveFlags::empty())?;
        Ok(fs::fstat(handle)?)
    }

    /// Where the files are.
    pub(super) fn root(&self) -> &Path {
        &self.0.root
    }

    /// Whether links are followed at all.
    pub(super) fn follows_links(&self) -> bool {
        self.0.symlinks != Symlinks::Deny
    }

    /// The file's name as the operator knows it, for the log.
    pub(super) fn name(&self, path: &[u8]) -> String {
        self.0.root.join(OsStr::from_bytes(path)).display().to_string()
    }
}

impl Inner {
    fn open_patiently(&self, path: &[u8]) -> rustix::io::Result<Opened> {
        for _ in 0..RACE_TRIES {
            match self.open(path, ResolveFlags::empty()) {
                Err(Errno::AGAIN) => {}
                done => return done,
            }
        }
        Err(Errno::NOENT)
    }

    fn open(&self, path: &[u8], how: ResolveFlags) -> rustix::io::Result<Opened> {
        // No link on the whole way, the root's own included: then what was opened is where it says.
        let whole = self.root.join(OsStr::from_bytes(path));
        match fs::openat2(CWD, &whole, READ, Mode::empty(), how | ResolveFlags::NO_SYMLINKS) {
            Err(errno) if needs_second_look(errno) => {}
            done => return sort(done?, File::by_name),
        }
        // Often the link is the root itself, as where `current` points at the newest release.
        let root = self.look_at_root(how)?;
        let relative = or_itself(path);
        match fs::openat2(&root, relative, READ, Mode::empty(), how | ResolveFlags::NO_SYMLINKS) {
            Err(errno) if needs_second_look(errno) => {}
            done => return sort(done?, File::by_name),
        }
        let handle = self.follow(&root, path, how)?;
        match FileType::from_raw_mode(fs::fstat(&handle)?.st_mode) {
            FileType::RegularFile | FileType::Directory => {}
            _ => return Err(Errno::NXIO),
        }
        // The same file again, for reading: this link of the kernel's leads to the handle, not to a name.
        sort(fs::open(handle_path(&handle), READ, Mode::empty())?, File::new)
    }

    fn look_at_root(&self, how: ResolveFlags) -> rustix::io::Result<OwnedFd> {
        look(CWD, self.root.as_os_str().as_bytes(), how)
    }

    /// A handle on what `path` leads to, where the policy on links lets it.
    fn follow(&self, root: &OwnedFd, path: &[u8], how: ResolveFlags) -> rustix::io::Result<OwnedFd> {
        let handle = look(root, or_itself(path), how | ResolveFlags::NO_MAGICLINKS)?;
        let allowed = match self.symlinks {
            Symlinks::Follow => true,
            Symlinks::Inside => below(root, &handle)?.is_some_and(|real| real == path || !leads_to_hidden(&real)),
            Symlinks::Deny => below(root, &handle)?.is_some_and(|real| real == path),
        };
        if allowed { Ok(handle) } else { Err(Errno::NOENT) }
    }
}

/// A link was met; or there is no `openat2`, as before Linux 5.6 and in some sandboxes.
fn needs_second_look(errno: Errno) -> bool {
    matches!(errno, Errno::LOOP | Errno::NOSYS | Errno::PERM)
}

fn or_itself(path: &[u8]) -> &[u8] {
    if path.is_empty() { b"." } else { path }
}

/// Whether a link's target is a file that would not be served by its own name.
///
/// Names with two dots do not count: Kubernetes leads every file of a mounted
/// ConfigMap through `..data` and a folder like `..2026_01_31_12_00_00.1`.
fn leads_to_hidden(real: &[u8]) -> bool {
    let own: Vec<&[u8]> = real.split(|&b| b == b'/').filter(|name| !name.starts_with(b"..")).collect();
    is_hidden(&own.join(&b'/'))
}

fn look(folder: impl AsFd, path: &[u8], how: ResolveFlags) -> rustix::io::Result<OwnedFd> {
    match fs::openat2(&folder, path, LOOK, Mode::empty(), how) {
        // What may wait for the disk is for the patient caller.
        Err(Errno::NOSYS | Errno::PERM) if how.contains(ResolveFlags::CACHED) => Err(Errno::AGAIN),
        Err(Errno::NOSYS | Errno::PERM) => fs::openat(folder, path, LOOK, Mode::empty()),
        done => done,
    }
}

/// Where an open handle really is, relative to the root's handle; `None` where that is outside.
///
/// The kernel keeps these names true through renames. Without `/proc` nothing is known, so nothing is allowed.
fn below(root: &OwnedFd, handle: &OwnedFd) -> rustix::io::Result<Option<Vec<u8>>> {
    let real = |handle| fs::readlink(handle_path(handle), Vec::new());
    let (root, real) = (real(root)?.into_bytes(), real(handle)?.into_bytes());
    let root = root.strip_suffix(b"/").unwrap_or(&root);
    Ok(match real.strip_prefix(root) {
        Some(b"" | b"/") => Some(Vec::new()),
        Some([b'/', rest @ ..]) => Some(rest.to_vec()),
        _ => None,
    })
}

fn handle_path(handle: &OwnedFd) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", handle.as_raw_fd())
}

fn sort(handle: OwnedFd, file: fn(OwnedFd, &Stat) -> File) -> rustix::io::Result<Opened> {
    let stat = fs::fstat(&handle)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(Opened::File(file(handle, &stat))),
        FileType::Directory => Ok(Opened::Folder(handle)),
        _ => Err(Errno::NXIO),
    }
}

/// Runs what may wait for the disk on a thread of its own.
pub(super) async fn off_thread<T, F>(work: F) -> Result<T, Refused>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Refused> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => Err(Refused::Broken(io::Error::other(panicked))),
    }
}

impl Refused {
    /// What the request is told; `name` is the file's, for the log.
    pub(super) fn into_request(self, name: impl fmt::Display) -> RequestError {
        match self {
            Self::NotFound => RequestError::NotFound,
            Self::Forbidden => RequestError::Forbidden,
            Self::Broken(source) => RequestError::File { path: name.to_string(), source },
        }
    }
}

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Self {
        match errno {
            // A loop of links, a pipe, a socket or a device is nothing that a website has.
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::LOOP
            | Errno::NAMETOOLONG
            | Errno::NXIO
            | Errno::NODEV
            | Errno::XDEV
            | Errno::INVAL => Self::NotFound,
            Errno::ACCESS | Errno::PERM => Self::Forbidden,
            errno => Self::Broken(errno.into()),
        }
    }
}
