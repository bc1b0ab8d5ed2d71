//! Station 1: sockets that listen.
//!
//! There are as many sockets for an address as workers (`SO_REUSEPORT`), so the
//! kernel deals connections out and no worker wakes another. All are bound
//! before any worker starts: nothing half-starts.
//!
//! A socket is never closed while its address is served. The kernel keeps
//! connections that nobody has accepted with the very socket that their first
//! packet fell to, and resets them all when it is closed; only with
//! `net.ipv4.tcp_migrate_req = 1`, which is off unless somebody turned it on, do
//! they move to another one. So [`Sockets`] holds every socket, workers borrow
//! duplicates, and where there are fewer workers than before, or more, the same
//! sockets are dealt out anew: what does not deal evenly is shared by all. The
//! same holds for sockets that another process handed over, whose queues and
//! whose privilege to be below port 1024 would be lost with them.
//!
//! Where an address is given up, its sockets first refuse new handshakes
//! ([`Sockets::give_up`]) while workers go on accepting for [`LINGER`]; then they
//! are empty and are closed.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol, SockFilter, SockRef, Socket as RawSocket, Type};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};

/// Connections that the kernel holds for us while we are busy; it caps this at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Bytes of an answer that the kernel holds for a client beyond what is on its way to it: as many as hyper holds.
///
/// The kernel would hold 4 MiB (`net.ipv4.tcp_wmem`), so that a thousand clients that read slowly take all the memory that
/// it has for TCP, and every connection of the machine stalls. It does not slow down who reads: what is on
/// its way is not counted.
const UNSENT: u32 = 128 * 1024;

/// How long a socket of an address that is given up is still accepted on: a handshake that was under way takes as long
/// as a packet takes to the client and back, and a second is three times what that takes around the world.
pub const LINGER: Duration = Duration::from_secs(1);

/// Drops what asks for a new connection, and lets everything else pass: classic BPF over a TCP segment, whose 14th byte
/// has the flags (RFC 9293 section 3.1). Of SYN and ACK, the first packet of a handshake has SYN alone.
const NO_NEW_HANDSHAKES: [SockFilter; 5] = [
    // Load the byte at 13; keep SYN (0x02) and ACK (0x10); where SYN alone is left, skip one.
    SockFilter::new(0x30, 0, 0, 13),
    SockFilter::new(0x54, 0, 0, 0x12),
    SockFilter::new(0x15, 1, 0, 0x02),
    // Take all of it; take nothing.
    SockFilter::new(0x06, 0, 0, u32::MAX),
    SockFilter::new(0x06, 0, 0, 0),
];

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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

/// One bound socket.
#[derive(Debug)]
struct Socket {
    listener: std::net::TcpListener,
    /// Whether it is accepted on for [`LINGER`] after it was taken away from a worker.
    given_up: AtomicBool,
}

impl Socket {
    fn new(listener: std::net::TcpListener) -> Self {
        // Whatever is accepted has it, too.
        SockRef::from(&listener).set_tcp_notsent_lowat(UNSENT).ok();
        Self { listener, given_up: AtomicBool::new(false) }
    }
}

/// A socket as a worker is given it; the same one may be given to several.
#[derive(Debug, Clone)]
pub struct Listener {
    socket: Arc<Socket>,
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
            io::ErrorKind::PermissionDenied => {
                "; ports below 1024 take root, or CAP_NET_BIND_SERVICE, at the start of \
                gatepost, which gives both up before it serves: start it anew (systemctl restart gatepost), or have \
                systemd hold the port (ListenStream= in gatepost.socket)"
                    .into()
            }
            io::ErrorKind::AddrNotAvailable => "; no interface has it: `ip address` lists those that are there".into(),
            _ => String::new(),
        }
    }
}

/// Every socket that this process listens on. What follows it, [`Sockets::then`], has those that stay in common with it.
#[derive(Debug, Clone, Default)]
pub struct Sockets {
    addresses: Vec<Bound>,
}

/// One address with its sockets.
#[derive(Debug, Clone)]
struct Bound {
    speaks: Speaks,
    /// As the configuration has it: with port 0, the kernel chose another.
    wanted: SocketAddr,
    address: SocketAddr,
    /// Whether somebody else holds it too and will still hold it when we have gone, as systemd does.
    held: bool,
    sockets: Vec<Arc<Socket>>,
}

impl Sockets {
    /// Takes in a socket that another process bound. Such an address keeps the sockets that it came with where it is
    /// `held`: one of ours beside them would take its queue along when we end.
    ///
    /// # Errors
    /// Where it does not listen, or cannot be set to not block.
    pub fn inherit(
        &mut self,
        listener: std::net::TcpListener,
        speaks: Speaks,
        wanted: Option<SocketAddr>,
        held: bool,
    ) -> io::Result<()> {
        if !rustix::net::sockopt::socket_acceptconn(&listener)? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it does not listen"));
        }
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let wanted = wanted.unwrap_or(address);
        let socket = Arc::new(Socket::new(listener));
        match self.addresses.iter_mut().find(|bound| bound.wanted == wanted && bound.address == address) {
            Some(bound) => bound.sockets.push(socket),
            None => self.addresses.push(Bound { speaks, wanted, address, held, sockets: vec![socket] }),
        }
        Ok(())
    }

    /// What is listened on next: what is there and is still wanted stays, whatever is spoken on it; the rest is bound,
    /// one socket a worker, and does not listen yet. Nothing of `self` changes.
    ///
    /// Port 0 gives all workers the one free port that the first got. An IPv6 wildcard also takes IPv4; where
    /// the kernel has no IPv6, it falls back to `0.0.0.0` and says so in the log.
    ///
    /// # Errors
    /// The first address that cannot be bound, with the likely cause.
    pub fn then(
        &self,
        addresses: impl IntoIterator<Item = (Speaks, SocketAddr)>,
        workers: usize,
    ) -> Result<Self, BindError> {
        let wanted: Vec<_> = addresses.into_iter().collect();
        let mut there: Vec<Option<&Bound>> = self.addresses.iter().map(Some).collect();
        // The very words of the configuration count first, so that no other address takes what is meant by them; port 0
        // says nothing without what is spoken there.
        let ways: [fn(&Bound, Speaks, SocketAddr) -> bool; 3] = [
            |it, speaks, wanted| it.wanted == wanted && it.speaks == speaks,
            |it, _, wanted| it.wanted == wanted && wanted.port() != 0,
            |it, _, wanted| it.address == wanted,
        ];
        let mut kept: Vec<Option<&Bound>> = vec![None; wanted.len()];
        for is_meant in ways {
            for (&(speaks, wanted), kept) in wanted.iter().zip(&mut kept).filter(|(_, kept)| kept.is_none()) {
                let place = there.iter_mut().find(|it| it.is_some_and(|it| is_meant(it, speaks, wanted)));
                *kept = place.and_then(Option::take);
            }
        }
        let addresses = wanted.into_iter().zip(kept).map(|((speaks, wanted), kept)| match kept {
            Some(kept) => Bound { speaks, wanted, ..kept.clone() }.for_workers(workers),
            None => Bound::new(speaks, wanted)?.for_workers(workers),
        });
        Ok(Self { addresses: addresses.collect::<Result<_, _>>()? })
    }

    /// Has the kernel take connections on all of them. Until then who comes to an address that was bound goes to the
    /// process that serves there already, or is refused: nothing of theirs is lost where this one never serves.
    ///
    /// # Errors
    /// Where another one listens there by now.
    pub fn listen(&self) -> Result<(), BindError> {
        for bound in &self.addresses {
            for socket in &bound.sockets {
                let is_listening = rustix::net::sockopt::socket_acceptconn(&socket.listener).unwrap_or(false);
                if !is_listening {
                    SockRef::from(&socket.listener).listen(BACKLOG).map_err(|source| BindError {
                        scheme: bound.speaks.scheme(),
                        address: bound.wanted,
                        source,
                    })?;
                }
            }
        }
        Ok(())
    }

    /// What each of so many workers accepts on.
    pub fn deal(&self, workers: usize) -> Vec<Vec<Listener>> {
        let mut hands: Vec<Vec<Listener>> = (0..workers).map(|_| Vec::new()).collect();
        for bound in &self.addresses {
            let even = bound.sockets.len() - bound.sockets.len() % workers;
            for (number, socket) in bound.sockets.iter().enumerate() {
                let listener = Listener { socket: socket.clone(), speaks: bound.speaks, address: bound.address };
                if number < even {
                    hands[number % workers].push(listener);
                } else {
                    hands.iter_mut().for_each(|hand| hand.push(listener.clone()));
                }
            }
        }
        hands
    }

    /// Those that `next` has no more. What somebody else holds too is not among them: it is left as it is.
    pub fn beyond(&self, next: &Self) -> Self {
        let stays = |socket: &Arc<Socket>| {
            next.addresses.iter().flat_map(|bound| &bound.sockets).any(|other| Arc::ptr_eq(other, socket))
        };
        let gone = self.addresses.iter().filter(|bound| !bound.held && !bound.sockets.iter().any(stays));
        Self { addresses: gone.cloned().collect() }
    }

    /// Has them refuse new handshakes: who asks for one hears nothing, and asking again, a second later, is refused.
    pub fn give_up(&self) {
        for bound in &self.addresses {
            for socket in &bound.sockets {
                socket.given_up.store(true, Ordering::Relaxed);
                if let Err(error) = SockRef::from(&socket.listener).attach_filter(&NO_NEW_HANDSHAKES) {
                    tracing::debug!(%error, address = %bound.address, "new handshakes cannot be refused while it closes");
                }
            }
        }
    }

    /// Where is listened, address by address.
    pub fn bound(&self) -> impl Iterator<Item = (Speaks, SocketAddr)> {
        self.addresses.iter().map(|bound| (bound.speaks, bound.address))
    }

    /// Every single socket, for handing it over: what is spoken on it, what the configuration calls it, whether it is held.
    pub fn each(&self) -> impl Iterator<Item = (Speaks, SocketAddr, bool, &std::net::TcpListener)> {
        self.addresses.iter().flat_map(|bound| {
            bound.sockets.iter().map(|socket| (bound.speaks, bound.wanted, bound.held, &socket.listener))
        })
    }
}

impl Bound {
    /// With its first socket.
    fn new(speaks: Speaks, wanted: SocketAddr) -> Result<Self, BindError> {
        let bound = match bind_one(wanted) {
            Err(error) if wanted.is_ipv6() && wanted.ip().is_unspecified() && has_no_ipv6(&error) => {
                tracing::warn!(address = %wanted, "this kernel has no IPv6; listening on IPv4 alone");
                bind_one((Ipv4Addr::UNSPECIFIED, wanted.port()).into())
            }
            outcome => outcome,
        };
        let (socket, address) =
            bound.map_err(|source| BindError { scheme: speaks.scheme(), address: wanted, source })?;
        Ok(Self { speaks, wanted, address, held: false, sockets: vec![socket] })
    }

    /// With one socket a worker at least, where more may be bound.
    fn for_workers(mut self, workers: usize) -> Result<Self, BindError> {
        while !self.held && self.sockets.len() < workers {
            match bind_one(self.address) {
                Ok((socket, _)) => self.sockets.push(socket),
                // Who bound the first ones had more privileges or was another user (socket(7), SO_REUSEPORT).
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::AddrInUse)
                        && !self.sockets.is_empty() =>
                {
                    tracing::debug!(address = %self.address, %error, "workers share the sockets that are there");
                    break;
                }
                Err(source) => {
                    return Err(BindError { scheme: self.speaks.scheme(), address: self.wanted, source });
                }
            }
        }
        Ok(self)
    }
}

fn has_no_ipv6(error: &io::Error) -> bool {
    // EAFNOSUPPORT without the protocol, EADDRNOTAVAIL where it is switched off by sysctl.
    error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
        || error.kind() == io::ErrorKind::AddrNotAvailable
}

fn bind_one(address: SocketAddr) -> io::Result<(Arc<Socket>, SocketAddr)> {
    let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let listener: std::net::TcpListener = socket.into();
    let address = listener.local_addr()?;
    Ok((Arc::new(Socket::new(listener)), address))
}

impl Listener {
    /// A duplicate of the socket for the runtime of the calling worker.
    ///
    /// # Errors
    /// Where there is no descriptor for it, or the runtime cannot watch it.
    pub fn to_tokio(&self) -> io::Result<TcpListener> {
        TcpListener::from_std(self.socket.listener.try_clone()?)
    }

    /// What the kernel has queued on it, up to as many as it queues at most.
    pub fn accept_queued(&self) -> impl Iterator<Item = (TcpStream, SocketAddr)> {
        let queued = (0..BACKLOG).map_while(|_| self.socket.listener.accept().ok());
        queued.filter_map(|(stream, peer)| {
            stream.set_nonblocking(true).ok()?;
            Some((TcpStream::from_std(stream).ok()?, peer))
        })
    }

    /// Whether nobody else will accept what is queued on it once it is taken away.
    pub fn is_given_up(&self) -> bool {
        self.socket.given_up.load(Ordering::Relaxed)
    }

    /// Whether it is the same socket, on which the same is spoken.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.socket, &other.socket) && self.speaks == other.speaks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    fn ports(sockets: &Sockets) -> Vec<(Speaks, u16)> {
        sockets.bound().map(|(speaks, address)| (speaks, address.port())).collect()
    }

    #[test]
    fn a_port_that_the_kernel_chose_stays_with_what_is_spoken_on_it() {
        let first = Sockets::default().then([(Speaks::Http, ANY), (Speaks::Https, ANY)], 2).expect("ports");
        let second = first.then([(Speaks::Https, ANY)], 2).expect("nothing to bind");
        assert_eq!(ports(&second), ports(&first)[1..]);
        assert_eq!(ports(&first.beyond(&second)), ports(&first)[..1]);
    }

    #[test]
    fn an_address_keeps_its_sockets_whatever_is_spoken_on_it() {
        let first = Sockets::default().then([(Speaks::Http, ANY)], 1).expect("a port");
        let (_, address) = first.bound().next().expect("its address");
        let second = first.then([(Speaks::Https, address)], 1).expect("nothing to bind");
        assert_eq!(ports(&second), [(Speaks::Https, address.port())]);
        assert!(Arc::ptr_eq(&first.addresses[0].sockets[0], &second.addresses[0].sockets[0]));
    }

    #[test]
    fn what_does_not_deal_evenly_is_shared_by_all() {
        let sockets = Sockets::default().then([(Speaks::Http, ANY)], 3).expect("a port");
        let count = |workers| sockets.deal(workers).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(count(1), [3]);
        assert_eq!(count(2), [2, 2], "one each, and one of both");
        assert_eq!(count(3), [1, 1, 1]);
        assert_eq!(count(4), [3, 3, 3, 3]);
    }
}
