//! A folder on disk: the website.
//!
//! A request's path becomes a path below the root (`resolve`), that is opened if
//! links and names allow it (`allow`), and what was opened becomes an answer
//! (`reply`, `listing`). The folder's content appears under the route's prefix.
//!
//! It takes GET and HEAD. It never serves what is outside the root unless links
//! may lead there, nor names that begin with a dot but `/.well-known/`, nor
//! anything but regular files and listings.
//!
//! The libraries that serve folders for hyper decide by name what links may do,
//! have no rule for dot files, and read each chunk on another thread; so this is
//! put together from those that each do one thing: `mime_guess`, `headers`,
//! `http-range-header`, `httpdate`, `async-compression`, `rustix`.

mod allow;
mod buffer;
mod compress;
mod condition;
mod encoding;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod laws;
mod listing;
mod media;
mod range;
mod reply;
pub(crate) mod resolve;
mod shelf;
#[cfg(test)]
mod tests;
mod variant;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};

use crate::body::Body;
use crate::config::model;
use crate::error::{Fault, RequestError};

use self::allow::{Opened, Refused, Tree};
use self::file::File;
use self::resolve::{Refusal, Target};
use super::Context;

/// The methods that a website takes.
const METHODS: &str = "GET, HEAD, OPTIONS";

/// One static website.
#[derive(Debug)]
pub struct Site {
    tree: Tree,
    /// Paths relative to a folder, first found first.
    index: Vec<Vec<u8>>,
    listing: bool,
    fallback: Option<Vec<u8>>,
    error_pages: BTreeMap<StatusCode, Vec<u8>>,
}

/// What answers a request.
enum Found {
    File(Vec<u8>, File),
    /// A folder that was asked for without its slash.
    Unslashed,
    /// A folder without index.
    Bare(OwnedFd),
}

impl Site {
    /// A website as configured. Nothing is opened before a request comes, so that the folder may be
    /// replaced at any time.
    pub fn new(website: &model::Website) -> Self {
        Self {
            tree: Tree::new(&website.root, website.symlinks),
            index: website.index.iter().filter_map(|name| resolve::configured(name)).collect(),
            listing: website.listing,
            fallback: website.fallback.as_deref().and_then(resolve::configured),
            error_pages: website
                .error_pages
                .iter()
                .filter_map(|(&status, path)| Some((status, resolve::configured(path)?)))
                .collect(),
        }
    }

    /// Answers one request. Its body is not read.
    ///
    /// # Errors
    /// What the client is to be told where no file answers and no `error_pages` names one for the status.
    pub async fn reply<B>(&self, request: &Request<B>, context: &Context<'_>) -> Result<Response<Body>, RequestError> {
        match self.answer(request, context).await {
            Ok(response) => Ok(response),
            Err(error) => self.error_page(error, request, context).await,
        }
    }

    async fn answer<B>(&self, request: &Request<B>, context: &Context<'_>) -> Result<Response<Body>, RequestError> {
        match *request.method() {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return Ok(options()),
            _ => return Err(RequestError::MethodNotAllowed(METHODS)),
        }
        let target = match Target::parse(context.rest) {
            // The target `*` has no path, and the root of everything no slash that could be missing.
            Ok(target) => Target { folder: target.folder || context.path.len() <= 1, ..target },
            Err(Refusal::Malformed) => return Err(RequestError::Bad("the path is not properly percent-encoded")),
            Err(Refusal::Closed) => return Err(RequestError::NotFound),
            Err(Refusal::NoName) => return self.fallback(request).await,
        };
        match self.find(&target).await {
            Ok(Found::File(path, file)) => self.send(request, &path, file).await,
            Ok(Found::Unslashed) => redirect(context, &target, request.uri().query()),
            Ok(Found::Bare(folder)) if self.listing => {
                let shown_at = context.prefix.as_str();
                let listed = listing::reply(request, &self.tree, folder, target.path.clone(), shown_at).await;
                listed.map_err(|refused| refused.into_request(self.tree.name(&target.path)))
            }
            Ok(Found::Bare(_)) => Err(RequestError::Forbidden),
            Err(Refused::NotFound) => self.fallback(request).await,
            Err(refused) => Err(refused.into_request(self.tree.name(&target.path))),
        }
    }

    async fn find(&self, target: &Target) -> Result<Found, Refused> {
        if !target.folder {
            return match self.tree.open(&target.path).await? {
                Opened::File(file) => Ok(Found::File(target.path.clone(), file)),
                Opened::Folder(_) => Ok(Found::Unslashed),
            };
        }
        for name in &self.index {
            let separator: &[u8] = if target.path.is_empty() { b"" } else { b"/" };
            let path = [&target.path, separator, name].concat();
            match self.tree.open(&path).await {
                Ok(Opened::File(file)) => return Ok(Found::File(path, file)),
                Ok(Opened::Folder(_)) | Err(Refused::NotFound) => {}
                Err(refused) => return Err(refused),
            }
        }
        match self.tree.open(&target.path).await? {
            Opened::Folder(folder) => Ok(Found::Bare(folder)),
            // A file has nothing below it.
            Opened::File(_) => Err(Refused::NotFound),
        }
    }

    async fn send<B>(&self, request: &Request<B>, path: &[u8], file: File) -> Result<Response<Body>, RequestError> {
        let sent = reply::reply(request, &self.tree, path, file).await;
        sent.map_err(|refused| refused.into_request(self.tree.name(path)))
    }

    /// Single-page applications make their own pages for paths that are no files.
    async fn fallback<B>(&self, request: &Request<B>) -> Result<Response<Body>, RequestError> {
        let Some(path) = &self.fallback else { return Err(RequestError::NotFound) };
        match self.tree.open(path).await {
            Ok(Opened::File(file)) => self.send(request, path, file).await,
            Ok(Opened::Folder(_)) => Err(RequestError::NotFound),
            Err(refused) => Err(refused.into_request(self.tree.name(path))),
        }
    }

    /// The configured page for an error's status; the error itself where there is none that can be sent.
    async fn error_page<B>(
        &self,
        error: RequestError,
        request: &Request<B>,
        context: &Context<'_>,
    ) -> Result<Response<Body>, RequestError> {
        let (fault, status, close) = error.judge();
        let Some(path) = self.error_pages.get(&status) else { return Err(error) };
        let Ok(Opened::File(file)) = self.tree.open(path).await else { return Err(error) };
        let Ok(mut response) = reply::page(status, path, file, request.method() != Method::HEAD).await else {
            return Err(error);
        };
        if let RequestError::MethodNotAllowed(methods) = error {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        if close {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if fault == Fault::Us {
            // The border does not see this error any more.
            tracing::error!(request = %context.id, error = &error as &dyn std::error::Error, "sent an error page");
        }
        Ok(response)
    }
}

fn options() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(METHODS));
    response
}

fn redirect(context: &Context<'_>, target: &Target, query: Option<&str>) -> Result<Response<Body>, RequestError> {
    let location = resolve::folder_location(context.prefix, &target.path, query);
    let location = HeaderValue::try_from(location)
        .map_err(|_| RequestError::Bad("the query has a character that no header field can carry"))?;
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    *response.headers_mut() = HeaderMap::from_iter([(header::LOCATION, location)]);
    reply::set_length(&mut response, 0);
    Ok(response)
}
