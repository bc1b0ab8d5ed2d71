//! `gatepost password [NAME]`: the hash of a password, as a line for a file of users.
//!
//! The password is typed unseen and twice, or comes by standard input. It is never an argument: those are in the shell's
//! history and in every process list.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use crate::access::auth::hash;
use crate::secret::Secret;

use super::{Failure, Status};

pub(super) const AFTER_HELP: &str = "\
Asks for the password without showing it, and writes NAME:HASH for the file that [auth.…] names, or the hash alone for
its `users`. A running gatepost takes a changed file with its next reload.

Examples:
  gatepost password anna >> /etc/gatepost/staff.users
  gatepost password                                    the hash alone
  printf '%s' \"$SECRET\" | gatepost password deploy     from a script";

/// Longest password in bytes: nobody types more, and `Authorization` would be refused.
const LONGEST: usize = 512;

/// `gatepost password …`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The user's name; without one the hash alone is written
    name: Option<String>,
    /// Make a bcrypt hash, for a file that Apache or nginx reads too
    #[arg(long)]
    bcrypt: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Status, Failure> {
    if let Some(name) = arguments.name.as_deref().filter(|name| name.is_empty() || name.contains([':', '\n', '\r'])) {
        return Err(Failure::Usage(format!(
            "\"{}\" cannot be a user's name: no colon can be in it",
            name.escape_debug()
        )));
    }
    let input = io::stdin();
    let password = match input.is_terminal() {
        true => typed()?,
        false => piped(&mut input.lock())?,
    };
    let password = password.reveal().as_bytes();
    if password.len() > LONGEST {
        return Err(Failure::Usage(format!("the password is longer than {LONGEST} bytes")));
    }
    let made = if arguments.bcrypt { hash::bcrypt(password) } else { hash::argon2id(password) };
    let hash = made.map_err(|error| Failure::Usage(error.to_string()))?;
    match &arguments.name {
        Some(name) => writeln!(out, "{name}:{hash}")?,
        None => writeln!(out, "{hash}")?,
    }
    Ok(Status::Fine)
}

/// Typed twice: a slip of the finger shuts somebody out.
fn typed() -> Result<Secret<String>, Failure> {
    let ask = |words: &str| rpassword::prompt_password(words).map(Secret::new).map_err(|error| unread(&error));
    let first = ask("Password: ")?;
    if first.reveal().is_empty() {
        return Err(Failure::Usage("an empty password keeps nobody out".into()));
    }
    match ask("Again: ")? == first {
        true => Ok(first),
        false => Err(Failure::Usage("the two are not the same".into())),
    }
}

fn unread(error: &io::Error) -> Failure {
    Failure::Usage(format!("no password can be read: {error}"))
}

/// The first line, without its end.
fn piped(input: &mut impl BufRead) -> Result<Secret<String>, Failure> {
    let mut line = String::new();
    input.read_line(&mut line).map_err(|error| unread(&error))?;
    let line = line.trim_end_matches(['\r', '\n']);
    match line.is_empty() {
        true => Err(Failure::Usage("no password came by standard input".into())),
        false => Ok(Secret::new(line.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piped_password_is_the_first_line() {
        let read =
            |bytes: &[u8]| piped(&mut io::Cursor::new(bytes.to_vec())).map(|secret| secret.reveal().clone()).ok();
        assert_eq!(read(b" two words \r\nmore\n").as_deref(), Some(" two words "));
        assert_eq!(read(b"x").as_deref(), Some("x"));
        assert_eq!(read(b"\n"), None);
        assert_eq!(read(b""), None);
    }
}
