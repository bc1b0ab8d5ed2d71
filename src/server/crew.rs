//! The workers: started, dealt sockets, retired and called back as the configuration says how many there are to be.
//!
//! A worker that broke is replaced: the sockets that it accepted on are held here and
//! would go on gathering connections that nobody takes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, watch};

use super::RunError;
use super::census::Census;
use super::drain::Phase;
use super::listen::{Listener, Sockets};
use super::snapshot::Served;
use super::worker::{self, Given};

/// All workers, those that have retired among them.
#[derive(Debug)]
pub(super) struct Crew {
    terms: Terms,
    phase: Phase,
    hands: Vec<Hand>,
    /// How many of them are dealt sockets: the first ones.
    active: usize,
}

/// What whoever is hired is given.
#[derive(Debug)]
struct Terms {
    served: watch::Receiver<Served>,
    census: Arc<Census>,
}

/// One worker, as it is known here.
#[derive(Debug)]
struct Hand {
    thread: JoinHandle<io::Result<()>>,
    deals: mpsc::UnboundedSender<Vec<Listener>>,
    phase: watch::Sender<Phase>,
    beat: Arc<AtomicU64>,
    seen: u64,
}

impl Crew {
    /// Nobody yet; whoever is hired serves this.
    pub(super) fn new(served: watch::Receiver<Served>, census: Arc<Census>) -> Self {
        Self { terms: Terms { served, census }, phase: Phase::Serving, hands: Vec::new(), active: 0 }
    }

    /// Has so many workers accept on these sockets, and no others.
    ///
    /// # Errors
    /// Where a thread is not to be had: those that there are share the sockets then.
    pub(super) fn deal(&mut self, sockets: &Sockets, workers: usize) -> io::Result<()> {
        let mut hired = Ok(());
        while self.hands.len() < workers && hired.is_ok() {
            hired = self.hire();
        }
        self.active = workers.min(self.hands.len());
        if self.active == 0 {
            return hired;
        }
        self.terms.census.set_workers(self.active);
        let mut deal = sockets.deal(self.active);
        for (number, hand) in self.hands.iter_mut().enumerate() {
            let listeners = deal.get_mut(number).map(std::mem::take).unwrap_or_default();
            if let Err(unheard) = hand.deals.send(listeners)
                && !unheard.0.is_empty()
            {
                // It ended at this very moment, as retired ones do.
                let fresh = Hand::hire(number, &self.terms, self.phase)?;
                fresh.deals.send(unheard.0).ok();
                *hand = fresh;
            }
        }
        hired
    }

    fn hire(&mut self) -> io::Result<()> {
        self.hands.push(Hand::hire(self.hands.len(), &self.terms, self.phase)?);
        Ok(())
    }

    /// Tells every worker what the process is doing.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        for hand in &self.hands {
            hand.phase.send_replace(phase);
        }
    }

    /// What it was told last.
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// How many accept.
    pub(super) fn active(&self) -> usize {
        self.active
    }

    /// Waits until all have gone.
    pub(super) async fn gone(&self) {
        for hand in &self.hands {
            hand.phase.closed().await;
        }
    }

    /// Lets go of retired workers that have ended, and replaces those that broke.
    pub(super) fn look_after(&mut self, sockets: &Sockets) {
        // Only the last ones, since the number of a worker is its place.
        while self.hands.len() > self.active
            && let Some(last) = self.hands.pop_if(|hand| hand.thread.is_finished())
        {
            last.join().unwrap_or_else(|error| tracing::error!(%error, "a retired worker ended badly"));
        }
        let broken = self.hands.iter().take(self.active).position(|hand| hand.thread.is_finished());
        let (Some(number), Phase::Serving) = (broken, self.phase) else { return };
        match Hand::hire(number, &self.terms, self.phase) {
            Ok(fresh) => {
                let broken = std::mem::replace(&mut self.hands[number], fresh);
                let error = broken.join().err();
                let error = error.as_ref().map(|error| error as &dyn std::error::Error);
                tracing::error!(error, number, "a worker ended; another takes its place");
                let deal = sockets.deal(self.active).swap_remove(number);
                self.hands[number].deals.send(deal).ok();
            }
            Err(error) => tracing::error!(%error, number, "a worker ended, and no other takes its place for now"),
        }
    }

    /// Whether every worker did something since this was asked last.
    pub(super) fn is_well(&mut self) -> bool {
        self.hands.iter_mut().take(self.active).fold(true, |all, hand| {
            let beat = hand.beat.load(Ordering::Relaxed);
            let moved = beat != hand.seen;
            hand.seen = beat;
            all && moved
        })
    }

    /// Waits for the threads.
    ///
    /// # Errors
    /// The first that did not end well.
    pub(super) fn join(self) -> Result<(), RunError> {
        drop(self.terms);
        self.hands.into_iter().try_for_each(Hand::join)
    }
}

impl Hand {
    fn hire(number: usize, terms: &Terms, phase: Phase) -> io::Result<Self> {
        let (deals, dealt) = mpsc::unbounded_channel();
        let (phase, told) = watch::channel(phase);
        let beat = Arc::new(AtomicU64::new(0));
        let (served, census) = (terms.served.clone(), terms.census.clone());
        let given = Given { deals: dealt, served, phase: told, census, beat: beat.clone() };
        let thread = thread::Builder::new().name(format!("worker-{number}")).spawn(move || worker::run(given))?;
        Ok(Self { thread, deals, phase, beat, seen: 0 })
    }

    fn join(self) -> Result<(), RunError> {
        // Whoever waits for the next deal or phase hears that there is none.
        drop((self.deals, self.phase));
        self.thread.join().map_err(|_| RunError::Panicked)?.map_err(RunError::Worker)
    }
}
