//! Files that are kept in memory: every change on the disk shows, and no answer differs from that of a file that is read.

use super::super::shelf;
use super::*;

/// Asks for these paths until they are kept. A file is kept once its last change is old enough, which nobody can make
/// it: time has to pass.
async fn keep(folder: &Folder, paths: &[&str]) {
    let begun = std::time::Instant::now();
    for path in paths {
        loop {
            assert!(folder.get(&format!("/{path}")).await.code() == 200, "{path}");
            if is_kept(folder, path) {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{path} is never kept");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn is_kept(folder: &Folder, path: &str) -> bool {
    shelf::look(&folder.website.root, path.as_bytes()).0
}

#[tokio::test]
async fn whatever_changes_on_the_disk_shows_with_the_next_request() {
    let names = ["edited", "backdated", "replaced", "removed", "linked", "folder", "longer"];
    let folder = Folder::new();
    for name in names {
        folder.write(name, "old one");
    }
    folder.date("backdated", 1000);
    keep(&folder, &names).await;

    folder.write("edited", "new one");
    assert_eq!(folder.get("/edited").await.text(), "new one");

    folder.write("backdated", "new one");
    folder.date("backdated", 1000);
    assert_eq!(folder.get("/backdated").await.text(), "new one", "of the same age and length");

    folder.write("beside", "new one");
    fs::rename(folder.path("beside"), folder.path("replaced")).expect("renamed");
    assert_eq!(folder.get("/replaced").await.text(), "new one");

    fs::remove_file(folder.path("removed")).expect("removed");
    assert_eq!(folder.get("/removed").await.code(), 404);

    fs::remove_file(folder.path("linked")).expect("removed");
    folder.link("../secret.txt", "linked");
    assert_eq!(folder.get("/linked").await.code(), 404, "it leads out of the root");

    fs::remove_file(folder.path("folder")).expect("removed");
    folder.write("folder/index.html", "a page");
    assert_eq!(folder.get("/folder").await.code(), 301);

    folder.write("longer", "old one and more");
    let answer = folder.get("/longer").await;
    assert_eq!((answer.text(), answer.field("content-length")), ("old one and more", Some("16")));
}

#[tokio::test]
async fn a_root_that_is_swapped_is_served_anew() {
    let mut folder = Folder::with(&[]);
    for (release, content) in [("one", "first"), ("two", "other")] {
        let root = folder.top.path().join(release);
        fs::create_dir(&root).expect("a release");
        fs::write(root.join("a.txt"), content).expect("its file");
    }
    let current = folder.top.path().join("current");
    symlink("one", &current).expect("a link");
    folder.website.root = current.clone();
    keep(&folder, &["a.txt"]).await;
    symlink("two", folder.top.path().join("next")).expect("a link");
    fs::rename(folder.top.path().join("next"), &current).expect("swapped");
    assert_eq!(folder.get("/a.txt").await.text(), "other");
}

#[tokio::test]
async fn a_folder_that_becomes_a_link_to_itself_is_seen_to_be_one() {
    let mut folder = Folder::with(&[("sub/a.txt", "inside")]);
    folder.website.symlinks = Symlinks::Deny;
    keep(&folder, &["sub/a.txt"]).await;
    fs::rename(folder.path("sub"), folder.top.path().join("moved")).expect("moved out");
    folder.link("../moved", "sub");
    let begun = std::time::Instant::now();
    while folder.get("/sub/a.txt").await.code() != 404 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the link is followed for ever");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_answer_from_memory_is_the_one_from_the_disk() {
    let asked: [&[(&str, &str)]; 9] = [
        &[],
        &[("range", "bytes=2-4")],
        &[("range", "bytes=0-0,-2")],
        &[("range", "bytes=99-")],
        &[("if-modified-since", "Thu, 01 Jan 1970 00:16:40 GMT")],
        &[("if-match", "\"other\"")],
        &[("if-none-match", "*")],
        &[("accept-encoding", "identity;q=0, gzip")],
        &[("range", "bytes=1-2"), ("if-range", "Thu, 01 Jan 1970 00:16:40 GMT")],
    ];
    for name in ["a.txt", "a.bin", "a.png"] {
        let folder = Folder::with(&[(name, "0123456789")]);
        folder.date(name, 1000);
        let answers = async || {
            let mut answers = Vec::new();
            for fields in asked {
                for method in [Method::GET, Method::HEAD] {
                    let answer = folder.ask(method, &format!("/{name}"), fields).await;
                    let mut lines: Vec<String> =
                        answer.fields.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
                    lines.sort();
                    let told = (answer.code(), lines, answer.body);
                    answers.push(told);
                }
            }
            answers
        };
        let from_disk = answers().await;
        assert!(!is_kept(&folder, name), "it is too young");
        keep(&folder, &[name]).await;
        for (disk, memory) in from_disk.into_iter().zip(answers().await) {
            // Each answer in parts has a boundary of its own, and a coding that is kept has a length.
            let same = |(code, lines, body): &(u16, Vec<String>, Bytes)| {
                let told: Vec<String> = lines
                    .iter()
                    .filter(|line| !line.contains("boundary") && !line.contains("length"))
                    .cloned()
                    .collect();
                (*code, told, (!lines.iter().any(|line| line.contains("boundary"))).then(|| body.clone()))
            };
            assert_eq!(same(&disk), same(&memory), "{name}");
        }
    }
}

#[tokio::test]
async fn siblings_that_come_and_go_are_seen() {
    let folder = Folder::with(&[("a.js", "plain")]);
    keep(&folder, &["a.js"]).await;
    let all = [("accept-encoding", "br, gzip, zstd")];
    // Twice: the second time nothing is looked for any more.
    for _ in 0..2 {
        assert_eq!(folder.get_with("/a.js", &all).await.text(), "plain");
    }
    folder.write("a.js.gz", "packed");
    assert_eq!(folder.get_with("/a.js", &all).await.text(), "packed");
    assert_eq!(folder.get("/a.js").await.text(), "plain");
    fs::remove_file(folder.path("a.js.gz")).expect("removed");
    assert_eq!(folder.get_with("/a.js", &all).await.text(), "plain");
}

#[tokio::test]
async fn a_coding_is_made_once_and_fits_the_file() {
    let text = "the same words again and again, ".repeat(200);
    let folder = Folder::with(&[("a.txt", &text)]);
    keep(&folder, &["a.txt"]).await;
    let gzip = [("accept-encoding", "gzip")];
    let first = folder.get_with("/a.txt", &gzip).await;
    let again = folder.get_with("/a.txt", &gzip).await;
    assert_eq!(first.body.as_ptr(), again.body.as_ptr(), "the very same bytes");
    assert_eq!(encodings::gunzip(&again.body).await, text.as_bytes());
    assert!(again.field("etag").expect("a tag").starts_with("W/") && again.field("accept-ranges").is_none());
    folder.write("a.txt", text.to_uppercase());
    let changed = folder.get_with("/a.txt", &gzip).await;
    assert_eq!(encodings::gunzip(&changed.body).await, text.to_uppercase().as_bytes());
}

#[tokio::test]
async fn no_more_is_kept_than_there_is_room_for() {
    let folder = Folder::new();
    let (_, room) = shelf::look(&folder.website.root, b"");
    let names: Vec<String> = (0..100).map(|number| format!("{number}.png")).collect();
    for name in &names {
        folder.write(name, vec![7; 64 * 1024]);
    }
    folder.write("large.png", vec![7; 64 * 1024 + 1]);
    folder.link("0.png", "link.png");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    keep(&folder, &names).await;
    let kept = names.iter().filter(|name| is_kept(&folder, name)).count();
    assert!((1..100).contains(&kept) && kept * 64 * 1024 <= usize::try_from(room).expect("small"), "{kept}");
    assert!(is_kept(&folder, "99.png") && !is_kept(&folder, "0.png"), "the one asked for longest ago goes first");
    for name in ["large.png", "link.png"] {
        assert_eq!(folder.get(&format!("/{name}")).await.code(), 200);
        assert!(!is_kept(&folder, name), "{name}");
    }
}
