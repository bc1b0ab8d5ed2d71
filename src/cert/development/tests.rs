use std::os::unix::fs::PermissionsExt;

use super::super::testing::{NOW, clock};
use super::*;

fn names(texts: &[&str]) -> Vec<HostPattern> {
    texts.iter().map(|text| HostPattern::parse(text).expect("a pattern")).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("readable")
}

fn later(days: u64) -> Clock {
    Clock::Fixed(NOW + days * 24 * 60 * 60)
}

#[test]
fn what_is_written_is_judged_without_a_word_and_keys_are_private() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("certs");
    let names = names(&["localhost", "*.site.example", "127.0.0.1", "[::1]"]);
    let files = write_into(&inner, &names, clock()).expect("written");
    let (loaded, findings) = load(&files.certificate, clock(), Severity::Fatal);
    assert!(findings.is_empty(), "{findings:?}");
    let loaded = loaded.expect("loaded");
    assert_eq!(loaded.names, names);
    assert_eq!(loaded.key.cert.len(), 2, "leaf and intermediate");
    for name in ["key.pem", "root-key.pem"] {
        let mode = fs::metadata(inner.join(name)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let mut left: Vec<_> = fs::read_dir(&inner).expect("listed").map(|entry| entry.expect("one").file_name()).collect();
    left.sort();
    assert_eq!(left, ["chain.pem", "key.pem", "root-key.pem", "root.pem"]);
}

#[test]
fn good_ones_are_kept_and_a_new_leaf_comes_from_the_same_root() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |names: &[HostPattern], clock| {
        let files = write_into(folder.path(), names, clock).expect("written");
        (read(&files.root), read(&files.certificate.chain))
    };
    let (root, chain) = at(&names(&["localhost"]), clock());
    assert_eq!(at(&names(&["localhost"]), later(60)), (root.clone(), chain.clone()), "still good");
    let (same_root, renewed) = at(&names(&["localhost"]), later(80));
    assert_eq!(same_root, root);
    assert_ne!(renewed, chain, "under a quarter of its lifetime left");
    let (same_root, renamed) = at(&names(&["localhost", "chat.localhost"]), later(80));
    assert_eq!(same_root, root);
    assert_ne!(renamed, renewed, "other names");
    let (new_root, _) = at(&names(&["localhost", "chat.localhost"]), later(3600));
    assert_ne!(new_root, root, "the root would end before the leaf");
}

#[test]
fn a_broken_set_is_made_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = names(&["localhost"]);
    let files = write_into(folder.path(), &names, clock()).expect("written");
    fs::write(files.certificate.key.as_ref().expect("a key"), "cut off").expect("written");
    fs::write(folder.path().join("root-key.pem"), "cut off").expect("written");
    write_into(folder.path(), &names, clock()).expect("written again");
    let (loaded, findings) = load(&files.certificate, clock(), Severity::Fatal);
    assert!(loaded.is_ok() && findings.is_empty(), "{findings:?}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("written");
    let error = write_into(&file.join("certs"), &names(&["localhost"]), clock()).expect_err("no folder there");
    assert!(error.to_string().starts_with(&format!("{} could not be written", file.join("certs").display())));
}
