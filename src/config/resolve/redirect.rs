//! `redirect`: where to, and with which status.

use http::{StatusCode, Uri};
use serde_spanned::Spanned;

use crate::config::defaults;
use crate::config::file;
use crate::config::model::{Redirect, RedirectTarget};
use crate::route::host::Authority;

use super::Gather;

/// Where the request's path and query go in a target.
const PATH: &str = "{path}";

pub(super) fn resolve(target: &Spanned<String>, file: &file::Route, gather: &mut Gather<'_>) -> Option<Redirect> {
    let status = file.status.as_ref().and_then(|status| match status.get_ref() {
        code @ (301 | 302 | 303 | 307 | 308) => u16::try_from(*code).ok(),
        other => {
            let what = format!("{other} is not the status of a redirect");
            gather.fatal_mend(status, what, "write 308 or 301 for good, 307 or 302 for now");
            None
        }
    });
    let status = StatusCode::from_u16(status.unwrap_or(defaults::REDIRECT_STATUS)).ok()?;
    match parse(target.get_ref()) {
        Ok(parsed) => {
            if let RedirectTarget::Fixed(text) = &parsed
                && let Some((_, rest)) = text.split_once("://")
                && let Some(authority) = rest.strip_suffix('/')
                && !authority.contains('/')
            {
                gather.warning_mend(
                    target,
                    format!("every path is led to the front page of {authority}"),
                    format!("to keep path and query, leave the last slash out: \"{}\"", text.trim_end_matches('/')),
                );
            }
            Some(Redirect { target: parsed, status })
        }
        Err((why, mend)) => {
            gather.fatal_mend(target, format!("the redirect's target {why}"), mend);
            None
        }
    }
}

fn parse(text: &str) -> Result<RedirectTarget, (String, String)> {
    let wrong = |why: &str, mend: &str| Err((why.to_owned(), mend.to_owned()));
    let without_path = text.replacen(PATH, "", 1);
    if without_path.contains(PATH) {
        return wrong("has {path} more than once", "write it once");
    }
    if without_path.contains(['{', '}', '$', '%']) && has_variable(&without_path) {
        return wrong(
            "has a variable that is not known",
            "only {path} is, which stands for path and query; a bare origin like \"https://site.com\" keeps both",
        );
    }
    let shown = text.replacen(PATH, "path", 1);
    if !text.is_ascii() {
        return wrong("has a character that is not ASCII", "write hosts in their xn-- form, paths percent-encoded");
    }
    if shown.parse::<Uri>().is_err() || shown.contains(['<', '>', '"', '\\', '^', '`', '|']) {
        return wrong(
            "is not an address",
            "write it like \"https://site.com\", \"https://site.com/new/{path}\" or \"/new\"",
        );
    }
    let scheme_and_rest = text.split_once("://").filter(|(scheme, _)| !scheme.contains('/'));
    let Some((scheme, rest)) = scheme_and_rest else {
        if !text.starts_with('/') || text.starts_with("//") {
            return wrong("has no scheme", "write \"https://…\" in full, or a path that starts with one slash");
        }
        if text.starts_with("/{path}") {
            return wrong("leads to where the request came from", "name another host or another path");
        }
        return Ok(split(text));
    };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return wrong("has a scheme that is neither http nor https", "write https://");
    }
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if authority.contains(PATH) {
        // `https://site.com{path}` would become `https://site.com.evil.example` by a request for `/.evil.example`.
        return wrong("lets the client choose the host", "write a slash before {path}");
    }
    if authority.contains('@') {
        return wrong("has a user name in it", "leave it out: browsers ignore or refuse it");
    }
    Authority::parse(authority)
        .map_err(|error| (format!("has a host that {error}"), "write it like \"https://site.com\"".to_owned()))?;
    match rest.len() == authority.len() {
        true => Ok(RedirectTarget::Origin(text.into())),
        false => Ok(split(text)),
    }
}

fn split(text: &str) -> RedirectTarget {
    match text.split_once(PATH) {
        Some((before, after)) => RedirectTarget::Template(before.into(), after.into()),
        None => RedirectTarget::Fixed(text.into()),
    }
}

/// Braces, nginx's `$host` or Apache's `%{HTTP_HOST}`; `%20` is none of these.
fn has_variable(text: &str) -> bool {
    let dollar = text.split('$').skip(1).any(|after| after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '{'));
    dollar || text.contains(['{', '}'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        parse(text).expect_err(text).0
    }

    #[test]
    fn a_target_is_an_origin_a_template_or_fixed() {
        assert_eq!(parse("https://site.com"), Ok(RedirectTarget::Origin("https://site.com".into())));
        assert_eq!(parse("https://site.com:8443"), Ok(RedirectTarget::Origin("https://site.com:8443".into())));
        let template = RedirectTarget::Template("https://site.com/new/".into(), "#x".into());
        assert_eq!(parse("https://site.com/new/{path}#x"), Ok(template));
        assert_eq!(parse("/new%20page?a=1"), Ok(RedirectTarget::Fixed("/new%20page?a=1".into())));
        assert_eq!(parse("https://site.com/"), Ok(RedirectTarget::Fixed("https://site.com/".into())));
        assert_eq!(parse("/price$"), Ok(RedirectTarget::Fixed("/price$".into())));
    }

    #[test]
    fn the_client_never_chooses_the_host() {
        assert_eq!(why("https://site.com{path}"), "lets the client choose the host");
        assert_eq!(why("https://{path}"), "lets the client choose the host");
        assert_eq!(why("//{path}"), "has no scheme");
        assert_eq!(why("/{path}"), "leads to where the request came from");
        assert_eq!(why("https://%{HTTP_HOST}/{path}"), "has a variable that is not known");
        assert_eq!(why("https://$host$request_uri"), "has a variable that is not known");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert_eq!(why("site.com"), "has no scheme");
        assert_eq!(why("//site.com/x"), "has no scheme");
        assert_eq!(why("https://site.com/a b"), "is not an address");
        assert_eq!(why("ftp://site.com/"), "has a scheme that is neither http nor https");
        assert_eq!(why("https://8×8.vc/x"), "has a character that is not ASCII");
        assert_eq!(why("https://a@site.com"), "has a user name in it");
        assert_eq!(why("/{path}/{path}"), "has {path} more than once");
    }
}
