//! Fuzzers' door to the access log.

use std::net::IpAddr;
use std::rc::Rc;

use http::uri::Scheme;

use crate::config::model::{AccessLog, LogFormat};
use crate::fuzzing;
use crate::handler::RequestId;

use super::access::{Entry, Log, Out};
use super::writer::{Sink, Target, Writer};
use super::{line, redact};

/// No part of it is a secret's name or a target's mark.
const SECRET: &str = "5ecret5ecret";

thread_local! {
    static LOG: Rc<Log> = Rc::new(Log::new(Out { sink: nowhere(), format: LogFormat::Combined }));
}

/// What is written here is gone.
fn nowhere() -> Sink {
    let target = Target::open(&AccessLog::File("/dev/null".into())).expect("a file").expect("a log");
    Writer::start(target).expect("a thread").sink()
}

/// The head of a request.
///
/// Its line is one line of printable characters, whatever it holds; no secret of its query is in it.
pub fn log(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        targets(text);
    }
    let Some(request) = fuzzing::head(data) else { return };
    let peer = IpAddr::from([203, 0, 113, 9]);
    let entry = LOG.with(|log| Entry::begin(log, &request, RequestId(1), peer, Scheme::HTTPS));
    for hidden in [false, true] {
        if hidden {
            entry.hide_query();
        }
        let mut combined = Vec::new();
        line::combined(&mut combined, &entry);
        assert_eq!(combined.pop(), Some(b'\n'));
        assert!(combined.iter().all(|byte| (0x20..=0x7e).contains(byte)), "{}", combined.escape_ascii());
        let quotes = combined.iter().enumerate().filter(|&(at, &byte)| byte == b'"' && !is_escaped(&combined[..at]));
        assert_eq!(quotes.count(), 6, "{}", combined.escape_ascii());
        let mut json = Vec::new();
        line::json(&mut json, &entry);
        assert_eq!(json.pop(), Some(b'\n'));
        assert!(!json.contains(&b'\n'));
        assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok_and(|json| json.is_object()));
    }
}

fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

/// A secret among whatever the text makes of the rest of the target.
fn targets(text: &str) {
    let shown = redact::target(text);
    assert_eq!(redact::target(&shown), shown, "hidden twice");
    if text.contains(&SECRET[..6]) {
        return;
    }
    let half = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    let (head, tail) = text.split_at(half);
    for (before, after) in [("?jwt=", "&a=b"), ("?a=b&access_token=", "#c"), ("&Code=", ";")] {
        let whole = format!("/?{head}{before}{SECRET}{after}{tail}");
        let pair = whole.split(['&', ';']).find(|pair| pair.contains(SECRET)).unwrap_or_default();
        // Where the text makes another name of it, it is no secret's.
        if pair.matches('=').count() == 1 {
            assert!(!redact::target(&whole).contains(SECRET), "{whole}");
        }
    }
    let path = head.replace(['?', '#'], "");
    for before in ["/-/invite/", "/%2D%2favatar/", "?redirect_to=%2Fjitsi%2FR%3Fjwt%3D"] {
        let whole = format!("/{path}{before}{SECRET}{tail}");
        assert!(!redact::target(&whole).contains(SECRET), "{whole}");
    }
}
