//! What can go wrong with an upstream, as it is counted.

use std::io;

use rustix::io::Errno;

use crate::error::RequestError;

/// A kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody listens there.
    Refused,
    /// The way there is shut, or its name has no address.
    Unreachable,
    /// It did not take the connection, or its TLS, in time.
    ConnectTimeout,
    /// Its certificate or its TLS is wrong.
    Tls,
    /// It broke off before its answer's head.
    Broken,
    /// What it answered is no HTTP.
    Malformed,
    /// Its answer's head, with the interim answers before it, is too large or has too many fields.
    HeadTooLarge,
    /// It answered what must not be passed on.
    Wrong,
    /// Its answer's head did not come in time.
    AnswerTimeout,
    /// It broke off in the middle of a body.
    BodyBroken,
    /// It stopped in the middle of a body.
    BodyTimeout,
    /// It had as many connections as it may have, and as many requests waited as may.
    Full,
    /// This machine had no descriptor, port or memory left for a connection to it.
    Exhausted,
}

impl Trouble {
    /// All of them, in the order of a request's road.
    pub const ALL: [Self; 13] = [
        Self::Full,
        Self::Exhausted,
        Self::Refused,
        Self::Unreachable,
        Self::ConnectTimeout,
        Self::Tls,
        Self::Broken,
        Self::Malformed,
        Self::HeadTooLarge,
        Self::Wrong,
        Self::AnswerTimeout,
        Self::BodyBroken,
        Self::BodyTimeout,
    ];

    /// Its name in the metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Exhausted => "exhausted",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::Broken => "broken",
            Self::Malformed => "malformed",
            Self::HeadTooLarge => "head_too_large",
            Self::Wrong => "wrong",
            Self::AnswerTimeout => "answer_timeout",
            Self::BodyBroken => "body_broken",
            Self::BodyTimeout => "body_timeout",
        }
    }

    /// The kind of this error; `None` where it is not the upstream's.
    pub fn of(error: &RequestError) -> Option<Self> {
        Some(match error {
            RequestError::Connect { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused => Self::Refused,
            RequestError::Connect { .. } => Self::Unreachable,
            RequestError::UpstreamTls { .. } => Self::Tls,
            RequestError::UpstreamFull { .. } => Self::Full,
            RequestError::Exhausted { .. } => Self::Exhausted,
            RequestError::Timeout { what: CONNECT, .. } => Self::ConnectTimeout,
            RequestError::Timeout { .. } => Self::AnswerTimeout,
            RequestError::Broken { source, .. } => Self::of_hyper(source),
            RequestError::WrongAnswer { .. } => Self::Wrong,
            _ => return None,
        })
    }

    fn of_hyper(error: &hyper::Error) -> Self {
        if error.is_parse_too_large() || is_too_much(error) {
            Self::HeadTooLarge
        } else if error.is_parse() {
            Self::Malformed
        } else {
            Self::Broken
        }
    }

    /// Whether it speaks against the upstream itself, so that it may be ejected for it.
    ///
    /// One wrong answer does not: which request it is given to, a client chooses. Nor does what is our own lack.
    pub(super) fn is_against(self) -> bool {
        matches!(
            self,
            Self::Refused
                | Self::Unreachable
                | Self::ConnectTimeout
                | Self::Tls
                | Self::Broken
                | Self::Malformed
                | Self::AnswerTimeout
        )
    }
}

/// What an upstream did not do where the connecting timed out; see [`RequestError::Timeout`].
pub(super) const CONNECT: &str = "accept a connection";

/// More than an answer's head may have before it.
#[derive(Debug, thiserror::Error)]
#[error("it sent more than {0} bytes before an answer's head was whole")]
pub(super) struct TooMuch(pub(super) u64);

fn is_too_much(error: &hyper::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if inner.is_some_and(<dyn std::error::Error + Send + Sync>::is::<TooMuch>) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whether it is this machine that has nothing left for a connection.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    let ours = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::ADDRNOTAVAIL, Errno::AGAIN];
    Errno::from_io_error(error).is_some_and(|errno| ours.contains(&errno))
}
