//! A request's head, line by line: how its body is framed, and whether that can be said in one way.

use std::fmt;

/// Why a connection was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Why {
    /// RFC 9112 section 2.2 lets a recipient take a bare LF for the end of a line; those that do not read another message.
    BareLf = 1,
    /// RFC 9112 section 2.2 asks to ignore one empty line before a request; nobody sends more.
    EmptyLines,
    /// RFC 9112 section 3.2 knows no fragment in a target; some cut it off, some look for it on disk.
    Fragment,
    /// RFC 9112 section 6.3: an attempt to smuggle, or a mistake.
    LengthAndCoding,
    /// RFC 9112 section 6.3 lets a recipient take equal ones for one; those that do not take the first or the last.
    SecondLength,
    /// RFC 9110 section 8.6: digits. Zeros before them are octal to some, and more than 18 are more than some can count.
    OddLength,
    /// RFC 9112 section 6.1: whatever is not exactly `chunked`, an intermediary and its upstream may frame differently.
    OddCoding,
    /// `Content_Length` and `Transfer_Encoding`: to CGI and its like they are the fields with a hyphen.
    Underscore,
    /// RFC 9112 section 7.1: a chunk's size, its extensions, its end, or the trailers.
    Chunk,
    /// RFC 9113 section 3.4: begins HTTP/2, which nobody agreed on. hyper would close without a word.
    Preface,
}

impl Why {
    pub(super) fn of(number: u8) -> Option<Self> {
        [
            Self::BareLf,
            Self::EmptyLines,
            Self::Fragment,
            Self::LengthAndCoding,
            Self::SecondLength,
            Self::OddLength,
            Self::OddCoding,
            Self::Underscore,
            Self::Chunk,
            Self::Preface,
        ]
        .into_iter()
        .find(|why| *why as u8 == number)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareLf => "a line of its head ends in LF without CR",
            Self::EmptyLines => "it begins with empty lines",
            Self::Fragment => "its target has a fragment",
            Self::LengthAndCoding => "it has both Content-Length and Transfer-Encoding",
            Self::SecondLength => "it has more than one Content-Length",
            Self::OddLength => "its Content-Length is not a plain number",
            Self::OddCoding => "its Transfer-Encoding is not \"chunked\"",
            Self::Underscore => "a field says Content_Length or Transfer_Encoding, with an underscore",
            Self::Chunk => "its chunks are not framed as they must be",
            Self::Preface => "it begins HTTP/2 on a connection of HTTP/1",
        })
    }
}

/// How a body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    None,
    /// At least one byte.
    Length(u64),
    Chunks,
    /// None, and what follows may be another protocol.
    Switch,
}

/// What came of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    More,
    End(Body),
}

/// What is known so far of a head.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Whether an empty line came before it.
    empty: bool,
    /// Whether its first line was read.
    begun: bool,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

impl Head {
    /// Reads a line, which LF ended and stands without it. After the end it is ready for the next head.
    pub(super) fn read(&mut self, line: &[u8]) -> Result<Line, Why> {
        let Some((b'\r', line)) = line.split_last() else { return Err(Why::BareLf) };
        if !self.begun {
            return self.begin(line).map(|()| Line::More);
        }
        // A field's name says by its first letter whether it matters here; most do not.
        match line.first().map(|byte| byte | 0x20) {
            Some(b'c') => self.content_length(line)?,
            Some(b't') => self.transfer_encoding(line)?,
            Some(b'u') => self.upgrade |= value(line, b"upgrade").is_some(),
            Some(_) => {}
            None => return Ok(Line::End(std::mem::take(self).body())),
        }
        Ok(Line::More)
    }

    fn begin(&mut self, line: &[u8]) -> Result<(), Why> {
        if line.is_empty() {
            return if std::mem::replace(&mut self.empty, true) { Err(Why::EmptyLines) } else { Ok(()) };
        }
        self.begun = true;
        if line == b"PRI * HTTP/2.0" {
            return Err(Why::Preface);
        }
        if memchr::memchr(b'#', line).is_some() { Err(Why::Fragment) } else { Ok(()) }
    }

    fn content_length(&mut self, line: &[u8]) -> Result<(), Why> {
        let Some(value) = value(line, b"content-length") else {
            return if value(line, b"content_length").is_some() { Err(Why::Underscore) } else { Ok(()) };
        };
        if self.chunked {
            return Err(Why::LengthAndCoding);
        }
        if self.length.is_some() {
            return Err(Why::SecondLength);
        }
        self.length = Some(length(value).ok_or(Why::OddLength)?);
        Ok(())
    }

    fn transfer_encoding(&mut self, line: &[u8]) -> Result<(), Why> {
        let Some(value) = value(line, b"transfer-encoding") else {
            return if value(line, b"transfer_encoding").is_some() { Err(Why::Underscore) } else { Ok(()) };
        };
        if self.length.is_some() {
            return Err(Why::LengthAndCoding);
        }
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Why::OddCoding);
        }
        self.chunked = true;
        Ok(())
    }

    fn body(&self) -> Body {
        match (self.chunked, self.length) {
            (true, _) => Body::Chunks,
            (false, Some(length @ 1..)) => Body::Length(length),
            _ if self.upgrade => Body::Switch,
            _ => Body::None,
        }
    }
}

/// The value of the field of this name (in small letters), if the line is that field; blanks around it are none of it.
///
/// A name that something stands between and its colon is no name: hyper refuses it.
fn value<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let (before, after) = line.split_at_checked(name.len())?;
    let value = after.strip_prefix(b":")?;
    before.eq_ignore_ascii_case(name).then(|| trim(value))
}

/// Blanks are SP and HTAB and nothing else (RFC 9110 section 5.6.3).
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Whether a `Content-Length` is one that everybody reads alike: digits, at most 18, with no zero before them.
pub fn is_plain_length(value: &[u8]) -> bool {
    length(value).is_some()
}

fn length(digits: &[u8]) -> Option<u64> {
    let plain = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.len() <= 18;
    if !plain || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // 18 digits fit.
    Some(digits.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0')))
}
