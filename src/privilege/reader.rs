//! The reader: a process of its own that opens what the configuration names, for a gatepost that may not any more.
//!
//! Keys are root's alone, as certbot leaves them (0600 in a folder of 0700), and are
//! renewed while gatepost serves as somebody else. So before it gives its rights up it starts
//! this: the same program, one thread, no socket of the network's, no right but to read
//! (`CAP_DAC_READ_SEARCH`, as the user nobody). Over a socket pair it is asked to open a file and answers
//! with a descriptor (`SCM_RIGHTS`), for reading alone.
//!
//! It refuses
//! - every file that the configuration does not name. It reads the configuration itself, at its start and when told to
//!   look again; the words of who asks add nothing to the list;
//! - to look again where the configuration could have been changed by who asks;
//! - to be led: a path with a folder or a link on its way that who asks could change (`privilege::walk`). Such a file is
//!   read with one's own rights or not at all;
//! - whatever is no regular file.
//!
//! So whoever takes over the process that serves gets what that process has read anyhow, and what
//! the same names mean later, and no other file. Where the reader dies nothing starts it
//! again: nobody is left who could. What was read goes on being served, and the log says it.

mod confine;
mod serve;
mod words;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::thread::{CapabilitySet, capabilities};
use thiserror::Error;

use crate::line::Line;

use super::user::User;
use super::walk::Stranger;

pub use serve::{ServeError, serve};

use words::{Ask, Hello, Place, Reply, SPEAKS};

/// The command that this program is started with to be the reader.
pub(crate) const COMMAND: &str = "key-reader";

/// How long it may take to answer: a disk may be slow, and one that does not answer holds up a look at certificates alone.
const WITHIN: Duration = Duration::from_secs(30);

static CURRENT: OnceLock<Reader> = OnceLock::new();

/// A name that decides what a path means, and the folder that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) folder: PathBuf,
    pub(crate) identity: (u64, u64),
    pub(crate) name: OsString,
}

/// What is listened to: numbers of watches with names, and folders that cannot be watched.
pub(crate) struct Listening {
    pub(crate) names: Vec<(i32, OsString)>,
    pub(crate) blind: Vec<(PathBuf, io::Error)>,
}

/// Why the reader does not do it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The configuration that it read does not name it.
    #[error("the reader process opens only what the configuration names, as it last read it")]
    Unnamed,
    /// Who asks could make the path lead elsewhere.
    #[error("the reader process is not led through {}, which the user that gatepost runs as could change", .0.display())]
    Changeable(PathBuf),
    /// Its own rights do not suffice, or the file is not there.
    #[error("{}", io::Error::from_raw_os_error(*.0))]
    System(i32),
    /// It is not there any more.
    #[error("the reader process has gone")]
    Gone,
    /// In its own words.
    #[error("{0}")]
    Failed(String),
}

impl Refusal {
    /// What mends it.
    pub fn mend(&self) -> Option<String> {
        match self {
            Self::Unnamed => Some("where the configuration was changed: gatepost reload".into()),
            Self::Changeable(path) => {
                Some(format!("let root alone change it: chown root {path} && chmod go-w {path}", path = path.display()))
            }
            Self::Gone => Some("start gatepost anew, by systemctl restart gatepost".into()),
            Self::System(_) | Self::Failed(_) => None,
        }
    }
}

/// No reader could be started.
#[derive(Debug, Error)]
#[error("no reader process for keys: {0}")]
pub struct StartError(String);

/// The line to it, and how much was asked.
#[derive(Debug)]
pub struct Reader {
    line: Mutex<(Line, u64)>,
    gone: AtomicBool,
    /// By what its end is noticed, and the process, where it is this one's child: until [`watch`] takes it.
    watched: Mutex<Option<(OwnedFd, Option<Child>)>>,
}

/// The reader of this process, where it has one.
pub(crate) fn current() -> Option<&'static Reader> {
    CURRENT.get()
}

/// Whether this process has rights to read that an ordinary user has not, and so could start one.
pub fn is_of_use() -> bool {
    capabilities(None).is_ok_and(|held| held.effective.contains(CapabilitySet::DAC_READ_SEARCH))
        || rustix::process::geteuid().is_root()
}

impl Reader {
    /// Starts one that opens for `asker` what `configuration` names. To be called with the rights that it is to have.
    ///
    /// # Errors
    /// Where it does not start, or cannot read the configuration.
    pub fn start(configuration: &Path, asker: &User) -> Result<Self, StartError> {
        let failed = |what: &'static str| move |error: io::Error| StartError(format!("{what}: {error}"));
        let hello = Hello {
            speaks: SPEAKS,
            configuration: std::path::absolute(configuration).map_err(failed("no current folder"))?,
            asker: Stranger { uid: asker.uid, groups: asker.groups.clone() },
            program: program().map_err(failed("where this program is, is not known"))?,
        };
        let itself = std::env::current_exe().map_err(failed("where this program is, is not known"))?;
        let (child, line) = begin(&itself, &hello)?;
        Self::new(line, Some(child)).map_err(failed("it cannot be watched"))
    }

    /// One that was started by the reader of the process before this one.
    ///
    /// # Errors
    /// Where this is not a line to one.
    pub fn on(end: OwnedFd) -> io::Result<Self> {
        let line = Line::of(end)?;
        line.patient(WITHIN)?;
        Self::new(line, None)
    }

    fn new(line: Line, child: Option<Child>) -> io::Result<Self> {
        let watched = Mutex::new(Some((line.try_clone()?, child)));
        Ok(Self { line: Mutex::new((line, 0)), gone: AtomicBool::new(false), watched })
    }

    /// Makes it this process's own. Once a process.
    pub fn install(self) {
        // There is one at most: it is started, or inherited, at one place.
        let _ = CURRENT.set(self);
    }

    /// Opens a file.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub(crate) fn open(&self, path: &Path) -> Result<File, Refusal> {
        match self.ask(&Ask::Open(absolute(path)))? {
            (Reply::Done, Some(descriptor)) => Ok(descriptor.into()),
            (reply, _) => Err(refusal(reply)),
        }
    }

    /// Device, inode, size, and when content and inode changed.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub(crate) fn stat(&self, path: &Path) -> Result<[i64; 7], Refusal> {
        match self.ask(&Ask::Stat(absolute(path)))? {
            (Reply::Stat(stat), _) => Ok(stat),
            (reply, _) => Err(refusal(reply)),
        }
    }

    /// Which names decide what this path means.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub(crate) fn trail(&self, path: &Path) -> Result<Vec<Spot>, Refusal> {
        match self.ask(&Ask::Trail(absolute(path)))? {
            (Reply::Trail(places), _) => Ok(places.into_iter().map(Place::into_spot).collect()),
            (reply, _) => Err(refusal(reply)),
        }
    }

    /// Where changes to these files are told: an inotify instance.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub(crate) fn listen<'p>(&self, paths: impl Iterator<Item = &'p PathBuf>) -> Result<(OwnedFd, Listening), Refusal> {
        let ear = match self.ask(&Ask::Ear)? {
            (Reply::Done, Some(ear)) => ear,
            (reply, _) => return Err(refusal(reply)),
        };
        let mut listening = Listening { names: Vec::new(), blind: Vec::new() };
        for path in paths {
            match self.ask(&Ask::Listen(absolute(path)))? {
                (Reply::Listening(names, blind), _) => {
                    listening.names.extend(names.into_iter().map(|(number, name)| (number, OsString::from_vec(name))));
                    let blind = blind.into_iter().map(|(folder, error)| (path_of(folder), io::Error::other(error)));
                    listening.blind.extend(blind);
                }
                (reply, _) => return Err(refusal(reply)),
            }
        }
        Ok((ear, listening))
    }

    /// Has it look into the configuration again, which may name other files by now.
    ///
    /// # Errors
    /// Where it may not, or cannot.
    pub(crate) fn look_again(&self) -> Result<(), Refusal> {
        match self.ask(&Ask::LookAgain)? {
            (Reply::Done, _) => Ok(()),
            (reply, _) => Err(refusal(reply)),
        }
    }

    /// The line to another one, for the process that is to follow this one.
    ///
    /// # Errors
    /// Where it cannot start one.
    pub(crate) fn another(&self) -> io::Result<OwnedFd> {
        match self.ask(&Ask::Another).map_err(io::Error::other)? {
            (Reply::Done, Some(line)) => Ok(line),
            (reply, _) => Err(io::Error::other(format!("the reader process starts no other: {}", refusal(reply)))),
        }
    }

    fn ask(&self, ask: &Ask) -> Result<(Reply, Option<OwnedFd>), Refusal> {
        let mut locked = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if self.gone.load(Ordering::Relaxed) {
            return Err(Refusal::Gone);
        }
        let (line, number) = &mut *locked;
        *number += 1;
        let said = line.say(&(*number, ask));
        let answered = said.and_then(|()| {
            loop {
                match line.hear::<(u64, Reply)>()? {
                    // To a question that was given up: a disk that did not answer answers by now.
                    Some(((of, _), _)) if of != *number => {}
                    Some(((_, reply), descriptor)) => return Ok(Some((reply, descriptor))),
                    None => return Ok(None),
                }
            }
        });
        match answered {
            Ok(Some(answer)) => Ok(answer),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let seconds = WITHIN.as_secs();
                Err(Refusal::Failed(format!("the reader process does not answer within {seconds} s; does the disk?")))
            }
            Ok(None) | Err(_) => {
                self.lost();
                Err(Refusal::Gone)
            }
        }
    }

    fn lost(&self) {
        if !self.gone.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "the reader process has gone: what is served goes on, but renewed keys that only root can read are not taken up; \
                 start gatepost anew (systemctl restart gatepost)"
            );
        }
    }

    /// Whether it is still there.
    pub fn is_there(&self) -> bool {
        !self.gone.load(Ordering::Relaxed)
    }
}

/// Watches over the reader, where there is one, on a thread of its own: its end is told at once and not when a key is due.
pub(crate) fn watch() {
    let Some(reader) = current() else { return };
    let Some((line, child)) = reader.watched.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    let wait = move || {
        // Nothing but its end is waited for.
        while poll(&mut [PollFd::new(&line, PollFlags::empty())], None) == Err(rustix::io::Errno::INTR) {}
        reader.lost();
        if let Some(mut child) = child {
            let _ = child.wait();
        }
    };
    // Without the thread it is noticed when the reader is next asked.
    let _ = thread::Builder::new().name("reader".into()).spawn(wait);
}

/// Starts one from `program`, tells it what there is to know, and waits until it can be asked.
fn begin(program: &Path, hello: &Hello) -> Result<(Child, Line), StartError> {
    let failed = |what: &'static str| move |error: io::Error| StartError(format!("{what}: {error}"));
    let (line, theirs) = Line::pair().map_err(failed("no socket pair"))?;
    let child = Command::new(program)
        .arg(COMMAND)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::null())
        // What a terminal sends is for who serves.
        .process_group(0)
        .spawn()
        .map_err(|error| StartError(format!("cannot start {}: {error}", program.display())))?;
    line.patient(WITHIN).map_err(failed("no limit to waiting"))?;
    line.say(hello).map_err(failed("it does not listen"))?;
    match line.hear().map_err(failed("it does not answer"))? {
        Some((Reply::Done, _)) => Ok((child, line)),
        Some((reply, _)) => Err(StartError(refusal(reply).to_string())),
        None => Err(StartError("it ended at once; standard error, or the journal, has what it said".into())),
    }
}

/// As it was typed, where that was a path: a link that leads to another version by then is followed anew.
fn program() -> io::Result<PathBuf> {
    match std::env::args_os().next().map(PathBuf::from) {
        Some(typed) if typed.components().count() > 1 => std::path::absolute(typed),
        _ => std::env::current_exe(),
    }
}

/// What the reader has on its list. Fails for an empty path alone, which names nothing.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_default()
}

fn path_of(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

fn refusal(reply: Reply) -> Refusal {
    match reply {
        Reply::Unnamed => Refusal::Unnamed,
        Reply::Changeable(path) => Refusal::Changeable(path),
        Reply::System(number) => Refusal::System(number),
        Reply::Failed(why) => Refusal::Failed(why),
        other => Refusal::Failed(format!("the reader process said {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader, and the other end of its line.
    fn pair() -> (Reader, Line) {
        let (ours, theirs) = Line::pair().expect("a pair");
        (Reader::on(theirs).expect("a line"), ours)
    }

    fn asked(line: &Line) -> (u64, Ask) {
        line.hear().expect("heard").expect("a question").0
    }

    #[test]
    fn an_answer_to_a_question_that_was_given_up_is_no_answer_to_the_next() {
        let (reader, line) = pair();
        let peer = thread::spawn(move || {
            let (number, ask) = asked(&line);
            assert_eq!(ask, Ask::Stat("/named".into()));
            line.say(&(number - 1, Reply::Stat([9; 7]))).expect("said");
            line.say(&(number, Reply::Stat([1; 7]))).expect("said");
            line
        });
        assert_eq!(reader.stat(Path::new("/named")), Ok([1; 7]));
        drop(peer.join().expect("no panic"));
        assert_eq!(reader.stat(Path::new("/named")), Err(Refusal::Gone));
        assert!(!reader.is_there());
    }

    #[test]
    fn one_that_does_not_answer_in_time_may_answer_the_next_question() {
        let (reader, line) = pair();
        let limit = |limit| reader.line.lock().expect("no panic").0.patient(limit).expect("an option");
        limit(Duration::from_millis(10));
        assert!(
            matches!(reader.stat(Path::new("/named")), Err(Refusal::Failed(why)) if why.contains("does not answer"))
        );
        limit(WITHIN);
        let (number, _) = asked(&line);
        line.say(&(number, Reply::Stat([9; 7]))).expect("said");
        let peer = thread::spawn(move || {
            let (number, _) = asked(&line);
            line.say(&(number, Reply::System(2))).expect("said");
        });
        assert_eq!(reader.stat(Path::new("/named")), Err(Refusal::System(2)));
        peer.join().expect("no panic");
        assert!(reader.is_there());
    }
}
