//! The configuration as typed: every key optional, every value with its place.
//!
//! No `flatten`, `tag` or `untagged` here: they lose line and column. So a route
//! is one struct with the keys of every handler, and `resolve` makes an enum of
//! it. An unknown key is refused by serde; what is missing, rival or without
//! effect is `resolve`'s part.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_spanned::Spanned;

use super::model::{Balance, LaunchMode, LogFormat, Rooms, Symlinks};
use super::units::{Network, Rate, Size, Span};

/// A key that may be left out.
type Key<T> = Option<Spanned<T>>;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) server: Key<Server>,
    pub(super) admin: Key<Admin>,
    pub(super) acme: Key<Acme>,
    pub(super) shared: Key<IgnoredAny>,
    pub(super) log: Key<Log>,
    pub(super) limits: Key<Limits>,
    pub(super) certificate: Option<Vec<Spanned<Certificate>>>,
    pub(super) site: Option<Vec<Spanned<Site>>>,
    pub(super) launcher: Option<BTreeMap<Spanned<String>, Spanned<Launcher>>>,
    pub(super) auth: Option<BTreeMap<Spanned<String>, Spanned<Auth>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub(super) http: Key<OneOrMany>,
    pub(super) https: Key<OneOrMany>,
    pub(super) workers: Key<i64>,
    pub(super) public_https_port: Key<i64>,
    pub(super) acme_webroot: Key<String>,
    pub(super) state: Key<String>,
    pub(super) control: Key<String>,
    pub(super) drain: Key<Span>,
    pub(super) trusted_proxies: Option<Vec<Spanned<Network>>>,
    pub(super) user: Key<String>,
    pub(super) group: Key<String>,
    pub(super) strict_key_permissions: Key<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) listen: Key<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    pub(super) access: Key<String>,
    pub(super) format: Key<LogFormat>,
    pub(super) level: Key<Level>,
}

/// `[limits]`: what clients may take.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) connections: Key<i64>,
    pub(super) connections_per_address: Key<i64>,
    pub(super) tunnels: Key<i64>,
    pub(super) tunnels_per_address: Key<i64>,
    pub(super) handshake_timeout: Key<Span>,
    pub(super) head_timeout: Key<Span>,
    pub(super) head_size: Key<Size>,
    pub(super) head_fields: Key<i64>,
    pub(super) idle_timeout: Key<Span>,
    pub(super) http2_idle_timeout: Key<Span>,
    pub(super) requests_per_connection: Key<i64>,
    pub(super) send_timeout: Key<Span>,
    pub(super) http2_streams: Key<i64>,
    pub(super) http2_resets: Key<i64>,
    pub(super) http2_frames: Key<i64>,
    pub(super) body_memory: Key<Size>,
}

/// `[acme]`: certificates from a CA.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Acme {
    pub(super) email: Key<String>,
    pub(super) directory: Key<String>,
    pub(super) directory_roots: Key<String>,
    pub(super) trusted_roots: Key<String>,
    pub(super) challenge: Key<Challenge>,
    pub(super) dns_hook: Key<String>,
    pub(super) dns_cleanup_hook: Key<String>,
    pub(super) storage: Key<String>,
    pub(super) profile: Key<String>,
    pub(super) eab_key_id: Key<String>,
    pub(super) eab_hmac_key: Key<SecretSource>,
}

/// How a CA is shown that a name is ours, in RFC 8555's and RFC 8737's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Challenge {
    #[serde(rename = "http-01")]
    Http01,
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    #[serde(rename = "dns-01")]
    Dns01,
}

/// The program log's least severe level, in the words that `tracing` has for them.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Certificate {
    pub(super) chain: Key<String>,
    pub(super) key: Key<String>,
    pub(super) trusted_roots: Key<String>,
    pub(super) allow_incomplete_chain: Key<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Site {
    pub(super) hosts: Key<OneOrMany>,
    pub(super) default: Key<bool>,
    pub(super) redirect_http: Key<bool>,
    pub(super) hsts: Key<Hsts>,
    pub(super) security_headers: Key<SecurityHeaders>,
    pub(super) allow: Key<Vec<Spanned<Network>>>,
    pub(super) deny: Key<Vec<Spanned<Network>>>,
    pub(super) auth: Key<Choice>,
    pub(super) route: Option<Vec<Spanned<Route>>>,
}

/// One struct for every handler's keys; [`Route::keys`] says whose each is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Route {
    pub(super) path: Key<String>,

    pub(super) allow: Key<Vec<Spanned<Network>>>,
    pub(super) deny: Key<Vec<Spanned<Network>>>,
    pub(super) rate_limit: Key<RateLimit>,
    pub(super) login_limit: Key<LoginLimit>,
    pub(super) auth: Key<Choice>,

    pub(super) root: Key<String>,
    pub(super) index: Key<OneOrMany>,
    pub(super) listing: Key<bool>,
    pub(super) symlinks: Key<Symlinks>,
    pub(super) fallback: Key<String>,
    pub(super) error_pages: Key<BTreeMap<Spanned<String>, Spanned<String>>>,

    pub(super) proxy: Key<OneOrMany>,
    pub(super) preset: Key<Preset>,
    pub(super) upstream_roots: Key<String>,
    pub(super) upstream_name: Key<String>,
    pub(super) upstream_verify: Key<bool>,
    pub(super) max_body: Key<Size>,
    pub(super) connect_timeout: Key<Span>,
    pub(super) read_timeout: Key<Span>,
    pub(super) send_timeout: Key<Span>,
    pub(super) upgrade_idle_timeout: Key<Span>,
    pub(super) pool_idle_timeout: Key<Span>,
    pub(super) max_connections: Key<i64>,
    pub(super) max_waiting: Key<i64>,
    pub(super) health: Key<HealthPath>,
    pub(super) health_interval: Key<Span>,
    pub(super) health_timeout: Key<Span>,
    pub(super) unhealthy_after: Key<i64>,
    pub(super) healthy_after: Key<i64>,
    pub(super) balance: Key<Balance>,
    pub(super) sticky: Key<String>,
    pub(super) eject_after: Key<i64>,
    pub(super) eject_for: Key<Span>,
    pub(super) upgrades: Key<OneOrMany>,
    pub(super) host: Key<String>,
    pub(super) strip_prefix: Key<bool>,
    pub(super) request_headers: Key<BTreeMap<Spanned<String>, Spanned<String>>>,
    pub(super) response_headers: Key<BTreeMap<Spanned<String>, Spanned<String>>>,

    pub(super) launcher: Key<String>,

    pub(super) redirect: Key<String>,
    pub(super) respond: Key<String>,
    pub(super) status: Key<i64>,
    pub(super) content_type: Key<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Preset {
    Mattermost,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Launcher {
    pub(super) provider: Key<Provider>,
    pub(super) app_id: Key<String>,
    pub(super) key_id: Key<String>,
    pub(super) private_key: Key<SecretSource>,
    pub(super) secret: Key<SecretSource>,
    pub(super) server: Key<String>,
    pub(super) subject: Key<String>,
    pub(super) audience: Key<String>,
    pub(super) mode: Key<LaunchMode>,
    pub(super) identity: Key<OneOrMany>,
    pub(super) plugin_app_id: Key<String>,
    pub(super) plugin_secret: Key<SecretSource>,
    pub(super) mattermost: Key<String>,
    pub(super) mattermost_url: Key<String>,
    pub(super) display_name: Key<OneOrMany>,
    pub(super) send_email: Key<bool>,
    pub(super) avatars: Key<bool>,
    pub(super) name: Key<String>,
    pub(super) email: Key<String>,
    pub(super) guests: Key<Guests>,
    pub(super) guest_passcode: Key<SecretSource>,
    pub(super) guest_tries: Key<i64>,
    pub(super) invitations: Key<bool>,
    pub(super) moderators: Key<OneOrMany>,
    pub(super) token_lifetime: Key<Span>,
    pub(super) rooms: Key<Rooms>,
    pub(super) features: Key<Features>,
    pub(super) near_misses: Key<bool>,
    pub(super) monthly_users: Key<i64>,
    pub(super) at_limit: Key<String>,
    pub(super) webhook_secret: Key<SecretSource>,
    pub(super) page: Key<Page>,
}

/// `[launcher.NAME.features]`: who may switch on what in a meeting.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Features {
    pub(super) moderators: Key<OneOrMany>,
    pub(super) members: Key<OneOrMany>,
    pub(super) guests: Key<OneOrMany>,
}

/// `[launcher.NAME.page]`: how the launcher's pages look and what they say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    pub(super) title: Key<String>,
    pub(super) accent: Key<String>,
    pub(super) accent_dark: Key<String>,
    pub(super) logo: Key<String>,
    pub(super) language: Key<String>,
    pub(super) phrases: Key<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Provider {
    Jaas,
    Jitsi,
    Public,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Guests {
    Deny,
    Join,
}

/// `[auth.NAME]`: who has a password.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Auth {
    pub(super) realm: Key<String>,
    pub(super) file: Key<String>,
    pub(super) users: Key<BTreeMap<Spanned<String>, Spanned<Hidden>>>,
    pub(super) forward: Key<bool>,
}

/// A text that no message shows.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Hidden(pub(super) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// `false` or `true`, a string, or a list of strings.
#[derive(Debug)]
pub(super) enum Choice {
    Switch(bool),
    Text(OneOrMany),
}

/// `"20/s"`, or a table that says more.
#[derive(Debug)]
pub(super) enum RateLimit {
    Rate(Rate),
    Table(RateTable),
}

/// What a limit's table says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateTable {
    pub(super) rate: Key<Rate>,
    pub(super) burst: Key<i64>,
    pub(super) methods: Key<OneOrMany>,
}

/// `true` or `false`, or as `rate_limit`.
#[derive(Debug)]
pub(super) enum LoginLimit {
    Switch(bool),
    Limit(RateLimit),
}

/// `true` or `false`, or what each field is to say.
#[derive(Debug)]
pub(super) enum SecurityHeaders {
    Switch(bool),
    Table(SecurityTable),
}

/// What each of `security_headers` is to say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecurityTable {
    pub(super) nosniff: Key<bool>,
    pub(super) frame_ancestors: Key<Choice>,
    pub(super) referrer_policy: Key<Choice>,
    pub(super) permissions_policy: Key<Choice>,
    pub(super) replace: Key<bool>,
}

/// A string, or a list of strings.
#[derive(Debug)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<Spanned<String>>),
}

impl OneOrMany {
    /// All of them with their places; `whole` is the place of the value itself.
    pub(super) fn items(whole: &Spanned<Self>) -> Vec<Spanned<&str>> {
        match whole.get_ref() {
            Self::One(text) => vec![Spanned::new(whole.span(), text)],
            Self::Many(items) => items.iter().map(|item| Spanned::new(item.span(), item.get_ref().as_str())).collect(),
        }
    }
}

struct Strings;

impl<'de> Visitor<'de> for Strings {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMany, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(OneOrMany::Many(all))
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Strings)
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SwitchOrText;
        impl<'de> Visitor<'de> for SwitchOrText {
            type Value = Choice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("false, a string or a list of strings")
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<Choice, E> {
                Ok(Choice::Switch(on))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Choice, E> {
                Strings.visit_str(text).map(Choice::Text)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Choice, A::Error> {
                Strings.visit_seq(items).map(Choice::Text)
            }
        }
        deserializer.deserialize_any(SwitchOrText)
    }
}

struct RateOrTable;

impl<'de> Visitor<'de> for RateOrTable {
    type Value = RateLimit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rate such as \"20/s\", or a table")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<RateLimit, E> {
        super::units::Unit::parse(text).map(RateLimit::Rate).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<RateLimit, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RateLimit, A::Error> {
        RateTable::deserialize(MapAccessDeserializer::new(map)).map(RateLimit::Table)
    }
}

impl<'de> Deserialize<'de> for RateLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RateOrTable)
    }
}

impl<'de> Deserialize<'de> for LoginLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SwitchOrLimit;
        impl<'de> Visitor<'de> for SwitchOrLimit {
            type Value = LoginLimit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, a rate such as \"10/m\", or a table")
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<LoginLimit, E> {
                Ok(LoginLimit::Switch(on))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<LoginLimit, E> {
                RateOrTable.visit_str(text).map(LoginLimit::Limit)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<LoginLimit, E> {
                RateOrTable.visit_i64(number).map(LoginLimit::Limit)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LoginLimit, A::Error> {
                RateOrTable.visit_map(map).map(LoginLimit::Limit)
            }
        }
        deserializer.deserialize_any(SwitchOrLimit)
    }
}

impl<'de> Deserialize<'de> for SecurityHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SwitchOrTable;
        impl<'de> Visitor<'de> for SwitchOrTable {
            type Value = SecurityHeaders;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, or a table")
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<SecurityHeaders, E> {
                Ok(SecurityHeaders::Switch(on))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecurityHeaders, A::Error> {
                SecurityTable::deserialize(MapAccessDeserializer::new(map)).map(SecurityHeaders::Table)
            }
        }
        deserializer.deserialize_any(SwitchOrTable)
    }
}

/// `false`, or a duration.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hsts {
    Off,
    For(Span),
}

impl<'de> Deserialize<'de> for Hsts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OffOrSpan;
        impl Visitor<'_> for OffOrSpan {
            type Value = Hsts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("false or a duration such as \"180d\"")
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<Hsts, E> {
                match on {
                    false => Ok(Hsts::Off),
                    true => Err(E::custom("is true, which does not say for how long\nwrite a duration, like \"180d\"")),
                }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Hsts, E> {
                super::units::Unit::parse(text).map(Hsts::For).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(OffOrSpan)
    }
}

/// `false`, or a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HealthPath {
    Off,
    At(String),
}

impl<'de> Deserialize<'de> for HealthPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OffOrPath;
        impl Visitor<'_> for OffOrPath {
            type Value = HealthPath;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("false or a path such as \"/healthz\"")
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<HealthPath, E> {
                match on {
                    false => Ok(HealthPath::Off),
                    true => {
                        Err(E::custom("is true, which does not say what to ask for\nwrite a path, like \"/healthz\""))
                    }
                }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<HealthPath, E> {
                Ok(HealthPath::At(text.into()))
            }
        }
        deserializer.deserialize_any(OffOrPath)
    }
}

/// A secret given in the file, or where to find it. `Debug` shows no text.
#[derive(PartialEq, Eq)]
pub(super) enum SecretSource {
    /// As typed; for `private_key` this is a path.
    Text(String),
    /// `{ file = "…" }`.
    File(String),
    /// `{ env = "…" }`.
    Env(String),
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("***"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Env(name) => write!(f, "env {name}"),
        }
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl SecretVisitor {
    /// serde's own message for a wrong type shows the value; this one does not.
    fn refuse<T, E: de::Error>() -> Result<T, E> {
        Err(E::custom("is neither a string nor a table\nwrite a string, { file = \"…\" } or { env = \"…\" }"))
    }
}

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, { file = \"…\" } or { env = \"…\" }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretSource, E> {
        Ok(SecretSource::Text(text.into()))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<SecretSource, E> {
        Self::refuse()
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretSource, E> {
        Self::refuse()
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<SecretSource, E> {
        Self::refuse()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretSource, E> {
        Self::refuse()
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretSource, A::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Where {
            File,
            Env,
        }
        let source = match map.next_entry::<Where, String>()? {
            Some((Where::File, path)) => SecretSource::File(path),
            Some((Where::Env, name)) => SecretSource::Env(name),
            None => return Self::refuse(),
        };
        match map.next_key::<IgnoredAny>()? {
            None => Ok(source),
            Some(_) => Err(de::Error::custom("has more than one key\nwrite { file = \"…\" } or { env = \"…\" }")),
        }
    }
}

/// Which handlers a route's key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Website,
    Proxy,
    Launcher,
    Redirect,
    Respond,
    /// `status`.
    RedirectOrRespond,
}

impl Route {
    /// Every key beside `path` that the route has, with its place and whose it is.
    pub(super) fn keys(&self) -> Vec<(&'static str, std::ops::Range<usize>, Owner)> {
        fn span<T>(key: &Key<T>) -> Option<std::ops::Range<usize>> {
            key.as_ref().map(Spanned::span)
        }
        let all = [
            ("root", span(&self.root), Owner::Website),
            ("index", span(&self.index), Owner::Website),
            ("listing", span(&self.listing), Owner::Website),
            ("symlinks", span(&self.symlinks), Owner::Website),
            ("fallback", span(&self.fallback), Owner::Website),
            ("error_pages", span(&self.error_pages), Owner::Website),
            ("proxy", span(&self.proxy), Owner::Proxy),
            ("preset", span(&self.preset), Owner::Proxy),
            ("login_limit", span(&self.login_limit), Owner::Proxy),
            ("upstream_roots", span(&self.upstream_roots), Owner::Proxy),
            ("upstream_name", span(&self.upstream_name), Owner::Proxy),
            ("upstream_verify", span(&self.upstream_verify), Owner::Proxy),
            ("max_body", span(&self.max_body), Owner::Proxy),
            ("connect_timeout", span(&self.connect_timeout), Owner::Proxy),
            ("read_timeout", span(&self.read_timeout), Owner::Proxy),
            ("send_timeout", span(&self.send_timeout), Owner::Proxy),
            ("upgrade_idle_timeout", span(&self.upgrade_idle_timeout), Owner::Proxy),
            ("pool_idle_timeout", span(&self.pool_idle_timeout), Owner::Proxy),
            ("max_connections", span(&self.max_connections), Owner::Proxy),
            ("max_waiting", span(&self.max_waiting), Owner::Proxy),
            ("health", span(&self.health), Owner::Proxy),
            ("health_interval", span(&self.health_interval), Owner::Proxy),
            ("health_timeout", span(&self.health_timeout), Owner::Proxy),
            ("unhealthy_after", span(&self.unhealthy_after), Owner::Proxy),
            ("healthy_after", span(&self.healthy_after), Owner::Proxy),
            ("balance", span(&self.balance), Owner::Proxy),
            ("sticky", span(&self.sticky), Owner::Proxy),
            ("eject_after", span(&self.eject_after), Owner::Proxy),
            ("eject_for", span(&self.eject_for), Owner::Proxy),
            ("upgrades", span(&self.upgrades), Owner::Proxy),
            ("host", span(&self.host), Owner::Proxy),
            ("strip_prefix", span(&self.strip_prefix), Owner::Proxy),
            ("request_headers", span(&self.request_headers), Owner::Proxy),
            ("response_headers", span(&self.response_headers), Owner::Proxy),
            ("launcher", span(&self.launcher), Owner::Launcher),
            ("redirect", span(&self.redirect), Owner::Redirect),
            ("respond", span(&self.respond), Owner::Respond),
            ("status", span(&self.status), Owner::RedirectOrRespond),
            ("content_type", span(&self.content_type), Owner::Respond),
        ];
        all.into_iter().filter_map(|(name, span, owner)| Some((name, span?, owner))).collect()
    }
}
