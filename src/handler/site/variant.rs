//! Which form of a file a client gets: as it is, a compressed sibling, or compressed as it is sent.

use std::time::SystemTime;

use http::header::{self, HeaderMap, HeaderValue};

use super::allow::{Opened, Refused, Tree};
use super::encoding::{Accepted, Coding};
use super::file::File;
use super::media::{Media, Squeeze};
use super::shelf;

/// Below this a coding saves nothing: the answer fits into one packet with its head or without.
pub(super) const WORTH_COMPRESSING: u64 = 1024;

/// One form of a file, as it will be sent.
pub(super) struct Variant {
    pub(super) file: File,
    pub(super) media: Media,
    /// How `file` is coded already.
    pub(super) stored: Option<Coding>,
    /// How it is coded as it is sent.
    pub(super) sent: Option<Coding>,
}

/// What identifies the form's state.
pub(super) struct State {
    /// As in `ETag`, quotes and all.
    pub(super) tag: HeaderValue,
    /// As in `Last-Modified`.
    pub(super) modified: Option<SystemTime>,
}

impl Variant {
    /// A compressed sibling that is as new as the file; else the file itself, compressed as it is sent where that helps.
    pub(super) async fn choose(tree: &Tree, path: &[u8], file: File, asked: &HeaderMap, ranged: bool) -> Self {
        let media = file.as_kept().map_or_else(|| Media::of(path), |kept| kept.media);
        let plain = |file| Self { file, media, stored: None, sent: None };
        let squeeze = media.squeeze();
        let accepted = Accepted::of(asked);
        if squeeze == Squeeze::Never && accepted.takes_identity() {
            return plain(file);
        }
        if let Some((file, coding)) = sibling(tree, path, &file, accepted).await {
            return Self { file, media, stored: Some(coding), sent: None };
        }
        let worth = squeeze == Squeeze::Well && file.size() > WORTH_COMPRESSING;
        if !ranged && (worth || !accepted.takes_identity()) {
            return Self { sent: accepted.codings().next(), ..plain(file) };
        }
        plain(file)
    }

    /// Strong for bytes that are stored, weak for bytes that are made: an encoder may make them otherwise next time.
    pub(super) fn state(&self) -> State {
        if let (Some(kept), None, None) = (self.file.as_kept(), self.stored, self.sent) {
            return State { tag: kept.tag.clone(), modified: kept.modified.as_ref().map(|(time, _)| *time) };
        }
        let modified = self.file.modified();
        let tag = modified.tag(self.file.size(), self.stored, self.sent);
        State { tag, modified: modified.at_most(SystemTime::now()) }
    }

    /// The fields that a 304 has too (RFC 9110 section 15.4.5).
    pub(super) fn describe_state(&self, state: &State, fields: &mut HeaderMap) {
        fields.insert(header::ETAG, state.tag.clone());
        let kept = self.file.as_kept().and_then(|kept| kept.modified.as_ref());
        let modified = match (kept, state.modified) {
            (Some((_, field)), _) => Some(field.clone()),
            (None, Some(time)) => HeaderValue::try_from(httpdate::fmt_http_date(time)).ok(),
            (None, None) => None,
        };
        if let Some(modified) = modified {
            fields.insert(header::LAST_MODIFIED, modified);
        }
        if self.media.squeeze() != Squeeze::Never {
            fields.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
    }

    /// The fields that say what the bytes are.
    pub(super) fn describe_content(&self, fields: &mut HeaderMap) {
        let content_type = match (self.file.as_kept(), self.stored) {
            (Some(kept), None) => kept.content_type.clone(),
            _ => self.media.content_type(),
        };
        fields.insert(header::CONTENT_TYPE, content_type);
        fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(coding) = self.stored.or(self.sent) {
            fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        if self.sent.is_none() {
            fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
    }
}

/// A compressed sibling that the client takes and that is as new as the file.
///
/// Where the file is kept, so is that it has none: one look at its folder's state then stands for all of them.
async fn sibling(tree: &Tree, path: &[u8], file: &File, accepted: Accepted) -> Option<(File, Coding)> {
    let mut codings = accepted.codings().peekable();
    codings.peek()?;
    let kept = file.as_kept();
    let folder = kept.and_then(|_| shelf::folder(tree.root(), path));
    for coding in codings {
        if kept.is_some_and(|kept| kept.lacks(coding, folder)) {
            continue;
        }
        match tree.open(&[path, coding.suffix().as_bytes()].concat()).await {
            Ok(Opened::File(sibling)) if sibling.modified() >= file.modified() => return Some((sibling, coding)),
            Err(Refused::NotFound) => {
                if let Some(kept) = kept {
                    kept.note_lack(coding, folder);
                }
            }
            _ => {}
        }
    }
    None
}
