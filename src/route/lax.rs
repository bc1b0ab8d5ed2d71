//! How a careless upstream may read a path: every escape decoded, slashes folded, parameters and case left out.
//!
//! It never routes. It finds the paths by which somebody would go around a wall: `/admin%2Fusers` goes to the route `/`,
//! and an upstream that decodes the slash answers with what the route `/admin` keeps to a few.

use percent_encoding::percent_decode_str;

use super::path::PathPrefix;

/// The path's segments as such an upstream reads them; `None` where there is only one way of reading it.
pub(super) fn segments(path: &str) -> Option<Vec<String>> {
    let plain = !path.contains(['%', '\\', ';']) && !path.contains("//") && !path.contains("/.");
    if plain && !path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    Some(read(path))
}

/// Whether a prefix takes a path that was read this way.
pub(super) fn takes(prefix: &PathPrefix, segments: &[String]) -> bool {
    let prefix = read(prefix.as_str());
    segments.starts_with(&prefix)
}

fn read(path: &str) -> Vec<String> {
    let decoded = percent_decode_str(path).decode_utf8_lossy().to_lowercase();
    let mut kept: Vec<String> = Vec::new();
    for segment in decoded.split(['/', '\\']) {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            bare => kept.push(bare.into()),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_around_a_prefix_is_seen() {
        let admin = PathPrefix::parse("/admin").expect("a prefix");
        for path in [
            "/admin%2Fusers",
            "/admin%2fusers",
            "//admin/users",
            "/admin;x=1/users",
            "/Admin/users",
            "/x/..;/admin/users",
            "/.//admin",
            "\\admin",
            "/%2Fadmin",
        ] {
            assert!(takes(&admin, &segments(path).expect(path)), "{path}");
        }
        for path in ["/x%2Fadmin", "/adminx%2F", "/A/b"] {
            assert!(!takes(&admin, &segments(path).expect(path)), "{path}");
        }
        assert_eq!(segments("/admin/users"), None);
        let spaced = PathPrefix::parse("/a%20b").expect("a prefix");
        assert!(takes(&spaced, &segments("/a%20b%2Fc").expect("two readings")));
    }
}
