//! Finds the blocks of a PEM text and the lines where they stand (RFC 7468, read laxly).
//!
//! Taken as people have it: a BOM, CR LF, blanks around and inside lines, text
//! between blocks, two markers on one line, a block on a single line. Refused
//! with its line is whatever would make a block vanish silently: one that is not
//! closed, a marker with too few dashes, an END without a BEGIN.

use std::borrow::Cow;

use super::PemFault;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Longest label, in characters: `NEW CERTIFICATE REQUEST` has 23, and no private key fits.
const LONGEST_LABEL: usize = 40;

/// What stands between one BEGIN and its END.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// `CERTIFICATE`, `PRIVATE KEY` and so on.
    pub(super) label: String,
    /// Line of the BEGIN marker, counted from 1.
    pub(super) line: usize,
    /// Whether an RFC 1421 header says that the content is encrypted.
    pub(super) encrypted: bool,
    /// The base64 text without blanks and line ends.
    pub(super) body: String,
}

/// A fault with the line where it stands.
pub(super) type Located = (usize, PemFault);

/// All blocks of a text, in its order.
pub(super) fn blocks(bytes: &[u8]) -> Result<Vec<Block>, Located> {
    let text = text(bytes);
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        let mut rest = line.trim_matches(is_blank);
        // A line may close one block and open the next: `cat` of files without a last newline (R32).
        loop {
            open = match open {
                None => match after_begin(rest, number)? {
                    None => break,
                    Some((label, after)) => {
                        rest = after;
                        let label = label.to_owned();
                        Some(Block { label, line: number, encrypted: false, body: String::new() })
                    }
                },
                Some(mut block) => match rest.split_once(END) {
                    Some((before, after)) => {
                        block.take(before, number)?;
                        rest = block.after_end(after, number)?;
                        found.push(block);
                        None
                    }
                    None if rest.contains(BEGIN) => return Err(block.unclosed()),
                    None => {
                        block.take(rest, number)?;
                        open = Some(block);
                        break;
                    }
                },
            };
        }
    }
    match open {
        Some(block) => Err(block.unclosed()),
        None => Ok(found),
    }
}

/// The label of a BEGIN marker in this line and what follows it.
fn after_begin(line: &str, number: usize) -> Result<Option<(&str, &str)>, Located> {
    let commented_out = line.starts_with(['#', ';']);
    if commented_out {
        return Ok(None);
    }
    let Some((_, after)) = line.split_once(BEGIN) else {
        return if looks_like_a_marker(line) { Err((number, PemFault::BrokenMarker)) } else { Ok(None) };
    };
    label(after).map(Some).ok_or((number, PemFault::BrokenMarker))
}

/// The label of a marker, and what follows its last dashes; `None` where what stands there is no label.
///
/// Errors name it, so that it must not be half a key whose marker lost a dash.
fn label(after: &str) -> Option<(&str, &str)> {
    let (label, rest) = after.split_once(DASHES)?;
    let plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    (label.len() <= LONGEST_LABEL && label.bytes().all(plain)).then_some((label, rest))
}

/// Whether a line outside of any block was meant as a marker: what stood behind it would be lost.
fn looks_like_a_marker(line: &str) -> bool {
    // Word processors make en and em dashes of hyphens.
    let dashed = line.starts_with(['-', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2212}']);
    let upper = line.to_ascii_uppercase();
    dashed
        && (upper.contains("BEGIN ") || upper.contains("END "))
        && (upper.contains("CERTIFICATE") || upper.contains(" KEY"))
}

impl Block {
    fn unclosed(self) -> Located {
        (self.line, PemFault::Unclosed { label: self.label })
    }

    /// What follows the END marker, whose label and last dashes come first in `after`.
    fn after_end<'t>(&self, after: &'t str, number: usize) -> Result<&'t str, Located> {
        let (label, rest) = label(after).ok_or((number, PemFault::BrokenMarker))?;
        if label != self.label {
            let begin = self.label.clone();
            return Err((number, PemFault::WrongEnd { begin, line: self.line, end: label.to_owned() }));
        }
        Ok(rest)
    }

    /// Takes one line of the content, or the part of it before a marker.
    fn take(&mut self, text: &str, number: usize) -> Result<(), Located> {
        if self.body.is_empty() && text.contains(':') {
            // RFC 1421 section 4.6: OpenSSL's old form of encrypted keys.
            self.encrypted |= text.starts_with("Proc-Type:") && text.contains("ENCRYPTED");
            return Ok(());
        }
        for character in text.chars().filter(|character| !is_blank(*character)) {
            let base64 = character.is_ascii_alphanumeric() || matches!(character, '+' | '/' | '=');
            if !base64 {
                let marker = character == '-';
                let fault = if marker { PemFault::BrokenMarker } else { PemFault::BadBase64 { character } };
                return Err((number, fault));
            }
            self.body.push(character);
        }
        Ok(())
    }
}

/// Blanks and the byte order mark, which stands in the middle where files were joined.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || character == '\u{feff}'
}

/// The bytes as text with `\n` line ends.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    let text = match bytes {
        // What `>` of an older PowerShell writes.
        [0xff, 0xfe, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)),
        _ => String::from_utf8_lossy(bytes),
    };
    let text = if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { text };
    // An environment variable or a JSON value often carries its line ends as two characters.
    if !text.contains('\n') && text.contains("\\n") { Cow::Owned(text.replace("\\n", "\n")) } else { text }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
