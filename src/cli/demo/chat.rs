//! A stand-in for Mattermost, and for the meeting server, behind the proxy path.
//!
//! It runs in this process on a thread and a runtime of its own, on a loopback
//! port, and is spoken to by HTTP/1.1 like the real one. What gatepost asks of a
//! Mattermost is there: a session cookie, `users/me`, `system/ping`, the WebSocket.
//!
//! It refuses to be a chat: all is in memory, and whoever types a name is in.

mod answer;
mod form;
mod login;
mod meeting;
mod origin;
mod people;
mod serve;
mod talk;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::{self, JoinHandle};

use jsonwebtoken::DecodingKey;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio_util::sync::CancellationToken;

use serve::House;

/// A running stand-in; ends on drop.
#[derive(Debug)]
pub(super) struct Chat {
    address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Chat {
    /// Starts it on a free port of 127.0.0.1; `meetings` verifies the tokens that its meetings are entered with.
    ///
    /// # Errors
    /// Where no port or thread can be had.
    pub(super) fn start(meetings: DecodingKey) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = thread::Builder::new().name("demo-chat".into()).spawn(move || {
            if let Err(error) = run(socket, meetings, &stopped) {
                tracing::error!(%error, "the stand-in chat cannot serve");
            }
        })?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn run(socket: std::net::TcpListener, meetings: DecodingKey, stop: &CancellationToken) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(socket)?;
        // Connections are cut by the runtime's end: gatepost, in front, has drained before.
        stop.run_until_cancelled(serve::accept(listener, House::new(meetings))).await;
        Ok(())
    })
}

impl Drop for Chat {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic of the stand-in has been reported by its thread.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
