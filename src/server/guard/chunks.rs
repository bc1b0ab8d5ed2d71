//! A body in chunks (RFC 9112 section 7.1), read as narrowly as its grammar is.
//!
//! An extension may say what it likes, in characters that a field's value may have; its line ends like every other.

/// Digits of a size: 2^64 has 16, and leading zeros are nobody's need.
const MAX_DIGITS: u8 = 16;

/// Where in a body in chunks the next byte stands.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    at: At,
    /// Of the chunk that is being read.
    size: u64,
    digits: u8,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    #[default]
    Size,
    /// Blanks before a `;` (RFC 9112 section 7.1.1).
    Blank,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the beginning of a trailer's line, or of the empty one.
    Trailer,
    InTrailer,
    TrailerLf,
    EndLf,
}

/// What came of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// They belong to the body and do not end it.
    All,
    /// This many belong to the body, which they end.
    End(usize),
    /// This one cannot stand where it does.
    Bad(usize),
}

impl Chunks {
    /// Reads the next bytes.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Read {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.at == At::Data {
                let count = usize::try_from(self.size).unwrap_or(usize::MAX).min(bytes.len() - at);
                self.size -= count as u64;
                at += count;
                if self.size == 0 {
                    self.at = At::DataCr;
                }
                continue;
            }
            if self.at == At::EndLf && byte == b'\n' {
                return Read::End(at + 1);
            }
            match self.after(byte) {
                Some(next) => self.at = next,
                None => return Read::Bad(at),
            }
            at += 1;
        }
        Read::All
    }

    /// Where the next byte stands, if this one may stand here.
    fn after(&mut self, byte: u8) -> Option<At> {
        Some(match (self.at, byte) {
            (At::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if self.digits < MAX_DIGITS => {
                self.digits += 1;
                self.size = self.size << 4 | u64::from(char::from(byte).to_digit(16)?);
                At::Size
            }
            (At::Size, b' ' | b'\t') if self.digits > 0 => At::Blank,
            (At::Size, b';') if self.digits > 0 => At::Extension,
            (At::Size, b'\r') if self.digits > 0 => At::SizeLf,
            (At::Blank, b' ' | b'\t') => At::Blank,
            (At::Blank, b';') => At::Extension,
            (At::Extension | At::InTrailer, b'\t' | b' '..=b'~' | 0x80..) => self.at,
            (At::Extension, b'\r') => At::SizeLf,
            (At::SizeLf, b'\n') => {
                self.digits = 0;
                if self.size == 0 { At::Trailer } else { At::Data }
            }
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => At::Size,
            (At::Trailer, b'\r') => At::EndLf,
            // A blank here would fold the line before.
            (At::Trailer, b'!'..=b'~') => At::InTrailer,
            (At::InTrailer, b'\r') => At::TrailerLf,
            (At::TrailerLf, b'\n') => At::Trailer,
            _ => return None,
        })
    }
}
