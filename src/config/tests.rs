//! The examples load, and every wrong file gets exactly the words beside it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::finding::Severity;
use super::model::{
    Answer, AtLimit, DisplayName, JitsiKey, Moderators, PemSource, Provider, RedirectTarget, Rooms, SecretFrom,
    UpstreamHost, Way,
};
use super::render::{Colour, long, short};
use super::source::Source;
use super::surroundings::Surroundings;
use super::{Parsed, parse_in};

/// The same on every machine.
fn surroundings() -> Surroundings {
    let variables = |name: &str| (name == "GATEPOST_TEST_KEY").then(|| "-----BEGIN PRIVATE KEY-----".to_owned());
    Surroundings {
        root: true,
        cores: NonZeroUsize::new(2).expect("two is not zero"),
        descriptors: 20_000,
        memory: 32 << 30,
        environment: Some(Box::new(variables)),
    }
}

fn parse(text: &str) -> Parsed {
    parse_in(Source { path: "gatepost.toml".into(), text: text.into() }, &surroundings())
}

/// All `*.toml` in a folder of the repository, named from its top.
fn files_in(folder: &str) -> Vec<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(top.join(folder)).expect(folder);
    let mut files: Vec<_> = entries
        .map(|entry| Path::new(folder).join(entry.expect("an entry").file_name()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no *.toml in {folder}");
    files
}

fn parse_file(path: &Path) -> Parsed {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("readable");
    parse_in(Source { path: path.into(), text }, &surroundings())
}

#[test]
fn every_example_and_every_valid_file_loads_without_a_finding() {
    for path in files_in("examples").into_iter().chain(files_in("tests/config/valid")) {
        let parsed = parse_file(&path);
        assert_eq!(long(&parsed.findings, &parsed.source, Colour::No), "", "{}", path.display());
        assert!(parsed.config.is_some(), "{}", path.display());
    }
}

/// `GATEPOST_WRITE_EXPECTED=1 cargo test` writes the words anew, to be read in the diff.
#[test]
fn every_invalid_file_gets_the_words_beside_it() {
    let write = std::env::var_os("GATEPOST_WRITE_EXPECTED").is_some();
    for path in files_in("tests/config/invalid") {
        let parsed = parse_file(&path);
        let said = long(&parsed.findings, &parsed.source, Colour::No);
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join(&path).with_extension("txt");
        if write {
            fs::write(&beside, &said).expect("written");
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        assert!(!said.is_empty(), "{} has no finding", path.display());
        assert_eq!(said, expected, "{}", path.display());
        let fatal = parsed.findings.iter().any(|finding| finding.severity == Severity::Fatal);
        assert_eq!(parsed.config.is_none(), fatal, "{}", path.display());
    }
}

/// Found by the fuzzer: a value may bear what a terminal acts upon, escaped in the file or beyond ASCII as it is.
#[test]
fn no_output_has_a_character_that_a_terminal_acts_upon() {
    for text in [
        "[[site]]\nhosts = [\"a\"]\nroute = [{ path = \"/\", proxy = \"ftp://\\u001b[2J\\tx\" }]\n",
        "[[site]]\nhosts = [\"a\\u001b\\u009b2J\\u007f\"]\n",
        "[[site]]\nhosts = [\"a\u{9b}2J\"]\n",
        "[[site]]\nhosts = [\"a\"]\r\n\t\"k\\u001b\" = 1\n\"\\u009b\".x = 2 # \u{9b}\n",
        "x = \u{1b}[2J\n",
        "x = \u{9b}2J\u{85}\n",
    ] {
        let parsed = parse(text);
        assert!(!parsed.findings.is_empty(), "{text}");
        let long = long(&parsed.findings, &parsed.source, Colour::No);
        let short: Vec<String> = parsed.findings.iter().map(|finding| short(finding, &parsed.source)).collect();
        for line in long.lines().chain(short.iter().map(String::as_str)) {
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}

#[test]
fn no_output_shows_a_secret_of_the_file() {
    // As they stand in the invalid files: a passphrase, a pasted key, credentials in a header and in an address.
    let secrets = ["horse battery", "bm90IGEga2V5", "eA==", "12345", "anna:pw"];
    for path in files_in("tests/config/invalid") {
        let parsed = parse_file(&path);
        let mut said = long(&parsed.findings, &parsed.source, Colour::Yes);
        for finding in &parsed.findings {
            said.push_str(&short(finding, &parsed.source));
            said.push_str(&format!("{finding:?}"));
        }
        for secret in secrets {
            assert!(!said.contains(secret), "{} shows {secret}", path.display());
        }
    }
    let config = parse(&fs::read_to_string("tests/config/valid/every-key.toml").expect("readable")).config;
    assert!(!format!("{config:?}").contains("-----BEGIN"));
}

fn config_of(text: &str) -> super::model::Config {
    let parsed = parse(text);
    parsed.config.unwrap_or_else(|| panic!("{}", long(&parsed.findings, &parsed.source, Colour::No)))
}

#[test]
fn the_original_set_up_means_what_the_contract_says() {
    let path = Path::new("examples/original-setup.toml");
    let config = parse_file(path).config.expect("a configuration");
    assert_eq!(config.server.http, ["[::]:80".parse().expect("an address")]);
    assert_eq!(config.server.public_https_port, 443);
    assert_eq!(config.server.state, Path::new("/var/lib/gatepost"));
    assert_eq!(config.server.workers.get(), 2);
    let [website, chat] = config.sites.as_slice() else { panic!("two sites") };
    assert!(website.redirect_http && website.hsts.is_none());
    let Answer::Website(folder) = &website.routes[0].answer else { panic!("a website") };
    assert!(folder.listing && folder.index == ["index.html"]);
    let Answer::Launcher(launcher) = &chat.routes[0].answer else { panic!("a launcher") };
    let Provider::Jaas { server, private_key, .. } = &launcher.provider else { panic!("JaaS") };
    assert_eq!(server, "https://8x8.vc");
    assert!(matches!(private_key, PemSource::File(path) if path == Path::new("/etc/gatepost/private.pk")));
    assert_eq!((launcher.moderators.clone(), launcher.rooms), (Moderators::Members, Rooms::This));
    let Answer::Proxy(mattermost) = &chat.routes[1].answer else { panic!("a proxy") };
    assert_eq!(mattermost.max_body, 128 << 20);
    assert_eq!(mattermost.read_timeout.as_secs(), 600);
    assert_eq!(mattermost.pool_idle_timeout.as_secs(), 60);
    assert_eq!(mattermost.health.as_ref().map(|health| health.path.as_str()), Some("/api/v4/system/ping"));
    assert!(mattermost.ejection.is_none(), "there is nobody else");
    let [Way::Mattermost(source)] = &launcher.identity[..] else { panic!("asks Mattermost") };
    assert_eq!(launcher.login.as_deref(), Some(""), "on the same host");
    assert_eq!(source.proxy.upstreams, mattermost.upstreams);
    assert_eq!(source.proxy.upstreams[0].origin, "http://192.168.1.123:8065");
}

#[test]
fn without_a_key_the_default_holds_and_the_listener_knows_it() {
    let config = config_of(
        "[[certificate]]\nchain = \"c.pem\"\n[[site]]\nhosts = [\"a.example\"]\n[[site.route]]\npath = \"/\"\nproxy = \"https://b.example\"\n",
    );
    assert_eq!(config.server.https, ["[::]:443".parse().expect("an address")]);
    assert!(!config.server.http_given && !config.server.https_given);
    let Answer::Proxy(proxy) = &config.sites[0].routes[0].answer else { panic!("a proxy") };
    assert_eq!((proxy.max_body, proxy.pool_idle_timeout.as_secs()), (10 << 20, 4));
    assert_eq!((proxy.upgrades.as_slice(), &proxy.host), (&["websocket".to_owned()][..], &UpstreamHost::Preserve));
    assert!(proxy.verify.on && proxy.upstreams[0].port == 443);
}

#[test]
fn relative_paths_start_from_the_folder_of_the_file() {
    let text = fs::read_to_string("tests/config/valid/every-key.toml").expect("readable");
    let source = Source { path: "/etc/gatepost/gatepost.toml".into(), text };
    let config = parse_in(source, &surroundings()).config.expect("a configuration");
    assert_eq!(config.certificates[0].chain, Path::new("/etc/gatepost/bundle.pem"));
    assert_eq!(config.server.acme_webroot.as_deref(), Some(Path::new("/etc/gatepost/webroot")));
    assert_eq!(config.server.control, Path::new("/etc/gatepost/state/control.sock"));
    let Answer::Website(website) = &config.sites[0].routes[0].answer else { panic!("a website") };
    assert_eq!(website.root, Path::new("/etc/gatepost/www"));
}

#[test]
fn every_key_reaches_the_meaning() {
    let config = parse_file(Path::new("tests/config/valid/every-key.toml")).config.expect("a configuration");
    assert!(config.server.https_given && config.server.public_https_port == 443);
    let [site, chat] = config.sites.as_slice() else { panic!("two sites") };
    // R19, R20: case and a last dot make no difference.
    let hosts: Vec<_> = site.hosts.iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["www.site.example", "*.site.example", "[2001:db8::1]", "192.0.2.1"]);
    assert_eq!(site.hsts.map(|age| age.as_secs()), Some(15_552_000));
    let Answer::Website(website) = &site.routes[0].answer else { panic!("a website") };
    assert_eq!(website.fallback.as_deref(), Some("app.html"));
    assert_eq!(website.error_pages.values().collect::<Vec<_>>(), ["errors/404.html", "errors/500.html"]);
    let Answer::Proxy(proxy) = &site.routes[1].answer else { panic!("a proxy") };
    assert_eq!(proxy.upgrades, ["websocket", "custom/1"]);
    assert_eq!(proxy.upstreams[1].origin, "https://10.0.0.6:8443");
    assert_eq!(proxy.request_headers.len(), 2);
    assert!(proxy.response_headers.iter().any(|(name, value)| name == "server" && value.is_none()));
    let Answer::Redirect(redirect) = &site.routes[2].answer else { panic!("a redirect") };
    assert_eq!(redirect.target, RedirectTarget::Template("/new/".into(), String::new()));
    let Answer::Launcher(launcher) = &chat.routes[1].answer else { panic!("a launcher") };
    assert_eq!(launcher.moderators, Moderators::Users(vec!["anna".into(), "bob".into()]));
    let Answer::Launcher(open) = &chat.routes[2].answer else { panic!("a launcher") };
    assert!(open.identity.is_empty());
    assert_eq!(open.anonymous.email.as_deref(), Some("somebody@site.example"));
}

#[test]
fn a_launcher_of_its_own_host_knows_people_guests_and_budget_and_where_people_sign_in() {
    let config = config_of(include_str!("../../tests/config/valid/meetings.toml"));
    let Answer::Launcher(launcher) = &config.sites[1].routes[0].answer else { panic!("a launcher") };
    let [Way::Plugin(plugin), Way::Mattermost(_)] = &launcher.identity[..] else { panic!("{:?}", launcher.identity) };
    assert_eq!(plugin.app_id, "plugin");
    assert_eq!(launcher.login.as_deref(), Some("https://chat.example:8443/mm"));
    assert_eq!(launcher.people.names, [DisplayName::FullName, DisplayName::Nickname]);
    assert!(launcher.people.avatars && !launcher.people.email);
    assert!(launcher.guests.join && launcher.guests.invitations && launcher.guests.passcode.is_some());
    assert_eq!(launcher.guests.tries.get(), 5);
    assert_eq!(launcher.budget.limit.map(u32::from), Some(25));
    let AtLimit::Fallback(other) = &launcher.budget.at_limit else { panic!("{:?}", launcher.budget) };
    assert!(other.name == "spare" && other.identity.is_empty() && matches!(other.budget.at_limit, AtLimit::DenyNew));
    let colour = |given: Option<crate::jitsi::page::colour::Colour>| given.map(|colour| colour.to_string());
    assert_eq!(colour(launcher.page.accent).as_deref(), Some("#0055aa"));
    assert_eq!(colour(launcher.page.accent_dark).as_deref(), Some("#66aaff"));
    assert_eq!(launcher.page.language.tag(), "de");
    assert!(!launcher.near_misses && launcher.webhook_secret.is_some());
    let Answer::Launcher(told) = &config.sites[1].routes[1].answer else { panic!("a launcher") };
    assert_eq!(told.login.as_deref(), Some("https://elsewhere.example/chat"));
}

#[test]
fn each_provider_has_its_own_keys_and_defaults() {
    let config = config_of(include_str!("../../tests/config/valid/providers.toml"));
    let launchers: Vec<_> = config.sites[0]
        .routes
        .iter()
        .filter_map(|route| match &route.answer {
            Answer::Launcher(launcher) => Some(launcher),
            _ => None,
        })
        .collect();
    let [jaas, ours, fetched] = launchers[..] else { panic!("three launchers") };
    assert_eq!(jaas.features.moderators.to_string(), "livestreaming, recording, send-groupchat");
    assert_eq!(jaas.features.members.to_string(), "send-groupchat");
    assert!(jaas.features.guests.is_empty());
    let AtLimit::Fallback(public) = &jaas.budget.at_limit else { panic!("{:?}", jaas.budget) };
    assert!(matches!(&public.provider, Provider::Public { server } if server == "https://meet.jit.si"));

    let Provider::Jitsi { app_id, server, subject, audience, key } = &ours.provider else { panic!("a Jitsi") };
    assert_eq!((app_id.as_str(), server.as_str()), ("our-app", "https://meet.example:8443"));
    assert_eq!((subject.as_str(), audience.as_str()), ("meet.example", "jitsi"));
    assert!(matches!(key, JitsiKey::Secret(SecretFrom::File(path)) if path.ends_with("jitsi.secret")));
    assert!(!ours.features.is_empty());

    let Provider::Jitsi { subject, audience, key, .. } = &fetched.provider else { panic!("a Jitsi") };
    assert_eq!((subject.as_str(), audience.as_str()), ("tenant", "our-jitsi"));
    let JitsiKey::Rsa { key_id, private_key: PemSource::File(path) } = key else { panic!("{key:?}") };
    assert!(key_id == "gatepost" && path.ends_with("jitsi.pk"));
}

/// A launcher for a Jitsi of one's own, whose plugin signs with another secret, or with the same.
fn two_secrets(secret: &str, plugin_secret: &str, surroundings: &Surroundings) -> Vec<String> {
    let text = format!(
        "[server]\nhttps = []\n[[site]]\nhosts = [\"a.example\"]\n[[site.route]]\npath = \"/\"\nlauncher = \"own\"\n\
         [launcher.own]\nprovider = \"jitsi\"\nserver = \"https://meet.example\"\napp_id = \"a\"\nsecret = {secret}\n\
         identity = [\"plugin\"]\nplugin_app_id = \"b\"\nplugin_secret = {plugin_secret}\n"
    );
    let parsed = parse_in(Source { path: "gatepost.toml".into(), text }, surroundings);
    let fatal = parsed.findings.iter().filter(|finding| finding.severity == Severity::Fatal);
    fatal.map(|finding| short(finding, &parsed.source)).collect()
}

#[test]
fn a_secret_of_meeting_tokens_is_none_of_the_plugins_wherever_both_come_from() {
    let long = "\"0123456789abcdef0123456789abcdef\"";
    for (one, other) in [
        (long, long),
        (long, "{ env = \"A\" }"),
        ("{ env = \"A\" }", "{ env = \"B\" }"),
        ("{ file = \"s\" }", "{ file = \"./s\" }"),
    ] {
        let mut known = surroundings();
        known.environment = Some(Box::new(|_| Some("0123456789abcdef0123456789abcdef".to_owned())));
        let said = two_secrets(one, other, &known);
        assert!(said.len() == 1 && said[0].contains("is also the `secret`"), "{one} {other}: {said:?}");
        assert!(!said[0].contains("0123456789"), "{said:?}");
    }
    // Without the environment, two variables are two secrets, and one is one.
    let unknown = || Surroundings { environment: None, ..surroundings() };
    assert!(two_secrets("{ env = \"A\" }", "{ env = \"B\" }", &unknown()).is_empty());
    assert_eq!(two_secrets("{ env = \"A\" }", "{ env = \"A\" }", &unknown()).len(), 1);
    assert!(two_secrets("{ file = \"s\" }", long, &unknown()).is_empty());
}

/// Each table's keys stand in the first column below its own heading.
#[test]
fn every_key_of_a_launcher_is_in_its_documentation_and_no_other() {
    assert_documented("docs/launcher.md", &["launcher.NAME", "launcher.NAME.features", "launcher.NAME.page"]);
}

#[test]
fn every_limit_is_in_its_documentation_and_no_other() {
    assert_documented("docs/limits.md", &["limits"]);
}

fn assert_documented(document: &str, tables: &[&str]) {
    let documented = fs::read_to_string(document).expect("readable");
    let mut sections: HashMap<&str, HashSet<&str>> = HashMap::new();
    let mut section = "";
    for line in documented.lines() {
        if line.starts_with('#') {
            section = line.split('`').nth(1).unwrap_or_default();
        } else if let Some(first) = line.strip_prefix("| `").and_then(|line| line.split('|').next()) {
            sections.entry(section).or_default().extend(first.split(['`', ',', ' ']).filter(|key| !key.is_empty()));
        }
    }
    for table in tables {
        let parsed = parse(&format!("[{table}]\nzzzzzzzzzz = 1\n"));
        let unknown = parsed.findings.iter().find(|finding| finding.what.contains("zzzzzzzzzz")).expect("a finding");
        let known = unknown.mend.as_deref().and_then(|mend| mend.strip_prefix("known here: ")).expect("all keys");
        let known: HashSet<_> = known.split(", ").collect();
        assert_eq!(sections.get(&*format!("[{table}]")), Some(&known), "[{table}]");
    }
}

#[test]
fn the_readme_names_every_example() {
    let readme = fs::read_to_string("README.md").expect("readable");
    for example in files_in("examples") {
        let name = example.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(readme.contains(&format!("`{name}`")), "{name} is missing");
    }
}

#[test]
fn every_document_and_example_that_is_named_is_there() {
    let documents = fs::read_dir("docs").expect("docs").map(|entry| entry.expect("an entry").path());
    let named_in = documents.chain(files_in("examples")).chain(["README.md".into(), "CHANGELOG.md".into()]);
    for path in named_in {
        let text = fs::read_to_string(&path).expect("readable");
        let words = text.split(|c: char| c.is_whitespace() || "`()[],;:".contains(c));
        for named in words.filter(|word| word.starts_with("docs/") || word.starts_with("examples/")) {
            let named = named.trim_end_matches('.');
            assert!(Path::new(named).exists(), "{} names {named}", path.display());
        }
    }
}

#[test]
fn a_finding_in_one_line_has_its_place_and_its_mend() {
    let parsed = parse("[server]\nhttps = []\nworkers = 0\n[[site]]\ndefault = true\n");
    let lines: Vec<_> = parsed.findings.iter().map(|finding| short(finding, &parsed.source)).collect();
    assert_eq!(
        lines[0],
        "gatepost.toml:3:11: error: `workers` is 0; write a number from 1 to 1024, or leave it out for one per core"
    );
}

#[test]
fn a_file_cut_off_anywhere_or_with_a_line_missing_gets_findings_and_no_panic() {
    let text = fs::read_to_string("tests/config/valid/every-key.toml").expect("readable");
    let cut = (0..text.len()).step_by(7).map(|end| text[..end].to_owned());
    let lines: Vec<_> = text.lines().collect();
    let missing = (0..lines.len()).map(|line| [&lines[..line], &lines[line + 1..]].concat().join("\n"));
    for text in cut.chain(missing) {
        let parsed = parse(&text);
        let said = long(&parsed.findings, &parsed.source, Colour::No);
        assert!(parsed.config.is_some() || !said.is_empty(), "{text}");
    }
}
