"""The load for reloads.sh and upgrades.sh: python3 reloads.py HTTP-PORT CONNECTIONS WEBSOCKETS STEPS COMMAND...

Half of CONNECTIONS ask one request after the other on a connection that they keep, the other half open a new one each time;
WEBSOCKETS are talked through all along. COMMAND is run STEPS times, one after the other, with the step's number as
its last argument. A client that keeps its connection connects again where an answer said that it was the last; a connection
that is refused, reset or ends without such an answer is a failure, and so is a WebSocket that ends. Prints figures; the
exit status is 0 where nothing failed.
"""

import asyncio
import base64
import collections
import os
import sys
import time

port, connections, websockets, steps = map(int, sys.argv[1:5])
command = sys.argv[5:]
HOST = "chat.gatepost.test"
REQUEST = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
count = collections.Counter()
failures = []
over = asyncio.Event()
upstreams = set()


async def head(reader):
    text = await reader.readuntil(b"\r\n\r\n")
    lines = text.decode().split("\r\n")
    return lines[0], {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:] if line)}


async def ask(reader, writer):
    """Asks once; whether the connection may be asked again."""
    writer.write(REQUEST)
    await writer.drain()
    status, fields = await head(reader)
    await reader.readexactly(int(fields["content-length"]))
    if not status.startswith("HTTP/1.1 200"):
        raise OSError(f"answered {status}")
    count["requests"] += 1
    return fields.get("connection") != "close"


async def client(keep):
    while not over.is_set():
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            count["connections"] += 1
            while await ask(reader, writer) and keep and not over.is_set():
                await asyncio.sleep(0.2)
            writer.close()
            if not keep:
                await asyncio.sleep(0.2)
        except (OSError, EOFError, asyncio.IncompleteReadError) as error:
            count["requests failed"] += 1
            failures.append(f"{'kept' if keep else 'new'}: {error!r}")


async def websocket(number):
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        status, _ = await head(reader)
        if not status.startswith("HTTP/1.1 101"):
            raise OSError(f"answered {status}")
        count["websockets"] += 1
        while not over.is_set():
            text = f"{number:06}".encode()
            writer.write(text)
            if await reader.readexactly(len(text)) != text:
                raise OSError("another echo")
            count["echoes"] += 1
            await asyncio.sleep(0.5)
        writer.close()
    except (OSError, EOFError, asyncio.IncompleteReadError) as error:
        count["websockets failed"] += 1
        failures.append(f"websocket: {error!r}")


async def upstream(reader, writer):
    """Answers requests, and sends back whatever comes after an upgrade. Looks at no frame: gatepost does not either."""
    upstreams.add(writer)
    try:
        while True:
            _, fields = await head(reader)
            if "upgrade" in fields:
                import hashlib

                proof = hashlib.sha1(fields["sec-websocket-key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
                accept = base64.b64encode(proof.digest()).decode()
                writer.write(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
                )
                while part := await reader.read(4096):
                    writer.write(part)
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere")
            await writer.drain()
    except (OSError, EOFError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()
        upstreams.discard(writer)


async def main():
    server = await asyncio.start_server(upstream, "127.0.0.1", int(os.environ["UPSTREAM_PORT"]), backlog=4096)
    tasks = [asyncio.create_task(websocket(number)) for number in range(websockets)]
    while count["websockets"] + count["websockets failed"] < websockets:
        await asyncio.sleep(0.05)
    for number in range(connections):
        tasks.append(asyncio.create_task(client(number % 2 == 0)))
        if number % 50 == 0:
            await asyncio.sleep(0.05)
    await asyncio.sleep(2)
    begin, slowest = time.monotonic(), 0.0
    for step in range(steps):
        asked = time.monotonic()
        process = await asyncio.create_subprocess_exec(*command, str(step))
        if await process.wait() != 0:
            failures.append(f"step {step}: {' '.join(command)} failed")
        slowest = max(slowest, time.monotonic() - asked)
        await asyncio.sleep(0.3)
    took = time.monotonic() - begin
    await asyncio.sleep(2)
    over.set()
    await asyncio.gather(*tasks)
    server.close()
    # Those that gatepost keeps for the next request end here. Whoever left the loop with them open would be told of each.
    for writer in upstreams:
        writer.close()
    while upstreams:
        await asyncio.sleep(0.05)
    print(f"steps                  {steps} in {took:.0f} s, the slowest {slowest * 1000:.0f} ms")
    print(f"clients                {connections}")
    print(f"connections made       {count['connections']}")
    print(f"requests answered      {count['requests']}")
    print(f"requests failed        {count['requests failed']}")
    print(f"websockets             {count['websockets']}, echoes {count['echoes']}")
    print(f"websockets broken      {count['websockets failed']}")
    for failure in failures[:20]:
        print(f"  {failure}")


asyncio.run(main())
sys.exit(1 if failures else 0)
