//! The loop that accepts, on one socket of one worker.
//!
//! An error never ends it; when descriptors run out it waits a moment and goes on.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::log::seldom::Seldom;

/// How long to wait when no connection can be accepted for want of descriptors or memory: at first, and at most.
/// Meanwhile the kernel keeps the connections that come.
const BREATH: Duration = Duration::from_millis(25);
/// See [`BREATH`].
const LONGEST_BREATH: Duration = Duration::from_millis(400);

/// A want is over when connections were accepted for this long since.
const SETTLED: Duration = Duration::from_secs(2);

/// Accepts for ever; hands every connection to `serve`, which must not wait.
///
/// Where none can be accepted for want of descriptors or memory it waits, longer each time, after calling
/// `make_room`; the log has it when that begins, every few seconds while it lasts, and when it is over.
pub(super) async fn accept(listener: &TcpListener, mut serve: impl FnMut(TcpStream, SocketAddr), make_room: impl Fn()) {
    let mut want = None;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Some(since) = want.take_if(|want: &mut Want| want.last.elapsed() >= SETTLED) {
                    tracing::info!(after = ?since.begin.elapsed(), "accepting connections again");
                }
                serve(stream, peer);
            }
            // The client gave up between its SYN and our accept.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if let Some(times) = CANNOT_ACCEPT.happens() {
                    tracing::error!(%error, times, "cannot accept connections for the moment{}", mend(&error));
                }
                make_room();
                tokio::time::sleep(Want::goes_on(&mut want)).await;
            }
        }
    }
}

/// Shared by all listeners: they lack the same.
static CANNOT_ACCEPT: Seldom = Seldom::new();

/// What an operator can do about it.
fn mend(error: &io::Error) -> &'static str {
    use rustix::io::Errno;
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::MFILE) => {
            "; this process may open no more files and sockets: raise LimitNOFILE= in the systemd unit, \
             or lower `connections` in [limits]"
        }
        Some(Errno::NFILE) => "; the whole machine may open no more files: see `sysctl fs.file-max`",
        Some(Errno::NOBUFS | Errno::NOMEM) => "; the kernel has no memory for it",
        _ => "",
    }
}

/// A time without a new connection, for want of something.
#[derive(Debug)]
struct Want {
    begin: Instant,
    last: Instant,
    breath: Duration,
}

impl Want {
    /// How long to wait this time.
    fn goes_on(want: &mut Option<Self>) -> Duration {
        let now = Instant::now();
        let want = want.get_or_insert_with(|| Self { begin: now, last: now, breath: BREATH });
        // What worked in between was luck unless it lasted.
        want.breath = if want.last.elapsed() >= SETTLED { BREATH } else { (want.breath * 2).min(LONGEST_BREATH) };
        want.last = now;
        want.breath
    }
}
