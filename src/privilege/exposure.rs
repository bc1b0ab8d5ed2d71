//! Keys and secrets that any user of the machine can read: said, and with `strict_key_permissions` refused.
//!
//! Readable for all is a file whose mode lets others read it and whose folders let
//! them come to it: certbot's keys of old are 0644 in a folder that nobody enters. A group
//! is nobody's concern: it may be how gatepost gets in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::config::finding::{Finding, Place, Severity};
use crate::config::model::Config;

/// What others may do with a file, by the last three bits of its mode.
const READ: u32 = 0o004;
const WRITE: u32 = 0o002;
const ENTER: u32 = 0o001;

/// Every file with a secret, but the keys of certificates, which are looked at whenever they are read.
pub fn of_secrets(config: &Config) -> Vec<Finding> {
    let strict = config.server.strict_key_permissions;
    let mut findings: Vec<Finding> = Vec::new();
    for file in config.secret_files() {
        let finding = of(file.path, file.what, file.place, strict);
        findings.extend(finding.filter(|finding| !findings.contains(finding)));
    }
    findings
}

/// The finding for one file, where others can come to it.
pub(crate) fn of(path: &Path, what: &str, place: &Place, strict: bool) -> Option<Finding> {
    // What may not be looked at lies where others may not look either.
    let real = path.canonicalize().ok()?;
    let mode = |path: &Path| fs::metadata(path).ok().map(|found| found.permissions().mode());
    let bits = mode(&real)?;
    if bits & (READ | WRITE) == 0
        || !real.ancestors().skip(1).all(|folder| mode(folder).is_some_and(|it| it & ENTER != 0))
    {
        return None;
    }
    let can = if bits & WRITE != 0 { "change" } else { "read" };
    let bits = bits & 0o7777;
    let shown = path.display();
    let (severity, rule) = match strict {
        true => (Severity::Fatal, ", and strict_key_permissions is on"),
        false => (Severity::Warning, ""),
    };
    let said = format!("every user of this machine can {can} the {what} {shown} (mode {bits:04o}){rule}");
    let finding = Finding { severity, ..Finding::warning(place.clone(), said) };
    Some(finding.mend(format!("chmod o-rw {}", real.display())))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn what_others_can_come_to_is_said_and_refused_where_that_is_wanted() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).expect("a folder");
        let key = inner.join("key.pem");
        fs::write(&key, "").expect("a file");
        let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("mode set");
        let found = |strict| of(&key, "key", &Place(1..2), strict);
        for (outer, folder_mode, mode, word) in [
            (0o755, 0o755, 0o644, Some("read")),
            (0o755, 0o755, 0o642, Some("change")),
            (0o755, 0o755, 0o640, None),
            (0o755, 0o700, 0o644, None),
            (0o700, 0o755, 0o644, None),
            (0o755, 0o711, 0o644, Some("read")),
        ] {
            set(folder.path(), outer);
            set(&inner, folder_mode);
            set(&key, mode);
            let what = found(false).map(|finding| finding.what);
            let expected = word.map(|word| format!("can {word} the key {}", key.display()));
            assert_eq!(what.is_some(), expected.is_some(), "{folder_mode:o} {mode:o}: {what:?}");
            assert!(expected.is_none_or(|words| what.is_some_and(|what| what.contains(&words))));
        }
        let strict = found(true).expect("a finding");
        assert!(strict.severity == Severity::Fatal && strict.what.ends_with("strict_key_permissions is on"));
        assert_eq!(
            strict.mend.expect("a mend"),
            format!("chmod o-rw {}", key.canonicalize().expect("there").display())
        );
    }
}
