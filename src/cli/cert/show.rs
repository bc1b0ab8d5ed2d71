//! A report of `inspect` for people: verdicts first, then the faults with their mends, then the chain as a tree.
//!
//! Lines are wrapped for a terminal and left whole for a pipe; colour is for
//! terminals alone.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};

use crate::cert::doctor::family::Outcome;
use crate::cert::doctor::fault::Fault;
use crate::cert::doctor::probe::{Offer, Versions};
use crate::cert::doctor::{Facts, Role};
use crate::config::finding::Severity;

use super::super::Count;
use super::inspect::{Of, Report};

/// Lines are no longer than that even on a wide terminal: longer ones are hard to read.
const WIDEST: usize = 100;
/// On a terminal narrower than that, wrapping helps no more.
const NARROWEST: usize = 30;

/// What is written on.
pub(super) struct Page {
    /// Columns, where lines are to be wrapped.
    width: Option<usize>,
    colour: bool,
}

impl Page {
    /// Standard output as it is.
    pub(super) fn of_stdout() -> Self {
        if !io::stdout().is_terminal() {
            return Self { width: None, colour: false };
        }
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let width = textwrap::termwidth().clamp(NARROWEST, WIDEST);
        Self { width: Some(width), colour: !refused }
    }

    fn styled(&self, style: Style, text: impl Display) -> String {
        match self.colour {
            true => format!("{style}{text}{style:#}"),
            false => text.to_string(),
        }
    }

    /// Writes `text` after `start`; further lines are indented by `indent` columns.
    fn line(&self, start: &str, indent: usize, text: &str, out: &mut impl Write) -> io::Result<()> {
        let Some(width) = self.width else { return writeln!(out, "{start}{text}") };
        let further = " ".repeat(indent);
        let options = textwrap::Options::new(width)
            .initial_indent(start)
            .subsequent_indent(&further)
            // An address that is longer than the line stays whole, so that it can be copied.
            .break_words(false);
        for line in textwrap::wrap(text, options) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

const BOLD: Style = Style::new().bold();

fn colour_of(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Trusts => AnsiColor::Green,
        Outcome::Depends => AnsiColor::Yellow,
        Outcome::Refuses => AnsiColor::Red,
    }
    .on_default()
}

pub(super) fn write(report: &Report, page: &Page, out: &mut impl Write) -> io::Result<()> {
    let title = match &report.of {
        Of::File { file } => file.clone(),
        Of::Server { host, port, address } => format!("{host}:{port} at {address}"),
    };
    let name = report.name.as_ref().map(|name| format!("for {name} ")).unwrap_or_default();
    page.line("", 0, &format!("{title}, judged {name}by {}", report.roots_called), out)?;
    verdicts(report, page, out)?;
    for fault in &report.examination.faults {
        write_fault(fault, page, out)?;
    }
    writeln!(out)?;
    if let Some(versions) = report.tls {
        page.line("", 0, &tls(versions), out)?;
        writeln!(out)?;
    }
    chain(&report.examination.facts, &report.roots_called, page, out)?;
    writeln!(out)?;
    writeln!(out, "{}", summary(&report.examination.faults))
}

fn verdicts(report: &Report, page: &Page, out: &mut impl Write) -> io::Result<()> {
    writeln!(out)?;
    for verdict in &report.examination.verdicts {
        let word = page.styled(colour_of(verdict.verdict), format_args!("{:7}", verdict.verdict.word()));
        writeln!(out, "{word}  {}", page.styled(BOLD, verdict.family.called()))?;
        for why in &verdict.why {
            page.line("         ", 9, why, out)?;
        }
    }
    if report.roots != "mozilla" {
        // developer.android.com/privacy-and-security/security-config
        let note = "Such a root counts on devices that have it installed; on Android 7 and later, an app must say \
                    that it takes installed roots (Mattermost's does).";
        writeln!(out)?;
        page.line("", 0, note, out)?;
    }
    Ok(())
}

fn write_fault(fault: &Fault, page: &Page, out: &mut impl Write) -> io::Result<()> {
    writeln!(out)?;
    let severity = fault.severity();
    let colour = if severity == Severity::Warning { AnsiColor::Yellow } else { AnsiColor::Red };
    let word = page.styled(colour.on_default().bold(), severity.word());
    page.line(&format!("{word}: "), 2, &fault.what, out)?;
    if let Some(mend) = &fault.mend {
        // Often a command, which is to be copied whole: the terminal may wrap it, we do not.
        writeln!(out, "  {}: {mend}", page.styled(BOLD, "mend"))?;
    }
    Ok(())
}

/// `TLS 1.2 and 1.3 are offered; 1.0 and 1.1 are not`.
fn tls(versions: Versions) -> String {
    let Versions { v10, v11, v12, v13 } = versions;
    let all = [(v10, "1.0"), (v11, "1.1"), (v12, "1.2"), (v13, "1.3")];
    let which = |wanted| {
        let found: Vec<&str> = all.iter().filter(|(offer, _)| *offer == wanted).map(|(_, name)| *name).collect();
        (!found.is_empty()).then(|| found.join(", "))
    };
    let offered = which(Offer::Offered).unwrap_or_else(|| "none".to_owned());
    let refused = which(Offer::Refused).map(|list| format!("; not offered: {list}")).unwrap_or_default();
    let unknown = which(Offer::Unknown).map(|list| format!("; no answer: {list}")).unwrap_or_default();
    format!("TLS offered: {offered}{refused}{unknown}")
}

/// The leaf, below each certificate those that signed it, and last what belongs to nothing.
fn chain(all: &[Facts], roots_called: &str, page: &Page, out: &mut impl Write) -> io::Result<()> {
    let mut shown = Vec::new();
    let tree = Tree { all, roots_called, page };
    if let Some(leaf) = all.iter().find(|facts| facts.role == Role::Leaf) {
        tree.node(leaf, 0, &mut shown, out)?;
    }
    let rest: Vec<&Facts> = all.iter().filter(|facts| !shown.contains(&facts.number)).collect();
    if !rest.is_empty() {
        writeln!(out, "beside the chain:")?;
    }
    for facts in rest {
        tree.one(facts, 1, out)?;
    }
    Ok(())
}

struct Tree<'a> {
    all: &'a [Facts],
    roots_called: &'a str,
    page: &'a Page,
}

impl Tree<'_> {
    fn node(&self, facts: &Facts, depth: usize, shown: &mut Vec<usize>, out: &mut impl Write) -> io::Result<()> {
        shown.push(facts.number);
        self.one(facts, depth, out)?;
        let below = depth + 1;
        let issuers: Vec<&Facts> =
            facts.signed_by.iter().filter_map(|number| self.all.get(number.wrapping_sub(1))).collect();
        let root_is_sent = issuers.iter().any(|issuer| issuer.role == Role::Root && issuer.reaches_root);
        if facts.reaches_root && facts.role != Role::Root && !root_is_sent {
            let text = format!("root {:?}, among {}", facts.issuer, self.roots_called);
            self.branch(below, &text, out)?;
        }
        for issuer in issuers {
            match shown.contains(&issuer.number) {
                false => self.node(issuer, below, shown, out)?,
                true => self.branch(below, &format!("certificate {}, see above", issuer.number), out)?,
            }
        }
        if !facts.reaches_root
            && facts.signed_by.is_empty()
            && facts.role != Role::Root
            && facts.subject != facts.issuer
        {
            let missing = self.page.styled(AnsiColor::Red.on_default(), "missing");
            self.branch(below, &format!("{missing}: {:?}", facts.issuer), out)?;
        }
        Ok(())
    }

    fn branch(&self, depth: usize, text: &str, out: &mut impl Write) -> io::Result<()> {
        let start = start(depth);
        self.page.line(&start, start.chars().count(), text, out)
    }

    fn one(&self, facts: &Facts, depth: usize, out: &mut impl Write) -> io::Result<()> {
        let title = format!(
            "{} {} {}",
            facts.number,
            self.page.styled(BOLD, called(facts.role)),
            self.page.styled(BOLD, format_args!("{:?}", facts.subject))
        );
        self.branch(depth, &title, out)?;
        let indent = start(depth).chars().count() + 2;
        let mut line = |name: &str, text: &str| {
            let head = format!("{:indent$}{name:7}", "");
            self.page.line(&head, indent + 7, text, out)
        };
        line("key", &format!("{}, signed by {}", facts.key, facts.signature))?;
        if !facts.names.is_empty() {
            line("names", &facts.names.join(", "))?;
        }
        line("valid", &facts.validity())?;
        line("issuer", &format!("{:?}", facts.issuer))
    }
}

/// The beginning of a line at this depth of the tree.
fn start(depth: usize) -> String {
    match depth {
        0 => String::new(),
        _ => format!("{}└─ ", "   ".repeat(depth - 1)),
    }
}

fn called(role: Role) -> &'static str {
    match role {
        Role::Leaf => "leaf",
        Role::Intermediate => "intermediate",
        Role::CrossSign => "cross-sign",
        Role::Root => "root",
        Role::Duplicate => "duplicate",
        Role::ExpiredCrossSign => "expired cross-sign",
        Role::WrongIssuer => "wrong issuer",
        Role::OlderLeaf => "older leaf",
        Role::Unneeded => "unneeded",
    }
}

fn summary(faults: &[Fault]) -> String {
    let warnings = faults.iter().filter(|fault| fault.severity() == Severity::Warning).count();
    match (faults.len() - warnings, warnings) {
        (0, 0) => "good".to_owned(),
        (0, warnings) => format!("good, {}", Count(warnings, "warning")),
        (faults, 0) => Count(faults, "fault").to_string(),
        (faults, warnings) => format!("{}, {}", Count(faults, "fault"), Count(warnings, "warning")),
    }
}

#[cfg(test)]
mod tests;
