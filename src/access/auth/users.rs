//! Who may come in with a password: names and hashes, from the configuration and from a file like Apache's `htpasswd`.
//!
//! Everything that is wrong with them is found at once, and a table with a fault lets nobody in: it stops the start,
//! and a reload keeps the old one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::cert::read::{self, ReadError};
use crate::config::finding::Place;
use crate::config::model::Auth;

use super::hash::{Hash, HashError};

/// Longest name, in bytes.
const LONGEST_NAME: usize = 255;

/// Names and their hashes; there is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users {
    by_name: HashMap<Box<str>, Hash>,
    /// Looked at in place of the hash of a name that nobody has.
    costliest: Hash,
}

/// One thing that is wrong with a table of users.
#[derive(Debug, Error)]
pub enum UserFault {
    /// The file cannot be read.
    #[error("the users of [auth.{realm}] in {}: {source}", path.display())]
    Unreadable {
        /// The table's name.
        realm: String,
        /// Which.
        path: PathBuf,
        /// Why.
        source: ReadError,
        /// Where the configuration names it.
        place: Place,
    },
    /// A line that is no name and hash, or a name or hash that is none.
    #[error("{origin} {what}")]
    Line {
        /// Where: `users.htpasswd line 3: the hash of anna`.
        origin: String,
        /// What is wrong.
        what: String,
        /// What to do.
        mend: &'static str,
        /// Where the configuration has it or names its file.
        place: Place,
    },
    /// The system gives no random numbers, so that nothing could be remembered safely.
    #[error("the system gives no random numbers for [auth.{realm}]")]
    NoRandom {
        /// The table's name.
        realm: String,
        /// Where it is.
        place: Place,
    },
    /// Nobody could come in.
    #[error("[auth.{realm}] has no user: nobody could come in")]
    Nobody {
        /// The table's name.
        realm: String,
        /// Where it is.
        place: Place,
    },
}

/// A hash that is quick to try out.
#[derive(Debug)]
pub struct Weak {
    /// Whose, and where it stands.
    pub origin: String,
    /// Where the configuration has it or names its file.
    pub place: Place,
}

const MAKE_HASH: &str = "make one with `gatepost password`";

impl UserFault {
    pub(super) fn no_random(realm: &str, place: &Place) -> Self {
        Self::NoRandom { realm: realm.into(), place: place.clone() }
    }

    fn line(origin: String, what: impl Into<String>, mend: &'static str, place: &Place) -> Self {
        Self::Line { origin, what: what.into(), mend, place: place.clone() }
    }

    /// Where the configuration has what is wrong, or names its file.
    pub fn place(&self) -> &Place {
        match self {
            Self::Unreadable { place, .. }
            | Self::Line { place, .. }
            | Self::NoRandom { place, .. }
            | Self::Nobody { place, .. } => place,
        }
    }

    /// The edit that mends it.
    pub fn mend(&self) -> String {
        match self {
            Self::Unreadable { path, source, .. } => {
                source.mend(&path.display().to_string()).unwrap_or_else(|| "name the file itself".into())
            }
            Self::Line { mend, .. } => (*mend).into(),
            Self::NoRandom { .. } => "look at the system's log: nothing that is secret works without them".into(),
            Self::Nobody { .. } => "add a line: gatepost password NAME >> FILE".into(),
        }
    }
}

/// What is gathered on the way.
#[derive(Default)]
struct Gathering {
    by_name: HashMap<Box<str>, Hash>,
    faults: Vec<UserFault>,
    weak: Vec<Weak>,
}

impl Users {
    /// Reads a table and its file.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn open(auth: &Auth) -> Result<Self, Vec<UserFault>> {
        let Gathering { by_name, faults, .. } = gather(auth);
        if !faults.is_empty() {
            return Err(faults);
        }
        match by_name.values().max_by_key(|hash| hash.cost()).cloned() {
            Some(costliest) => Ok(Self { by_name, costliest }),
            None => Err(vec![UserFault::Nobody { realm: auth.name.clone(), place: auth.place.clone() }]),
        }
    }

    /// The hashes that are quick to try out.
    pub fn weak(auth: &Auth) -> Vec<Weak> {
        gather(auth).weak
    }

    /// Whether this is the password of that user. Takes tens of milliseconds, and as long where there is no such user.
    pub fn know(&self, name: &str, password: &[u8]) -> bool {
        match self.by_name.get(name) {
            Some(hash) => hash.is_of(password),
            None => {
                let _ = self.costliest.is_of(password);
                false
            }
        }
    }
}

fn gather(auth: &Auth) -> Gathering {
    let mut gathering = Gathering::default();
    for user in &auth.users {
        let origin = format!("[auth.{}], users, {}:", auth.name, user.name.escape_debug());
        gathering.add(&user.name, user.hash.reveal(), &origin, &user.place);
    }
    if let Some((path, place)) = &auth.file {
        match read::read(path) {
            Ok(bytes) => of_file(&bytes, path, place, &mut gathering),
            Err(source) => gathering.faults.push(UserFault::Unreadable {
                realm: auth.name.clone(),
                path: path.clone(),
                source,
                place: place.clone(),
            }),
        }
    }
    gathering
}

fn of_file(bytes: &[u8], path: &Path, place: &Place, gathering: &mut Gathering) {
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let origin = format!("{} line {}:", path.display(), index + 1);
        let Ok(line) = std::str::from_utf8(line.trim_ascii()) else {
            gathering.faults.push(UserFault::line(origin, "is no text", "write it in UTF-8", place));
            continue;
        };
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once(':') {
            // What follows a second colon is a comment to Apache.
            Some((name, rest)) => gathering.add(name, rest.split(':').next().unwrap_or_default(), &origin, place),
            None => {
                let what = "is no name and hash with a colon between";
                gathering.faults.push(UserFault::line(origin, what, MAKE_HASH, place));
            }
        }
    }
}

impl Gathering {
    fn add(&mut self, name: &str, hash: &str, origin: &str, place: &Place) {
        let fault = |what: &str, mend| UserFault::line(origin.to_owned(), what, mend, place);
        if name.is_empty() || name.len() > LONGEST_NAME || name.contains([':', '\0']) || name.contains(char::is_control)
        {
            self.faults.push(fault("its name cannot be a user's", "write 1 to 255 characters without a colon"));
            return;
        }
        match Hash::parse(hash.trim()) {
            Ok(hash) => {
                if hash.is_weak() {
                    self.weak.push(Weak { origin: origin.to_owned(), place: place.clone() });
                }
                if self.by_name.insert(name.into(), hash).is_some() {
                    self.faults.push(fault("its name stands twice", "keep one of the two"));
                }
            }
            // A damaged hash may be a password: not a letter of it is shown.
            Err(error) => {
                let mend = match error {
                    HashError::TooCostly => "make one of 256 MiB and 4 passes at most, or of bcrypt's cost 15 at most",
                    _ => MAKE_HASH,
                };
                self.faults.push(fault(&format!("its hash {error}"), mend));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::User;
    use crate::secret::Secret;

    use super::super::hash::argon2id;

    fn auth(users: &[(&str, &str)], file: Option<&Path>) -> Auth {
        let user = |(name, hash): &(&str, &str)| User {
            name: (*name).into(),
            hash: Secret::new((*hash).into()),
            place: Place::default(),
        };
        Auth {
            name: "staff".into(),
            realm: "Staff".into(),
            users: users.iter().map(user).collect(),
            file: file.map(|path| (path.into(), Place::default())),
            forward: false,
            place: Place::default(),
        }
    }

    #[test]
    fn names_come_from_both_places_and_nobody_else_is_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("users");
        let (anna, bert) = (argon2id(b"a").expect("a hash"), argon2id(b"b").expect("a hash"));
        std::fs::write(&path, format!("# staff\r\n\r\n  bert:{bert}:since May\r\n")).expect("written");
        let users = Users::open(&auth(&[("anna", &anna)], Some(&path))).expect("users");
        assert!(users.know("anna", b"a") && users.know("bert", b"b"));
        assert!(!users.know("anna", b"b") && !users.know("carl", b"a") && !users.know("Anna", b"a"));
    }

    #[test]
    fn every_fault_is_found_at_once_and_none_shows_what_may_be_a_password() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("users");
        let good = argon2id(b"a").expect("a hash");
        let text =
            format!("anna:{good}\nanna:{good}\nsesame\nbert:sesame\n:{good}\ncarl:$apr1$sesame$x\n\u{1}x:{good}\n");
        std::fs::write(&path, text.as_bytes()).expect("written");
        let faults = Users::open(&auth(&[("dora", "sesame")], Some(&path))).expect_err("faults");
        let said: Vec<_> = faults.iter().map(|fault| format!("{fault}; {}", fault.mend())).collect();
        assert_eq!(said.len(), 7, "{said:#?}");
        for (index, words) in [
            "dora",
            "line 2: its name stands twice",
            "line 3:",
            "line 4: its hash is no hash",
            "line 5:",
            "MD5",
            "line 7:",
        ]
        .iter()
        .enumerate()
        {
            assert!(said[index].contains(words), "{words}: {said:#?}");
        }
        assert!(!format!("{said:?}{faults:?}").contains("sesame"), "{said:#?}");
        std::fs::write(&path, "# nobody yet\n").expect("written");
        assert!(matches!(Users::open(&auth(&[], Some(&path))).expect_err("nobody")[..], [UserFault::Nobody { .. }]));
        let missing = Users::open(&auth(&[], Some(Path::new("/nowhere/users")))).expect_err("no file");
        assert!(matches!(missing[..], [UserFault::Unreadable { .. }]));
    }
}
