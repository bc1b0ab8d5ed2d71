//! Certificate files that change while gatepost serves: noticed, read again, served from the next handshake on.
//!
//! inotify tells of most changes at once, and a look every minute finds the
//! others. What is read goes the same way as at the start; what cannot be used
//! changes nothing: the old pair is served, the log says why once, and every
//! further change is another try (R42). certbot and `cp` change certificate and
//! key one after the other, so that a pair that does not fit gets a moment before
//! anybody hears of it.
//!
//! It never serves nothing in place of something, nor a certificate whose time
//! is over in place of a good one.

mod look;
mod trail;
mod watch;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;
use crate::config::finding::{Finding, Severity};
use crate::config::model::CertificateFiles;

use self::look::{Asked, Look, Seen, Stamp};
use self::trail::Trail;
pub(crate) use self::watch::TOLD;
use self::watch::{Ear, Watch};
use super::words::date;
use super::{Live, Loaded, NotLoaded, expiry};

/// How often files are looked at where nothing tells of a change: NFS, some containers' mounts, a system out of watches.
const POLL: Duration = Duration::from_secs(60);

/// How long a pair may be at odds before the log says so. certbot writes its files within a second; whoever copies two
/// files by hand, or by a slow link, hears of it once.
const SETTLE: Duration = Duration::from_secs(5);

/// Watches the files of `live` for as long as it is polled.
pub async fn follow(live: Arc<Live>, clock: Clock) {
    Follower { live, clock, pace: Pace { poll: POLL, settle: SETTLE } }.run().await;
}

#[derive(Debug, Clone, Copy)]
struct Pace {
    poll: Duration,
    settle: Duration,
}

struct Follower {
    live: Arc<Live>,
    clock: Clock,
    pace: Pace,
}

impl Follower {
    async fn run(self) {
        let mut files = self.live.files();
        let mut pairs: Vec<Pair> = Vec::new();
        let mut trail = Trail::default();
        let mut ear: Option<Ear> = None;
        let mut blind = Vec::new();
        let mut told = false;
        loop {
            take_up(&files.borrow_and_update(), &mut pairs);
            let asked: Vec<Asked> = pairs.iter().map(|pair| pair.ask(told)).collect();
            let (before, clock) = (trail.clone(), self.clock);
            // Files can be on a network that does not answer; signals must not wait for them.
            let Ok(look) = tokio::task::spawn_blocking(move || Look::take(&asked, &before, clock)).await else {
                tracing::error!("looking at the certificate files failed; trying again in {:?}", self.pace.poll);
                tokio::time::sleep(self.pace.poll).await;
                continue;
            };
            trail = look.trail;
            if let Some(watch) = look.watch {
                ear = watch.and_then(|watch| hear(watch, &mut blind)).inspect_err(deaf).ok();
            }
            let now = Instant::now();
            for (pair, seen) in pairs.iter_mut().zip(look.seen) {
                self.settle(pair, seen, now);
            }
            let poll = now + self.pace.poll;
            let wake = pairs.iter().filter_map(|pair| pair.complaint_due(self.pace.settle)).fold(poll, Instant::min);
            told = tokio::select! {
                // Ends with the last sender, which `self.live` is.
                _ = files.changed() => true,
                () = heard(&mut ear) => true,
                () = sleep_until(wake) => false,
            };
        }
    }

    /// Does what a look at one pair calls for.
    fn settle(&self, pair: &mut Pair, seen: Seen, now: Instant) {
        pair.stamp = Some(seen.stamp);
        let Some((outcome, findings)) = seen.read else { return };
        let serving = self.live.loaded(&pair.files);
        let why = match outcome {
            Ok(loaded) if serving.as_ref().is_some_and(|serving| is_same(serving, &loaded)) => None,
            Ok(loaded) => match self.objection(serving.as_ref(), &loaded) {
                Some(objection) => Some(objection),
                None => {
                    self.serve(pair, loaded, &findings);
                    None
                }
            },
            // Awaited since the start, which said so.
            Err(NotLoaded::Missing) if serving.is_none() => None,
            Err(_) => Some(said(findings.iter().filter(|finding| finding.severity >= Severity::Grave))),
        };
        let Some(why) = why else {
            pair.trouble = None;
            return;
        };
        let trouble = match pair.trouble.take().filter(|trouble| trouble.why == why) {
            Some(trouble) => trouble,
            None => Trouble { since: now, why, is_said: false },
        };
        let trouble = pair.trouble.insert(trouble);
        if !trouble.is_said && now >= trouble.since + self.pace.settle {
            let until = serving.map(|serving| date(serving.not_after));
            let goes_on = until.map(|until| format!("; what is served until {until} goes on")).unwrap_or_default();
            tracing::error!("not taken up, tried again with every change: {}{goes_on}", trouble.why);
            trouble.is_said = true;
        }
    }

    fn serve(&self, pair: &Pair, loaded: Loaded, findings: &[Finding]) {
        let file = pair.files.chain.display();
        let (names, until) = (expiry::listed(&loaded.names), date(loaded.not_after));
        for finding in findings {
            tracing::warn!("{}", said([finding]));
        }
        self.live.put_files(&pair.files, loaded);
        tracing::info!(%file, names, until, "serving a new certificate");
    }

    /// Why something that could be served must not be: it is worse than what it would replace.
    fn objection(&self, serving: Option<&Loaded>, new: &Loaded) -> Option<String> {
        let now = i64::try_from(self.clock.unix_seconds()).unwrap_or(i64::MAX);
        let is_valid = |loaded: &Loaded| loaded.not_before <= now && now <= loaded.not_after;
        (serving.is_some_and(is_valid) && !is_valid(new)).then(|| {
            let (from, until) = (date(new.not_before), date(new.not_after));
            format!("the new certificate is valid from {from} to {until} and so not now, while the old one is")
        })
    }
}

/// One `[[certificate]]` as the follower knows it.
struct Pair {
    files: CertificateFiles,
    /// What the files looked like at the last look; `None` before the first.
    stamp: Option<Stamp>,
    /// Why they are not served.
    trouble: Option<Trouble>,
}

struct Trouble {
    since: Instant,
    why: String,
    is_said: bool,
}

impl Pair {
    fn ask(&self, told: bool) -> Asked {
        let seen = if told || self.trouble.is_some() { None } else { self.stamp.clone() };
        Asked { files: self.files.clone(), seen }
    }

    fn complaint_due(&self, settle: Duration) -> Option<Instant> {
        let trouble = self.trouble.as_ref()?;
        (!trouble.is_said).then_some(trouble.since + settle)
    }
}

/// Goes over to the entries of a reloaded configuration; what is known of those that stay stays known.
fn take_up(files: &[CertificateFiles], pairs: &mut Vec<Pair>) {
    let mut known = std::mem::take(pairs);
    *pairs = files
        .iter()
        .map(|files| match known.iter().position(|pair| pair.files == *files) {
            Some(index) => known.swap_remove(index),
            None => Pair { files: files.clone(), stamp: None, trouble: None },
        })
        .collect();
}

fn hear(watch: Watch, known: &mut Vec<PathBuf>) -> io::Result<Ear> {
    for (folder, error) in &watch.blind {
        if !known.contains(folder) {
            let seconds = POLL.as_secs();
            tracing::warn!(folder = %folder.display(), %error, "cannot watch for changes; they are noticed within {seconds} s");
        }
    }
    *known = watch.blind.iter().map(|(folder, _)| folder.clone()).collect();
    watch.listen()
}

fn deaf(error: &io::Error) {
    tracing::warn!(%error, "cannot watch certificate files; changes are noticed within {} s", POLL.as_secs());
}

/// Waits for a word; never comes where there is nothing to hear with.
async fn heard(ear: &mut Option<Ear>) {
    if let Some(listening) = ear {
        match listening.heard().await {
            Ok(()) => return,
            Err(error) => {
                deaf(&error);
                *ear = None;
            }
        }
    }
    std::future::pending::<()>().await;
}

/// Whether the same would be presented.
fn is_same(one: &Loaded, other: &Loaded) -> bool {
    one.key.cert == other.key.cert && one.key.key.public_key() == other.key.key.public_key()
}

/// Findings as one sentence with what mends them.
fn said<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> String {
    let sentence = |finding: &Finding| match &finding.mend {
        Some(mend) => format!("{} ({mend})", finding.what),
        None => finding.what.clone(),
    };
    findings.into_iter().map(sentence).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
