//! The new one's side: what it was given by the process before it, or by systemd, and how it says that it can serve.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::time::Duration;

use listenfd::ListenFd;
use thiserror::Error;

use super::{VARIABLE, Word};
use crate::line::{LONGEST, Line};
use crate::privilege::reader::Reader;
use crate::server::listen::{Sockets, Speaks};

/// How long the process before may take from one word to the next; it has nothing else to do.
const WORD_WITHIN: Duration = Duration::from_secs(30);

/// What this process need not bind, and whom it follows.
#[derive(Debug, Default)]
pub struct Inherited {
    /// Where connections come in.
    pub sockets: Sockets,
    /// Where the status page does, with the address as the configuration had it.
    pub admin: Option<(SocketAddr, TcpListener)>,
    /// The reader that was started for this process.
    pub reader: Option<Reader>,
    /// Who serves until this one is ready.
    pub before: Before,
}

/// The process that serves until this one is ready, where there is one.
#[derive(Debug, Default)]
pub struct Before(Option<Line>);

/// What was to be inherited cannot be used.
#[derive(Debug, Error)]
pub enum InheritError {
    /// systemd passed something that is not listened on.
    #[error(
        "descriptor {number} of those that systemd passed is no listening TCP socket; a .socket unit for gatepost has ListenStream= with addresses alone"
    )]
    NotListening {
        /// Which, from 0.
        number: usize,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The process before did not hand over as expected.
    #[error("cannot take over from the process before")]
    TakeOver(#[source] io::Error),
    /// It did not want to be followed in the end.
    #[error("the process before serves on: it was told to stop, or gave up waiting")]
    SentAway,
}

impl Inherited {
    /// What this process was given. To be asked once, before there is a second thread: it takes systemd's variables out of
    /// the environment, lest a child of ours believes that they are for it.
    ///
    /// # Errors
    /// Where it was given something that cannot be used; see [`InheritError`].
    pub fn find() -> Result<Self, InheritError> {
        let mut this = Self::default();
        if std::env::var_os(VARIABLE).is_some()
            && let Some(line) = line()
        {
            this.take_over(line).map_err(InheritError::TakeOver)?;
        } else {
            this.of_systemd()?;
        }
        Ok(this)
    }

    fn of_systemd(&mut self) -> Result<(), InheritError> {
        let mut passed = ListenFd::from_env();
        for number in 0..passed.len() {
            let error = |source| InheritError::NotListening { number, source };
            if let Some(listener) = passed.take_tcp_listener(number).map_err(error)? {
                // What is spoken there the configuration says, by the address.
                self.sockets.inherit(listener, Speaks::Http, None, true).map_err(error)?;
            }
        }
        Ok(())
    }

    fn take_over(&mut self, line: Line) -> io::Result<()> {
        line.patient(WORD_WITHIN)?;
        loop {
            let (word, descriptor) = line.hear()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            match (word, descriptor) {
                (Word::Listener { speaks, wanted, held }, Some(descriptor)) => {
                    self.sockets.inherit(descriptor.into(), speaks, Some(wanted), held)?;
                }
                (Word::Admin { wanted }, Some(descriptor)) => {
                    let listener = TcpListener::from(descriptor);
                    listener.set_nonblocking(true)?;
                    self.admin = Some((wanted, listener));
                }
                (Word::Reader, Some(descriptor)) => self.reader = Some(Reader::on(descriptor)?),
                (Word::ThatIsAll, _) => break,
                (other, _) => return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it said {other:?}"))),
            }
        }
        self.before = Before(Some(line));
        Ok(())
    }
}

impl Before {
    /// Whether another process serves until this one is ready.
    pub fn follows(&self) -> bool {
        self.0.is_some()
    }

    /// Says that everything is there to serve, and waits to be told to. Without a process before, at once.
    ///
    /// # Errors
    /// Where it is not to serve.
    pub fn ready(&self) -> Result<(), InheritError> {
        let Some(line) = &self.0 else { return Ok(()) };
        // Whatever keeps it from answering: where it has gone, there is nobody else to serve.
        if line.say(&Word::Ready).is_err() {
            return Ok(());
        }
        match line.hear() {
            Ok(Some((Word::Not, _))) => Err(InheritError::SentAway),
            Ok(Some((Word::Yours, _)) | None) => Ok(()),
            Ok(Some((other, _))) => {
                let source = io::Error::new(io::ErrorKind::InvalidData, format!("it said {other:?}"));
                Err(InheritError::TakeOver(source))
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
            Err(error) => Err(InheritError::TakeOver(error)),
        }
    }

    /// Says that this process serves.
    pub fn serving(&self) {
        if let Some(line) = &self.0 {
            // Where nobody hears it, there is nobody to wait for it.
            let _ = line.say(&Word::Serving);
        }
    }

    /// Says why this process cannot serve.
    pub fn failed(&self, why: &str) {
        if let Some(line) = &self.0 {
            // In JSON a character takes six bytes at most.
            let why = why.chars().take(LONGEST / 8).collect();
            // Where nobody hears it, the log has it.
            let _ = line.say(&Word::Failed { why });
        }
    }
}

/// Standard input, where it is a line to the process before; `/dev/null` takes its place.
fn line() -> Option<Line> {
    let input = io::stdin().as_fd().try_clone_to_owned().ok()?;
    let line = Line::of(input).ok()?;
    let nothing = std::fs::File::open("/dev/null").ok()?;
    rustix::stdio::dup2_stdin(nothing).ok()?;
    Some(line)
}
