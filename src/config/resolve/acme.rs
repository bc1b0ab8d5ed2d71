//! `[acme]`: which CA, how it is shown that a name is ours, where what it gives is kept.

use serde_spanned::Spanned;

use crate::config::file::{self, Challenge};
use crate::config::finding::{Finding, Place};
use crate::config::model::{Acme, AcmeChallenge, AcmeDirectory, ExternalAccount, Server, Site};
use crate::config::shape;
use crate::route::path::PathPrefix;

use super::{Gather, secret};

/// The names that `directory` knows.
const DIRECTORIES: [&str; 2] = ["letsencrypt", "letsencrypt-staging"];

/// `None` where it is not wanted or can do nothing. `certificates` says whether the file has a `[[certificate]]`:
/// then only who reads those knows which hosts are left.
pub(super) fn resolve(
    table: Option<Spanned<file::Acme>>,
    server: &Server,
    sites: &[Site],
    certificates: bool,
    gather: &mut Gather<'_>,
) -> Option<Acme> {
    let table = table?;
    let place = Place::from(&table);
    let span = table.span();
    let file = table.into_inner();
    let acme = Acme {
        email: file.email.as_ref().and_then(|email| address(email, gather)),
        directory: directory(file.directory.as_ref(), gather),
        directory_roots: file.directory_roots.as_ref().map(|roots| gather.path(roots)),
        trusted_roots: file.trusted_roots.as_ref().map(|roots| gather.path(roots)),
        challenge: challenge(&file, &span, server, gather),
        storage: match &file.storage {
            Some(storage) => gather.path(storage),
            None => server.state.join("acme"),
        },
        profile: file.profile.as_ref().and_then(|profile| self::profile(profile, gather)),
        external_account: external_account(&file, gather),
        place: place.clone(),
    };
    if server.https.is_empty() {
        gather.warning_mend(place, "[acme] has no effect: https is off, so nothing needs a certificate", "remove it");
        return None;
    }
    if acme.challenge == AcmeChallenge::Http01 && server.acme_webroot.is_none() {
        shadowed_routes(sites, gather);
    }
    if !certificates {
        let hosts = sites.iter().flat_map(|site| site.hosts.iter().map(move |host| (site, host)));
        let findings: Vec<Finding> = hosts.filter_map(|(site, host)| acme.refusal(host, &site.place)).collect();
        gather.findings.extend(findings);
    }
    Some(acme)
}

/// As `acme_webroot` does, http-01 answers ahead of routes.
fn shadowed_routes(sites: &[Site], gather: &mut Gather<'_>) {
    let Ok(challenge) = PathPrefix::parse("/.well-known/acme-challenge/") else { return };
    for route in sites.iter().flat_map(|site| &site.routes) {
        if challenge.strip(route.path.as_str()).is_some() {
            gather.warning_mend(
                route.place.clone(),
                format!("the route {} has no effect: [acme] answers there, ahead of routes", route.path),
                "remove it",
            );
        }
    }
}

fn address(given: &Spanned<String>, gather: &mut Gather<'_>) -> Option<String> {
    let text = given.get_ref().strip_prefix("mailto:").unwrap_or(given.get_ref());
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic() && !b"@,<>\"".contains(&b));
    match text.split_once('@') {
        Some((user, host)) if plain(user) && plain(host) && host.contains('.') => Some(text.to_owned()),
        _ => {
            gather.fatal_mend(
                given,
                format!("`email` is \"{}\", which is no e-mail address", given.get_ref().escape_debug()),
                "write one address, like \"hostmaster@site.com\", or leave it out",
            );
            None
        }
    }
}

fn directory(given: Option<&Spanned<String>>, gather: &mut Gather<'_>) -> AcmeDirectory {
    let Some(given) = given else { return AcmeDirectory::LetsEncrypt };
    let text = given.get_ref();
    let wrong = match text.as_str() {
        "letsencrypt" => return AcmeDirectory::LetsEncrypt,
        "letsencrypt-staging" => return AcmeDirectory::LetsEncryptStaging,
        url if url.starts_with("http://") => {
            // RFC 8555 section 6.1.
            ("ACME is spoken over https alone".to_owned(), format!("write \"https{}\"", &url["http".len()..]))
        }
        url => match url.parse::<http::Uri>() {
            Ok(uri) if uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty()) => {
                return match [AcmeDirectory::LetsEncrypt, AcmeDirectory::LetsEncryptStaging]
                    .into_iter()
                    .find(|known| known.url() == url)
                {
                    Some(known) => known,
                    None => AcmeDirectory::Url(url.to_owned()),
                };
            }
            _ => (
                format!("`directory` does not know \"{}\"", url.escape_debug()),
                format!(
                    "{}; or write the https address of a CA's directory",
                    shape::nearest_or_all(url, &DIRECTORIES).trim_end_matches('?')
                ),
            ),
        },
    };
    gather.fatal_mend(given, wrong.0, wrong.1);
    AcmeDirectory::LetsEncrypt
}

fn challenge(
    file: &file::Acme,
    table: &std::ops::Range<usize>,
    server: &Server,
    gather: &mut Gather<'_>,
) -> AcmeChallenge {
    let wanted = file.challenge.as_ref().map_or(Challenge::Http01, |challenge| *challenge.get_ref());
    if wanted != Challenge::Dns01 {
        for (key, given) in [("dns_hook", &file.dns_hook), ("dns_cleanup_hook", &file.dns_cleanup_hook)] {
            if let Some(given) = given {
                gather.no_effect(given, key, "it belongs to challenge = \"dns-01\"");
            }
        }
    }
    match wanted {
        Challenge::Http01 => {
            if server.http.is_empty() && !server.https.is_empty() {
                let place = file.challenge.as_ref().map_or_else(|| Place(table.clone()), Place::from);
                let what = "http-01 is asked for over plain HTTP on port 80, which is off";
                gather.findings.push(
                    Finding::fault(place, what)
                        .mend("let `http` of [server] listen on port 80, or write challenge = \"tls-alpn-01\""),
                );
            }
            AcmeChallenge::Http01
        }
        Challenge::TlsAlpn01 => AcmeChallenge::TlsAlpn01,
        Challenge::Dns01 => {
            if file.dns_hook.is_none() {
                gather.missing(
                    table,
                    "challenge = \"dns-01\" has no `dns_hook`",
                    "name the command that sets the TXT record, in the form of certbot's --manual-auth-hook",
                );
            }
            AcmeChallenge::Dns01 {
                hook: file.dns_hook.as_ref().and_then(|hook| command("dns_hook", hook, gather)).unwrap_or_default(),
                cleanup: file.dns_cleanup_hook.as_ref().and_then(|hook| command("dns_cleanup_hook", hook, gather)),
            }
        }
    }
}

fn command(key: &str, given: &Spanned<String>, gather: &mut Gather<'_>) -> Option<String> {
    let text = given.get_ref();
    if text.trim().is_empty() || text.contains('\0') {
        gather.fatal_mend(given, format!("`{key}` is no command"), "write it as you would in a shell");
        return None;
    }
    Some(text.clone())
}

/// It goes into an order as it stands; no CA has one with other characters.
fn profile(given: &Spanned<String>, gather: &mut Gather<'_>) -> Option<String> {
    let text = given.get_ref();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if text.is_empty() || !text.bytes().all(plain) {
        gather.fatal_mend(
            given,
            format!("`profile` is \"{}\", which no profile is called", text.escape_debug()),
            "write a name that the CA's directory lists; Let's Encrypt has classic, tlsserver and shortlived",
        );
        return None;
    }
    Some(text.clone())
}

fn external_account(file: &file::Acme, gather: &mut Gather<'_>) -> Option<ExternalAccount> {
    let (key_id, hmac_key) = match (&file.eab_key_id, &file.eab_hmac_key) {
        (None, None) => return None,
        (Some(key_id), Some(hmac_key)) => (key_id, hmac_key),
        (Some(id), None) => {
            gather.fatal_mend(id, "`eab_key_id` stands without `eab_hmac_key`", "copy both from the CA's account page");
            return None;
        }
        (None, Some(key)) => {
            gather.fatal_mend(
                Place::from(key),
                "`eab_hmac_key` stands without `eab_key_id`",
                "copy both from the CA's account page",
            );
            return None;
        }
    };
    let hmac_key = secret::resolve(hmac_key, gather)?;
    Some(ExternalAccount { key_id: key_id.get_ref().clone(), hmac_key })
}
