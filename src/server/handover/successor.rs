//! The old one's side: starts the next process, gives it the sockets, and hears whether it can serve.

use std::ffi::OsString;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::oneshot;

use super::{VARIABLE, Word};
use crate::line::Line;
use crate::privilege::reader;
use crate::server::listen::Sockets;

/// From the start of a process to its being ready: it reads files and makes nothing that takes long, but its disk may be slow.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// From being told to serve to serving.
const SERVING_WITHIN: Duration = Duration::from_secs(10);

/// What there is to hand over.
#[derive(Debug)]
pub(in crate::server) struct Start {
    /// Where connections come in.
    pub(in crate::server) sockets: Sockets,
    /// Where the status page does, with the address as the configuration has it.
    pub(in crate::server) admin: Option<(SocketAddr, Arc<TcpListener>)>,
}

/// A process that is ready to serve and waits to be told to.
#[derive(Debug)]
pub(in crate::server) struct Successor {
    child: Child,
    line: Line,
}

/// Why there is none.
#[derive(Debug, Error)]
pub(in crate::server) enum Fault {
    /// The program is not there, or the system has no room for it.
    #[error("cannot start {program:?}")]
    Spawn {
        program: OsString,
        #[source]
        source: io::Error,
    },
    /// It said why it cannot serve.
    #[error("the new process cannot serve: {0}")]
    Failed(String),
    /// It ended without a word.
    #[error("the new process ended before it was ready ({0}); standard error, or the journal, has what it said")]
    Ended(ExitStatus),
    /// It takes too long.
    #[error("the new process was not ready within {} s", READY_WITHIN.as_secs())]
    Slow,
    /// Talking to it failed.
    #[error("cannot hand over to the new process")]
    Talk(#[source] io::Error),
}

impl Start {
    /// Starts it and waits, on a thread of its own, until it is ready or cannot be.
    pub(in crate::server) fn begin(self) -> oneshot::Receiver<Result<Successor, Fault>> {
        let (tell, told) = oneshot::channel();
        let work = move || {
            // Nobody wants it any more: it must not take the silence for a crash, and serve.
            if let Err(Ok(successor)) = tell.send(self.run()) {
                successor.send_away();
            }
        };
        // Without a thread the sender goes with the closure, and who waits hears of it.
        let _ = thread::Builder::new().name("handover".into()).spawn(work);
        told
    }

    fn run(self) -> Result<Successor, Fault> {
        let (line, theirs) = Line::pair().map_err(Fault::Talk)?;
        let child = spawn(theirs)?;
        let mut successor = Successor { child, line };
        match self.tell(&successor.line) {
            Ok(Some((Word::Ready, _))) => Ok(successor),
            Ok(Some((Word::Failed { why }, _))) => {
                successor.end();
                Err(Fault::Failed(why))
            }
            Ok(Some((other, _))) => {
                successor.end();
                Err(Fault::Talk(io::Error::new(io::ErrorKind::InvalidData, format!("it said {other:?}"))))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                successor.end();
                Err(Fault::Slow)
            }
            // It has gone: before it was told all, where that is an error.
            Ok(None) => Err(successor.ended()),
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                Err(successor.ended())
            }
            Err(error) => {
                successor.end();
                Err(Fault::Talk(error))
            }
        }
    }

    fn tell(&self, line: &Line) -> io::Result<Option<(Word, Option<std::os::fd::OwnedFd>)>> {
        line.patient(READY_WITHIN)?;
        if let Some(reader) = reader::current() {
            line.say_with(&Word::Reader, reader.another()?)?;
        }
        for (speaks, wanted, held, listener) in self.sockets.each() {
            line.say_with(&Word::Listener { speaks, wanted, held }, listener)?;
        }
        if let Some((wanted, listener)) = &self.admin {
            line.say_with(&Word::Admin { wanted: *wanted }, listener)?;
        }
        line.say(&Word::ThatIsAll)?;
        line.hear()
    }
}

/// Starts what is at this program's path now, with this program's arguments.
fn spawn(theirs: std::os::fd::OwnedFd) -> Result<Child, Fault> {
    let mut arguments = std::env::args_os();
    // As it was typed: a link that leads to another version by now is followed anew.
    let program = arguments.next().unwrap_or_default();
    Command::new(&program)
        .args(arguments)
        .env(VARIABLE, "stdin")
        // systemd's, of this process: the sockets come over the line, and whom the watchdog watches systemd is told.
        .env_remove("LISTEN_PID")
        .env_remove("LISTEN_FDS")
        .env_remove("LISTEN_FDNAMES")
        .env_remove("WATCHDOG_PID")
        .stdin(Stdio::from(theirs))
        .spawn()
        .map_err(|source| Fault::Spawn { program, source })
}

impl Successor {
    /// Its process.
    pub(in crate::server) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has it serve, and waits until it does: that takes as long as threads take to start.
    ///
    /// # Errors
    /// Where it does not.
    pub(in crate::server) fn serve(mut self) -> Result<(), Fault> {
        let serving = self.line.patient(SERVING_WITHIN).and_then(|()| {
            self.line.say(&Word::Yours)?;
            self.line.hear()
        });
        match serving {
            Ok(Some((Word::Serving, _))) => {
                // It outlives this process; until then somebody must take note of its end.
                let _ = thread::Builder::new().name("successor".into()).spawn(move || self.child.wait());
                Ok(())
            }
            Ok(_) | Err(_) => Err(self.ended()),
        }
    }

    /// Sends it away.
    pub(in crate::server) fn send_away(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.line.say(&Word::Not);
        // It may be at something that takes long: then it does not hear.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn ended(&mut self) -> Fault {
        let _ = self.child.kill();
        match self.child.wait() {
            Ok(status) => Fault::Ended(status),
            Err(error) => Fault::Talk(error),
        }
    }
}
