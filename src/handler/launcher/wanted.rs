//! What a browser says that it wants an answer for: a page, a look ahead, a part of another page.

use http::{HeaderValue, Request};

/// Whether a browser is about to show the answer as a page (Fetch Metadata, section 2.3). Those that do not say so are
/// older than 2023, or programs.
pub(super) fn is_navigation<B>(request: &Request<B>) -> bool {
    request.headers().get("sec-fetch-mode").is_some_and(|mode| mode == "navigate")
}

/// Whether a browser only thinks that somebody might open this (Fetch standard, `Sec-Purpose`; older ones say `Purpose`).
pub(super) fn is_prefetch<B>(request: &Request<B>) -> bool {
    ["sec-purpose", "purpose"]
        .iter()
        .any(|name| request.headers().get(*name).is_some_and(|purpose| purpose.as_bytes().starts_with(b"prefetch")))
}

/// Whether a browser wants this as a picture, a script, a frame or the like of another page (Fetch Metadata, sections 2.1
/// and 2.2): nobody has asked for a meeting then, and none would open. What fetches by itself is left alone; only pages
/// of the same host can read the answer.
pub(super) fn is_part<B>(request: &Request<B>) -> bool {
    let said = |name| request.headers().get(name).map(HeaderValue::as_bytes);
    said("sec-fetch-mode") == Some(b"no-cors")
        || said("sec-fetch-dest").is_some_and(|wanted| wanted != b"document" && wanted != b"empty")
}
