//! Somebody who is asked: an upstream, or the running gatepost itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};

use crate::config::finding::Place;
use crate::config::model::{Config, Proxy, Site, UpstreamAddress, UpstreamVerify};
use crate::error::RequestError;
use crate::outgoing::{Trust, Upstream};
use crate::route::host::{Host, HostPattern};
use crate::secret::Secret;

use super::{LARGEST, WITHIN};

/// Between two questions no time passes; whatever closes sooner is connected to anew.
const KEPT: Duration = Duration::from_secs(1);

/// Somebody who is asked.
#[derive(Debug)]
pub(super) struct Peer {
    upstream: Rc<Upstream>,
    /// What `Host` says.
    authority: String,
    /// What all targets begin with.
    pub(super) below: String,
}

impl Peer {
    /// An upstream as the configuration has it, asked by the name of a site and under a path of its own.
    pub(super) fn upstream(
        address: &UpstreamAddress,
        proxy: &Proxy,
        authority: String,
        below: &str,
    ) -> Result<Self, String> {
        let peer = Self::new(address.clone(), &proxy.verify, authority)?;
        Ok(Self { below: below.to_owned(), ..peer })
    }

    /// The gatepost that serves this configuration on this machine, asked by a site's name.
    ///
    /// Its listener is connected to: that way it is this gatepost, whatever DNS or a router makes of the name.
    pub(super) fn gatepost(config: &Config, site: &Site) -> Result<Self, String> {
        let name = site.hosts.iter().find_map(HostPattern::exact).ok_or("its site has but wildcards for names")?;
        let tls = !config.server.https.is_empty();
        let listener = if tls { config.server.https.first() } else { config.server.http.first() };
        let listener = listener.ok_or("nothing is listened on")?;
        if listener.port() == 0 {
            return Err("it listens on whatever port is free".into());
        }
        let address = reachable(*listener);
        let host = Host::parse(&bracketed(address.ip())).map_err(|error| error.to_string())?;
        let scheme = if tls { "https" } else { "http" };
        let address = UpstreamAddress { tls, host, port: address.port(), origin: format!("{scheme}://{address}") };
        Self::new(address, &as_browsers_do(config, name), name.to_string())
    }

    /// Whoever answers for a site's name, by https.
    pub(super) fn public(config: &Config, name: &Host, port: u16) -> Result<Self, String> {
        let authority = if port == 443 { name.to_string() } else { format!("{name}:{port}") };
        let origin = format!("https://{authority}");
        let address = UpstreamAddress { tls: true, host: name.clone(), port, origin };
        Self::new(address, &as_browsers_do(config, name), authority)
    }

    fn new(address: UpstreamAddress, verify: &UpstreamVerify, authority: String) -> Result<Self, String> {
        let trust = address.tls.then(|| Trust::new(&address, verify)).transpose();
        let trust = trust.map_err(|error| crate::cli::with_causes(&error))?;
        Ok(Self { upstream: Upstream::with_times(address, trust, WITHIN, KEPT), authority, below: String::new() })
    }

    /// As [`Self::try_ask`], with what went wrong in words.
    pub(super) async fn ask(
        &self,
        method: http::Method,
        target: &str,
        token: Option<&Secret<String>>,
    ) -> Result<Response<Bytes>, String> {
        self.try_ask(method, target, token).await.map_err(|error| crate::cli::with_causes(&error))
    }

    /// One small request, as whoever has this token.
    pub(super) async fn try_ask(
        &self,
        method: http::Method,
        target: &str,
        token: Option<&Secret<String>>,
    ) -> Result<Response<Bytes>, RequestError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.below))
            .header(header::HOST, &self.authority)
            .header(header::USER_AGENT, concat!("gatepost/", env!("CARGO_PKG_VERSION")))
            .header("x-forwarded-proto", "https");
        if let Some(token) = token {
            let bearer = HeaderValue::try_from(format!("Bearer {}", token.reveal()));
            let mut bearer = bearer.map_err(|_| RequestError::Bad("the token makes no field value"))?;
            bearer.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, bearer);
        }
        let request = request.body(()).map_err(|_| RequestError::Bad("the request makes no head"))?;
        self.upstream.fetch(request, LARGEST, WITHIN).await
    }
}

/// The name has to be in the certificate; of the roots, the file's own count where it has some.
fn as_browsers_do(config: &Config, name: &Host) -> UpstreamVerify {
    let own = config.certificates.iter().find_map(|certificate| certificate.trusted_roots.clone());
    let roots = own.or_else(|| config.acme.as_ref().and_then(|acme| acme.trusted_roots.clone()));
    UpstreamVerify { on: true, roots, name: Some(name.clone()), place: Place::default() }
}

/// What an answer's `Date` says (RFC 9110 section 6.6.1).
pub(super) fn date(answer: &Response<Bytes>) -> Option<SystemTime> {
    let date = answer.headers().get(header::DATE)?.to_str().ok()?;
    httpdate::parse_http_date(date).ok()
}

/// A wildcard is listened on, not connected to.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}
