//! `gatepost explain URL`: which site, route and handler would answer, and why.
//!
//! It routes by the very tables that serving uses, and asks nobody: no file of a
//! website is looked at, no upstream is spoken to. What only a request's other
//! parts decide (method, cookies, body) it says in words.

mod access;
mod answer;
mod text;
mod url;

use std::io::Write;

use clap::Args;
use serde::Serialize;
use serde::ser::Serializer;

use crate::config::finding::Place;
use crate::config::model::{Config, Route, Site};
use crate::config::source::Source;
use crate::route::path::{PathPrefix, decode_unreserved};
use crate::route::table::{By, Routed, Routes, Table};

use super::{ConfigFile, Failure, Status};
use url::Asked;

pub(super) const AFTER_HELP: &str = "\
Examples:
  gatepost explain https://mattermost.site.com/jitsi/Room
  gatepost explain http://site.com/.well-known/acme-challenge/x
  gatepost explain --json https://site.com/ | jq .route";

/// `gatepost explain …`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// The address that a client would ask for, like https://site.com/jitsi/Room
    url: String,
    /// Write JSON for a script
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Status, Failure> {
    let asked = Asked::parse(&arguments.url).map_err(|why| Failure::Usage(format!("\"{}\" {why}", arguments.url)))?;
    let (config, parsed) = arguments.config.load()?;
    let explanation = explain(&asked, &config, &parsed.source);
    match arguments.json {
        true => {
            serde_json::to_writer_pretty(&mut *out, &explanation).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        false => text::write(&explanation, out)?,
    }
    Ok(Status::Fine)
}

/// What would become of a request.
#[derive(Debug, Serialize)]
struct Explanation {
    url: String,
    /// The site that has the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<Found>,
    /// The route that takes the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<Found>,
    /// Sites and routes that would take it, too, were it not for those.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shadowed: Vec<Found>,
    #[serde(flatten)]
    answer: Answered,
    /// What else is worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// What becomes of the request that a redirect leads to, where it comes back here.
    #[serde(skip_serializing_if = "Option::is_none")]
    then: Option<Box<Explanation>>,
}

/// A site or a route, and why it is the one or not.
#[derive(Debug, Serialize)]
struct Found {
    name: String,
    why: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

/// Who answers, and what.
#[derive(Debug, Serialize)]
struct Answered {
    /// `website`, `proxy`, `launcher`, `redirect`, `respond`, `challenge` or `refused`.
    handler: &'static str,
    /// Where it is certain.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// One sentence.
    answer: String,
    /// Names and values: limits, header rules and the like.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    details: Vec<(&'static str, String)>,
}

fn as_map<S: Serializer>(details: &[(&'static str, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(details.iter().map(|(name, value)| (name, value)))
}

impl Answered {
    fn new(handler: &'static str, status: Option<u16>, answer: impl Into<String>) -> Self {
        Self { handler, status, answer: answer.into(), details: Vec::new() }
    }
}

fn explain(asked: &Asked, config: &Config, source: &Source) -> Explanation {
    let table = Table::new(
        config.sites.iter().map(|site| (site.hosts.clone(), site)),
        config.sites.iter().position(|site| site.default),
    );
    let mut explanation = Explanation {
        url: asked.to_string(),
        site: None,
        route: None,
        shadowed: Vec::new(),
        answer: Answered::new("refused", None, ""),
        notes: notes(asked, config),
        then: None,
    };
    let Some((&site, by)) = table.find(&asked.authority.host) else {
        explanation.answer = match asked.tls {
            true => Answered::new("refused", Some(421), "421: no site has this host (over http it would be 404)"),
            false => Answered::new("refused", Some(404), "404: no site has this host (over https it would be 421)"),
        };
        return explanation;
    };
    let host = &asked.authority.host;
    explanation.site = Some(Found { name: site_name(site), why: reason(by), place: place(&site.place, source) });
    for other in config.sites.iter().filter(|other| !std::ptr::eq(*other, site)) {
        let why = match other.hosts.iter().any(|pattern| pattern.takes(host)) {
            true => "has a wildcard that takes the host, too; the exact name wins",
            false if other.default => "is the default site, for hosts that no site has",
            false => continue,
        };
        explanation.shadowed.push(Found { name: site_name(other), why, place: place(&other.place, source) });
    }
    if by != By::Default
        && let Some(challenge) = answer::challenge(asked, config)
    {
        explanation.answer = challenge;
        return explanation;
    }
    let redirects = !asked.tls && site.redirect_http;
    if redirects && by == By::Default {
        let why =
            "404: only the default site takes this host, and no redirect is made of a name that the file does not have";
        explanation.answer = Answered::new("refused", Some(404), why);
        return explanation;
    }
    if redirects {
        let to = asked.over_https(config.server.public_https_port);
        explanation.answer = answer::to_https(&to);
        if !config.server.trusted_proxies.is_empty() {
            let note =
                "where a trusted proxy says X-Forwarded-Proto: https, it is not redirected but answered as below";
            explanation.notes.push(note.into());
        }
        explanation.then = Some(Box::new(explain(&to, config, source)));
        return explanation;
    }
    route(asked, site, source, &mut explanation);
    if explanation.route.is_some() {
        explanation.answer.details.extend(answer::limits(&config.limits));
    }
    if let (true, Some(age)) = (asked.tls, site.hsts) {
        let value = format!("max-age={}", age.as_secs());
        explanation.answer.details.push(("Strict-Transport-Security", value));
    }
    explanation
}

fn route(asked: &Asked, site: &Site, source: &Source, explanation: &mut Explanation) {
    let routes = Routes::new(site.routes.iter().map(|route| (route.path.clone(), route)));
    let path = decode_unreserved(&asked.path);
    match routes.find(&path) {
        Routed::Nowhere => {
            explanation.answer = Answered::new("refused", Some(404), "404: no route of this site takes this path");
        }
        Routed::Unclear => {
            let why = "400: dot segments or backslashes would make another route out of this path";
            explanation.answer = Answered::new("refused", Some(400), why);
        }
        Routed::To(prefix, rest, &route) => {
            explanation.route = Some(found(prefix, route, "is the longest path that takes it", source));
            let shorter = routes.iter().filter(|(other, _)| other != prefix && other.strip(&path).is_some());
            explanation.shadowed.extend(
                shorter.map(|(prefix, route)| found(prefix, route, "takes it, too; the longer path wins", source)),
            );
            explanation.answer = answer::of(&route.answer, asked, prefix, rest);
            access::rules(&route.access, &mut explanation.answer.details);
            if let Some(wanted) = &site.security_headers {
                access::headers(wanted, &mut explanation.answer.details);
            }
            if let Some(meant) = answer::meant(&route.answer, site, &path) {
                explanation.notes.push(format!(
                    "a browser gets 404 with the question whether {meant} was meant, since Mattermost has no such page"
                ));
            }
        }
    }
}

fn found(prefix: &PathPrefix, route: &Route, why: &'static str, source: &Source) -> Found {
    let name = format!("{prefix} ({})", answer::in_short(&route.answer));
    Found { name, why, place: place(&route.place, source) }
}

fn site_name(site: &Site) -> String {
    let names: Vec<_> = site.hosts.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [] => "the default site".into(),
        names => names.join(", "),
    }
}

fn reason(by: By) -> &'static str {
    match by {
        By::Name => "has this very name",
        By::Wildcard => "has a wildcard that takes the host, and no site has its exact name",
        By::Default => "is the default site, and no site has the host",
    }
}

/// `gatepost.toml:12`.
fn place(place: &Place, source: &Source) -> Option<String> {
    let (line, _) = source.position(place)?;
    Some(format!("{}:{line}", source.path.display()))
}

/// Whether anybody listens where the address says.
fn notes(asked: &Asked, config: &Config) -> Vec<String> {
    let (listens, scheme) = match asked.tls {
        true => (&config.server.https, "https"),
        false => (&config.server.http, "http"),
    };
    let port = asked.port();
    let known = listens.iter().any(|address| address.port() == port)
        || (asked.tls && !listens.is_empty() && port == config.server.public_https_port);
    match (listens.is_empty(), known) {
        (true, _) => vec![format!("nothing listens for {scheme}: no such request arrives")],
        (false, true) => Vec::new(),
        (false, false) => {
            let ports: Vec<_> = listens.iter().map(|address| address.port().to_string()).collect();
            vec![format!(
                "{scheme} is on port {}, so a request to port {port} arrives only if a router maps it",
                ports.join(", ")
            )]
        }
    }
}

#[cfg(test)]
mod tests;
