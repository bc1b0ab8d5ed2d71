use std::net::IpAddr;

use http::uri::Scheme;

use super::*;
use crate::jitsi::identity::standin::{Account, Standin};
use crate::route::host::Authority;

const SESSION: &str = "ybndrfg8ejkmcpqxot1uwisza3";
const PNG: &[u8] = b"\x89PNG\r\n\x1A\n0000";

fn copies() -> Copies {
    Copies::new(hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]))
}

fn person(id: &str, picture: i64) -> Person {
    Person {
        id: id.into(),
        name: "Alice".into(),
        email: None,
        username: Some("alice".into()),
        guest: false,
        admin: false,
        picture: Some(picture),
    }
}

async fn fetch(copies: &Copies, mattermost: &Standin, person: &Person) -> Result<String, PictureError> {
    fetch_below("", copies, mattermost, person).await
}

async fn fetch_below(
    below: &str,
    copies: &Copies,
    mattermost: &Standin,
    person: &Person,
) -> Result<String, PictureError> {
    let authority = Authority::parse("chat.example").expect("an authority");
    let front = Front { below, authority: &authority, scheme: &Scheme::HTTPS, client: IpAddr::from([203, 0, 113, 9]) };
    let session = Secret::new(SESSION.to_owned());
    copies.fetch_if_absent(person, &session, front, async |request| mattermost.ask(request).await).await
}

async fn with_picture(picture: impl Into<Vec<u8>>) -> Standin {
    Standin::of([(SESSION.to_owned(), Account { picture: picture.into(), ..Account::default() })]).await
}

#[tokio::test]
async fn a_picture_is_fetched_once_with_the_persons_own_session() {
    let mattermost = with_picture(PNG).await;
    let copies = copies();
    let alice = person("a1", 1_700_000_000_000);
    for _ in 0..3 {
        let segment = fetch(&copies, &mattermost, &alice).await.expect("a copy");
        assert_eq!(segment, copies.address(&alice));
        assert_eq!(copies.get(&segment), Some((Bytes::from_static(PNG), "image/png")));
    }
    let (target, fields) = mattermost.only();
    assert_eq!(target, "GET /api/v4/users/a1/image?_=1700000000000");
    assert_eq!(fields["authorization"], format!("Bearer {SESSION}"));
    assert!(!fields.contains_key("cookie"));
}

#[tokio::test]
async fn a_picture_comes_from_below_mattermosts_own_path() {
    let account = Account { picture: PNG.into(), ..Account::default() };
    let mattermost = Standin::of_below("/chat", [(SESSION.to_owned(), account)]).await;
    fetch_below("/chat", &copies(), &mattermost, &person("a1", 1)).await.expect("a copy");
    assert_eq!(mattermost.targets(), ["GET /chat/api/v4/users/a1/image?_=1"]);
}

#[test]
fn an_address_tells_nothing_and_is_another_for_each_person_picture_and_key() {
    let copies = copies();
    let mut all = vec![
        copies.address(&person("a1", 1)),
        copies.address(&person("a1", 2)),
        copies.address(&person("a2", 1)),
        copies.address(&person("a", 11)),
        Copies::new(hmac::Key::new(hmac::HMAC_SHA256, &[8; 32])).address(&person("a1", 1)),
    ];
    assert_eq!(copies.address(&person("a1", 1)), all[0]);
    assert!(all.iter().all(|a| a.len() == 43 && a.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 5);
    assert!(copies.get(&copies.address(&person("a1", 1))).is_none(), "an address alone is no copy");
    assert!(copies.get("").is_none() && copies.get("../a1").is_none());
}

#[tokio::test]
async fn a_new_picture_ousts_the_old_one() {
    let mattermost = with_picture(PNG).await;
    let copies = copies();
    let old = fetch(&copies, &mattermost, &person("a1", 1)).await.expect("a copy");
    let other = fetch(&copies, &mattermost, &person("b2", 1)).await.expect("a copy");
    let new = fetch(&copies, &mattermost, &person("a1", 2)).await.expect("a copy");
    assert!(copies.get(&old).is_none() && copies.get(&new).is_some() && copies.get(&other).is_some());
}

#[tokio::test]
async fn pictures_alone_are_kept_by_their_bytes_and_not_by_what_is_said_of_them() {
    for (bytes, kind) in [
        (PNG, Some("image/png")),
        (b"\xFF\xD8\xFF\xE0\0\x10JFIF", Some("image/jpeg")),
        (b"GIF89a...", Some("image/gif")),
        (b"GIF87a...", Some("image/gif")),
        (b"RIFF\x10\0\0\0WEBPVP8 ", Some("image/webp")),
        (b"RIFF\x10\0\0\0WAVEfmt ", None),
        (b"GIF90a", None),
        (b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>", None),
        (b"<!doctype html><script>alert(1)</script>", None),
        (b"{}", None),
        (b"\x89PNG", None),
        (b"BM\0\0", None),
        (b" \x89PNG\r\n\x1A\n", None),
    ] {
        // All of them come as image/png.
        let (mattermost, copies, alice) = (with_picture(bytes).await, copies(), person("a1", 1));
        let outcome = fetch(&copies, &mattermost, &alice).await;
        assert_eq!(copies.get(&copies.address(&alice)).map(|(_, kind)| kind), kind, "{bytes:?}");
        assert_eq!(outcome.is_ok(), kind.is_some(), "{outcome:?}");
    }
}

#[tokio::test]
async fn what_is_no_answer_or_too_large_is_not_kept() {
    let copies = copies();
    let alice = person("a1", 1);
    let mut large = PNG.to_vec();
    large.resize(LARGEST, 0);
    assert!(fetch(&copies, &with_picture(large.clone()).await, &alice).await.is_ok());
    large.push(0);
    let bob = person("b2", 1);
    assert!(matches!(fetch(&copies, &with_picture(large).await, &bob).await, Err(PictureError::TooLarge(_))));
    for (status, field) in
        [(401, ("x-a", "b")), (404, ("x-a", "b")), (302, ("location", "/static/me.png")), (304, ("x-a", "b"))]
    {
        let mattermost = Standin::answering(status, &[field], if status == 304 { "" } else { "\u{0}PNG" }).await;
        let outcome = fetch(&copies, &mattermost, &bob).await;
        assert!(matches!(outcome, Err(PictureError::Refused(s)) if s == status), "{status}: {outcome:?}");
        assert_eq!(mattermost.count(), 1, "never followed");
    }
    for id in ["../../admin", "", "a/b", "a?b"] {
        let mattermost = with_picture(PNG).await;
        assert!(matches!(fetch(&copies, &mattermost, &person(id, 1)).await, Err(PictureError::Nobody)), "{id}");
        assert_eq!(mattermost.count(), 0);
    }
    assert!(copies.get(&copies.address(&bob)).is_none());
}

#[test]
fn it_stays_small_and_forgets_what_was_longest_not_looked_at() {
    let copies = copies();
    let put = |number: usize| {
        let held = Held { picture: Bytes::from_static(PNG), kind: "image/png", owner: number.to_string(), seen: 0 };
        copies.lock().put(number.to_string(), held);
    };
    for number in 0..MOST {
        put(number);
    }
    assert!(copies.get("0").is_some(), "looked at, and so the newest");
    put(MOST);
    put(MOST + 1);
    assert_eq!(copies.lock().by_segment.len(), MOST);
    assert!(copies.get("0").is_some() && copies.get("3").is_some());
    assert!(copies.get("1").is_none() && copies.get("2").is_none());
    assert_eq!(format!("{copies:?}"), "Copies { held: 512, .. }");
}
