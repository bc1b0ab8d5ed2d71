//! A stand-in for 8x8.vc: verifies the token that a meeting is entered with, and shows what it says.
//!
//! It demands what JaaS demands (developer.8x8.com/jaas/docs/api-keys-jwt) and allows no
//! leeway either. It shows no claim of a token that it does not believe.

use askama::Template;
use http::{HeaderValue, Request, StatusCode, header};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use super::super::APP_ID;
use super::answer::{self, Answer};
use super::form::Form;

#[derive(Template)]
#[template(path = "cli/demo/chat/meeting.html")]
struct Page<'a> {
    room: &'a str,
    /// What the token says, or why it is not believed.
    token: Result<Shown, String>,
}

struct Shown {
    name: String,
    moderator: bool,
    /// All of it, for reading.
    claims: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    room: String,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    user: User,
    /// JaaS refuses a token without.
    #[serde(rename = "features")]
    _features: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct User {
    name: String,
    moderator: String,
}

/// `GET /APP/ROOM?jwt=TOKEN`.
pub(super) fn enter<B>(key: &DecodingKey, request: &Request<B>) -> Answer {
    let asked = request.uri().path().strip_prefix('/').and_then(|path| path.split_once('/'));
    let Some((APP_ID, room)) = asked.filter(|(_, room)| !room.is_empty() && !room.contains('/')) else {
        return answer::words(StatusCode::NOT_FOUND, "There is no such meeting; start one in the chat.");
    };
    let room = percent_decode_str(room).decode_utf8_lossy();
    let token = read(key, Form::query(request).get("jwt"), &room);
    let status = if token.is_ok() { StatusCode::OK } else { StatusCode::FORBIDDEN };
    let mut answer = answer::page(status, &Page { room: &room, token });
    // The address holds the token: not even the page's own style is to be told it.
    answer.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

fn read(key: &DecodingKey, token: &str, room: &str) -> Result<Shown, String> {
    if token.is_empty() {
        return Err("there is none".into());
    }
    let mut validation = Validation::new(Algorithm::RS256);
    validation.leeway = 0;
    validation.validate_nbf = true;
    validation.set_audience(&["jitsi"]);
    validation.set_issuer(&["chat"]);
    let no = |error: &dyn std::fmt::Display| format!("it is not believed: {error}");
    let whole = jsonwebtoken::decode::<Value>(token, key, &validation).map_err(|error| no(&error))?;
    let claims = Claims::deserialize(&whole.claims).map_err(|error| no(&error))?;
    if whole.header.kid.as_deref().and_then(|kid| kid.split_once('/')).is_none_or(|(app, _)| app != claims.sub) {
        return Err("its key's id and its tenant do not match".into());
    }
    if claims.sub != APP_ID || !(claims.room == "*" || claims.room.eq_ignore_ascii_case(room)) {
        return Err("it is for another meeting".into());
    }
    Ok(Shown {
        name: claims.context.user.name,
        moderator: claims.context.user.moderator == "true",
        claims: serde_json::to_string_pretty(&whole.claims).map_err(|error| no(&error))?,
    })
}
