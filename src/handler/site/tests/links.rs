//! What links may do, by policy, and what is no file at all.

use super::*;

/// Links of every kind: name, and whether it ends inside the root.
const LINKS: [(&str, bool); 7] = [
    ("relative.html", true),
    ("absolute.html", true),
    ("folder/ok.html", true),
    ("chain.html", true),
    ("winding.html", true),
    ("outside.txt", false),
    ("outside-absolute.txt", false),
];

fn linked(policy: Symlinks) -> Folder {
    let mut folder = Folder::with(&[("sub/ok.html", "ok"), (".git/config", "HIDDEN")]);
    folder.website.symlinks = policy;
    let root = folder.website.root.to_str().expect("UTF-8").to_owned();
    folder.link("sub/ok.html", "relative.html");
    folder.link(&format!("{root}/sub/ok.html"), "absolute.html");
    folder.link("sub", "folder");
    folder.link("relative.html", "chain.html");
    folder.link("../root/sub/ok.html", "winding.html");
    folder.link("../secret.txt", "outside.txt");
    folder.link(&format!("{root}/../secret.txt"), "outside-absolute.txt");
    folder.link("nowhere", "broken");
    folder.link("loop", "loop");
    folder
}

#[tokio::test]
async fn r98_inside_serves_what_stays_and_refuses_what_leaves() {
    let folder = linked(Symlinks::Inside);
    for (name, inside) in LINKS {
        let answer = folder.get(&format!("/{name}")).await;
        assert_eq!(answer.code(), if inside { 200 } else { 404 }, "{name}");
        assert!(!inside || answer.text() == "ok", "{name}");
    }
    assert_eq!(folder.get("/folder").await.field("location"), Some("/folder/"));
}

#[tokio::test]
async fn follow_serves_every_link_and_deny_none() {
    let (follow, deny) = (linked(Symlinks::Follow), linked(Symlinks::Deny));
    for (name, _) in LINKS {
        assert_eq!(follow.get(&format!("/{name}")).await.code(), 200, "{name}");
        assert_eq!(deny.get(&format!("/{name}")).await.code(), 404, "{name}");
    }
    assert_eq!(deny.get("/sub/ok.html").await.text(), "ok");
    assert_eq!(deny.get("/folder/").await.code(), 404);
}

#[tokio::test]
async fn r98_a_link_to_nothing_or_to_itself_is_not_found() {
    for policy in [Symlinks::Follow, Symlinks::Inside, Symlinks::Deny] {
        let folder = linked(policy);
        assert_eq!(folder.get("/broken").await.code(), 404);
        assert_eq!(folder.get("/loop").await.code(), 404);
    }
}

#[tokio::test]
async fn a_link_inside_does_not_open_what_is_hidden() {
    let folder = linked(Symlinks::Inside);
    folder.link(".git/config", "config");
    folder.link(".git", "git");
    assert_eq!(folder.get("/config").await.code(), 404);
    assert_eq!(folder.get("/git/config").await.code(), 404);
}

#[tokio::test]
async fn a_mounted_configmap_is_served() {
    let folder = Folder::with(&[("..2026_01_31/page.html", "mounted"), ("..2026_01_31/.env", "HIDDEN")]);
    folder.link("..2026_01_31", "..data");
    folder.link("..data/page.html", "page.html");
    folder.link("..data/.env", "env");
    assert_eq!(folder.get("/page.html").await.text(), "mounted");
    assert_eq!(folder.get("/env").await.code(), 404);
    assert_eq!(folder.get("/..data/page.html").await.code(), 404);
}

#[tokio::test]
async fn a_root_that_is_itself_a_link_confines_as_well() {
    let mut folder = linked(Symlinks::Inside);
    let alias = folder.top.path().join("alias");
    symlink("root", &alias).expect("a link to the root");
    folder.website.root = alias;
    for (name, inside) in LINKS {
        assert_eq!(folder.get(&format!("/{name}")).await.code(), if inside { 200 } else { 404 }, "{name}");
    }
    folder.website.symlinks = Symlinks::Deny;
    assert_eq!(folder.get("/sub/ok.html").await.text(), "ok");
}

#[tokio::test]
async fn a_neighbour_whose_name_begins_like_the_roots_is_outside() {
    let folder = Folder::new();
    let neighbour = folder.top.path().join("root-2");
    fs::create_dir(&neighbour).expect("a folder");
    fs::write(neighbour.join("x"), "SECRET").expect("a file");
    folder.link("../root-2/x", "x");
    assert_eq!(folder.get("/x").await.code(), 404);
}

#[tokio::test]
async fn a_pipe_or_a_socket_is_not_found_and_holds_nobody_up() {
    let mut folder = Folder::new();
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.path("pipe"), rustix::fs::Mode::RUSR).expect("a pipe");
    let _listener = std::os::unix::net::UnixListener::bind(folder.path("socket")).expect("a socket");
    folder.link("pipe", "linked");
    folder.link("/dev/zero", "device");
    for policy in [Symlinks::Follow, Symlinks::Inside, Symlinks::Deny] {
        folder.website.symlinks = policy;
        for name in ["/pipe", "/socket", "/linked", "/device"] {
            assert_eq!(folder.get(name).await.code(), 404, "{name}");
        }
    }
}
