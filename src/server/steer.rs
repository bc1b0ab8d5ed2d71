//! The thread that started the workers: hears signals, commands and new certificates, and has the workers follow.
//!
//! One thing at a time, in the order in which it is asked for. Nothing that it waits
//! for keeps it from hearing that it is to stop.

use std::future::pending;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, interval};

use crate::cert::store::Store;
use crate::control::door::{Asked, OpenDoor};
use crate::control::{Answer, Question};

use super::crew::Crew;
use super::drain::Phase;
use super::handover::{Fault, Start, Successor};
use super::listen::Sockets;
use super::signals::{Signals, Wish};
use super::snapshot::Served;
use super::{Change, House, service};

/// How often workers are looked after.
const LOOK: Duration = Duration::from_secs(1);

/// What the thread that started the workers holds to steer them by.
#[derive(Debug)]
pub(super) struct Steering {
    pub(super) crew: Crew,
    pub(super) changes: watch::Sender<Served>,
    pub(super) stores: watch::Receiver<Arc<Store>>,
    pub(super) sockets: Sockets,
    pub(super) drain: Duration,
}

/// A process that was started and is not ready yet, and whoever waits to hear of it.
struct Upgrading {
    outcome: oneshot::Receiver<Result<Successor, Fault>>,
    waiting: Option<oneshot::Sender<Answer>>,
}

impl Steering {
    /// Steers until the workers have all gone; gives them back, to be waited for.
    pub(super) async fn steer(
        mut self,
        mut signals: Signals,
        mut door: Option<OpenDoor>,
        house: &mut impl House,
        beside: impl Future<Output = ()>,
    ) -> Crew {
        let mut beside = pin!(async {
            beside.await;
            pending::<()>().await;
        });
        let mut upgrading: Option<Upgrading> = None;
        let mut closing = None;
        let mut looks = interval(LOOK);
        let mut watchdog = Watchdog::new();
        loop {
            tokio::select! {
                () = self.crew.gone() => break,
                () = &mut beside => {}
                store = next(&mut self.stores) => self.certify(store),
                wish = signals.next() => match wish {
                    Wish::Stop => self.stop(),
                    Wish::Reload => drop(self.reload(house, upgrading.is_some())),
                    Wish::ReopenLog => house.reopen_log(),
                    Wish::Upgrade => self.upgrade(house, &mut upgrading, None),
                },
                Some(asked) = question(&mut door) => self.answer(asked, house, &mut upgrading),
                outcome = outcome(&mut upgrading) => {
                    let waiting = upgrading.take().and_then(|upgrading| upgrading.waiting);
                    if self.hand_over(outcome, house, waiting) {
                        closing = door.take().map(|door| tokio::spawn(door.close()));
                    }
                }
                _ = looks.tick() => {
                    self.crew.look_after(&self.sockets);
                    watchdog.look(&mut self.crew);
                }
            }
        }
        // A process that is about to be ready would take our silence for a crash, and serve.
        if let Some(upgrading) = upgrading
            && let Ok(Ok(successor)) = upgrading.outcome.await
        {
            successor.send_away();
        }
        // Who asked something just now hears of it before the end.
        if let Some(door) = door {
            door.close().await;
        }
        if let Some(closing) = closing {
            closing.await.ok();
        }
        self.crew
    }

    fn stop(&mut self) {
        match self.crew.phase() {
            Phase::Serving | Phase::HandedOver(_) => {
                tracing::info!(limit = ?self.drain, "draining: what is open may finish; a second signal ends at once");
                if self.crew.phase() == Phase::Serving {
                    service::stopping();
                }
                self.crew.enter(Phase::Draining(self.drain));
                self.let_go();
            }
            Phase::Draining(_) | Phase::Over => {
                tracing::info!("ending at once");
                self.crew.enter(Phase::Over);
            }
        }
    }

    /// Holds no socket any more, so that none gathers connections which nobody will accept.
    fn let_go(&mut self) {
        self.sockets = Sockets::default();
    }

    fn answer(&mut self, asked: Asked, house: &mut impl House, upgrading: &mut Option<Upgrading>) {
        let Asked { question, answer } = asked;
        if let Some(file) = question.file()
            && !is_same(file, house.file())
        {
            let why = format!(
                "the gatepost that answers here serves {}, and not {}; give each of them a `control` of its own",
                house.file().display(),
                file.display()
            );
            answer.send(Answer::refused(why)).ok();
            return;
        }
        match question {
            Question::Reload { .. } => {
                let outcome = self.reload(house, upgrading.is_some());
                answer.send(outcome).ok();
            }
            Question::Upgrade { .. } => self.upgrade(house, upgrading, Some(answer)),
        }
    }

    fn reload(&mut self, house: &mut impl House, upgrading: bool) -> Answer {
        if upgrading || self.crew.phase() != Phase::Serving {
            let why = if upgrading { "a new process is being started" } else { "it is ending" };
            tracing::error!("not reloaded: {why}");
            return Answer { file: house.file().into(), ..Answer::refused(why) };
        }
        service::reloading();
        let (change, mut answer) = house.reload(&self.sockets);
        if let Some(change) = change {
            if let Some(remark) = self.take_up(change) {
                answer.remarks.push(remark);
            }
            tracing::info!("reloaded");
        }
        // Who moved the log away may know no other way, and does not care for what else is in the file.
        house.reopen_log();
        service::ready(if answer.done { "serving" } else { "serving; the last reload found faults" });
        answer
    }

    /// Exchanges routes and certificates in one step: a new site is never served with an old certificate. Then sockets and
    /// workers.
    fn take_up(&mut self, change: Change) -> Option<String> {
        let Change { mut snapshot, sockets, workers, log, drain } = change;
        let store = self.stores.borrow_and_update().clone();
        snapshot.inherit(&self.changes.borrow().snapshot);
        self.changes.send_modify(|served| {
            *served = Served { snapshot: Arc::new(snapshot), tls: Arc::new(served.tls.with(store)), log };
        });
        self.drain = drain;
        let before = std::mem::replace(&mut self.sockets, sockets);
        before.beyond(&self.sockets).give_up();
        tell_apart(&before, &self.sockets);
        if workers != self.crew.active() {
            tracing::info!(before = self.crew.active(), workers, "another number of workers");
        }
        let error = self.crew.deal(&self.sockets, workers).err()?;
        tracing::error!(%error, "not as many workers as wanted");
        Some(format!("{} workers serve, since the system gives no more threads: {error}", self.crew.active()))
    }

    /// Exchanges the certificates and nothing else.
    fn certify(&self, store: Arc<Store>) {
        self.changes.send_modify(|served| served.tls = Arc::new(served.tls.with(store)));
    }

    fn upgrade(
        &mut self,
        house: &impl House,
        upgrading: &mut Option<Upgrading>,
        waiting: Option<oneshot::Sender<Answer>>,
    ) {
        let refusal = match self.crew.phase() {
            _ if upgrading.is_some() => "a new process is being started already",
            Phase::Serving => {
                tracing::info!("starting a new process to hand over to");
                let start = Start { sockets: self.sockets.clone(), admin: house.admin() };
                *upgrading = Some(Upgrading { outcome: start.begin(), waiting });
                return;
            }
            Phase::HandedOver(_) => "another process serves already",
            Phase::Draining(_) | Phase::Over => "it is ending",
        };
        tracing::error!("not handed over: {refusal}");
        if let Some(waiting) = waiting {
            waiting.send(Answer { file: house.file().into(), ..Answer::refused(refusal) }).ok();
        }
    }

    /// Whether another process serves from now on.
    fn hand_over(
        &mut self,
        outcome: Result<Successor, String>,
        house: &mut impl House,
        waiting: Option<oneshot::Sender<Answer>>,
    ) -> bool {
        let handed = outcome.and_then(|successor| {
            if self.crew.phase() != Phase::Serving {
                successor.send_away();
                return Err("it was told to stop before the new process was ready".to_owned());
            }
            let pid = successor.pid();
            // Before it says itself that it serves: systemd hears the main process alone.
            service::succeeded_by(pid);
            let served = successor.serve().map_err(|fault| words(&fault));
            if served.is_err() {
                service::succeeded_by(std::process::id());
            }
            served.map(|()| pid)
        });
        let answer = Answer { file: house.file().into(), pid: std::process::id(), ..Answer::default() };
        let answer = match &handed {
            Ok(pid) => {
                tracing::info!(pid, limit = ?self.drain, "handed over: another process serves; what is open here may finish");
                house.succeeded();
                self.crew.enter(Phase::HandedOver(self.drain));
                self.let_go();
                Answer { done: true, pid: *pid, ..answer }
            }
            Err(why) => {
                tracing::error!("not handed over, this process serves on: {why}");
                Answer { error: Some(why.clone()), ..answer }
            }
        };
        if let Some(waiting) = waiting {
            waiting.send(answer).ok();
        }
        handed.is_ok()
    }
}

/// systemd's watchdog is told that all is well, as long as every worker moves.
struct Watchdog {
    every: Option<Duration>,
    last: Instant,
}

impl Watchdog {
    fn new() -> Self {
        Self { every: service::watched(), last: Instant::now() }
    }

    fn look(&mut self, crew: &mut Crew) {
        let Some(every) = self.every.filter(|every| self.last.elapsed() >= every.saturating_sub(LOOK)) else { return };
        // Who drains may wait for its end in silence.
        if crew.phase() != Phase::Serving || crew.is_well() {
            self.last = Instant::now();
            service::well();
        } else {
            tracing::warn!(?every, "a worker has not moved; systemd is not told that all is well");
        }
    }
}

/// Which addresses have come and gone.
fn tell_apart(before: &Sockets, now: &Sockets) {
    for (speaks, address) in now.bound().filter(|it| !before.bound().any(|other| other == *it)) {
        tracing::info!(scheme = %speaks.scheme(), %address, "listening");
    }
    for (speaks, address) in before.bound().filter(|it| !now.bound().any(|other| other == *it)) {
        tracing::info!(scheme = %speaks.scheme(), %address, "not listening any more");
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// An error with its causes, in one line.
fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(&format!(": {error}"));
        cause = error.source();
    }
    words
}

/// The next certificates; never, once nobody can send any.
async fn next(stores: &mut watch::Receiver<Arc<Store>>) -> Arc<Store> {
    match stores.changed().await {
        Ok(()) => stores.borrow_and_update().clone(),
        Err(_) => pending().await,
    }
}

/// The next question of a command; never, where none can ask.
async fn question(door: &mut Option<OpenDoor>) -> Option<Asked> {
    match door {
        Some(door) => door.next().await,
        None => pending().await,
    }
}

/// What came of the process that was started; never, where none was.
async fn outcome(upgrading: &mut Option<Upgrading>) -> Result<Successor, String> {
    match upgrading {
        Some(upgrading) => match (&mut upgrading.outcome).await {
            Ok(outcome) => outcome.map_err(|fault| words(&fault)),
            Err(_) => Err("the system gives no thread to start it from".into()),
        },
        None => pending().await,
    }
}
