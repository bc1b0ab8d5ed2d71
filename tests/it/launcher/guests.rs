//! People from outside: the form, its mark, the passcode, tries, and invitations.

use super::*;
use crate::support::process::gatepost;

/// A browser, as far as guests need one: it keeps the launcher's cookie.
#[derive(Default)]
struct Browser {
    cookie: Option<String>,
}

impl Browser {
    async fn get(&mut self, gate: &Gate, path: &str) -> Message {
        let page = ask(gate, path, &self.fields()).await;
        self.keep(page)
    }

    async fn post(&mut self, gate: &Gate, path: &str, form: &str) -> Message {
        self.post_with(gate, path, form, "").await
    }

    async fn post_with(&mut self, gate: &Gate, path: &str, form: &str, fields: &str) -> Message {
        let mut wire = gate.tls(CHAT).await;
        let head = format!(
            "POST {path} HTTP/1.1\nHost: chat.example\nAccept: text/html\nContent-Type: application/x-www-form-urlencoded\
             {}{fields}",
            self.fields()
        );
        wire.send(message(&head, form).as_slice()).await;
        let page = wire.answer().await;
        self.keep(page)
    }

    /// Fills the form at `path` and sends it.
    async fn fill(&mut self, gate: &Gate, path: &str, fields: &str) -> Message {
        let form = self.get(gate, path).await;
        assert_eq!(form.status(), 200, "{form:?}");
        let (action, mark) = (action(&form), mark(&form));
        self.post(gate, &action, &format!("csrf={mark}&{fields}")).await
    }

    fn fields(&self) -> String {
        self.cookie.as_ref().map(|cookie| format!("\nCookie: {cookie}")).unwrap_or_default()
    }

    fn keep(&mut self, page: Message) -> Message {
        if let Some(cookie) = page.field("set-cookie") {
            assert!(
                cookie.contains("; Path=/jitsi; ") && cookie.contains("HttpOnly") && cookie.contains("; Secure"),
                "{cookie}"
            );
            self.cookie = cookie.split(';').next().map(str::to_owned);
        }
        page
    }
}

fn attribute(page: &Message, before: &str) -> String {
    let text = page.text();
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1;
    rest.split('"').next().expect("an end").to_owned()
}

fn action(page: &Message) -> String {
    attribute(page, "<form method=\"post\" action=\"")
}

fn mark(page: &Message) -> String {
    attribute(page, "name=\"csrf\" value=\"")
}

/// A gate with guests; nobody is signed in at its Mattermost.
async fn house(keys: &str) -> (Gate, DecodingKey, Upstream) {
    let mattermost = mattermost().await;
    let (builder, public) = meetings(&mattermost, keys);
    (builder.server("public_https_port = 443").run().await, public, mattermost)
}

fn user_of(page: &Message, public: &DecodingKey) -> Value {
    assert_eq!(page.status(), 200, "{page:?}");
    claims(&meeting(page), public)["context"]["user"].clone()
}

#[tokio::test]
async fn a_guest_gives_a_name_and_is_no_moderator() {
    let (gate, public, _mattermost) = house("guests = \"join\"\nmoderators = \"everyone\"").await;
    let mut browser = Browser::default();
    let door = ask(&gate, "/jitsi/room1", "\nSec-Fetch-Mode: navigate").await;
    assert_eq!(door.status(), 401, "{door:?}");
    assert!(door.text().contains("href=\"/jitsi/-/guest/room1\""), "{}", door.text());
    let form = browser.get(&gate, "/jitsi/-/guest/room1").await;
    let policy = form.field("content-security-policy").expect("a policy");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "{policy}");
    let page = browser.fill(&gate, "/jitsi/-/guest/room1", "name=+Zo%C3%AB+%22%3Cb%3E+").await;
    let user = user_of(&page, &public);
    assert_eq!(user, serde_json::json!({ "name": "Zoë \"<b>", "moderator": "false" }));
    assert_eq!(claims(&meeting(&page), &public)["room"], "room1");
}

#[tokio::test]
async fn without_guests_there_is_no_form_and_no_invitation() {
    let (gate, _, _mattermost) = house("").await;
    for path in ["/jitsi/-/guest/room1", "/jitsi/-/invite/AAAA", "/jitsi/-/guest/", "/jitsi/-/guest/a/b"] {
        assert_eq!(ask(&gate, path, "").await.status(), 404, "{path}");
        assert_eq!(Browser::default().post(&gate, path, "name=x").await.status(), 404, "{path}");
    }
    let door = ask(&gate, "/jitsi/room1", "\nSec-Fetch-Mode: navigate").await;
    assert!(!door.text().contains("guest"), "{}", door.text());
}

#[tokio::test]
async fn another_website_cannot_send_the_form() {
    let (gate, public, _mattermost) = house("guests = \"join\"").await;
    let path = "/jitsi/-/guest/room1";
    let mut ours = Browser::default();
    let form = ours.get(&gate, path).await;
    let body = format!("csrf={}&name=Gus", mark(&form));
    // Without the cookie, as another site's form comes (SameSite=Lax), with another browser's, without the mark, with
    // another room's, and where the browser itself says so.
    let mut other = Browser::default();
    other.get(&gate, path).await;
    let elsewhere = mark(&ours.get(&gate, "/jitsi/-/guest/room2").await);
    for (what, page) in [
        ("no cookie", Browser::default().post(&gate, path, &body).await),
        ("another's", other.post(&gate, path, &body).await),
        ("no mark", ours.post(&gate, path, "name=Gus").await),
        ("another room's mark", ours.post(&gate, path, &format!("csrf={elsewhere}&name=Gus")).await),
    ] {
        assert_eq!(page.status(), 400, "{what}: {page:?}");
        assert!(!page.text().contains("8x8.vc"), "{what}");
        assert!(page.text().contains("role=\"alert\""), "{what}: {}", page.text());
    }
    let page = ours.post_with(&gate, path, &body, "\nSec-Fetch-Site: cross-site").await;
    assert_eq!(page.status(), 403, "{page:?}");
    // `Referrer-Policy: no-referrer` makes the browser's own Origin null.
    let page = ours.post_with(&gate, path, &body, "\nSec-Fetch-Site: same-origin\nOrigin: null").await;
    assert_eq!(user_of(&page, &public)["name"], "Gus");
}

#[tokio::test]
async fn a_name_that_is_none_is_asked_for_again() {
    let (gate, _, _mattermost) = house("guests = \"join\"").await;
    let long = format!("name={}", "x".repeat(65));
    for fields in ["", "name=", "name=+++", "name=%E2%80%AE", "name=%00%07", &*long] {
        let page = Browser::default().fill(&gate, "/jitsi/-/guest/room1", fields).await;
        assert_eq!(page.status(), 400, "{fields}: {page:?}");
        assert!(page.text().contains("aria-invalid=\"true\"") && !page.text().contains("8x8.vc"), "{fields}");
    }
    let huge = format!("name={}", "x".repeat(20_000));
    assert_eq!(Browser::default().fill(&gate, "/jitsi/-/guest/room1", &huge).await.status(), 413);
}

#[tokio::test]
async fn a_passcode_is_asked_for_and_never_shown_again() {
    let (gate, public, _mattermost) = house("guests = \"join\"\nguest_passcode = \"open sesame\"").await;
    let path = "/jitsi/-/guest/room1";
    for wrong in ["", "&passcode=", "&passcode=Open+sesame", "&passcode=open"] {
        let page = Browser::default().fill(&gate, path, &format!("name=Gus{wrong}")).await;
        assert_eq!(page.status(), 403, "{wrong}: {page:?}");
        assert!(page.text().contains("value=\"Gus\"") && !page.text().contains("esame"), "{}", page.text());
    }
    let page = Browser::default().fill(&gate, path, "name=Gus&passcode=+open+sesame").await;
    assert_eq!(user_of(&page, &public)["name"], "Gus");
    let log = gate.stop().await;
    assert!(!(log.stdout + &log.stderr).contains("sesame"));
}

#[tokio::test]
async fn an_address_that_tries_too_often_is_told_to_wait() {
    let (gate, _, _mattermost) = house("guests = \"join\"\nguest_passcode = \"open sesame\"\nguest_tries = 3").await;
    let (path, mut browser) = ("/jitsi/-/guest/room1", Browser::default());
    for _ in 0..3 {
        assert_eq!(browser.fill(&gate, path, "name=Gus&passcode=x").await.status(), 403);
    }
    let page = browser.fill(&gate, path, "name=Gus&passcode=open+sesame").await;
    assert_eq!(page.status(), 429, "{page:?}");
    let wait: u64 = page.field("retry-after").and_then(|wait| wait.parse().ok()).expect("seconds");
    assert!((1..=20).contains(&wait), "{wait}");
    assert!(!page.text().contains("8x8.vc"));
    assert_eq!(ask_signed_in(&gate, "/jitsi/room1").await.status(), 200, "others are not held up");
}

/// An invitation made by the command, as path below the host.
async fn invite(gate: &Gate, arguments: &[&str]) -> String {
    let made = gatepost(gate.folder(), &[&["invite", "-c", "gatepost.toml"], arguments].concat()).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let link = made.stdout.lines().next().expect("a link");
    let path = link.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned()));
    path.unwrap_or_else(|| panic!("no link in {made:?}"))
}

#[tokio::test]
async fn an_invitation_lets_one_browser_into_one_room() {
    let (gate, public, _mattermost) = house("invitations = true\nmoderators = \"everyone\"").await;
    let path = invite(&gate, &["Sales talk", "--for", "2h"]).await;
    assert!(path.starts_with("/jitsi/-/invite/"), "{path}");
    // What previews links uses nothing up.
    for _ in 0..3 {
        assert_eq!(Browser::default().get(&gate, &path).await.status(), 200);
    }
    let mut first = Browser::default();
    for _ in 0..2 {
        let page = first.fill(&gate, &path, "name=Gus").await;
        assert_eq!(user_of(&page, &public), serde_json::json!({ "name": "Gus", "moderator": "false" }));
        assert_eq!(claims(&meeting(&page), &public)["room"], "Sales%20talk");
    }
    let replayed = Browser::default().fill(&gate, &path, "name=Eve").await;
    assert_eq!(replayed.status(), 403, "{replayed:?}");
    assert!(!replayed.text().contains("8x8.vc"));
    // The guests' form is not open because of it.
    assert_eq!(ask(&gate, "/jitsi/-/guest/room1", "").await.status(), 404);
    let mut altered = path.clone();
    let last = if altered.pop() == Some('A') { 'B' } else { 'A' };
    altered.push(last);
    for bad in [altered, format!("{path}A"), path[..path.len() - 1].to_owned(), "/jitsi/-/invite/AAAA".into()] {
        let page = Browser::default().get(&gate, &bad).await;
        assert_eq!(page.status(), 404, "{bad}: {page:?}");
        let page = Browser::default().post(&gate, &bad, "name=Eve").await;
        assert_eq!(page.status(), 404, "{bad}: {page:?}");
    }
    let log = gate.stop().await;
    let secret = path.strip_prefix("/jitsi/-/invite/").and_then(|secret| secret.get(..20)).expect("an invitation");
    assert!(log.stdout.contains("/jitsi/-/invite/***") && !(log.stdout + &log.stderr).contains(secret));
}

#[tokio::test]
async fn an_invitation_ends_with_its_time() {
    let (gate, _, _mattermost) = house("invitations = true").await;
    let path = invite(&gate, &["room1", "--for", "1s"]).await;
    loop {
        let page = Browser::default().get(&gate, &path).await;
        if page.status() == 200 {
            continue;
        }
        assert_eq!(page.status(), 410, "{page:?}");
        break;
    }
    assert_eq!(Browser::default().post(&gate, &path, "name=Eve").await.status(), 410);
}

#[tokio::test]
async fn a_token_ends_with_the_invitation_that_it_was_given_for() {
    let (gate, public, _mattermost) = house("guests = \"join\"\ninvitations = true").await;
    let before = now();
    let path = invite(&gate, &["room1", "--for", "10m"]).await;
    let after = now();
    // By the form, the same name gets an hour in the same room.
    let by_form = Browser::default().fill(&gate, "/jitsi/-/guest/room1", "name=Gus").await;
    let exp = |page: &Message| claims(&meeting(page), &public)["exp"].as_u64().expect("a number");
    assert!(exp(&by_form) >= before + 3600);
    let mut invited = Browser::default();
    for _ in 0..2 {
        let page = invited.fill(&gate, &path, "name=Gus").await;
        assert!((before + 600..=after + 600).contains(&exp(&page)), "{}", exp(&page));
    }
}

#[tokio::test]
async fn a_full_budget_leads_guests_only_where_guests_may_come() {
    const NOBODY: &str = "";
    for (spare, by_form, by_invitation) in [
        (NOBODY, 403, 403),
        ("invitations = true", 403, 200),
        ("guests = \"join\"", 200, 200),
        ("identity = [\"none\"]", 200, 200),
    ] {
        let mattermost = mattermost().await;
        let keys = "guests = \"join\"\ninvitations = true\nmonthly_users = 1\nat_limit = \"fallback:spare\"";
        let (builder, _) = meetings(&mattermost, keys);
        let launcher = format!("[launcher.spare]\nprovider = \"public\"\n{spare}\n[launcher.jaas]");
        let gate = builder.replacing("[launcher.jaas]", &launcher).server("public_https_port = 443").run().await;
        let leads_to_spare = |page: &Message| page.text().contains("https://meet.jit.si/room1");
        let first = Browser::default().fill(&gate, "/jitsi/-/guest/room1", "name=Gus").await;
        assert!(meeting(&first).starts_with(&format!("https://8x8.vc/{APP_ID}/room1")), "{spare}: {first:?}");
        let second = Browser::default().fill(&gate, "/jitsi/-/guest/room1", "name=Zoe").await;
        let invited = Browser::default().fill(&gate, &invite(&gate, &["room1", "--for", "2h"]).await, "name=Ada").await;
        let member = ask_signed_in(&gate, "/jitsi/room1").await;
        assert!(leads_to_spare(&member), "{spare}: {member:?}");
        let mut led = 1;
        for (page, status) in [(second, by_form), (invited, by_invitation)] {
            assert_eq!((page.status(), leads_to_spare(&page)), (status, status == 200), "{spare}: {page:?}");
            led += usize::from(status == 200);
        }
        let told = gatepost(gate.folder(), &["meetings", "-c", "gatepost.toml", "--json"]).await;
        let told: Value = serde_json::from_str(&told.stdout).expect("JSON");
        let counted = |name: &str| {
            let launchers = told["launchers"].as_array().expect("a list");
            let launcher = launchers.iter().find(|launcher| launcher["launcher"] == name).expect("it is told");
            launcher["counted"]["devices"].clone()
        };
        assert_eq!((counted("jaas"), counted("spare")), (1.into(), led.into()), "{spare}: {told}");
    }
}

#[tokio::test]
async fn an_invitation_that_cannot_be_made_says_why() {
    let (gate, _, _mattermost) = house("").await;
    let refused = gatepost(gate.folder(), &["invite", "-c", "gatepost.toml", "room1", "--for", "2h"]).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("add invitations = true"), "{refused:?}");
    for (arguments, words) in [
        (&["room1", "--for", "32d"][..], "31 days"),
        (&["a/b", "--for", "1h"], "one segment"),
        (&["room1", "--for", "soon"], "soon"),
        (&["room1", "--for", "1h", "--launcher", "other"], "no route has a launcher of the name \"other\""),
    ] {
        let refused = gatepost(gate.folder(), &[&["invite", "-c", "gatepost.toml"], arguments].concat()).await;
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    let (builder, _) = meetings(&mattermost().await, "invitations = true");
    let builder = builder.write();
    let refused = gatepost(builder.folder(), &["invite", "-c", "gatepost.toml", "room1", "--for", "2h"]).await;
    assert!(refused.code == Some(2) && refused.stderr.contains("set public_https_port"), "{refused:?}");
    // Where nothing was ever served, there is no key to sign with.
    let (builder, _) = meetings(&mattermost().await, "invitations = true");
    let builder = builder.server("public_https_port = 443").write();
    let refused = gatepost(builder.folder(), &["invite", "-c", "gatepost.toml", "room1", "--for", "2h"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("installation.key is not there yet"), "{refused:?}");
}
