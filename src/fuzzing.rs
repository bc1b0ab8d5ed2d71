//! The fuzzers' doors: one function for each target of `fuzz/`, which says what must hold of any bytes.
//!
//! Built under `--cfg fuzzing`, which cargo-fuzz sets, and in unit tests, where
//! every seed of `fuzz/seeds` goes through its door on stable. The ordinary build
//! knows nothing of them. A door stands beside the code that it opens, in a `fuzz`
//! module; it panics where a law is broken and answers nothing.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, Version};

pub use crate::cert::acme::fuzz::retry_after;
pub use crate::cert::fuzz::{certificate, pem};
pub use crate::config::fuzz::configuration;
pub use crate::handler::proxy::headers::fuzz::headers;
pub use crate::handler::site::fuzz::conditions;
pub use crate::jitsi::fuzz::{form, invitation, room, webhook};
pub use crate::jitsi::identity::fuzz::{mattermost, plugin};
pub use crate::log::fuzz::log;
pub use crate::route::fuzz::{host, path};
pub use crate::server::fuzz::{frames, request};
pub use crate::server::guard::fuzz::framing;

/// A door.
pub type Door = fn(&[u8]);

/// All doors, by the names of their targets.
pub const DOORS: [(&str, Door); 18] = [
    ("certificate", certificate),
    ("conditions", conditions),
    ("configuration", configuration),
    ("form", form),
    ("frames", frames),
    ("framing", framing),
    ("headers", headers),
    ("host", host),
    ("invitation", invitation),
    ("log", log),
    ("mattermost", mattermost),
    ("path", path),
    ("pem", pem),
    ("plugin", plugin),
    ("request", request),
    ("retry_after", retry_after),
    ("room", room),
    ("webhook", webhook),
];

/// Most fields of a head, as hyper has it.
const MOST_FIELDS: usize = 100;

/// The head of a request of HTTP/1, read as hyper reads it; `None` where it is none.
pub(crate) fn head(bytes: &[u8]) -> Option<Request<()>> {
    let mut space = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut read = httparse::Request::new(&mut space);
    read.parse(bytes).ok().filter(httparse::Status::is_complete)?;
    let version = if read.version? == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
    let mut request = Request::builder().method(read.method?).uri(read.path?).version(version).body(()).ok()?;
    *request.headers_mut() = fields(read.headers)?;
    Some(request)
}

/// Fields as httparse read them.
pub(crate) fn fields(read: &[httparse::Header<'_>]) -> Option<HeaderMap> {
    let mut fields = HeaderMap::new();
    for field in read {
        let value = HeaderValue::from_bytes(field.value).ok()?;
        fields.append(HeaderName::from_bytes(field.name.as_bytes()).ok()?, value);
    }
    Some(fields)
}

/// Fields as they stand on the wire, the empty line at their end included.
pub(crate) fn written(fields: &HeaderMap) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn folder(of: &str) -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(of);
        let entries = fs::read_dir(&folder).expect(of);
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name of letters"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn every_door_has_its_target_and_its_seeds_and_no_other_has() {
        let names: Vec<&str> = DOORS.iter().map(|(name, _)| *name).collect();
        assert!(names.is_sorted());
        assert_eq!(folder("seeds"), names);
        assert_eq!(folder("targets"), names.iter().map(|name| format!("{name}.rs")).collect::<Vec<_>>());
        let manifest = include_str!("../fuzz/Cargo.toml");
        for name in names {
            assert!(manifest.contains(&format!("[[bin]]\nname = \"{name}\"\n")), "{name}");
            let target = fs::read_to_string(format!("{}/fuzz/targets/{name}.rs", env!("CARGO_MANIFEST_DIR")));
            assert!(target.expect(name).contains(&format!("gatepost::fuzzing::{name}(")), "{name}");
        }
    }

    #[test]
    fn every_seed_goes_through_its_door() {
        for (name, door) in DOORS {
            let seeds = folder(&format!("seeds/{name}"));
            assert!(!seeds.is_empty(), "{name}");
            for seed in seeds {
                let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name).join(&seed);
                let bytes = fs::read(file).expect("readable");
                let went = std::panic::catch_unwind(|| door(&bytes));
                assert!(went.is_ok(), "fuzz/seeds/{name}/{seed}: see above");
            }
        }
    }
}
