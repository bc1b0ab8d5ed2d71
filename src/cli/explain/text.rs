//! An explanation for people: one line a fact, names in a column of their own.

use std::io::{self, Write};

use super::{Explanation, Found};

pub(super) fn write(explanation: &Explanation, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", explanation.url)?;
    if let Some(site) = &explanation.site {
        line(out, "site", &sentence(site))?;
    }
    if let Some(route) = &explanation.route {
        line(out, "route", &sentence(route))?;
    }
    for shadowed in &explanation.shadowed {
        line(out, "shadowed", &sentence(shadowed))?;
    }
    line(out, "answer", &explanation.answer.answer)?;
    let width = explanation.answer.details.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in &explanation.answer.details {
        writeln!(out, "            {name:width$}  {value}")?;
    }
    for note in &explanation.notes {
        line(out, "note", note)?;
    }
    if let Some(then) = &explanation.then {
        writeln!(out)?;
        write(then, out)?;
    }
    Ok(())
}

fn line(out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "  {name:8}  {text}")
}

fn sentence(found: &Found) -> String {
    match &found.place {
        Some(place) => format!("{}: {} ({place})", found.name, found.why),
        None => format!("{}: {}", found.name, found.why),
    }
}
