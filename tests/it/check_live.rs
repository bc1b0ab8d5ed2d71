//! `gatepost check --live`: the running world, right and wrong in each point.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

use crate::support::gate::{CHAT, Gate, gate};
use crate::support::process::{Outcome, gatepost};
use crate::support::raw::message;
use crate::support::upstream::Upstream;

const ADMIN: &str = "ybndrfg8ejkmcpqxot1uwisza3";
const MEMBER: &str = "13456789abcdefghijkmnopqru";

/// What Mattermost is set to; a test changes it.
#[derive(Debug, Clone)]
struct Settings {
    site_url: String,
    managed: String,
    plugin: Value,
    enabled: bool,
    /// By how many seconds its clock is behind.
    behind: u64,
}

/// A Mattermost with settings, a member and an administrator.
async fn mattermost(settings: Arc<Mutex<Settings>>) -> Upstream {
    Upstream::answering(move |request| {
        let settings = settings.lock().expect("whole").clone();
        let as_who =
            request.field("authorization").and_then(|bearer| bearer.strip_prefix("Bearer ")).map(str::to_owned);
        let known = as_who.as_deref().is_some_and(|token| token == ADMIN || token == MEMBER);
        let date = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(settings.behind));
        let json = |status: &str, value: Value| {
            message(
                &format!(
                    "HTTP/1.1 {status}\nContent-Type: application/json\nX-Version-Id: 10.5.1.123.hash\nDate: {date}"
                ),
                value.to_string(),
            )
        };
        let refused = || json("401 Unauthorized", json!({ "id": "api.context.session_expired.app_error" }));
        match request.target() {
            "/api/v4/system/ping" => json("200 OK", json!({ "status": "OK" })),
            "/api/v4/config/client?format=old" if as_who.is_some() && !known => refused(),
            "/api/v4/config/client?format=old" => {
                let mut client = json!({ "SiteURL": settings.site_url });
                if known {
                    client["ManagedResourcePaths"] = settings.managed.into();
                }
                json("200 OK", client)
            }
            "/api/v4/config" if as_who.as_deref() == Some(ADMIN) => json(
                "200 OK",
                json!({ "PluginSettings": {
                    "PluginStates": { "jitsi": { "Enable": settings.enabled } },
                    "Plugins": { "jitsi": settings.plugin },
                } }),
            ),
            "/api/v4/config" if known => json("403 Forbidden", json!({ "id": "api.context.permissions.app_error" })),
            "/api/v4/users/me" if known => {
                json("200 OK", json!({ "id": "a1", "username": "anna", "roles": "system_user" }))
            }
            _ => refused(),
        }
    })
    .await
}

/// A running gatepost, and the settings of its Mattermost.
struct House {
    gate: Gate,
    settings: Arc<Mutex<Settings>>,
    _mattermost: Upstream,
}

async fn house(keys: &str) -> House {
    // Its address must be known to the command, too.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let origin = format!("https://{CHAT}:{port}");
    let settings = Arc::new(Mutex::new(Settings {
        site_url: origin.clone(),
        managed: "other, /jitsi/".into(),
        plugin: json!({ "jitsiurl": format!("{origin}/jitsi/"), "jitsiembedded": false, "jitsijwt": false,
            "jitsiappsecret": "********************************" }),
        enabled: true,
        behind: 0,
    }));
    let mattermost = mattermost(settings.clone()).await;
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("an RSA key");
    let file = format!(
        r#"
        [[site]]
        hosts = ["{CHAT}"]

        [[site.route]]
        path = "/"
        proxy = "http://{mattermost}"
        preset = "mattermost"

        [[site.route]]
        path = "/jitsi/"
        launcher = "jaas"

        [launcher.jaas]
        provider = "jaas"
        app_id = "vpaas-magic-cookie-123456"
        key_id = "vpaas-magic-cookie-123456/aabbcc"
        private_key = "private.pk"
        {keys}
        "#
    );
    let gate = gate(file)
        .with("private.pk", key.serialize_pem())
        .with("admin.token", ADMIN)
        .with("member.token", format!("{MEMBER}\n"))
        .with("wrong.token", "nobodys0token")
        .with("odd.token", "two words")
        .listening_as_told()
        .server(&format!("http = []\nhttps = [\"127.0.0.1:{port}\"]"))
        .run()
        .await;
    House { gate, settings, _mattermost: mattermost }
}

impl House {
    fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings.lock().expect("whole"));
    }

    async fn check(&self, arguments: &[&str]) -> Outcome {
        let outcome =
            gatepost(self.gate.folder(), &[&["check", "-c", "gatepost.toml", "--live"], arguments].concat()).await;
        for secret in [ADMIN, MEMBER, "eyJ"] {
            assert!(!(outcome.stdout.clone() + &outcome.stderr).contains(secret), "{outcome:?}");
        }
        outcome
    }

    /// The verdict and the reason of what was looked at, as an administrator.
    async fn verdict(&self, what: &str) -> (String, String) {
        let report: Value =
            serde_json::from_str(&self.check(&["--token-file", "admin.token", "--json"]).await.stdout).expect("JSON");
        let lines = report["live"].as_array().expect("lines");
        let line = lines.iter().find(|line| line["what"] == what).unwrap_or_else(|| panic!("no {what} in {report:#}"));
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        (text("verdict"), format!("{} {}", text("why"), text("mend")))
    }
}

#[tokio::test]
async fn where_everything_fits_it_says_so() {
    let house = house("").await;
    let outcome = house.check(&["--token-file", "admin.token"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    for line in [
        "version 10.5.1",
        "agrees with this machine's",
        "has \"jitsi\"",
        "no token; the way to the login",
        "would enter; only the head was asked for",
        "plugin: embedded",
    ] {
        assert!(outcome.stdout.contains(line), "{line}: {}", outcome.stdout);
    }
    assert!(!outcome.stdout.contains("not checked") && !outcome.stdout.contains("→"), "{}", outcome.stdout);
    // Nobody was counted by it.
    let told = gatepost(house.gate.folder(), &["meetings", "-c", "gatepost.toml"]).await;
    assert!(!told.stdout.contains("anna"), "{told:?}");
}

#[tokio::test]
async fn without_a_token_it_says_what_it_could_not_look_at() {
    let house = house("").await;
    let outcome = house.check(&[]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(outcome.stdout.matches("not checked").count(), 3, "{}", outcome.stdout);
    let outcome = house.check(&["--token-file", "member.token"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(outcome.stdout.matches("not checked").count(), 1, "{}", outcome.stdout);
    let outcome = house.check(&["--token-file", "wrong.token"]).await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.contains("does not know the token"), "{}", outcome.stdout);
    for (file, words) in [("odd.token", "holds no token"), ("none.token", "there is no such file")] {
        let outcome = house.check(&["--token-file", file]).await;
        assert!(outcome.code == Some(2) && outcome.stderr.contains(words), "{outcome:?}");
    }
}

#[tokio::test]
async fn each_setting_that_does_not_fit_is_named_with_its_mend() {
    let house = house("").await;
    house.change(|settings| settings.site_url = "http://elsewhere.example".into());
    let (verdict, why) = house.verdict("SiteURL").await;
    assert!(
        verdict == "fault" && why.contains("elsewhere.example") && why.contains("Site URL: https://chat.example:"),
        "{why}"
    );
    house.change(|settings| settings.behind = 90);
    let (verdict, why) = house.verdict("clock").await;
    assert!(verdict == "warning" && why.contains(" s off this machine's"), "{why}");
    house.change(|settings| settings.managed = "boards".into());
    let (verdict, why) = house.verdict("ManagedResourcePaths").await;
    assert!(
        verdict == "fault" && why.contains("mmctl config set ServiceSettings.ManagedResourcePaths boards,jitsi"),
        "{why}"
    );
    house.change(|settings| settings.plugin["jitsiembedded"] = true.into());
    assert_eq!(house.verdict("plugin: embedded").await.0, "fault");
    house.change(|settings| settings.plugin["jitsicompatibilitymode"] = "true".into());
    assert_eq!(house.verdict("plugin: compatibility mode").await.0, "warning");
    house.change(|settings| settings.plugin["jitsijwt"] = true.into());
    assert_eq!(house.verdict("plugin: JWT").await.0, "warning", "its tokens are read by nobody");
    house.change(|settings| settings.plugin["jitsiurl"] = "https://meet.jit.si".into());
    assert_eq!(house.verdict("plugin: Jitsi Server URL").await.0, "warning");
    house.change(|settings| settings.plugin["jitsiurl"] = "".into());
    assert_eq!(house.verdict("plugin: Jitsi Server URL").await.0, "fault");
    house.change(|settings| settings.enabled = false);
    assert_eq!(house.verdict("Jitsi plugin").await.0, "ok");
}

#[tokio::test]
async fn the_plugins_signature_and_ours_are_held_against_each_other() {
    let house = house("identity = [\"mattermost\", \"plugin\"]\nplugin_app_id = \"ours\"\nplugin_secret = \"b\"").await;
    let (verdict, why) = house.verdict("plugin: JWT").await;
    assert!(verdict == "fault" && why.contains("is off"), "{why}");
    house.change(|settings| {
        settings.plugin["jitsijwt"] = true.into();
        settings.plugin["jitsiappid"] = "theirs".into();
    });
    let (verdict, why) = house.verdict("plugin: JWT").await;
    assert!(verdict == "fault" && why.contains("theirs") && why.contains("ours"), "{why}");
    house.change(|settings| settings.plugin["jitsiappid"] = "ours".into());
    assert_eq!(house.verdict("plugin: JWT").await.0, "ok");
    house.change(|settings| settings.enabled = false);
    let (verdict, why) = house.verdict("Jitsi plugin").await;
    assert!(verdict == "fault" && why.contains("nobody comes by its links"), "{why}");
}

#[tokio::test]
async fn what_is_open_to_all_and_what_does_not_run_is_said() {
    let open = house("identity = [\"none\"]\nmoderators = \"everyone\"").await;
    let (verdict, why) = open.verdict("without a session").await;
    assert!(verdict == "warning" && why.contains("whoever opens the address"), "{why}");
    let house = house("").await;
    house.gate.process.terminate();
    let outcome = loop {
        // Until it has let go of its port.
        let outcome = house.check(&[]).await;
        if outcome.code == Some(1) {
            break outcome;
        }
    };
    assert!(outcome.stdout.contains("does `gatepost run` serve this file"), "{}", outcome.stdout);
}
