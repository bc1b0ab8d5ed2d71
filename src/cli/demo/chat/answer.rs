//! The forms that the stand-in's answers take.

use std::convert::Infallible;

use askama::Template;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;

/// An answer.
pub(super) type Answer = Response<Full<Bytes>>;

/// What hyper is given: an error is an answer here, too.
pub(super) type Answered = Result<Answer, Infallible>;

/// Scripts, styles and connections of the own origin alone, and forms to it; nothing frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A filled template.
pub(super) fn page(status: StatusCode, page: &impl Template) -> Answer {
    match page.render() {
        Ok(html) => {
            let mut answer = of(status, "text/html; charset=utf-8", html);
            let fields = answer.headers_mut();
            fields.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            // "no-referrer" would make a form's Origin "null".
            fields.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
            answer
        }
        Err(error) => words(StatusCode::INTERNAL_SERVER_ERROR, &format!("a page cannot be filled: {error}")),
    }
}

/// A JSON document.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let text = serde_json::to_vec(value).expect("the stand-in's documents have string keys alone");
    of(status, "application/json", text)
}

/// An error as Mattermost's API says it (`server/public/model/utils.go`, `AppError`).
pub(super) fn api_error(status: StatusCode, id: &str, message: &str) -> Answer {
    #[derive(Serialize)]
    struct AppError<'a> {
        id: &'a str,
        message: &'a str,
        detailed_error: &'a str,
        request_id: &'a str,
        status_code: u16,
    }
    json(status, &AppError { id, message, detailed_error: "", request_id: "", status_code: status.as_u16() })
}

/// A sentence.
pub(super) fn words(status: StatusCode, sentence: &str) -> Answer {
    of(status, "text/plain; charset=utf-8", format!("{sentence}\n"))
}

/// A script or a style.
pub(super) fn asset(kind: &'static str, text: &'static str) -> Answer {
    let mut answer = of(StatusCode::OK, kind, text);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

/// 303 to a path of this host.
pub(super) fn see_other(path: &str) -> Answer {
    let mut answer = words(StatusCode::SEE_OTHER, path);
    // What is no field value has no business in a path either.
    let location = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    answer.headers_mut().insert(header::LOCATION, location);
    answer
}

fn of(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
