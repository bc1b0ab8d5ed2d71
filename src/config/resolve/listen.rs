//! Addresses to listen on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_spanned::Spanned;

use crate::config::file::OneOrMany;
use crate::config::finding::{Finding, Place};

use super::{Gather, items};

/// Addresses with their places, for finding what is given twice.
type Placed = Vec<(SocketAddr, Place)>;

/// `http` and `https`, in this order; `None` where a key is left out.
pub(super) fn resolve(
    http: Option<&Spanned<OneOrMany>>,
    https: Option<&Spanned<OneOrMany>>,
    gather: &mut Gather<'_>,
) -> (Option<Vec<SocketAddr>>, Option<Vec<SocketAddr>>) {
    let mut taken = Placed::new();
    let http = http.map(|list| addresses(list, &mut taken, gather));
    let https = https.map(|list| addresses(list, &mut taken, gather));
    (http, https)
}

fn addresses(list: &Spanned<OneOrMany>, taken: &mut Placed, gather: &mut Gather<'_>) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for item in items(Some(list)) {
        let Ok(address) = item.get_ref().parse::<SocketAddr>() else {
            gather.fatal_mend(
                &item,
                format!("\"{}\" is not an address to listen on", item.get_ref()),
                mend(item.get_ref()),
            );
            // A stand-in, lest the rest takes the listener for turned off.
            addresses.push((SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)), Place::from(&item)));
            continue;
        };
        // Port 0 asks the kernel for a free one: twice that is two different ones.
        if address.port() != 0
            && let Some((_, first)) = taken.iter().find(|(other, _)| *other == address)
        {
            let finding = Finding::fatal(&item, format!("{address} is given twice"));
            gather.findings.push(finding.also(first.clone(), "first here"));
            continue;
        }
        taken.push((address, Place::from(&item)));
        addresses.push((address, Place::from(&item)));
    }
    let dual: Vec<u16> = addresses
        .iter()
        .filter(|(a, _)| a.ip() == Ipv6Addr::UNSPECIFIED && a.port() != 0)
        .map(|(a, _)| a.port())
        .collect();
    addresses.retain(|(address, place)| {
        let covered = address.ip() == Ipv4Addr::UNSPECIFIED && dual.contains(&address.port());
        if covered {
            let port = address.port();
            gather.warning_mend(
                place.clone(),
                format!("{address} is left out: [::]:{port} takes IPv4 as well"),
                "remove it",
            );
        }
        !covered
    });
    addresses.into_iter().map(|(address, _)| address).collect()
}

/// What was probably meant, by the habits of other programs.
pub(super) fn mend(text: &str) -> String {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() && !host.ends_with(':') => (host, Some(port)),
        _ => (text, None),
    };
    if let Ok(port) = text.parse::<u16>() {
        return format!("write \"[::]:{port}\" for every address of this machine");
    }
    match (host, port) {
        ("" | "*", Some(port)) => format!("write \"[::]:{port}\" for every address of this machine"),
        ("localhost", Some(port)) => format!("write \"127.0.0.1:{port}\" or \"[::1]:{port}\": a name may have several"),
        (host, None) if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() => {
            let host = host.trim_matches(['[', ']']);
            let host = if host.contains(':') { format!("[{host}]") } else { host.into() };
            format!("add the port, like \"{host}:443\"")
        }
        (host, Some(port)) if host.parse::<Ipv6Addr>().is_ok() => format!("write \"[{host}]:{port}\""),
        _ => "write an IP address and a port, like \"[::]:443\" or \"192.168.1.5:443\"".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_programs_habits_are_understood() {
        assert_eq!(mend(":443"), "write \"[::]:443\" for every address of this machine");
        assert_eq!(mend("*:80"), "write \"[::]:80\" for every address of this machine");
        assert_eq!(mend("443"), "write \"[::]:443\" for every address of this machine");
        assert_eq!(mend("[::]"), "add the port, like \"[::]:443\"");
        assert_eq!(mend("::1"), "add the port, like \"[::1]:443\"");
        assert_eq!(mend("127.0.0.1"), "add the port, like \"127.0.0.1:443\"");
        assert!(mend("localhost:80").starts_with("write \"127.0.0.1:80\""));
        assert!(mend("site.com:80").starts_with("write an IP address"));
    }
}
