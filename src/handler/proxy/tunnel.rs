//! Bytes both ways between a client and an upstream after they switched protocols.
//!
//! A tunnel that is silent holds no buffer: bytes are read into one scratch
//! buffer per worker and written on at once; only what the other side does not
//! take is kept. Ends when both ways have ended, when either side breaks, when
//! no byte moved for the idle limit, or when the route that it came by is gone.
//!
//! Looks at no frame, so that it cannot say WebSocket's goodbye (RFC 6455 section
//! 7.1.1) amid somebody's message: where gatepost ends a tunnel, both sides see
//! their connection end, and clients that want to go on connect again.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

use crate::config::model::UpstreamAddress;
use crate::error::RequestError;
use crate::route::host::Host;
use crate::server::census::{Census, Passage};

/// One read's worth: a full TLS record (16 KiB, RFC 8446 section 5.1).
const SCRATCH: usize = 16 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

/// The open tunnels of one worker, and whether new ones may be opened.
#[derive(Debug)]
pub struct Tunnels {
    census: Arc<Census>,
    open: Cell<usize>,
    closed: Cell<bool>,
    leads: RefCell<HashMap<u64, Rc<Lead>>>,
    next: Cell<u64>,
}

/// Counts one tunnel as long as it lives.
#[derive(Debug)]
pub struct Open {
    tunnels: Rc<Tunnels>,
    _passage: Passage,
}

/// How a tunnel came about: where a reload leads nobody there any more, it ends.
#[derive(Debug)]
pub struct Lead {
    /// The host that was asked for.
    pub host: Host,
    /// The path, as routes are found by it.
    pub path: Box<str>,
    /// Where it goes.
    pub upstream: UpstreamAddress,
    lost: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// A tunnel that bytes move through; known to its worker until it is dropped.
#[derive(Debug)]
pub struct Led {
    open: Open,
    key: u64,
    lead: Rc<Lead>,
}

impl Tunnels {
    /// Those of one worker, none yet; `census` knows those of all.
    pub fn new(census: Arc<Census>) -> Self {
        Self { census, open: Cell::new(0), closed: Cell::new(false), leads: RefCell::default(), next: Cell::new(0) }
    }

    /// Counts a tunnel of this client in.
    ///
    /// # Errors
    /// While the worker is stopping, and where there are as many as may be.
    pub fn open(self: &Rc<Self>, client: IpAddr) -> Result<Open, RequestError> {
        if self.closed.get() {
            return Err(RequestError::Stopping);
        }
        let passage = self.census.dig(client).map_err(|_| RequestError::Full)?;
        self.open.set(self.open.get() + 1);
        Ok(Open { tunnels: self.clone(), _passage: passage })
    }

    /// No new tunnels from now on.
    pub fn close(&self) {
        self.closed.set(true);
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.open.get()
    }

    /// Ends those that nothing leads to any more.
    pub fn end_unless(&self, still_leads: impl Fn(&Lead) -> bool) {
        let leads = self.leads.borrow();
        let lost: Vec<&Rc<Lead>> = leads.values().filter(|lead| !still_leads(lead)).collect();
        if !lost.is_empty() {
            tracing::info!(tunnels = lost.len(), "ending tunnels whose route is gone");
        }
        for lead in lost {
            lead.lost.set(true);
            if let Some(waker) = lead.waker.take() {
                waker.wake();
            }
        }
    }
}

impl Open {
    /// Both sides have agreed: says how it came to that.
    pub fn led(self, host: Host, path: &str, upstream: UpstreamAddress) -> Led {
        let lead =
            Rc::new(Lead { host, path: path.into(), upstream, lost: Cell::default(), waker: RefCell::default() });
        let key = self.tunnels.next.get();
        self.tunnels.next.set(key.wrapping_add(1));
        self.tunnels.leads.borrow_mut().insert(key, lead.clone());
        Led { open: self, key, lead }
    }
}

impl Led {
    /// Whether nothing leads here any more; who asks is woken when that changes.
    fn is_lost(&self, cx: &Context<'_>) -> bool {
        let mut waker = self.lead.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        self.lead.lost.get()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.tunnels.open.set(self.tunnels.open.get() - 1);
    }
}

impl Drop for Led {
    fn drop(&mut self) {
        self.open.tunnels.leads.borrow_mut().remove(&self.key);
    }
}

/// How many bytes went which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// From the client to the upstream.
    pub to_upstream: u64,
    /// From the upstream to the client.
    pub to_client: u64,
}

/// One end of a tunnel: its stream, and bytes that were read from it ahead of the switch.
#[derive(Debug)]
pub struct End<S> {
    /// The stream.
    pub stream: S,
    /// Sent on first.
    pub early: Bytes,
}

/// Moves bytes until the tunnel ends; says how many went which way.
pub async fn run<C, U>(client: End<C>, upstream: End<U>, idle: Duration, led: &Led) -> Traffic
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let (mut client, mut upstream, mut up, mut down) =
        (client.stream, upstream.stream, Way::new(client.early), Way::new(upstream.early));
    let mut last = Instant::now();
    let mut timer = pin!(sleep_until(last + idle));
    poll_fn(|cx| {
        if led.is_lost(cx) {
            return Poll::Ready(());
        }
        let before = up.moved + down.moved;
        let ways = (up.poll(cx, &mut client, &mut upstream), down.poll(cx, &mut upstream, &mut client));
        let broken = matches!(ways, (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))));
        if broken || (ways.0.is_ready() && ways.1.is_ready()) {
            return Poll::Ready(());
        }
        if up.moved + down.moved != before {
            last = Instant::now();
        }
        // The timer is moved only when it rings, not with every byte.
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= last + idle {
                return Poll::Ready(());
            }
            timer.as_mut().reset(last + idle);
        }
        Poll::Pending
    })
    .await;
    Traffic { to_upstream: up.moved, to_client: down.moved }
}

/// One direction.
struct Way {
    kept: Bytes,
    moved: u64,
    source_ended: bool,
    unflushed: bool,
    done: bool,
}

impl Way {
    fn new(early: Bytes) -> Self {
        Self { kept: early, moved: 0, source_ended: false, unflushed: false, done: false }
    }

    /// Ready once the source has ended and the sink knows it.
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, source: &mut R, sink: &mut W) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        if self.done {
            return Poll::Ready(Ok(()));
        }
        loop {
            while !self.kept.is_empty() {
                let written = ready!(Pin::new(&mut *sink).poll_write(cx, &self.kept))?;
                self.wrote(written)?;
                self.kept.advance(written);
            }
            self.kept = Bytes::new();
            if self.source_ended {
                // Half-close: the other direction goes on.
                ready!(Pin::new(&mut *sink).poll_shutdown(cx))?;
                self.done = true;
                return Poll::Ready(Ok(()));
            }
            match self.move_once(cx, source, sink)? {
                Poll::Ready(()) => {}
                Poll::Pending => {
                    if self.unflushed {
                        ready!(Pin::new(&mut *sink).poll_flush(cx))?;
                        self.unflushed = false;
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Reads once and writes on what was read; what the sink does not take is kept.
    fn move_once<R, W>(&mut self, cx: &mut Context<'_>, source: &mut R, sink: &mut W) -> io::Result<Poll<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        BUFFER.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            if Pin::new(source).poll_read(cx, &mut buffer)?.is_pending() {
                return Ok(Poll::Pending);
            }
            let read = buffer.filled();
            if read.is_empty() {
                self.source_ended = true;
                return Ok(Poll::Ready(()));
            }
            let written = match Pin::new(sink).poll_write(cx, read)? {
                Poll::Ready(written) => {
                    self.wrote(written)?;
                    written
                }
                Poll::Pending => 0,
            };
            self.kept = Bytes::copy_from_slice(&read[written..]);
            Ok(Poll::Ready(()))
        })
    }

    fn wrote(&mut self, count: usize) -> io::Result<()> {
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.moved += count as u64;
        self.unflushed = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn tunnels() -> Rc<Tunnels> {
        let text = "[server]\nhttps = []\n[limits]\ntunnels = 1\n[[site]]\nhosts = [\"a.example\"]\n[[site.route]]\n\
            path = \"/\"\nrespond = \"x\"\n";
        let config = crate::config::parse(text, std::path::Path::new("gatepost.toml")).config.expect("a configuration");
        Rc::new(Tunnels::new(Arc::new(Census::new(&config.limits))))
    }

    fn led(tunnels: &Rc<Tunnels>) -> Led {
        let host = Host::parse("chat.example").expect("a host");
        let upstream =
            UpstreamAddress { tls: false, host: host.clone(), port: 80, origin: "http://chat.example".into() };
        tunnels.open(CLIENT).expect("open").led(host, "/", upstream)
    }

    fn end(stream: tokio::io::DuplexStream, early: &'static [u8]) -> End<tokio::io::DuplexStream> {
        End { stream, early: Bytes::from_static(early) }
    }

    #[tokio::test]
    async fn r84_early_bytes_come_first_and_half_close_lets_the_other_way_go_on() {
        let (mut client, client_far) = duplex(8);
        // Room for what the upstream says while the client is not listening yet.
        let (mut upstream, upstream_far) = duplex(64);
        let (idle, led) = (Duration::from_secs(30), led(&tunnels()));
        let tunnel = run(end(client_far, b"early up "), end(upstream_far, b"early down "), idle, &led);
        let talk = async {
            client.write_all(b"from the client").await.expect("room");
            client.shutdown().await.expect("a half-close");
            let mut seen = Vec::new();
            upstream.read_to_end(&mut seen).await.expect("an end");
            assert_eq!(seen, b"early up from the client");
            upstream.write_all(b"still here").await.expect("room");
            drop(upstream);
            let mut seen = Vec::new();
            client.read_to_end(&mut seen).await.expect("an end");
            assert_eq!(seen, b"early down still here");
        };
        let (traffic, ()) = tokio::join!(tunnel, talk);
        assert_eq!(traffic, Traffic { to_upstream: 24, to_client: 21 });
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_tunnel_and_a_byte_puts_it_off() {
        let (mut client, client_far) = duplex(64);
        let (_upstream, upstream_far) = duplex(64);
        let (begin, led) = (Instant::now(), led(&tunnels()));
        let tunnel = run(end(client_far, b""), end(upstream_far, b""), Duration::from_secs(600), &led);
        let talk = async {
            tokio::time::sleep(Duration::from_secs(500)).await;
            client.write_all(b"ping").await.expect("room");
            client
        };
        let (traffic, _client) = tokio::join!(tunnel, talk);
        assert_eq!(traffic.to_upstream, 4);
        assert_eq!(begin.elapsed().as_secs(), 1100);
    }

    #[tokio::test]
    async fn a_tunnel_ends_when_nothing_leads_there_any_more() {
        let tunnels = tunnels();
        let (_client, client_far) = duplex(64);
        let (_upstream, upstream_far) = duplex(64);
        let led = led(&tunnels);
        let tunnel = run(end(client_far, b""), end(upstream_far, b""), Duration::from_secs(600), &led);
        let reload = async {
            tunnels.end_unless(|lead| &*lead.path == "/");
            tokio::task::yield_now().await;
            tunnels.end_unless(|lead| lead.host.as_str() != "chat.example");
        };
        tokio::join!(tunnel, reload);
        drop(led);
        assert!(tunnels.leads.borrow().is_empty() && tunnels.count() == 0);
    }

    #[test]
    fn a_tunnel_is_counted_as_long_as_it_lives() {
        let tunnels = tunnels();
        let open = tunnels.open(CLIENT).expect("room for one");
        assert_eq!(tunnels.count(), 1);
        assert!(matches!(tunnels.open(CLIENT), Err(RequestError::Full)));
        drop(open);
        tunnels.close();
        assert_eq!(tunnels.count(), 0);
        assert!(matches!(tunnels.open(CLIENT), Err(RequestError::Stopping)));
    }
}
