//! What a person types: exit statuses, errors that help, and a stop that keeps its word.

use std::path::Path;

use crate::support::ca::ca;
use crate::support::gate::{CHAT, gate, proxying};
use crate::support::process::gatepost;
use crate::support::raw::ok;
use crate::support::upstream::{Connection, Upstream};

const RESPOND: &str = "[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\nrespond = \"here\"\n";

#[tokio::test]
async fn a_wrong_command_line_is_2_and_help_is_0() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [&["no-such-command"][..], &["run", "--no-such-flag"], &[]] {
        let outcome = gatepost(folder.path(), arguments).await;
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:?}");
        assert!(outcome.stderr.contains("gatepost"), "{outcome:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"], &["check", "--help"], &["explain", "--help"]]
    {
        let outcome = gatepost(folder.path(), arguments).await;
        assert_eq!(outcome.code, Some(0), "{arguments:?}: {outcome:?}");
        assert!(!outcome.stdout.is_empty());
    }
}

#[tokio::test]
async fn a_configuration_that_is_not_there_or_not_toml_is_2_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = gatepost(folder.path(), &["run", "-c", "missing.toml"]).await;
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert!(missing.stderr.contains("missing.toml"));

    std::fs::write(folder.path().join("broken.toml"), "[server\nhttp = 1\n").expect("a file");
    for command in ["run", "check"] {
        let broken = gatepost(folder.path(), &[command, "-c", "broken.toml"]).await;
        broken.assert_refused();
        let said = format!("{}{}", broken.stdout, broken.stderr);
        assert!(said.contains("broken.toml") && said.contains('1'), "file and line: {said}");
    }
}

#[tokio::test]
async fn every_fault_of_a_file_is_said_in_one_go_with_line_and_nearest_key_and_nothing_is_served() {
    let file = "[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\nproxi = \"http://127.0.0.1:1\"\n\
                [[site.route]]\npath = \"no-slash\"\nrespond = \"x\"\n[[site]]\nhosts = [\"chat.example\"]\n";
    let outcome = gate(file).refused().await;
    outcome.assert_refused();
    for part in ["gatepost.toml:", "proxi", "proxy"] {
        assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("serving"));
}

#[tokio::test]
async fn run_and_check_say_every_named_file_that_cannot_be_used_with_its_line_and_its_mend() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = "[server]\nhttp = [\"127.0.0.1:0\"]\nhttps = []\n\
                [[site]]\nhosts = [\"chat.example\"]\n\
                [[site.route]]\npath = \"/\"\nproxy = \"https://127.0.0.1:1\"\nupstream_roots = \"roots.pem\"\n\
                [[site.route]]\npath = \"/jitsi\"\nlauncher = \"j\"\n\
                [launcher.j]\nprovider = \"jaas\"\napp_id = \"vpaas-magic-cookie-1\"\n\
                key_id = \"vpaas-magic-cookie-1/k\"\nprivate_key = \"key.pem\"\nidentity = [\"none\"]\n\
                moderators = \"everyone\"\n";
    std::fs::write(folder.path().join("gatepost.toml"), file).expect("a file");
    std::fs::write(folder.path().join("key.pem"), "ssh-rsa AAAA someone").expect("a file");
    let run = gatepost(folder.path(), &["run"]).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    for part in ["gatepost.toml:9:18", "roots.pem", "gatepost.toml:17:15", "a public key", "the private half"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    let check = gatepost(folder.path(), &["check"]).await;
    assert_eq!(check.code, Some(1), "{check:?}");
    for part in ["gatepost.toml:9:18: error: ", "gatepost.toml:17:15: error: "] {
        assert!(check.stdout.contains(part), "{part}: {}", check.stdout);
    }
}

#[tokio::test]
async fn an_access_log_that_cannot_be_opened_is_an_error_to_check_and_run_alike() {
    let folder = tempfile::tempdir().expect("a folder");
    let file =
        format!("[server]\nhttp = [\"127.0.0.1:0\"]\nhttps = []\n[log]\naccess = \"logs/access.log\"\n{RESPOND}");
    std::fs::write(folder.path().join("gatepost.toml"), file).expect("a file");
    let check = gatepost(folder.path(), &["check"]).await;
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(check.stdout.contains("gatepost.toml:5:10: error: "), "{}", check.stdout);
    let run = gatepost(folder.path(), &["run"]).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("mkdir -p logs"), "{}", run.stderr);
}

#[tokio::test]
async fn check_is_0_where_all_is_well_and_1_where_not() {
    let upstream = Upstream::answering(|_| ok("")).await;
    let good = proxying(&upstream, "").write();
    let outcome = gatepost(good.folder(), &["check", "-c", "gatepost.toml"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");

    let bare = gate(RESPOND).certificate(&ca().leaf(&[CHAT]).bare()).write();
    let outcome = gatepost(bare.folder(), &["check", "-c", "gatepost.toml"]).await;
    assert_eq!(outcome.code, Some(1), "R27: {outcome:?}");
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(said.contains("chain-0.pem") && said.contains("Android"), "{said}");
    let syntax = gatepost(bare.folder(), &["check", "--syntax", "-c", "gatepost.toml"]).await;
    assert_eq!(syntax.code, Some(0), "the file itself is right: {syntax:?}");

    let expired = gate(RESPOND).certificate(&ca().expired(&[CHAT])).write();
    assert_eq!(gatepost(expired.folder(), &["check", "-c", "gatepost.toml"]).await.code, Some(1));

    let nobodys = gate(RESPOND).certificate(&ca().leaf(&["other.example"])).write();
    assert_eq!(gatepost(nobodys.folder(), &["check", "-c", "gatepost.toml"]).await.code, Some(1));
}

#[tokio::test]
async fn r28_the_whole_chain_beside_a_bare_leaf_is_pointed_at() {
    let whole = ca().leaf(&[CHAT]);
    let builder = gate(format!("[[certificate]]\nchain = \"live/cert.pem\"\nkey = \"live/privkey.pem\"\n{RESPOND}"))
        .with("live/cert.pem", &whole.clone().bare().chain)
        .with("live/fullchain.pem", &whole.chain)
        .with("live/privkey.pem", &whole.key)
        .certificate(&whole);
    let outcome = builder.refused().await;
    outcome.assert_refused();
    assert!(outcome.stderr.contains("fullchain.pem"), "{}", outcome.stderr);
}

#[tokio::test]
async fn explain_says_which_site_route_and_handler_would_answer() {
    let upstream = Upstream::answering(|_| ok("")).await;
    let builder = gate(format!(
        "[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\nproxy = \"http://{upstream}\"\n\
         [[site.route]]\npath = \"/api/\"\nrespond = \"x\"\n"
    ))
    .write();
    let explain = async |url: &str| gatepost(builder.folder(), &["explain", "-c", "gatepost.toml", url]).await;
    let proxied = explain("https://chat.example/apix?y").await;
    assert_eq!(proxied.code, Some(0), "{proxied:?}");
    assert!(proxied.stdout.contains(&upstream.to_string()), "{}", proxied.stdout);
    let fixed = explain("https://chat.example/api/x").await;
    assert!(fixed.stdout.contains("/api") && fixed.stdout.contains("respond"), "{}", fixed.stdout);
    let unknown = explain("https://evil.example/").await;
    assert!(unknown.stdout.contains("421"), "{}", unknown.stdout);
}

#[tokio::test]
async fn every_example_passes_check_syntax() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut files = 0;
    for entry in std::fs::read_dir(&examples).expect("examples/") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "toml") {
            let outcome =
                gatepost(&examples, &["check".as_ref(), "--syntax".as_ref(), "-c".as_ref(), path.as_os_str()]).await;
            assert_eq!(outcome.code, Some(0), "{}: {outcome:?}", path.display());
            files += 1;
        }
    }
    assert!(files >= 3, "the original set-up, a website alone, Mattermost alone");
}

#[tokio::test]
async fn sigterm_lets_an_open_request_finish_and_ends_with_0() {
    let upstream = Upstream::scripted(|mut connection: Connection| async move {
        if let Some(mut request) = connection.head().await {
            let _ = connection.wire.body(&mut request).await;
            connection.wire.send(ok("finished")).await;
        }
    })
    .await;
    let mut gate = proxying(&upstream, "").run().await;
    let mut open = gate.tls(CHAT).await;
    open.send_head("POST / HTTP/1.1\nHost: chat.example\nContent-Length: 4").await;
    upstream.head(0).await;
    let mut idle = gate.tls(CHAT).await;
    gate.process.terminate();
    gate.process.says("draining").await;
    idle.closes().await;
    open.send("body").await;
    assert_eq!(open.answer().await.text(), "finished");
    let outcome = gate.process.outcome().await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

#[tokio::test]
async fn a_second_sigterm_ends_at_once() {
    let upstream = Upstream::scripted(|mut connection: Connection| async move {
        connection.head().await;
        connection.head().await;
    })
    .await;
    let mut gate = proxying(&upstream, "").server("drain = \"10m\"").run().await;
    let mut open = gate.tls(CHAT).await;
    open.send_head("GET / HTTP/1.1\nHost: chat.example").await;
    upstream.head(0).await;
    gate.process.terminate();
    gate.process.says("draining").await;
    assert!(gate.process.runs());
    gate.process.terminate();
    gate.process.outcome().await;
}
