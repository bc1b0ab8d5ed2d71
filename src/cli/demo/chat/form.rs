//! What a small form sends, and what stands in a query.
//!
//! It refuses more than a form of this size has, before it is all read.

use http::Request;
use http_body::Body;
use http_body_util::{BodyExt, Limited};

/// A name, a role and a path; the rest is room.
const LARGEST: usize = 8 * 1024;

/// The fields of a form or a query, decoded.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body; `None` where it is too large or breaks off.
    pub(super) async fn read<B>(request: Request<B>) -> Option<Self>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let body = Limited::new(request.into_body(), LARGEST).collect().await.ok()?;
        Some(Self::parse(&body.to_bytes()))
    }

    /// The query of a request.
    pub(super) fn query<B>(request: &Request<B>) -> Self {
        Self::parse(request.uri().query().unwrap_or_default().as_bytes())
    }

    /// The first field of this name; empty where there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }
}
