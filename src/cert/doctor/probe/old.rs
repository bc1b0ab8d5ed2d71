//! Whether a server still takes TLS 1.0 or 1.1: one hello, and a look at the first bytes of the answer.
//!
//! rustls does not speak them, and nothing here does: the connection ends with the
//! answer. It says `Unknown` where the server says neither yes nor no.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Offer, PATIENCE};

/// A version as it stands on the wire (RFC 2246 section 6.2.1, RFC 4346 section 6.2.1).
pub(super) type Version = [u8; 2];

/// TLS 1.0.
pub(super) const TLS10: Version = [3, 1];
/// TLS 1.1.
pub(super) const TLS11: Version = [3, 2];

/// Cipher suites that servers with these versions have: ECDHE, DHE and plain RSA with AES and 3DES, all CBC with
/// SHA-1, and the signal of RFC 5746 that renegotiation is understood.
const SUITES: [u16; 11] = [0xc00a, 0xc009, 0xc014, 0xc013, 0x0039, 0x0033, 0x0035, 0x002f, 0xc012, 0x000a, 0x00ff];

/// Whether the server agrees on this version.
pub(super) async fn offers(address: SocketAddr, version: Version, sni: Option<&str>) -> Offer {
    match timeout(PATIENCE, ask(address, version, sni)).await {
        Ok(Ok(offer)) => offer,
        Ok(Err(error)) => match error.kind() {
            // Many say no by closing.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Offer::Refused,
            _ => Offer::Unknown,
        },
        Err(_) => Offer::Unknown,
    }
}

async fn ask(address: SocketAddr, version: Version, sni: Option<&str>) -> io::Result<Offer> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut tcp = TcpStream::connect(address).await?;
    tcp.write_all(&hello(version, &random, sni)).await?;
    // Record header (type, version, length), then type and length of the message, then its version.
    let mut head = [0; 11];
    tcp.read_exact(&mut head[..5]).await?;
    Ok(match head[0] {
        ALERT => Offer::Refused,
        HANDSHAKE => {
            tcp.read_exact(&mut head[5..]).await?;
            if head[5] == SERVER_HELLO && head[9..] == version { Offer::Offered } else { Offer::Refused }
        }
        _ => Offer::Unknown,
    })
}

/// Content types of records (RFC 2246 section 6.2.1).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// Types of handshake messages (RFC 2246 section 7.4).
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// A ClientHello (RFC 2246 section 7.4.1.2) in one record, with the extensions that old servers look at.
fn hello(version: Version, random: &[u8; 32], sni: Option<&str>) -> Vec<u8> {
    let mut extensions = Vec::new();
    if let Some(name) = sni {
        // ServerNameList of one host_name(0) (RFC 6066 section 3).
        let entry = [&[0][..], &with_length(name.as_bytes())].concat();
        extensions.extend(extension(0, &with_length(&entry)));
    }
    // supported_groups: P-256, P-384, P-521, X25519; ec_point_formats: uncompressed (RFC 8422 sections 5.1.1, 5.1.2).
    extensions.extend(extension(10, &with_length(&[0, 23, 0, 24, 0, 25, 0, 29])));
    extensions.extend(extension(11, &[1, 0]));

    let suites: Vec<u8> = SUITES.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let body = [
        &version[..],
        random,
        // No session, and no compression but "none".
        &[0],
        &with_length(&suites),
        &[1, 0],
        &with_length(&extensions),
    ]
    .concat();
    // A uint24 of length, of which a hello never needs the first byte.
    let message = [&[CLIENT_HELLO, 0][..], &with_length(&body)].concat();
    [&[HANDSHAKE, 3, 1][..], &with_length(&message)].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &with_length(content)].concat()
}

/// The bytes after their number as a uint16.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    // A host name is at most 253 bytes, and all else is fixed.
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}
