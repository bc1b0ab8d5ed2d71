//! The page of what is in a folder.

use super::*;

fn listed() -> Folder {
    let mut folder = Folder::new();
    folder.website.listing = true;
    folder
}

#[tokio::test]
async fn r96_names_are_escaped_and_links_lead_to_their_files() {
    let folder = listed();
    let names = ["a?b", "my:file", "<img src=x>.txt", "50%.txt", "a b.txt", "日本.txt", "q\"'&.txt", "#1", "a%41"];
    for name in names {
        folder.write(name, name);
    }
    let page = folder.get("/").await;
    let text = page.text();
    assert!(text.contains("&#60;img src=x&#62;.txt") && !text.contains("<img"), "{text}");
    assert!(text.contains("href=\"./my:file\""), "{text}");
    assert!(text.contains(">日本.txt<"), "{text}");
    let hrefs: Vec<&str> = text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(hrefs.len(), names.len());
    let mut found = Vec::new();
    for href in hrefs {
        let href = href.replace("&#39;", "'").replace("&#38;", "&").replace("./", "");
        found.push(folder.get(&format!("/{href}")).await.text().to_owned());
    }
    found.sort_unstable();
    let mut names = names.map(str::to_owned);
    names.sort_unstable();
    assert_eq!(found, names);
}

#[tokio::test]
async fn folders_come_first_and_sizes_and_dates_are_shown() {
    let folder = listed();
    for name in ["b.txt", "A.txt", "file10", "file9", "z/x", "Y/x"] {
        folder.write(name, "12345");
    }
    folder.date("b.txt", 86_400 + 3_660);
    let page = folder.get("/").await;
    let text = page.text();
    let places: Vec<usize> = ["Y/<", "z/<", "A.txt<", "b.txt<", "file9<", "file10<"]
        .iter()
        .map(|name| text.find(name).expect(name))
        .collect();
    assert!(places.is_sorted(), "{text}");
    assert!(text.contains("5 B") && text.contains("1970-01-02 01:01"), "{text}");
    assert!(text.contains("href=\"z/\"") && text.contains("name=\"viewport\""), "{text}");
    assert!(!text.contains("<script"));
}

#[tokio::test]
async fn the_page_runs_nothing_and_is_not_kept() {
    let page = listed().get("/").await;
    let policy = page.field("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let style = page.text().split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).expect("a style");
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, style.as_bytes());
    let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash);
    assert!(policy.contains(&hash), "the policy allows the style that the page has");
    assert_eq!(page.field("cache-control"), Some("no-cache"));
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
}

#[tokio::test]
async fn a_way_up_is_shown_but_at_the_routes_root() {
    let folder = listed();
    folder.write("sub/x", "");
    assert!(!folder.get("/").await.text().contains("../"));
    assert!(folder.get("/sub/").await.text().contains("href=\"../\""));
    let root = folder.ask_below("/gr%C3%B6%C3%9Fe", Method::GET, "/gr%C3%B6%C3%9Fe/", &[]).await;
    assert!(!root.text().contains("../"));
    assert!(root.text().contains("<title>/größe/</title>"), "{}", root.text());
}

#[tokio::test]
async fn r98_links_to_nothing_or_out_of_the_root_are_left_out() {
    let mut folder = listed();
    folder.write("sub/ok.html", "ok");
    folder.write(".env", "");
    folder.write("back\\slash", "");
    folder.link("/etc/passwd", "leaves");
    folder.link("nowhere", "broken");
    folder.link("turning", "turning");
    folder.link("sub/ok.html", "stays");
    folder.link(".env", "env");
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.path("pipe"), rustix::fs::Mode::RUSR).expect("a pipe");
    let names = |text: &str| -> Vec<String> {
        text.split("<bdi>").skip(2).filter_map(|rest| rest.split("</bdi>").next()).map(str::to_owned).collect()
    };
    for (policy, shown) in [
        (Symlinks::Inside, vec!["sub/", "stays"]),
        (Symlinks::Deny, vec!["sub/"]),
        (Symlinks::Follow, vec!["sub/", "env", "leaves", "stays"]),
    ] {
        folder.website.symlinks = policy;
        let page = folder.get("/").await;
        assert_eq!(page.code(), 200);
        assert_eq!(names(page.text()), shown, "{policy:?}");
    }
}

#[tokio::test]
async fn a_very_full_folder_is_cut_and_says_so() {
    let folder = listed();
    for name in 0..10_010 {
        fs::File::create(folder.path(&name.to_string())).expect("a file");
    }
    let page = folder.get("/").await;
    assert_eq!(page.text().matches("<tr><td").count(), 10_000);
    assert!(page.text().contains("Only 10000 entries"));
    let packed = folder.get_with("/", &[("accept-encoding", "zstd")]).await;
    assert_eq!(packed.field("content-encoding"), Some("zstd"));
    assert!(packed.body.len() < page.body.len() / 4);
}

#[tokio::test]
async fn without_listing_a_bare_folder_is_forbidden() {
    let mut folder = listed();
    folder.website.listing = false;
    assert!(matches!(folder.get("/").await.error, Some(RequestError::Forbidden)));
}
