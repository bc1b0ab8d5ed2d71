//! Why no certificate came, in words that a person can act on: what the CA said, and what mends it.

use std::path::PathBuf;

use instant_acme::{Error, Problem};
use thiserror::Error as ThisError;

use crate::config::model::AcmeChallenge;

use super::storage::StorageError;
use super::transport::{RetryAfter, TransportError};

/// Why an order came to nothing as a whole.
#[derive(Debug, ThisError)]
pub enum Failure {
    /// The CA could not be asked, or refused.
    #[error("{doing}: {}", said(.source))]
    Ca {
        /// What was tried.
        doing: &'static str,
        /// What came back.
        #[source]
        source: Error,
        /// Seconds after which the CA wants to be asked again.
        retry_after: Option<i64>,
    },
    /// TLS to the CA cannot even be tried.
    #[error("cannot speak to the CA: {}", causes(&**.0))]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The CA answers against the protocol.
    #[error("the CA's answer makes no sense: {0}")]
    Lies(String),
    /// The CA issued something that must not be served.
    #[error("what the CA issued is not put in place: {why}")]
    Chain {
        /// What the judge found.
        why: String,
        /// What mends it, as the judge says.
        mend: Option<String>,
    },
    /// The disk.
    #[error("{}", causes(.0))]
    Storage(#[from] StorageError),
    /// The external account's key.
    #[error("eab_hmac_key cannot be used: {0}")]
    ExternalAccount(String),
    /// Asking now would meet one of the CA's limits.
    #[error("not asked: {why}")]
    Limit {
        /// Which limit.
        why: String,
        /// When it is free again, in seconds since 1970.
        until: i64,
    },
    /// The CA lists no such profile.
    #[error("the CA has no profile \"{wanted}\"; it lists: {}", if .offered.is_empty() { "none" } else { offered })]
    Profile {
        /// The one in `[acme]`.
        wanted: String,
        /// Those that there are.
        offered: String,
    },
    /// What a command writes there, the gatepost that serves could not read.
    #[error("{} belongs to user {owner}, and this is user {us}", folder.display())]
    Stranger {
        /// The storage folder.
        folder: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who runs this.
        us: u32,
    },
    /// Somebody else holds the lock.
    #[error("another gatepost has been ordering for ten minutes")]
    Busy,
    /// A key or a request could not be made.
    #[error("cannot make a certificate request: {0}")]
    Request(#[from] rcgen::Error),
}

impl Failure {
    /// Wraps what instant-acme said.
    pub(super) fn ca(doing: &'static str, retry_after: &RetryAfter) -> impl FnOnce(Error) -> Self {
        move |source| Self::Ca { doing, source, retry_after: retry_after.seconds() }
    }

    /// What to do about it, where something is known.
    pub fn mend(&self) -> Option<String> {
        match self {
            Self::Ca { source: Error::Api(problem), .. } => mend_for(kind(problem)?, None),
            Self::Ca { source: Error::Other(error), .. } => {
                error.downcast_ref::<TransportError>().map(|error| match error {
                    TransportError::NotAcme(..) => "is `directory` the address of the CA's directory itself?".to_owned(),
                    _ => "can this machine reach the CA (DNS, outgoing port 443)? For a private CA, name its root in directory_roots".to_owned(),
                })
            }
            Self::Storage(error) => Some(error.mend()),
            Self::Chain { mend, .. } => mend.clone(),
            Self::ExternalAccount(_) => Some("copy eab_key_id and eab_hmac_key from the CA's account page".to_owned()),
            Self::Stranger { owner, .. } => Some(format!("run it as that user: sudo -u '#{owner}' gatepost cert …")),
            Self::Profile { .. } => Some("correct `profile` in [acme], or leave it out".to_owned()),
            Self::Limit { .. } => {
                Some("wait, or try things out with directory = \"letsencrypt-staging\"".to_owned())
            }
            _ => None,
        }
    }

    /// Seconds that the CA wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<i64> {
        match self {
            Self::Ca { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the CA does not know the account (any more).
    pub(super) fn is_unknown_account(&self) -> bool {
        matches!(self, Self::Ca { source: Error::Api(problem), .. } if kind(problem) == Some("accountDoesNotExist"))
    }
}

/// Why one name of an order was refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The name, as ordered.
    pub name: String,
    /// What the CA said.
    pub said: String,
    /// What mends it.
    pub mend: Option<String>,
}

impl Refusal {
    /// What the CA's problem document says of a name.
    pub(super) fn new(name: &str, problem: &Problem, challenge: &AcmeChallenge) -> Self {
        let mend = kind(problem).and_then(|kind| mend_for(kind, Some((name, challenge))));
        Self { name: name.to_owned(), said: shown(problem), mend }
    }

    /// In our own words.
    pub(super) fn own(name: &str, said: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name: name.to_owned(), said: said.into(), mend: Some(mend.into()) }
    }
}

/// A problem's own words with its kind: `connection: 192.0.2.1: Timeout during connect`.
fn shown(problem: &Problem) -> String {
    let detail = plain(problem.detail.as_deref().unwrap_or("no detail given"));
    let mut text = match kind(problem) {
        Some(kind) => format!("{}: {detail}", plain(kind)),
        None => detail,
    };
    for part in problem.subproblems.iter().take(5) {
        text.push_str(&format!("; {}", plain(&part.to_string())));
    }
    text
}

/// What comes from the network must not move a terminal's cursor, nor fill the log.
fn plain(text: &str) -> String {
    let short: String = text.chars().take(600).map(|c| if c.is_control() { ' ' } else { c }).collect();
    short.trim().to_owned()
}

fn said(error: &Error) -> String {
    match error {
        Error::Api(problem) => format!("the CA refused: {}", shown(problem)),
        Error::Timeout(_) => "the CA was not done in time".to_owned(),
        Error::Json(error) => format!("the CA's answer is not what ACME says: {error}"),
        other => causes(other),
    }
}

/// An error with what lies below it, on one line.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        let words = cause.to_string();
        // A transparent error repeats its source's words.
        if !text.ends_with(&words) {
            text.push_str(&format!(": {words}"));
        }
        below = cause.source();
    }
    text
}

/// `connection` of `urn:ietf:params:acme:error:connection` (RFC 8555 section 6.7).
fn kind(problem: &Problem) -> Option<&str> {
    problem.r#type.as_deref()?.strip_prefix("urn:ietf:params:acme:error:")
}

/// What mends a kind of problem (RFC 8555 section 6.7), of one name or of the whole order.
fn mend_for(kind: &str, name: Option<(&str, &AcmeChallenge)>) -> Option<String> {
    let (name, challenge) = name.unwrap_or(("the name", &AcmeChallenge::Http01));
    let port = if *challenge == AcmeChallenge::TlsAlpn01 { 443 } else { 80 };
    let said = match (kind, challenge) {
        ("dns" | "connection" | "unauthorized" | "incorrectResponse", AcmeChallenge::Dns01 { .. }) => format!(
            "see whether dns_hook set the record: dig +short TXT _acme-challenge.{}; give the servers of the zone time within the hook",
            name.trim_start_matches("*.")
        ),
        ("dns", _) => format!(
            "the CA finds no address for {name}: make an A (and, with IPv6, an AAAA) record; dig +short {name} shows what is there"
        ),
        ("connection", _) => format!(
            "port {port} of {name} must reach a running gatepost from the whole internet: open it in the firewall, forward it on the router, \
             and see that A and AAAA records are right (a CA tries IPv6 first)"
        ),
        ("tls", _) => format!("something else answers on port {port} of {name}: see that A and AAAA records lead here"),
        ("unauthorized" | "incorrectResponse", _) => format!(
            "something else answered on port {port} of {name}: see that A and AAAA records lead to this machine, and no other server or filter stands before it"
        ),
        ("caa", _) => {
            format!("a CAA record forbids it: dig +short CAA {name}; add one that names this CA, or remove it")
        }
        ("rejectedIdentifier", _) => {
            format!("the CA issues nothing for {name}: take it out, or name a [[certificate]] for it")
        }
        ("rateLimited", _) => "nothing but waiting helps; gatepost tries again when the CA allows it".to_owned(),
        ("externalAccountRequired", _) => {
            "set eab_key_id and eab_hmac_key in [acme], from the CA's account page".to_owned()
        }
        ("invalidContact" | "unsupportedContact", _) => "correct `email` in [acme]".to_owned(),
        ("invalidProfile", _) => "correct `profile` in [acme]: the CA's directory lists what it has".to_owned(),
        ("userActionRequired", _) => {
            "the CA wants its terms agreed to anew: follow the address in its words".to_owned()
        }
        ("serverInternal", _) => "the CA has trouble of its own: gatepost tries again".to_owned(),
        _ => return None,
    };
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: &str, detail: &str) -> Problem {
        let kind = format!("urn:ietf:params:acme:error:{kind}");
        serde_json::from_value(serde_json::json!({ "type": kind, "detail": detail })).expect("a problem")
    }

    #[test]
    fn a_closed_port_is_told_with_the_port_and_what_to_open() {
        let refusal = Refusal::new("site.com", &problem("connection", "Timeout"), &AcmeChallenge::Http01);
        assert_eq!(refusal.said, "connection: Timeout");
        assert!(refusal.mend.as_ref().is_some_and(|mend| mend.starts_with("port 80 of site.com")), "{refusal:?}");
        let refusal = Refusal::new("site.com", &problem("connection", "Timeout"), &AcmeChallenge::TlsAlpn01);
        assert!(refusal.mend.is_some_and(|mend| mend.starts_with("port 443 of site.com")));
    }

    #[test]
    fn a_record_that_is_not_there_is_told_with_its_name() {
        let dns = AcmeChallenge::Dns01 { hook: "x".into(), cleanup: None };
        let refusal = Refusal::new("*.site.com", &problem("unauthorized", "no TXT record"), &dns);
        assert!(refusal.mend.is_some_and(|mend| mend.contains("TXT _acme-challenge.site.com")));
    }

    #[test]
    fn words_from_the_network_cannot_move_the_cursor_or_fill_the_log() {
        let detail = format!("\u{1b}[2J{}", "x".repeat(10_000));
        let failure = Failure::ca("ordering", &RetryAfter::default())(Error::Api(problem("malformed", &detail)));
        let text = failure.to_string();
        assert!(text.len() < 1000 && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn an_account_that_is_gone_is_known_as_such() {
        assert!(
            Failure::ca("ordering", &RetryAfter::default())(Error::Api(problem("accountDoesNotExist", "x")))
                .is_unknown_account()
        );
        assert!(
            !Failure::ca("ordering", &RetryAfter::default())(Error::Api(problem("unauthorized", "x")))
                .is_unknown_account()
        );
    }
}
