//! The configuration as meant: defaults and presets applied, only valid states.
//!
//! `resolve` makes it from the file as written; everything after the start sees
//! this alone. A value that could be wrong has been refused before it got here;
//! a path that the file gives relative has become one from the file's folder.

mod access;
mod acme;
mod launcher;
mod limits;
mod named;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, StatusCode};
use ipnet::IpNet;
use serde::Deserialize;

use crate::route::host::{Authority, Host, HostPattern};
use crate::route::path::PathPrefix;

use super::finding::Place;

pub use access::{Access, Auth, Frames, RateLimit, SecurityHeaders, User};
pub use acme::{Acme, AcmeChallenge, AcmeDirectory, ExternalAccount, SecretFrom};
pub use launcher::{
    Anonymous, AtLimit, Budget, DisplayName, Guests, JitsiKey, LaunchMode, Launcher, MattermostSource, Moderators,
    Page, PemSource, People, PluginSource, Provider, Rooms, Way,
};
pub use named::SecretFile;

pub use limits::{Limits, PerAddress};

/// Everything that one file says.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[server]`.
    pub server: Server,
    /// `[admin]`: where the status page listens; `None` where it is off.
    pub admin: Option<SocketAddr>,
    /// `[log]`.
    pub log: Log,
    /// `[limits]`.
    pub limits: Limits,
    /// `[[certificate]]`, in the order of the file: the first serves an unknown SNI.
    pub certificates: Vec<CertificateFiles>,
    /// `[acme]`, where the file has it and https is on.
    pub acme: Option<Acme>,
    /// `[[site]]`.
    pub sites: Vec<Site>,
}

impl Config {
    /// Scheme, host and port by which browsers come to a site; `None` where it has but wildcards for names.
    ///
    /// Where no https is listened for, somebody else may terminate it: then this says `http` all the same.
    pub fn public_origin(&self, site: &Site) -> Option<String> {
        let host = site.hosts.iter().find_map(HostPattern::exact)?;
        let (scheme, port, usual) = match (self.server.https.is_empty(), self.server.http.first()) {
            (true, Some(http)) => ("http", http.port(), 80),
            _ => ("https", self.server.public_https_port, 443),
        };
        Some(if port == usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") })
    }
}

/// `[server]`: where to listen and what holds for all sites.
#[derive(Debug, Clone)]
pub struct Server {
    /// Addresses for plain HTTP.
    pub http: Vec<SocketAddr>,
    /// Addresses for HTTPS.
    pub https: Vec<SocketAddr>,
    /// Whether the file says `http`; where not, the listener may turn to `0.0.0.0` on a kernel without IPv6.
    pub http_given: bool,
    /// As `http_given`, of `https`.
    pub https_given: bool,
    /// Threads that accept and serve.
    pub workers: NonZeroUsize,
    /// The port that redirects to https name; 443 is left out of the address.
    pub public_https_port: u16,
    /// Folder that answers `/.well-known/acme-challenge/`.
    pub acme_webroot: Option<PathBuf>,
    /// Where the file says `acme_webroot`, for findings.
    pub acme_webroot_place: Place,
    /// Folder for what must survive.
    pub state: PathBuf,
    /// Where the file says `state`, for findings.
    pub state_place: Place,
    /// Unix socket for the commands that talk to a running gatepost.
    pub control: PathBuf,
    /// How long open requests and tunnels may go on after SIGTERM.
    pub drain: Duration,
    /// Networks whose `X-Forwarded-*` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whom to become before anything is served, where gatepost is started as root.
    pub user: Option<Account>,
    /// Whether a key or secret that others can read is refused.
    pub strict_key_permissions: bool,
}

/// `user` and `group` of `[server]`: names, or numbers. Whether the machine knows them is not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user: String,
    /// Another group than the user's own.
    pub group: Option<String>,
    /// Where the file says `user`, for findings.
    pub place: Place,
    /// Where it says `group`; [`Self::place`] where it does not.
    pub group_place: Place,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Where the access log goes.
    pub access: AccessLog,
    /// Where the file says `access`, for findings.
    pub access_place: Place,
    /// Its form.
    pub format: LogFormat,
    /// The program log's least severe level.
    pub level: tracing::Level,
}

/// Where the access log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    /// Nowhere.
    Off,
    /// Standard output.
    Stdout,
    /// Appended to this file.
    File(PathBuf),
}

/// The form of an access log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Apache's combined format.
    Combined,
    /// One JSON object a line.
    Json,
}

/// `[[certificate]]`: the files of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: the leaf, then each intermediate.
    pub chain: PathBuf,
    /// PEM: the key; `None` where the chain file holds it too.
    pub key: Option<PathBuf>,
    /// PEM: a private CA's roots, for judging the chain; `None` for Mozilla's.
    pub trusted_roots: Option<PathBuf>,
    /// Serve a bare leaf although strict clients refuse it.
    pub allow_incomplete_chain: bool,
    /// Refuse a key that others can read.
    pub strict_key_permissions: bool,
    /// Where the file names the chain.
    pub place: Place,
    /// Where it names the key; [`Self::place`] where the chain file holds it too.
    pub key_place: Place,
    /// Where it names the roots; [`Self::place`] where it names none.
    pub roots_place: Place,
}

/// `[[site]]`: hosts and what answers under their paths.
#[derive(Debug, Clone)]
pub struct Site {
    /// The names that this site answers for.
    pub hosts: Vec<HostPattern>,
    /// Whether it also answers names that no site has.
    pub default: bool,
    /// Whether plain HTTP is redirected to https; never where nothing listens for https.
    pub redirect_http: bool,
    /// `Strict-Transport-Security` max-age (RFC 6797), in whole seconds.
    pub hsts: Option<Duration>,
    /// `security_headers`.
    pub security_headers: Option<SecurityHeaders>,
    /// In the order of the file; the longest prefix wins all the same.
    pub routes: Vec<Route>,
    /// Where the file says so, for findings.
    pub place: Place,
}

/// `[[site.route]]`.
#[derive(Debug, Clone)]
pub struct Route {
    /// The prefix that it takes.
    pub path: PathPrefix,
    /// Who may ask, and how often.
    pub access: Access,
    /// What answers.
    pub answer: Answer,
    /// Where the file names what answers, for findings and `explain`.
    pub place: Place,
}

/// What answers under a route: exactly one.
#[derive(Debug, Clone)]
pub enum Answer {
    /// `root`: a folder on disk.
    Website(Website),
    /// `proxy`: an upstream.
    Proxy(Box<Proxy>),
    /// `launcher`: a meeting.
    Launcher(Box<Launcher>),
    /// `redirect`: another address.
    Redirect(Redirect),
    /// `respond`: a fixed text.
    Respond(Respond),
}

/// A static website. The folder's content appears under the route's path (Apache's `Alias`).
#[derive(Debug, Clone)]
pub struct Website {
    /// The folder.
    pub root: PathBuf,
    /// File names that answer for a folder, first found first.
    pub index: Vec<String>,
    /// Whether a folder without index is listed.
    pub listing: bool,
    /// What symbolic links may do.
    pub symlinks: Symlinks,
    /// Path below `root` served with 200 for what is not found (single-page applications).
    pub fallback: Option<String>,
    /// Path below `root` of the page for a status.
    pub error_pages: BTreeMap<StatusCode, String>,
}

/// What symbolic links below a website's root may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Symlinks {
    /// Lead anywhere.
    Follow,
    /// Lead to what is inside the root.
    Inside,
    /// Nothing: a link is not found.
    Deny,
}

/// An upstream and how to speak to it.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// One or more addresses, tried in turn.
    pub upstreams: Vec<UpstreamAddress>,
    /// How an `https://` upstream is verified.
    pub verify: UpstreamVerify,
    /// Whether `preset = "mattermost"` was given: identity asks here.
    pub mattermost: bool,
    /// Largest request body in bytes.
    pub max_body: u64,
    /// Time to connect, TLS included.
    pub connect_timeout: Duration,
    /// Between bytes from the upstream.
    pub read_timeout: Duration,
    /// Between bytes to or from the client.
    pub send_timeout: Duration,
    /// A tunnel with no byte either way.
    pub upgrade_idle_timeout: Duration,
    /// How long an idle connection to the upstream is kept for reuse.
    pub pool_idle_timeout: Duration,
    /// Connections to one upstream at most, tunnels not counted.
    pub max_connections: NonZeroUsize,
    /// Requests that wait for one of them at most.
    pub max_waiting: usize,
    /// Which of several upstreams gets a request.
    pub balance: Balance,
    /// The cookie by which a client keeps its upstream.
    pub sticky: Option<String>,
    /// When an upstream among several gets no requests for a while; `None`: never.
    pub ejection: Option<Ejection>,
    /// How each upstream is asked whether it is well; `None`: not at all.
    pub health: Option<Health>,
    /// Protocols that may upgrade, lower case.
    pub upgrades: Vec<String>,
    /// What `Host` says upstream.
    pub host: UpstreamHost,
    /// Drop the route's path before forwarding.
    pub strip_prefix: bool,
    /// Fields to set towards the upstream; `None` removes.
    pub request_headers: Vec<(HeaderName, Option<HeaderValue>)>,
    /// Fields to set towards the client; `None` removes.
    pub response_headers: Vec<(HeaderName, Option<HeaderValue>)>,
}

impl Proxy {
    /// What is left at the upstream of the path of this proxy's route; empty for `/`.
    pub fn arriving<'p>(&self, path: &'p PathPrefix) -> &'p str {
        if self.strip_prefix { "" } else { path.as_str() }
    }
}

/// Which of several upstreams gets a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// One after the other.
    RoundRobin,
    /// The one with the fewest requests and tunnels on the worker that asks.
    LeastConnections,
}

impl Balance {
    /// As the file says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::LeastConnections => "least_connections",
        }
    }
}

/// When an upstream gets no requests for a while because they failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ejection {
    /// Failures in a row.
    pub after: NonZeroU32,
    /// How long the first time; twice as long each time that it fails again.
    pub first: Duration,
}

/// How an upstream is asked whether it is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Path and query of the GET; a status from 200 to 399 is well.
    pub path: PathAndQuery,
    /// From the end of one check to the next, give or take a tenth.
    pub interval: Duration,
    /// How long a check may take in all.
    pub timeout: Duration,
    /// Checks in a row that must fail before it counts as ill.
    pub unhealthy_after: NonZeroU32,
    /// Checks in a row that must succeed before it counts as well again.
    pub healthy_after: NonZeroU32,
}

/// Where an upstream listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamAddress {
    /// Whether TLS is spoken to it.
    pub tls: bool,
    /// Its name or address.
    pub host: Host,
    /// Its port, the scheme's own where the file names none.
    pub port: u16,
    /// As the file says it, without trailing slash: `http://127.0.0.1:8065`.
    pub origin: String,
}

/// How an `https://` upstream is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamVerify {
    /// `false` turns verification off, loudly.
    pub on: bool,
    /// PEM of a private CA's roots; `None` for Mozilla's.
    pub roots: Option<PathBuf>,
    /// Name for SNI and verification; `None` for the address's host.
    pub name: Option<Host>,
    /// Where the file says so: `upstream_roots`, else `upstream_name`; the whole file where neither is given.
    pub place: Place,
}

/// What `Host` says upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamHost {
    /// What the client asked for.
    Preserve,
    /// This, always.
    Fixed(Authority),
}

/// `redirect`.
#[derive(Debug, Clone)]
pub struct Redirect {
    /// Where to.
    pub target: RedirectTarget,
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
}

/// Where a redirect leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedirectTarget {
    /// A bare origin: path and query are kept.
    Origin(String),
    /// Text before and after `{path}`, which is the request's path and query without its first slash.
    Template(String, String),
    /// This address, always.
    Fixed(String),
}

/// `respond`: a fixed text.
#[derive(Debug, Clone)]
pub struct Respond {
    /// The body.
    pub text: String,
    /// The status.
    pub status: StatusCode,
    /// `Content-Type`.
    pub content_type: HeaderValue,
}
