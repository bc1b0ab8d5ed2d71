//! A token for people: the address first, then what it is worth, what it says and what is doubtful.

use std::io::{self, Write};

use crate::cert::words::date;

use super::Minted;
use super::checks::span;

pub(super) fn write(minted: &Minted<'_>, any_room: bool, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}\n", minted.address)?;
    let rooms = match any_room {
        true => "every room".to_owned(),
        false => format!("the room \"{}\"", minted.room),
    };
    match minted.decoded {
        None => writeln!(out, "No token: whoever knows the address of {rooms} may enter, under any name.")?,
        Some(decoded) => {
            let (issued, expires) = (decoded.seconds("iat").unwrap_or(0), decoded.seconds("exp").unwrap_or(0));
            writeln!(
                out,
                "Whoever holds this address may enter {rooms} as a {} until {}, {} from now.\n\
                 It cannot be called back.",
                minted.role,
                date(expires),
                span(expires - issued),
            )?;
        }
    }
    if !minted.explained.is_empty() {
        writeln!(out, "\nWhat it says")?;
        for part in &minted.explained {
            let name = &part.name;
            // Side by side where there is room for both on one line of a terminal.
            writeln!(out, "  {name:24}  {}", part.value)?;
            writeln!(out, "  {:24}    {}", "", part.meaning)?;
        }
    }
    writeln!(out, "\nWhat is usually wrong")?;
    for check in &minted.checks {
        writeln!(out, "  {:11}  {:7}  {}", check.verdict.word(), check.of, check.words)?;
        if let Some(mend) = &check.mend {
            writeln!(out, "  {:11}  {:7}  = help: {mend}", "", "")?;
        }
    }
    Ok(())
}
