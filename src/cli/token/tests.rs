use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::cli::clock::{Skew, Unknown};
use crate::config;
use crate::config::surroundings::Surroundings;

const APP_ID: &str = "vpaas-magic-cookie-1";

/// What the launchers of this text mean.
fn configured(launchers: &str) -> Config {
    let mut text = "[server]\nhttps = []\n[[site]]\nhosts = [\"a.example\"]\n\
                    [[site.route]]\npath = \"/\"\nrespond = \"here\"\n"
        .to_owned();
    for line in launchers.lines().filter(|line| line.starts_with('[')) {
        let name = line.trim_matches(['[', ']']).trim_start_matches("launcher.");
        text.push_str(&format!("[[site.route]]\npath = \"/{name}\"\nlauncher = \"{name}\"\n"));
    }
    text.push_str(launchers);
    let source = config::source::Source { path: Path::new("gatepost.toml").into(), text };
    let parsed = config::parse_in(source, &Surroundings::of_this_process());
    parsed.config.unwrap_or_else(|| panic!("{:?}", parsed.findings))
}

fn jaas() -> Config {
    configured(
        "[launcher.jaas]\nprovider = \"jaas\"\napp_id = \"vpaas-magic-cookie-1\"\nkey_id = \"vpaas-magic-cookie-1/k\"\n\
         private_key = \"k.pem\"\nidentity = \"none\"\n",
    )
}

fn jitsi(more: &str) -> Config {
    configured(&format!(
        "[launcher.ours]\nprovider = \"jitsi\"\napp_id = \"ours\"\nserver = \"https://meet.example:8443\"\n\
         identity = \"none\"\n{more}\n"
    ))
}

/// A token's claims as JaaS demands them, altered.
fn altered(alter: impl FnOnce(&mut Value)) -> Decoded {
    let mut token = json!({
        "header": {"typ": "JWT", "alg": "RS256", "kid": "vpaas-magic-cookie-1/k"},
        "claims": {
            "aud": "jitsi", "iss": "chat", "sub": APP_ID, "room": "r",
            "iat": 1_800_000_000, "nbf": 1_799_999_940, "exp": 1_800_003_600,
        },
    });
    alter(&mut token);
    let part = |name: &str| token[name].as_object().cloned().expect("an object");
    Decoded { header: part("header"), claims: part("claims"), signature: 256 }
}

fn agreeing() -> Result<Skew, Unknown> {
    Ok(Skew { ahead: 1, give: 1 })
}

/// Checks of one kind, as verdict and words.
fn found(checks: &[Check], of: &str) -> (Verdict, String) {
    let check = checks.iter().find(|check| check.of == of).unwrap_or_else(|| panic!("no {of} in {checks:?}"));
    let wrong = matches!(check.verdict, Verdict::Fault | Verdict::Warning);
    assert!(check.mend.is_some() || !wrong, "{check:?}");
    (check.verdict, check.words.clone())
}

fn jaas_checks(token: &Decoded, skew: &Result<Skew, Unknown>) -> Vec<Check> {
    let config = jaas();
    checks::all(config.launchers()[0], None, "https://8x8.vc/r", Some(token), skew)
}

#[test]
fn a_right_token_has_nothing_against_it() {
    let checks = jaas_checks(&altered(|_| ()), &agreeing());
    let of: Vec<_> = checks.iter().map(|check| check.of).collect();
    assert_eq!(of, ["key", "kid", "sub", "room", "exp", "clock", "address"]);
    assert!(checks.iter().all(|check| check.verdict == Verdict::Ok && check.mend.is_none()), "{checks:?}");
}

#[test]
fn each_usual_mistake_is_told_by_what_8x8_says_of_it() {
    let of = |alter: fn(&mut Value), of: &str| found(&jaas_checks(&altered(alter), &agreeing()), of);
    let (verdict, words) = of(|token| token["header"]["kid"] = "vpaas-magic-cookie-2/k".into(), "kid");
    assert!(verdict == Verdict::Fault && words.contains("tenant do not match"), "{words}");
    let (verdict, words) = of(|token| token["header"]["kid"] = "k".into(), "kid");
    assert!(verdict == Verdict::Fault && words.contains("invalid kid format"), "{words}");
    let (verdict, words) = of(|token| token["claims"]["sub"] = "someone@site.example".into(), "sub");
    assert!(verdict == Verdict::Fault && words.contains("not the app id"), "{words}");
    let (verdict, words) = of(|token| token["claims"]["room"] = "*".into(), "room");
    assert!(verdict == Verdict::Warning && words.contains("every room"), "{words}");
    let (verdict, words) = of(|token| token["claims"]["exp"] = 1_800_000_030.into(), "exp");
    assert!(verdict == Verdict::Warning && words.contains("30 s"), "{words}");
}

#[test]
fn a_clock_that_is_off_is_told_by_how_much_and_what_comes_of_it() {
    let of = |ahead: i64| found(&jaas_checks(&altered(|_| ()), &Ok(Skew { ahead, give: 1 })), "clock");
    assert_eq!(of(-3).0, Verdict::Ok);
    let (verdict, words) = of(95);
    assert!(verdict == Verdict::Fault && words.contains("1 min 35 s ahead") && words.contains("nbf"), "{words}");
    let (verdict, words) = of(-3700);
    assert!(verdict == Verdict::Fault && words.contains("1 h 1 min behind") && words.contains("expired"), "{words}");
    let (verdict, words) = of(-95);
    assert!(verdict == Verdict::Warning && words.contains("1 min 35 s behind"), "{words}");
    assert_eq!(of(20).0, Verdict::Warning);

    let unknown = Err(Unknown::Late("https://8x8.vc".into()));
    let (verdict, words) = found(&jaas_checks(&altered(|_| ()), &unknown), "clock");
    assert!(verdict == Verdict::NotChecked && words == "https://8x8.vc does not answer within 3 s", "{words}");
}

#[test]
fn of_ones_own_jitsi_only_prosody_knows_some_things() {
    let token = |subject: &str| {
        let subject = subject.to_owned();
        altered(move |token| {
            token["claims"]["sub"] = subject.into();
        })
    };
    let shared = jitsi("secret = { file = \"s\" }");
    let with =
        |length, subject| checks::all(shared.launchers()[0], Some(length), "a", Some(&token(subject)), &agreeing());
    assert_eq!(found(&with(32, "meet.example"), "sub").0, Verdict::Ok);
    assert_eq!(found(&with(32, "*"), "sub").0, Verdict::Ok);
    assert_eq!(found(&with(32, "meet"), "sub").0, Verdict::NotChecked);
    assert_eq!(found(&with(32, "meet.example"), "key").0, Verdict::Ok);
    let (verdict, words) = found(&with(31, "meet.example"), "key");
    assert!(verdict == Verdict::Warning && words.contains("31 bytes"), "{words}");

    let fetched = jitsi("private_key = \"k.pem\"\nkey_id = \"gatepost\"");
    let checks = checks::all(fetched.launchers()[0], None, "a", Some(&token("meet.example")), &agreeing());
    let (verdict, words) = found(&checks, "kid");
    assert!(verdict == Verdict::NotChecked && words.contains(".pem"), "{words}");
}

#[test]
fn an_address_that_the_desktop_app_does_not_open_is_a_fault() {
    let address = format!("https://8x8.vc/{}", "a".repeat(8192));
    let config = jaas();
    let checks = checks::all(config.launchers()[0], None, &address, None, &agreeing());
    assert_eq!(checks.len(), 1, "without a token nothing else is to be looked at");
    assert_eq!(found(&checks, "address").0, Verdict::Fault);
}

#[test]
fn a_launcher_is_named_where_there_are_several() {
    let one = jaas();
    assert_eq!(choose(&one, None).expect("the only one").name, "jaas");
    let several = configured(
        "[launcher.a]\nprovider = \"public\"\nidentity = \"none\"\n[launcher.b]\nprovider = \"public\"\nidentity = \"none\"\n",
    );
    assert_eq!(choose(&several, Some("b")).expect("named").name, "b");
    let words = |name| choose(&several, name).expect_err("which one").to_string();
    assert_eq!(words(None), "error: say which launcher, with --launcher: a, b");
    assert_eq!(words(Some("c")), "error: no route has a launcher of the name \"c\"; there is a, b");
    let none = configured("");
    assert!(choose(&none, None).is_err_and(|error| error.to_string().contains("no launcher")));
}
