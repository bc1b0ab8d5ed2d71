//! `gatepost check --live`: the running world, right and wrong in each point.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::ca::ca;
use crate::support::gate::{Gate, gate};
use crate::support::launcher::launcher;
use crate::support::process::{Outcome, gatepost};
use crate::support::raw::message;
use crate::support::upstream::Upstream;

const ADMIN: &str = "ybndrfg8ejkmcpqxot1uwisza3";
/// A name that leads to this machine everywhere.
const HOST: &str = "localhost";
const SECRET: &str = "what the plugin signs with";
const MEMBER: &str = "13456789abcdefghijkmnopqru";

/// What Mattermost is set to; a test changes it.
#[derive(Debug, Clone)]
struct Settings {
    site_url: String,
    managed: String,
    plugin: Value,
    enabled: bool,
    /// The path of its SiteURL, under which all of it lives.
    below: &'static str,
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
        match request.target().strip_prefix(settings.below).unwrap_or_default() {
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
    mattermost: Upstream,
}

async fn house(keys: &str) -> House {
    house_at(HOST, keys, "", |file| file).await
}

/// The same by another name, with keys of `[server]`, and with another file.
async fn house_at(host: &str, keys: &str, server: &str, change: impl FnOnce(String) -> String) -> House {
    // Its address must be known to the command, too.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let origin = format!("https://{host}:{port}");
    let settings = Arc::new(Mutex::new(Settings {
        site_url: origin.clone(),
        managed: "other, /jitsi/".into(),
        plugin: json!({ "jitsiurl": format!("{origin}/jitsi/"), "jitsiembedded": false, "jitsijwt": false,
            "jitsiappsecret": "********************************" }),
        enabled: true,
        below: "",
        behind: 0,
    }));
    let mattermost = mattermost(settings.clone()).await;
    let keys = format!("server = \"http://{mattermost}\"\n{keys}");
    let (builder, _) = launcher(host, &mattermost, &keys);
    let gate = builder
        .changing(change)
        .certificate(&ca().leaf(&[HOST, "gatepost.invalid", "127.0.0.1"]))
        .with("plugin.secret", format!("{SECRET}\n"))
        .with("admin.token", ADMIN)
        .with("member.token", format!("{MEMBER}\n"))
        .with("wrong.token", "nobodys0token")
        .with("odd.token", "two words")
        .listening_as_told()
        .server(&format!("http = []\nhttps = [\"127.0.0.1:{port}\"]\n{server}"))
        .run()
        .await;
    House { gate, settings, mattermost }
}

impl House {
    fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings.lock().expect("whole"));
    }

    async fn check(&self, arguments: &[&str]) -> Outcome {
        let outcome =
            gatepost(self.gate.folder(), &[&["check", "-c", "gatepost.toml", "--live"], arguments].concat()).await;
        for secret in [ADMIN, MEMBER, SECRET, "eyJ"] {
            assert!(!(outcome.stdout.clone() + &outcome.stderr).contains(secret), "{outcome:?}");
        }
        outcome
    }

    /// The verdict and the reason of what was looked at, as an administrator.
    async fn verdict(&self, what: &str) -> (String, String) {
        self.verdict_about("", what).await
    }

    /// The same of one Mattermost, launcher or meeting server.
    async fn verdict_about(&self, about: &str, what: &str) -> (String, String) {
        let report: Value =
            serde_json::from_str(&self.check(&["--token-file", "admin.token", "--json"]).await.stdout).expect("JSON");
        let lines = report["live"].as_array().expect("lines");
        let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let line = lines.iter().find(|line| line["what"] == what && text(line, "about").starts_with(about));
        let line = line.unwrap_or_else(|| panic!("no {what} in {report:#}"));
        (text(line, "verdict"), format!("{} {}", text(line, "why"), text(line, "mend")))
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
        "localhost is 127.0.0.1",
        "plugin: embedded",
        "it opens this room alone",
        "it begins with the app id",
        "it agrees with the meeting server's",
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
        verdict == "fault" && why.contains("elsewhere.example") && why.contains("Site URL: https://localhost:"),
        "{why}"
    );
    house.change(|settings| settings.behind = 90);
    let (verdict, why) = house.verdict("clock").await;
    assert!(verdict == "warning" && why.contains(" s off this machine's"), "{why}");
    let (verdict, why) = house.verdict_about("Meetings of [launcher.jaas]", "clock").await;
    assert!(verdict == "fault" && why.contains("ahead of the meeting server's"), "{why}");
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
    let house = house("identity = [\"mattermost\", \"plugin\"]\nplugin_app_id = \"ours\"\nplugin_secret = { file = \"plugin.secret\" }").await;
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
    assert_eq!(house.verdict("plugin: App Secret").await.0, "not-checked", "Mattermost masks it");
    for (secret, verdict) in [(SECRET, "ok"), ("another", "fault"), ("", "fault")] {
        house.change(|settings| settings.plugin["jitsiappsecret"] = secret.into());
        let (found, why) = house.verdict("plugin: App Secret").await;
        assert!(found == verdict && !why.contains("another"), "{secret}: {found} {why}");
    }
    for (minutes, verdict) in [(json!(null), "ok"), (json!(30), "ok"), (json!("0"), "ok"), (json!(10_080), "warning")] {
        house.change(|settings| settings.plugin["jitsilinkvalidtime"] = minutes.clone());
        assert_eq!(house.verdict("plugin: link expiry").await.0, verdict, "{minutes}");
    }
    house.change(|settings| settings.enabled = false);
    let (verdict, why) = house.verdict("Jitsi plugin").await;
    assert!(verdict == "fault" && why.contains("nobody can enter by it"), "{why}");
}

#[tokio::test]
async fn a_launcher_on_a_host_of_its_own_is_held_against_the_plugin_of_the_files_mattermost() {
    let keys = "identity = [\"plugin\"]\nplugin_app_id = \"ours\"\nplugin_secret = { file = \"plugin.secret\" }";
    let house = house_at(HOST, keys, "", |file| {
        let (site, launcher) = file.split_once("[[site.route]]\n        path = \"/jitsi/\"").expect("a route");
        let (_, launcher) = launcher.split_once("[launcher.jaas]").expect("a launcher");
        format!(
            "{site}\n[[site]]\nhosts = [\"127.0.0.1\"]\n[[site.route]]\npath = \"/\"\nlauncher = \"jaas\"\n\
             [launcher.jaas]\n{launcher}"
        )
    })
    .await;
    let expected = house.settings.lock().expect("whole").site_url.replace(HOST, "127.0.0.1");
    house.change(|settings| {
        settings.managed = String::new();
        settings.plugin["jitsijwt"] = true.into();
        settings.plugin["jitsiappid"] = "ours".into();
        settings.plugin["jitsiappsecret"] = SECRET.into();
        settings.plugin["jitsiurl"] = expected.into();
    });
    for what in ["SiteURL", "ManagedResourcePaths", "plugin: Jitsi Server URL", "plugin: JWT", "plugin: App Secret"] {
        let (verdict, why) = house.verdict(what).await;
        assert_eq!(verdict, "ok", "{what} {why}");
    }
    assert_eq!(house.verdict("public name").await.0, "ok");
    assert_eq!(house.verdict("without a session").await.0, "ok");
}

#[tokio::test]
async fn a_mattermost_below_a_path_is_asked_below_it() {
    let house = house_at(HOST, "", "", |file| {
        file.replace("path = \"/\"", "path = \"/chat/\"").replace("path = \"/jitsi/\"", "path = \"/chat/jitsi/\"")
    })
    .await;
    house.change(|settings| {
        settings.below = "/chat";
        settings.site_url.push_str("/chat/");
    });
    for what in ["answers", "SiteURL", "ManagedResourcePaths", "Jitsi plugin"] {
        let (verdict, why) = house.verdict(what).await;
        assert_eq!(verdict, "ok", "{what}: {why}");
    }
    house.change(|settings| settings.below = "/other");
    let (verdict, why) = house.verdict("answers").await;
    assert!(verdict == "fault" && why.contains("GET /chat/api/v4/system/ping was answered with 401"), "{why}");
}

#[tokio::test]
async fn where_the_public_name_leads_is_said_before_anything_is_asked_there() {
    let nowhere = house_at("gatepost.invalid", "", "", |file| file).await;
    let (verdict, why) = nowhere.verdict("public name").await;
    assert!(verdict == "warning" && why.contains("gatepost.invalid leads nowhere"), "{why}");
    // The launcher is asked on this machine then.
    assert_eq!(nowhere.verdict("with a session").await.0, "ok");

    let another =
        gate(format!("[[site]]\nhosts = [\"{HOST}\"]\n[[site.route]]\npath = \"/\"\nrespond = \"another\"\n"))
            .certificate(&ca().leaf(&[HOST]))
            .run()
            .await;
    let told = format!("public_https_port = {}", another.https[0].port());
    let (verdict, why) = house_at(HOST, "", &told, |file| file).await.verdict("public name").await;
    assert!(verdict == "fault" && why.contains("is not this launcher"), "{why}");

    let plain = Upstream::scripted(|mut connection| async move {
        connection.wire.send(b"HTTP/1.0 400 no TLS here\r\n\r\n".to_vec()).await;
    })
    .await;
    let told = format!("public_https_port = {}", plain.port());
    let (verdict, why) = house_at(HOST, "", &told, |file| file).await.verdict("public name").await;
    assert!(verdict == "fault" && why.contains("gatepost cert inspect localhost:"), "{why}");

    let unused = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let told = format!("public_https_port = {unused}");
    let (verdict, why) = house_at(HOST, "", &told, |file| file).await.verdict("public name").await;
    assert!(verdict == "not-checked" && why.contains("this machine does not reach"), "{why}");
}

#[tokio::test]
async fn what_a_launchers_token_would_say_too_much_is_named() {
    let house = house("rooms = \"any\"").await;
    let (verdict, why) = house.verdict("token: room").await;
    assert!(verdict == "warning" && why.contains("every room"), "{why}");
    let public = house_at(HOST, "", "", |file| {
        let (file, _) = file.split_once("[launcher.jaas]").expect("a launcher");
        format!("{file}\n[launcher.jaas]\nprovider = \"public\"\nserver = \"https://meet.example\"\n")
    })
    .await;
    let (verdict, why) = public.verdict("token").await;
    assert!(verdict == "ok" && why.contains("takes none"), "{why}");
}

#[tokio::test]
async fn a_mattermost_that_is_none_or_says_nothing_holds_up_nothing() {
    let house = house("").await;
    let page = Upstream::answering(|_| message("HTTP/1.1 200 OK\nContent-Type: text/html", "<html>")).await;
    let silent = Upstream::scripted(|_connection| std::future::pending()).await;
    for (instead, words) in [(&page, "this Mattermost does not tell it"), (&silent, "answer")] {
        let text = std::fs::read_to_string(house.gate.folder().join("gatepost.toml")).expect("readable");
        let text =
            text.replace(&format!("proxy = \"http://{}\"", house.mattermost), &format!("proxy = \"http://{instead}\""));
        std::fs::write(house.gate.folder().join("other.toml"), text).expect("written");
        let outcome = gatepost(house.gate.folder(), &["check", "-c", "other.toml", "--live"]).await;
        assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    }
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
