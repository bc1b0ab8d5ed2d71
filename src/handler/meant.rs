//! An address one letter off a launcher's, where Mattermost would show its own "not found".
//!
//! Only a page that somebody asks for is answered so, and only where the request would
//! go to Mattermost; it leads on by a link and never by itself, since it may be wrong.

use askama::Template;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use crate::body::Body;
use crate::config::model::{self, Answer};
use crate::error::Wanted;
use crate::jitsi::page::{Look, Meant, Nonce, Page};
use crate::route::near;
use crate::route::path::PathPrefix;

use super::{Context, Handler};

/// The launchers of one site that may be meant.
#[derive(Debug, Default)]
pub struct Near(Vec<(PathPrefix, Look)>);

impl Near {
    /// The launchers of a site, where it has a Mattermost beside them.
    pub fn of(site: &model::Site) -> Self {
        let has_mattermost =
            site.routes.iter().any(|route| matches!(&route.answer, Answer::Proxy(proxy) if proxy.mattermost));
        let near = |route: &model::Route| match &route.answer {
            Answer::Launcher(launcher) if launcher.near_misses && has_mattermost => {
                // A look that cannot be had has stopped the start already.
                Some((route.path.clone(), Look::new(&launcher.page, None).unwrap_or_default()))
            }
            _ => None,
        };
        Self(site.routes.iter().filter_map(near).collect())
    }

    /// The page that asks whether a launcher was meant; `None` for every request that is none of ours.
    pub fn reply<B>(&self, handler: &Handler, request: &Request<B>, context: &Context<'_>) -> Option<Response<Body>> {
        if self.0.is_empty() || !matches!(handler, Handler::Proxy(proxied, _) if proxied.is_mattermost()) {
            return None;
        }
        let (prefix, look, rest) =
            self.0.iter().find_map(|(prefix, look)| Some((prefix, look, near::meant(context.path, prefix)?)))?;
        let fields = request.headers();
        let is_page = *request.method() == Method::GET
            && Wanted::of(fields) == Wanted::Html
            && fields.get("sec-fetch-mode").is_none_or(|mode| mode == "navigate");
        if !is_page {
            return None;
        }
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let meant = format!("{}{rest}{query}", prefix.as_str());
        let host_path = format!("{}{}", context.authority, context.path);
        let nonce = Nonce::fresh().ok()?;
        let page = Meant { look, nonce: &nonce, meant: &meant, host_path: &host_path };
        let policy = HeaderValue::try_from(page.policy()).ok()?;
        let mut response = Response::new(Body::full(page.render().ok()?));
        *response.status_mut() = StatusCode::NOT_FOUND;
        let fields = response.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        fields.insert(header::CONTENT_SECURITY_POLICY, policy);
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        fields.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Some(response)
    }
}
