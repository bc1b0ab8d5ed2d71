//! `[launcher.NAME]` as meant: whose meetings, who asks, who moderates, which rooms a token opens.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::config::finding::Place;
use crate::jitsi::features::Features;
use crate::jitsi::page::colour::Colour;
use crate::jitsi::page::phrases::Language;
use crate::secret::Secret;

use super::{Answer, Config, Proxy, SecretFrom};

/// `[launcher.NAME]` as one route uses it.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// NAME.
    pub name: String,
    /// Whose meetings.
    pub provider: Provider,
    /// Page or redirect.
    pub mode: LaunchMode,
    /// How it is found out who is asking, tried in this order; empty where nobody is asked.
    pub identity: Vec<Way>,
    /// What a token says of a person whom Mattermost knows.
    pub people: People,
    /// Where people sign in: Mattermost's address for browsers, without a last slash; empty where it is the root of
    /// the launcher's own host, `None` where it is not known.
    pub login: Option<String>,
    /// `name` and `email` of a person of whom nothing is known.
    pub anonymous: Anonymous,
    /// Whom else it lets in.
    pub guests: Guests,
    /// Who is a moderator.
    pub moderators: Moderators,
    /// From issue to expiry of a token.
    pub token_lifetime: Duration,
    /// Which rooms a token opens.
    pub rooms: Rooms,
    /// Who may switch on what.
    pub features: Features,
    /// Whether an address one letter off is answered with what was probably meant.
    pub near_misses: bool,
    /// How many people a month.
    pub budget: Budget,
    /// The `Authorization` that 8x8 sends with what it posts to `-/webhook`; without one nothing is taken there.
    pub webhook_secret: Option<SecretFrom>,
    /// How its pages look.
    pub page: Page,
    /// Where the file names the key.
    pub key_place: Place,
}

impl Config {
    /// The launchers that routes lead to, or that those fall back to, each once, in the order of the routes.
    pub fn launchers(&self) -> Vec<&Launcher> {
        let mut found: Vec<&Launcher> = Vec::new();
        for route in self.sites.iter().flat_map(|site| &site.routes) {
            let Answer::Launcher(launcher) = &route.answer else { continue };
            let mut next = Some(&**launcher);
            // One that is known has led to all that come after it.
            while let Some(launcher) = next.filter(|next| found.iter().all(|known| known.name != next.name)) {
                found.push(launcher);
                next = match &launcher.budget.at_limit {
                    AtLimit::Fallback(other) => Some(other),
                    AtLimit::Warn | AtLimit::DenyNew => None,
                };
            }
        }
        found
    }

    /// One of them.
    pub fn launcher(&self, name: &str) -> Option<&Launcher> {
        self.launchers().into_iter().find(|launcher| launcher.name == name)
    }
}

impl Launcher {
    /// Whether it matters who is an administrator: here, or where it falls back to.
    pub fn asks_for_admins(&self) -> bool {
        let elsewhere = match &self.budget.at_limit {
            AtLimit::Fallback(other) => other.asks_for_admins(),
            AtLimit::Warn | AtLimit::DenyNew => false,
        };
        self.moderators == Moderators::Admins || elsewhere
    }

    /// For people: who moderates its meetings.
    pub fn who_moderates(&self) -> String {
        match &self.provider {
            Provider::Public { .. } => "as the public server decides".to_owned(),
            Provider::Jaas { .. } | Provider::Jitsi { .. } => self.moderators.to_string(),
        }
    }

    /// Whose JaaS account its meetings are on, where they are on one.
    pub fn jaas_app_id(&self) -> Option<&str> {
        match &self.provider {
            Provider::Jaas { app_id, .. } => Some(app_id),
            Provider::Jitsi { .. } | Provider::Public { .. } => None,
        }
    }

    /// [`Launcher::login`], where a session says who asks: signing in helps nobody elsewhere.
    pub fn offered_login(&self) -> Option<&str> {
        self.login.as_deref().filter(|_| self.mattermost().is_some())
    }

    /// The Mattermost that is asked about sessions, where one is.
    pub fn mattermost(&self) -> Option<&MattermostSource> {
        self.identity.iter().find_map(|way| match way {
            Way::Mattermost(source) => Some(&**source),
            Way::Plugin(_) => None,
        })
    }
}

impl fmt::Display for Moderators {
    /// For people: who is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("everyone"),
            Self::Members => f.write_str("who is signed in, guests excepted"),
            Self::Admins => f.write_str("administrators of Mattermost or of one of its teams"),
            Self::Users(names) if names.is_empty() => f.write_str("nobody"),
            Self::Users(names) => f.write_str(&names.join(", ")),
        }
    }
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
    /// A Jitsi of one's own, whose prosody checks tokens.
    Jitsi {
        /// `iss`: prosody's `app_id`.
        app_id: String,
        /// Base address, without trailing slash.
        server: String,
        /// `sub`: the tenant, or prosody's own domain.
        subject: String,
        /// `aud`: one of prosody's `asap_accepted_audiences`.
        audience: String,
        /// What its tokens are signed with.
        key: JitsiKey,
    },
    /// A Jitsi that takes no token: `meet.jit.si`.
    Public {
        /// Base address, without trailing slash: `https://meet.jit.si`.
        server: String,
    },
}

/// What tokens for a Jitsi of one's own are signed with.
#[derive(Debug, Clone)]
pub enum JitsiKey {
    /// HS256: prosody's `app_secret`.
    Secret(SecretFrom),
    /// RS256: prosody fetches `<asap_key_server>/<sha256 of the key's id in hexadecimal>.pem`.
    Rsa {
        /// PKCS#1 or PKCS#8 PEM of an RSA key.
        private_key: PemSource,
        /// `kid`.
        key_id: String,
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

/// One way of finding out who is asking for a meeting.
#[derive(Debug, Clone)]
pub enum Way {
    /// The session cookie is asked about at Mattermost.
    Mattermost(Box<MattermostSource>),
    /// The token that Mattermost's Jitsi plugin adds to its links.
    Plugin(PluginSource),
}

/// The Mattermost that knows whose session it is.
#[derive(Debug, Clone)]
pub struct MattermostSource {
    /// Its address, with the proxy route's own timeouts and verification.
    pub proxy: Proxy,
    /// The path of its SiteURL as it arrives there, without a last slash: all of Mattermost lives under it, the API too
    /// (`server/channels/app/server.go` mounts its router there). Empty where there is none, or the route strips it.
    pub path: String,
}

/// What the plugin signs its links with, as typed into its settings.
#[derive(Debug, Clone)]
pub struct PluginSource {
    /// `iss` and `aud`.
    pub app_id: String,
    /// The key of HS256.
    pub secret: SecretFrom,
    /// Where the file names that.
    pub place: Place,
}

impl PluginSource {
    /// What mends a secret that can be guessed.
    pub const MAKE_SECRET: &str = "make one with `openssl rand -hex 32`, here and in the plugin's settings";
}

/// What a token says of a person whom Mattermost knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// Which name is shown: the first of these that the person has, else the user name.
    pub names: Vec<DisplayName>,
    /// Whether the address goes along.
    pub email: bool,
    /// Whether a copy of the picture is served to the meeting.
    pub avatars: bool,
}

/// A name that Mattermost knows of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DisplayName {
    /// `nickname`
    Nickname,
    /// First and last name.
    FullName,
    /// `username`
    Username,
}

/// Who may enter without an account.
#[derive(Debug, Clone)]
pub struct Guests {
    /// `guests = "join"`: whoever gives a name.
    pub join: bool,
    /// And this word.
    pub passcode: Option<SecretFrom>,
    /// How often one address may try in a minute.
    pub tries: NonZeroU32,
    /// Whether `gatepost invite` can let one person into one room.
    pub invitations: bool,
    /// `identity = ["none"]`: whoever comes is let in as they are, and the keys above have no say.
    pub everybody: bool,
}

impl Guests {
    /// Nobody.
    pub const NONE: Self =
        Self { join: false, passcode: None, tries: NonZeroU32::MIN, invitations: false, everybody: false };
}

/// How many people a month.
#[derive(Debug, Clone)]
pub struct Budget {
    /// `None`: they are counted all the same.
    pub limit: Option<NonZeroU32>,
    /// What happens to who comes after.
    pub at_limit: AtLimit,
}

impl Budget {
    /// As many as come.
    pub const UNLIMITED: Self = Self { limit: None, at_limit: AtLimit::Warn };
}

/// What happens to who comes when the month's users are used up.
#[derive(Debug, Clone)]
pub enum AtLimit {
    /// They are let in, and it is said.
    Warn,
    /// Only who was counted this month is let in.
    DenyNew,
    /// They are led to this launcher's meetings.
    Fallback(Box<Launcher>),
}

/// How a launcher's pages look and what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Above every page.
    pub title: Option<String>,
    /// Of buttons, on a light ground.
    pub accent: Option<Colour>,
    /// Of buttons, on a dark ground.
    pub accent_dark: Option<Colour>,
    /// A picture.
    pub logo: Option<PathBuf>,
    /// Of the words.
    pub language: Language,
    /// The words, where they are not English.
    pub phrases: Option<PathBuf>,
    /// Where the file speaks of this.
    pub place: Place,
}

/// English, without a title, in the colours that gatepost has.
impl Default for Page {
    fn default() -> Self {
        Self {
            title: None,
            accent: None,
            accent_dark: None,
            logo: None,
            language: Language::english(),
            phrases: None,
            place: Place::default(),
        }
    }
}

/// What a token says of a person of whom nothing is known.
#[derive(Debug, Clone)]
pub struct Anonymous {
    /// Shown in the meeting; where nobody is asked and none is given, it is [`Anonymous::UNNAMED`].
    pub name: Option<String>,
    /// Left out of the token where none is given.
    pub email: Option<String>,
}

impl Anonymous {
    /// What the original showed until a person typed a name.
    pub const UNNAMED: &str = "Type Your Name";
}

/// Who is a moderator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moderators {
    /// Everyone, also who is not signed in.
    Everyone,
    /// Who is signed in, Mattermost's own guests excepted.
    Members,
    /// Mattermost's system administrators, and the administrators of any of its teams.
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
