//! What a request to a route meets before its handler, and what browsers are told with the answer.

use std::fmt::Display;

use crate::config::model::{Access, Auth, Frames, RateLimit, SecurityHeaders};

type Details = Vec<(&'static str, String)>;

/// In the order in which a request meets them.
pub(super) fn rules(access: &Access, details: &mut Details) {
    if !access.deny.is_empty() {
        details.push(("deny", format!("403 for {}", list(&access.deny))));
    }
    if let Some(allow) = &access.allow {
        details.push(("allow", format!("{} alone; 403 for all others", list(allow))));
    }
    if let Some(limit) = &access.rate {
        details.push(("rate_limit", limited(limit)));
    }
    if let Some(limit) = &access.login {
        details.push(("login_limit", format!("{}; counts what signs in to Mattermost", limited(limit))));
    }
    if let Some(auth) = &access.auth {
        details.push(("auth", password(auth)));
    }
}

fn list(networks: &[impl Display]) -> String {
    const MOST: usize = 8;
    let mut words: Vec<_> = networks.iter().take(MOST).map(ToString::to_string).collect();
    if networks.len() > MOST {
        words.push(format!("{} more", networks.len() - MOST));
    }
    words.join(", ")
}

fn limited(limit: &RateLimit) -> String {
    let methods: Vec<_> = limit.methods.iter().map(ToString::to_string).collect();
    let counted = if methods.is_empty() { String::new() } else { format!(" of {}", methods.join(", ")) };
    format!("{}{counted} for each address, {} at once; 429 past it", limit.words, limit.burst)
}

fn password(auth: &Auth) -> String {
    let from = match (&auth.file, auth.users.len()) {
        (Some((path, _)), 0) => path.display().to_string(),
        (Some((path, _)), here) => format!("{} and {here} in the configuration", path.display()),
        (None, here) => format!("{here} in the configuration"),
    };
    let forward = if auth.forward { "goes on to" } else { "is taken out before" };
    format!("401 without a password of [auth.{}] ({from}); Authorization {forward} what answers", auth.name)
}

/// Fields that an answer gets where it does not say otherwise.
pub(super) fn headers(wanted: &SecurityHeaders, details: &mut Details) {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut push = |name, value: String| {
        let unless = if wanted.replace { "" } else { ", unless the answer says so itself" };
        details.push((name, format!("{value}{unless}")));
    };
    if wanted.nosniff {
        push("X-Content-Type-Options", "nosniff".into());
    }
    if let Some(Frames { old, policy }) = &wanted.frames {
        if let Some(old) = old {
            push("X-Frame-Options", text(old));
        }
        push("Content-Security-Policy", text(policy));
    }
    if let Some(referrer) = &wanted.referrer {
        push("Referrer-Policy", text(referrer));
    }
    if let Some(permissions) = &wanted.permissions {
        push("Permissions-Policy", text(permissions));
    }
}
