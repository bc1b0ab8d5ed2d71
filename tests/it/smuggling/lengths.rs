//! `Content-Length`: one, plain, or none (RFC 9112 section 6.3, RFC 9110 section 8.6).

use super::{REFUSED, Row};

pub(super) const ROWS: &[Row] = &[
    (
        "one length",
        "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 5¶¶hello",
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶content-length: 5¶¶hello"),
    ),
    (
        "blanks around it",
        "POST /x HTTP/1.1¶Host: chat.example¶Content-Length:\t 5 \t¶¶hello",
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶content-length: 5¶¶hello"),
    ),
    (
        "no blank before it",
        "POST /x HTTP/1.1¶Host: chat.example¶CONTENT-LENGTH:5¶¶hello",
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶content-length: 5¶¶hello"),
    ),
    ("none", "POST /x HTTP/1.1¶Host: chat.example¶¶", ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶¶")),
    (
        "zero",
        "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 0¶¶",
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶content-length: 0¶¶"),
    ),
    (
        "of a GET",
        "GET /x HTTP/1.1¶Host: chat.example¶Content-Length: 5¶¶hello",
        ("200 GET /x …", "GET /x HTTP/1.1¶host: chat.example¶content-length: 5¶¶hello"),
    ),
    (
        "of a GET that hides a request",
        "GET /x HTTP/1.1¶Host: chat.example¶Content-Length: 53¶¶GET /smuggled HTTP/1.1¶Host: chat.example¶X: abcd¶",
        (
            "200 GET /x …",
            "GET /x HTTP/1.1¶host: chat.example¶content-length: 53¶¶GET /smuggled HTTP/1.1¶Host: chat.example¶X: abcd¶",
        ),
    ),
    (
        "longer than what comes",
        "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 400¶¶hello",
        (
            "400",
            "POST /x HTTP/1.1¶host: chat.example¶content-length: 400¶¶helloGET /probe HTTP/1.1¶Host: chat.example¶¶✂",
        ),
    ),
    (
        "shorter than what comes: the rest is the next request",
        "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 5¶¶helloGET /y HTTP/1.1¶Host: chat.example¶¶",
        (
            "200 POST /x 200 GET /y …",
            "POST /x HTTP/1.1¶host: chat.example¶content-length: 5¶¶helloGET /y HTTP/1.1¶host: chat.example¶¶",
        ),
    ),
    ("twice the same", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 5¶Content-Length: 5¶¶hello", REFUSED),
    (
        "twice the same, with others between",
        "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 5¶X: y¶content-length: 5¶¶hello",
        REFUSED,
    ),
    (
        "two that differ, the shorter first",
        "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 5¶Content-Length: 54¶¶hello",
        REFUSED,
    ),
    (
        "two that differ, the longer first",
        "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 54¶Content-Length: 5¶¶hello",
        REFUSED,
    ),
    (
        "zero and then another",
        "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 0¶Content-Length: 5¶¶hello",
        REFUSED,
    ),
    ("twice zero", "GET /x HTTP/1.1¶Host: chat.example¶Content-Length: 0¶Content-Length: 0¶¶", REFUSED),
    ("a list of the same", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 5, 5¶¶hello", REFUSED),
    ("a list that differs", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 5,54¶¶hello", REFUSED),
    ("a comma after it", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 5,¶¶hello", REFUSED),
    ("a comma before it", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: ,5¶¶hello", REFUSED),
    ("a plus", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: +5¶¶hello", REFUSED),
    ("a minus", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: -5¶¶hello", REFUSED),
    ("minus zero", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: -0¶¶", REFUSED),
    ("hexadecimal", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 0x5¶¶hello", REFUSED),
    ("hexadecimal without a mark", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: a¶¶helloworld", REFUSED),
    ("octal, or not", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 010¶¶helloworld", REFUSED),
    ("zeros before it", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 0000000005¶¶hello", REFUSED),
    ("two zeros", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 00¶¶", REFUSED),
    ("a fraction", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 5.0¶¶hello", REFUSED),
    ("an exponent", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 5e0¶¶hello", REFUSED),
    ("a grouping mark", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 1_0¶¶helloworld", REFUSED),
    ("two numbers", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 5 54¶¶hello", REFUSED),
    ("a parameter", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 5;a=b¶¶hello", REFUSED),
    ("quotes", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: \"5\"¶¶hello", REFUSED),
    ("a word", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: five¶¶hello", REFUSED),
    ("empty", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length:¶¶hello", REFUSED),
    ("a blank alone", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: \t ¶¶hello", REFUSED),
    ("digits of another script", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: Ù¥¶¶hello", REFUSED),
    ("a vertical tab before it", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: \u{b}5¶¶hello", REFUSED),
    ("a form feed after it", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 5\u{c}¶¶hello", REFUSED),
    ("a no-break space before it", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: \u{a0}5¶¶hello", REFUSED),
    ("a NUL after it", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 5\0¶¶hello", REFUSED),
    ("5 modulo 2^64", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 18446744073709551621¶¶hello", REFUSED),
    (
        "5 modulo 2^32, in 19 digits and more than anybody means",
        "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 9223372036854775813¶¶hello",
        REFUSED,
    ),
    ("2^64 - 1", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 18446744073709551615¶¶hello", REFUSED),
    ("folded to the next line", "POST /x HTTP/1.1¶Host: chat.example¶Content-Length:¶ 5¶¶hello", REFUSED),
    (
        "a name with an underscore, which is the same to CGI",
        "POST /x HTTP/1.1¶Host: chat.example¶Content_Length: 5¶¶",
        REFUSED,
    ),
    (
        "a name with an underscore beside the right one",
        "POST /x HTTP/1.1¶Host: chat.example¶Content-Length: 5¶Content_Length: 54¶¶hello",
        REFUSED,
    ),
    (
        "the name as a part of another",
        "POST /x HTTP/1.1¶Host: chat.example¶X-Content-Length: 54¶Content-Length-X: 54¶Content-Length: 5¶¶hello",
        (
            "200 POST /x …",
            "POST /x HTTP/1.1¶host: chat.example¶x-content-length: 54¶content-length-x: 54¶content-length: 5¶¶hello",
        ),
    ),
    (
        "taken out by Connection: not taken out",
        "POST /x HTTP/1.1¶Host: chat.example¶Connection: Content-Length¶Content-Length: 5¶¶hello",
        ("200 POST /x …", "POST /x HTTP/1.1¶host: chat.example¶content-length: 5¶¶hello"),
    ),
    (
        "over HTTP/1.0, which closes",
        "POST /x HTTP/1.0¶Host: chat.example¶Content-Length: 5¶¶hello",
        ("200 POST /x", "POST /x HTTP/1.1¶host: chat.example¶content-length: 5¶¶hello"),
    ),
    (
        "twice the same over HTTP/1.0",
        "POST /x HTTP/1.0¶Host: chat.example¶Content-Length: 5¶Content-Length: 5¶¶hello",
        REFUSED,
    ),
];
