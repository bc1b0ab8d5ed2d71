//! The demo's files: its configuration and its sample website, written at every start.
//!
//! What a person put beside them stays: drop a file into `site/files` and the
//! listing shows it.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use askama::Template;

use super::APP_ID;

/// The key for meeting tokens, beside the certificates.
pub(super) const MEETING_KEY: &str = "meeting-key.pem";

/// The website's files that are the same everywhere, below `site`.
const SITE: [(&str, &str); 5] = [
    ("gatepost.svg", include_str!("site/gatepost.svg")),
    ("files/Read me first.txt", include_str!("site/readme.txt")),
    ("files/größer & <kleiner>.txt", include_str!("site/names.txt")),
    ("files/pictures/gatepost.svg", include_str!("site/gatepost.svg")),
    ("files/pictures/index of the pictures.txt", include_str!("site/pictures.txt")),
];

/// What the files depend on.
#[derive(Debug)]
pub(super) struct Files<'a> {
    /// Where plain HTTP is listened for.
    pub(super) http: &'a [SocketAddr],
    /// Where https is listened for.
    pub(super) https: &'a [SocketAddr],
    /// The port of all of these.
    pub(super) https_port: u16,
    /// Where the stand-in chat listens.
    pub(super) chat: SocketAddr,
}

/// A file that cannot be written.
#[derive(Debug)]
pub(super) struct WriteError {
    pub(super) path: PathBuf,
    pub(super) source: io::Error,
}

/// Paths in it are relative, so nothing of where the folder is needs quoting.
#[derive(Template)]
#[template(path = "cli/demo/demo.toml", escape = "none")]
struct Configuration<'a> {
    files: &'a Files<'a>,
    app_id: &'static str,
    meeting_key: &'static str,
}

#[derive(Template)]
#[template(path = "cli/demo/site/index.html")]
struct Index {
    https_port: u16,
}

impl Files<'_> {
    /// Writes everything into `folder`, which is there already, and gives the configuration's path.
    ///
    /// # Errors
    /// The first file that cannot be written.
    pub(super) fn write_into(&self, folder: &Path) -> Result<PathBuf, WriteError> {
        let site = folder.join("site");
        for (name, text) in SITE {
            write(&site.join(name), Ok(text.to_owned()))?;
        }
        write(&site.join("index.html"), Index { https_port: self.https_port }.render())?;
        let path = folder.join("demo.toml");
        write(&path, Configuration { files: self, app_id: APP_ID, meeting_key: MEETING_KEY }.render())?;
        Ok(path)
    }
}

fn write(path: &Path, text: askama::Result<String>) -> Result<(), WriteError> {
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text.map_err(io::Error::other)?)
    };
    write().map_err(|source| WriteError { path: path.to_owned(), source })
}
