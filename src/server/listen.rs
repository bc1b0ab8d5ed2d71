//! Station 1: sockets that listen, and the loop that accepts.
//!
//! Every worker has its own socket for every address (`SO_REUSEPORT`), so the
//! kernel deals connections out and no worker wakes another. All are bound
//! before any worker starts: nothing half-starts. An accept error never ends the
//! loop; when descriptors run out it waits a moment and goes on.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::log::seldom::Seldom;

/// Connections that the kernel holds for us while we are busy; it caps this at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// How long to wait when no connection can be accepted for want of descriptors or memory: at first, and at most.
/// Meanwhile the kernel keeps the connections that come.
const BREATH: Duration = Duration::from_millis(25);
/// See [`BREATH`].
const LONGEST_BREATH: Duration = Duration::from_millis(400);

/// A want is over when connections were accepted for this long since.
const SETTLED: Duration = Duration::from_secs(2);

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// Plain HTTP.
    Http,
    /// TLS.
    Https,
}

impl Speaks {
    /// The scheme's name.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// One bound socket of one worker.
#[derive(Debug)]
pub struct Listener {
    socket: std::net::TcpListener,
    /// What is spoken on it.
    pub speaks: Speaks,
    /// Where it is bound.
    pub address: SocketAddr,
}

/// An address that cannot be listened on.
#[derive(Debug, Error)]
#[error("cannot listen on {scheme} address {address}{}", self.hint())]
pub struct BindError {
    scheme: &'static str,
    address: SocketAddr,
    #[source]
    source: io::Error,
}

impl BindError {
    fn hint(&self) -> String {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => format!(
                "; another program holds it: `ss -ltnp 'sport = :{}'` says which (Apache or nginx, still running?)",
                self.address.port()
            ),
            io::ErrorKind::PermissionDenied => "; ports below 1024 take root, or \
                `setcap cap_net_bind_service=+ep` on the program"
                .into(),
            io::ErrorKind::AddrNotAvailable => "; no interface has it: `ip address` lists those that are there".into(),
            _ => String::new(),
        }
    }
}

/// Binds one socket per worker to every address: the outer list is workers, the inner one addresses.
///
/// Port 0 gives all workers the one free port that the first got. An IPv6 wildcard also takes IPv4; where
/// the kernel has no IPv6, it falls back to `0.0.0.0` and says so in the log.
///
/// # Errors
/// The first address that cannot be bound, with the likely cause.
pub fn bind(
    addresses: impl IntoIterator<Item = (Speaks, SocketAddr)>,
    workers: usize,
) -> Result<Vec<Vec<Listener>>, BindError> {
    let mut of_workers: Vec<Vec<Listener>> = (0..workers).map(|_| Vec::new()).collect();
    for (speaks, wanted) in addresses {
        let mut address = wanted;
        for listeners in &mut of_workers {
            let bound = match bind_one(address) {
                Err(error) if address.is_ipv6() && address.ip().is_unspecified() && has_no_ipv6(&error) => {
                    tracing::warn!(%address, "this kernel has no IPv6; listening on IPv4 alone");
                    bind_one((Ipv4Addr::UNSPECIFIED, address.port()).into())
                }
                outcome => outcome,
            };
            let (socket, bound) =
                bound.map_err(|source| BindError { scheme: speaks.scheme(), address: wanted, source })?;
            address = bound;
            listeners.push(Listener { socket, speaks, address });
        }
    }
    Ok(of_workers)
}

fn has_no_ipv6(error: &io::Error) -> bool {
    // EAFNOSUPPORT without the protocol, EADDRNOTAVAIL where it is switched off by sysctl.
    error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
        || error.kind() == io::ErrorKind::AddrNotAvailable
}

fn bind_one(address: SocketAddr) -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let socket: std::net::TcpListener = socket.into();
    let address = socket.local_addr()?;
    Ok((socket, address))
}

impl Listener {
    /// Hands the socket to the runtime of the calling worker.
    ///
    /// # Errors
    /// Where the runtime cannot watch it.
    pub fn into_tokio(self) -> io::Result<TcpListener> {
        TcpListener::from_std(self.socket)
    }
}

/// Accepts for ever; hands every connection to `serve`, which must not wait.
///
/// Where none can be accepted for want of descriptors or memory it waits, longer each time, after calling
/// `make_room`; the log has it when that begins, every few seconds while it lasts, and when it is over.
pub async fn accept(listener: &TcpListener, mut serve: impl FnMut(TcpStream, SocketAddr), make_room: impl Fn()) {
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
