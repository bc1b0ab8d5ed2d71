//! The lines as a table for people.

use std::io::{self, Write};

use super::{Line, Verdict};

/// Writes the lines, those about one thing together.
pub(in crate::cli::check) fn write(lines: &[Line], out: &mut impl Write) -> io::Result<()> {
    let widest = lines.iter().map(|line| line.what.chars().count()).max().unwrap_or(0);
    let mut about = "";
    for line in lines {
        if line.about != about {
            about = &line.about;
            writeln!(out, "\n{about}")?;
        }
        writeln!(out, "  {:<11}  {:<widest$}  {}", line.verdict.word(), line.what, line.why)?;
        if let Some(mend) = line.mend.as_ref().filter(|_| line.verdict != Verdict::Ok) {
            writeln!(out, "  {:<11}  {:<widest$}  → {mend}", "", "")?;
        }
    }
    Ok(())
}
