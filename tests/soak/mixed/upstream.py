"""The stand-in upstream: python3 upstream.py PORT. Answers with pieces of a known content, counts uploads, echoes after an
upgrade, plays Mattermost for the launcher, and fails in every way below /fault/."""

import asyncio
import base64
import hashlib
import json
import socket
import struct
import sys

from content import PERSON, piece

STALL = 40  # seconds; the route's read_timeout is shorter


def message(status, body, *fields):
    return "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", "")).encode() + body


def reset(writer):
    """Ends with a reset in place of an end."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def body(reader, fields):
    """The pieces of a request's body."""
    if fields.get("transfer-encoding") == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass
        return
    left = int(fields.get("content-length", 0))
    while left:
        part = await reader.read(min(left, 65536))
        if not part:
            raise EOFError("a short body")
        left -= len(part)
        yield part


async def fault(kind, writer):
    """Whether the connection goes on. `nothing` closes without an answer."""
    if kind == "reset":
        reset(writer)
    elif kind == "short":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + piece(0, 500))
    elif kind == "chunk":
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f4\r\n" + piece(0, 500) + b"\r\nnonsense\r\n")
    elif kind == "garbage":
        writer.write(b"\0\1\2 this is no HTTP\r\n\r\n")
    elif kind == "storm":
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 5000)
    elif kind == "stall":
        await asyncio.sleep(STALL)
    elif kind == "middle":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + piece(0, 500))
        await writer.drain()
        await asyncio.sleep(STALL)
    elif kind == "goodbye":
        # Answers in order and closes without a word about it.
        writer.write(message("200 OK", piece(0, 500)))
    await writer.drain()
    return False


async def switch(reader, writer, fields):
    proof = hashlib.sha1(fields["sec-websocket-key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    accept = base64.b64encode(proof.digest()).decode()
    writer.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )
    while part := await reader.read(4096):
        writer.write(part)


async def answer(reader, writer, method, path, fields):
    """Whether the connection goes on."""
    parts = path.split("?")[0].split("/")
    if "upgrade" in fields:
        await switch(reader, writer, fields)
        return False
    if parts[1] == "deaf":
        await asyncio.sleep(3600)
    if parts[1] == "upload":
        digest, length = hashlib.sha256(), 0
        async for part in body(reader, fields):
            digest.update(part)
            length += len(part)
        writer.write(message("200 OK", f"{length} {digest.hexdigest()}".encode()))
        return True
    async for _ in body(reader, fields):
        pass
    if parts[1] == "fault":
        return await fault(parts[2], writer)
    if parts[1] == "bytes":
        data, how = piece(int(parts[2]), int(parts[3])), parts[4] if len(parts) > 4 else ""
        if how == "chunked":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            size = 7001 if len(data) < 1 << 20 else 65521
            for at in range(0, len(data), size):
                part = data[at : at + size]
                writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                await writer.drain()
            writer.write(b"0\r\n\r\n")
        elif how == "drip":
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode())
            for at in range(0, len(data), len(data) // 20 + 1):
                writer.write(data[at : at + len(data) // 20 + 1])
                await writer.drain()
                await asyncio.sleep(0.1)
        else:
            whole = message("200 OK", data)
            writer.write(whole if method != "HEAD" else whole[: len(whole) - len(data)])
        return True
    if path == "/api/v4/users/me":
        known = fields.get("authorization", "").lower().startswith("bearer ")
        text = PERSON if known else json.dumps({"id": "api.context.session_expired.app_error", "status_code": 401})
        writer.write(message("200 OK" if known else "401 Unauthorized", text.encode(), "Content-Type: application/json"))
    elif path.startswith("/api/v4/users/me/teams"):
        writer.write(message("200 OK", b"[]", "Content-Type: application/json"))
    elif path == "/api/v4/system/ping":
        writer.write(message("200 OK", b'{"status":"OK"}', "Content-Type: application/json"))
    elif parts[1] == "moving":
        writer.write(message("200 OK", b"from the upstream"))
    else:
        writer.write(message("404 Not Found", b""))
    return True


async def serve(reader, writer):
    try:
        goes_on = True
        while goes_on:
            text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *rest = text.split("\r\n")
            fields = {name.lower(): value.strip() for name, value in (field.split(":", 1) for field in rest if field)}
            method, path, _ = line.split(" ")
            goes_on = await answer(reader, writer, method, path, fields)
            await writer.drain()
    except (OSError, EOFError, ValueError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
