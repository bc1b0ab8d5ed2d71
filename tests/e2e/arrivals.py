"""Comes anew again and again until it is told to stop, and counts who was not answered: https to ADDRESS by NAME, eight at once.

    arrivals.py ADDRESS PORT NAME ROOT-FILE BODY     ends on SIGTERM; prints `N answered, M lost`
"""

import asyncio
import signal
import ssl
import sys

address, port, name, root, body = sys.argv[1:]
context = ssl.create_default_context(cafile=root)
counts = {"answered": 0, "lost": 0}
stop = asyncio.Event()


async def come():
    reader, writer = await asyncio.open_connection(address, int(port), ssl=context, server_hostname=name)
    writer.write(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    head, _, text = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 ") or text.strip() != body.encode():
        raise ValueError(f"answered with {answer!r}")


async def come_again():
    while not stop.is_set():
        try:
            await asyncio.wait_for(come(), 20)
            counts["answered"] += 1
        except Exception as error:
            counts["lost"] += 1
            print(f"lost: {error!r}", flush=True)


async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("READY", flush=True)
    await asyncio.gather(*(come_again() for _ in range(8)))
    print(f"{counts['answered']} answered, {counts['lost']} lost", flush=True)


asyncio.run(main())
