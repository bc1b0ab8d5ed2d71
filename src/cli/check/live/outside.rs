//! A site by its public name, as browsers come to it: does the name lead to this launcher?
//!
//! What DNS and routers say elsewhere cannot be told from here; what they say on this machine is a good sign, or the
//! first thing to look into.

use std::net::IpAddr;

use http::{Method, StatusCode};
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::config::model::Config;
use crate::error::RequestError;
use crate::route::host::HostPattern;

use super::peer::Peer;
use super::{Sheet, Stand, WITHIN};

const WHAT: &str = "public name";

/// The launcher by its public name, where the name leads to it: nobody else is asked anything more.
pub(super) async fn look(config: &Config, stand: Stand<'_>, script: &str, sheet: &mut Sheet<'_>) -> Option<Peer> {
    let Some(name) = stand.site.hosts.iter().find_map(HostPattern::exact) else {
        sheet.not_checked(WHAT, "its site has but wildcards for names", None);
        return None;
    };
    if config.server.https.is_empty() {
        sheet.not_checked(
            WHAT,
            "who ends TLS in front of this gatepost, and on which port, the file does not say",
            None,
        );
        return None;
    }
    let port = config.server.public_https_port;
    let addresses = match resolved(name.as_str(), port).await {
        Ok(addresses) => addresses,
        Err(why) => {
            let mend = "let DNS lead it to your public address; `getent hosts` shows what this machine knows";
            sheet.warning(WHAT, format!("{name} leads nowhere as this machine sees it: {why}"), mend);
            return None;
        }
    };
    let addresses = addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
    let peer = match Peer::public(config, name, port) {
        Ok(peer) => peer,
        Err(why) => {
            sheet.not_checked(WHAT, why, None);
            return None;
        }
    };
    match peer.try_ask(Method::GET, script, None).await {
        Ok(answer) if answer.status() == StatusCode::OK && answer.body().is_empty() => {
            sheet.ok(WHAT, format!("{name} is {addresses}, and the launcher answers there"));
            return Some(peer);
        }
        Ok(answer) => sheet.fault(
            WHAT,
            format!("{name} is {addresses}, and who answers there ({}) is not this launcher", answer.status()),
            format!("let the name, and the router's port {port}, lead to this machine"),
        ),
        Err(error @ RequestError::UpstreamTls { .. }) => sheet.fault(
            WHAT,
            format!("{name} is {addresses}: {}", crate::cli::with_causes(&error)),
            format!("gatepost cert inspect {name}:{port}"),
        ),
        Err(error) => sheet.not_checked(
            WHAT,
            format!(
                "{name} is {addresses}, which this machine does not reach ({}); many routers lead nobody back inside",
                crate::cli::with_causes(&error)
            ),
            Some("try it from outside: a phone without Wi-Fi does"),
        ),
    }
    None
}

/// Where a name leads, each address once.
async fn resolved(name: &str, port: u16) -> Result<Vec<IpAddr>, String> {
    let found = match timeout(WITHIN, lookup_host((name.trim_matches(['[', ']']), port))).await {
        Err(_) => return Err(format!("no answer within {} s", WITHIN.as_secs())),
        Ok(found) => found.map_err(|error| error.to_string())?,
    };
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    match addresses.is_empty() {
        true => Err("it has no address".into()),
        false => Ok(addresses),
    }
}
