use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::*;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn a_file_is_read_whole() {
    let folder = folder();
    let path = folder.path().join("a.pem");
    std::fs::write(&path, b"text").expect("written");
    assert_eq!(read(&path).expect("read"), b"text");
}

#[test]
fn r45_a_missing_file_and_a_link_that_leads_nowhere_are_missing() {
    let folder = folder();
    let path = folder.path().join("a.pem");
    assert!(matches!(read(&path), Err(ReadError::Missing(_))));
    std::os::unix::fs::symlink("nowhere", &path).expect("a link");
    assert!(matches!(read(&path), Err(ReadError::Missing(_))));
}

#[test]
fn r45_a_folder_is_called_a_folder() {
    let folder = folder();
    assert!(matches!(read(folder.path()), Err(ReadError::Folder)));
}

#[test]
fn a_fifo_a_socket_and_a_device_do_not_hang() {
    let folder = folder();
    let fifo = folder.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
    assert!(matches!(read(&fifo), Err(ReadError::NotRegular)));
    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).expect("a socket");
    assert!(matches!(read(&socket), Err(ReadError::NotRegular)));
    assert!(matches!(read(Path::new("/dev/zero")), Err(ReadError::NotRegular)));
}

#[test]
fn a_large_file_is_refused_and_the_largest_allowed_is_not() {
    let folder = folder();
    let path = folder.path().join("a.pem");
    let file = File::create(&path).expect("created");
    file.set_len(MAX_BYTES).expect("sized");
    assert_eq!(read(&path).expect("read").len() as u64, MAX_BYTES);
    file.set_len(MAX_BYTES + 1).expect("sized");
    assert!(matches!(read(&path), Err(ReadError::TooLarge)));
}

/// Reads as user 65534 where the test runs as root, whom no mode keeps out.
fn read_as_nobody(path: &Path) -> Result<Vec<u8>, ReadError> {
    let path = path.to_owned();
    let reader = std::thread::spawn(move || {
        if rustix::process::geteuid().is_root() {
            // Linux keeps the ids of a thread: this one alone is nobody, and it ends here.
            let nobody = rustix::process::Uid::from_raw(65534);
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).expect("another user");
        }
        read(&path)
    });
    reader.join().expect("the reader ends")
}

#[test]
fn r45_a_key_of_another_user_is_denied_with_owner_and_mode() {
    let folder = folder();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("mode set");
    let path = folder.path().join("privkey.pem");
    std::fs::write(&path, b"key").expect("written");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o200)).expect("mode set");
    let error = read_as_nobody(&path).expect_err("denied");
    let said = error.to_string();
    assert!(said.starts_with("permission denied: it belongs to user "), "{said}");
    assert!(said.contains("with mode 0200, and this process is user "), "{said}");
    assert!(error.mend("privkey.pem").expect("a mend").contains("chmod 0640 privkey.pem"));
}

#[test]
fn r45_a_folder_that_may_not_be_entered_is_named() {
    let outer = folder();
    std::fs::set_permissions(outer.path(), PermissionsExt::from_mode(0o755)).expect("mode set");
    let live = outer.path().join("live");
    std::fs::create_dir(&live).expect("a folder");
    std::fs::write(live.join("privkey.pem"), b"key").expect("written");
    std::fs::set_permissions(&live, PermissionsExt::from_mode(0o600)).expect("mode set");
    let error = read_as_nobody(&live.join("privkey.pem")).expect_err("denied");
    let expected = format!("the folder {} may not be entered", live.display());
    assert!(error.to_string().contains(&expected), "{error}");
    std::fs::set_permissions(&live, PermissionsExt::from_mode(0o700)).expect("mode set");
}
