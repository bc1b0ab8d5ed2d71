//! `http://host:port`: the addresses of upstreams and meeting servers.
//!
//! An address here is an origin: scheme, host, port. A path on it is refused,
//! since it would be a second, hidden way of rewriting.

use serde_spanned::Spanned;

use crate::config::finding::Place;
use crate::config::model::UpstreamAddress;
use crate::route::host::Authority;

use super::Gather;

/// Parses an origin; what is wrong with it becomes a finding.
pub(super) fn origin(text: &str, place: impl Into<Place>, gather: &mut Gather<'_>) -> Option<UpstreamAddress> {
    match parse(text) {
        Ok(address) => Some(address),
        Err((why, mend)) => {
            gather.fatal_mend(place, format!("the address \"{}\" {why}", without_userinfo(text)), mend);
            None
        }
    }
}

/// As [`origin`], of a key's whole value.
pub(super) fn origin_of(value: &Spanned<String>, gather: &mut Gather<'_>) -> Option<UpstreamAddress> {
    origin(value.get_ref(), value, gather)
}

fn parse(text: &str) -> Result<UpstreamAddress, (String, String)> {
    let wrong = |why: &str, mend: String| Err((why.to_owned(), mend));
    let Some((scheme, rest)) = text.split_once("://") else {
        let mend = match text {
            "" => "write it like \"http://192.168.1.123:8065\"".to_owned(),
            text => format!("write \"http://{text}\" or \"https://{text}\""),
        };
        return wrong("has no scheme", mend);
    };
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        "ws" | "wss" => {
            let scheme = if scheme.len() == 2 { "http" } else { "https" };
            let mend = format!("write \"{scheme}://{rest}\": the same route takes HTTP and WebSocket");
            return wrong("is a WebSocket's", mend);
        }
        other => return wrong(&format!("has the unknown scheme \"{other}\""), "write http:// or https://".into()),
    };
    if rest.contains('@') {
        return wrong("has a user name in it", "send credentials with `request_headers`".into());
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if !matches!(path, "" | "/") {
        let mend =
            format!("write \"{scheme}://{authority}\": paths go on as they came, or without `path` by `strip_prefix`");
        return wrong("has a path", mend);
    }
    let authority = Authority::parse(authority)
        .map_err(|error| (error.to_string(), "write it like \"http://192.168.1.123:8065\"".to_owned()))?;
    let port = authority.port.unwrap_or(if tls { 443 } else { 80 });
    let origin = format!("{}://{authority}", if tls { "https" } else { "http" });
    Ok(UpstreamAddress { tls, host: authority.host, port, origin })
}

/// Credentials in an address are refused, and not repeated while refusing.
fn without_userinfo(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}***{}", &text[..scheme + 3], &text[at..]),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_scheme_host_and_port() {
        let address = |text| parse(text).expect(text);
        assert_eq!(address("http://192.168.1.123:8065/").origin, "http://192.168.1.123:8065");
        assert_eq!(address("HTTPS://Chat.Example").port, 443);
        assert_eq!(address("HTTPS://Chat.Example").origin, "https://chat.example");
        assert_eq!(address("http://[::1]").host.as_str(), "[::1]");
    }

    #[test]
    fn what_is_no_origin_says_what_to_write() {
        let mend = |text| parse(text).expect_err(text).1;
        assert_eq!(mend("127.0.0.1:8065"), "write \"http://127.0.0.1:8065\" or \"https://127.0.0.1:8065\"");
        assert_eq!(mend(""), "write it like \"http://192.168.1.123:8065\"");
        // R7: wss:// at Mattermost's plain port.
        assert!(mend("wss://10.0.0.5:8065").starts_with("write \"https://10.0.0.5:8065\""));
        assert!(mend("ws://10.0.0.5:8065").starts_with("write \"http://10.0.0.5:8065\""));
        assert!(mend("http://10.0.0.5:8065/api").starts_with("write \"http://10.0.0.5:8065\""));
        assert!(parse("http://8×8.vc").expect_err("no host").0.contains("not ASCII"));
        assert!(parse("http://").is_err());
        assert!(parse("http://a:70000").is_err());
    }

    #[test]
    fn credentials_are_not_repeated() {
        assert_eq!(without_userinfo("http://anna:pw@host"), "http://***@host");
        assert_eq!(without_userinfo("http://host"), "http://host");
    }
}
