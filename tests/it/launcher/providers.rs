//! Each kind of meeting server as a browser is led to it.

use super::*;
use crate::support::gate::gate;

const SECRET: &str = "a secret that prosody knows, too";

/// A gate with Mattermost at `/` and this launcher at `/jitsi/`.
fn launching(mattermost: &Upstream, launcher: &str) -> Builder {
    let file = format!(
        "[[site]]\nhosts = [\"chat.example\"]\n\
         [[site.route]]\npath = \"/\"\nproxy = \"http://{mattermost}\"\npreset = \"mattermost\"\n\
         [[site.route]]\npath = \"/jitsi/\"\nlauncher = \"it\"\n[launcher.it]\n{launcher}\n"
    );
    gate(file).with("secret", SECRET)
}

/// The page's address that begins so, as a browser reads the attribute.
fn link(page: &Message, scheme: &str) -> Option<String> {
    let text = page.text();
    let at = text.find(&format!("href=\"{scheme}"))? + "href=\"".len();
    let link = text[at..].split('"').next().expect("an end");
    Some(link.replace("&amp;", "&").replace("&#38;", "&"))
}

fn of_prosody(address: &str) -> Value {
    let token = address.split("jwt=").nth(1).and_then(|rest| rest.split(['#', '&']).next()).expect("a token");
    let mut demanded = Validation::new(Algorithm::HS256);
    demanded.set_audience(&["jitsi"]);
    demanded.set_issuer(&["our-app"]);
    demanded.leeway = 0;
    jsonwebtoken::decode::<Value>(token, &DecodingKey::from_secret(SECRET.as_bytes()), &demanded)
        .expect("a token that holds")
        .claims
}

#[tokio::test]
async fn ones_own_jitsi_gets_a_token_that_its_prosody_takes() {
    let mattermost = mattermost().await;
    let ours = "provider = \"jitsi\"\nserver = \"https://Meet.Example:8443\"\napp_id = \"our-app\"\n\
                secret = { file = \"secret\" }\n";
    let gate = launching(&mattermost, ours).run().await;
    let page = ask_signed_in(&gate, "/jitsi/Stand%20up").await;
    let address = link(&page, "https://meet.example:8443/").unwrap_or_else(|| panic!("no meeting in {page:?}"));
    assert!(address.starts_with("https://meet.example:8443/Stand%20up?jwt="), "{address}");
    let claims = of_prosody(&address);
    assert_eq!((&claims["sub"], &claims["room"]), (&"meet.example".into(), &"Stand%20up".into()));
    assert_eq!((&claims["moderator"], &claims["context"]["user"]["affiliation"]), (&true.into(), &"owner".into()));
    assert!(claims["context"]["features"].is_null(), "by the server's own rule");
    assert!(ask(&gate, "/jitsi/Standup", "").await.text().contains("login"), "nobody signed in, no token");

    // A phone gets the app's link beside it, with the same token.
    let phone = "\nUser-Agent: Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Mobile Safari/537.36";
    let page = ask(&gate, "/jitsi/Standup", &format!("\nCookie: MMAUTHTOKEN={SESSION}{phone}")).await;
    let app = link(&page, "intent://").unwrap_or_else(|| panic!("no app in {page:?}"));
    let end = "#Intent;scheme=org.jitsi.meet;package=org.jitsi.meet;end";
    assert!(app.starts_with("intent://meet.example:8443/Standup?jwt=") && app.ends_with(end), "{app}");
    assert_eq!(of_prosody(&app)["room"], "Standup");
}

#[tokio::test]
async fn public_meetings_get_the_name_and_no_token() {
    let mattermost = mattermost().await;
    let name = "#userInfo.displayName=%22Alice%20%5C%22A%5C%22%20%3Cb%3E%22";
    let gate = launching(&mattermost, "provider = \"public\"\n").run().await;
    let page = ask_signed_in(&gate, "/jitsi/Standup").await;
    assert_eq!(link(&page, "https://meet.jit.si/"), Some(format!("https://meet.jit.si/Standup{name}")));
    assert!(!page.text().contains("jwt="), "{}", page.text());

    let gate = launching(&mattermost, "provider = \"public\"\nmode = \"redirect\"\n").run().await;
    let found = ask_signed_in(&gate, "/jitsi/Standup").await;
    let location = format!("https://meet.jit.si/Standup{name}");
    assert_eq!((found.status(), found.field("location")), (302, Some(location.as_str())));
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_told_by_the_line_of_its_key() {
    let mattermost = mattermost().await;
    let ours =
        "provider = \"jitsi\"\nserver = \"https://meet.example\"\napp_id = \"a\"\nsecret = { file = \"gone\" }\n";
    let outcome = launching(&mattermost, ours).refused().await;
    outcome.assert_refused();
    for part in ["[launcher.it] cannot serve", "gone: there is no such file"] {
        assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
    }
    assert!(outcome.stderr.contains("secret = "), "the line itself: {}", outcome.stderr);
}
