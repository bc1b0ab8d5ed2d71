//! Certificates from a CA: had, renewed, revoked, and what a CA may do wrong without harm.

use std::path::Path;

use serde_json::Value;
use time::Duration;

use crate::support::authority::{Authority, Issues, Manners};
use crate::support::ca::ca;
use crate::support::client::Tls;
use crate::support::gate::{Builder, Gate, gate};
use crate::support::process::{Outcome, Process, gatepost};
use crate::support::soon;

/// Two sites, the first with two hosts.
const SITES: &str = r#"
[[site]]
hosts = ["a.example", "b.example"]
[[site.route]]
path = "/"
respond = "here"

[[site]]
hosts = ["c.example"]
[[site.route]]
path = "/"
respond = "there"
"#;

/// One site with one host.
const SITE: &str = "[[site]]\nhosts = [\"a.example\"]\n[[site.route]]\npath = \"/\"\nrespond = \"here\"\n";

fn gate_with(authority: &Authority, keys: &str, sites: &str) -> Builder {
    gate(format!("{}{sites}", authority.table(keys))).log("level = \"debug\"")
}

/// Runs it and lets the CA know where it is.
async fn run(authority: &Authority, builder: Builder) -> Gate {
    let gate = builder.run().await;
    authority.meets(gate.http[0], gate.https[0]);
    gate
}

/// A gatepost with one site whose certificate is in place.
async fn served(authority: &Authority, keys: &str) -> Gate {
    let mut gate = run(authority, gate_with(authority, keys, SITE)).await;
    gate.process.says("no certificate is due").await;
    // Workers take up what was issued a moment after it was.
    changes(&gate, "a.example", None).await;
    gate
}

/// The serial number of what a client that trusts the CA is presented.
async fn serial(gate: &Gate, name: &str) -> Option<Vec<u8>> {
    let secured = Tls::new().connect(gate.https[0], name).await.ok()?;
    let leaf = secured.presented().swap_remove(0);
    let (_, x509) = x509_parser::parse_x509_certificate(&leaf).expect("a certificate");
    Some(x509.raw_serial().to_vec())
}

/// Waits until another certificate than this is presented.
async fn changes(gate: &Gate, name: &str, from: Option<&[u8]>) -> Vec<u8> {
    soon("another certificate", async {
        loop {
            if let Some(serial) = serial(gate, name).await
                && Some(&*serial) != from
            {
                return serial;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await
}

async fn renew(folder: &Path) -> Outcome {
    gatepost(folder, &["cert", "renew", "-c", "gatepost.toml"]).await
}

/// The ledger's JSON.
fn ledger(folder: &Path) -> Value {
    let accounts = std::fs::read_dir(folder.join("state/acme/accounts")).expect("accounts");
    let account = accounts.map(|entry| entry.expect("an entry").path()).next().expect("one");
    serde_json::from_slice(&std::fs::read(account.join("ledger.json")).expect("a ledger")).expect("JSON")
}

fn names_of(authority: &Authority) -> Vec<Vec<String>> {
    authority.asked().names().iter().map(|names| names.iter().map(ToString::to_string).collect()).collect()
}

#[tokio::test]
async fn certificates_come_by_http_01_one_a_site_and_are_served() {
    let authority = Authority::start(Manners::default()).await;
    let gate = gate_with(&authority, "email = \"hostmaster@a.example\"", SITES).run().await;
    // The CA waits for the address of port 80: until then there is nothing to present, and port 80 is open.
    assert!(Tls::new().taking_any().connect(gate.https[0], "a.example").await.is_err());
    let redirected = gate.plain().await.ask("GET / HTTP/1.1\nHost: a.example").await;
    assert_eq!(redirected.status(), 301);

    authority.meets(gate.http[0], gate.https[0]);
    for name in ["a.example", "b.example", "c.example"] {
        changes(&gate, name, None).await;
    }
    assert_eq!(serial(&gate, "a.example").await, serial(&gate, "b.example").await, "one a site");
    assert_ne!(serial(&gate, "a.example").await, serial(&gate, "c.example").await);
    assert_eq!(names_of(&authority), [vec!["a.example", "b.example"], vec!["c.example"]]);
    assert_eq!(authority.asked().accounts[0]["contact"], serde_json::json!(["mailto:hostmaster@a.example"]));
    let token = "GET /.well-known/acme-challenge/token-of-the-stand-in HTTP/1.1\nHost: a.example";
    let asked = gate.plain().await.ask(token).await;
    assert_eq!(asked.status(), 404, "an answer goes once the question is settled, and is never a redirect (R23)");
}

#[tokio::test]
async fn what_is_kept_is_the_owners_alone_and_a_restart_asks_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let authority = Authority::start(Manners { window: Some((86_400, 2 * 86_400)), ..Manners::default() }).await;
    let gate = served(&authority, "").await;
    let folder = gate.stop_keeping_folder().await;
    let acme = folder.path().join("state/acme");
    let mode = |path: &str| std::fs::metadata(acme.join(path)).expect(path).permissions().mode() & 0o777;
    assert_eq!((mode("certificates/a.example"), mode("certificates/a.example/key.pem")), (0o700, 0o600));
    assert_eq!((mode(""), mode("accounts"), mode("certificates/a.example/order.json")), (0o700, 0o700, 0o600));

    let before = authority.asked().requests.len();
    let mut again = Process::gatepost(folder.path(), &["run", "-c", "gatepost.toml"]);
    again.says("no certificate is due").await;
    assert_eq!(authority.asked().requests.len(), before);
}

#[tokio::test]
async fn tls_alpn_01_is_answered_and_disturbs_no_other_handshake() {
    let authority = Authority::start(Manners::default()).await;
    let gate = served(&authority, "challenge = \"tls-alpn-01\"").await;
    let asked = authority.asked().requests;
    assert!(asked.iter().any(|line| line.ends_with("/tls-alpn-01")), "{asked:?}");
    let tls = Tls::new().offering(&["h2", "http/1.1", "acme-tls/1"]);
    let secured = tls.connect(gate.https[0], "a.example").await.expect("the real certificate");
    assert_eq!(secured.protocol().as_deref(), Some("h2"));
    let validator = Tls::new().taking_any().offering(&["acme-tls/1"]);
    assert!(validator.connect(gate.https[0], "a.example").await.is_err(), "no question is open");
    assert_eq!(gate_get(&gate).await, 200);
}

async fn gate_get(gate: &Gate) -> u16 {
    gate.tls("a.example").await.ask("GET / HTTP/1.1\nHost: a.example").await.status()
}

#[tokio::test]
async fn without_tls_alpn_01_nobody_is_shown_that_protocol() {
    let authority = Authority::start(Manners::default()).await;
    let gate = served(&authority, "").await;
    let validator = Tls::new().taking_any().offering(&["acme-tls/1"]);
    assert!(validator.connect(gate.https[0], "a.example").await.is_err());
}

#[tokio::test]
async fn dns_01_runs_hooks_in_certbots_form_for_a_wildcard() {
    let authority = Authority::start(Manners::default()).await;
    let keys = r#"challenge = "dns-01"
        dns_hook = "echo set $CERTBOT_DOMAIN $CERTBOT_VALIDATION >> hooks; echo record-7"
        dns_cleanup_hook = "echo clean $CERTBOT_DOMAIN $CERTBOT_AUTH_OUTPUT >> hooks""#;
    let sites = SITE.replace("[\"a.example\"]", "[\"*.a.example\", \"a.example\"]");
    let mut gate = run(&authority, gate_with(&authority, keys, &sites)).await;
    gate.process.says("no certificate is due").await;
    changes(&gate, "any.a.example", None).await;
    let folder = gate.stop_keeping_folder().await;
    let hooks = std::fs::read_to_string(folder.path().join("hooks")).expect("the hooks ran");
    let lines: Vec<&str> = hooks.lines().collect();
    assert_eq!(lines.len(), 4, "{hooks}");
    // SHA-256 in base64url has 43 letters.
    assert!(lines[0].starts_with("set a.example ") && lines[0].len() == "set a.example ".len() + 43, "{hooks}");
    assert_eq!(lines[2..], ["clean a.example record-7"; 2], "{hooks}");
}

#[tokio::test]
async fn a_hook_that_fails_is_said_with_what_it_printed() {
    let authority = Authority::start(Manners::default()).await;
    let keys = "challenge = \"dns-01\"\ndns_hook = \"echo no such zone >&2; exit 3\"";
    let mut gate = run(&authority, gate_with(&authority, keys, SITE)).await;
    let log = gate.process.says("no such zone").await;
    assert!(log.contains("CERTBOT_DOMAIN=a.example"), "{log}");
}

#[tokio::test]
async fn a_name_that_the_ca_cannot_reach_does_not_keep_the_others_from_their_certificate() {
    let refuses = [("b.example".to_owned(), "connection")].into();
    let authority = Authority::start(Manners { refuses, ..Manners::default() }).await;
    let mut gate = run(&authority, gate_with(&authority, "", SITES)).await;
    gate.process.says("no certificate is due").await;
    changes(&gate, "a.example", None).await;
    changes(&gate, "c.example", None).await;
    assert!(Tls::new().taking_any().connect(gate.https[0], "b.example").await.is_err());
    assert_eq!(names_of(&authority), [vec!["a.example", "b.example"], vec!["a.example"], vec!["c.example"]]);
    let log = gate.process.stderr();
    assert!(
        log.contains("b.example is out of reach") && log.contains("port 80 of b.example must reach a running gatepost"),
        "{log}"
    );

    // By hand, once the port is open. The running gatepost takes it up by itself.
    authority.behave(|manners| manners.refuses.clear());
    let folder = gate.folder().to_owned();
    let outcome = gatepost(&folder, &["cert", "renew", "-c", "gatepost.toml", "b.example"]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    changes(&gate, "b.example", None).await;
}

#[tokio::test]
async fn when_every_name_is_refused_the_pause_is_kept_over_a_restart() {
    let refuses = [("a.example".to_owned(), "dns")].into();
    let authority = Authority::start(Manners { refuses, ..Manners::default() }).await;
    let mut gate = run(&authority, gate_with(&authority, "", SITE)).await;
    let log = gate.process.says("no certificate is due").await;
    assert!(log.contains("make an A"), "{log}");
    let folder = gate.stop_keeping_folder().await;
    let before = authority.asked().requests.len();
    let mut again = Process::gatepost(folder.path(), &["run", "-c", "gatepost.toml"]);
    let log = again.says("no certificate is due").await;
    assert_eq!(authority.asked().requests.len(), before);
    assert!(log.contains("there is no certificate for a.example yet: dns: "), "{log}");
    assert_eq!(ledger(folder.path())["names"]["a.example"]["failures"], 1);
}

#[tokio::test]
async fn the_ca_says_when_to_renew_and_learns_what_is_replaced() {
    let authority = Authority::start(Manners { window: Some((86_400, 2 * 86_400)), ..Manners::default() }).await;
    let folder = served(&authority, "").await.stop_keeping_folder().await;
    // Two hours later the CA wants it back: its window is over.
    let path = folder.path().join("state/acme/certificates/a.example/order.json");
    let mut record: Value = serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("JSON");
    assert!(record["renewal"]["window"]["start"].is_string(), "{record}");
    record["issued"] = "2020-01-01T00:00:00Z".into();
    record["renewal"]["ask_again"] = "2020-01-01T00:00:00Z".into();
    std::fs::write(&path, record.to_string()).expect("written");
    authority.behave(|manners| (manners.window, manners.validates) = (Some((-7200, -3600)), false));

    let mut gate = Process::gatepost(folder.path(), &["run", "-c", "gatepost.toml"]);
    let log = gate.says("no certificate is due").await;
    assert!(log.contains("https://ca.example/why"), "{log}");
    let asked = authority.asked();
    assert_eq!(asked.orders.len(), 2, "and the new one is left alone for an hour, whatever its window");
    let replaced = asked.orders[1]["replaces"].as_str().expect("what it replaces");
    assert!(asked.requests.contains(&format!("GET /renewal/{replaced}")), "{:?}", asked.requests);
    assert!(asked.orders[0]["replaces"].is_null());
}

#[tokio::test]
async fn a_short_lived_certificate_is_renewed_before_it_ends() {
    let authority = Authority::start(Manners { lifetime: Duration::seconds(40), ..Manners::default() }).await;
    let gate = served(&authority, "").await;
    let old = serial(&gate, "a.example").await;
    assert!(old.is_some());
    // No handshake fails until the next one is there.
    changes(&gate, "a.example", old.as_deref()).await;
}

#[tokio::test]
async fn what_a_ca_must_not_issue_is_refused_and_the_old_certificate_stays() {
    let authority = Authority::start(Manners::default()).await;
    let gate = served(&authority, "").await;
    let folder = gate.folder().to_owned();
    let old = serial(&gate, "a.example").await;
    for (issues, word) in [
        (Issues::AnotherKey, "belongs to no certificate"),
        (Issues::OtherNames, "ordered for a.example, and bears other.example"),
        (Issues::BareLeaf, "bare leaf"),
        (Issues::UnknownRoot, "reaches none of"),
        (Issues::Expired, "expired"),
        (Issues::Garbage, "certificate"),
        (Issues::Flood, "more than 1 MiB"),
    ] {
        authority.behave(|manners| manners.issues = issues);
        let outcome = renew(&folder).await;
        assert_eq!(outcome.code, Some(1), "{issues:?}: {outcome:?}");
        assert!(outcome.stdout.contains(word), "{issues:?}: {outcome:?}");
        assert_eq!(serial(&gate, "a.example").await, old, "{issues:?}");
    }
    authority.behave(|manners| manners.issues = Issues::Good);
    let outcome = renew(&folder).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    changes(&gate, "a.example", old.as_deref()).await;
}

#[tokio::test]
async fn a_token_that_leads_out_of_the_folder_is_no_token() {
    let token = "../../../evil".to_owned();
    let authority = Authority::start(Manners { token, validates: false, ..Manners::default() }).await;
    let mut gate = run(&authority, gate_with(&authority, "", SITE)).await;
    gate.process.says("the token for a.example is no token").await;
    let folder = gate.stop_keeping_folder().await;
    assert!(!folder.path().join("evil").exists() && !folder.path().join("state/evil").exists());
}

#[tokio::test]
async fn a_ca_that_asks_about_somebody_elses_name_gets_no_answer() {
    let asks_about = Some("bank.example".to_owned());
    let authority = Authority::start(Manners { asks_about, validates: false, ..Manners::default() }).await;
    let mut gate = run(&authority, gate_with(&authority, "", SITE)).await;
    gate.process.says("asks about \"bank.example\", which was not ordered").await;
    assert!(!authority.asked().requests.iter().any(|line| line.contains("challenge")));
}

#[tokio::test]
async fn a_ca_that_stalls_holds_up_neither_serving_nor_the_end() {
    let authority = Authority::start(Manners { stalls: true, ..Manners::default() }).await;
    let sites = SITES.replace("c.example", "chat.example");
    let builder = gate_with(&authority, "", &sites).certificate(&ca().leaf(&["chat.example"]));
    let gate = run(&authority, builder).await;
    authority.until("a request", |asked| !asked.requests.is_empty()).await;
    let answer = gate.tls("chat.example").await.ask("GET / HTTP/1.1\nHost: chat.example").await;
    assert_eq!(answer.text(), "there");
    assert_eq!(gate.stop().await.code, Some(0));
}

#[tokio::test]
async fn retry_after_is_heeded_and_kept() {
    let declines = Some((429, "rateLimited", Some(7200)));
    let authority = Authority::start(Manners { declines, ..Manners::default() }).await;
    let mut gate = run(&authority, gate_with(&authority, "", SITES)).await;
    let log = gate.process.says("no certificate is due").await;
    assert!(log.contains("rateLimited: not now"), "{log}");
    assert_eq!(authority.asked().orders.len(), 1, "the second site's order waits as well");
    let ledger = ledger(gate.folder());
    let again = ledger["ca"]["again"].as_str().expect("a time");
    let again = time::OffsetDateTime::parse(again, &time::format_description::well_known::Rfc3339).expect("a time");
    let wait = again - time::OffsetDateTime::now_utc();
    assert!(wait > Duration::seconds(7000) && wait < Duration::seconds(7300), "{wait}");
}

#[tokio::test]
async fn an_account_that_the_ca_has_forgotten_is_registered_anew() {
    let authority = Authority::start(Manners::default()).await;
    let gate = served(&authority, "").await;
    let old = serial(&gate, "a.example").await;
    authority.forget_accounts();
    let outcome = renew(gate.folder()).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(authority.asked().accounts.len(), 2);
    changes(&gate, "a.example", old.as_deref()).await;
}

#[tokio::test]
async fn a_ca_that_wants_an_account_bound_is_shown_the_binding() {
    let authority = Authority::start(Manners { wants_binding: true, ..Manners::default() }).await;
    let mut gate = run(&authority, gate_with(&authority, "", SITE)).await;
    gate.process.says("set eab_key_id and eab_hmac_key").await;
    drop(gate);
    let keys = "eab_key_id = \"key-7\"\neab_hmac_key = { file = \"eab\" }";
    let builder = gate_with(&authority, keys, SITE).with("eab", "c2VjcmV0LXNlY3JldC1zZWNyZXQ=\n");
    let mut gate = run(&authority, builder).await;
    gate.process.says("is in place").await;
    let bound = authority.asked().accounts.pop().expect("an account");
    assert!(bound["externalAccountBinding"]["signature"].is_string(), "{bound}");
}

#[tokio::test]
async fn a_profile_goes_along_and_one_that_the_ca_does_not_have_is_named() {
    let authority = Authority::start(Manners::default()).await;
    let _gate = served(&authority, "profile = \"shortlived\"").await;
    assert_eq!(authority.asked().orders[0]["profile"], "shortlived");
    let mut gate = run(&authority, gate_with(&authority, "profile = \"slow\"", SITE)).await;
    let log = gate.process.says("has no profile").await;
    assert!(log.contains("shortlived"), "{log}");
}

#[tokio::test]
async fn one_process_at_a_time_orders() {
    let authority = Authority::start(Manners::default()).await;
    let gate = gate_with(&authority, "", SITE).run().await;
    // The CA waits for the address of port 80, and so the order of the gatepost that serves is open.
    authority.until("a question", |asked| asked.requests.iter().any(|line| line.contains("challenge"))).await;
    let mut other = Process::gatepost(gate.folder(), &["cert", "renew", "-c", "gatepost.toml"]);
    other.says("another gatepost is ordering").await;
    assert_eq!(authority.asked().orders.len(), 1);
    authority.meets(gate.http[0], gate.https[0]);
    let outcome = other.outcome().await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(authority.asked().orders.len(), 2);
}

#[tokio::test]
async fn a_reload_that_changes_no_certificate_leaves_an_order_alone() {
    let authority = Authority::start(Manners::default()).await;
    let mut gate = gate_with(&authority, "", SITE).run().await;
    authority.until("a question", |asked| asked.requests.iter().any(|line| line.contains("challenge"))).await;
    let path = gate.folder().join("gatepost.toml");
    let text = std::fs::read_to_string(&path).expect("read").replace("respond = \"here\"", "respond = \"moved\"");
    std::fs::write(&path, format!("# A line more.\n{text}")).expect("written");
    gate.process.hangup();
    gate.process.says("reloaded").await;
    authority.meets(gate.http[0], gate.https[0]);
    changes(&gate, "a.example", None).await;
    assert_eq!(authority.asked().orders.len(), 1);
}

#[tokio::test]
async fn revoking_has_another_in_place_first() {
    let authority = Authority::start(Manners::default()).await;
    let gate = served(&authority, "").await;
    let old = serial(&gate, "a.example").await;
    let arguments = ["cert", "revoke", "-c", "gatepost.toml", "a.example", "--reason", "key-compromise"];
    let outcome = gatepost(gate.folder(), &arguments).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("a.example: revoked"), "{outcome:?}");
    changes(&gate, "a.example", old.as_deref()).await;
    let asked = authority.asked();
    assert_eq!(asked.revocations.len(), 1);
    assert_eq!(asked.revocations[0]["reason"], 1);
    let order = asked.requests.iter().rposition(|line| line.starts_with("POST /cert")).expect("an order");
    let revocation = asked.requests.iter().position(|line| line == "POST /revoke").expect("a revocation");
    assert!(order < revocation);
}

#[tokio::test]
async fn nothing_is_revoked_where_no_other_comes_unless_told() {
    let authority = Authority::start(Manners::default()).await;
    let gate = served(&authority, "").await;
    authority.behave(|manners| manners.declines = Some((503, "serverInternal", None)));
    let outcome = gatepost(gate.folder(), &["cert", "revoke", "-c", "gatepost.toml", "a.example"]).await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.contains("not revoked") && authority.asked().revocations.is_empty(), "{outcome:?}");
    let arguments = ["cert", "revoke", "-c", "gatepost.toml", "a.example", "--no-reissue"];
    let outcome = gatepost(gate.folder(), &arguments).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(authority.asked().revocations.len(), 1);
    soon("handshakes that fail", async {
        while serial(&gate, "a.example").await.is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_host_that_a_reload_brings_is_ordered_apart() {
    let authority = Authority::start(Manners::default()).await;
    let mut gate = served(&authority, "").await;
    let old = serial(&gate, "a.example").await;
    let path = gate.folder().join("gatepost.toml");
    let text =
        std::fs::read_to_string(&path).expect("read").replace("[\"a.example\"]", "[\"a.example\", \"new.example\"]");
    std::fs::write(&path, text).expect("written");
    gate.process.hangup();
    gate.process.says("reloaded").await;
    changes(&gate, "new.example", None).await;
    assert_eq!(serial(&gate, "a.example").await, old);
    assert_eq!(names_of(&authority), [["a.example"], ["new.example"]]);
}

#[tokio::test]
async fn the_commands_say_what_they_cannot_do() {
    let authority = Authority::start(Manners::default()).await;
    let builder = gate_with(&authority, "", SITES).certificate(&ca().leaf(&["c.example"])).write();
    let folder = builder.folder();
    for (host, word) in [("nobody.example", "no site"), ("c.example", "[[certificate]]"), ("a b", "character")] {
        let outcome = gatepost(folder, &["cert", "renew", "-c", "gatepost.toml", host]).await;
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stderr.contains(word), "{outcome:?}");
    }
    let outcome = gatepost(folder, &["cert", "revoke", "-c", "gatepost.toml", "a.example"]).await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("there is no certificate for a.example"), "{outcome:?}");
    assert!(authority.asked().requests.is_empty());
}
