//! From a file to an answer: under which conditions, which bytes.
//!
//! `HEAD` gets what `GET` would get, without the body. A range is a range of the
//! variant that is served; what is compressed as it is sent has no ranges.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;

use crate::body::Body;

use super::allow::{Refused, Tree};
use super::buffer::CHUNK;
use super::compress::compress;
use super::condition::{Validators, Verdict};
use super::encoding::Coding;
use super::file::{File, Piece};
use super::media::Media;
use super::range::Wanted;
use super::shelf::Kept;
use super::variant::Variant;

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
    let state = variant.state();
    let validators = Validators { tag: state.tag.to_str().unwrap_or_default(), modified: state.modified };

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
            variant.describe_state(&state, response.headers_mut());
            return Ok(response);
        }
        Verdict::Send => variant.describe_state(&state, response.headers_mut()),
    }
    variant.describe_content(response.headers_mut());

    if let Some(coding) = variant.sent {
        if get {
            *response.body_mut() = match variant.file.as_kept() {
                Some(kept) => Body::full(coded(kept, coding).await?),
                None => {
                    let size = variant.file.size();
                    compress(Body::stream(variant.file.into_body(vec![Piece::Span(0..size)])), coding)
                }
            };
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

/// A kept file in a coding: made for the first who asks, and kept with it for the others.
async fn coded(kept: &Kept, coding: Coding) -> Result<Bytes, Refused> {
    if let Some(bytes) = kept.coded(coding).get() {
        return Ok(bytes.clone());
    }
    let made = compress(Body::full(kept.bytes.clone()), coding).collect().await;
    let made = made.map_err(|error| Refused::Broken(io::Error::other(error)))?.to_bytes();
    Ok(kept.coded(coding).get_or_init(|| made).clone())
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
