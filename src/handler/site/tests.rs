//! A real folder with real links and pipes, asked as the road asks.

mod content;
mod encodings;
mod errors;
mod kept;
mod links;
mod listings;
mod paths;
mod ranges;

use std::cell::Cell;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::uri::Scheme;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tempfile::TempDir;

use super::Site;
use crate::body::Body;
use crate::config::model::{Symlinks, Website};
use crate::error::{RequestError, Wanted};
use crate::handler::{Context, RequestId};
use crate::route::host::Authority;
use crate::route::path::{PathPrefix, decode_unreserved};

/// A root with a neighbour that must never be seen.
struct Folder {
    top: TempDir,
    website: Website,
}

impl Folder {
    fn new() -> Self {
        let top = tempfile::tempdir().expect("a temporary folder");
        let root = top.path().join("root");
        fs::create_dir(&root).expect("the root");
        fs::write(top.path().join("secret.txt"), "SECRET").expect("the neighbour");
        let website = Website {
            root,
            index: vec!["index.html".into()],
            listing: false,
            symlinks: Symlinks::Inside,
            fallback: None,
            error_pages: [].into(),
        };
        Self { top, website }
    }

    fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self::new();
        for (path, content) in files {
            folder.write(path, content);
        }
        folder
    }

    fn path(&self, path: &str) -> PathBuf {
        self.website.root.join(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("its folders");
        fs::write(path, content).expect("the file");
    }

    fn link(&self, target: &str, path: &str) {
        symlink(target, self.path(path)).expect("a link");
    }

    /// Sets when a file was changed, in seconds after 1970.
    fn date(&self, path: &str, seconds: u64) {
        let file = fs::File::options().write(true).open(self.path(path)).expect("the file");
        file.set_modified(at(seconds)).expect("its time");
    }

    async fn get(&self, target: &str) -> Answer {
        self.ask(Method::GET, target, &[]).await
    }

    async fn get_with(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, target, fields).await
    }

    async fn ask(&self, method: Method, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask_below("/", method, target, fields).await
    }

    /// Asks a route at `prefix`. An error is answered as the border answers it.
    async fn ask_below(&self, prefix: &str, method: Method, target: &str, fields: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(target);
        for &(name, value) in fields {
            request = request.header(name, value);
        }
        let request = request.body(()).expect("a request");
        let (response, error) = match self.respond(prefix, &request).await {
            Ok(response) => (response, None),
            Err(error) => (error.respond(Wanted::of(request.headers()), RequestId(7)), Some(error)),
        };
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer { status: head.status, fields: head.headers, body, error }
    }

    async fn respond(&self, prefix: &str, request: &Request<()>) -> Result<Response<Body>, RequestError> {
        let prefix = PathPrefix::parse(prefix).expect("a prefix");
        let authority = Authority::parse("www.site.example:8443").expect("an authority");
        let path = decode_unreserved(request.uri().path());
        let context = Context {
            id: RequestId(7),
            scheme: Scheme::HTTPS,
            authority: &authority,
            local_port: 8443,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            peer_trusted: false,
            prefix: &prefix,
            path: &path,
            rest: prefix.strip(&path).expect("a path below the prefix"),
            upstream_time: &Cell::new(None),
        };
        Site::new(&self.website).reply(request, &context).await
    }
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    fields: HeaderMap,
    body: Bytes,
    error: Option<RequestError>,
}

impl Answer {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|value| value.to_str().expect("a field of ASCII"))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of UTF-8")
    }

    fn code(&self) -> u16 {
        self.status.as_u16()
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}
