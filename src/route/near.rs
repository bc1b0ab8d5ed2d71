//! A path that is one letter off another: what was probably meant.
//!
//! Mattermost answers every path it does not know with its web app, so that a slip
//! in a meeting's link ends at "team not found" without a word of what was wrong.
//! `/jist/Room` stands for `/jitsi/Room` in the original's own text.
//!
//! It refuses to guess where the path may be Mattermost's own: only a launcher of one
//! segment is near, followed by one segment that is none of a team's pages.

use super::path::PathPrefix;

/// What may follow a team's name in Mattermost's web app (`webapp/channels/src/components/team_controller` and its
/// plugins' products).
const PAGES: [&str; 14] = [
    "admin",
    "boards",
    "channels",
    "drafts",
    "emoji",
    "integrations",
    "messages",
    "pl",
    "playbooks",
    "recaps",
    "scheduled_posts",
    "threads",
    "_redirect",
    "search",
];

/// First segments that are Mattermost's own, whatever they resemble.
const MATTERMOST: [&str; 14] = [
    "api",
    "admin_console",
    "boards",
    "error",
    "files",
    "help",
    "login",
    "logout",
    "oauth",
    "plugins",
    "playbooks",
    "signup_user_complete",
    "static",
    "landing",
];

/// Shorter names than this are one letter from too much.
const SHORTEST: usize = 4;

/// What follows `prefix` in the path that was probably meant by `path`; both as routing sees them.
pub fn meant<'p>(path: &'p str, prefix: &PathPrefix) -> Option<&'p str> {
    let wanted = prefix.as_str().strip_prefix('/')?;
    let (first, rest) = path.strip_prefix('/')?.split_once('/')?;
    // Cheap first: this is looked at on requests for Mattermost, too.
    if wanted.len() < SHORTEST || first.len().abs_diff(wanted.len()) > 1 || wanted.contains('/') {
        return None;
    }
    let room = rest.strip_suffix('/').unwrap_or(rest);
    let is_room = !room.is_empty() && !room.contains('/') && !PAGES.contains(&room);
    (is_room && !MATTERMOST.contains(&first) && is_near(first, wanted)).then(|| &path[first.len() + 1..])
}

/// One letter more, less, other or exchanged with its neighbour; or the same letters but one, in another order.
fn is_near(given: &str, wanted: &str) -> bool {
    if given.eq_ignore_ascii_case(wanted) {
        return given != wanted;
    }
    let (given, wanted) = (given.to_ascii_lowercase(), wanted.to_ascii_lowercase());
    match strsim::osa_distance(&given, &wanted) {
        1 => true,
        2 => sorted(&given).abs_diff_of_one(&sorted(&wanted)),
        _ => false,
    }
}

struct Sorted(Vec<char>);

fn sorted(text: &str) -> Sorted {
    let mut letters: Vec<char> = text.chars().collect();
    letters.sort_unstable();
    Sorted(letters)
}

impl Sorted {
    /// Whether one has all letters of the other and at most one more.
    fn abs_diff_of_one(&self, other: &Self) -> bool {
        let (long, short) = if self.0.len() >= other.0.len() { (&self.0, &other.0) } else { (&other.0, &self.0) };
        let mut left = short.iter().peekable();
        let more = long.iter().filter(|letter| left.next_if_eq(letter).is_none()).count();
        left.peek().is_none() && more <= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
        meant(path, &PathPrefix::parse(prefix).expect("a prefix"))
    }

    #[test]
    fn a_slip_of_a_letter_is_understood() {
        for slip in ["jist", "jitis", "jits", "jitsii", "itsi", "jotsi", "jitsl", "Jitsi", "JITSI", "jtisi", "jisti"] {
            assert_eq!(rest(&format!("/{slip}/Room%20Name"), "/jitsi/"), Some("/Room%20Name"), "{slip}");
            assert_eq!(rest(&format!("/{slip}/Room/"), "/jitsi"), Some("/Room/"), "{slip}");
        }
    }

    #[test]
    fn what_is_right_or_far_or_mattermosts_own_is_left_alone() {
        for path in [
            "/jitsi/Room",
            "/kitchen/Room",
            "/bits/Room",
            "/basic/Room",
            "/jist",
            "/jist/",
            "/jist/channels",
            "/jist/channels/town-square",
            "/jist/messages/@anna",
            "/jist/threads",
            "/jist/pl/abc",
            "/jist/a/b",
            "/api/v4",
            "//jist/Room",
            "/",
            "",
        ] {
            assert_eq!(rest(path, "/jitsi/"), None, "{path}");
        }
        assert_eq!(rest("/login/x", "/logon/"), None, "Mattermost's own");
        assert_eq!(rest("/ab/Room", "/abc/"), None, "too short to guess");
        assert_eq!(rest("/met/Room", "/"), None, "the whole host");
        assert_eq!(rest("/vidoe/Room", "/meet/video/"), None, "two segments");
    }
}
