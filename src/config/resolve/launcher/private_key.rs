//! `private_key`: a path, or the name of a variable; never the key itself.

use serde_spanned::Spanned;

use crate::config::file::{self, SecretSource};
use crate::config::finding::Place;
use crate::config::model::PemSource;
use crate::config::resolve::{Gather, secret};

/// Where the PEM text comes from; findings where it comes from nowhere, or was pasted into the file.
pub(super) fn resolve(
    given: &Spanned<SecretSource>,
    table: &Spanned<file::Launcher>,
    gather: &mut Gather<'_>,
) -> Option<PemSource> {
    let place = Place::from(given);
    match given.get_ref() {
        SecretSource::Text(text) if is_key_text(text) => {
            gather.fatal_mend(
                table,
                "`private_key` holds the key itself",
                "put the key into a file of mode 0600 and write its path, or { env = \"…\" }",
            );
            None
        }
        SecretSource::Text(path) | SecretSource::File(path) => Some(PemSource::File(gather.path_at(path, place))),
        SecretSource::Env(name) => secret::variable(name, place, gather).map(PemSource::Text),
    }
}

/// Whether this is the key and no path to it, BEGIN line or not; then it is shown nowhere.
fn is_key_text(text: &str) -> bool {
    // What base64 makes of the head of any RSA key; it has slashes, too, and would pass for a path.
    let der = text.len() > 200 && text.starts_with("MII");
    text.contains("-----BEGIN ") || text.contains('\n') || der
}
