//! Hears of changes to the names on a [`Trail`], by inotify(7).
//!
//! Told are the ends of things: a file closed after writing, a name made, moved
//! or gone, rights changed. Never each write, so that a file is not read while it
//! is written; never a reading, which would be our own.
//!
//! What only the reader process can see, that one watches, and hands over what it hears with.
//!
//! inotify is not all: network file systems tell nothing of what other machines
//! do, and a system's limits may leave no watch. Whoever uses this has to look
//! now and then without being told.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use tokio::net::unix::pipe;

use crate::privilege::reader;

use super::trail::Trail;

/// What is worth another look when it happens to a name that matters.
pub(crate) const TOLD: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::CREATE)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// Room for some fifteen events with names as long as they can be.
const BUFFER: usize = 4096;

type Names = HashMap<i32, BTreeSet<OsString>>;

/// Watched folders; made on any thread.
pub(super) struct Watch {
    own: Half,
    /// What the reader process watches.
    theirs: Option<Half>,
    /// Folders that cannot be watched, and why.
    pub(super) blind: Vec<(PathBuf, io::Error)>,
}

/// An inotify instance, and the names that matter by the numbers of its watches.
struct Half {
    inotify: OwnedFd,
    names: Names,
}

/// A watch that a task of the current runtime waits for.
pub(super) struct Ear {
    own: Listening,
    theirs: Option<Listening>,
}

struct Listening {
    /// Of tokio's types the one that waits for a descriptor without asking what it is, and without `unsafe`.
    events: pipe::Receiver,
    names: Names,
}

impl Watch {
    /// Watches all folders of a trail that can be watched.
    ///
    /// # Errors
    /// Where the system has no inotify to give.
    pub(super) fn on(trail: &Trail) -> io::Result<Self> {
        let mut own =
            Half { inotify: inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?, names: Names::new() };
        let mut blind = Vec::new();
        for (folder, wanted) in trail.folders() {
            match inotify::add_watch(&own.inotify, &folder.path, TOLD) {
                // A folder has one number, by however many paths it was come to.
                Ok(number) => own.names.entry(number).or_default().extend(wanted.iter().cloned()),
                Err(error) => blind.push((folder.path.clone(), error.into())),
            }
        }
        let theirs = Half::of_reader(trail, &mut blind);
        Ok(Self { own, theirs, blind })
    }

    /// The same, to be waited for.
    ///
    /// # Errors
    /// Where the runtime cannot wait for it.
    pub(super) fn listen(self) -> io::Result<Ear> {
        Ok(Ear { own: self.own.listen()?, theirs: self.theirs.map(Half::listen).transpose()? })
    }
}

impl Half {
    /// What it refuses to watch stays unwatched, and is looked at now and then.
    fn of_reader(trail: &Trail, blind: &mut Vec<(PathBuf, io::Error)>) -> Option<Self> {
        let reader = reader::current().filter(|_| trail.of_reader().next().is_some())?;
        let (inotify, listening) = match reader.listen(trail.of_reader()) {
            Ok(listening) => listening,
            Err(refusal) => {
                blind.extend(trail.of_reader().map(|path| (path.clone(), io::Error::other(refusal.clone()))));
                return None;
            }
        };
        let mut names = Names::new();
        for (number, name) in listening.names {
            names.entry(number).or_default().insert(name);
        }
        blind.extend(listening.blind);
        Some(Self { inotify, names })
    }

    fn listen(self) -> io::Result<Listening> {
        Ok(Listening { events: pipe::Receiver::from_owned_fd_unchecked(self.inotify)?, names: self.names })
    }
}

impl Ear {
    /// Waits until something happened to a name that matters, and takes in all that has happened by then.
    ///
    /// # Errors
    /// Where inotify fails; it will not get better.
    pub(super) async fn heard(&mut self) -> io::Result<()> {
        let theirs = async {
            match &self.theirs {
                Some(theirs) => theirs.heard().await,
                None => pending().await,
            }
        };
        tokio::select! {
            heard = self.own.heard() => heard,
            heard = theirs => heard,
        }
    }
}

impl Listening {
    async fn heard(&self) -> io::Result<()> {
        loop {
            self.events.readable().await?;
            if self.take_in()? {
                return Ok(());
            }
        }
    }

    /// Everything that is there by now; whether any of it matters.
    fn take_in(&self) -> io::Result<bool> {
        let mut room = [0; BUFFER];
        let mut matters = false;
        loop {
            match self.events.try_read(&mut room) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => matters |= events(&room[..length]).any(|event| self.matters(&event)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(matters),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn matters(&self, event: &Event<'_>) -> bool {
        // Events that were lost could have been any.
        if event.flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            return true;
        }
        match (self.names.get(&event.watch), event.name) {
            // The folder itself.
            (Some(_), []) => true,
            (Some(names), name) => names.contains(OsStr::from_bytes(name)),
            (None, _) => false,
        }
    }
}

/// `struct inotify_event` of inotify(7).
#[derive(Debug, PartialEq, Eq)]
struct Event<'b> {
    watch: i32,
    flags: ReadFlags,
    /// Empty where it is the folder itself.
    name: &'b [u8],
}

/// What one reading gave: whole events, as the kernel promises.
fn events(mut bytes: &[u8]) -> impl Iterator<Item = Event<'_>> {
    std::iter::from_fn(move || {
        let (head, rest) = bytes.split_first_chunk::<16>()?;
        let number = |at: usize| head[at..at + 4].try_into().map(u32::from_ne_bytes).unwrap_or_default();
        let (watch, flags, length) = (number(0).cast_signed(), number(4), number(12));
        let (name, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        bytes = rest;
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
        Some(Event { watch, flags: ReadFlags::from_bits_retain(flags), name: &name[..end] })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_one_after_the_other_and_a_torn_one_ends_it() {
        let event = |watch: i32, flags: ReadFlags, name: &[u8]| {
            let mut bytes = watch.to_ne_bytes().to_vec();
            let length = u32::try_from(name.len()).expect("short");
            for number in [flags.bits(), 0, length] {
                bytes.extend(number.to_ne_bytes());
            }
            bytes.extend(name);
            bytes
        };
        let mut bytes = event(1, ReadFlags::CREATE, b"privkey.pem\0\0\0\0\0");
        bytes.extend(event(2, ReadFlags::DELETE_SELF, b""));
        let read = |bytes: &[u8]| events(bytes).map(|event| (event.watch, event.name.to_vec())).collect::<Vec<_>>();
        assert_eq!(read(&bytes), [(1, b"privkey.pem".to_vec()), (2, Vec::new())]);
        bytes.extend(event(3, ReadFlags::CREATE, b"torn\0\0\0\0"));
        assert_eq!(read(&bytes[..bytes.len() - 1]).len(), 2);
    }
}
