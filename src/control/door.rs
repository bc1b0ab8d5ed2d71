//! The control socket from inside: made beside its place, moved there once this process serves, watched by whom it concerns.
//!
//! Made beside and renamed, so that it is never there with another mode, and a
//! process that takes over takes the place without a moment in which nobody answers.
//! Whoever finds another socket at its place when it ends leaves that alone.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::{Answer, LONGEST, Question};

/// Questions that may wait to be accepted: a person asks one at a time.
const BACKLOG: i32 = 16;

/// Conversations at once.
const MOST: usize = 16;

/// How long an asker may take to ask, and to take its answer.
const WITHIN: Duration = Duration::from_secs(10);

/// How long the end of the process waits for answers that are on their way.
const GOODBYE: Duration = Duration::from_secs(1);

/// Why commands cannot ask.
#[derive(Debug, Error)]
pub enum DoorError {
    /// Its place cannot be used.
    #[error("cannot make the control socket {}; commands cannot reach this gatepost: name another place with `control` in [server]", .path.display())]
    Make {
        /// Where it was to be.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another one answers there.
    #[error("another gatepost answers at {}; commands cannot reach this one: give it a `control` of its own in [server]", .0.display())]
    Taken(PathBuf),
}

/// A control socket beside its place: nobody asks yet.
#[derive(Debug)]
pub struct Door {
    listener: StdListener,
    beside: PathBuf,
    path: PathBuf,
}

/// A control socket in its place.
#[derive(Debug)]
pub struct OpenDoor {
    asked: mpsc::Receiver<Asked>,
    conversations: tokio::task::JoinHandle<()>,
    path: PathBuf,
    /// What tells it from another one's.
    identity: Option<(u64, u64)>,
}

/// A question, and whom to tell.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub question: Question,
    /// Who waits for it.
    pub answer: oneshot::Sender<Answer>,
}

impl Door {
    /// Makes it beside `path`, with the folder where that is not there. Unless this process `takes_over` from the one
    /// that answers there, nobody may.
    ///
    /// # Errors
    /// See [`DoorError`].
    pub fn make(path: &Path, takes_over: bool) -> Result<Self, DoorError> {
        if !takes_over && StdStream::connect(path).is_ok() {
            return Err(DoorError::Taken(path.into()));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
        match listen(path, &beside) {
            Ok(listener) => Ok(Self { listener, beside, path: path.into() }),
            Err(source) => {
                let _ = fs::remove_file(&beside);
                Err(DoorError::Make { path: path.into(), source })
            }
        }
    }

    /// Moves it to its place, where it takes that of a socket before it, and answers there. Within a runtime.
    ///
    /// # Errors
    /// Where it cannot be moved there.
    pub fn open(self) -> Result<OpenDoor, DoorError> {
        let error = |source| DoorError::Make { path: self.path.clone(), source };
        fs::rename(&self.beside, &self.path).map_err(error)?;
        let identity = identity(&self.path);
        let listener = self.listener.try_clone().and_then(UnixListener::from_std).map_err(error)?;
        let (ask, asked) = mpsc::channel(MOST);
        let conversations = tokio::spawn(converse(listener, ask));
        Ok(OpenDoor { asked, conversations, path: self.path.clone(), identity })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // Where it was moved there is nothing to remove.
        let _ = fs::remove_file(&self.beside);
    }
}

impl OpenDoor {
    /// The next question.
    pub async fn next(&mut self) -> Option<Asked> {
        self.asked.recv().await
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes no more questions; what was answered is sent yet.
    pub async fn close(mut self) {
        self.asked.close();
        let _ = tokio::time::timeout(GOODBYE, &mut self.conversations).await;
    }
}

impl Drop for OpenDoor {
    fn drop(&mut self) {
        self.conversations.abort();
        if self.identity.is_some() && identity(&self.path) == self.identity {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn listen(path: &Path, beside: &Path) -> io::Result<StdListener> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    if fs::symlink_metadata(path).is_ok_and(|there| !is_socket(&there)) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is no socket is there"));
    }
    let _ = fs::remove_file(beside);
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&socket2::SockAddr::unix(beside)?)?;
    // Before it listens, so that nobody gets in by what the umask allows.
    fs::set_permissions(beside, Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn is_socket(there: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    there.file_type().is_socket()
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Talks to whoever comes; ends, with the last conversation, when nobody wants to hear questions any more.
async fn converse(listener: UnixListener, ask: mpsc::Sender<Asked>) {
    let mut conversations = JoinSet::new();
    loop {
        while conversations.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = ask.closed() => break,
            accepted = listener.accept(), if conversations.len() < MOST => accepted,
            Some(_) = conversations.join_next(), if conversations.len() >= MOST => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                conversations.spawn(talk(stream, ask.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept on the control socket for the moment");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop((listener, ask));
    while conversations.join_next().await.is_some() {}
}

async fn talk(mut stream: UnixStream, ask: mpsc::Sender<Asked>) {
    let answer = match who(&stream) {
        Ok(()) => match tokio::time::timeout(WITHIN, question(&mut stream)).await {
            Ok(Ok(question)) => put(question, &ask).await,
            Ok(Err(why)) => Answer::refused(why),
            Err(_) => return,
        },
        Err(why) => Answer::refused(why),
    };
    let Ok(mut line) = serde_json::to_vec(&answer) else { return };
    line.push(b'\n');
    // Who does not listen any more wants no answer.
    let _ = tokio::time::timeout(WITHIN, stream.write_all(&line)).await;
}

/// The same user and root may ask: the mode of the socket says so already, unless somebody changed it.
fn who(stream: &UnixStream) -> Result<(), String> {
    let asks = stream.peer_cred().map_err(|error| format!("cannot see who asks: {error}"))?.uid();
    let ours = rustix::process::geteuid().as_raw();
    if asks == ours || asks == 0 {
        return Ok(());
    }
    tracing::warn!(user = asks, "refused another user's question on the control socket");
    Err(format!("user {asks} may not ask; user {ours}, that gatepost runs as, and root may"))
}

async fn question(stream: &mut UnixStream) -> Result<Question, String> {
    let mut line = String::new();
    let read = BufReader::new(stream.take(LONGEST)).read_line(&mut line).await;
    read.map_err(|error| format!("the question cannot be read: {error}"))?;
    serde_json::from_str(&line).map_err(|error| format!("the question is not understood: {error}"))
}

async fn put(question: Question, ask: &mpsc::Sender<Asked>) -> Answer {
    let (answer, answered) = oneshot::channel();
    let ending = || Answer::refused("it is ending");
    if ask.send(Asked { question, answer }).await.is_err() {
        return ending();
    }
    answered.await.unwrap_or_else(|_| ending())
}
