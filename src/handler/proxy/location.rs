//! Addresses in an upstream's answer: its own becomes the public one.
//!
//! What Apache's `ProxyPassReverse` did. Only `Location`, `Content-Location` and
//! `Refresh` are looked at, and only an address that names this very upstream (or
//! the `host` that it is asked for) is changed; bodies never are.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::Scheme;

use crate::config::model::{UpstreamAddress, UpstreamHost};
use crate::handler::Context;
use crate::route::host::Authority;

const REFRESH: HeaderName = HeaderName::from_static("refresh");

/// Turns the upstream's own address into the public one, wherever a client would follow it.
///
/// `strip` says that the route's prefix was taken off the path, so that it must come back.
pub fn to_public(
    fields: &mut HeaderMap,
    upstreams: &[UpstreamAddress],
    host: &UpstreamHost,
    strip: bool,
    context: &Context<'_>,
) {
    let mapping = Mapping { upstreams, host, strip, context };
    for name in [header::LOCATION, header::CONTENT_LOCATION] {
        mapping.change(fields, &name, |value| mapping.public(value));
    }
    mapping.change(fields, &REFRESH, |value| mapping.refresh(value));
}

struct Mapping<'m> {
    upstreams: &'m [UpstreamAddress],
    host: &'m UpstreamHost,
    strip: bool,
    context: &'m Context<'m>,
}

impl Mapping<'_> {
    fn change(&self, fields: &mut HeaderMap, name: &HeaderName, change: impl Fn(&str) -> Option<String>) {
        let Some(value) = fields.get_mut(name) else { return };
        if let Some(changed) = value.to_str().ok().and_then(change)
            && let Ok(changed) = HeaderValue::from_str(&changed)
        {
            *value = changed;
        }
    }

    /// `None` where the address is not the upstream's own.
    fn public(&self, location: &str) -> Option<String> {
        let prefix = if self.strip { self.context.prefix.as_str() } else { "" };
        if location.starts_with('/') && !location.starts_with("//") {
            return self.strip.then(|| format!("{prefix}{location}"));
        }
        let (scheme, rest) = split_scheme(location)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if !self.is_upstream(scheme, &Authority::parse(authority).ok()?) {
            return None;
        }
        let public = if self.context.scheme == Scheme::HTTPS { "https" } else { "http" };
        Some(format!("{public}://{}{prefix}{path}", self.context.authority))
    }

    /// `5; url=http://…` (WHATWG HTML, "shared declarative refresh steps"): the address after `url=`.
    fn refresh(&self, value: &str) -> Option<String> {
        let at = value.to_ascii_lowercase().find("url=")? + "url=".len();
        let (before, url) = value.split_at(at);
        let bare = url.trim_matches(['"', '\'', ' ']);
        Some(format!("{before}{}", self.public(bare)?))
    }

    /// `scheme` is `None` for an address without one, which takes the upstream's.
    fn is_upstream(&self, scheme: Option<&str>, authority: &Authority) -> bool {
        let tls = scheme.map(|scheme| scheme.eq_ignore_ascii_case("https"));
        let own = self.upstreams.iter().any(|upstream| {
            let tls = tls.unwrap_or(upstream.tls);
            tls == upstream.tls
                && authority.host == upstream.host
                && authority.port.unwrap_or(if tls { 443 } else { 80 }) == upstream.port
        });
        own || matches!(self.host, UpstreamHost::Fixed(name) if name == authority)
    }
}

/// `http://…`, `https://…` or `//…`: the scheme, and what follows the two slashes.
fn split_scheme(location: &str) -> Option<(Option<&str>, &str)> {
    if let Some(rest) = location.strip_prefix("//") {
        return Some((None, rest));
    }
    let (scheme, rest) = location.split_once("://")?;
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)).then_some((Some(scheme), rest))
}
