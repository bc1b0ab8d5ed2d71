"""Clients that count every byte: HTTP/1 and HTTP/2, over TLS and plain. A body that is cut is an error, never an answer."""

import asyncio
import dataclasses
import socket
import ssl
import struct
import types

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from content import HOST


NONE = types.MappingProxyType({})


class Cut(OSError):
    """The connection or stream ended before the answer did."""


class Unprocessed(OSError):
    """GOAWAY said that the request was not looked at: it may be asked again (RFC 9113 section 6.8)."""


@dataclasses.dataclass
class Answer:
    status: int
    fields: dict
    body: bytes = b""


class Resuming(ssl.SSLContext):
    """Brings the last session along; asyncio has no way to say so."""

    last = None

    def wrap_bio(self, *arguments, **named):
        return super().wrap_bio(*arguments, **named, session=self.last)


def context(roots, protocols, resuming=False, newest=None):
    made = (Resuming if resuming else ssl.SSLContext)(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(roots)
    made.set_alpn_protocols(protocols)
    if newest:
        made.maximum_version = newest
    return made


def reset(writer):
    """Dies without goodbye: a reset, and not a word of TLS."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class H1:
    """A connection for one request after the other."""

    def __init__(self, reader, writer):
        self.reader, self.writer, self.last = reader, writer, False

    @classmethod
    async def open(cls, port, tls=None, limit=1 << 20):
        named = {"ssl": tls, "server_hostname": HOST} if tls else {}
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=limit, **named))

    @staticmethod
    def head(method, path, fields, length):
        fields = {"Host": HOST, **fields}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def ask(self, method, path, fields=NONE, body=None, chunked=False):
        if chunked:
            self.writer.write(self.head(method, path, {**fields, "Transfer-Encoding": "chunked"}, None))
            for at in range(0, len(body), 9001):
                part = body[at : at + 9001]
                self.writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                await self.writer.drain()
            self.writer.write(b"0\r\n\r\n")
        else:
            self.writer.write(self.head(method, path, fields, None if body is None else len(body)))
            if body:
                self.writer.write(body)
        await self.writer.drain()
        return await self.answer(method)

    async def answer(self, method="GET"):
        answer = await self.answer_head()
        answer.body = await self.body(method, answer)
        return answer

    async def answer_head(self):
        try:
            text = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError as error:
            raise Cut(f"ended before an answer, after {error.partial[:60]!r}") from error
        line, *rest = text.split("\r\n")
        fields = {name.lower(): value.strip() for name, value in (field.split(":", 1) for field in rest if field)}
        self.last = self.last or fields.get("connection", "").lower() == "close"
        return Answer(int(line.split(" ")[1]), fields)

    async def body(self, method, answer):
        if method == "HEAD" or answer.status in (204, 304):
            return b""
        try:
            if answer.fields.get("transfer-encoding") == "chunked":
                parts = []
                while size := int(await self.reader.readuntil(b"\r\n"), 16):
                    parts.append(await self.reader.readexactly(size))
                    await self.reader.readexactly(2)
                await self.reader.readexactly(2)
                return b"".join(parts)
            return await self.reader.readexactly(int(answer.fields["content-length"]))
        except (asyncio.IncompleteReadError, ValueError) as error:
            raise Cut(f"a body was cut: {error!r}"[:200]) from error

    async def ended(self):
        """Whether the other side ends it, whichever way."""
        try:
            while await self.reader.read(65536):
                pass
        except OSError:
            pass

    def close(self):
        self.writer.close()

    def reset(self):
        reset(self.writer)


class GoesOn(h2.connection.H2Connection):
    """Lets open streams go on after GOAWAY, as RFC 9113 section 6.8 has it; the library takes it for the end."""

    def _receive_goaway_frame(self, frame):
        told = h2.events.ConnectionTerminated()
        told.last_stream_id, told.error_code = frame.last_stream_id, frame.error_code
        return [], [told]


class H2(asyncio.Protocol):
    """A connection for many requests at once."""

    def __init__(self):
        self.h2 = GoesOn(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.streams, self.last, self.window = {}, False, asyncio.Event()

    @classmethod
    async def open(cls, port, tls):
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(cls, "127.0.0.1", port, ssl=tls, server_hostname=HOST)
        return made

    def connection_made(self, transport):
        self.transport = transport
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(1 << 20)
        self.flush()

    def flush(self):
        if data := self.h2.data_to_send():
            self.transport.write(data)

    def data_received(self, data):
        try:
            events = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            self.connection_lost(error)
            self.transport.abort()
            return
        for event in events:
            self.happened(event)
        self.window.set()
        self.flush()

    def happened(self, event):
        if isinstance(event, h2.events.ConnectionTerminated):
            self.last = True
            for number in list(self.streams):
                if event.last_stream_id is not None and number > event.last_stream_id:
                    self.fail(number, Unprocessed("GOAWAY"))
            return
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.DataReceived):
            # The window is given back whether or not anybody still waits for the stream.
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if stream:
                stream["parts"].append(event.data)
                stream["size"] += len(event.data)
                if stream["enough"] is not None and stream["size"] >= stream["enough"]:
                    self.h2.reset_stream(event.stream_id, h2.errors.ErrorCodes.CANCEL)
                    self.done(event.stream_id)
        elif not stream:
            return
        elif isinstance(event, h2.events.ResponseReceived):
            fields = dict(event.headers)
            stream["answer"] = Answer(int(fields[":status"]), fields)
        elif isinstance(event, h2.events.StreamEnded):
            self.done(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.fail(event.stream_id, Cut(f"stream reset: {event.error_code!r}"))

    def done(self, number):
        stream = self.streams.pop(number)
        answer = stream["answer"]
        answer.body = b"".join(stream["parts"])
        if not stream["future"].done():
            stream["future"].set_result(answer)

    def fail(self, number, error):
        stream = self.streams.pop(number)
        if not stream["future"].done():
            stream["future"].set_exception(error)
        self.window.set()

    def connection_lost(self, error):
        self.last = True
        for number in list(self.streams):
            self.fail(number, Cut(f"the connection ended: {error!r}"))

    async def ask(self, method, path, fields=NONE, body=None, chunked=False, enough=None):
        """`chunked` leaves the length out; after `enough` bytes the stream is reset."""
        if self.last:
            raise Unprocessed("after GOAWAY")
        number = self.h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", "https"), (":authority", HOST), (":path", path)]
        length = [] if body is None or chunked else [("content-length", str(len(body)))]
        future = asyncio.get_running_loop().create_future()
        self.streams[number] = {"future": future, "parts": [], "size": 0, "enough": enough, "answer": None}
        self.h2.send_headers(number, pseudo + length + [(n.lower(), v) for n, v in fields.items()], end_stream=not body)
        self.flush()
        if body:
            await self.send(number, body)
        answer = await future
        if enough is None and method != "HEAD" and (said := answer.fields.get("content-length")) and answer.status != 304:
            if int(said) != len(answer.body):
                raise Cut(f"{len(answer.body)} bytes of {said}")
        return answer

    async def send(self, number, body):
        at = 0
        while at < len(body) and number in self.streams:
            room = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size, len(body) - at)
            if room > 0:
                self.h2.send_data(number, body[at : at + room], end_stream=at + room == len(body))
                at += room
                self.flush()
            else:
                self.window.clear()
                await self.window.wait()

    def close(self):
        self.transport.close()
