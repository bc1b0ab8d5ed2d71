"""The floods of memory.sh: python3 memory.py FOLDER PID HTTPS-PORT ADMIN-PORT CONNECTIONS CGROUP FLOOD...; CGROUP may be "".

Each flood tries to hold as much of gatepost's memory as it can, in its own way, with all connections but ten, until it
grows no more; then all leave. `beyond` tries with half as many again as there may be. Meanwhile somebody who was there
before asks once a second, and somebody new does: both must be served, or with `beyond` turned away at once (503, or a closed
connection). Prints a row for each; the exit status is 0 where that held and nothing of a flood is left.
"""

import asyncio
import contextlib
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "mixed"))

import h2.settings  # noqa: E402
from content import HOST, piece  # noqa: E402
from kinds import frame  # noqa: E402
from wire import H1, H2, context  # noqa: E402

folder, pid, https, admin, connections = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:6])
cgroup, kinds = sys.argv[6], sys.argv[7:]
h1, over_h2 = context(f"{folder}/root.pem", ["http/1.1"]), context(f"{folder}/root.pem", ["h2"])
LARGE = 4 << 20
STREAMS = 16
WIDEST = (1 << 31) - 1
HEADING = "flood            open MiB before    most KiB each   after    stays      new   away  slowest  cgroup"


class Quiet(H1):
    """Reads no more than it is asked to."""

    @classmethod
    async def begin(cls, *asked):
        client = await cls.open(https, h1, limit=4096)
        client.writer.write(b"".join(asked))
        return client


def get(path, method="GET", length=None, fields=None):
    return H1.head(method, path, fields or {}, length)


async def idle():
    client = await Quiet.begin()
    await client.ask("GET", "/here")
    return client


async def heads():
    """As much of a head as may come, and never its end."""
    return await Quiet.begin(f"GET / HTTP/1.1\r\nHost: {HOST}\r\nA: ".encode() + b"a" * 60_000)


async def uploads():
    """To an upstream that reads nothing."""
    return await Quiet.begin(get("/deaf", "POST", 100 << 20), piece(0, 1 << 20))


async def downloads():
    """Of which nothing is read."""
    return await Quiet.begin(get(f"/bytes/0/{LARGE}/chunked"))


async def files():
    return await Quiet.begin(get("/files/large.bin"))


async def websockets():
    """Echoes that nobody reads."""
    fields = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    client = await Quiet.begin(get("/ws", fields={**fields, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}))
    if (await client.answer_head()).status == 101:
        client.writer.write(frame(b"x" * 125) * 8000)
    return client


class Greedy(H2):
    """Opens every window as wide as it goes."""

    def connection_made(self, transport):
        super().connection_made(transport)
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: WIDEST})
        self.h2.increment_flow_control_window(WIDEST - (1 << 20) - 65535)
        self.flush()

    def begin(self, method, path, end):
        number = self.h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "https"), (":authority", HOST), (":path", path)]
        self.h2.send_headers(number, fields, end_stream=end)
        return number

    def fill(self, number):
        while (room := min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size)) > 0:
            self.h2.send_data(number, piece(0, room))


async def h2_downloads():
    client = await Greedy.open(https, over_h2)
    await asyncio.sleep(0.2)
    for _ in range(STREAMS):
        client.begin("GET", f"/bytes/0/{LARGE}/chunked", end=True)
    client.transport.pause_reading()
    client.flush()
    return client


async def h2_uploads():
    """As much as the windows take, on each stream, to an upstream that reads nothing."""
    client = await Greedy.open(https, over_h2)
    await asyncio.sleep(0.2)
    streams = [client.begin("POST", "/deaf", end=False) for _ in range(STREAMS)]
    for _ in range(8):
        for number in streams:
            client.fill(number)
        client.flush()
        await asyncio.sleep(0.5)
    return client


FLOODS = {flood.__name__: flood for flood in (idle, heads, uploads, downloads, files, websockets, h2_downloads, h2_uploads)}


def held():
    """What gatepost has in memory of its own, in MiB."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text.split("Private_Dirty:")[1].split()[0]) / 1024


def limited():
    """The most that the cgroup had, in MiB."""
    for name in ("memory.max_usage_in_bytes", "memory.peak"):
        with contextlib.suppress(OSError):
            return f"{int((pathlib.Path(cgroup) / name).read_text()) / (1 << 20):.0f}"
    return "–"


async def told(name):
    client = await H1.open(admin)
    text = (await client.ask("GET", "/metrics", {"Host": "localhost", "Connection": "close"})).body.decode()
    client.close()
    return next(int(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} "))


class Others:
    """One who stays and one who comes anew, once a second each."""

    def __init__(self):
        self.stayed = self.came = self.stayed_served = self.came_served = self.turned_away = 0
        self.slowest, self.stays = 0.0, None

    async def one(self, client):
        """Whether the answer was the right one; being turned away is counted."""
        answer = await client.ask("GET", "/files/small.bin")
        self.turned_away += answer.status == 503
        return answer.body == piece(0, 1000)

    async def go_on(self):
        while True:
            begin = time.monotonic()
            self.stayed += 1
            async with self.trying():
                if self.stays is None or self.stays.last or self.stays.reader.at_eof():
                    self.stays = await H1.open(https, h1)
                self.stayed_served += await self.one(self.stays)
            self.came += 1
            async with self.trying():
                client = await H1.open(https, h1)
                self.came_served += await self.one(client)
                client.close()
            self.slowest = max(self.slowest, time.monotonic() - begin)
            await asyncio.sleep(1)

    @contextlib.asynccontextmanager
    async def trying(self):
        """Whoever waits for 20 s is neither served nor turned away."""
        try:
            async with asyncio.timeout(20):
                yield
        except TimeoutError:
            pass
        except (OSError, EOFError):
            self.turned_away += 1
            self.stays = None


async def flood(name):
    kind = FLOODS.get(name, idle)
    before, clients, others = held(), [], Others()
    most = before

    async def one():
        with contextlib.suppress(OSError, EOFError):
            async with asyncio.timeout(120):
                clients.append(await kind())

    good = asyncio.create_task(others.go_on())
    tasks = []
    for number in range(connections * 3 // 2 if name == "beyond" else connections - 10):
        tasks.append(asyncio.create_task(one()))
        if number % 20 == 19:
            await asyncio.sleep(0.1)
            most = max(most, held())
    quiet = 0
    while quiet < 10 or not all(task.done() for task in tasks):
        await asyncio.sleep(0.5)
        quiet = quiet + 1 if held() <= most * 1.01 else 0
        most = max(most, held())
    there = await told("gatepost_connections")
    good.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await good
    for client in clients:
        (client.writer.transport if isinstance(client, H1) else client.transport).abort()
    if others.stays:
        others.stays.close()
    deadline = time.monotonic() + 60
    while (left := await told("gatepost_connections")) and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
    each = (most - before) * 1024 / max(1, there)
    print(
        f"{name:<14} {there:>6} {before:>10.1f} {most:>7.1f} {each:>8.1f} {held():>7.1f} "
        f"{others.stayed_served:>4}/{others.stayed:<3} {others.came_served:>4}/{others.came:<3} {others.turned_away:>6} "
        f"{others.slowest:>8.2f} {limited():>7}" + (f" {left} LEFT" if left else ""),
        flush=True,
    )
    away = others.turned_away if name == "beyond" else 0
    return left == 0 and others.stayed_served + others.came_served + away >= others.stayed + others.came - 1


async def main():
    good = []
    for name in kinds:
        try:
            good.append(await flood(name))
        except (ProcessLookupError, ConnectionRefusedError):
            print(f"{name:<14} gatepost is gone: its cgroup had {limited()} MiB", flush=True)
            return 1
    return 0 if all(good) else 1


if kinds == ["heading"]:
    print(HEADING)
else:
    sys.exit(asyncio.run(main()))
