"""What is sent again and again, and how that must end; by the names that the attacks have."""

import struct

from rows import HELD, goaway, leans, reset
from wire import *

CALM = goaway("ENHANCE_YOUR_CALM")
# The other side may be gone before the reason is read: its socket closes over what is still being sent.
GONE = CALM | {"closed"}


def stream(number):
    """Streams that a client opens are odd."""
    return 2 * number + 1


def same(frame):
    return lambda _: frame


def fresh(*makers):
    """A new stream each time, and what these make for it."""
    return lambda number: b"".join(maker(stream(number)) for maker in makers)


def held(number):
    return get(number, b"/up/held")


# Name, what comes first, what is sent each time, how often at most, how it ends.
FLOODS = [
    ("PING: CVE-2019-9512", b"", same(raw(PING, 0, 0, bytes(8))), 50_000, GONE),
    ("PING that answers none", b"", same(raw(PING, ACK, 0, bytes(8))), 50_000, GONE),
    ("SETTINGS: CVE-2019-9515", b"", same(raw(SETTINGS, 0, 0)), 50_000, GONE),
    (
        "SETTINGS that open and shut a hundred windows",
        b"".join(held(stream(number)) for number in range(100)),
        same(setting(4, 0) + setting(4, 65535)),
        50_000,
        GONE,
    ),
    ("PRIORITY: CVE-2019-9513", b"", lambda number: leans(stream(number % 1000), stream(number * 7 % 1000) + 2), 50_000, GONE),
    ("WINDOW_UPDATE", HELD, same(window(1, 1)), 50_000, GONE),
    ("frames of an unknown kind", b"", same(raw(0x42, 0, 0, b"what?")), 50_000, GONE),
    ("DATA without content: CVE-2019-9518", post(), same(raw(DATA, 0, 1)), 50_000, GONE),
    ("DATA of padding", post(), same(raw(DATA, PADDED, 1, bytes([255]) + bytes(255))), 50_000, GONE | reset("FLOW_CONTROL_ERROR")),
    ("CONTINUATION: CVE-2024-27316", raw(HEADERS, 0, 1, request()), same(raw(CONTINUATION, 0, 1)), 50_000, GONE),
    (
        "CONTINUATION with fields",
        raw(HEADERS, 0, 1, request()),
        same(raw(CONTINUATION, 0, 1, literal(b"a", b"b" * 1000))),
        50_000,
        GONE | goaway("PROTOCOL_ERROR"),
    ),
    ("rapid reset: CVE-2023-44487", b"", fresh(held, cancel), 20_000, GONE),
    ("rapid reset, of uploads", b"", fresh(post, cancel), 20_000, GONE),
    ("rapid reset, of what is answered at once", b"", fresh(get, cancel), 20_000, GONE),
    # What a client cannot cancel so often, it may have the server cancel.
    ("made to reset by a window of zero: CVE-2025-8671", b"", fresh(post, lambda at: window(at, 0)), 20_000, GONE | goaway("PROTOCOL_ERROR")),
    (
        "made to reset by a window beyond the limit",
        b"",
        fresh(post, lambda at: window(at, (1 << 31) - 1)),
        20_000,
        GONE | goaway("FLOW_CONTROL_ERROR"),
    ),
    (
        "made to reset by DATA after the end",
        b"",
        fresh(held, lambda at: raw(DATA, 0, at, b"x")),
        20_000,
        GONE | goaway("STREAM_CLOSED", "PROTOCOL_ERROR"),
    ),
    (
        "made to reset by PRIORITY of four bytes",
        b"",
        fresh(held, lambda at: raw(PRIORITY, 0, at, bytes(4))),
        20_000,
        GONE | goaway("FRAME_SIZE_ERROR"),
    ),
    ("made to reset by a length", b"", fresh(lambda at: get(at, more=block(b"content-length: 5"))), 20_000, GONE),
    ("made to reset by Connection", b"", fresh(lambda at: get(at, more=block(b"connection: close"))), 20_000, GONE),
    ("streams beyond the agreed", b"", fresh(held), 20_000, GONE),
]

# An entry of 4,000 bytes, and then one byte each time that it is meant: 4,000 times as much as is sent.
BOMB = b"\x40\x01x" + b"\x7f\xa1\x1e" + b"b" * 4000 + b"\xbe" * 10_000

# Once, and then nothing more comes, or nothing is taken: each ends by a time of the configuration.
WAITS = [
    ("HPACK that unfolds: CVE-2016-6581", get(more=BOMB), 1, CALM | {"431"}),
    ("a head that stops in the middle", raw(HEADERS, 0, 1, request()), 1, goaway("PROTOCOL_ERROR") | {"closed"}),
    ("nothing behind the preface's first half", b"", 0, {"closed"}),
    ("windows shut for all streams: CVE-2019-9517", setting(4, 0) + b"".join(get(stream(n), b"/files/large") for n in range(100)), 199, {"200 cut"}),
    (
        "the connection's window shut",
        setting(4, (1 << 31) - 1) + b"".join(get(stream(n), b"/files/large") for n in range(100)),
        199,
        {"200 cut"},
    ),
    ("a body that stops in the middle", post() + raw(DATA, 0, 1, b"hello"), 1, {"408"}),
    ("a body that stops in the middle of its answer", post(path=b"/up/echo") + raw(DATA, 0, 1, b"hello"), 1, {"200 cut"}),
]
