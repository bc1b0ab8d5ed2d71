//! What is in a folder, as a page.
//!
//! It lists what a request could open and nothing else: no dot files, no links
//! that lead to nothing or out of the root, no pipes. One bad entry costs that
//! entry, not the page.

use std::cmp::Ordering;
use std::os::fd::OwnedFd;
use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, Request, Response, header};
use percent_encoding::percent_decode_str;
use rustix::fs::{AtFlags, Dir, FileType, Stat, statat};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::body::Body;

use super::allow::{Refused, Tree, off_thread};
use super::compress::compress;
use super::encoding::Accepted;
use super::file::Modified;
use super::reply::set_length;
use super::resolve::reference;
use super::variant::WORTH_COMPRESSING;

/// More than this nobody reads, and a phone's browser takes seconds over.
const MOST: usize = 10_000;

const STYLE: &str = include_str!("listing.css");

/// Allows that one style and nothing else, whatever a file's name may smuggle in.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    HeaderValue::try_from(format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ))
    .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
});

#[derive(Template)]
#[template(path = "handler/site/listing.html")]
struct Page<'p> {
    style: &'static str,
    title: &'p str,
    parent: bool,
    rows: &'p [Row],
    most: Option<usize>,
}

/// One line of the page.
struct Row {
    name: String,
    href: String,
    folder: bool,
    size: String,
    modified: String,
}

/// Answers with the list of `folder`, which is at `path` below a root that is shown at `shown_at`.
pub(super) async fn reply<B>(
    request: &Request<B>,
    tree: &Tree,
    folder: OwnedFd,
    path: Vec<u8>,
    shown_at: &str,
) -> Result<Response<Body>, Refused> {
    let title = title(shown_at, &path);
    let tree = tree.clone();
    let page = off_thread(move || {
        let (rows, all) = read(&tree, &folder, &path)?;
        let page =
            Page { style: STYLE, title: &title, parent: !path.is_empty(), rows: &rows, most: (!all).then_some(MOST) };
        page.render().map_err(|error| Refused::Broken(std::io::Error::other(error)))
    })
    .await?;

    let mut response = Response::new(Body::Empty);
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    fields.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let length = page.len() as u64;
    let coding = Accepted::of(request.headers()).codings().next().filter(|_| length > WORTH_COMPRESSING);
    match coding {
        Some(coding) => {
            fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        None => set_length(&mut response, length),
    }
    if request.method() == Method::GET {
        let body = Body::full(page);
        *response.body_mut() = match coding {
            Some(coding) => compress(body, coding),
            None => body,
        };
    }
    Ok(response)
}

/// The rows of a folder, and whether they are all.
fn read(tree: &Tree, folder: &OwnedFd, path: &[u8]) -> Result<(Vec<Row>, bool), Refused> {
    let mut entries = Vec::new();
    let mut all = true;
    for entry in Dir::read_from(folder)? {
        let Ok(entry) = entry else { break };
        let name = entry.file_name().to_bytes();
        // A backslash in a request's path is refused, so a link to such a name would be dead.
        if name.starts_with(b".") || name.contains(&b'\\') {
            continue;
        }
        let Some(stat) = visible(tree, folder, path, name) else { continue };
        if entries.len() == MOST {
            all = false;
            break;
        }
        entries.push((name.to_vec(), stat));
    }
    let is_folder = |stat: &Stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    let mut rows: Vec<Row> = entries
        .iter()
        .map(|(name, stat)| {
            let folder = is_folder(stat);
            Row {
                name: String::from_utf8_lossy(name).into_owned(),
                href: reference(name, folder),
                folder,
                size: if folder { String::new() } else { size(u64::try_from(stat.st_size).unwrap_or_default()) },
                modified: date(Modified::of(stat)),
            }
        })
        .collect();
    rows.sort_by(|a, b| b.folder.cmp(&a.folder).then_with(|| natural(&a.name, &b.name)));
    Ok((rows, all))
}

/// What is at an entry, if it may be listed.
fn visible(tree: &Tree, folder: &OwnedFd, path: &[u8], name: &[u8]) -> Option<Stat> {
    let mut stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
        if !tree.follows_links() {
            return None;
        }
        let separator: &[u8] = if path.is_empty() { b"" } else { b"/" };
        stat = tree.look(&[path, separator, name].concat()).ok()?;
    }
    matches!(FileType::from_raw_mode(stat.st_mode), FileType::RegularFile | FileType::Directory).then_some(stat)
}

fn title(shown_at: &str, path: &[u8]) -> String {
    let separator = if path.is_empty() { "" } else { "/" };
    format!("{}/{}{separator}", percent_decode_str(shown_at).decode_utf8_lossy(), String::from_utf8_lossy(path))
}

/// As a person sorts: letters whatever their case, numbers by value; names that are equal so, by their bytes.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (Some(l), Some(r)) = (left.chars().next(), right.chars().next()) else {
            return left.len().cmp(&right.len()).then_with(|| a.cmp(b));
        };
        let order = if l.is_ascii_digit() && r.is_ascii_digit() {
            let (l, r) = (digits(&mut left), digits(&mut right));
            l.len().cmp(&r.len()).then_with(|| l.cmp(r))
        } else {
            left = &left[l.len_utf8()..];
            right = &right[r.len_utf8()..];
            l.to_lowercase().cmp(r.to_lowercase())
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Takes the number at the front, without leading zeros: a longer one is larger.
fn digits<'t>(text: &mut &'t str) -> &'t str {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    *text = rest;
    number.trim_start_matches('0')
}

/// A size as a person says it, in powers of 1024.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // In tenths, so that 1023.96 KiB is said as 1.0 MiB.
    let (mut tenths, mut unit) = ((u128::from(bytes) * 10 + 512) / 1024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths = (tenths + 512) / 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A time in UTC, to the minute; empty where no calendar has it.
fn date(modified: Modified) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]");
    OffsetDateTime::from_unix_timestamp(modified.seconds)
        .ok()
        .and_then(|time| time.format(&format).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_as_a_person_sorts() {
        let mut names = ["b10", "B2", "a", "b02", "b2", "C", "ä", "b", "", "b2a"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["", "a", "b", "B2", "b02", "b2", "b2a", "b10", "C", "ä"]);
    }

    #[test]
    fn sizes_are_said_shortly() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1024), "1.0 KiB");
        assert_eq!(size(1_048_575), "1.0 MiB");
        assert_eq!(size(52_428_800), "50.0 MiB");
        assert_eq!(size(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn dates_are_to_the_minute_and_never_fail() {
        let at = |seconds| date(Modified { seconds, nanoseconds: 0 });
        assert_eq!(at(0), "1970-01-01 00:00");
        assert_eq!(at(-1), "1969-12-31 23:59");
        assert_eq!(at(i64::MAX), "");
    }
}
