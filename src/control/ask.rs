//! The control socket from outside: one question, and its answer.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{Answer, LONGEST, Question};

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum AskError {
    /// Nobody is there.
    #[error("no gatepost answers at {}{}", .path.display(), mend(.source))]
    Connect {
        /// Its control socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It broke off.
    #[error("the gatepost at {} broke off before it answered; its log says why", .path.display())]
    BrokeOff {
        /// Its control socket.
        path: PathBuf,
        /// What the system said, or how the answer was no answer.
        #[source]
        source: io::Error,
    },
}

fn mend(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            "; does it run, with this configuration? `control` in [server] names the socket"
        }
        io::ErrorKind::PermissionDenied => "; ask as the user that gatepost runs as, or as root",
        _ => "",
    }
}

/// Asks, and waits as long as it takes: whoever reloads or starts another process has limits of its own.
///
/// # Errors
/// Where nobody is there, or it breaks off.
pub fn ask(path: &Path, question: &Question) -> Result<Answer, AskError> {
    let mut stream = UnixStream::connect(path).map_err(|source| AskError::Connect { path: path.into(), source })?;
    exchange(&mut stream, question).map_err(|source| AskError::BrokeOff { path: path.into(), source })
}

fn exchange(stream: &mut UnixStream, question: &Question) -> io::Result<Answer> {
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut answer)?;
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_str(&answer)?)
}
