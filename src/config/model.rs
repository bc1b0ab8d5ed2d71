//! The configuration as meant: defaults and presets applied, only valid states.
//!
//! `resolve` makes it from the file as written; everything after the start sees
//! this alone. A value that could be wrong has been refused before it got here;
//! a path that the file gives relative has become one from the file's folder.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};
use ipnet::IpNet;
use serde::Deserialize;

use crate::route::host::{Authority, Host, HostPattern};
use crate::route::path::PathPrefix;
use crate::secret::Secret;

use super::finding::{Finding, Place};

/// Everything that one file says.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[server]`.
    pub server: Server,
    /// `[log]`.
    pub log: Log,
    /// `[[certificate]]`, in the order of the file: the first serves an unknown SNI.
    pub certificates: Vec<CertificateFiles>,
    /// `[acme]`, where the file has it and https is on.
    pub acme: Option<Acme>,
    /// `[[site]]`.
    pub sites: Vec<Site>,
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
    /// Where the file names the chain.
    pub place: Place,
    /// Where it names the key; [`Self::place`] where the chain file holds it too.
    pub key_place: Place,
    /// Where it names the roots; [`Self::place`] where it names none.
    pub roots_place: Place,
}

/// `[acme]`: where certificates come from for hosts that no `[[certificate]]` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// Whom the CA may write to.
    pub email: Option<String>,
    /// Which CA.
    pub directory: AcmeDirectory,
    /// PEM: roots for the CA's own https; `None` for Mozilla's.
    pub directory_roots: Option<PathBuf>,
    /// PEM: roots for judging what it issues; `None` for Mozilla's.
    pub trusted_roots: Option<PathBuf>,
    /// How the CA is shown that a name is ours.
    pub challenge: AcmeChallenge,
    /// Folder for account and certificates.
    pub storage: PathBuf,
    /// The CA's certificate profile, where one is wanted.
    pub profile: Option<String>,
    /// External account binding (RFC 8555 section 7.3.4), where the CA wants one.
    pub external_account: Option<ExternalAccount>,
    /// Where the file says so, for findings.
    pub place: Place,
}

impl Acme {
    /// Why no certificate can be had for a site's host in this way, and the ways out; `None` where it can.
    ///
    /// Refused is a wildcard without DNS alone, which can never work. The others shut out their own host and no more.
    pub fn refusal(&self, host: &HostPattern, site: &Place) -> Option<Finding> {
        let name = match host {
            HostPattern::Wildcard(name) => name,
            HostPattern::Exact(name) => name,
        };
        if matches!(host, HostPattern::Wildcard(_)) && !matches!(self.challenge, AcmeChallenge::Dns01 { .. }) {
            // RFC 8555 section 7.1.3 leaves it to the CA; every public one demands DNS (Baseline Requirements 3.2.2.4).
            let what = format!("[acme] cannot get a certificate for {host} by {}", self.challenge.name());
            let mend = "write challenge = \"dns-01\" with a `dns_hook`, name a [[certificate]] that bears it, or list the hosts one by one";
            return Some(Finding::fatal(site.clone(), what).mend(mend));
        }
        if name.is_address() {
            let what = format!("[acme] gets no certificate for the address {host}: handshakes for it will fail");
            return Some(
                Finding::fault(site.clone(), what).mend("name a [[certificate]] that bears it, or use a name"),
            );
        }
        if !matches!(self.directory, AcmeDirectory::Url(_)) && !is_public(name) {
            let what = format!("no public CA gives a certificate for {host}: the name is not on the internet");
            let mend = "name a [[certificate]] of a private CA, or that CA's `directory` in [acme]";
            return Some(Finding::fault(site.clone(), what).mend(mend));
        }
        None
    }
}

/// Whether a name could be in the public DNS (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`).
fn is_public(name: &Host) -> bool {
    const PRIVATE: [&str; 9] =
        ["localhost", "local", "test", "invalid", "example", "internal", "home.arpa", "lan", "onion"];
    let name = name.as_str();
    let below = |suffix: &str| name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    name.contains('.') && !PRIVATE.iter().any(|suffix| below(suffix))
}

/// A CA, by where its directory (RFC 8555 section 7.1.1) is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcmeDirectory {
    /// Let's Encrypt.
    LetsEncrypt,
    /// Let's Encrypt's test CA: hardly any limits, and nobody trusts it.
    LetsEncryptStaging,
    /// The https address of another's.
    Url(String),
}

impl AcmeDirectory {
    /// Its address.
    pub fn url(&self) -> &str {
        match self {
            // letsencrypt.org/docs/acme-protocol-updates, .../staging-environment
            Self::LetsEncrypt => "https://acme-v02.api.letsencrypt.org/directory",
            Self::LetsEncryptStaging => "https://acme-staging-v02.api.letsencrypt.org/directory",
            Self::Url(url) => url,
        }
    }
}

/// How a CA is shown that a name is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcmeChallenge {
    /// A file on port 80 (RFC 8555 section 8.3).
    Http01,
    /// A certificate on port 443 (RFC 8737).
    TlsAlpn01,
    /// A TXT record (RFC 8555 section 8.4), set and removed by commands in the form of certbot's manual hooks.
    Dns01 {
        /// Sets the record.
        hook: String,
        /// Removes it.
        cleanup: Option<String>,
    },
}

impl AcmeChallenge {
    /// Its name in the protocol and in the file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Dns01 { .. } => "dns-01",
        }
    }
}

/// An account that the CA knows already from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The CA's name for the key.
    pub key_id: String,
    /// The key, base64url.
    pub hmac_key: SecretFrom,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretFrom {
    /// Read from this file when it is needed.
    File(PathBuf),
    /// Given in the configuration or in the environment.
    Text(Secret<String>),
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
    Proxy(Proxy),
    /// `launcher`: a meeting.
    Launcher(Launcher),
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

/// `[launcher.NAME]` as one route uses it.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// NAME.
    pub name: String,
    /// Whose meetings.
    pub provider: Provider,
    /// Page or redirect.
    pub mode: LaunchMode,
    /// Who is asking.
    pub identity: Identity,
    /// `name` and `email` of a person of whom nothing is known.
    pub anonymous: Anonymous,
    /// Who is a moderator.
    pub moderators: Moderators,
    /// From issue to expiry of a token.
    pub token_lifetime: Duration,
    /// Which rooms a token opens.
    pub rooms: Rooms,
    /// Where the file names the key.
    pub key_place: Place,
}

/// Whose meetings a launcher opens.
#[derive(Debug, Clone)]
pub enum Provider {
    /// Jitsi as a Service.
    Jaas {
        /// `vpaas-magic-cookie-…`: `sub` of the token and first segment of the address.
        app_id: String,
        /// `kid`: begins with the app id and a slash.
        key_id: String,
        /// PKCS#1 or PKCS#8 PEM of an RSA key.
        private_key: PemSource,
        /// Base address, without trailing slash: `https://8x8.vc`.
        server: String,
    },
}

/// Where a PEM text comes from.
#[derive(Debug, Clone)]
pub enum PemSource {
    /// Read from this file when serving starts and on reload.
    File(PathBuf),
    /// Given in the environment.
    Text(Secret<String>),
}

/// How a launcher opens a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LaunchMode {
    /// A page that pops the meeting out to the default browser.
    Page,
    /// 302 straight to the meeting.
    Redirect,
}

/// Who is asking for a meeting.
#[derive(Debug, Clone)]
pub enum Identity {
    /// Nobody is asked: everyone goes by the launcher's `name`.
    Nobody,
    /// The session cookie is asked about at Mattermost.
    Mattermost(Box<MattermostSource>),
}

/// The Mattermost that knows whose session it is.
#[derive(Debug, Clone)]
pub struct MattermostSource {
    /// Its address, with the proxy route's own timeouts and verification.
    pub proxy: Proxy,
}

/// What a token says of a person of whom nothing is known.
#[derive(Debug, Clone)]
pub struct Anonymous {
    /// Shown in the meeting.
    pub name: String,
    /// Left out of the token where none is given.
    pub email: Option<String>,
}

/// Who is a moderator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moderators {
    /// Everyone, also who is not signed in.
    Everyone,
    /// Who is signed in, Mattermost's own guests excepted.
    Members,
    /// Mattermost's system administrators.
    Admins,
    /// These Mattermost user names, lower case.
    Users(Vec<String>),
}

/// Which rooms a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rooms {
    /// The asked room alone.
    This,
    /// Any: `room` is `*`.
    Any,
}
