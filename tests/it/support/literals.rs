//! Requests over HTTP/2 of whatever fields a test wrote, pseudo-fields and illegal bytes among them.
//!
//! Fields go as literals without index or Huffman coding (RFC 7541 section 6.2.2), so what is written is what is sent.

use super::frames::{DATA, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, RST_STREAM, frame};

/// How a stream ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With an answer: status and body.
    Answer(u16, Vec<u8>),
    /// With RST_STREAM and this code (RFC 9113 section 7).
    Reset(u32),
    /// With the whole connection: GOAWAY and its code, or 0 where it just closed.
    Gone(u32),
}

/// A part of a request.
pub(crate) enum Part {
    /// HEADERS, with these fields.
    Fields(Vec<(Vec<u8>, Vec<u8>)>),
    /// DATA.
    Data(Vec<u8>),
}

impl Frames {
    /// Sends a request of these parts, the last of which ends the stream, and reads until it has ended on both sides.
    pub(crate) async fn ask(&mut self, id: u32, parts: &[Part]) -> End {
        for (index, part) in parts.iter().enumerate() {
            let end = if index + 1 == parts.len() { END_STREAM } else { 0 };
            self.send(match part {
                Part::Fields(fields) => frame(HEADERS, END_HEADERS | end, id, &block(fields)),
                Part::Data(data) => frame(DATA, end, id, data),
            })
            .await;
        }
        let mut answer = (0, Vec::new());
        while let Some(frame) = self.next().await {
            if frame.kind == GOAWAY {
                return End::Gone(number(&frame.payload[4..]));
            }
            if frame.stream != id {
                continue;
            }
            match frame.kind {
                HEADERS if answer.0 == 0 => answer.0 = status(&frame.payload),
                DATA => answer.1.extend(frame.payload),
                RST_STREAM => return End::Reset(number(&frame.payload)),
                _ => {}
            }
            if matches!(frame.kind, HEADERS | DATA) && frame.flags & END_STREAM != 0 {
                return End::Answer(answer.0, answer.1);
            }
        }
        End::Gone(0)
    }
}

fn block(fields: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        string(&mut block, name);
        string(&mut block, value);
    }
    block
}

/// RFC 7541 section 5.2, without Huffman coding.
fn string(block: &mut Vec<u8>, text: &[u8]) {
    let mut length = text.len();
    if length < 127 {
        block.push(u8::try_from(length).expect("less than 127"));
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push(u8::try_from(length % 128).expect("less than 128") | 128);
            length /= 128;
        }
        block.push(u8::try_from(length).expect("less than 128"));
    }
    block.extend(text);
}

/// `:status`, which comes first: an entry of the static table (RFC 7541 appendix A), or a literal, whose digits may be in
/// Huffman code (appendix B).
fn status(block: &[u8]) -> u16 {
    // A change of the dynamic table's size may come before.
    let at = block.iter().position(|byte| byte & 0xe0 != 0x20).expect("a field");
    match block[at] {
        indexed @ 0x88..=0x8e => [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)],
        // By the name of entries 8 to 14.
        0x08..=0x0e | 0x48..=0x4e => {
            let length = usize::from(block[at + 1] & 0x7f);
            let text = &block[at + 2..at + 2 + length];
            if block[at + 1] & 0x80 == 0 { digits(text) } else { huffman_digits(text) }
        }
        other => panic!("a status as {other:#x}"),
    }
}

fn digits(text: &[u8]) -> u16 {
    std::str::from_utf8(text).expect("digits").parse().expect("a status")
}

/// 0, 1 and 2 have five bits, the others six.
fn huffman_digits(text: &[u8]) -> u16 {
    let bits: String = text.iter().map(|byte| format!("{byte:08b}")).collect();
    let (mut at, mut status) = (0, 0);
    for _ in 0..3 {
        let five = u16::from_str_radix(&bits[at..at + 5], 2).expect("bits");
        let (digit, length) =
            if five < 3 { (five, 5) } else { (u16::from_str_radix(&bits[at..at + 6], 2).expect("bits") - 22, 6) };
        status = status * 10 + digit;
        at += length;
    }
    status
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
