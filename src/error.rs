//! `RequestError`: why one request was not answered as asked, whose fault it was, and what the client is told.
//!
//! One table maps it to a status and to close-or-keep. The page carries the
//! request's id, the log line has the same. Causes stay in the variant and go to
//! the log alone: a page names no address behind the edge.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use thiserror::Error;

use crate::access::Refusal;
use crate::body::Body;
use crate::handler::RequestId;

/// Whose fault it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// What the client sent.
    Client,
    /// What the upstream did.
    Upstream,
    /// Ours.
    Us,
}

/// Why one request was not answered as asked.
#[derive(Debug, Error)]
pub enum RequestError {
    /// The head says two things, or one that cannot be.
    #[error("bad request: {0}")]
    Bad(&'static str),
    /// No site has this host, on plain HTTP.
    #[error("no site has the host that was asked for")]
    UnknownHost,
    /// No site has this host, or another certificate names it than this connection presented (RFC 9110 section 15.5.20).
    #[error("the host that was asked for is not served on this connection")]
    Misdirected,
    /// Nothing at this path.
    #[error("nothing at this path")]
    NotFound,
    /// There, but not for showing.
    #[error("not for showing")]
    Forbidden,
    /// A rule of the route refuses it: by address, by how often, or for want of a password.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The handler does not take this method; the methods that it takes.
    #[error("method not allowed here")]
    MethodNotAllowed(&'static str),
    /// The body is larger than `max_body` of the route, in bytes.
    #[error("body larger than max_body, which is {0} bytes on this route")]
    BodyTooLarge(u64),
    /// No byte of the body came for this long.
    #[error("no byte of the request's body came for {0:?}")]
    BodyStalled(Duration),
    /// The client went away.
    #[error("the client went away in the middle of its body")]
    ClientGone(#[source] hyper::Error),
    /// No connection to the upstream.
    #[error("cannot connect to upstream {upstream}")]
    Connect {
        /// Its address as configured.
        upstream: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The upstream's certificate does not verify, or its TLS is broken.
    #[error("TLS to upstream {upstream} failed")]
    UpstreamTls {
        /// Its address as configured.
        upstream: String,
        /// What rustls said.
        #[source]
        source: io::Error,
    },
    /// The upstream broke off or answered what is no HTTP.
    #[error("upstream {upstream} broke off or answered what is not HTTP")]
    Broken {
        /// Its address as configured.
        upstream: String,
        /// What hyper said.
        #[source]
        source: hyper::Error,
    },
    /// The upstream answered something that must not be passed on.
    #[error("upstream {upstream} answered wrongly: {what}")]
    WrongAnswer {
        /// Its address as configured.
        upstream: String,
        /// What was wrong.
        what: &'static str,
    },
    /// The upstream took too long.
    #[error("upstream {upstream} did not {what} within {limit:?}")]
    Timeout {
        /// Its address as configured.
        upstream: String,
        /// `connect` or `answer`.
        what: &'static str,
        /// The limit that was passed.
        limit: Duration,
    },
    /// As many requests as may wait for a connection to the upstream already do.
    #[error("upstream {upstream} is full: {what}")]
    UpstreamFull {
        /// Its address as configured.
        upstream: String,
        /// Which limit was met.
        what: &'static str,
    },
    /// This machine has nothing left for another connection.
    #[error("there is nothing left for a connection to upstream {upstream}; is `LimitNOFILE` of the service too low?")]
    Exhausted {
        /// Its address as configured.
        upstream: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Mattermost could not be asked who this is.
    #[error("Mattermost could not be asked who is signed in: {0}")]
    IdentityUnavailable(String),
    /// More fields in its head than this.
    #[error("more than {0} fields in its head, which is [limits] head_fields")]
    TooManyFields(usize),
    /// As many connections or tunnels are open as may be.
    #[error("no place is left")]
    Full,
    /// Serving is about to stop.
    #[error("stopping")]
    Stopping,
    /// A file could not be read.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What went wrong, and a page of the handler's own for whoever wants HTML.
    #[error("{}", .0.0)]
    Paged(Box<(RequestError, Response<Bytes>)>),
    /// A handler panicked, or signed nothing, or the like: a defect of ours.
    #[error("internal error: {0}")]
    Internal(String),
}

impl RequestError {
    /// The table: whose fault, which status, and whether an HTTP/1 connection must close after it.
    pub fn judge(&self) -> (Fault, StatusCode, bool) {
        use Fault::{Client, Upstream, Us};
        match self {
            Self::Bad(_) => (Client, StatusCode::BAD_REQUEST, true),
            Self::UnknownHost => (Client, StatusCode::NOT_FOUND, false),
            Self::Misdirected => (Client, StatusCode::MISDIRECTED_REQUEST, false),
            Self::NotFound => (Client, StatusCode::NOT_FOUND, false),
            Self::Forbidden => (Client, StatusCode::FORBIDDEN, false),
            Self::Refused(refusal) => (Client, refusal.status(), false),
            Self::MethodNotAllowed(_) => (Client, StatusCode::METHOD_NOT_ALLOWED, false),
            Self::BodyTooLarge(_) => (Client, StatusCode::PAYLOAD_TOO_LARGE, true),
            Self::BodyStalled(_) => (Client, StatusCode::REQUEST_TIMEOUT, true),
            Self::ClientGone(_) => (Client, StatusCode::BAD_REQUEST, true),
            Self::Connect { .. } | Self::UpstreamTls { .. } | Self::Broken { .. } | Self::WrongAnswer { .. } => {
                (Upstream, StatusCode::BAD_GATEWAY, false)
            }
            Self::IdentityUnavailable(_) => (Upstream, StatusCode::BAD_GATEWAY, false),
            Self::Timeout { .. } => (Upstream, StatusCode::GATEWAY_TIMEOUT, false),
            Self::TooManyFields(_) => (Client, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, true),
            // Whoever floods us must not fill the log; the refusals are counted and told of elsewhere.
            Self::Full => (Client, StatusCode::SERVICE_UNAVAILABLE, true),
            Self::UpstreamFull { .. } | Self::Exhausted { .. } => (Us, StatusCode::SERVICE_UNAVAILABLE, false),
            Self::Stopping => (Us, StatusCode::SERVICE_UNAVAILABLE, true),
            Self::File { .. } | Self::Internal(_) => (Us, StatusCode::INTERNAL_SERVER_ERROR, false),
            Self::Paged(paged) => paged.0.judge(),
        }
    }

    /// The error itself, where it stands beside a page.
    pub fn plain(&self) -> &Self {
        match self {
            Self::Paged(paged) => paged.0.plain(),
            error => error,
        }
    }

    /// What a person is told: a title and a sentence. Nothing of what is behind the edge.
    fn words(&self) -> (&'static str, String) {
        match self {
            Self::Bad(why) => ("Bad request", format!("This request cannot be answered: {why}.")),
            Self::UnknownHost => ("Not found", "No site by this name is served here.".into()),
            Self::Misdirected => {
                ("Misdirected request", "The name that was asked for is not served on this connection.".into())
            }
            Self::NotFound => ("Not found", "There is nothing at this address.".into()),
            Self::Forbidden => ("Forbidden", "This is not for showing.".into()),
            Self::Refused(refusal) => refusal.words(),
            Self::MethodNotAllowed(_) => ("Method not allowed", "This address does not take that method.".into()),
            Self::BodyTooLarge(limit) => {
                ("Too large", format!("What was sent is larger than the {} that are taken here.", size(*limit)))
            }
            Self::BodyStalled(_) => ("Request timeout", "What was being sent stopped coming.".into()),
            Self::ClientGone(_) => ("Bad request", "What was being sent broke off.".into()),
            Self::Connect { .. } => ("Bad gateway", "The server behind this address cannot be reached.".into()),
            Self::UpstreamTls { .. } => {
                ("Bad gateway", "The server behind this address could not prove who it is.".into())
            }
            Self::Broken { .. } | Self::WrongAnswer { .. } => {
                ("Bad gateway", "The server behind this address gave no proper answer.".into())
            }
            Self::IdentityUnavailable(_) => {
                ("Bad gateway", "Mattermost could not be asked who you are. Try again in a moment.".into())
            }
            Self::Timeout { .. } => ("Gateway timeout", "The server behind this address took too long.".into()),
            Self::TooManyFields(_) => ("Too large", "The head of this request has too many fields.".into()),
            Self::Full => (
                "Service unavailable",
                "This server has as many visitors as it can take. Try again in a moment.".into(),
            ),
            Self::UpstreamFull { .. } | Self::Exhausted { .. } => {
                ("Service unavailable", "Too many are here at once. Try again in a moment.".into())
            }
            Self::Stopping => ("Service unavailable", "This server is being stopped. Try again in a moment.".into()),
            Self::File { .. } | Self::Internal(_) => ("Internal error", "Something went wrong here.".into()),
            Self::Paged(paged) => paged.0.words(),
        }
    }

    /// The answer that the client gets: a page where HTML is wanted, JSON where JSON is, plain text otherwise.
    ///
    /// `id` is in the log line too.
    pub fn respond(&self, wanted: Wanted, id: RequestId) -> Response<Body> {
        if let Self::Paged(paged) = self {
            let (error, page) = &**paged;
            return if wanted == Wanted::Html { page.clone().map(Body::full) } else { error.respond(wanted, id) };
        }
        let (_, status, close) = self.judge();
        let (title, sentence) = self.words();
        let wanted = match self {
            Self::Refused(refusal) if refusal.is_of_mattermost() && wanted == Wanted::Text => Wanted::Json,
            _ => wanted,
        };
        let mut response = match wanted {
            Wanted::Html => reply(status, "text/html; charset=utf-8", html(status, title, &sentence, id)),
            Wanted::Json => {
                let json = serde_json::json!({
                    // Mattermost's clients look for it, and show the message where it is there.
                    "id": "gatepost",
                    "status_code": status.as_u16(),
                    "message": sentence,
                    "request_id": id.to_string(),
                });
                reply(status, "application/json", format!("{json}\n"))
            }
            Wanted::Text => reply(
                status,
                "text/plain; charset=utf-8",
                format!("{} {title}. {sentence} Request {id}.\n", status.as_u16()),
            ),
        };
        let fields = response.headers_mut();
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        match self {
            Self::MethodNotAllowed(allow) => {
                fields.insert(header::ALLOW, HeaderValue::from_static(allow));
            }
            Self::Refused(refusal) => fields.extend(refusal.fields()),
            Self::Stopping | Self::UpstreamFull { .. } | Self::Exhausted { .. } => {
                fields.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            // Long enough for those who are in to be served, short enough for a person to wait.
            Self::Full => {
                fields.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
            }
            _ => {}
        }
        if close {
            fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// The form of answer that the client's `Accept` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A person's page.
    Html,
    /// A program's object.
    Json,
    /// Anything else.
    Text,
}

impl Wanted {
    /// Reads a request's `Accept`.
    pub fn of(asked: &HeaderMap) -> Self {
        let accept = asked.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("");
        if accept.contains("text/html") {
            Self::Html
        } else if accept.contains("application/json") {
            Self::Json
        } else {
            Self::Text
        }
    }
}

fn reply(status: StatusCode, content_type: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Every text in it is ours; nothing that a client sent gets in.
fn html(status: StatusCode, title: &str, sentence: &str, id: RequestId) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title>\
         <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1.5rem}}\
         small{{opacity:.7}}</style></head>\
         <body><h1>{title}</h1><p>{sentence}</p><p><small>{} · request {id}</small></p></body></html>\n",
        status.as_u16()
    )
}

/// A size as a person says it.
fn size(bytes: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    match bytes {
        b if b >= MIB && b.is_multiple_of(MIB) => format!("{} MiB", b / MIB),
        b if b >= 1024 && b.is_multiple_of(1024) => format!("{} KiB", b / 1024),
        b => format!("{b} bytes"),
    }
}
