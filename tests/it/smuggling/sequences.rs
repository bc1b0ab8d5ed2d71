//! One message after another: pipelining, keeping alive, `Expect`, switching protocols (RFC 9112 section 9, RFC 9110 sections
//! 7.8 and 10.1.1).

use super::{REFUSED, Row};

pub(super) const ROWS: &[Row] = &[
    (
        "three in one segment",
        "GET /x HTTP/1.1¶Host: chat.example¶¶POST /p HTTP/1.1¶Host: chat.example¶Content-Length: 5¶¶helloGET /y HTTP/1.1¶Host: chat.example¶¶",
        (
            "200 GET /x 200 POST /p 200 GET /y …",
            "GET /x HTTP/1.1¶host: chat.example¶¶POST /p HTTP/1.1¶host: chat.example¶content-length: 5¶¶helloGET /y HTTP/1.1¶host: chat.example¶¶",
        ),
    ),
    (
        "a chunked one and the next",
        "POST /p HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶GET /y HTTP/1.1¶Host: chat.example¶¶",
        (
            "200 POST /p 200 GET /y …",
            "POST /p HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶0¶¶GET /y HTTP/1.1¶host: chat.example¶¶",
        ),
    ),
    (
        "one with a trailer and the next",
        "POST /p HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0¶A: b¶¶GET /y HTTP/1.1¶Host: chat.example¶¶",
        (
            "200 POST /p 200 GET /y …",
            "POST /p HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶0¶¶GET /y HTTP/1.1¶host: chat.example¶¶",
        ),
    ),
    (
        "an empty line between two",
        "POST /p HTTP/1.1¶Host: chat.example¶Content-Length: 5¶¶hello¶GET /y HTTP/1.1¶Host: chat.example¶¶",
        (
            "200 POST /p 200 GET /y …",
            "POST /p HTTP/1.1¶host: chat.example¶content-length: 5¶¶helloGET /y HTTP/1.1¶host: chat.example¶¶",
        ),
    ),
    (
        "a good one and then two lengths",
        "GET /x HTTP/1.1¶Host: chat.example¶¶POST /p HTTP/1.1¶Host: chat.example¶Content-Length: 5¶Content-Length: 5¶¶hello",
        ("200 GET /x 400", "GET /x HTTP/1.1¶host: chat.example¶¶"),
    ),
    (
        "a good one and then CL.TE",
        "GET /x HTTP/1.1¶Host: chat.example¶¶POST /p HTTP/1.1¶Host: chat.example¶Content-Length: 5¶Transfer-Encoding: chunked¶¶0¶¶",
        ("200 GET /x 400", "GET /x HTTP/1.1¶host: chat.example¶¶"),
    ),
    (
        "a good one with a body and then TE.CL",
        "POST /p HTTP/1.1¶Host: chat.example¶Content-Length: 5¶¶helloPOST /p HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶Content-Length: 5¶¶0¶¶",
        ("200 POST /p 400", "POST /p HTTP/1.1¶host: chat.example¶content-length: 5¶¶hello"),
    ),
    (
        "a good chunked one and then a bare LF",
        "POST /p HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶GET /y HTTP/1.1\nHost: chat.example\n\n",
        ("200 POST /p 400", "POST /p HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶5¶hello¶0¶¶"),
    ),
    (
        "a good one and then garbage",
        "GET /x HTTP/1.1¶Host: chat.example¶¶garbage¶¶",
        ("200 GET /x 400", "GET /x HTTP/1.1¶host: chat.example¶¶"),
    ),
    (
        "a good one and then chunks that are none",
        "GET /x HTTP/1.1¶Host: chat.example¶¶POST /p HTTP/1.1¶Host: chat.example¶Transfer-Encoding: chunked¶¶z¶",
        (
            "200 GET /x 400",
            "GET /x HTTP/1.1¶host: chat.example¶¶POST /p HTTP/1.1¶host: chat.example¶transfer-encoding: chunked¶¶✂",
        ),
    ),
    (
        "a bad one and then good ones",
        "POST /p HTTP/1.1¶Host: chat.example¶Content-Length: 5¶Transfer-Encoding: chunked¶¶0¶¶GET /x HTTP/1.1¶Host: chat.example¶¶GET /y HTTP/1.1¶Host: chat.example¶¶",
        REFUSED,
    ),
    (
        "Connection: close, and one after it that is not read",
        "GET /x HTTP/1.1¶Host: chat.example¶Connection: close¶¶GET /y HTTP/1.1¶Host: chat.example¶¶",
        ("200 GET /x", "GET /x HTTP/1.1¶host: chat.example¶¶"),
    ),
    (
        "HTTP/1.0, and one after it that is not read",
        "GET /x HTTP/1.0¶Host: chat.example¶¶GET /y HTTP/1.1¶Host: chat.example¶¶",
        ("200 GET /x", "GET /x HTTP/1.1¶host: chat.example¶¶"),
    ),
    (
        "HTTP/1.0 kept alive, and one after it",
        "GET /x HTTP/1.0¶Host: chat.example¶Connection: keep-alive¶¶GET /y HTTP/1.1¶Host: chat.example¶¶",
        ("200 GET /x 200 GET /y …", "GET /x HTTP/1.1¶host: chat.example¶¶GET /y HTTP/1.1¶host: chat.example¶¶"),
    ),
    (
        "close and keep-alive: close",
        "GET /x HTTP/1.1¶Host: chat.example¶Connection: close¶Connection: keep-alive¶¶GET /y HTTP/1.1¶Host: chat.example¶¶",
        ("200 GET /x", "GET /x HTTP/1.1¶host: chat.example¶¶"),
    ),
    (
        "Expect, with the body at once",
        "POST /p HTTP/1.1¶Host: chat.example¶Expect: 100-continue¶Content-Length: 5¶¶hello",
        ("100 200 POST /p …", "POST /p HTTP/1.1¶host: chat.example¶content-length: 5¶¶hello"),
    ),
    (
        "Expect without a body",
        "GET /x HTTP/1.1¶Host: chat.example¶Expect: 100-continue¶¶",
        ("200 GET /x …", "GET /x HTTP/1.1¶host: chat.example¶¶"),
    ),
    (
        "Expect of something else",
        "POST /p HTTP/1.1¶Host: chat.example¶Expect: y 100-continue¶Content-Length: 5¶¶hello",
        ("200 POST /p …", "POST /p HTTP/1.1¶host: chat.example¶content-length: 5¶¶hello"),
    ),
    (
        "Expect twice",
        "POST /p HTTP/1.1¶Host: chat.example¶Expect: 100-continue¶Expect: 100-continue¶Content-Length: 5¶¶hello",
        ("100 200 POST /p …", "POST /p HTTP/1.1¶host: chat.example¶content-length: 5¶¶hello"),
    ),
    (
        "Expect over HTTP/1.0",
        "POST /p HTTP/1.0¶Host: chat.example¶Expect: 100-continue¶Content-Length: 5¶¶hello",
        ("200 POST /p", "POST /p HTTP/1.1¶host: chat.example¶content-length: 5¶¶hello"),
    ),
    (
        "Expect and a method that is not served: what comes for a body is no request",
        "TRACE /x HTTP/1.1¶Host: chat.example¶Expect: 100-continue¶Content-Length: 500¶¶GET /y HTTP/1.1¶Host: chat.example¶¶",
        ("405", ""),
    ),
    (
        "a body that nobody reads: what comes for it is no request",
        "TRACE /x HTTP/1.1¶Host: chat.example¶Content-Length: 500¶¶GET /y HTTP/1.1¶Host: chat.example¶¶",
        ("405", ""),
    ),
    (
        "a small body that nobody reads, and the next",
        "TRACE /x HTTP/1.1¶Host: chat.example¶Content-Length: 5¶¶helloGET /y HTTP/1.1¶Host: chat.example¶¶",
        ("405 ¦ 200 GET /y …", "GET /y HTTP/1.1¶host: chat.example¶¶"),
    ),
    (
        "CONNECT, and a request that would be in its tunnel",
        "CONNECT chat.example:80 HTTP/1.1¶Host: chat.example:80¶¶GET /y HTTP/1.1¶Host: chat.example¶¶",
        ("405 200 GET /y …", "GET /y HTTP/1.1¶host: chat.example¶¶"),
    ),
    (
        "h2c is not switched to, and goes on as HTTP/1.1",
        "GET /x HTTP/1.1¶Host: chat.example¶Connection: Upgrade, HTTP2-Settings¶Upgrade: h2c¶HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA¶¶GET /y HTTP/1.1¶Host: chat.example¶¶",
        ("200 GET /x 200 GET /y …", "GET /x HTTP/1.1¶host: chat.example¶¶GET /y HTTP/1.1¶host: chat.example¶¶"),
    ),
    (
        "a WebSocket that the upstream does not open, and the next",
        "GET /x HTTP/1.1¶Host: chat.example¶Connection: Upgrade¶Upgrade: websocket¶Sec-WebSocket-Version: 13¶Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==¶¶GET /y HTTP/1.1¶Host: chat.example¶¶",
        (
            "200 GET /x 200 GET /y …",
            "GET /x HTTP/1.1¶host: chat.example¶sec-websocket-version: 13¶sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==¶connection: Upgrade¶upgrade: websocket¶¶GET /y HTTP/1.1¶host: chat.example¶¶",
        ),
    ),
    (
        "a WebSocket that is not opened, and then CL.TE",
        "GET /x HTTP/1.1¶Host: chat.example¶Connection: Upgrade¶Upgrade: websocket¶Sec-WebSocket-Version: 13¶Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==¶¶POST /p HTTP/1.1¶Host: chat.example¶Content-Length: 5¶Transfer-Encoding: chunked¶¶0¶¶",
        (
            "200 GET /x 400",
            "GET /x HTTP/1.1¶host: chat.example¶sec-websocket-version: 13¶sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==¶connection: Upgrade¶upgrade: websocket¶¶",
        ),
    ),
    (
        "a WebSocket that is not opened, and then a bare LF",
        "GET /x HTTP/1.1¶Host: chat.example¶Connection: Upgrade¶Upgrade: websocket¶Sec-WebSocket-Version: 13¶Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==¶¶GET /y HTTP/1.1\nHost: chat.example\n\n",
        (
            "200 GET /x 400",
            "GET /x HTTP/1.1¶host: chat.example¶sec-websocket-version: 13¶sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==¶connection: Upgrade¶upgrade: websocket¶¶",
        ),
    ),
    (
        "a WebSocket with a body is none",
        "GET /x HTTP/1.1¶Host: chat.example¶Connection: Upgrade¶Upgrade: websocket¶Sec-WebSocket-Version: 13¶Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==¶Content-Length: 5¶¶helloGET /y HTTP/1.1¶Host: chat.example¶¶",
        (
            "200 GET /x 200 GET /y …",
            "GET /x HTTP/1.1¶host: chat.example¶sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==¶content-length: 5¶sec-websocket-version: 13¶¶helloGET /y HTTP/1.1¶host: chat.example¶¶",
        ),
    ),
    (
        "a WebSocket with chunks that are none",
        "GET /x HTTP/1.1¶Host: chat.example¶Connection: Upgrade¶Upgrade: websocket¶Sec-WebSocket-Version: 13¶Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==¶Transfer-Encoding: chunked¶¶5\nhello¶0¶¶",
        (
            "400",
            "GET /x HTTP/1.1¶host: chat.example¶sec-websocket-version: 13¶sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==¶transfer-encoding: chunked¶¶✂",
        ),
    ),
    (
        "fields that name themselves in Connection do not go up",
        "GET /x HTTP/1.1¶Host: chat.example¶Connection: A, close-not¶A: b¶¶",
        ("200 GET /x …", "GET /x HTTP/1.1¶host: chat.example¶¶"),
    ),
    (
        "HEAD with a body",
        "HEAD /x HTTP/1.1¶Host: chat.example¶Content-Length: 5¶¶hello",
        ("200 …", "HEAD /x HTTP/1.1¶host: chat.example¶content-length: 5¶¶hello"),
    ),
    (
        "a method of nobody with a body",
        "BREW /x HTTP/1.1¶Host: chat.example¶Content-Length: 5¶¶hello",
        ("200 BREW /x …", "BREW /x HTTP/1.1¶host: chat.example¶content-length: 5¶¶hello"),
    ),
];
