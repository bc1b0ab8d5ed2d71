"""A line between two network devices, with delay and loss: line.py NEAR FAR.

Makes both devices; what one sends, the other receives, or nobody. Commands come by standard input, a line each:
`delay MILLISECONDS`, `loss PERCENT`. Each is answered with a line, as the start is.
"""

import asyncio
import fcntl
import os
import random
import struct
import sys

# From <linux/if_tun.h>: packets of IP, without a head of their own.
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x1, 0x1000


def device(name):
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return file


class Line:
    def __init__(self, near, far):
        self.ends = {near: far, far: near}
        # The same losses each time that as much is sent.
        self.random = random.Random(1)
        self.delay = self.loss = 0.0

    def take(self, end):
        try:
            while True:
                packet = os.read(end, 65536)
                if self.random.random() >= self.loss:
                    asyncio.get_running_loop().call_later(self.delay, self.give, self.ends[end], packet)
        except BlockingIOError:
            pass

    def give(self, end, packet):
        try:
            os.write(end, packet)
        except OSError:
            # A device that is down, or has no room, loses it, as lines do.
            pass


async def main():
    line = Line(*map(device, sys.argv[1:3]))
    loop = asyncio.get_running_loop()
    for end in line.ends:
        loop.add_reader(end, line.take, end)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print("line", flush=True)
    async for command in commands:
        what, value = command.split()
        if what == b"delay":
            line.delay = float(value) / 1000
        else:
            line.loss = float(value) / 100
        print(command.decode().strip(), flush=True)


asyncio.run(main())
