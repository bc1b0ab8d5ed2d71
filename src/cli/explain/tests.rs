//! `explain` on the original set-up and on what shadows what.

use super::*;
use crate::config;

const MORE: &str = r#"
[server]
http = ["127.0.0.1:8080"]
https = ["127.0.0.1:8443"]
acme_webroot = "/webroot"
[[certificate]]
chain = "c.pem"
[[site]]
hosts = ["*.site.example"]
default = true
hsts = "1d"
  [[site.route]]
  path = "/api"
  proxy = "https://10.0.0.5"
  strip_prefix = true
  request_headers = { Authorization = "Basic eA==", X-Old = "" }
[[site]]
hosts = ["www.site.example"]
redirect_http = false
  [[site.route]]
  path = "/"
  root = "/www"
  [[site.route]]
  path = "/old/"
  redirect = "https://new.example/{path}"
  [[site.route]]
  path = "/ok"
  respond = "ok"
"#;

fn explained(text: &str, url: &str) -> (Explanation, String) {
    let parsed = config::parse(text, "gatepost.toml".as_ref());
    let config = parsed.config.expect("a configuration");
    let explanation = explain(&Asked::parse(url).expect(url), &config, &parsed.source);
    let mut shown = Vec::new();
    text::write(&explanation, &mut shown).expect("written");
    (explanation, String::from_utf8(shown).expect("UTF-8"))
}

/// Without line numbers, so that comments in the example may grow.
fn original(url: &str) -> String {
    let shown = explained(&std::fs::read_to_string("examples/original-setup.toml").expect("readable"), url).1;
    let mut parts = shown.split("gatepost.toml:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "gatepost.toml" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn more(url: &str) -> Explanation {
    explained(MORE, url).0
}

#[test]
fn the_launcher_of_the_original_set_up_is_explained() {
    let shown = original("https://mattermost.site.com/jitsi/Room Name/");
    let expected = "\
https://mattermost.site.com/jitsi/Room%20Name/
  site      mattermost.site.com: has this very name (gatepost.toml)
  route     /jitsi (launcher jaas): is the longest path that takes it (gatepost.toml)
  shadowed  / (proxy http://192.168.1.123:8065): takes it, too; the longer path wins (gatepost.toml)
  answer    a page that opens the meeting \"Room Name\"
            launcher        jaas
            provider        JaaS
            meetings at     https://8x8.vc/vpaas-magic-cookie-123456
            key id          vpaas-magic-cookie-123456/aabbcc
            identity        the session cookie is asked about at http://192.168.1.123:8065; without one, the way to sign in
            guests          not let in
            moderators      who is signed in, guests excepted
            monthly users   counted, without a limit
            token_lifetime  1h
            token opens     the asked room alone
            features        all off
            request head    64KiB and 100 fields at most, within 30s
            connections     512 at once from one address
";

    assert_eq!(shown, expected);
}

#[test]
fn the_way_to_sign_in_is_told_only_where_one_is_offered() {
    let own_host = std::fs::read_to_string("examples/meetings-own-host.toml").expect("readable");
    let by_link =
        "the link's token of the Jitsi plugin \"gatepost\"; without one, the advice to open the link from Mattermost";
    let (_, shown) = explained(&own_host, "https://meet.site.com/Room");
    assert!(shown.contains(by_link) && !shown.contains("the way to sign in"), "{shown}");
    let both = own_host.replace(
        "identity = [\"plugin\"]",
        "identity = [\"plugin\", \"mattermost\"]\nmattermost = \"http://127.0.0.1:8065\"",
    );
    let (_, shown) = explained(&both, "https://meet.site.com/Room");
    assert!(shown.contains("; without one, the way to sign in at https://mattermost.site.com"), "{shown}");
    // A Mattermost below a path is asked there, though another site shows it.
    let below = both.replacen("path = \"/\"", "path = \"/chat/\"", 1);
    let (_, shown) = explained(&below, "https://meet.site.com/Room");
    assert!(shown.contains("is asked about at http://127.0.0.1:8065/chat; without one"), "{shown}");
    assert!(shown.contains("the way to sign in at https://mattermost.site.com/chat"), "{shown}");
}

#[test]
fn a_launchers_own_addresses_are_told_from_rooms() {
    for (path, said) in [
        ("-/webhook", "what 8x8 posts is counted; 404 without webhook_secret"),
        ("-/guest/Room/", "the guests' form"),
        ("-/invite/AAAA", "an invitation's form"),
        ("-/webhook/x", "no name of a room"),
        ("-/guest", "no name of a room"),
        ("-", "no name of a room"),
    ] {
        let shown = original(&format!("https://mattermost.site.com/jitsi/{path}"));
        assert!(shown.contains(said), "{path}: {shown}");
    }
}

#[test]
fn plain_http_is_redirected_and_explained_on() {
    let shown = original("http://site.com/a?b=1");
    assert!(shown.contains("  answer    301 to https://site.com/a?b=1\n"), "{shown}");
    assert!(shown.contains("\n\nhttps://site.com/a?b=1\n"), "{shown}");
    assert!(shown.contains("  answer    the file /var/www/html/a;"), "{shown}");
    // The mapped port is in the address that the redirect names.
    assert_eq!(more("http://a.site.example:8080/").then.expect("a redirect").url, "https://a.site.example:8443/");
}

#[test]
fn the_challenge_comes_first_on_both_ports() {
    for scheme in ["http", "https"] {
        let explanation = more(&format!("{scheme}://www.site.example/.well-known/acme-challenge/abc_-123"));
        assert_eq!(explanation.answer.handler, "challenge");
        assert!(explanation.answer.answer.contains("/webroot/.well-known/acme-challenge/abc_-123"));
    }
}

#[test]
fn what_is_shadowed_is_named() {
    let explanation = more("https://www.site.example/");
    assert_eq!(explanation.shadowed.len(), 1);
    assert!(explanation.shadowed[0].why.contains("wildcard"));
    let site = more("https://a.site.example/api").site.expect("a site");
    assert!(site.why.contains("wildcard"));
    assert!(more("https://else.example/api").site.expect("a site").why.contains("default"));
}

#[test]
fn what_is_refused_says_why() {
    let status = |url: &str| more(url).answer.status;
    assert_eq!(status("https://a.site.example/none"), Some(404));
    assert_eq!(status("https://www.site.example/ok/../old/x"), Some(400));
    assert!(more("https://www.site.example/.git/config").answer.answer.starts_with("refused: names that begin"));
    let text = MORE.replace("default = true", "");
    assert_eq!(explained(&text, "https://else.example/").0.answer.status, Some(421));
    assert_eq!(explained(&text, "http://else.example/").0.answer.status, Some(404));
}

#[test]
fn a_proxy_shows_what_it_sends_but_no_credentials() {
    let (_, shown) = explained(MORE, "https://a.site.example:8443/api/a%2Fb?x");
    for line in [
        "target sent                /a%2Fb?x",
        "Host sent                  a.site.example:8443",
        "request field              authorization: ***",
        "request field              x-old is removed",
        "max_body                   10MiB",
        "upgrades                   websocket, idle for 10m at most",
        "verification               by Mozilla's roots",
        "Strict-Transport-Security  max-age=86400",
    ] {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
    assert!(!shown.contains("eA=="));
}

#[test]
fn upstreams_show_their_limits_and_who_gets_a_request_only_where_there_is_a_choice() {
    let several = MORE.replace(
        "proxy = \"https://10.0.0.5\"",
        "proxy = [\"https://10.0.0.5\", \"https://10.0.0.6\"]\nbalance = \"least_connections\"\nsticky = \"node\"\n\
         health = \"/healthz\"\nhealth_interval = \"5s\"\nmax_waiting = 7",
    );
    let shown = explained(&several, "https://a.site.example/api/x").1;
    for line in [
        "max_connections            1024 to each upstream; 7 more requests wait, then 503",
        "balance                    least_connections; whoever has the cookie \"node\" keeps theirs",
        "ejected                    after 5 failures in a row, for 10s and longer",
        "health                     GET /healthz every 5s, 5s at most; out after 3 failures, back after 2 successes",
    ] {
        assert!(shown.contains(line), "{line} is not in {shown}");
    }
    let alone = explained(MORE, "https://a.site.example/api/x").1;
    assert!(alone.contains("health                     not asked") && !alone.contains("balance"), "{alone}");
}

#[test]
fn redirects_say_where_to_and_ports_that_nobody_listens_on_are_noted() {
    let explanation = more("https://www.site.example/old/x?y=1");
    assert_eq!(explanation.answer.answer, "308 to https://new.example/old/x?y=1");
    assert!(explanation.notes[0].contains("https is on port 8443"));
    assert!(more("https://www.site.example:8443/").notes.is_empty());
}

#[test]
fn json_has_the_same_for_a_script() {
    let json = serde_json::to_value(more("http://www.site.example:8080/ok")).expect("JSON");
    assert_eq!(json["handler"], "respond");
    assert_eq!(json["status"], 200);
    assert_eq!(json["details"]["length"], "2 bytes");
    assert_eq!(json["route"]["name"], "/ok (respond 200)");
}

#[test]
fn each_kind_of_meeting_server_is_explained() {
    let file = "\
        [server]\nhttps = []\n[[site]]\nhosts = [\"a.example\"]\n\
        [[site.route]]\npath = \"/ours\"\nlauncher = \"ours\"\n\
        [[site.route]]\npath = \"/fetched\"\nlauncher = \"fetched\"\n\
        [[site.route]]\npath = \"/open\"\nlauncher = \"open\"\n\
        [launcher.ours]\nprovider = \"jitsi\"\nidentity = \"none\"\nmoderators = \"everyone\"\napp_id = \"our-app\"\n\
        server = \"https://meet.example\"\nsecret = \"a secret that prosody knows, too\"\n\
        features = { moderators = [\"recording\"] }\n\
        [launcher.fetched]\nprovider = \"jitsi\"\nidentity = \"none\"\nmoderators = \"everyone\"\napp_id = \"our-app\"\n\
        server = \"https://meet.example\"\nprivate_key = \"k.pem\"\nkey_id = \"gatepost\"\nsubject = \"*\"\n\
        [launcher.open]\nprovider = \"public\"\nidentity = \"none\"\n";
    let shown = |path: &str| explained(file, &format!("http://a.example{path}/Room")).1;
    let ours = shown("/ours");
    for part in [
        "provider        a Jitsi of one's own",
        "claims          iss \"our-app\", aud \"jitsi\", sub \"meet.example\"",
        "signed with     HS256 and the secret that prosody has too",
        "moderators may  recording",
        "guests may      none",
    ] {
        assert!(ours.contains(part), "{part}: {ours}");
    }
    assert!(!ours.contains("prosody knows"), "{ours}");
    let fetched = shown("/fetched");
    assert!(fetched.contains("key id          gatepost; prosody fetches <asap_key_server>/"), "{fetched}");
    assert!(fetched.contains("features        by the server's own rule"), "{fetched}");
    let open = shown("/open");
    assert!(open.contains("as the public server decides"), "{open}");
    assert!(!open.contains("token opens"), "{open}");
}
