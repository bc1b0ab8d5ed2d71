//! Asks a server for its certificates, as a strict client would, and takes them whatever they are.
//!
//! TLS 1.3 and 1.2 are tried each by itself with rustls, 1.0 and 1.1 by their
//! hello alone (`old`). It sends no request, and waits for nobody longer than
//! [`PATIENCE`]. It does not judge: the verdict is `examine`'s.

mod capture;
mod old;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, InvalidMessage, SupportedProtocolVersion};
use serde::Serialize;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::route::host::Host;

use self::capture::{Capture, Captured};
use super::Proof;
use super::fault::{Fault, Kind};

/// How long name resolution, one TCP connection or one handshake may take: longer than any phone's user waits.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Whom to ask, and for what.
#[derive(Debug, Clone)]
pub struct Target {
    /// The host to connect to.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// The name to ask for, in SNI where it is no address.
    pub name: ServerName<'static>,
}

/// What a server showed.
#[derive(Debug)]
pub struct Seen {
    /// Where it was found.
    pub address: SocketAddr,
    /// What it sent, in its order.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Whether it has the key of the first.
    pub proof: Proof,
    /// Which versions of TLS it offers.
    pub versions: Versions,
    /// Whether it sent the others to TLS 1.2 clients.
    other_for_tls12: bool,
    /// Why the handshake failed although certificates came.
    broke_off: Option<Silence>,
}

/// Which versions of TLS a server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Versions {
    /// RFC 2246, deprecated by RFC 8996.
    #[serde(rename = "1.0")]
    pub v10: Offer,
    /// RFC 4346, deprecated by RFC 8996.
    #[serde(rename = "1.1")]
    pub v11: Offer,
    /// RFC 5246.
    #[serde(rename = "1.2")]
    pub v12: Offer,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    pub v13: Offer,
}

/// Whether a version is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offer {
    /// It was agreed on.
    Offered,
    /// The server said no, or closed the connection.
    Refused,
    /// The server said neither in time.
    Unknown,
}

/// Why no certificate was seen.
#[derive(Debug, Error)]
pub enum Unseen {
    /// The name has no address.
    #[error("cannot find the address of {host}: is the name right, and is there a network?")]
    Resolve {
        /// Which.
        host: Host,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Nobody takes the connection.
    #[error("cannot connect to {address}: does anything listen there, and does a firewall let it through?")]
    Connect {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Somebody does, and no handshake comes about.
    #[error("connected to {address}, and {silence}")]
    Handshake {
        /// Where.
        address: SocketAddr,
        /// What happened.
        silence: Silence,
    },
    /// It speaks what no client of today does.
    #[error("{address} speaks TLS 1.1 or older alone, which no client of today takes (RFC 8996)")]
    OldAlone {
        /// Where.
        address: SocketAddr,
    },
    /// rustls refused its own defaults.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// Why a handshake did not come to its end.
#[derive(Debug, Error)]
pub enum Silence {
    /// Nothing came in time.
    #[error("it did not answer within {} s", PATIENCE.as_secs())]
    Stalled,
    /// It closed the connection.
    #[error("it closed the connection without an answer")]
    Closed,
    /// What came is no TLS.
    #[error("what it answers is no TLS: is this the port for https?")]
    NotTls,
    /// It said no in TLS.
    #[error("it answered the TLS hello with the alert {alert:?}{}", hint(*alert))]
    Alert {
        /// Which.
        alert: AlertDescription,
    },
    /// More certificates than rustls takes.
    #[error("it sends more than 64 KiB of certificates, which no client takes")]
    TooLarge,
    /// Anything else that TLS forbids.
    #[error("the handshake failed: {0}")]
    Tls(rustls::Error),
    /// The network.
    #[error("the connection broke: {0}")]
    Io(io::Error),
}

fn hint(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::UnrecognisedName => ": it serves no such name",
        AlertDescription::AccessDenied => ": gatepost answers so for a host whose certificate is not there yet",
        _ => "",
    }
}

/// Asks; takes a minute at the very most.
///
/// # Errors
/// Where no certificate is to be had; see [`Unseen`].
pub async fn probe(target: &Target) -> Result<Seen, Unseen> {
    let (address, first) = reach(target).await?;
    let newest = handshake(first, target, &TLS13).await?;
    // A server that is silent to a hello of today is not asked three times more.
    if let (None, Some(Silence::Stalled)) = (&newest.captured, &newest.silence) {
        return Err(Unseen::Handshake { address, silence: Silence::Stalled });
    }
    let sni = match &target.name {
        ServerName::DnsName(name) => Some(name.as_ref()),
        _ => None,
    };
    let (older, v11, v10) = tokio::join!(
        async {
            match connect(address).await {
                Ok(tcp) => handshake(tcp, target, &TLS12).await,
                Err(error) => Ok(Handshake { captured: None, silence: Some(Silence::Io(error)) }),
            }
        },
        old::offers(address, old::TLS11, sni),
        old::offers(address, old::TLS10, sni),
    );
    let older = older?;
    let versions = Versions { v10, v11, v12: older.offer(), v13: newest.offer() };
    let other_for_tls12 = match (&newest.captured, &older.captured) {
        (Some(one), Some(other)) => one.certificates != other.certificates,
        _ => false,
    };
    let (captured, broke_off) = match (newest, older) {
        (Handshake { captured: Some(captured), silence }, _) | (_, Handshake { captured: Some(captured), silence }) => {
            (captured, silence)
        }
        _ if matches!((v10, v11), (Offer::Offered, _) | (_, Offer::Offered)) => {
            return Err(Unseen::OldAlone { address });
        }
        // What the newest says is the more telling: older ones may be off for good.
        (Handshake { silence: newest, .. }, Handshake { silence: older, .. }) => {
            let silence = newest.or(older).unwrap_or(Silence::Closed);
            return Err(Unseen::Handshake { address, silence });
        }
    };
    let Captured { certificates, proof } = captured;
    Ok(Seen { address, certificates, proof, versions, other_for_tls12, broke_off })
}

/// One handshake with one version.
struct Handshake {
    captured: Option<Captured>,
    silence: Option<Silence>,
}

impl Handshake {
    fn offer(&self) -> Offer {
        match (&self.captured, &self.silence) {
            (Some(_), _) | (None, None) => Offer::Offered,
            (None, Some(Silence::Stalled | Silence::Io(_))) => Offer::Unknown,
            (None, Some(_)) => Offer::Refused,
        }
    }
}

/// The first address of the host that takes a connection.
async fn reach(target: &Target) -> Result<(SocketAddr, TcpStream), Unseen> {
    let resolve = |source| Unseen::Resolve { host: target.host.clone(), source };
    let bare = target.host.as_str().trim_matches(['[', ']']);
    let addresses: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, target.port)],
        Err(_) => match timeout(PATIENCE, tokio::net::lookup_host((bare, target.port))).await {
            Ok(found) => found.map_err(resolve)?.collect(),
            Err(late) => return Err(resolve(late.into())),
        },
    };
    let mut last = resolve(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    // More addresses than these would be waited for in vain: no site has them.
    for address in addresses.into_iter().take(4) {
        match connect(address).await {
            Ok(tcp) => return Ok((address, tcp)),
            Err(source) => last = Unseen::Connect { address, source },
        }
    }
    Err(last)
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    timeout(PATIENCE, TcpStream::connect(address)).await?
}

async fn handshake(
    tcp: TcpStream,
    target: &Target,
    version: &'static SupportedProtocolVersion,
) -> Result<Handshake, Unseen> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let capture = Arc::new(Capture::new(provider.clone()));
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .map_err(Unseen::Setup)?
        .dangerous()
        .with_custom_certificate_verifier(capture.clone())
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    client.resumption = Resumption::disabled();
    let connector = TlsConnector::from(Arc::new(client));
    let silence = match timeout(PATIENCE, connector.connect(target.name.clone(), tcp)).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(Silence::of(error)),
        Err(_) => Some(Silence::Stalled),
    };
    Ok(Handshake { captured: capture.taken(), silence })
}

impl Silence {
    fn of(error: io::Error) -> Self {
        let kind = error.kind();
        match error.downcast::<rustls::Error>() {
            Ok(rustls::Error::AlertReceived(alert)) => Self::Alert { alert },
            Ok(rustls::Error::InvalidMessage(
                InvalidMessage::CertificatePayloadTooLarge | InvalidMessage::HandshakePayloadTooLarge,
            )) => Self::TooLarge,
            Ok(rustls::Error::InvalidMessage(
                InvalidMessage::InvalidContentType
                | InvalidMessage::UnknownProtocolVersion
                | InvalidMessage::MessageTooLarge
                | InvalidMessage::InvalidEmptyPayload,
            )) => Self::NotTls,
            Ok(other) => Self::Tls(other),
            Err(_) if matches!(kind, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => Self::Closed,
            Err(error) => Self::Io(error),
        }
    }
}

impl Seen {
    /// What the handshakes themselves showed to be wrong or doubtful.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut add = |kind, what: String, mend: &str| {
            faults.push(Fault { kind, about: Vec::new(), what, mend: Some(mend.to_owned()) });
        };
        if let Some(silence) = &self.broke_off {
            let what = format!("after the certificates were sent, {silence}");
            add(Kind::HandshakeFails, what, "see the server's log for this moment");
        }
        let Versions { v10, v11, v12, v13 } = self.versions;
        let old: Vec<&str> = [(v10, "TLS 1.0"), (v11, "TLS 1.1")]
            .into_iter()
            .filter_map(|(offer, name)| (offer == Offer::Offered).then_some(name))
            .collect();
        if !old.is_empty() {
            let what = format!("{} is offered, which RFC 8996 forbids", old.join(" and "));
            add(Kind::OldTls, what, "turn everything below TLS 1.2 off");
        }
        if v13 == Offer::Refused {
            add(
                Kind::NoTls13,
                "TLS 1.3 is not offered".to_owned(),
                "turn it on: it is faster and hides the certificate",
            );
        }
        if v12 == Offer::Refused {
            let what =
                "TLS 1.2 is not offered: Android 9 and older, iOS 12.1 and older and Java 8 before 2020 cannot connect";
            add(Kind::NoTls12, what.to_owned(), "turn it on, unless nobody has such a device");
        }
        if self.other_for_tls12 {
            let what = "TLS 1.2 clients get other certificates than these; they were not judged".to_owned();
            add(
                Kind::OtherForTls12,
                what,
                "have one chain served whatever the version, or look at that file by itself",
            );
        }
        faults
    }
}

#[cfg(test)]
mod tests;
