//! `check` run on files in a folder of their own, as a person would.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::cert::development;
use crate::cert::testing::private_folder;
use crate::cli::Cli;
use crate::config;
use clap::Parser;

/// Runs `gatepost check ARGUMENTS -c FOLDER/gatepost.toml` on this text; its output without the folder's name.
fn check(folder: &tempfile::TempDir, text: &str, arguments: &[&str]) -> (Status, String) {
    let path = folder.path().join("gatepost.toml");
    fs::write(&path, text).expect("written");
    let mut out = Vec::new();
    let line = ["gatepost", "check", "-c"].into_iter().map(std::ffi::OsStr::new);
    let line = line.chain([path.as_os_str()]).chain(arguments.iter().map(std::ffi::OsStr::new));
    let super::super::Command::Check(arguments) = Cli::try_parse_from(line).expect("a command line").command else {
        panic!("check was typed")
    };
    let status = run(&arguments, &mut out).expect("it can do its work");
    let shown = String::from_utf8(out).expect("UTF-8");
    (status, shown.replace(&format!("{}/", folder.path().display()), ""))
}

fn folder() -> tempfile::TempDir {
    private_folder()
}

const PLAIN: &str = "[server]\nhttps = []\nstate = \"state\"\n";

#[test]
fn a_right_file_is_fine() {
    let folder = folder();
    fs::create_dir(folder.path().join("www")).expect("made");
    let upstream = TcpListener::bind("127.0.0.1:0").expect("bound");
    let text = format!(
        "{PLAIN}[[site]]\nhosts = [\"a.example\"]\n[[site.route]]\npath = \"/\"\nroot = \"www\"\n\
         [[site.route]]\npath = \"/api\"\nproxy = \"http://{}\"\n",
        upstream.local_addr().expect("an address")
    );
    assert_eq!(check(&folder, &text, &[]), (Status::Fine, "gatepost.toml: fine\n".into()));
}

#[test]
fn everything_that_the_file_names_is_looked_at() {
    let folder = folder();
    fs::create_dir(folder.path().join("www")).expect("made");
    fs::write(folder.path().join("file"), "no folder").expect("written");
    fs::write(folder.path().join("k.pem"), "no key").expect("written");
    // Bound and dropped: nobody listens there.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("an address");
    let text = format!(
        r#"[server]
https = []
state = "file"
acme_webroot = "none"
[log]
access = "no-such-folder/access.log"
[[site]]
hosts = ["a.example"]
[[site.route]]
path = "/"
root = "www"
fallback = "app.html"
error_pages = {{ 404 = "404.html" }}
[[site.route]]
path = "/gone"
root = "gone"
[[site.route]]
path = "/file"
root = "file"
[[site.route]]
path = "/api"
proxy = "http://{closed}"
preset = "mattermost"
[[site.route]]
path = "/jitsi"
launcher = "jaas"
[launcher.jaas]
provider = "jaas"
app_id = "vpaas-magic-cookie-1"
key_id = "vpaas-magic-cookie-1/k"
private_key = "k.pem"
"#
    );
    let (status, shown) = check(&folder, &text, &[]);
    assert_eq!(status, Status::Faults);
    let expected = [
        "gatepost.toml:3:9: fault: `state` file is not a folder",
        "gatepost.toml:4:16: fault: `acme_webroot` none is not there; make it",
        "gatepost.toml:6:10: error: the folder of the access log no-such-folder/access.log is not there; mkdir -p ",
        "gatepost.toml:11:8: fault: the error page for 404 www/404.html: No such file",
        "gatepost.toml:11:8: fault: `fallback` www/app.html: No such file",
        "gatepost.toml:16:8: fault: `root` gone is not there; make it",
        "gatepost.toml:19:8: fault: `root` file is not a folder",
        &format!("gatepost.toml:22:9: fault: nobody listens at the upstream http://{closed}; start"),
        "gatepost.toml:31:15: error: [launcher.jaas] cannot serve: private_key k.pem holds no private key in PEM form",
        "gatepost.toml: 2 errors, 7 faults",
    ];
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{shown}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}\nwanted {expected}");
    }
}

#[test]
fn a_secret_that_can_be_guessed_is_warned_of_once_wherever_it_stands() {
    let folder = folder();
    fs::write(folder.path().join("jitsi.secret"), "correct horse battery\n").expect("written");
    let text = |secret: &str| {
        format!(
            "{PLAIN}[[site]]\nhosts = [\"a.example\"]\n[[site.route]]\npath = \"/1\"\nlauncher = \"ours\"\n\
             [[site.route]]\npath = \"/2\"\nlauncher = \"ours\"\n[launcher.ours]\nprovider = \"jitsi\"\n\
             identity = \"none\"\nmoderators = \"everyone\"\nserver = \"https://meet.example\"\napp_id = \"a\"\n\
             secret = {secret}\n"
        )
    };
    for (secret, words) in [
        ("{ file = \"jitsi.secret\" }", "warning: the secret in jitsi.secret has 21 bytes"),
        ("\"correct horse battery\"", "warning: `secret` has 21 bytes"),
    ] {
        let (status, shown) = check(&folder, &text(secret), &[]);
        assert_eq!((status, shown.lines().count()), (Status::Fine, 2), "{shown}");
        assert!(shown.contains(words) && !shown.contains("horse"), "{shown}");
    }
}

#[test]
fn a_plugin_secret_that_can_be_guessed_is_warned_of_once_wherever_it_stands() {
    let folder = folder();
    let route = |path: &str, name: &str| format!("[[site.route]]\npath = \"{path}\"\nlauncher = \"{name}\"\n");
    // One launcher has it by a route of its own and as what another falls back to, which asks nobody anew.
    let text = |secret: &str| {
        format!(
            "{PLAIN}[[site]]\nhosts = [\"a.example\"]\n{}{}{}[launcher.first]\nprovider = \"public\"\n\
             identity = \"none\"\nmonthly_users = 1\nat_limit = \"fallback:ours\"\n[launcher.ours]\n\
             provider = \"public\"\nidentity = \"plugin\"\nplugin_app_id = \"a\"\nplugin_secret = {secret}\n",
            route("/1", "first"),
            route("/2", "ours"),
            route("/3", "ours"),
        )
    };
    for (held, secret, words) in [
        ("correct horse battery\n", "{ file = \"it\" }", "warning: the plugin_secret in it has 21 bytes"),
        ("", "\"correct horse battery\"", "warning: `plugin_secret` has 21 bytes"),
    ] {
        fs::write(folder.path().join("it"), held).expect("written");
        let (status, shown) = check(&folder, &text(secret), &[]);
        assert_eq!((status, shown.lines().count()), (Status::Fine, 2), "{shown}");
        assert!(shown.contains(words) && !shown.contains("horse"), "{shown}");
    }
    fs::write(folder.path().join("it"), "0123456789abcdef0123456789abcdef\n").expect("written");
    assert_eq!(check(&folder, &text("{ file = \"it\" }"), &[]).1, "gatepost.toml: fine\n");
}

#[test]
fn syntax_looks_at_the_file_alone() {
    let folder = folder();
    let text = format!("{PLAIN}[[site]]\nhosts = [\"a.example\"]\n[[site.route]]\npath = \"/\"\nroot = \"gone\"\n");
    let (status, shown) = check(&folder, &text, &["--syntax"]);
    assert_eq!(status, Status::Fine);
    assert_eq!(shown, "gatepost.toml: fine (the file alone; what it names was not looked at)\n");
}

#[test]
fn warnings_alone_are_fine_and_errors_are_not() {
    let folder = folder();
    let warned = format!(
        "{PLAIN}public_https_port = 443\n[[site]]\ndefault = true\n[[site.route]]\npath = \"/\"\nrespond = \"\"\n"
    );
    let (status, shown) = check(&folder, &warned, &[]);
    assert_eq!((status, shown.lines().last()), (Status::Fine, Some("gatepost.toml: 1 warning")));
    let (status, shown) = check(&folder, "[sever]\n", &[]);
    assert_eq!(status, Status::Faults);
    assert!(shown.ends_with("1 error (what it names was not looked at, since the file has errors)\n"), "{shown}");
}

#[test]
fn json_has_the_same_for_a_script() {
    let (status, shown) = check(&folder(), "[sever]\n", &["--json"]);
    assert_eq!(status, Status::Faults);
    let report: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(report["errors"], 1);
    assert_eq!(report["findings"][0]["line"], 1);
    assert_eq!(report["findings"][0]["severity"], "error");
    assert_eq!(report["findings"][0]["mend"], "did you mean `server`?");
}

/// The examples name files of the machine that they are for; here they are found in a folder of the test's.
#[test]
fn every_example_is_fine_once_what_it_names_is_there() {
    let upstream = TcpListener::bind("127.0.0.1:0").expect("bound");
    let upstream = format!("http://{}", upstream.local_addr().expect("an address"));
    let examples = fs::read_dir("examples").expect("examples").map(|entry| entry.expect("an entry").path());
    let mut seen = 0;
    for example in examples.filter(|path| path.extension().is_some_and(|extension| extension == "toml")) {
        let folder = folder();
        let here = |name: &str| folder.path().join(name);
        let text = fs::read_to_string(&example).expect("readable");
        let config = config::parse(&text, Path::new("gatepost.toml")).config.expect("a configuration");
        let hosts: Vec<_> = config.sites.iter().flat_map(|site| site.hosts.clone()).collect();
        development::write_into(folder.path(), &hosts, Clock::System).expect("certificates");
        for made in ["webroot", "www/errors", "downloads"] {
            fs::create_dir_all(here(made)).expect("made");
        }
        fs::write(here("www/errors/404.html"), "gone").expect("written");
        fs::write(here("private.pk"), rsa_key()).expect("written");
        fs::write(here("jitsi.secret"), "a secret that prosody knows, too").expect("written");
        for name in ["plugin.secret", "guests.secret", "webhook.secret"] {
            fs::write(here(name), "a secret that somebody else knows, too\n").expect("written");
        }
        let mut text = text.replace("[[certificate]]", "[[certificate]]\ntrusted_roots = \"root.pem\"");
        for (there, here) in [
            ("/etc/gatepost/combined-bundle.pem", "chain.pem"),
            ("/etc/gatepost/letsencrypt-key.pem", "key.pem"),
            ("/etc/letsencrypt/live/site.com/fullchain.pem", "chain.pem"),
            ("/etc/letsencrypt/live/site.com/privkey.pem", "key.pem"),
            ("/etc/letsencrypt/live/chat.site.com/fullchain.pem", "chain.pem"),
            ("/etc/letsencrypt/live/chat.site.com/privkey.pem", "key.pem"),
            ("/etc/gatepost/private.pk", "private.pk"),
            ("/etc/gatepost/jitsi.secret", "jitsi.secret"),
            ("/etc/gatepost/plugin.secret", "plugin.secret"),
            ("/etc/gatepost/guests.secret", "guests.secret"),
            ("/etc/gatepost/webhook.secret", "webhook.secret"),
            ("/var/lib/letsencrypt\"", "webroot\""),
            ("/var/www/html", "www"),
            ("/srv/downloads", "downloads"),
            ("http://192.168.1.123:8065", &upstream),
            ("http://127.0.0.1:8065", &upstream),
            ("[server]\n", "[server]\nstate = \"state\"\n"),
        ] {
            text = text.replace(there, here);
        }
        assert_eq!(check(&folder, &text, &[]), (Status::Fine, "gatepost.toml: fine\n".into()), "{}", example.display());
        seen += 1;
    }
    assert!(seen >= 3, "examples are gone");
}

fn rsa_key() -> String {
    let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der = key.as_der().expect("PKCS#8");
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()))
}

/// R27, R28: the fault that lets every browser in and keeps phones out.
#[test]
fn certificates_are_judged_and_hosts_that_none_names_are_faults() {
    let folder = folder();
    let host = crate::route::host::HostPattern::parse("a.example").expect("a host");
    development::write_into(folder.path(), &[host], Clock::System).expect("certificates");
    let file = |chain: &str| {
        format!(
            "[server]\nstate = \"state\"\n[[certificate]]\nchain = \"{chain}\"\nkey = \"key.pem\"\ntrusted_roots = \"root.pem\"\n\
             [[site]]\nhosts = [\"a.example\", \"b.example\"]\n[[site.route]]\npath = \"/\"\nrespond = \"\"\n"
        )
    };
    let (status, shown) = check(&folder, &file("chain.pem"), &[]);
    assert_eq!(status, Status::Faults);
    assert!(shown.starts_with("gatepost.toml:8:9: fault: no certificate names b.example"), "{shown}");
    let chain = fs::read_to_string(folder.path().join("chain.pem")).expect("readable");
    let end = chain.find("-----END CERTIFICATE-----").expect("a leaf") + "-----END CERTIFICATE-----".len();
    fs::write(folder.path().join("leaf.pem"), &chain[..end]).expect("written");
    let (status, shown) = check(&folder, &file("leaf.pem"), &[]);
    assert_eq!(status, Status::Faults);
    assert!(shown.starts_with("gatepost.toml:4:9: error: "), "{shown}");
}
