//! From serving to gone: one word from the main thread, heard by every worker, and how its connections hear of it.
//!
//! Draining means: accept nothing new, let requests finish and tell clients that
//! their connection ends, let tunnels go on until the limit, then cut.
//!
//! A client on HTTP/1.1 cannot be told ahead: it hears by `Connection: close` in an
//! answer, and a connection that is closed between two requests may meet one that is
//! on its way. So where nobody is in a hurry, since another process or worker serves on,
//! an idle connection gets [`PATIENCE`] for one more request. HTTP/2 has GOAWAY for it
//! (RFC 9113 section 6.8).

use std::cell::{Cell, RefCell};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How long an idle connection may wait for one more request before it is closed, where nobody is in a hurry. Who asked
/// nothing for so long is no likelier to ask at the moment of closing than at any other.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What the process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Serving.
    Serving,
    /// Another process accepts on the same sockets; finishing what is open, at most for this long, patiently.
    HandedOver(Duration),
    /// Finishing what is open, at most for this long.
    Draining(Duration),
    /// Ending at once.
    Over,
}

/// How the connections of one worker hear that they are to end.
#[derive(Debug, Default)]
pub struct Ending {
    begun: Cell<bool>,
    patience: Cell<Duration>,
    told: RefCell<CancellationToken>,
    hurry: CancellationToken,
}

impl Ending {
    /// Tells every connection: one that is idle on HTTP/1 may wait for one more request, for so long.
    pub fn begin(&self, patience: Duration) {
        self.begun.set(true);
        self.patience.set(patience);
        self.told.borrow().cancel();
        if patience.is_zero() {
            self.hurry.cancel();
        }
    }

    /// What comes from now on is not told; who was told ends all the same.
    pub fn revoke(&self) {
        // Where nobody was told, what is open listens to the one that there is.
        if self.begun.replace(false) {
            self.told.replace(CancellationToken::new());
        }
    }

    /// Whether an answer on HTTP/1 is the last on its connection.
    pub fn has_begun(&self) -> bool {
        self.begun.get()
    }

    /// Waits until connections are told, those that begin now among them.
    pub async fn told(&self) {
        let told = self.told.borrow().clone();
        told.cancelled().await;
    }

    /// The same, and then for as long as an idle connection is borne with.
    pub async fn patience_over(&self) {
        self.told().await;
        tokio::select! {
            () = tokio::time::sleep(self.patience.get()) => {}
            () = self.hurry.cancelled() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_borne_with_until_somebody_is_in_a_hurry() {
        let ending = Ending::default();
        ending.begin(PATIENCE);
        let begin = tokio::time::Instant::now();
        ending.told().await;
        assert!(begin.elapsed().is_zero() && ending.has_begun());
        ending.patience_over().await;
        assert_eq!(begin.elapsed(), PATIENCE);
        let waiting = ending.patience_over();
        ending.begin(Duration::ZERO);
        waiting.await;
        assert_eq!(begin.elapsed(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_change_of_mind_new_connections_live_on() {
        let ending = Ending::default();
        ending.begin(PATIENCE);
        ending.revoke();
        assert!(!ending.has_begun());
        let told = tokio::time::timeout(Duration::from_secs(60), ending.told()).await;
        assert!(told.is_err(), "nobody told it");
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_has_begun_a_change_of_mind_leaves_nobody_behind() {
        let ending = Ending::default();
        let mut open = std::pin::pin!(ending.told());
        assert!(tokio::time::timeout(Duration::from_secs(1), &mut open).await.is_err());
        ending.revoke();
        ending.begin(Duration::ZERO);
        tokio::time::timeout(Duration::from_secs(1), open).await.expect("it is told");
    }
}
