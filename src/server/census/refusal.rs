//! The limits that can be met, by the names that the configuration has for them.

/// A limit that was met, for which somebody was turned away or cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `connections`.
    Connections,
    /// `connections_per_address`.
    ConnectionsPerAddress,
    /// `tunnels`.
    Tunnels,
    /// `tunnels_per_address`.
    TunnelsPerAddress,
    /// `handshake_timeout`.
    HandshakeTimeout,
    /// `head_timeout`.
    HeadTimeout,
    /// `head_size`, or on HTTP/1 `head_fields`: hyper does not tell which.
    HeadSize,
    /// `head_fields`.
    HeadFields,
    /// `http2_resets`.
    Http2Resets,
    /// `http2_frames`.
    Http2Frames,
}

impl Refusal {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Connections,
        Self::ConnectionsPerAddress,
        Self::Tunnels,
        Self::TunnelsPerAddress,
        Self::HandshakeTimeout,
        Self::HeadTimeout,
        Self::HeadSize,
        Self::HeadFields,
        Self::Http2Resets,
        Self::Http2Frames,
    ];

    /// The key in `[limits]`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerAddress => "connections_per_address",
            Self::Tunnels => "tunnels",
            Self::TunnelsPerAddress => "tunnels_per_address",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::HeadTimeout => "head_timeout",
            Self::HeadSize => "head_size",
            Self::HeadFields => "head_fields",
            Self::Http2Resets => "http2_resets",
            Self::Http2Frames => "http2_frames",
        }
    }

    /// What happened, for the log.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Connections => "turned connections away: as many as [limits] connections allows are open",
            Self::ConnectionsPerAddress => {
                "turned connections away: one address has as many as [limits] connections_per_address allows"
            }
            Self::Tunnels => "turned WebSockets away: as many as [limits] tunnels allows are open",
            Self::TunnelsPerAddress => {
                "turned WebSockets away: one address has as many as [limits] tunnels_per_address allows"
            }
            _ => "turned somebody away",
        }
    }
}
