//! Signing in and out: a name, a role, no password.
//!
//! It refuses forms of other sites' pages, and to lead anywhere but to its own
//! paths afterwards.

use askama::Template;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;

use super::answer::{self, Answer};
use super::form::Form;
use super::origin;
use super::people::{self, LONGEST_NAME, People, Role};

#[derive(Template)]
#[template(path = "cli/demo/chat/login.html")]
struct Page<'a> {
    /// Where to go afterwards.
    redirect_to: &'a str,
    /// What was typed before.
    name: &'a str,
    longest: usize,
    /// What was wrong with it.
    complaint: Option<&'a str>,
}

/// `GET /login`: the form.
pub(super) fn form<B>(request: &Request<B>) -> Answer {
    let query = Form::query(request);
    let redirect_to = origin::own_path(query.get("redirect_to")).unwrap_or("/");
    answer::page(StatusCode::OK, &Page { redirect_to, name: "", longest: LONGEST_NAME, complaint: None })
}

/// `POST /login`: signs in and leads on.
pub(super) async fn sign_in(people: &People, request: Request<Incoming>) -> Answer {
    if !origin::is_own(request.headers()) {
        return foreign();
    }
    let secure = is_https(request.headers());
    let Some(form) = Form::read(request).await else {
        return answer::words(StatusCode::PAYLOAD_TOO_LARGE, "This is more than the form has.");
    };
    let redirect_to = origin::own_path(form.get("redirect_to")).unwrap_or("/");
    let Some(name) = people::name(form.get("name")) else {
        let complaint = Some("Please enter a name of 1 to 64 characters.");
        let page = Page { redirect_to, name: form.get("name"), longest: LONGEST_NAME, complaint };
        return answer::page(StatusCode::BAD_REQUEST, &page);
    };
    match people.sign_in(name, Role::of(form.get("role"))) {
        Ok(token) => with_cookie(answer::see_other(redirect_to), token.reveal(), "", secure),
        Err(error) => answer::words(StatusCode::INTERNAL_SERVER_ERROR, &format!("no random numbers: {error}")),
    }
}

/// `POST /logout`: ends the session and leads to the form.
pub(super) fn sign_out<B>(people: &People, request: &Request<B>) -> Answer {
    if !origin::is_own(request.headers()) {
        return foreign();
    }
    people.sign_out(request.headers());
    with_cookie(answer::see_other("/login"), "", "; Max-Age=0", is_https(request.headers()))
}

fn foreign() -> Answer {
    answer::words(StatusCode::FORBIDDEN, "This form came from another site's page.")
}

/// Mattermost's cookie, with what Mattermost gives it: `Secure` where the proxy says that the client came by https.
fn with_cookie(mut answer: Answer, token: &str, lifetime: &str, secure: bool) -> Answer {
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("MMAUTHTOKEN={token}; Path=/; HttpOnly; SameSite=Lax{lifetime}{secure}");
    let mut cookie = HeaderValue::try_from(cookie).expect("a token is letters and digits");
    cookie.set_sensitive(true);
    answer.headers_mut().insert(header::SET_COOKIE, cookie);
    answer
}

fn is_https(fields: &HeaderMap) -> bool {
    fields.get("x-forwarded-proto").is_some_and(|proto| proto == "https")
}
