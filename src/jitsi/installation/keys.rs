//! The key of this installation: what it signs and hashes for itself, and for nobody else.
//!
//! One random secret lies in the state folder; each purpose has a key of its own,
//! derived from it (HKDF, RFC 5869), so that what is made for one can never pass
//! for another. It outlives restarts: invitations stay good, and people stay
//! counted once.
//!
//! It replaces no key that it cannot read: a new one would make every invitation
//! void and count everybody twice.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::{hkdf, hmac};
use thiserror::Error;

/// In the state folder.
const FILE: &str = "installation.key";

/// As long as what HMAC-SHA-256 gives.
const BYTES: usize = 32;

/// The keys of one installation.
pub struct Keys(hkdf::Prk);

/// Why there are none.
#[derive(Debug, Error)]
pub enum KeysError {
    /// There is no file yet, and this command makes none.
    #[error("{0} is not there yet: gatepost makes it when it first serves a launcher")]
    Missing(PathBuf),
    /// The file cannot be read, or made.
    #[error("cannot {what} {path}")]
    Io {
        /// `read`, `make` and the like.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error("{0} is not the key that gatepost wrote: 64 hexadecimal digits belong there")]
    Damaged(PathBuf),
    /// The system has no random numbers to give.
    #[error("the system gives no random numbers for {0}")]
    NoRandom(PathBuf),
}

impl KeysError {
    /// The command that mends it.
    pub fn mend(&self) -> String {
        match self {
            Self::Missing(_) => {
                "start `gatepost run` with this configuration once; is `state` in [server] the folder of \
                the running one?"
                    .into()
            }
            Self::Io { path, source, .. } if source.kind() == io::ErrorKind::PermissionDenied => format!(
                "run it as the user that gatepost runs as, or give that user the folder: chown -R gatepost {}",
                path.parent().unwrap_or(path).display()
            ),
            Self::Io { path, .. } | Self::NoRandom(path) => {
                format!(
                    "make the folder writable for gatepost, or set `state` in [server]: it is {} now",
                    folder_of(path)
                )
            }
            Self::Damaged(path) => format!(
                "put the file back from a backup; or move it away (mv {0} {0}.old): then a new one is made, invitations \
                 are void and this month's people are counted anew",
                path.display()
            ),
        }
    }
}

fn folder_of(path: &Path) -> std::path::Display<'_> {
    path.parent().unwrap_or(path).display()
}

impl Keys {
    /// The keys kept in the folder `state`, made where there are none; the folder, too.
    ///
    /// # Errors
    /// Where the file cannot be read or made, or is none of ours.
    pub fn open(state: &Path) -> Result<Self, KeysError> {
        match Self::open_existing(state) {
            Err(KeysError::Missing(path)) => {
                make(&path)?;
                Self::open_existing(state)
            }
            found => found,
        }
    }

    /// As [`Keys::open`], making nothing: for commands beside a gatepost that serves.
    ///
    /// # Errors
    /// As [`Keys::open`], and where there is no file yet.
    pub fn open_existing(state: &Path) -> Result<Self, KeysError> {
        let path = state.join(FILE);
        let text = fs::read_to_string(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => KeysError::Missing(path.clone()),
            io::ErrorKind::InvalidData => KeysError::Damaged(path.clone()),
            _ => KeysError::Io { what: "read", path: path.clone(), source },
        })?;
        decode(text.trim()).map(|secret| Self::of(&secret)).ok_or(KeysError::Damaged(path))
    }

    /// Keys that end with this process: for a check, or where the state folder cannot be used.
    ///
    /// # Errors
    /// Where the system has no random numbers to give.
    pub fn passing() -> Result<Self, getrandom::Error> {
        random().map(|secret| Self::of(&secret))
    }

    fn of(secret: &[u8; BYTES]) -> Self {
        Self(hkdf::Salt::new(hkdf::HKDF_SHA256, b"gatepost installation").extract(secret))
    }

    /// Under which the ledger keeps ids and names.
    pub fn ledger(&self) -> [u8; BYTES] {
        self.derive(b"ledger")
    }

    /// For the cookies by which clients keep their upstream.
    pub fn sticky(&self) -> hmac::Key {
        self.signing(b"sticky")
    }

    /// For the forms that guests send.
    pub fn forms(&self) -> hmac::Key {
        self.signing(b"forms")
    }

    /// For invitations.
    pub fn invitations(&self) -> hmac::Key {
        self.signing(b"invitations")
    }

    /// For the addresses of pictures.
    pub fn avatars(&self) -> hmac::Key {
        self.signing(b"avatars")
    }

    fn signing(&self, purpose: &[u8]) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.derive(purpose))
    }

    fn derive(&self, purpose: &[u8]) -> [u8; BYTES] {
        let mut key = [0; BYTES];
        let info = [purpose];
        self.0
            .expand(&info, hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut key))
            .expect("HKDF gives as much as one hash is long, whatever the purpose");
        key
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(***)")
    }
}

fn random() -> Result<[u8; BYTES], getrandom::Error> {
    let mut secret = [0; BYTES];
    getrandom::fill(&mut secret)?;
    Ok(secret)
}

/// Writes a new key whole or not at all; where another process was faster, its key stays.
fn make(path: &Path) -> Result<(), KeysError> {
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |source| KeysError::Io { what, path, source }
    };
    let folder = path.parent().unwrap_or(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed("make the folder", folder))?;
    let secret = random().map_err(|_| KeysError::NoRandom(path.to_owned()))?;
    // No process id: in a container every gatepost is number 1, as was the one that was killed half-way.
    let name = random().map_err(|_| KeysError::NoRandom(path.to_owned()))?;
    let beside = folder.join(format!(".{FILE}.{}", &encode(&name)[..16]));
    let written = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all((encode(&secret) + "\n").as_bytes())?;
        file.sync_all()?;
        // Unlike a rename, a link takes no place that is taken.
        match fs::hard_link(&beside, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => fs::File::open(folder)?.sync_all(),
        }
    };
    let outcome = written().map_err(failed("make", path));
    // Left behind it would only be untidy.
    let _ = fs::remove_file(&beside);
    outcome
}

fn encode(secret: &[u8; BYTES]) -> String {
    secret.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(text: &str) -> Option<[u8; BYTES]> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let bytes: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| if let [high, low] = pair { u8::try_from(high * 16 + low).ok() } else { None })
        .collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("new/state");
        assert!(matches!(Keys::open_existing(&state), Err(KeysError::Missing(_))));
        let first = Keys::open(&state).expect("made").ledger();
        assert_eq!(Keys::open(&state).expect("kept").ledger(), first);
        assert_eq!(Keys::open_existing(&state).expect("kept").ledger(), first);
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&state), mode(&state.join(FILE))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&state).expect("readable").count(), 1, "nothing else is left there");
    }

    #[test]
    fn every_purpose_and_every_installation_has_a_key_of_its_own() {
        let keys = Keys::passing().expect("random numbers");
        let signed =
            [keys.forms(), keys.invitations(), keys.avatars()].map(|key| hmac::sign(&key, b"x").as_ref().to_vec());
        assert!(signed[0] != signed[1] && signed[1] != signed[2] && signed[0] != signed[2]);
        assert_ne!(keys.ledger(), Keys::passing().expect("random numbers").ledger());
        assert_eq!(format!("{keys:?}"), "Keys(***)");
    }

    #[test]
    fn a_key_that_is_none_is_named_and_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        for bad in [&b""[..], b"00", &[b'g'; 64], &[0xff; 64], &[b'0'; 66]] {
            fs::write(&path, bad).expect("written");
            let error = Keys::open(folder.path()).expect_err("no key");
            assert!(matches!(&error, KeysError::Damaged(named) if *named == path), "{error}");
            assert!(error.mend().contains("backup"));
            assert_eq!(fs::read(&path).expect("there"), bad);
        }
    }

    #[test]
    fn what_one_that_was_killed_half_way_left_behind_stops_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let left = folder.path().join(format!(".{FILE}.{}", std::process::id()));
        fs::write(&left, "half of a k").expect("written");
        let first = Keys::open(folder.path()).expect("a key").ledger();
        assert_eq!(Keys::open(folder.path()).expect("a key").ledger(), first);
    }

    #[test]
    fn of_two_that_start_at_once_both_have_the_same_key() {
        let folder = tempfile::tempdir().expect("a folder");
        make(&folder.path().join(FILE)).expect("made");
        let first = Keys::open(folder.path()).expect("a key").ledger();
        make(&folder.path().join(FILE)).expect("made already");
        assert_eq!(Keys::open(folder.path()).expect("a key").ledger(), first);
    }
}
