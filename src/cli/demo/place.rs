//! Where the demo keeps what it makes.
//!
//! Inside a checkout that is `certs/demo`, where a person sees it; elsewhere the
//! user's own state folder. It never writes into a folder that merely happens to
//! be the current one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Neither a checkout nor a home.
#[derive(Debug, Error)]
#[error(
    "there is no folder to keep the demo's certificates in: neither XDG_STATE_HOME nor HOME names one; \
    set one of them, or run `gatepost demo` in a checkout of gatepost"
)]
pub struct NoPlace;

/// The demo's folder; it may not be there yet. `current` is the folder that it is run in.
///
/// # Errors
/// Where `current` is no checkout and the environment names no home.
pub(super) fn folder(current: &Path, environment: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, NoPlace> {
    let certs = current.join("certs");
    if certs.join("README.md").is_file() {
        return Ok(certs.join("demo"));
    }
    // A relative path in XDG_STATE_HOME is to be ignored (XDG base directory specification).
    let absolute = |name| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    Ok(state.ok_or(NoPlace)?.join("gatepost/demo"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        |name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into())
    }

    #[test]
    fn a_checkout_keeps_the_demo_below_certs() {
        let checkout = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(checkout.path().join("certs")).expect("a folder");
        let home = environment(&[("HOME", "/home/x")]);
        let elsewhere = Path::new("/home/x/.local/state/gatepost/demo");
        assert_eq!(folder(checkout.path(), &home).expect("a place"), elsewhere, "a folder of that name is no checkout");
        std::fs::write(checkout.path().join("certs/README.md"), "").expect("a file");
        assert_eq!(folder(checkout.path(), &home).expect("a place"), checkout.path().join("certs/demo"));
    }

    #[test]
    fn elsewhere_it_is_the_users_state_folder() {
        let elsewhere = tempfile::tempdir().expect("a folder");
        let place = |variables| folder(elsewhere.path(), environment(variables)).ok();
        assert_eq!(place(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]), Some("/s/gatepost/demo".into()));
        assert_eq!(place(&[("XDG_STATE_HOME", "s"), ("HOME", "/h")]), Some("/h/.local/state/gatepost/demo".into()));
        assert_eq!(place(&[]), None);
    }
}
