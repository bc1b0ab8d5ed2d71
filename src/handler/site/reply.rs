//! From an open file to an answer: which variant of it, under which conditions, which bytes.
//!
//! `HEAD` gets what `GET` would get, without the body. A range is a range of the
//! variant that is served; what is compressed as it is sent has no ranges.

use std::io;
use std::ops::Range;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};

use crate::body::Body;

use super::allow::{Opened, Refused, Tree};
use super::buffer::CHUNK;
use super::compress::compress;
use super::condition::{Validators, Verdict};
use super::encoding::{Accepted, Coding};
use super::file::{File, Piece};
use super::media::{Media, Squeeze};
use super::range::Wanted;

/// Below this a coding saves nothing: the answer fits into one packet with its head or without.
pub(super) const WORTH_COMPRESSING: u64 = 1024;

/// One form of a file, as it will be sent.
struct Variant {
    file: File,
    media: Media,
    /// How `file` is coded already.
    stored: Option<Coding>,
    /// How it is coded as it is sent.
    sent: Option<Coding>,
}

/// Answers with a file that stands at `path`.
pub(super) async fn reply<B>(
    request: &Request<B>,
    tree: &Tree,
    path: &[u8],
    file: File,
) -> Result<Response<Body>, Refused> {
    let asked = request.headers();
    let get = request.method() == Method::GET;
    let variant = Variant::choose(tree, path, file, asked, get && asked.contains_key(header::RANGE)).await;
    let tag = variant.tag();
    let modified = variant.file.modified().at_most(SystemTime::now());
    let validators = Validators { tag: &tag, modified };

    let mut response = Response::new(Body::Empty);
    *response.headers_mut() = HeaderMap::with_capacity(10);
    match validators.judge(asked) {
        Verdict::Failed => {
            *response.status_mut() = StatusCode::PRECONDITION_FAILED;
            set_length(&mut response, 0);
            return Ok(response);
        }
        Verdict::NotModified => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            variant.describe_state(&tag, modified, response.headers_mut());
            return Ok(response);
        }
        Verdict::Send => variant.describe_state(&tag, modified, response.headers_mut()),
    }
    variant.describe_content(response.headers_mut());

    if let Some(coding) = variant.sent {
        if get {
            let size = variant.file.size();
            *response.body_mut() = compress(Body::stream(variant.file.into_body(vec![Piece::Span(0..size)])), coding);
        }
        return Ok(response);
    }
    // Only GET has ranges (RFC 9110 section 14.2).
    let wanted =
        if get && validators.allow_range(asked) { Wanted::of(asked, variant.file.size()) } else { Wanted::Whole };
    send(response, variant, wanted, get).await
}

/// A configured page for an error: whole, with the error's status.
pub(super) async fn page(status: StatusCode, path: &[u8], file: File, get: bool) -> Result<Response<Body>, Refused> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(header::CONTENT_TYPE, Media::of(path).content_type());
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let size = file.size();
    set_length(&mut response, size);
    if get {
        *response.body_mut() = span(file, 0..size).await?;
    }
    Ok(response)
}

impl Variant {
    /// A compressed sibling that is as new as the file; else the file itself, compressed as it is sent where that helps.
    async fn choose(tree: &Tree, path: &[u8], file: File, asked: &HeaderMap, ranged: bool) -> Self {
        let media = Media::of(path);
        let plain = |file| Self { file, media, stored: None, sent: None };
        let accepted = Accepted::of(asked);
        let squeeze = media.squeeze();
        if squeeze == Squeeze::Never && accepted.takes_identity() {
            return plain(file);
        }
        for coding in accepted.codings() {
            let sibling = [path, coding.suffix().as_bytes()].concat();
            if let Ok(Opened::File(sibling)) = tree.open(&sibling).await
                && sibling.modified() >= file.modified()
            {
                return Self { file: sibling, media, stored: Some(coding), sent: None };
            }
        }
        let worth = squeeze == Squeeze::Well && file.size() > WORTH_COMPRESSING;
        if !ranged && (worth || !accepted.takes_identity()) {
            return Self { sent: accepted.codings().next(), ..plain(file) };
        }
        plain(file)
    }

    /// Strong for bytes that are stored, weak for bytes that are made: an encoder may make them otherwise next time.
    fn tag(&self) -> String {
        let modified = self.file.modified();
        let (seconds, nanoseconds, size) = (modified.seconds, modified.nanoseconds, self.file.size());
        match (self.stored, self.sent) {
            (None, None) => format!("\"{seconds:x}.{nanoseconds:x}-{size:x}\""),
            (Some(coding), _) => format!("\"{seconds:x}.{nanoseconds:x}-{size:x}-{}\"", coding.name()),
            (None, Some(coding)) => format!("W/\"{seconds:x}.{nanoseconds:x}-{size:x}-{}\"", coding.name()),
        }
    }

    /// The fields that a 304 has too (RFC 9110 section 15.4.5).
    fn describe_state(&self, tag: &str, modified: Option<SystemTime>, fields: &mut HeaderMap) {
        if let Ok(tag) = HeaderValue::try_from(tag) {
            fields.insert(header::ETAG, tag);
        }
        if let Some(modified) = modified
            && let Ok(modified) = HeaderValue::try_from(httpdate::fmt_http_date(modified))
        {
            fields.insert(header::LAST_MODIFIED, modified);
        }
        if self.media.squeeze() != Squeeze::Never {
            fields.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
    }

    fn describe_content(&self, fields: &mut HeaderMap) {
        fields.insert(header::CONTENT_TYPE, self.media.content_type());
        fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(coding) = self.stored.or(self.sent) {
            fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        if self.sent.is_none() {
            fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
    }
}

async fn send(
    mut response: Response<Body>,
    variant: Variant,
    wanted: Wanted,
    get: bool,
) -> Result<Response<Body>, Refused> {
    let size = variant.file.size();
    match wanted {
        Wanted::Whole => {
            set_length(&mut response, size);
            if get {
                *response.body_mut() = span(variant.file, 0..size).await?;
            }
        }
        Wanted::One(range) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            set_length(&mut response, range.end - range.start);
            set(&mut response, header::CONTENT_RANGE, content_range(&range, size));
            *response.body_mut() = span(variant.file, range).await?;
        }
        Wanted::Many(ranges) => {
            let boundary = boundary()?;
            let mut pieces = Vec::with_capacity(2 * ranges.len() + 1);
            let mut length = 0;
            for range in ranges {
                let head = part_head(&boundary, variant.media, &content_range(&range, size), pieces.is_empty());
                length += head.len() as u64 + (range.end - range.start);
                pieces.push(Piece::Text(head));
                pieces.push(Piece::Span(range));
            }
            let end = Bytes::from(format!("\r\n--{boundary}--\r\n"));
            length += end.len() as u64;
            pieces.push(Piece::Text(end));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            set_length(&mut response, length);
            set(&mut response, header::CONTENT_TYPE, format!("multipart/byteranges; boundary={boundary}"));
            *response.body_mut() = Body::stream(variant.file.into_body(pieces));
        }
        Wanted::Nothing => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            response.headers_mut().remove(header::CONTENT_TYPE);
            response.headers_mut().remove(header::CONTENT_ENCODING);
            set_length(&mut response, 0);
            set(&mut response, header::CONTENT_RANGE, format!("bytes */{size}"));
        }
    }
    Ok(response)
}

/// A part of a file: at once where it fits into one buffer, else as it is sent.
async fn span(file: File, range: Range<u64>) -> Result<Body, Refused> {
    match range.end - range.start {
        0 => Ok(Body::Empty),
        few if few <= CHUNK as u64 => Ok(Body::full(file.read(range).await?)),
        _ => Ok(Body::stream(file.into_body(vec![Piece::Span(range)]))),
    }
}

/// The head of one part of `multipart/byteranges` (RFC 9110 section 14.6).
fn part_head(boundary: &str, media: Media, content_range: &str, first: bool) -> Bytes {
    let before = if first { "" } else { "\r\n" };
    let content_type = media.content_type();
    let content_type = content_type.to_str().unwrap_or(media.essence());
    Bytes::from(format!(
        "{before}--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {content_range}\r\n\r\n"
    ))
}

/// What no file can be made to hold: 128 bits that nobody knows beforehand.
fn boundary() -> Result<String, Refused> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Refused::Broken(io::Error::other(error.to_string())))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(random)))
}

fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
}

pub(super) fn set_length(response: &mut Response<Body>, length: u64) {
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
}

fn set(response: &mut Response<Body>, name: header::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}
