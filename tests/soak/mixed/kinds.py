"""The kinds of clients, good, bad and unlucky. Each is a loop until the soak is over."""

import asyncio
import base64
import os
import random

import actions
from content import HOST, LARGEST, piece
from wire import H1, H2, Cut
from world import Wrong, expect


async def kept_h1(world, pause=0.25):
    """One connection for many requests, until an answer says that it was the last."""
    while not world.over.is_set():
        client = await opened(world, H1, world.h1)
        while client and not client.last and not world.over.is_set():
            lost = world.count["lost"]
            async with world.trying("h1"):
                await actions.any_of_them(world, client.ask)
            if world.count["lost"] != lost:
                # What is left on this connection is anybody's guess.
                break
            await world.pause(pause)
        if client:
            client.close()


async def kept_h2(world, pause=0.25, streams=4):
    """Several requests at once on one connection."""

    async def stream():
        while not client.last and not world.over.is_set():
            async with world.trying("h2"):
                await actions.any_of_them(world, client.ask)
            await world.pause(pause)

    while not world.over.is_set():
        client = await opened(world, H2, world.h2)
        if client:
            await asyncio.gather(*(stream() for _ in range(streams)))
            client.close()


async def opened(world, kind, tls):
    """None where it failed, which is counted."""
    async with world.trying(f"{kind.__name__} connection"):
        client = await kind.open(world.https, tls)
        world.count["handshakes"] += 1
        return client
    await world.pause(1)


async def newcomer(world, pause=1):
    while not world.over.is_set():
        async with world.trying("new connection"):
            client = await H1.open(world.https, random.choice([world.h1, world.h1, world.old]))
            try:
                await actions.any_of_them(world, client.ask)
                world.count["handshakes"] += 1
            finally:
                client.close()
        await world.pause(pause)


async def returning(world, pause=1):
    """Comes back with the ticket of the time before."""
    while not world.over.is_set():
        tls = random.choice(world.resuming)
        async with world.trying("resumed connection"):
            client = await H1.open(world.https, tls)
            try:
                await actions.bytes_of_upstream(world, client.ask)
                world.count["answers right"] += 1
                made = client.writer.get_extra_info("ssl_object")
                world.count["handshakes resumed" if made.session_reused else "handshakes"] += 1
                tls.last = made.session
            finally:
                client.close()
        await world.pause(pause)


async def plain(world, pause=0.5):
    """Port 80 leads to https."""
    while not world.over.is_set():
        async with world.trying("plain"):
            client = await H1.open(world.http)
            answer = await client.ask("GET", "/files/x?y=z")
            expect("the status", answer.status, 308, 301)
            expect("the place", answer.fields["location"].split("/", 3)[3], "files/x?y=z")
            world.count["answers right"] += 1
            client.close()
        await world.pause(pause)


async def leaves_download(world, pause=1):
    """Has enough in the middle: by an end, a reset, or a reset of the stream."""
    while not world.over.is_set():
        async with world.trying("download broken off"):
            start = random.randrange(LARGEST)
            path = random.choice([f"/bytes/{start}/{LARGEST}", f"/bytes/{start}/{LARGEST}/chunked", "/files/large.bin"])
            if random.random() < 0.5:
                client = await H1.open(world.https, world.h1)
                client.writer.write(client.head("GET", path, {}, None))
                expect("the status", (await client.answer_head()).status, 200)
                await client.reader.readexactly(random.randrange(1, 300_000))
                random.choice([client.close, client.reset])()
            else:
                client = await H2.open(world.https, world.h2)
                answer = await client.ask("GET", path, enough=random.randrange(1, 300_000))
                expect("the status", answer.status, 200)
                # The connection is as good as before.
                await actions.bytes_of_upstream(world, client.ask)
                client.close()
            world.count["broken off by us"] += 1
            world.count["handshakes"] += 1
        await world.pause(pause)


async def leaves_upload(world, pause=1):
    while not world.over.is_set():
        async with world.trying("upload broken off"):
            client = await H1.open(world.https, world.h1)
            client.writer.write(client.head("POST", "/upload", {}, 500_000) + piece(0, random.randrange(400_000)))
            await client.writer.drain()
            random.choice([client.close, client.reset])()
            world.count["broken off by us"] += 1
            world.count["handshakes"] += 1
        await world.pause(pause)


def frame(text):
    """A masked text frame of up to 125 bytes (RFC 6455 section 5.2). The upstream sends it back as it is."""
    mask = os.urandom(4)
    return bytes([0x81, 0x80 | len(text)]) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))


async def switch(world):
    client = await H1.open(world.https, world.h1)
    key = base64.b64encode(os.urandom(16)).decode()
    fields = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key}
    client.writer.write(client.head("GET", "/ws", fields, None))
    expect("the status", (await client.answer_head()).status, 101)
    world.count["WebSockets"] += 1
    world.count["handshakes"] += 1
    return client


async def echoed(world, client):
    sent = frame(os.urandom(random.randrange(1, 126)))
    client.writer.write(sent)
    try:
        got = await client.reader.readexactly(len(sent))
    except asyncio.IncompleteReadError as error:
        raise Cut("a WebSocket ended") from error
    if got != sent:
        raise Wrong("another echo")
    world.count["echoes"] += 1


async def talks(world, pause=1):
    """A WebSocket from the beginning to the end of the soak."""
    async with world.trying("WebSocket", None):
        client = await switch(world)
        while not world.over.is_set():
            async with asyncio.timeout(60):
                await echoed(world, client)
            await world.pause(pause)
        client.close()


async def listens(world):
    """Silent for most of the route's upgrade_idle_timeout, time and again."""
    await talks(world, pause=100)


async def dies(world, pause=0.5):
    """A WebSocket that ends without goodbye, in the middle of a frame or after one."""
    while not world.over.is_set():
        async with world.trying("WebSocket that dies"):
            client = await switch(world)
            await echoed(world, client)
            if random.random() < 0.5:
                client.writer.write(frame(b"never whole")[:5])
                await client.writer.drain()
            random.choice([client.close, client.reset])()
            world.count["broken off by us"] += 1
        await world.pause(pause)


BAD = [  # what is sent, and what may be answered
    (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: h\n\n", 400),
    (b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"POST /upload HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: h\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 150 + b"\r\n", 431),
    (b"\x16\x03\x01 no HTTP at all\r\n\r\n", 400),
    (b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
]


async def bad(world, pause=0.5):
    """What two programs could read differently is refused, and the connection ends."""
    while not world.over.is_set():
        sent, status = random.choice(BAD)
        async with world.trying(f"bad request {sent[:60]!r}"):
            client = await H1.open(world.https, world.h1)
            try:
                client.writer.write(sent.replace(b"Host: h\r", b"Host: " + HOST.encode() + b"\r"))
                expect("the status", (await client.answer()).status, status)
                world.count["bad requests refused"] += 1
                world.count["handshakes"] += 1
            finally:
                client.close()
        await world.pause(pause)


async def no_tls(world, pause=3):
    """Nonsense in place of a handshake, a handshake broken off, a protocol that nobody has."""
    while not world.over.is_set():
        async with world.trying("nonsense for TLS"):
            reader, writer = await asyncio.open_connection("127.0.0.1", world.https)
            client = H1(reader, writer)
            writer.write(random.choice([b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01", os.urandom(200)]))
            await writer.drain()
            random.choice([client.close, client.reset])()
            world.count["broken off by us"] += 1
        await world.pause(pause)


async def impatient(world, pause=0.2):
    """Asks more often than its route allows."""
    while not world.over.is_set():
        client = await opened(world, H1, world.h1)
        while client and not client.last and not world.over.is_set():
            lost = world.count["lost"]
            async with world.trying("rate limit"):
                await limited(world, client)
            if world.count["lost"] != lost:
                break
            await world.pause(pause)
        if client:
            client.close()


async def limited(world, client):
    answer = await client.ask("GET", "/limited")
    expect("the status", answer.status, 200, 429)
    if answer.status == 429:
        expect("Retry-After", int(answer.fields["retry-after"]) >= 1, True)
        world.count["429"] += 1
    else:
        actions.same(answer, 200, b"slowly")
        world.count["200 of the limited route"] += 1


async def guesses(world, pause=20):
    """A wrong password now and then: a hash each."""
    while not world.over.is_set():
        async with world.trying("wrong password"):
            client = await H1.open(world.https, world.h1)
            expect("the status", (await client.ask("GET", "/staff", actions.WRONG_PASSWORD)).status, 401)
            client.close()
            world.count["answers right"] += 1
        await world.pause(pause)


FAULTS = {  # the status that tells of it; "cut" where the head had come already
    "nothing": 502, "reset": 502, "garbage": 502, "storm": 502, "stall": 504, "short": "cut", "chunk": "cut", "middle": "cut",
    "goodbye": 200,
}


async def faults(world, pause=0.5):
    """A bad upstream: the right status, or a body that is cut and does not look whole."""
    while not world.over.is_set():
        kind, due = random.choice(list(FAULTS.items()))
        path = f"/fault/{kind}"
        if random.random() < 0.1:
            path, due = "/refused", 502
        over_h2 = random.random() < 0.3
        async with world.trying(f"fault {path}, h{2 if over_h2 else 1}"):
            client = await (H2.open(world.https, world.h2) if over_h2 else H1.open(world.https, world.h1))
            world.count["handshakes"] += 1
            try:
                got = (await client.ask("GET", path)).status
            except Cut:
                got = "cut"
            expect("what came", got, due)
            world.count["faults told rightly"] += 1
            client.close()
        await world.pause(pause)


async def slow_head(world, pause=1):
    """A head in pieces, within head_timeout."""
    while not world.over.is_set():
        async with world.trying("slow head", 120):
            client = await H1.open(world.https, world.h1)
            head = client.head("GET", "/bytes/7/1000", {"X-Padding": "x" * 200}, None)
            for at in range(0, len(head), 40):
                client.writer.write(head[at : at + 40])
                await asyncio.sleep(0.5)
            actions.same(await client.answer(), 200, piece(7, 1000))
            world.count["answers right"] += 1
            client.close()
        await world.pause(pause)


async def slow_reader(world, pause=1):
    """Takes a large answer in sips."""
    while not world.over.is_set():
        async with world.trying("slow reader", 120):
            client = await H1.open(world.https, world.h1, limit=4096)
            client.writer.write(client.head("GET", f"/bytes/0/{1 << 20}", {}, None))
            expect("the status", (await client.answer_head()).status, 200)
            parts = []
            for _ in range(16):
                parts.append(await client.reader.readexactly(1 << 16))
                await asyncio.sleep(1)
            expect("the content", b"".join(parts) == piece(0, 1 << 20), True)
            world.count["answers right"] += 1
            client.close()
        await world.pause(pause)


async def slow_sender(world, pause=1):
    while not world.over.is_set():
        async with world.trying("slow upload", 120):
            client = await H1.open(world.https, world.h1)
            client.writer.write(client.head("POST", "/upload", {}, 20_000))
            for at in range(0, 20_000, 1000):
                client.writer.write(piece(at, 1000))
                await asyncio.sleep(0.5)
            expect("the count", (await client.answer()).body.split()[0], b"20000")
            world.count["answers right"] += 1
            client.close()
        await world.pause(pause)


async def slow_upstream(world, pause=1):
    while not world.over.is_set():
        async with world.trying("slow upstream"):
            client = await H1.open(world.https, world.h1)
            actions.same(await client.ask("GET", "/bytes/9/3000/drip"), 200, piece(9, 3000))
            world.count["answers right"] += 1
            client.close()
        await world.pause(pause)


async def never_asks(world, pause=1):
    """A connection without a request, a head without an end, an answer that nobody takes: gatepost ends each."""
    while not world.over.is_set():
        kind = random.choice(["idle", "head", "shut window"])
        async with world.trying(f"never asks: {kind}", 150):
            client = await H1.open(world.https, world.h1, limit=4096)
            if kind == "head":
                client.writer.write(b"GET / HTTP/1.1\r\nHost: ")
            if kind == "shut window":
                client.writer.write(client.head("GET", "/files/large.bin", {}, None))
                # Longer than send_timeout; what the kernels hold is less than the file.
                await asyncio.sleep(40)
            await client.ended()
            client.close()
            world.count["idlers ended by gatepost"] += 1
        await world.pause(pause)


# Kind, and how many at once. About 280 requests a second together.
CROWD = [
    (kept_h1, 24), (kept_h2, 6), (newcomer, 4), (returning, 4), (plain, 2), (leaves_download, 3), (leaves_upload, 1),
    (talks, 30), (listens, 20), (dies, 2), (bad, 2), (no_tls, 2), (impatient, 3), (guesses, 1), (faults, 10), (slow_head, 4),
    (slow_reader, 4), (slow_sender, 4), (slow_upstream, 3), (never_asks, 4),
]
