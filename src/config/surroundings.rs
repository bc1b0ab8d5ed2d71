//! What a configuration means depends on little beside its text: who runs it, on what machine, in which environment.
//!
//! All of that is asked here, once, so that the same text and the same
//! surroundings give the same meaning. No file is looked at but the kernel's own.

mod memory;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Looks up a variable of the environment.
pub type Environment = Box<dyn Fn(&str) -> Option<String>>;

/// Who runs gatepost, on what machine, in which environment.
pub struct Surroundings {
    /// Whether it runs as root.
    pub root: bool,
    /// How many threads can run at once.
    pub cores: NonZeroUsize,
    /// Files and sockets that this process may have open at once, once it has raised its own limit as far as it may.
    pub descriptors: usize,
    /// Bytes of memory that this process may fill.
    pub memory: u64,
    /// The environment; `None` where it must not count (`check --syntax`).
    pub environment: Option<Environment>,
}

impl Surroundings {
    /// This process's own.
    pub fn of_this_process() -> Self {
        Self { environment: Some(Box::new(|name| std::env::var(name).ok())), ..Self::unasked() }
    }

    /// This process's own without its environment: secrets from it are taken on trust.
    pub fn unasked() -> Self {
        Self {
            root: rustix::process::geteuid().is_root(),
            cores: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            descriptors: descriptors(),
            memory: memory::memory(),
            environment: None,
        }
    }

    /// Where state is kept unless told: `/var/lib/gatepost` for root or a service, else below the user's own folder. A
    /// configuration that names a `user` is a service's, whoever reads it.
    pub fn state(&self, service: bool) -> PathBuf {
        // systemd sets these to what StateDirectory= made for the service; several are joined by colons.
        if let Some(folder) = self.folder("STATE_DIRECTORY") {
            return folder;
        }
        if self.root || service {
            return "/var/lib/gatepost".into();
        }
        // The XDG base directory specification's default for XDG_STATE_HOME.
        let own = self.folder("XDG_STATE_HOME").or_else(|| Some(self.folder("HOME")?.join(".local/state")));
        own.map_or_else(|| "/var/lib/gatepost".into(), |own| own.join("gatepost"))
    }

    /// Where the control socket is unless told.
    pub fn control(&self, service: bool, state: &Path) -> PathBuf {
        match self.folder("RUNTIME_DIRECTORY") {
            Some(folder) => folder.join("control.sock"),
            None if self.root || service => "/run/gatepost/control.sock".into(),
            None => state.join("control.sock"),
        }
    }

    fn folder(&self, variable: &str) -> Option<PathBuf> {
        let value = self.environment.as_ref()?(variable)?;
        let first = value.split(':').next().filter(|first| first.starts_with('/'))?;
        Some(first.into())
    }
}

/// The hard limit, since `run` raises the soft one to it.
fn descriptors() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment is left out: it may hold secrets.
        f.debug_struct("Surroundings").field("root", &self.root).field("cores", &self.cores).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(root: bool, variables: &'static [(&str, &str)]) -> Surroundings {
        let asked = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Surroundings {
            root,
            cores: NonZeroUsize::MIN,
            descriptors: 1024,
            memory: 1 << 30,
            environment: Some(Box::new(asked)),
        }
    }

    #[test]
    fn state_is_kept_where_the_one_who_runs_it_may_write() {
        let state = |root, variables| surroundings(root, variables).state(false);
        assert_eq!(state(true, &[("HOME", "/root")]), Path::new("/var/lib/gatepost"));
        assert_eq!(state(false, &[("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")]), Path::new("/var/lib/a"));
        assert_eq!(state(false, &[("HOME", "/home/x")]), Path::new("/home/x/.local/state/gatepost"));
        assert_eq!(state(false, &[("XDG_STATE_HOME", "/s"), ("HOME", "/home/x")]), Path::new("/s/gatepost"));
        assert_eq!(state(false, &[("XDG_STATE_HOME", "relative")]), Path::new("/var/lib/gatepost"));
    }

    #[test]
    fn the_control_socket_goes_with_it() {
        let control = |root, variables| surroundings(root, variables).control(false, Path::new("/s"));
        assert_eq!(control(true, &[]), Path::new("/run/gatepost/control.sock"));
        assert_eq!(control(false, &[("RUNTIME_DIRECTORY", "/run/g")]), Path::new("/run/g/control.sock"));
        assert_eq!(control(false, &[]), Path::new("/s/control.sock"));
    }

    #[test]
    fn with_a_user_both_are_a_services_whoever_asks() {
        for root in [true, false] {
            let asked = surroundings(root, &[("HOME", "/home/x")]);
            assert_eq!(asked.state(true), Path::new("/var/lib/gatepost"));
            assert_eq!(asked.control(true, Path::new("/s")), Path::new("/run/gatepost/control.sock"));
        }
    }
}
