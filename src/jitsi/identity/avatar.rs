//! Copies of people's pictures, under addresses that nobody guesses.
//!
//! A picture at Mattermost needs a session, and the meeting's page has none
//! (`server/channels/api4/user.go`, `getProfileImage`). A copy needs none: who knows its
//! address may look. The address is an HMAC of the user's id and of the picture's time, so
//! it tells nothing of them, leads to no second picture, and is another one once the
//! picture changes; the copy of the old one goes then.
//!
//! It keeps pictures alone, known by their first bytes: no SVG, which can carry script, no
//! HTML. It keeps few and small ones, in memory, and forgets what was longest not looked at.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use thiserror::Error;

use crate::error::RequestError;
use crate::secret::Secret;

use super::mattermost::{self, Front};
use super::{Person, name};

/// Largest picture. Mattermost makes them 128 by 128 pixels of PNG, which come to 50 KiB where nothing in them
/// repeats.
pub const LARGEST: usize = 128 * 1024;

/// Most pictures: with the largest of them 64 MiB; with usual ones 10.
pub const MOST: usize = 512;

/// Keeps the use of the key apart from others that one key may have.
const PURPOSE: &[u8] = b"gatepost avatar\0";

/// The copies of one launcher, for all its workers: a lock is held for a look into a map.
pub struct Copies {
    key: hmac::Key,
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    by_segment: HashMap<String, Held>,
    /// Goes up with each look, so that the longest unseen has the smallest number.
    looks: u64,
}

struct Held {
    picture: Bytes,
    kind: &'static str,
    owner: String,
    seen: u64,
}

/// Why there is no copy of somebody's picture.
#[derive(Debug, Error)]
pub enum PictureError {
    /// Mattermost could not be asked, or sent more than is taken.
    #[error("Mattermost could not be asked for a picture")]
    Unasked(#[from] RequestError),
    /// It has none, or not for this session.
    #[error("asked for a picture, Mattermost answered with {0}")]
    Refused(StatusCode),
    /// More than [`LARGEST`] bytes.
    #[error("a picture of {0} bytes is larger than the {LARGEST} that are taken")]
    TooLarge(usize),
    /// Neither PNG nor JPEG, GIF or WebP.
    #[error("what Mattermost sent for a picture is none that browsers show without risk")]
    NoPicture,
    /// The person's id is none of Mattermost's.
    #[error("nobody has this id")]
    Nobody,
}

impl Copies {
    /// None yet. `key` makes the addresses: a new one makes all of them new.
    pub fn new(key: hmac::Key) -> Self {
        Self { key, shelf: Mutex::default() }
    }

    /// The path segment of a person's picture, whether there is a copy or not: 43 letters of base64url.
    pub fn address(&self, person: &Person) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(PURPOSE);
        context.update(&person.picture.unwrap_or(0).to_be_bytes());
        context.update(person.id.as_bytes());
        URL_SAFE_NO_PAD.encode(context.sign().as_ref())
    }

    /// The same, once there is a copy: fetched with the person's own session where there was none.
    ///
    /// # Errors
    /// Says why there is none; a meeting needs none.
    pub async fn fetch_if_absent(
        &self,
        person: &Person,
        session: &Secret<String>,
        front: Front<'_>,
        send: impl AsyncFn(Request<()>) -> Result<Response<Bytes>, RequestError>,
    ) -> Result<String, PictureError> {
        let segment = self.address(person);
        if self.get(&segment).is_some() {
            return Ok(segment);
        }
        let id = name::id(&person.id).ok_or(PictureError::Nobody)?;
        // The time keeps what lies between from giving out an older one.
        let path = format!("{}/api/v4/users/{id}/image?_={}", front.below, person.picture.unwrap_or(0));
        let answer = send(mattermost::question(&path, "image/*", session, front)?).await?;
        if answer.status() != StatusCode::OK {
            return Err(PictureError::Refused(answer.status()));
        }
        let picture = answer.into_body();
        if picture.len() > LARGEST {
            return Err(PictureError::TooLarge(picture.len()));
        }
        let kind = kind(&picture).ok_or(PictureError::NoPicture)?;
        self.lock().put(segment.clone(), Held { picture, kind, owner: id, seen: 0 });
        Ok(segment)
    }

    /// The copy at a path segment, and its media type.
    pub fn get(&self, segment: &str) -> Option<(Bytes, &'static str)> {
        let mut shelf = self.lock();
        shelf.looks += 1;
        let looks = shelf.looks;
        let held = shelf.by_segment.get_mut(segment)?;
        held.seen = looks;
        Some((held.picture.clone(), held.kind))
    }

    /// A panic elsewhere leaves no half of a copy.
    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copies").field("held", &self.lock().by_segment.len()).finish_non_exhaustive()
    }
}

impl Shelf {
    fn put(&mut self, segment: String, held: Held) {
        self.by_segment.retain(|_, other| other.owner != held.owner);
        if self.by_segment.len() >= MOST {
            // A walk over 512 entries, as rare as a new picture.
            let unseen = self.by_segment.iter().min_by_key(|(_, held)| held.seen).map(|(segment, _)| segment.clone());
            if let Some(unseen) = unseen {
                self.by_segment.remove(&unseen);
            }
        }
        self.looks += 1;
        self.by_segment.insert(segment, Held { seen: self.looks, ..held });
    }
}

/// The media type of a picture by its first bytes: what Mattermost calls `image/png` need not be one.
pub fn kind(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some("image/png"),
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
