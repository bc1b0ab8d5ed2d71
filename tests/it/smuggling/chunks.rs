//! Chunks: sizes, extensions, ends and trailers (RFC 9112 section 7.1).
//!
//! What a chunk says beside its size, and trailers, are read and left out; the bytes between two requests are nobody's.

use super::Row;

pub(super) const ROWS: &[Row] = &[
    (
        "two chunks",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶6¶ world¶0¶¶",
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶6¶ world¶0¶¶"),
    ),
    (
        "none",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶0¶¶",
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶0¶¶"),
    ),
    (
        "sizes in capitals and small letters",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶A¶helloworld¶b¶hello world¶0¶¶",
        (
            "200 POST /x …",
            "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶A¶helloworld¶B¶hello world¶0¶¶",
        ),
    ),
    (
        "zeros before a size",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶0005¶hello¶000¶¶",
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶0¶¶"),
    ),
    (
        "data that looks like an end",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶A¶¶0¶¶GET¶0¶¶",
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶A¶¶0¶¶GET¶0¶¶"),
    ),
    (
        "an extension",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5;a=b¶hello¶0¶¶",
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶0¶¶"),
    ),
    (
        "a quoted extension, with a blank before it",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5 ;a=\"b; c\"¶hello¶0;d¶¶",
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶0¶¶"),
    ),
    (
        "an extension of nothing",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5;¶hello¶0;;¶¶",
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶0¶¶"),
    ),
    (
        "a bare LF in an extension",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5;a\nb¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "an extension that a bare LF ends",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5;a\nhello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a bare CR in an extension",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5;a\rb¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a bare CR that ends an extension",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5;a\rhello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a NUL in an extension",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5;a\0b¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a blank after a size",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5 ¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a tab after a size",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5\t¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a blank before a size",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶ 5¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a word after a size",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5 hello¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a plus",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶+5¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a minus",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶-5¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a mark of hexadecimal",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶0x5¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a grouping mark",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶1_0¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "quotes",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶\"5\"¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a fraction",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5.0¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "an h after it",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5h¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "no digit",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶zz¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "an empty size",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "an extension without a size",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶;a¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a comma",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5,5¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a size that a bare LF ends",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5\nhello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a size that a bare CR ends",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5\rhello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a size that LF and CR end",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5\n\rhello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a NUL after a size",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5\0¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "5 modulo 2^64",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶10000000000000005¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "5 modulo 2^32 in 17 digits",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶00000000100000005¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a size of many zeros",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶0000000000000000000005¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "an end of many zeros",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶0000000000000000000000¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a byte above ASCII",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶ÿ5¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂"),
    ),
    (
        "a chunk longer than its size",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶helloX¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "a chunk shorter than its size",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶8¶hello¶0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶8¶hello¶0¶✂"),
    ),
    (
        "data that a bare LF ends",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello\n0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "data that a bare CR ends",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello\r0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "data that nothing ends",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "a second size that is none",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶x¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "an extension with a bare LF at the last chunk",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0;a\n¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "a last chunk that a bare LF ends",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0\n¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "an end that a bare LF ends",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0¶\n",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "an end that a bare CR ends",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0¶\r",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "a size far beyond what a route takes",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶fffffffffffffff0¶hello¶0¶¶",
        (
            "400",
            "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶37¶hello¶0¶¶GET /probe HTTP/1.1¶Host: chat.example¶¶¶✂",
        ),
    ),
    (
        "a trailer, which is dropped",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X: y¶¶",
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶0¶¶"),
    ),
    (
        "trailers of framing, host and address, which are dropped",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0¶Content-Length: 54¶Transfer-Encoding: x¶Host: evil.example¶X-Forwarded-For: 1.1.1.1¶¶",
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶0¶¶"),
    ),
    (
        "a trailer that a bare LF ends",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X: y\n¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "trailers that two bare LF end",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X: y\n\nGET /smuggled HTTP/1.1¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "a bare CR in a trailer",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X: y\rz¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "a NUL in a trailer",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X: y\0¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "a folded trailer",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X: y¶ z¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "a trailer without a colon",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0¶GET /smuggled HTTP/1.1¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "a blank before a trailer's colon",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X : y¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
    (
        "a blank before a trailer",
        "POST /x HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0¶ X: y¶¶",
        ("400", "POST /x HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶✂"),
    ),
];
