//! Which file a path means, and that none leaves the root.

use super::*;

#[tokio::test]
async fn a_file_and_an_index_are_served() {
    let folder = Folder::with(&[("index.html", "home"), ("sub/index.html", "sub"), ("a b/日.txt", "day")]);
    for (target, content) in [
        ("/", "home"),
        ("/index.html", "home"),
        ("/sub/", "sub"),
        ("/sub//index.html", "sub"),
        ("/sub/../", "home"),
        ("/a%20b/%E6%97%A5.txt", "day"),
        ("/%73ub/", "sub"),
    ] {
        let answer = folder.get(target).await;
        assert_eq!((answer.code(), answer.text()), (200, content), "{target}");
    }
}

#[tokio::test]
async fn the_folder_appears_under_the_prefix_of_its_route() {
    let folder = Folder::with(&[("index.html", "home"), ("sub/a.txt", "a")]);
    let ask = |target| folder.ask_below("/docs/", Method::GET, target, &[]);
    assert_eq!(ask("/docs/").await.text(), "home");
    assert_eq!(ask("/docs/sub/a.txt").await.text(), "a");
    assert_eq!(ask("/docs?x=1").await.field("location"), Some("/docs/?x=1"));
    assert_eq!(ask("/docs/sub").await.field("location"), Some("/docs/sub/"));
    assert_eq!(ask("/docs/../a").await.code(), 404);
}

#[tokio::test]
async fn the_first_index_that_is_there_answers() {
    let mut folder = Folder::with(&[("both/index.htm", "htm"), ("both/home.txt", "txt"), ("one/home.txt", "one")]);
    fs::create_dir(folder.path("one/index.htm")).expect("a folder with the name of an index");
    folder.website.index = vec!["index.htm".into(), "home.txt".into()];
    assert_eq!(folder.get("/both/").await.text(), "htm");
    assert_eq!(folder.get("/one/").await.text(), "one");
}

#[tokio::test]
async fn r93_a_folder_is_never_redirected_to_another_host() {
    let folder = Folder::with(&[("google.com/index.html", "trap")]);
    for target in
        ["//google.com", "///google.com", "/%2Fgoogle.com", "/%5Cgoogle.com", "/./google.com", "/%2e//google.com"]
    {
        let answer = folder.get(target).await;
        match answer.field("location") {
            Some(location) => {
                assert_eq!(answer.code(), 301, "{target}");
                assert_eq!(location, "/google.com/", "{target}");
            }
            None => assert_eq!(answer.code(), 404, "{target}"),
        }
    }
}

#[tokio::test]
async fn r94_and_r103_a_redirect_keeps_host_scheme_and_query() {
    let folder = Folder::with(&[("dir/index.html", "x"), ("größe/index.html", "x")]);
    let answer = folder.get("/dir?x=1&y=a%2Fb").await;
    assert_eq!((answer.code(), answer.field("location")), (301, Some("/dir/?x=1&y=a%2Fb")));
    assert_eq!(answer.field("content-length"), Some("0"));
    let answer = folder.ask(Method::HEAD, "/gr%C3%B6%c3%9Fe?", &[]).await;
    assert_eq!(answer.field("location"), Some("/gr%C3%B6%C3%9Fe/?"));
}

#[tokio::test]
async fn a_file_has_nothing_below_it() {
    let folder = Folder::with(&[("a.txt", "a")]);
    for target in ["/a.txt/", "/a.txt/b", "/a.txt/.", "/no", "/no/", "/%00", "/a.txt%00", "/A.txt"] {
        assert_eq!(folder.get(target).await.code(), 404, "{target}");
    }
    assert_eq!(folder.get(&format!("/{}", "x".repeat(5000))).await.code(), 404);
    assert_eq!(folder.get("/50%").await.code(), 400);
}

#[tokio::test]
async fn dot_files_are_never_served_but_well_known_is() {
    let mut folder = Folder::with(&[
        (".env", "SECRET"),
        (".git/config", "SECRET"),
        (".htaccess", "SECRET"),
        ("sub/.htpasswd", "SECRET"),
        (".well-known/.hidden", "SECRET"),
        ("sub/.well-known/x", "SECRET"),
        (".well-known/security.txt", "Contact"),
        ("app.html", "app"),
    ]);
    folder.website.listing = true;
    folder.website.fallback = Some("/app.html".into());
    for target in [
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/.git/",
        "/.git",
        "/.htaccess",
        "/sub/.htpasswd",
        "/.well-known/.hidden",
        "/sub/.well-known/x",
        "/sub/../.env",
    ] {
        let answer = folder.get(target).await;
        assert_eq!(answer.code(), 404, "{target}");
        assert!(!answer.text().contains("SECRET"), "{target}");
    }
    assert_eq!(folder.get("/.well-known/security.txt").await.text(), "Contact");
    assert!(!folder.get("/").await.text().contains(".git"));
}

/// Every path of four segments out of these, under each policy that confines links.
#[tokio::test]
async fn no_path_ever_leaves_its_root() {
    let mut folder = Folder::with(&[("a/index.html", "a"), ("a/ok.txt", "ok")]);
    let outside = folder.top.path().to_str().expect("UTF-8").to_owned();
    folder.link(&outside, "absolute");
    folder.link("..", "relative");
    folder.link("../../secret.txt", "a/file");
    folder.link("../a/../..", "a/winding");
    folder.link("/proc/self/root", "magic");
    folder.website.listing = true;
    let segments = [
        "",
        ".",
        "..",
        "%2e%2e",
        "..%2f",
        "%2e%2e%2f",
        "..%5c",
        "%2F",
        "..;",
        "%252e%252e",
        "a",
        "absolute",
        "relative",
        "file",
        "winding",
        "magic",
        "root",
        "secret.txt",
    ];
    for policy in [Symlinks::Inside, Symlinks::Deny] {
        folder.website.symlinks = policy;
        for first in segments {
            for second in segments {
                for third in segments {
                    for last in ["", "secret.txt", "..", "file"] {
                        let target = format!("/{first}/{second}/{third}/{last}");
                        let answer = folder.get(&target).await;
                        assert!(!String::from_utf8_lossy(&answer.body).contains("SECRET"), "{target}");
                        assert!(!String::from_utf8_lossy(&answer.body).contains("secret.txt"), "{target}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn names_that_are_not_utf_8_work() {
    use std::os::unix::ffi::OsStrExt;
    let mut folder = Folder::new();
    folder.website.listing = true;
    fs::write(folder.website.root.join(std::ffi::OsStr::from_bytes(b"caf\xe9.txt")), "latin").expect("the file");
    assert_eq!(folder.get("/caf%E9.txt").await.text(), "latin");
    assert!(folder.get("/").await.text().contains("href=\"caf%E9.txt\""));
}

#[tokio::test]
async fn a_root_that_is_replaced_is_served_anew() {
    let mut folder = Folder::with(&[]);
    for release in ["1", "2"] {
        let release = folder.top.path().join(release);
        fs::create_dir(&release).expect("a release");
        fs::write(release.join("index.html"), release.file_name().expect("a name").as_encoded_bytes()).expect("a page");
    }
    let current = folder.top.path().join("current");
    folder.website.root.clone_from(&current);
    symlink("1", &current).expect("the link");
    assert_eq!(folder.get("/").await.text(), "1");
    fs::remove_file(&current).expect("away with the link");
    symlink("2", &current).expect("the new link");
    folder.website.symlinks = Symlinks::Deny;
    assert_eq!(folder.get("/").await.text(), "2");
    fs::remove_file(&current).expect("away with the link");
    assert_eq!(folder.get("/").await.code(), 404);
}
