//! Hears of changes to the names on a [`Trail`], by inotify(7).
//!
//! Told are the ends of things: a file closed after writing, a name made, moved
//! or gone, rights changed. Never each write, so that a file is not read while it
//! is written; never a reading, which would be our own.
//!
//! inotify is not all: network file systems tell nothing of what other machines
//! do, and a system's limits may leave no watch. Whoever uses this has to look
//! now and then without being told.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use futures_util::{FutureExt, StreamExt};
use inotify::{Event, EventMask, EventStream, Inotify, WatchDescriptor, WatchMask};

use super::trail::Trail;

/// What is worth another look when it happens to a name that matters.
const TOLD: WatchMask = WatchMask::CLOSE_WRITE
    .union(WatchMask::CREATE)
    .union(WatchMask::MOVED_TO)
    .union(WatchMask::MOVED_FROM)
    .union(WatchMask::DELETE)
    .union(WatchMask::ATTRIB)
    .union(WatchMask::DELETE_SELF)
    .union(WatchMask::MOVE_SELF)
    .union(WatchMask::ONLYDIR);

/// Room for some fifteen events with names as long as they can be.
const BUFFER: usize = 4096;

type Names = HashMap<WatchDescriptor, BTreeSet<OsString>>;

/// Watched folders; made on any thread.
pub(super) struct Watch {
    inotify: Inotify,
    names: Names,
    /// Folders that cannot be watched, and why.
    pub(super) blind: Vec<(PathBuf, io::Error)>,
}

/// A watch that a task of the current runtime waits for.
pub(super) struct Ear {
    events: EventStream<[u8; BUFFER]>,
    names: Names,
}

impl Watch {
    /// Watches all folders of a trail that can be watched.
    ///
    /// # Errors
    /// Where the system has no inotify to give.
    pub(super) fn on(trail: &Trail) -> io::Result<Self> {
        let inotify = Inotify::init()?;
        let (mut names, mut blind) = (Names::new(), Vec::new());
        for (folder, wanted) in trail.folders() {
            match inotify.watches().add(&folder.path, TOLD) {
                // A folder has one number, by however many paths it was come to.
                Ok(number) => names.entry(number).or_default().extend(wanted.iter().cloned()),
                Err(error) => blind.push((folder.path.clone(), error)),
            }
        }
        Ok(Self { inotify, names, blind })
    }

    /// The same, to be waited for.
    ///
    /// # Errors
    /// Where the runtime cannot wait for it.
    pub(super) fn listen(self) -> io::Result<Ear> {
        Ok(Ear { events: self.inotify.into_event_stream([0; BUFFER])?, names: self.names })
    }
}

impl Ear {
    /// Waits until something happened to a name that matters, and takes in all that has happened by then.
    ///
    /// # Errors
    /// Where inotify fails; it will not get better.
    pub(super) async fn heard(&mut self) -> io::Result<()> {
        let mut matters = false;
        loop {
            let event = match (matters, self.events.next()) {
                (false, next) => next.await,
                (true, next) => match next.now_or_never() {
                    Some(event) => event,
                    None => return Ok(()),
                },
            };
            matters |= self.matters(&event.ok_or(io::ErrorKind::UnexpectedEof)??);
        }
    }

    fn matters(&self, event: &Event<OsString>) -> bool {
        // Events that were lost could have been any.
        if event.mask.contains(EventMask::Q_OVERFLOW) {
            return true;
        }
        match (self.names.get(&event.wd), &event.name) {
            (Some(names), Some(name)) => names.contains(name),
            // The folder itself.
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}
