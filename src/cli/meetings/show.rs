//! The month for a person at a terminal.
//!
//! Names come from outside: what would move the cursor or turn the text around is left out of them.

use std::io::{self, Write};

use textwrap::core::display_width;

use crate::jitsi::identity::name::shown;
use crate::jitsi::ledger::PersonUse;

use super::{Account, Accounts};
use crate::cli::Count;

/// What stands where nothing was counted.
const NONE: &str = "-";

pub(super) fn write(accounts: &Accounts, out: &mut impl Write) -> io::Result<()> {
    if accounts.launchers.is_empty() {
        return writeln!(out, "the configuration has no launcher: there are no meetings to count");
    }
    for (place, account) in accounts.launchers.iter().enumerate() {
        if place > 0 {
            writeln!(out)?;
        }
        one(account, out)?;
    }
    Ok(())
}

fn one(account: &Account, out: &mut impl Write) -> io::Result<()> {
    let month = &account.counted;
    writeln!(out, "{}, {}", account.launcher, month.month)?;
    writeln!(out)?;
    writeln!(out, "  used     {}", used(account))?;
    writeln!(out, "  here     {} of {}", devices(month.devices), people(month.people))?;
    if account.jaas || month.real.is_some() {
        writeln!(out, "  at 8x8   {}", at_8x8(account))?;
    }
    let refused = match month.refused {
        0 => String::new(),
        times => format!("; a new device was turned away {}", count(times, "time")),
    };
    writeln!(out, "  opened   {}{refused}", count(month.opened, "meeting"))?;
    let reported = month.real.is_some();
    if !account.people.is_empty() {
        writeln!(out)?;
        let mut rows = vec![row("who", "devices", reported.then_some("at 8x8"), "opened")];
        rows.extend(account.people.iter().filter_map(|person| of_person(person, reported)));
        rows.extend(of_nameless(&account.people, reported));
        table(&rows, out)?;
    } else if month.people > 0 {
        writeln!(out, "\n  who it was is forgotten: names and ids are kept for two months, counts for two years")?;
    }
    if account.months.len() > 1 {
        writeln!(out)?;
        let mut rows = vec![["month", "people", "devices", "at 8x8", "opened"].map(str::to_owned).to_vec()];
        rows.extend(account.months.iter().map(|month| {
            let real = month.real.map_or_else(|| NONE.to_owned(), |real| real.to_string());
            let numbers = [month.people.to_string(), month.devices.to_string(), real, month.opened.to_string()];
            [vec![month.month.to_string()], numbers.to_vec()].concat()
        }));
        table(&rows, out)?;
    }
    Ok(())
}

/// `14 of 25 monthly users: 11 are left`.
fn used(account: &Account) -> String {
    let used = account.used;
    match account.budget {
        None => format!("{} (no monthly_users is set: nothing is compared)", count(used, "monthly user")),
        Some(budget) if used < budget => format!("{used} of {budget} monthly users: {} left", budget - used),
        Some(budget) => {
            let then = match account.at_limit.as_deref() {
                Some("deny-new") => "new devices are turned away".to_owned(),
                Some(rule) if rule.starts_with("fallback:") => {
                    format!("new devices are led to {}", rule.trim_start_matches("fallback:"))
                }
                _ => "everybody is let in all the same, and it is said".to_owned(),
            };
            let over = if used > budget { format!("{} over; ", used - budget) } else { String::new() };
            format!("{used} of {budget} monthly users: {over}{then}")
        }
    }
}

/// 8x8's own count, and how it differs.
fn at_8x8(account: &Account) -> String {
    let month = &account.counted;
    match month.real {
        Some(real) if real == month.devices => format!("{}, as here", devices(real)),
        Some(real) if real < month.devices => format!(
            "{}, {} fewer than here: who opens the page and meets nobody is not counted there",
            devices(real),
            month.devices - real
        ),
        Some(real) => format!(
            "{}, {} more than here: a private window, a cleared browser or another way into the meeting is a new \
             device there",
            devices(real),
            real - month.devices
        ),
        None if month.joined > 0 => format!(
            "{} reported and no monthly user: nobody met anybody, or the webhook lacks the event USAGE",
            count(month.joined, "visit")
        ),
        None if account.webhook => "nothing reported in this month".to_owned(),
        None => "not known: set a webhook up, see docs/meetings-budget.md".to_owned(),
    }
}

/// The row of somebody who has a name to show.
fn of_person(person: &PersonUse, reported: bool) -> Option<Vec<String>> {
    let name = name(person)?;
    let name = if person.guest { format!("{name} (guest)") } else { name };
    // 8x8 tells whose device it is by the token's user, which a guest has none of.
    let at_8x8 = if person.guest { NONE.to_owned() } else { person.reported.to_string() };
    Some(row(&name, &person.devices.to_string(), reported.then_some(&*at_8x8), &person.opened.to_string()))
}

/// One row for all others: where nobody is asked who it is, there is nobody else.
fn of_nameless(people: &[PersonUse], reported: bool) -> Option<Vec<String>> {
    let nameless: Vec<_> = people.iter().filter(|person| name(person).is_none()).collect();
    let sum = |number: fn(&PersonUse) -> u32| nameless.iter().map(|person| number(person)).sum::<u32>().to_string();
    let who = format!("{} without a name", nameless.len());
    let row = row(&who, &sum(|person| person.devices), reported.then_some(NONE), &sum(|person| person.opened));
    (!nameless.is_empty()).then_some(row)
}

fn name(person: &PersonUse) -> Option<String> {
    person.name.as_deref().map(shown).filter(|name| !name.is_empty())
}

fn row(who: &str, devices: &str, at_8x8: Option<&str>, opened: &str) -> Vec<String> {
    [Some(who), Some(devices), at_8x8, Some(opened)].into_iter().flatten().map(str::to_owned).collect()
}

/// The first column to the left, numbers to the right.
fn table(rows: &[Vec<String>], out: &mut impl Write) -> io::Result<()> {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| display_width(cell)).max().unwrap_or(0))
        .collect();
    for row in rows {
        write!(out, "  ")?;
        for (place, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let blank = " ".repeat(width - display_width(cell));
            match place {
                0 => write!(out, "{cell}{blank}")?,
                _ => write!(out, "   {blank}{cell}")?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn devices(number: u32) -> String {
    count(number, "device")
}

fn people(number: u32) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{number} people") }
}

fn count(number: u32, word: &'static str) -> String {
    Count(number as usize, word).to_string()
}

#[cfg(test)]
mod tests;
