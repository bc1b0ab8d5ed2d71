//! A running gatepost, so that a test reads as: given this file, this upstream, when this request, then that.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::ca::{Identity, ca};
use super::client::Tls;
use super::h2::H2;
use super::process::{Outcome, Process};
use super::raw::{Message, Wire};
use super::upstream::Upstream;

/// The host of tests that need but one.
pub(crate) const CHAT: &str = "chat.example";

/// A folder that nobody else comes into, as keys are kept in.
pub(crate) fn private_folder() -> TempDir {
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    tempfile::Builder::new().permissions(private).tempdir().expect("a temporary folder")
}

/// A gatepost that will serve the sites of `file`, which holds all but `[server]`, `[log]` and `[[certificate]]`.
pub(crate) fn gate(file: impl Into<String>) -> Builder {
    Builder {
        folder: private_folder(),
        server: String::new(),
        log: String::new(),
        certificates: String::new(),
        file: file.into(),
        listen: Some((1, 1)),
        descriptors: None,
    }
}

/// One site, `chat.example`, whose every path goes to `upstream`; `keys` are more keys of that route.
pub(crate) fn proxying(upstream: &Upstream, keys: &str) -> Builder {
    gate(format!(
        r#"
        [[site]]
        hosts = ["{CHAT}"]

        [[site.route]]
        path = "/"
        proxy = "http://{upstream}"
        {keys}
        "#
    ))
}

/// A gatepost to be.
pub(crate) struct Builder {
    folder: TempDir,
    server: String,
    log: String,
    certificates: String,
    file: String,
    /// How many addresses for http and for https; `None` where the test says them.
    listen: Option<(usize, usize)>,
    /// Its soft limit of open files, where the test says it.
    descriptors: Option<u32>,
}

impl Builder {
    /// The folder that it runs in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in that folder; folders on the way are made.
    pub(crate) fn with(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, content).expect("a file");
        self
    }

    /// Keys of `[server]`.
    pub(crate) fn server(mut self, keys: &str) -> Self {
        self.server += keys;
        self.server += "\n";
        self
    }

    /// Keys of `[log]`.
    pub(crate) fn log(mut self, keys: &str) -> Self {
        self.log += keys;
        self.log += "\n";
        self
    }

    /// Its soft limit of open files at the start.
    pub(crate) fn soft_limit(mut self, descriptors: u32) -> Self {
        self.descriptors = Some(descriptors);
        self
    }

    /// How many addresses it listens on.
    pub(crate) fn listening(mut self, http: usize, https: usize) -> Self {
        self.listen = Some((http, https));
        self
    }

    /// `[server]` says itself where to listen.
    pub(crate) fn listening_as_told(mut self) -> Self {
        self.listen = None;
        self
    }

    /// A certificate, in place of the one for `chat.example`.
    pub(crate) fn certificate(self, identity: &Identity) -> Self {
        self.certificate_with(identity, "")
    }

    /// A certificate with more keys of its table.
    pub(crate) fn certificate_with(mut self, identity: &Identity, keys: &str) -> Self {
        let number = self.certificates.matches("[[certificate]]").count();
        let (chain, key) = (format!("chain-{number}.pem"), format!("key-{number}.pem"));
        let _ = write!(
            self.certificates,
            "[[certificate]]\nchain = \"{chain}\"\nkey = \"{key}\"\ntrusted_roots = \"root.pem\"\n{keys}\n"
        );
        self.with(&chain, &identity.chain).with(&key, &identity.key)
    }

    /// The same file with one text in place of another.
    pub(crate) fn replacing(mut self, what: &str, with: &str) -> Self {
        assert!(self.file.contains(what), "no {what} in the file");
        self.file = self.file.replace(what, with);
        self
    }

    /// Another file, made of this one.
    pub(crate) fn changing(mut self, change: impl FnOnce(String) -> String) -> Self {
        self.file = change(self.file);
        self
    }

    /// A certificate whose files, this one and `key-` of it, are not there.
    pub(crate) fn missing_certificate(mut self, chain: &str) -> Self {
        let _ = write!(self.certificates, "[[certificate]]\nchain = \"{chain}\"\nkey = \"key-{chain}\"\n");
        self
    }

    /// The file as it will be read; it and what it names are written.
    pub(crate) fn write(mut self) -> Self {
        if self.certificates.is_empty() && !self.file.contains("[acme]") {
            self = self.certificate(&ca().leaf(&[CHAT]));
        }
        let folder = self.folder.path().display().to_string();
        let listen = match self.listen {
            Some((http, https)) => format!("http = {:?}\nhttps = {:?}", any_port(http), any_port(https)),
            None => String::new(),
        };
        // One worker, unless the test says otherwise: one pool, so that reuse can be seen.
        let workers = if self.server.contains("workers") { "" } else { "workers = 1" };
        let text = format!(
            "[server]\n{listen}\n{workers}\nstate = \"{folder}/state\"\ncontrol = \"{folder}/control.sock\"\n{}\n\
             [log]\n{}\n{}\n{}\n",
            self.server, self.log, self.certificates, self.file
        );
        self.with("root.pem", ca().root_pem()).with("gatepost.toml", text)
    }

    /// Starts it and waits until it serves.
    pub(crate) async fn run(self) -> Gate {
        let this = self.write();
        let arguments = ["run", "-c", "gatepost.toml"];
        let process = match this.descriptors {
            Some(limit) => Process::gatepost_limited(this.folder(), &arguments, limit),
            None => Process::gatepost(this.folder(), &arguments),
        };
        Gate::serving(process, this.folder).await
    }

    /// Starts it by a command of the test's own, and waits until it serves.
    pub(crate) async fn run_by(self, command: Command) -> Gate {
        let this = self.write();
        Gate::serving(Process::of(command, this.folder()), this.folder).await
    }

    /// Starts it, waits until it serves or ends, and gives what it said until then.
    pub(crate) async fn started_or_refused(self) -> String {
        let this = self.write();
        Process::gatepost(this.folder(), &["run", "-c", "gatepost.toml"]).says_or_ends("serving").await
    }

    /// Starts it, which must come to an end by itself.
    pub(crate) async fn refused(self) -> Outcome {
        let this = self.write();
        Process::gatepost(this.folder(), &["run", "-c", "gatepost.toml"]).outcome().await
    }
}

/// A running gatepost; ends on drop.
pub(crate) struct Gate {
    /// The process.
    pub(crate) process: Process,
    /// Where it listens for plain HTTP.
    pub(crate) http: Vec<SocketAddr>,
    /// Where it listens for HTTPS.
    pub(crate) https: Vec<SocketAddr>,
    folder: TempDir,
}

impl Gate {
    /// Waits until a process that was started in this folder serves.
    async fn serving(mut process: Process, folder: TempDir) -> Self {
        let log = process.says("serving").await;
        let (http, https) = (listening(&log, "http"), listening(&log, "https"));
        Self { process, http, https, folder }
    }

    /// Ends it as a crash does, and starts it anew on the same files.
    pub(crate) async fn killed_and_started_again(self) -> Self {
        self.process.kill();
        self.process.outcome().await;
        let process = Process::gatepost(self.folder.path(), &["run", "-c", "gatepost.toml"]);
        Self::serving(process, self.folder).await
    }

    /// The folder that it runs in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Changes its file, which must have `what`.
    pub(crate) fn rewrite(&self, what: &str, with: &str) {
        let file = self.folder().join("gatepost.toml");
        let text = std::fs::read_to_string(&file).expect("the configuration");
        assert!(text.contains(what), "no {what} in {text}");
        std::fs::write(&file, text.replace(what, with)).expect("written");
    }

    /// `gatepost COMMAND -c gatepost.toml …` in its folder.
    pub(crate) async fn command(&self, command: &str, more: &[&str]) -> Outcome {
        let arguments: Vec<&str> = [command, "-c", "gatepost.toml"].iter().chain(more).copied().collect();
        super::process::gatepost(self.folder(), &arguments).await
    }

    /// A connection over plain HTTP.
    pub(crate) async fn plain(&self) -> Wire {
        super::client::tcp(self.http[0]).await
    }

    /// A connection over TLS, asked for by this name, HTTP/1.1 on it.
    pub(crate) async fn tls(&self, name: &str) -> Wire {
        Tls::new().connect(self.https[0], name).await.expect("a TLS connection").wire()
    }

    /// The same over HTTP/2.
    pub(crate) async fn h2(&self, name: &str) -> H2 {
        H2::over(Tls::new().offering(&["h2"]).connect(self.https[0], name).await.expect("a TLS connection")).await
    }

    /// A GET of `path` at `chat.example`, over TLS and a connection of its own.
    pub(crate) async fn get(&self, path: &str) -> Message {
        self.tls(CHAT).await.ask(&format!("GET {path} HTTP/1.1\nHost: {CHAT}")).await
    }

    /// Where the log says that the status page is.
    pub(crate) fn admin(&self) -> SocketAddr {
        listening(&self.process.stderr(), "admin")[0]
    }

    /// The samples of this metric whose labels have `label`: all labels and the value, a whole number.
    pub(crate) async fn metrics(&self, name: &str, label: &str) -> Vec<(String, u64)> {
        let text = super::client::tcp(self.admin()).await.ask("GET /metrics HTTP/1.1\nHost: localhost").await.text();
        let sample = |line: &str| {
            let (labels, value) = line.strip_prefix(name)?.strip_prefix('{')?.rsplit_once("} ")?;
            labels.contains(label).then(|| (labels.to_owned(), value.parse().expect("a whole number")))
        };
        text.lines().filter_map(sample).collect()
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) async fn stop(self) -> Outcome {
        self.process.terminate();
        self.process.outcome().await
    }

    /// The same, for who wants to look at its folder after the end.
    pub(crate) async fn stop_keeping_folder(self) -> TempDir {
        self.process.terminate();
        self.process.outcome().await;
        self.folder
    }
}

fn any_port(count: usize) -> Vec<&'static str> {
    vec!["127.0.0.1:0"; count]
}

/// The addresses that the log says it listens on with this scheme.
fn listening(log: &str, scheme: &str) -> Vec<SocketAddr> {
    let value = |line: &str, key: &str| {
        // `key="value"` in text, `"key":"value"` in JSON.
        let after = line.split(key).nth(1).unwrap_or_default().trim_start_matches(['=', '"', ':']);
        after.split(['"', ' ', ',', '}']).next().unwrap_or_default().to_owned()
    };
    log.lines()
        .filter(|line| line.contains("listening") && value(line, "scheme") == scheme)
        .map(|line| value(line, "address").parse().unwrap_or_else(|_| panic!("no address in {line:?}")))
        .collect()
}
