"""HTTP/2 by hand: frames as they are written, and a connection to send them on."""

import socket
import ssl
import struct
import time

import hpack
from hpack.hpack import encode_integer
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame

HOST = b"chat.gatepost.test"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CODES = (
    "NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR "
    "REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM INADEQUATE_SECURITY HTTP_1_1_REQUIRED"
).split()
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
ACK = END_STREAM = 0x1
END_HEADERS, PADDED, WITH_PRIORITY = 0x4, 0x8, 0x20
WHOLE = END_STREAM | END_HEADERS
# Whatever is answered at all is answered sooner.
PATIENCE = 10


def raw(kind, flags, stream, payload=b""):
    """A frame with whatever hyperframe would refuse to write."""
    return len(payload).to_bytes(3, "big") + struct.pack(">BBL", kind, flags, stream) + payload


def literal(name, value):
    """A field that nobody is to remember (RFC 7541 section 6.2.2), whatever is in it."""
    return b"\x00" + b"".join(bytes(encode_integer(len(text), 7)) + text for text in (name, value))


def block(*fields):
    """Fields as text, `name: value`, as one block."""
    parted = (field.split(b": ", 1) for field in fields)
    return b"".join(literal(*field) for field in parted)


def request(method=b"GET", path=b"/", more=b""):
    """A request's block, and `more` behind it."""
    return block(b":method: " + method, b":scheme: https", b":authority: " + HOST, b":path: " + path) + more


def get(stream=1, path=b"/", more=b""):
    return raw(HEADERS, WHOLE, stream, request(path=path, more=more))


def post(stream=1, path=b"/up/held", more=b""):
    """A request whose body is to come."""
    return raw(HEADERS, END_HEADERS, stream, request(b"POST", path, more))


def window(stream, increment):
    return raw(WINDOW_UPDATE, 0, stream, struct.pack(">L", increment))


def setting(number, value):
    return raw(SETTINGS, 0, 0, struct.pack(">HL", number, value))


def cancel(stream):
    return RstStreamFrame(stream, error_code=CODES.index("CANCEL")).serialize()


class Connection:
    """A connection that has agreed on HTTP/2.

    Its window is never opened, unless it `takes_all`.
    """

    takes_all = False

    def __init__(self, port, roots, greet=PREFACE + raw(SETTINGS, 0, 0)):
        context = ssl.create_default_context(cafile=roots)
        context.set_alpn_protocols(["h2"])
        tcp = socket.create_connection(("127.0.0.1", port), PATIENCE)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = context.wrap_socket(tcp, server_hostname=HOST.decode())
        assert self.tls.selected_alpn_protocol() == "h2"
        self.unread = bytearray()
        self.decoder = hpack.Decoder()
        self.send(greet)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tls.close()

    def send(self, bytes):
        """Whether the other side still took it."""
        try:
            self.tls.sendall(bytes)
        except (OSError, ValueError):
            return False
        return True

    def _take(self, count):
        while len(self.unread) < count:
            more = self.tls.recv(65536)
            if not more:
                raise EOFError
            self.unread += more
        taken = bytes(self.unread[:count])
        del self.unread[:count]
        return memoryview(taken)

    def next(self):
        """The next frame; settings and pings are answered as they should be."""
        frame, length = Frame.parse_frame_header(self._take(9))
        frame.parse_body(self._take(length))
        if self.takes_all and isinstance(frame, DataFrame) and length:
            self.send(window(0, length))
        if isinstance(frame, SettingsFrame | PingFrame) and "ACK" not in frame.flags:
            kind, payload = (PING, frame.opaque_data) if isinstance(frame, PingFrame) else (SETTINGS, b"")
            self.send(raw(kind, ACK, 0, payload))
        return frame

    def outcome(self, stream=1):
        """What becomes of a stream, or of the connection before it: a status, `reset CODE`, `goaway CODE`, `closed`, `silence`."""
        status, deadline = None, time.monotonic() + PATIENCE
        try:
            while time.monotonic() < deadline:
                frame = self.next()
                if isinstance(frame, GoAwayFrame) and frame.error_code:
                    return f"goaway {code(frame)}"
                if isinstance(frame, HeadersFrame):
                    fields = dict(self.decoder.decode(frame.data))
                    status = fields.get(":status", status) if frame.stream_id == stream else status
                if frame.stream_id == stream and isinstance(frame, RstStreamFrame):
                    return f"{status} cut" if status else f"reset {code(frame)}"
                if frame.stream_id == stream and "END_STREAM" in frame.flags:
                    return status
        except TimeoutError:
            return "silence"
        except (EOFError, OSError):
            return "closed"
        return "silence"


def code(frame):
    """The name of an error's code."""
    return CODES[frame.error_code] if frame.error_code < len(CODES) else hex(frame.error_code)
