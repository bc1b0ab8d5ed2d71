"""Clients in the middle of something: vanishing.py ADDRESS HTTPS-PORT HTTP-PORT ROOT.PEM; prints how many, then waits to be ended.

Each reads what comes as far as it goes, and none ever closes: their line is cut.
"""

import asyncio
import ssl
import sys

HOST = "chat.gatepost.test"
ADDRESS, HTTPS, HTTP, ROOTS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
# A preface, empty settings, and a GET of / whose window is shut from the beginning.
H2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
# The clients, by what they send and how much of an answer they wait for before they count.
CLIENTS = {
    "TCP alone": (HTTPS, False, b"", 0),
    "half a ClientHello": (HTTPS, False, bytes.fromhex("16030100c8010000c40303"), 0),
    "TLS alone": (HTTPS, True, b"", 0),
    "half a head": (HTTPS, True, f"GET / HTTP/1.1\r\nHost: {HOST}\r\n".encode(), 0),
    "half a head without TLS": (HTTP, False, f"GET / HTTP/1.1\r\nHost: {HOST}\r\n".encode(), 0),
    "idle": (HTTPS, True, f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), 20),
    "waiting for an answer": (HTTPS, True, f"GET /near/never HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), 0),
    "an upload": (HTTPS, True, f"POST /near/never HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100000\r\n\r\nhalf".encode(), 0),
    "a download": (HTTPS, True, f"GET /files/large HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), 100_000),
    "an answer that drips": (HTTPS, True, f"GET /near/drops HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), 100),
    "a WebSocket": (HTTPS, True, f"GET /near/socket HTTP/1.1\r\nHost: {HOST}\r\n{UPGRADE}\r\n".encode(), 200),
    "a WebSocket without TLS": (HTTP, False, f"GET /near/socket HTTP/1.1\r\nHost: {HOST}\r\n{UPGRADE}\r\n".encode(), 200),
    "HTTP/2, idle": (HTTPS, "h2", H2, 20),
}
EACH = 5


async def client(port, tls, sends, awaits):
    context = None
    if tls:
        context = ssl.create_default_context(cafile=ROOTS)
        context.set_alpn_protocols(["h2"] if tls == "h2" else ["http/1.1"])
    reader, writer = await asyncio.open_connection(ADDRESS, port, ssl=context, server_hostname=HOST if tls else None, limit=4096)
    writer.write(sends)
    await writer.drain()
    while awaits > 0:
        data = await reader.read(min(awaits, 4096))
        assert data, "the connection ended"
        awaits -= len(data)
    return reader, writer


async def main():
    held = await asyncio.gather(*(client(*how) for how in CLIENTS.values() for _ in range(EACH)))
    print(len(held), flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
