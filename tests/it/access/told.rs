//! `explain` and `check` tell of all of it.

use crate::support::gate::gate;
use crate::support::process::Process;

use super::hash;

#[tokio::test]
async fn explain_tells_what_a_request_meets_and_in_which_order() {
    let file = "[auth.staff]\nfile = \"staff.users\"\n[[site]]\nhosts = [\"chat.example\"]\nsecurity_headers = true\n\
        deny = [\"203.0.113.0/24\"]\n[[site.route]]\npath = \"/\"\nallow = [\"10.0.0.0/8\"]\nauth = \"staff\"\n\
        rate_limit = { rate = \"20/s\", burst = 40 }\nrespond = \"x\"\n";
    let builder = gate(file).with("staff.users", hash("a", &["anna"])).write();
    let outcome = Process::gatepost(builder.folder(), &["explain", "-c", "gatepost.toml", "https://chat.example/"])
        .outcome()
        .await;
    let mut last = 0;
    for words in [
        "deny ",
        "403 for 203.0.113.0/24",
        "10.0.0.0/8 alone; 403 for all others",
        "20/s for each address, 40 at once; 429 past it",
        "401 without a password of [auth.staff]",
        "Authorization is taken out",
        "X-Frame-Options",
    ] {
        let at = outcome.stdout.find(words).unwrap_or_else(|| panic!("no {words} in {}", outcome.stdout));
        assert!(at >= last, "{words} stands too early in {}", outcome.stdout);
        last = at;
    }
}

#[tokio::test]
async fn check_warns_of_hashes_that_are_quick_to_try_out() {
    // bcrypt of cost 5, as `htpasswd -B` makes it unless told; made by gatepost but for the cost.
    let strong = hash("a", &["anna", "--bcrypt"]);
    let weak = strong.replace("$12$", "$05$");
    let file = "[auth.staff]\nfile = \"staff.users\"\n[[site]]\nhosts = [\"chat.example\"]\n[[site.route]]\npath = \"/\"\n\
        auth = \"staff\"\nrespond = \"x\"\n";
    for (line, said) in [(strong, false), (weak, true)] {
        let builder = gate(file).with("staff.users", line).write();
        let outcome = Process::gatepost(builder.folder(), &["check", "-c", "gatepost.toml"]).outcome().await;
        assert_eq!(outcome.stdout.contains("line 1: its hash is quick to try out"), said, "{}", outcome.stdout);
    }
}
