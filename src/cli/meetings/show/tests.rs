//! What a person reads.

use super::*;
use crate::jitsi::ledger::Month;

fn month(text: &str, people: u32, devices: u32, real: Option<u32>) -> Month {
    let empty = Month::empty(text.parse().expect("a month"));
    Month { people, devices, real, opened: 31, ..empty }
}

fn account(counted: Month, budget: Option<u32>, at_limit: &str) -> Account {
    Account {
        launcher: "jaas".into(),
        budget,
        at_limit: Some(at_limit.into()),
        jaas: true,
        webhook: false,
        used: counted.used(),
        people: Vec::new(),
        months: vec![counted.clone()],
        counted,
    }
}

fn person(name: &str, guest: bool, devices: u32, reported: u32, opened: u32) -> PersonUse {
    PersonUse { name: Some(name.into()), guest, devices, reported, opened }
}

fn text(account: Account) -> String {
    let accounts = Accounts { month: account.counted.month, launchers: vec![account] };
    let mut out = Vec::new();
    write(&accounts, &mut out).expect("written");
    String::from_utf8(out).expect("text")
}

#[test]
fn the_month_its_people_and_the_months_before_are_one_page() {
    let now = month("2026-11", 2, 4, Some(3));
    let mut account = account(now.clone(), Some(25), "warn");
    account.people = vec![person("ada", false, 3, 2, 29), person("Bob 张", true, 1, 0, 2)];
    account.months = vec![month("2026-10", 1, 1, None), now];
    let expected = "\
jaas, 2026-11

  used     3 of 25 monthly users: 22 left
  here     4 devices of 2 people
  at 8x8   3 devices, 1 fewer than here: who opens the page and meets nobody is not counted there
  opened   31 meetings

  who              devices   at 8x8   opened
  ada                    3        2       29
  Bob 张 (guest)         1        -        2

  month     people   devices   at 8x8   opened
  2026-10        1         1        -       31
  2026-11        2         4        3       31
";
    assert_eq!(text(account), expected);
}

#[test]
fn a_month_that_is_full_says_what_follows() {
    for (used, rule, expected) in [
        (25, "deny-new", "25 of 25 monthly users: new devices are turned away"),
        (27, "deny-new", "27 of 25 monthly users: 2 over; new devices are turned away"),
        (25, "fallback:public", "25 of 25 monthly users: new devices are led to public"),
        (26, "warn", "26 of 25 monthly users: 1 over; everybody is let in all the same, and it is said"),
        (24, "deny-new", "24 of 25 monthly users: 1 left"),
    ] {
        let shown = text(account(month("2026-11", 9, used, None), Some(25), rule));
        assert!(shown.contains(&format!("  used     {expected}\n")), "{shown}");
    }
    let shown = text(account(month("2026-11", 9, 3, None), None, "warn"));
    assert!(shown.contains("3 monthly users (no monthly_users is set"), "{shown}");
}

#[test]
fn what_8x8_counts_is_told_apart_from_what_it_does_not_tell() {
    let at = |real, joined, webhook| {
        let counted = Month { joined, ..month("2026-11", 2, 4, real) };
        text(Account { webhook, ..account(counted, None, "warn") })
    };
    assert!(at(Some(4), 9, true).contains("4 devices, as here"));
    assert!(at(Some(6), 9, true).contains("6 devices, 2 more than here"));
    assert!(at(None, 9, true).contains("9 visits reported and no monthly user"));
    assert!(at(None, 0, true).contains("nothing reported in this month"));
    assert!(at(None, 0, false).contains("docs/meetings-budget.md"));
    let own = Account { jaas: false, ..account(month("2026-11", 2, 4, None), None, "warn") };
    assert!(!text(own).contains("8x8   "), "a Jitsi of one's own is nobody's to bill");
}

#[test]
fn a_name_moves_no_cursor_and_turns_nothing_around() {
    let mut account = account(month("2026-11", 3, 3, None), None, "warn");
    account.people = vec![person("\u{1b}[2Jeve\u{202e}\n", true, 1, 0, 1), person("", true, 1, 0, 1)];
    account.people.push(PersonUse { name: None, ..person("", false, 1, 0, 1) });
    let shown = text(account);
    assert!(shown.contains("  [2Jeve (guest) "), "{shown}");
    assert!(shown.contains("  2 without a name         2"), "{shown}");
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'));
}
