//! `[limits]`: what one client, and all of them together, may take.

use std::num::NonZeroUsize;
use std::time::Duration;

/// `[limits]`. Taken on reload, for connections that begin then; the numbers of connections and tunnels at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections of clients at once, in all.
    pub connections: NonZeroUsize,
    /// Connections at once of one address: an IPv4 address, an IPv6 /64.
    pub connections_per_address: PerAddress,
    /// Tunnels (WebSockets) at once, in all.
    pub tunnels: NonZeroUsize,
    /// Tunnels at once of one address.
    pub tunnels_per_address: PerAddress,
    /// From the connection to the end of its TLS handshake.
    pub handshake_timeout: Duration,
    /// From the first byte of a head to its last; from the connection, where nothing was asked on it yet.
    pub head_timeout: Duration,
    /// Bytes of a request's head.
    pub head_size: u32,
    /// Fields of a request's head.
    pub head_fields: usize,
    /// How long an HTTP/1 connection may be silent between two requests.
    pub idle_timeout: Duration,
    /// How long an HTTP/2 connection may be without a stream.
    pub http2_idle_timeout: Duration,
    /// Requests on one connection; it is ended in order after as many.
    pub requests_per_connection: NonZeroUsize,
    /// How long a client may take no byte of an answer, where the route has no say of its own.
    pub send_timeout: Duration,
    /// Streams open at once on one HTTP/2 connection (RFC 9113 section 5.1.2).
    pub http2_streams: u32,
    /// Streams that a client may reset in one go on an HTTP/2 connection.
    pub http2_resets: u32,
    /// Frames without content that a client may send in one go on an HTTP/2 connection.
    pub http2_frames: u32,
    /// Bytes of bodies that HTTP/2 clients may have in flight towards and from us, in all.
    pub body_memory: u64,
}

/// A limit that holds for one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerAddress {
    /// How many.
    pub most: NonZeroUsize,
    /// Whether it holds for loopback, too: only where the file gives it. By default what comes from this machine is
    /// taken for a program that speaks for many.
    pub loopback: bool,
}
