//! `server`: where a launcher's meetings are.

use serde_spanned::Spanned;

use crate::config::model::UpstreamAddress;
use crate::config::resolve::{Gather, address};

/// The address, with a warning where whoever stands between can read the tokens.
pub(super) fn resolve(given: &Spanned<String>, gather: &mut Gather<'_>) -> Option<UpstreamAddress> {
    let text = given.get_ref();
    // An upstream's mends are no help here: it may well be plain HTTP, and has other keys for its paths.
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let what = match (scheme, path) {
        ("", _) => Some("has no scheme"),
        (_, "" | "/") => None,
        _ => Some("has a path, and rooms come right behind the host"),
    };
    if let Some(what) = what {
        let what = format!("the address \"{}\" {what}", text.escape_debug());
        gather.fatal_mend(given, what, format!("write \"https://{}\"", host.escape_debug()));
        return None;
    }
    let address = address::origin_of(given, gather)?;
    if !address.tls {
        gather.warning_mend(
            given,
            "the meeting server is spoken to without TLS: tokens can be read on the way",
            "write https://",
        );
    }
    Some(address)
}
