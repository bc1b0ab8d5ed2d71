//! `[limits]`.
//!
//! A limit cannot be turned off, only made so large that nobody meets it: what is
//! unbounded here fills memory or descriptors on the day that somebody tries.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_spanned::Spanned;

use crate::config::defaults;
use crate::config::file;
use crate::config::model::{Limits, PerAddress};
use crate::config::units::{Size, Span};

use super::Gather;

pub(super) fn resolve(table: Option<Spanned<file::Limits>>, gather: &mut Gather<'_>) -> Limits {
    let file = table.map(Spanned::into_inner).unwrap_or_default();
    let room = gather.surroundings.descriptors;
    let likely = defaults::connections(room, gather.surroundings.memory);
    let connections = at_least_one(number("connections", file.connections.as_ref(), likely, 1..=MOST, gather));
    if let Some(given) = &file.connections
        && connections.get() > room
    {
        gather.warning_mend(
            given,
            format!(
                "{connections} connections take more than the {room} files and sockets that this process may have open"
            ),
            format!("raise the limit (`LimitNOFILE=` in the systemd unit, `ulimit -n`), or write {likely} or less"),
        );
    }
    let half = (connections.get() / 2).max(1);
    Limits {
        connections_per_address: per_address(
            "connections_per_address",
            file.connections_per_address.as_ref(),
            defaults::CONNECTIONS_PER_ADDRESS.min(connections.get()),
            gather,
        ),
        // Beyond `connections` it could not be reached.
        tunnels: at_least_one(number("tunnels", file.tunnels.as_ref(), half, 1..=MOST, gather)),
        tunnels_per_address: per_address(
            "tunnels_per_address",
            file.tunnels_per_address.as_ref(),
            defaults::TUNNELS_PER_ADDRESS.min(half),
            gather,
        ),
        connections,
        handshake_timeout: time("handshake_timeout", file.handshake_timeout, defaults::HANDSHAKE_TIMEOUT, gather),
        head_timeout: time("head_timeout", file.head_timeout, defaults::HEAD_TIMEOUT, gather),
        head_size: size("head_size", file.head_size, defaults::HEAD_SIZE, HEAD_SIZES, gather) as u32,
        head_fields: number("head_fields", file.head_fields.as_ref(), defaults::HEAD_FIELDS, HEAD_FIELDS, gather),
        idle_timeout: time("idle_timeout", file.idle_timeout, defaults::IDLE_TIMEOUT, gather),
        http2_idle_timeout: time("http2_idle_timeout", file.http2_idle_timeout, defaults::HTTP2_IDLE_TIMEOUT, gather),
        requests_per_connection: at_least_one(number(
            "requests_per_connection",
            file.requests_per_connection.as_ref(),
            defaults::REQUESTS_PER_CONNECTION,
            1..=MOST,
            gather,
        )),
        send_timeout: time("send_timeout", file.send_timeout, defaults::SEND_TIMEOUT, gather),
        http2_streams: streams(file.http2_streams.as_ref(), gather),
        http2_resets: small("http2_resets", file.http2_resets.as_ref(), defaults::HTTP2_RESETS, gather),
        http2_frames: small("http2_frames", file.http2_frames.as_ref(), defaults::HTTP2_FRAMES, gather),
        body_memory: size("body_memory", file.body_memory, defaults::BODY_MEMORY, BODY_MEMORIES, gather),
    }
}

/// More than any machine that runs this has to give: a slip of the finger.
const MOST: usize = 10_000_000;

/// Below 1 KiB no browser's request fits; above 1 MiB a head is no head, and it is held whole.
const HEAD_SIZES: RangeInclusive<u64> = (1 << 10)..=(1 << 20);

/// A browser sends some twenty; each costs memory while it is read.
const HEAD_FIELDS: RangeInclusive<usize> = 16..=1000;

/// Two bodies' worth of HTTP/2's own smallest windows; no more than can be counted on.
const BODY_MEMORIES: RangeInclusive<u64> = (1 << 20)..=(1 << 40);

/// Shorter is no time for anything; longer is no limit.
const TIMES: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(24 * 60 * 60);

/// RFC 9113 section 6.5.2 advises no less: browsers wait with what they could ask for.
const FEW_STREAMS: u32 = 100;

fn number(
    key: &str,
    given: Option<&Spanned<i64>>,
    default: usize,
    range: RangeInclusive<usize>,
    gather: &mut Gather<'_>,
) -> usize {
    let Some(given) = given else { return default };
    match usize::try_from(*given.get_ref()) {
        Ok(number) if range.contains(&number) => number,
        _ => {
            gather.fatal_mend(
                given,
                format!("`{key}` is {}", given.get_ref()),
                format!("write a number from {} to {}, or leave it out for {default}", range.start(), range.end()),
            );
            default
        }
    }
}

/// Of what `number` has held within a range from 1.
fn at_least_one(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN)
}

fn small(key: &str, given: Option<&Spanned<i64>>, default: u32, gather: &mut Gather<'_>) -> u32 {
    let number = number(key, given, default as usize, 1..=1_000_000, gather);
    u32::try_from(number).unwrap_or(default)
}

fn streams(given: Option<&Spanned<i64>>, gather: &mut Gather<'_>) -> u32 {
    let streams = small("http2_streams", given, defaults::HTTP2_STREAMS, gather);
    if let Some(given) = given
        && streams < FEW_STREAMS
    {
        gather.warning_mend(
            given,
            format!("{streams} streams are less than a browser asks for at once: the rest of a page waits"),
            format!("write {FEW_STREAMS} or more, as RFC 9113 advises"),
        );
    }
    streams
}

fn per_address(key: &str, given: Option<&Spanned<i64>>, default: usize, gather: &mut Gather<'_>) -> PerAddress {
    PerAddress { most: at_least_one(number(key, given, default, 1..=MOST, gather)), loopback: given.is_some() }
}

fn time(key: &str, given: Option<Spanned<Span>>, default: Duration, gather: &mut Gather<'_>) -> Duration {
    let Some(given) = given else { return default };
    let time = given.get_ref().0;
    if !TIMES.contains(&time) {
        gather.fatal_mend(
            &given,
            format!("`{key}` is {time:?}"),
            format!("write a time from \"100ms\" to \"24h\", or leave it out for \"{}s\"", default.as_secs()),
        );
        return default;
    }
    time
}

fn size(
    key: &str,
    given: Option<Spanned<Size>>,
    default: u64,
    range: RangeInclusive<u64>,
    gather: &mut Gather<'_>,
) -> u64 {
    let Some(given) = given else { return default };
    let size = given.get_ref().0;
    if !range.contains(&size) {
        gather.fatal_mend(
            &given,
            format!("`{key}` is {size} bytes"),
            format!("write a size from {} to {}", words(*range.start()), words(*range.end())),
        );
        return default;
    }
    size
}

/// A size in the unit that it is whole in.
fn words(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.into_iter().find(|(_, shift)| bytes.trailing_zeros() >= *shift);
    unit.map_or_else(|| format!("\"{bytes}B\""), |(name, shift)| format!("\"{}{name}\"", bytes >> shift))
}
