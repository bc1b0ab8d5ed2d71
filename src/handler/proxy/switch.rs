//! From two heads that agreed on another protocol to a tunnel between two streams.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;

use crate::log::access::Entry;
use crate::outgoing::{Counted, Hearing, UpstreamIo};
use crate::server::guard::Guard;
use crate::server::io::{ClientIo, GONE};

use super::tunnel::{End, Led, Traffic, run};

/// What a tunnel holds as long as it lives.
pub(super) struct Tunnel {
    /// Counts it, and says how it came about.
    pub(super) led: Led,
    /// Counts it among what its upstream has.
    pub(super) counted: Counted,
    /// No byte either way for this long ends it.
    pub(super) idle: Duration,
    /// Its line in the access log, written at its end.
    pub(super) entry: Option<Rc<Entry>>,
}

impl Tunnel {
    /// Waits for both sides to have switched, then moves bytes until the tunnel ends.
    pub(super) fn spawn(self, client: OnUpgrade, upstream: OnUpgrade) {
        tokio::task::spawn_local(async move {
            // A side that goes away before it has switched leaves nothing to do; its own connection says why.
            let Ok((client, upstream)) = both(client, upstream).await else { return };
            let Some(upstream) = of_upstream(upstream) else { return };
            upstream.stream.socket().give_up_after(self.idle.min(GONE));
            let traffic = match client.downcast::<TokioIo<Guard<ClientIo>>>() {
                Ok(parts) => {
                    let (mut stream, held) = parts.io.into_inner().into_parts();
                    stream.become_tunnel(self.idle);
                    // hyper may have read on, but never past what is held.
                    let early =
                        if held.is_empty() { parts.read_buf } else { [&parts.read_buf[..], &held].concat().into() };
                    run(End { stream, early }, upstream, self.idle, &self.led).await
                }
                // A stream of an HTTP/2 connection.
                Err(stream) => {
                    let client = End { stream: TokioIo::new(stream), early: Bytes::new() };
                    run(client, upstream, self.idle, &self.led).await
                }
            };
            self.end(traffic);
        });
    }

    fn end(self, traffic: Traffic) {
        if let Some(entry) = &self.entry {
            entry.count_sent(traffic.to_client);
            entry.count_received(traffic.to_upstream);
        }
        drop((self.led, self.counted));
    }
}

async fn both(client: OnUpgrade, upstream: OnUpgrade) -> Result<(Upgraded, Upgraded), hyper::Error> {
    tokio::try_join!(client, upstream)
}

/// Connections to upstreams are all of one type, made in `outgoing`.
fn of_upstream(upgraded: Upgraded) -> Option<End<UpstreamIo>> {
    let parts = upgraded.downcast::<TokioIo<Hearing<UpstreamIo>>>().ok()?;
    Some(End { stream: parts.io.into_inner().into_inner(), early: parts.read_buf })
}
