"""What is sent after the greeting, what must become of stream 1, and where that is said (RFC 9113, if no other is named)."""

import struct

from wire import *

OK = {"200"}


def goaway(*codes):
    return {f"goaway {code}" for code in codes}


def reset(*codes):
    """The stream is reset, or the whole connection ended (section 5.4.2 leaves the choice)."""
    return {f"reset {code}" for code in codes} | goaway(*codes, GENERAL)


# h2 gives most of what ends a connection this code, whichever the RFC names: the end is the same, and the code is all
# that differs (section 7: no code has the other side do anything).
GENERAL = "PROTOCOL_ERROR"
PROTOCOL = goaway(GENERAL)
SIZE, FLOW, COMPRESSION = (goaway(code, GENERAL) for code in ("FRAME_SIZE_ERROR", "FLOW_CONTROL_ERROR", "COMPRESSION_ERROR"))
# A message that is malformed (section 8.1.1) may be answered before its stream is reset.
MALFORMED = reset("PROTOCOL_ERROR") | {"400"}


def in_pieces(whole, count):
    """A block of fields in so many frames."""
    size = -(-len(whole) // count)
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    more = [raw(CONTINUATION, END_HEADERS if piece is pieces[-1] else 0, 1, piece) for piece in pieces[1:]]
    return raw(HEADERS, END_STREAM, 1, pieces[0]) + b"".join(more)


def leans(stream, on):
    return raw(PRIORITY, 0, stream, struct.pack(">LB", on, 15))


HELD = get(path=b"/up/held")
TRAILERS = block(b"a: b")

FRAMES = [
    ("SETTINGS on a stream", "6.5", raw(SETTINGS, 0, 1), PROTOCOL),
    ("SETTINGS of five bytes", "6.5", raw(SETTINGS, 0, 0, bytes(5)), SIZE),
    ("SETTINGS that acknowledge and say something", "6.5", raw(SETTINGS, ACK, 0, bytes(6)), SIZE),
    ("SETTINGS: ENABLE_PUSH 2", "6.5.2", setting(2, 2), PROTOCOL),
    ("SETTINGS: INITIAL_WINDOW_SIZE of 2^31", "6.5.2", setting(4, 1 << 31), FLOW),
    ("SETTINGS: MAX_FRAME_SIZE too small", "6.5.2", setting(5, 16383), PROTOCOL),
    ("SETTINGS: MAX_FRAME_SIZE too large", "6.5.2", setting(5, 1 << 24), PROTOCOL),
    ("SETTINGS: ENABLE_CONNECT_PROTOCOL 2", "RFC 8441 3", setting(8, 2), PROTOCOL),
    ("SETTINGS that nobody knows", "6.5.2", setting(0x4242, 7) + get(), OK),
    ("SETTINGS: a table for fields of no size", "6.5.2", setting(1, 0) + get(), OK),
    ("SETTINGS: a window shut and opened", "6.9.2", setting(4, 0) + get() + setting(4, 65535), OK),
    ("SETTINGS that lift an open window over the limit", "6.9.2", post() + window(1, 1000) + setting(4, (1 << 31) - 1), FLOW),
    ("PING on a stream", "6.7", raw(PING, 0, 1, bytes(8)), PROTOCOL),
    ("PING of seven bytes", "6.7", raw(PING, 0, 0, bytes(7)), SIZE),
    ("GOAWAY on a stream", "6.8", raw(GOAWAY, 0, 1, bytes(8)), PROTOCOL),
    ("GOAWAY of seven bytes", "6.8", raw(GOAWAY, 0, 0, bytes(7)), SIZE),
    ("WINDOW_UPDATE by zero, connection", "6.9", window(0, 0), PROTOCOL),
    ("WINDOW_UPDATE by zero, stream", "6.9", post() + window(1, 0), reset("PROTOCOL_ERROR")),
    ("WINDOW_UPDATE of three bytes", "6.9", raw(WINDOW_UPDATE, 0, 0, bytes(3)), SIZE),
    ("WINDOW_UPDATE beyond the limit, connection", "6.9.1", window(0, (1 << 31) - 1), FLOW),
    ("WINDOW_UPDATE beyond the limit, stream", "6.9.1", post() + window(1, (1 << 31) - 1), reset("FLOW_CONTROL_ERROR")),
    ("WINDOW_UPDATE of an idle stream", "5.1", window(1, 1), PROTOCOL),
    ("RST_STREAM of the connection", "6.4", raw(RST_STREAM, 0, 0, bytes(4)), PROTOCOL),
    ("RST_STREAM of an idle stream", "6.4", cancel(1), PROTOCOL),
    ("RST_STREAM of three bytes", "6.4", post() + raw(RST_STREAM, 0, 1, bytes(3)), SIZE),
    ("PRIORITY of the connection", "6.3", raw(PRIORITY, 0, 0, bytes(5)), PROTOCOL),
    ("PRIORITY of four bytes", "6.3", post() + raw(PRIORITY, 0, 1, bytes(4)), reset("FRAME_SIZE_ERROR")),
    ("PRIORITY in a circle", "5.3.2", leans(3, 5) + leans(5, 7) + leans(7, 3) + get(), OK),
    ("PRIORITY that leans on itself", "5.3.2", leans(3, 3) + get(), OK | PROTOCOL),
    (
        "HEADERS that lean on themselves",
        "5.3.2",
        raw(HEADERS, WHOLE | WITH_PRIORITY, 1, struct.pack(">LB", 1, 15) + request()),
        OK | reset("PROTOCOL_ERROR"),
    ),
    ("DATA of the connection", "6.1", raw(DATA, 0, 0, b"x"), PROTOCOL),
    ("DATA of an idle stream", "5.1", raw(DATA, 0, 1, b"x"), PROTOCOL),
    ("DATA after the client's end", "5.1", HELD + raw(DATA, 0, 1, b"x"), reset("STREAM_CLOSED")),
    ("DATA with more padding than there is", "6.1", post() + raw(DATA, PADDED, 1, b"\x05abc"), PROTOCOL),
    ("DATA padded by nobody knows how much", "6.1", post() + raw(DATA, PADDED, 1), SIZE | PROTOCOL),
    ("DATA all of padding", "6.1", post(path=b"/up/echo") + raw(DATA, PADDED | END_STREAM, 1, b"\x03" + bytes(3)), OK),
    ("DATA larger than agreed", "4.2", post() + raw(DATA, 0, 1, bytes(16385)), SIZE | reset("FRAME_SIZE_ERROR")),
    ("HEADERS larger than agreed", "4.2", raw(HEADERS, WHOLE, 1, bytes(16385)), SIZE),
    ("HEADERS of the connection", "6.2", raw(HEADERS, WHOLE, 0, request()), PROTOCOL),
    ("HEADERS of a stream that a server would open", "5.1.1", get(2), PROTOCOL),
    ("HEADERS of a stream below the last", "5.1.1", post(5) + get(3), goaway("PROTOCOL_ERROR", "STREAM_CLOSED")),
    ("HEADERS with more padding than there is", "6.2", raw(HEADERS, WHOLE | PADDED, 1, b"\xff" + request()), PROTOCOL),
    ("HEADERS amid others", "6.2", raw(HEADERS, END_STREAM, 1, request()) + get(3), PROTOCOL),
    ("HEADERS after the client's end", "5.1", HELD + raw(HEADERS, WHOLE, 1, TRAILERS), reset("STREAM_CLOSED")),
    ("HEADERS amid a body", "8.1", post() + raw(HEADERS, END_HEADERS, 1, TRAILERS), MALFORMED),
    ("CONTINUATION of nothing", "6.10", raw(CONTINUATION, END_HEADERS, 1, request()), PROTOCOL),
    ("CONTINUATION after the end", "6.10", post() + raw(CONTINUATION, END_HEADERS, 1, TRAILERS), PROTOCOL),
    ("CONTINUATION of another stream", "6.10", raw(HEADERS, 0, 1, request()) + raw(CONTINUATION, 4, 3), PROTOCOL),
    ("CONTINUATION of the connection", "6.10", raw(HEADERS, 0, 1, request()) + raw(CONTINUATION, 4, 0), PROTOCOL),
    ("DATA amid fields", "6.10", raw(HEADERS, 0, 1, request()) + raw(DATA, 0, 1, b"x"), PROTOCOL),
    ("PING amid fields", "6.10", raw(HEADERS, 0, 1, request()) + raw(PING, 0, 0, bytes(8)), PROTOCOL),
    ("a frame of an unknown kind amid fields", "5.5", raw(HEADERS, 0, 1, request()) + raw(0x42, 0, 1), PROTOCOL),
    ("fields in four frames", "6.10", in_pieces(request(), 4), OK),
    ("PUSH_PROMISE by a client", "8.4", post() + raw(PUSH_PROMISE, 4, 1, bytes([0, 0, 0, 2]) + request()), PROTOCOL),
    ("a frame of an unknown kind", "5.5", raw(0x42, 0xFF, 1, b"what?") + get(), OK),
    ("flags that mean nothing", "4.1", raw(HEADERS, WHOLE | 0xD2, 1, request()), OK),
    ("a stream's reserved bit", "4.1", raw(HEADERS, WHOLE, 1 | 1 << 31, request()), OK),
    ("ORIGIN and ALTSVC, which are a server's", "RFC 7838 4", raw(0xC, 0, 0, b"\0\1x") + raw(0xA, 0, 0, b"\0\0x") + get(), OK),
    ("HPACK: no fields at all", "4.3", raw(HEADERS, WHOLE, 1, b"\xff" * 7), COMPRESSION),
    ("HPACK: entry zero", "RFC 7541 6.1", raw(HEADERS, WHOLE, 1, b"\x80"), COMPRESSION),
    ("HPACK: an entry that nobody made", "RFC 7541 2.3.3", raw(HEADERS, WHOLE, 1, b"\xc6"), COMPRESSION),
    ("HPACK: a table beyond the limit", "RFC 7541 6.3", raw(HEADERS, WHOLE, 1, b"\x3f\xe1\xff\x03" + request()), COMPRESSION),
    ("HPACK: a table's size after a field", "RFC 7541 4.2", raw(HEADERS, WHOLE, 1, request() + b"\x20"), COMPRESSION),
    ("HPACK: Huffman's end as a letter", "RFC 7541 5.2", get(more=b"\x00\x01x\x84\xff\xff\xff\xff"), COMPRESSION),
    ("HPACK: a block that breaks off", "4.3", get(more=b"\x00\x05ab"), COMPRESSION),
]

# Greetings of another kind: the whole of what is sent.
GREETINGS = [
    ("HTTP/1.1 where HTTP/2 was agreed on", "3.4", b"GET / HTTP/1.1\r\nHost: " + HOST + b"\r\n\r\n", PROTOCOL | {"closed"}),
    ("a preface with a letter wrong", "3.4", PREFACE[:-3] + b"X\r\n" + raw(SETTINGS, 0, 0), PROTOCOL | {"closed"}),
    # h2 waits for no SETTINGS; whether ours are on their way yet decides on those that acknowledge.
    ("a request before SETTINGS", "3.4", PREFACE + get(), PROTOCOL | OK),
    ("SETTINGS that acknowledge before any", "3.4", PREFACE + raw(SETTINGS, ACK, 0) + get(), PROTOCOL | OK),
    ("the preface twice", "3.4", PREFACE + raw(SETTINGS, 0, 0) + PREFACE, PROTOCOL | SIZE),
]


def fields(*lines):
    """A GET of these fields alone."""
    return raw(HEADERS, WHOLE, 1, block(*lines))


def with_field(line):
    return get(more=block(line))


def body(length, *data):
    """A POST that says this length, and has these DATA."""
    frames = [raw(DATA, END_STREAM if part is data[-1] else 0, 1, part) for part in data]
    return post(path=b"/up/echo", more=block(b"content-length: " + length)) + b"".join(frames)


def trailers(line):
    return post(path=b"/up/echo") + raw(DATA, 0, 1, b"hello") + raw(HEADERS, WHOLE, 1, block(line))


METHOD, SCHEME, AUTHORITY, PATH = b":method: GET", b":scheme: https", b":authority: " + HOST, b":path: /"

MESSAGES = [
    ("a name in capitals", "8.2.1", with_field(b"A: b"), MALFORMED),
    ("an empty name", "8.2.1", get(more=literal(b"", b"b")), MALFORMED),
    ("a blank in a name", "8.2.1", with_field(b"a b: c"), MALFORMED),
    ("a colon in a name", "8.2.1", get(more=literal(b"a:b", b"c")), MALFORMED),
    ("NUL in a name", "8.2.1", with_field(b"a\0: b"), MALFORMED),
    ("CR LF in a name", "8.2.1", with_field(b"a\r\nb: c"), MALFORMED),
    ("a letter beyond ASCII in a name", "8.2.1", with_field(b"\xe9: c"), MALFORMED),
    ("CR LF in a value", "8.2.1", with_field(b"a: b\r\nc: d"), MALFORMED),
    ("CR in a value", "8.2.1", with_field(b"a: b\rc"), MALFORMED),
    ("LF in a value", "8.2.1", with_field(b"a: b\nc"), MALFORMED),
    ("NUL in a value", "8.2.1", with_field(b"a: b\0c"), MALFORMED),
    ("a blank before a value", "8.2.1", with_field(b"a:  b"), MALFORMED),
    ("a tab behind a value", "8.2.1", with_field(b"a: b\t"), MALFORMED),
    ("Connection", "8.2.2", with_field(b"connection: close"), MALFORMED),
    ("Proxy-Connection", "8.2.2", with_field(b"proxy-connection: close"), MALFORMED),
    ("Keep-Alive", "8.2.2", with_field(b"keep-alive: timeout=5"), MALFORMED),
    ("Transfer-Encoding", "8.2.2", with_field(b"transfer-encoding: chunked"), MALFORMED),
    ("Upgrade", "8.2.2", with_field(b"upgrade: websocket"), MALFORMED),
    ("TE: gzip", "8.2.2", with_field(b"te: gzip"), MALFORMED),
    ("TE: trailers", "8.2.2", with_field(b"te: trailers"), OK),
    ("no :method", "8.3.1", fields(SCHEME, AUTHORITY, PATH), MALFORMED),
    ("no :scheme", "8.3.1", fields(METHOD, AUTHORITY, PATH), MALFORMED),
    ("no :path", "8.3.1", fields(METHOD, SCHEME, AUTHORITY), MALFORMED),
    ("neither :authority nor Host", "8.3.1", fields(METHOD, SCHEME, PATH), MALFORMED),
    ("Host in place of :authority", "8.3.1", fields(METHOD, SCHEME, PATH, b"host: " + HOST), OK),
    ("Host that says otherwise", "8.3.1", with_field(b"host: other.gatepost.test"), MALFORMED),
    ("an empty :path", "8.3.1", fields(METHOD, SCHEME, AUTHORITY, b":path: "), MALFORMED),
    ("a :path without a slash", "8.3.1", fields(METHOD, SCHEME, AUTHORITY, b":path: x"), MALFORMED),
    ("a blank in :path", "8.2.1", fields(METHOD, SCHEME, AUTHORITY, b":path: /x HTTP/1.1"), MALFORMED),
    ("CR LF in :path", "8.2.1", fields(METHOD, SCHEME, AUTHORITY, b":path: /x\r\na: b"), MALFORMED),
    ("NUL in :method", "8.2.1", fields(b":method: G\0T", SCHEME, AUTHORITY, PATH), MALFORMED),
    ("CR LF in :method", "8.2.1", fields(b":method: GET / HTTP/1.1\r\na: b", SCHEME, AUTHORITY, PATH), MALFORMED),
    ("a blank in :scheme", "8.2.1", fields(METHOD, b":scheme: https ://x", AUTHORITY, PATH), MALFORMED),
    ("a user in :authority", "8.3.1", fields(METHOD, SCHEME, b":authority: me@" + HOST, PATH), MALFORMED),
    ("CR LF in :authority", "8.2.1", fields(METHOD, SCHEME, AUTHORITY + b"\r\na: b", PATH), MALFORMED),
    *((f"{line.split(b': ')[0].decode()} twice", "8.3.1", with_field(line), MALFORMED) for line in (METHOD, SCHEME, AUTHORITY, PATH)),
    ("a pseudo-field behind a field", "8.3", fields(METHOD, SCHEME, AUTHORITY, b"a: b", PATH), MALFORMED),
    ("a pseudo-field that nobody knows", "8.3", fields(METHOD, SCHEME, AUTHORITY, PATH, b":secret: x"), MALFORMED),
    ("a pseudo-field of answers", "8.3", fields(METHOD, SCHEME, AUTHORITY, PATH, b":status: 200"), MALFORMED),
    ("CONNECT with a path", "8.5", fields(b":method: CONNECT", SCHEME, AUTHORITY, PATH), MALFORMED),
    ("GET with a :protocol", "RFC 8441 4", fields(METHOD, SCHEME, AUTHORITY, PATH, b":protocol: websocket"), MALFORMED),
    ("a length, and as much", "8.1.1", body(b"5", b"he", b"llo"), OK),
    ("a length, and less", "8.1.1", body(b"6", b"hello"), MALFORMED),
    ("a length, and more", "8.1.1", body(b"4", b"hello"), MALFORMED),
    ("a length of nothing, and something", "8.1.1", body(b"0", b"hello"), MALFORMED),
    ("a length, and nothing", "8.1.1", get(more=block(b"content-length: 5")), MALFORMED),
    ("a length that is none", "8.1.1", body(b"0x5", b"hello"), MALFORMED),
    ("two lengths", "8.1.1", get(more=block(b"content-length: 0", b"content-length: 5")), MALFORMED),
    ("trailers", "8.1", trailers(b"a: b"), OK),
    ("trailers with a pseudo-field, which h2 leaves out", "8.1", trailers(b":path: /x"), OK),
    ("trailers with CR LF", "8.2.1", trailers(b"a: b\r\nc: d"), MALFORMED),
    ("trailers in capitals", "8.2.1", trailers(b"A: b"), MALFORMED),
]
