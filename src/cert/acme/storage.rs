//! The folder of `[acme] storage`: everything in it is the owner's alone, and written so that it is never half there.
//!
//! ```text
//! certificates/NAME/fullchain.pem, key.pem   what is served; NAME is the first name on it, `_.site.com` for `*.site.com`
//!                   order.json               who issued it for which names, when the CA wants it renewed
//! refused/NAME/…                             what a CA issued and the judge refused, with why.txt
//! accounts/CA/account.json                   the account and its key
//!             ledger.json                    what was asked of the CA lately, what failed, when it is tried again
//! http-01/TOKEN, tls-alpn-01/NAME.pem        answers to the CA's questions, while it asks
//! lock                                       held by the one process that orders
//! ```
//!
//! It refuses names that lead out of the folder: what a CA sends becomes a file name in `http-01`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::cert::read;
use crate::config::model::AcmeDirectory;
use crate::route::host::HostPattern;

use super::failure::Failure;

/// The folder.
#[derive(Debug, Clone)]
pub struct Storage {
    root: PathBuf,
}

/// Something on disk that cannot be read or written.
#[derive(Debug, Error)]
#[error("cannot {doing} {path}")]
pub struct StorageError {
    doing: &'static str,
    path: PathBuf,
    #[source]
    source: Cause,
}

/// What the system, or the file's content, had against it.
#[derive(Debug, Error)]
pub(super) enum Cause {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Read(#[from] read::ReadError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl StorageError {
    fn new(doing: &'static str, path: &Path, source: impl Into<Cause>) -> Self {
        Self { doing, path: path.into(), source: source.into() }
    }

    /// What to do about it.
    pub fn mend(&self) -> String {
        let folder = self.path.parent().unwrap_or(&self.path).display();
        match &self.source {
            Cause::Json(_) => format!("move {} away: it is made anew", self.path.display()),
            _ => format!("let the user that runs gatepost write there: chown -R gatepost {folder}; is the disk full?"),
        }
    }
}

/// Held while this process orders; let go when dropped.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "closing the file lets the lock go")] File);

impl Storage {
    /// Nothing is made yet.
    pub fn new(root: &Path) -> Self {
        Self { root: root.into() }
    }

    /// Where the answers to http-01 are, one file a token.
    pub fn http_01(&self) -> PathBuf {
        self.root.join("http-01")
    }

    /// Where the answers to tls-alpn-01 are, one `NAME.pem` a name.
    pub fn tls_alpn_01(&self) -> PathBuf {
        self.root.join("tls-alpn-01")
    }

    /// Where certificates are, one folder each.
    pub fn certificates(&self) -> PathBuf {
        self.root.join("certificates")
    }

    /// Where certificates are that were issued and not put in place, one folder each.
    pub(super) fn refused(&self) -> PathBuf {
        self.root.join("refused")
    }

    /// What belongs to one CA.
    pub(super) fn account(&self, directory: &AcmeDirectory) -> PathBuf {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '-' };
        let url = directory.url();
        let name: String = url.strip_prefix("https://").unwrap_or(url).chars().map(plain).collect();
        self.root.join("accounts").join(name.trim_matches(['-', '.']))
    }

    /// Refuses a folder of another user, root's commands included: what root writes, its owner could not read.
    pub(super) fn is_ours(&self) -> Result<(), Failure> {
        let us = rustix::process::geteuid().as_raw();
        match fs::metadata(&self.root).map(|found| found.uid()) {
            Ok(owner) if owner != us => Err(Failure::Stranger { folder: self.root.clone(), owner, us }),
            _ => Ok(()),
        }
    }

    /// Makes the folders, 0700.
    pub(super) fn prepare(&self, directory: &AcmeDirectory) -> Result<(), StorageError> {
        let folders =
            [self.certificates(), self.refused(), self.http_01(), self.tls_alpn_01(), self.account(directory)];
        folders.iter().try_for_each(|folder| make_folder(folder))
    }

    /// Becomes the one process that orders; `None` where another is.
    pub(super) fn lock(&self) -> Result<Option<Lock>, StorageError> {
        let path = self.root.join("lock");
        let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = open.map_err(|error| StorageError::new("open", &path, error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Lock(file))),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(StorageError::new("lock", &path, io::Error::from(error))),
        }
    }

    /// The folders below this one, by name; none where it is not there.
    pub(super) fn folders(folder: &Path) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let hidden = |path: &PathBuf| path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        let mut all: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir() && !hidden(path)).collect();
        all.sort();
        all
    }
}

/// The name of the folder of a certificate whose first name this is.
pub(super) fn folder_name(first: &HostPattern) -> String {
    match first {
        HostPattern::Exact(host) => host.to_string(),
        HostPattern::Wildcard(suffix) => format!("_.{suffix}"),
    }
}

fn make_folder(path: &Path) -> Result<(), StorageError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| StorageError::new("make the folder", path, error))
}

/// Reads a JSON file; `None` where it is not there.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StorageError> {
    match read::read(path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map(Some).map_err(|error| StorageError::new("understand", path, error))
        }
        Err(read::ReadError::Missing(_)) => Ok(None),
        Err(error) => Err(StorageError::new("read", path, error)),
    }
}

/// Writes a JSON file for people, 0600, whole or not at all.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StorageError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| StorageError::new("write", path, error))?;
    text.push(b'\n');
    write(path, &text)
}

/// Writes a file, 0600, whole or not at all: beside it first, then renamed over it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.new"));
    let written = write_plainly(&beside, bytes)
        .and_then(|()| fs::rename(&beside, path))
        .and_then(|()| sync_folder(path.parent().unwrap_or(path)));
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        StorageError::new("write", path, error)
    })
}

fn write_plainly(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A file left behind by a crash keeps its own mode: only one that is made anew is sure to be 0600.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A rename is lasting once its folder is on disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A folder made beside the one that it will replace, so that chain and key change together.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
}

impl Draft {
    /// An empty one in `parent`. There is one at a time: whoever makes it holds the lock.
    pub(super) fn new(parent: &Path) -> Result<Self, StorageError> {
        let path = parent.join(".new");
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StorageError::new("clear", &path, error));
            }
            _ => {}
        }
        make_folder(&path)?;
        Ok(Self { path })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        write(&self.path.join(name), bytes)
    }

    /// Takes the place of `place` in one step; what was there is gone.
    pub(super) fn replace(self, place: &Path) -> Result<(), StorageError> {
        let parent = place.parent().unwrap_or(place);
        if place.exists() {
            exchange(&self.path, place).map_err(|error| StorageError::new("replace", place, error))?;
            // What was served until now lies where the draft was; leaving it behind would only be untidy.
            let _ = fs::remove_dir_all(&self.path);
        } else {
            fs::rename(&self.path, place).map_err(|error| StorageError::new("make", place, error))?;
        }
        sync_folder(parent).map_err(|error| StorageError::new("write", parent, error))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Swaps two folders.
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        // NFS and some older file systems cannot: then there is a moment with neither, which a reader meets by
        // keeping what it has.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            let aside = one.with_extension("old");
            fs::rename(other, &aside)?;
            fs::rename(one, other)?;
            fs::rename(&aside, one)
        }
        Err(error) => Err(error.into()),
    }
}

/// Moves a folder, over whatever was there.
pub(super) fn move_folder(from: &Path, to: &Path) -> Result<(), StorageError> {
    remove_folder(to)?;
    fs::rename(from, to).map_err(|error| StorageError::new("move", from, error))
}

/// Removes a folder with what is in it.
pub(super) fn remove_folder(path: &Path) -> Result<(), StorageError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StorageError::new("remove", path, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    fn storage() -> (tempfile::TempDir, Storage) {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = Storage::new(&folder.path().join("acme"));
        storage.prepare(&AcmeDirectory::LetsEncrypt).expect("made");
        (folder, storage)
    }

    #[test]
    fn what_is_kept_is_its_owners_alone() {
        let (folder, storage) = storage();
        for path in [folder.path().join("acme"), storage.certificates(), storage.http_01(), storage.tls_alpn_01()] {
            assert_eq!(mode(&path), 0o700, "{}", path.display());
        }
        let file = storage.http_01().join("token");
        write(&file, b"text").expect("written");
        write(&file, b"other").expect("written over");
        assert_eq!((mode(&file), fs::read(&file).expect("read")), (0o600, b"other".to_vec()));
        assert_eq!(fs::read_dir(storage.http_01()).expect("read").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_draft_takes_a_certificates_place_whole() {
        let (_folder, storage) = storage();
        let place = storage.certificates().join("site.example");
        for text in ["one", "two"] {
            let draft = Draft::new(&storage.certificates()).expect("a draft");
            draft.write("fullchain.pem", text.as_bytes()).expect("written");
            draft.write("key.pem", text.as_bytes()).expect("written");
            draft.replace(&place).expect("replaced");
            assert_eq!(fs::read_to_string(place.join("key.pem")).expect("read"), text);
            assert_eq!((mode(&place), mode(&place.join("key.pem"))), (0o700, 0o600));
        }
        assert_eq!(Storage::folders(&storage.certificates()), std::slice::from_ref(&place));
        drop(Draft::new(&storage.certificates()).expect("a draft"));
        assert_eq!(
            fs::read_dir(storage.certificates()).expect("read").count(),
            1,
            "a draft that came to nothing is gone"
        );
    }

    #[test]
    fn another_users_folder_is_left_to_that_user() {
        let (folder, storage) = storage();
        assert!(storage.is_ours().is_ok());
        // Only root can give a folder away.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(folder.path().join("acme"), Some(12_345), None).expect("given away");
            let error = storage.is_ours().expect_err("a stranger");
            assert!(error.mend().is_some_and(|mend| mend.contains("sudo -u '#12345'")), "{error}");
        }
    }

    #[test]
    fn one_at_a_time_orders() {
        let (_folder, storage) = storage();
        let lock = storage.lock().expect("a file");
        assert!(lock.is_some());
        assert!(storage.lock().expect("a file").is_none(), "held");
        drop(lock);
        assert!(storage.lock().expect("a file").is_some());
    }

    #[test]
    fn each_ca_has_a_folder_that_a_person_recognises() {
        let storage = Storage::new(Path::new("/s"));
        let folder = |url: &str| storage.account(&AcmeDirectory::Url(url.into())).display().to_string();
        assert_eq!(folder("https://localhost:14000/dir"), "/s/accounts/localhost-14000-dir");
        assert_eq!(folder("https://../../etc"), "/s/accounts/..-etc".replace("..-etc", "etc"));
        let own = storage.account(&AcmeDirectory::LetsEncrypt).display().to_string();
        assert_eq!(own, "/s/accounts/acme-v02.api.letsencrypt.org-directory");
    }
}
