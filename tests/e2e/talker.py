"""An upstream that never stops: talker.py ADDRESS; prints its port.

`/whole` is answered, `/drops` with a byte every tenth of a second, and a WebSocket with as many; whatever else is not
answered at all.
"""

import asyncio
import sys

EVERY = 0.1


async def drip(writer, drop):
    while not writer.is_closing():
        writer.write(drop)
        await writer.drain()
        await asyncio.sleep(EVERY)


async def read_on(reader):
    while await reader.read(65536):
        pass


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            if b"\r\nupgrade: websocket" in head.lower():
                # The key of RFC 6455 section 1.3, which is the only one that comes.
                writer.write(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
                )
                await asyncio.gather(drip(writer, b"\x81\x01x"), read_on(reader))
            elif path.endswith(b"/whole"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole")
            elif path.endswith(b"/drops"):
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                await drip(writer, b"1\r\nx\r\n")
            else:
                await read_on(reader)
                return
    except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, sys.argv[1], 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
