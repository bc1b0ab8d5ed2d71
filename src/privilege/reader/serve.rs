//! The reader's own side: confines itself, hears what it is for, and answers until nobody asks any more.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Child;

use rustix::fs::inotify::{self, CreateFlags};
use rustix::io::Errno;
use thiserror::Error;
use tracing::Level;

use crate::cert::reload::TOLD;
use crate::config;
use crate::config::source::Source;
use crate::config::surroundings::Surroundings;
use crate::line::Line;
use crate::log::setup::program_log;

use super::super::walk::{Changeable, Walked};
use super::begin;
use super::confine::confine;
use super::words::{Ask, Hello, Place, Reply, SPEAKS};

/// Readers at once that were started for followers: each upgrade needs one, and the one before ends when its process has
/// drained.
const FOLLOWERS: usize = 16;

/// Refusals that are logged: whoever asks for what it must not has been taken over, and would fill the log.
const TOLD_REFUSALS: u32 = 20;

/// Why it cannot begin.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Somebody typed the command.
    #[error("this is what gatepost starts for itself, to read keys after it gave its rights up; it is not for typing")]
    Typed,
    /// It has more rights than it should.
    #[error("the reader process cannot give its rights up")]
    Confine(#[source] io::Error),
    /// Who started it went away, or speaks otherwise.
    #[error("the reader process does not understand who started it")]
    Hello(#[source] io::Error),
}

/// Reads for whoever is at the other end of standard input, until they go.
///
/// # Errors
/// See [`ServeError`].
pub fn serve() -> Result<(), ServeError> {
    let line = io::stdin().as_fd().try_clone_to_owned().and_then(Line::of).map_err(|_| ServeError::Typed)?;
    confine().map_err(ServeError::Confine)?;
    program_log(Level::INFO);
    // Its followers' standard input is a line of their own.
    let nothing = File::open("/dev/null").map_err(ServeError::Confine)?;
    rustix::stdio::dup2_stdin(nothing).map_err(|error| ServeError::Confine(error.into()))?;
    let Some((hello, _)) = line.hear::<Hello>().map_err(ServeError::Hello)? else { return Ok(()) };
    let mut reading = match Reading::begin(hello) {
        Ok(reading) => reading,
        Err(why) => {
            // Who started it says it.
            let _ = line.say(&Reply::Failed(why));
            return Ok(());
        }
    };
    line.say(&Reply::Done).map_err(ServeError::Hello)?;
    loop {
        let (number, asked) = match line.hear::<(u64, Ask)>() {
            Ok(Some((asked, _))) => asked,
            // It has gone.
            Ok(None) => return Ok(()),
            Err(error) => return Err(ServeError::Hello(error)),
        };
        let (reply, descriptor) = reading.answer(asked);
        let said = match &descriptor {
            Some(descriptor) => line.say_with(&(number, reply), descriptor),
            None => line.say(&(number, reply)),
        };
        match said {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                line.say(&(number, Reply::Failed(error.to_string()))).map_err(ServeError::Hello)?;
            }
            Err(_) => return Ok(()),
        }
    }
}

struct Reading {
    hello: Hello,
    /// What the configuration names, or named since this process began: what is served by an old one that goes on must
    /// be readable, too.
    named: BTreeSet<PathBuf>,
    ear: Option<OwnedFd>,
    followers: Vec<Child>,
    refused: u32,
}

type Answer = (Reply, Option<OwnedFd>);

impl Reading {
    fn begin(hello: Hello) -> Result<Self, String> {
        if hello.speaks != SPEAKS {
            return Err(format!("it speaks version {SPEAKS}, and was spoken to in version {}", hello.speaks));
        }
        // The configuration itself may be root's alone as well.
        let named = BTreeSet::from([hello.configuration.clone()]);
        let mut this = Self { hello, named, ear: None, followers: Vec::new(), refused: 0 };
        match this.look_again() {
            Reply::Done => Ok(this),
            reply => Err(format!("{}: {}", this.hello.configuration.display(), super::refusal(reply))),
        }
    }

    fn answer(&mut self, asked: Ask) -> Answer {
        match asked {
            Ask::Open(path) => self.open(&path),
            Ask::Stat(path) => (self.stat(&path), None),
            Ask::Trail(path) => (self.trail(&path), None),
            Ask::Ear => self.ear(),
            Ask::Listen(path) => (self.listen(&path), None),
            Ask::LookAgain => (self.look_again(), None),
            Ask::Another => self.another(),
        }
    }

    /// Walks a path that is named, or says why not.
    fn walk(&mut self, path: &Path) -> Result<Walked, Reply> {
        if !self.named.contains(path) {
            self.refused = self.refused.saturating_add(1);
            if self.refused <= TOLD_REFUSALS {
                tracing::warn!(path = %path.display(), "the reader process refused to open what the configuration does not name");
            }
            return Err(Reply::Unnamed);
        }
        self.hello.asker.led(path).map_err(|Changeable(place)| Reply::Changeable(place))
    }

    fn open(&mut self, path: &Path) -> Answer {
        let opened = self.walk(path).and_then(|walked| {
            walked.end.and_then(|end| end.open()).map_err(|error| Reply::System(error.raw_os_error()))
        });
        match opened {
            Ok(descriptor) => (Reply::Done, Some(descriptor)),
            Err(reply) => (reply, None),
        }
    }

    fn stat(&mut self, path: &Path) -> Reply {
        let end = match self.walk(path) {
            Ok(walked) => walked.end,
            Err(reply) => return reply,
        };
        let stat = match end {
            Ok(end) => end.stat,
            Err(error) => return Reply::System(error.raw_os_error()),
        };
        // What tells it from what it was: which bits they are does not matter.
        Reply::Stat([
            stat.st_dev.cast_signed(),
            stat.st_ino.cast_signed(),
            stat.st_size,
            stat.st_mtime,
            stat.st_mtime_nsec.cast_signed(),
            stat.st_ctime,
            stat.st_ctime_nsec.cast_signed(),
        ])
    }

    fn trail(&mut self, path: &Path) -> Reply {
        let place = |spot: super::super::walk::Spot| Place {
            folder: spot.folder.into_os_string().into_vec(),
            identity: spot.identity,
            name: spot.name.into_vec(),
        };
        match self.walk(path) {
            Ok(walked) => Reply::Trail(walked.spots.into_iter().map(place).collect()),
            Err(reply) => reply,
        }
    }

    fn ear(&mut self) -> Answer {
        let made = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .map_err(io::Error::from)
            .and_then(|ear| Ok((ear.try_clone()?, ear)));
        match made {
            Ok((theirs, ours)) => {
                self.ear = Some(ours);
                (Reply::Done, Some(theirs))
            }
            Err(error) => (Reply::Failed(error.to_string()), None),
        }
    }

    fn listen(&mut self, path: &Path) -> Reply {
        let walked = match self.walk(path) {
            Ok(walked) => walked,
            Err(reply) => return reply,
        };
        let Some(ear) = &self.ear else { return Reply::Failed("nothing to listen with was asked for".into()) };
        let (mut names, mut blind) = (Vec::new(), Vec::new());
        for spot in walked.spots {
            match inotify::add_watch(ear, &spot.folder, TOLD) {
                Ok(number) => names.push((number, spot.name.into_vec())),
                Err(error) => blind.push((spot.folder.as_os_str().as_bytes().to_vec(), error.to_string())),
            }
        }
        Reply::Listening(names, blind)
    }

    /// A file that who asks could have written would be that one's words.
    fn look_again(&mut self) -> Reply {
        let path = self.hello.configuration.clone();
        let text = match self.open(&path) {
            (Reply::Done, Some(opened)) => io::read_to_string(File::from(opened)),
            (reply, _) => return reply,
        };
        match text {
            Ok(text) => {
                self.take(Source { path, text });
                Reply::Done
            }
            Err(error) => Reply::Failed(error.to_string()),
        }
    }

    /// Adds what this text names. A text with faults names nothing: who asks finds them, too, and goes on with what it has.
    fn take(&mut self, source: Source) {
        // Nothing that it names depends on the environment, and secrets in there are none of the reader's business.
        let surroundings = Surroundings { root: true, ..Surroundings::unasked() };
        if let Some(config) = config::parse_in(source, &surroundings).config {
            self.named.extend(config.files_read().into_iter().filter_map(|path| std::path::absolute(path).ok()));
        }
    }

    fn another(&mut self) -> Answer {
        self.followers.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        if self.followers.len() >= FOLLOWERS {
            return (Reply::Failed("too many processes still drain".into()), None);
        }
        // What is started gets the rights to read: only root may choose it.
        let program = match self.hello.asker.led(&self.hello.program) {
            Ok(walked) => walked.end.map(|_| self.hello.program.clone()),
            Err(Changeable(place)) => return (Reply::Changeable(place), None),
        };
        let started = program
            .map_err(|error: Errno| io::Error::from(error).to_string())
            .and_then(|program| begin(&program, &self.hello).map_err(|error| error.to_string()));
        match started.and_then(|(child, line)| Ok((child, line.try_clone().map_err(|error| error.to_string())?))) {
            Ok((child, line)) => {
                self.followers.push(child);
                (Reply::Done, Some(line))
            }
            Err(why) => (Reply::Failed(why), None),
        }
    }
}

#[cfg(test)]
mod tests;
