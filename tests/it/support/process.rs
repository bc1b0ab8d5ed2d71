//! The real binary as a child process: what it prints, and how it ends.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tokio::sync::watch;

use super::soon;

/// A child process whose output is gathered as it comes.
pub(crate) struct Process {
    pid: Pid,
    stdout: watch::Receiver<String>,
    stderr: watch::Receiver<String>,
    exited: watch::Receiver<Option<ExitStatus>>,
    ended: watch::Receiver<Option<ExitStatus>>,
}

/// How a process ended and all that it printed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Fails unless it ended by itself with a failure: 1, or 2 where the configuration is at fault.
    pub(crate) fn assert_refused(&self) {
        assert!(matches!(self.code, Some(1 | 2)), "{self:?}");
    }
}

/// Runs `gatepost ARGUMENTS` in `folder` to its end.
pub(crate) async fn gatepost<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Outcome {
    Process::gatepost(folder, arguments).outcome().await
}

impl Process {
    /// Starts `gatepost ARGUMENTS` in `folder`.
    pub(crate) fn gatepost<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Self {
        Self::gatepost_at_home(folder, arguments, None)
    }

    /// The same with a soft limit of open files.
    pub(crate) fn gatepost_limited<S: AsRef<OsStr>>(folder: &Path, arguments: &[S], descriptors: u32) -> Self {
        let mut command = Command::new("sh");
        let script = format!("ulimit -Sn {descriptors} && exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_gatepost")]);
        command.args(arguments).stdin(Stdio::null());
        Self::of(command, folder)
    }

    /// The same for a user whose home is `home`, where one is given.
    pub(crate) fn gatepost_at_home<S: AsRef<OsStr>>(folder: &Path, arguments: &[S], home: Option<&Path>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        if let Some(home) = home {
            command.env("HOME", home).env_remove("XDG_STATE_HOME");
        }
        command.args(arguments).stdin(Stdio::null());
        Self::of(command, folder)
    }

    /// Starts a command in `folder`.
    pub(crate) fn of(mut command: Command, folder: &Path) -> Self {
        let mut child = command
            .current_dir(folder)
            .env("NO_COLOR", "1")
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let pid = Pid::from_child(&child);
        let (stdout, out) = gather(child.stdout.take().expect("a pipe"));
        let (stderr, err) = gather(child.stderr.take().expect("a pipe"));
        let (tell_exit, exited) = watch::channel(None);
        let (tell, ended) = watch::channel(None);
        std::thread::spawn(move || {
            let status = child.wait().expect("a child can be waited for");
            let _ = tell_exit.send(Some(status));
            // What was printed last is gathered before the end is told.
            for reader in [out, err] {
                let _ = reader.join();
            }
            let _ = tell.send(Some(status));
        });
        Self { pid, stdout, stderr, exited, ended }
    }

    /// Waits until standard error has `text`; fails if the process ends before.
    pub(crate) async fn says(&mut self, text: &str) -> String {
        let said = self.says_or_ends(text).await;
        assert!(said.contains(text), "ended before saying {text:?}:\n{said}");
        said
    }

    /// Waits until standard error has `text` or the process has ended; gives all that it said.
    pub(crate) async fn says_or_ends(&mut self, text: &str) -> String {
        // The sender ends with the process, and the wait with it.
        let _ = soon(&format!("{text:?} on standard error"), self.stderr.wait_for(|all| all.contains(text))).await;
        self.stderr()
    }

    /// Waits until standard output has a line with `text`, and gives that line.
    pub(crate) async fn prints(&mut self, text: &str) -> String {
        let all = soon(&format!("{text:?} on standard output"), self.stdout.wait_for(|all| all.contains(text)))
            .await
            .expect("standard output is open");
        all.lines().find(|line| line.contains(text)).expect("a line with it").to_owned()
    }

    /// What came on standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.borrow().clone()
    }

    /// What came on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.borrow().clone()
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends SIGKILL.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Sends SIGHUP.
    pub(crate) fn hangup(&self) {
        self.signal(Signal::HUP);
    }

    /// Sends SIGUSR1.
    pub(crate) fn user1(&self) {
        self.signal(Signal::USR1);
    }

    /// Files and sockets that it has open.
    pub(crate) fn descriptors(&self) -> u64 {
        let folder = format!("/proc/{}/fd", self.pid.as_raw_nonzero());
        std::fs::read_dir(folder).expect("a running process").count() as u64
    }

    /// Lets it have this many open from now on.
    pub(crate) fn limit_descriptors(&self, most: u64) {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        prlimit(Some(self.pid), Resource::Nofile, limit).expect("a child's limit");
    }

    /// How many sockets it has open.
    pub(crate) fn sockets(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.pid.as_raw_nonzero());
        let open = std::fs::read_dir(folder).expect("a process that runs").filter_map(Result::ok);
        let target = |entry: std::fs::DirEntry| std::fs::read_link(entry.path()).ok();
        open.filter_map(target).filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    /// Sends SIGUSR2.
    pub(crate) fn user2(&self) {
        self.signal(Signal::USR2);
    }

    /// Its number.
    pub(crate) fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Waits until the process itself has ended, whoever else may still write to its output.
    pub(crate) async fn exited(&mut self) -> Option<i32> {
        let status = soon("the exit of the process", self.exited.wait_for(Option::is_some)).await;
        status.expect("the waiting thread tells").expect("an exit status").code()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&self) -> bool {
        self.ended.borrow().is_none()
    }

    /// Waits for its end.
    pub(crate) async fn outcome(mut self) -> Outcome {
        let status = soon("the end of the process", self.ended.wait_for(Option::is_some))
            .await
            .expect("the waiting thread tells")
            .expect("an exit status");
        Outcome { code: status.code(), stdout: self.stdout(), stderr: self.stderr() }
    }

    fn signal(&self, signal: Signal) {
        // Once its end is told, the pid may be another's.
        if self.exited.borrow().is_none() {
            let _ = kill_process(self.pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

fn gather(pipe: impl Read + Send + 'static) -> (watch::Receiver<String>, std::thread::JoinHandle<()>) {
    let (sender, receiver) = watch::channel(String::new());
    let reader = std::thread::spawn(move || {
        let mut lines = BufReader::new(pipe);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            sender.send_modify(|all| all.push_str(&String::from_utf8_lossy(&line)));
            line.clear();
        }
        // The sender ends with the thread; what it sent stays readable.
    });
    (receiver, reader)
}
