//! A device: one browser, known by a cookie that only the launcher sees.
//!
//! JaaS counts a monthly user per browser, not per person; so does the ledger, by
//! this. The cookie is a random number and says nothing of who uses the browser.
//! Its path is the launcher's, so that it reaches neither Mattermost nor the
//! website.
//!
//! It refuses every value that it could not have given.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{self, HeaderMap, HeaderValue};

/// Its name.
const COOKIE: &str = "gatepost-device";

/// 128 bits, in base64url.
const LENGTH: usize = 22;

/// As long as browsers keep a cookie at all: 400 days (RFC 6265bis section 5.5).
const MAX_AGE: u64 = 400 * 24 * 60 * 60;

/// One browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    id: Box<str>,
    new: bool,
}

impl Device {
    /// The device that sent these fields; a new one where it sent none or one that was never given.
    ///
    /// # Errors
    /// Where the system has no random numbers to give.
    pub fn of(fields: &HeaderMap) -> Result<Self, getrandom::Error> {
        match sent(fields) {
            Some(id) => Ok(Self { id: id.into(), new: false }),
            None => {
                let mut bytes = [0; 16];
                getrandom::fill(&mut bytes)?;
                Ok(Self { id: URL_SAFE_NO_PAD.encode(bytes).into(), new: true })
            }
        }
    }

    /// What tells it from others.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it came without a cookie of ours.
    pub fn is_new(&self) -> bool {
        self.new
    }

    /// The `Set-Cookie` that has it come back as the same, below `path`; sent on every page, so that it does not age.
    ///
    /// `secure`: whether it came over https; then it goes over nothing else.
    pub fn cookie(&self, path: &str, secure: bool) -> HeaderValue {
        let secure = if secure { "; Secure" } else { "" };
        // A cookie's path ends at a semicolon; a launcher below such a path shares its cookie with the host.
        let path = if path.is_empty() || path.contains(';') { "/" } else { path };
        let text = format!("{COOKIE}={}; Path={path}; Max-Age={MAX_AGE}; HttpOnly; SameSite=Lax{secure}", self.id);
        let mut value = HeaderValue::try_from(text).expect("a route's path and base64url make a field value");
        value.set_sensitive(true);
        value
    }
}

/// The first that could be ours: one that another host of the domain planted must not hide it for good. HTTP/2 sends
/// cookies in several fields (RFC 9113 section 8.2.3).
fn sent(fields: &HeaderMap) -> Option<&str> {
    let crumbs = fields.get_all(header::COOKIE).iter().flat_map(|field| field.as_bytes().split(|&b| b == b';'));
    let mut values = crumbs.filter_map(|crumb| crumb.trim_ascii().strip_prefix(COOKIE.as_bytes())?.strip_prefix(b"="));
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let given = values.find(|value| value.len() == LENGTH && value.iter().all(plain))?;
    std::str::from_utf8(given).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(cookies: &[&str]) -> HeaderMap {
        cookies.iter().map(|text| (header::COOKIE, HeaderValue::from_str(text).expect("a value"))).collect()
    }

    #[test]
    fn a_browser_that_brings_its_cookie_is_the_same_again() {
        let first = Device::of(&HeaderMap::new()).expect("random numbers");
        assert!(first.is_new());
        let cookie = first.cookie("/jitsi", true);
        assert!(cookie.is_sensitive());
        let cookie = cookie.to_str().expect("ASCII").to_owned();
        assert!(cookie.ends_with("; Path=/jitsi; Max-Age=34560000; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
        let pair = cookie.split(';').next().expect("a pair");
        let behind_odd_ones = format!("gatepost-device=; gatepost-device=x; {pair}");
        for cookies in [&[pair][..], &["a=b", pair], &[&format!("a=b; {pair}; c=d")], &[&behind_odd_ones]] {
            let again = Device::of(&fields(cookies)).expect("a device");
            assert!(again.id() == first.id() && !again.is_new(), "{cookies:?}");
        }
        assert_ne!(Device::of(&HeaderMap::new()).expect("random numbers").id(), first.id());
    }

    #[test]
    fn what_was_never_given_is_a_new_device() {
        for odd in ["", "x", "AAAAAAAAAAAAAAAAAAAAA;", "AAAAAAAAAAAAAAAAAAAA<>", &"A".repeat(5000)] {
            let device = Device::of(&fields(&[&format!("gatepost-device={odd}")])).expect("random numbers");
            assert!(device.is_new(), "{odd}");
        }
    }
}
