//! Which port: the one asked for if it is free, any free one for 0, the same on every address.
//!
//! gatepost shares its ports among its workers (`SO_REUSEPORT`), so a second
//! gatepost of the same user would bind beside the first and take half of its
//! connections. This refuses a port that anybody listens on, and names the option
//! that takes another.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

/// How often to ask for another free port where the first address has one that the second has not.
const TRIES: usize = 16;

/// Addresses that can be listened on.
#[derive(Debug)]
pub(super) struct Reserved {
    /// All with the same port.
    pub(super) addresses: Vec<SocketAddr>,
    /// That port.
    pub(super) port: u16,
    /// Bound and not listening: until the workers bind beside them, nobody is given this port as a free one.
    _held: Vec<Socket>,
}

/// An address that cannot be listened on.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {}", self.words())]
pub struct PortError {
    address: SocketAddr,
    option: &'static str,
    #[source]
    source: io::Error,
}

impl PortError {
    fn words(&self) -> String {
        let (option, port) = (self.option, self.address.port());
        match self.source.kind() {
            io::ErrorKind::AddrInUse => format!(
                "another program listens there, perhaps another demo (`ss -ltnp 'sport = :{port}'` says which); \
                 choose another port with `{option} PORT`, or any free one with `{option} 0`"
            ),
            io::ErrorKind::PermissionDenied => {
                format!("ports below 1024 take root; choose a higher one with `{option} PORT`")
            }
            io::ErrorKind::AddrNotAvailable => {
                "no interface of this machine has that address; `ip address` lists those for `--address`".into()
            }
            _ => format!("choose another port with `{option} PORT`, or another address with `--address`"),
        }
    }
}

/// Reserves `port` on each of `wanted`; `option` is what chooses the port.
///
/// Unless `all` are needed, an address of a family that this machine lacks is left out.
///
/// # Errors
/// The first address that cannot be listened on.
pub(super) fn reserve(option: &'static str, port: u16, wanted: &[IpAddr], all: bool) -> Result<Reserved, PortError> {
    let mut tries = if port == 0 { TRIES } else { 1 };
    loop {
        tries -= 1;
        match reserve_once(option, port, wanted, all) {
            Err(error) if tries > 0 && error.source.kind() == io::ErrorKind::AddrInUse => {}
            outcome => return outcome,
        }
    }
}

fn reserve_once(option: &'static str, port: u16, wanted: &[IpAddr], all: bool) -> Result<Reserved, PortError> {
    let mut reserved = Reserved { addresses: Vec::new(), port, _held: Vec::new() };
    let mut lacking = None;
    for &ip in wanted {
        let address = SocketAddr::new(ip, reserved.port);
        match bind(address) {
            Ok((socket, bound)) => {
                reserved.port = bound.port();
                reserved.addresses.push(bound);
                reserved._held.push(socket);
            }
            Err(source) if !all && is_lacking(&source) => lacking = Some(PortError { address, option, source }),
            Err(source) => return Err(PortError { address, option, source }),
        }
    }
    match lacking {
        Some(error) if reserved.addresses.is_empty() => Err(error),
        _ => Ok(reserved),
    }
}

fn bind(address: SocketAddr) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // As the workers do it, or theirs would not fit beside it.
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // Lets the workers' sockets in; anybody who listens already is still a conflict.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    let bound = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok((socket, bound))
}

/// EAFNOSUPPORT without the protocol, EADDRNOTAVAIL where it is switched off by sysctl.
fn is_lacking(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
        || error.kind() == io::ErrorKind::AddrNotAvailable
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;
    use crate::server::listen::{Sockets, Speaks};

    const LOOPBACK: [IpAddr; 1] = [IpAddr::V4(Ipv4Addr::LOCALHOST)];

    #[test]
    fn a_port_that_is_taken_is_refused_with_the_option_that_takes_another() {
        let other = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = other.local_addr().expect("an address").port();
        let words = reserve("--http-port", port, &LOOPBACK, true).expect_err("taken").to_string();
        assert!(words.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{words}");
        assert!(words.contains("--http-port 0"), "{words}");
    }

    #[test]
    fn a_port_that_workers_share_is_refused_too() {
        let address = (Speaks::Http, SocketAddr::new(LOOPBACK[0], 0));
        let sockets = Sockets::default().then([address], 2).expect("a port");
        sockets.listen().expect("nobody else's");
        let port = sockets.bound().next().expect("its address").1.port();
        reserve("--http-port", port, &LOOPBACK, true).expect_err("taken");
    }

    #[test]
    fn workers_bind_beside_what_is_reserved() {
        let reserved = reserve("--https-port", 0, &LOOPBACK, true).expect("a port");
        assert_ne!(reserved.port, 0);
        let addresses = reserved.addresses.iter().map(|&address| (Speaks::Https, address));
        let sockets = Sockets::default().then(addresses, 2).expect("every worker has its socket");
        assert_eq!(sockets.deal(2)[1][0].address.port(), reserved.port);
    }

    #[test]
    fn an_address_that_is_nowhere_is_named() {
        let nowhere: IpAddr = "192.0.2.1".parse().expect("an address");
        let words = reserve("--http-port", 0, &[nowhere], true).expect_err("nowhere").to_string();
        assert!(words.contains("192.0.2.1") && words.contains("--address"), "{words}");
        let reserved = reserve("--http-port", 0, &[LOOPBACK[0], nowhere], false).expect("one is enough");
        assert_eq!(reserved.addresses.len(), 1);
    }
}
