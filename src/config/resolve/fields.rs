//! `request_headers` and `response_headers`: fields that a route sets or removes.
//!
//! Fields that frame the message or that the proxy itself vouches for are
//! refused: setting them would either do nothing or break what they stand for.

use std::collections::BTreeMap;

use http::header::{self, HeaderName, HeaderValue};
use serde_spanned::Spanned;

use crate::config::finding::Finding;

use super::Gather;

type Table = Spanned<BTreeMap<Spanned<String>, Spanned<String>>>;
type Fields = Vec<(HeaderName, Option<HeaderValue>)>;

/// Which way the fields go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Towards {
    Upstream,
    Client,
}

pub(super) fn resolve(table: Option<&Table>, towards: Towards, gather: &mut Gather<'_>) -> Fields {
    let mut fields = Fields::new();
    let mut places: Vec<&Spanned<String>> = Vec::new();
    for (key, value) in table.map(Spanned::get_ref).into_iter().flatten() {
        let Ok(name) = HeaderName::try_from(key.get_ref().as_str()) else {
            gather.fatal(key, format!("\"{}\" is not the name of a header field", key.get_ref()));
            continue;
        };
        if let Some((why, mend)) = refused(&name, towards) {
            gather.fatal_mend(key, format!("`{}` {why}", key.get_ref()), mend);
            continue;
        }
        if let Some(first) = fields.iter().position(|(other, _)| *other == name) {
            let finding = Finding::fatal(key, format!("`{name}` is set twice: case makes no difference"));
            gather.findings.push(finding.also(places[first], "first here"));
            continue;
        }
        let value = match value.get_ref().trim() {
            "" => None,
            text => match HeaderValue::from_str(text) {
                Ok(value) => Some(value),
                Err(_) => {
                    gather.fatal_mend(
                        key,
                        format!("the value of `{name}` has a character that no header field has"),
                        "write it in visible ASCII, without line breaks",
                    );
                    continue;
                }
            },
        };
        fields.push((name, value));
        places.push(key);
    }
    fields
}

/// Why a field may not be set, and what to do instead.
fn refused(name: &HeaderName, towards: Towards) -> Option<(&'static str, &'static str)> {
    const MANAGED: [&str; 6] =
        ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip", "forwarded"];
    // RFC 9110 section 7.6.1, with the ones that people send although no standard has them.
    const HOP_BY_HOP: [&str; 9] = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    if HOP_BY_HOP.contains(&name.as_str()) || name == "http2-settings" {
        return Some(("belongs to one connection; gatepost writes it itself", "remove it"));
    }
    if name == header::CONTENT_LENGTH {
        return Some(("frames the message; gatepost writes it itself", "remove it"));
    }
    match towards {
        Towards::Upstream if name == header::HOST => {
            Some(("is not set here", "write `host = \"…\"` in the route in its place"))
        }
        Towards::Upstream if name == header::EXPECT => Some(("is between client and gatepost", "remove it")),
        Towards::Upstream if MANAGED.contains(&name.as_str()) => Some((
            "is what gatepost vouches for; it writes it itself",
            "remove it; to believe a proxy in front, name it in `trusted_proxies` of [server]",
        )),
        _ => None,
    }
}
