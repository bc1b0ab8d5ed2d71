//! Upstreams: whether somebody listens there.
//!
//! A connection is opened and closed. No request is sent, and of an `https://`
//! upstream the certificate is not judged here.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use crate::config::finding::{Finding, Place};
use crate::config::model::{Answer, Config, UpstreamAddress};

/// A SYN that is lost is sent again after 1 s (RFC 6298): two tries, and a person waits no longer for a check.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let named = named(config);
    let mut findings = Vec::new();
    // All at once: an address that drops packets costs its patience only once.
    thread::scope(|scope| {
        let tries: Vec<_> =
            named.values().map(|(upstream, place)| (upstream, place, scope.spawn(|| connect(upstream)))).collect();
        for (upstream, place, attempt) in tries {
            if let Ok(Err(error)) = attempt.join() {
                findings.push(finding(upstream, place, &error));
            }
        }
    });
    findings
}

/// Every upstream once, with the first place that names it.
fn named(config: &Config) -> BTreeMap<&str, (&UpstreamAddress, &Place)> {
    let mut named = BTreeMap::new();
    for route in config.sites.iter().flat_map(|site| &site.routes) {
        let upstreams = match &route.answer {
            Answer::Proxy(proxy) => &proxy.upstreams,
            Answer::Launcher(launcher) => match launcher.mattermost() {
                Some(source) => &source.proxy.upstreams,
                None => continue,
            },
            _ => continue,
        };
        for upstream in upstreams {
            named.entry(upstream.origin.as_str()).or_insert((upstream, &route.place));
        }
    }
    named
}

fn connect(upstream: &UpstreamAddress) -> io::Result<()> {
    let host = upstream.host.as_str().trim_matches(['[', ']']);
    let addresses: Vec<SocketAddr> = (host, upstream.port).to_socket_addrs()?.collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn finding(upstream: &UpstreamAddress, place: &Place, error: &io::Error) -> Finding {
    let origin = &upstream.origin;
    let (what, mend) = match error.kind() {
        io::ErrorKind::ConnectionRefused => (
            format!("nobody listens at the upstream {origin}"),
            "start the server there, or name the address and port that it listens on",
        ),
        io::ErrorKind::TimedOut => (
            format!("the upstream {origin} does not answer within {} s", PATIENCE.as_secs()),
            "see that the machine is up, the address right, and no firewall between",
        ),
        _ => (format!("the upstream {origin} cannot be reached: {error}"), "see that its name and address are right"),
    };
    Finding::fault(place.clone(), what).mend(mend)
}
