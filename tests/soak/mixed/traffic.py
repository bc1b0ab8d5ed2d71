"""The soak itself: python3 traffic.py FOLDER PID HTTP-PORT HTTPS-PORT ADMIN-PORT UPSTREAM-PORT MINUTES, with the binary's
path as GATEPOST in the environment.

Runs the crowd of kinds.py. Meanwhile, each minute, another configuration (SIGHUP and `gatepost reload` in turn), each
second minute a renewed certificate, each third one an access log moved away; every ten seconds a line of samples.csv. At
the end all clients leave, and what is left is looked at. Writes figures.json; exits 1 where anything was lost or wrong.
"""

import asyncio
import collections
import contextlib
import csv
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import time

from actions import WEIGHTS, WRONG_PASSWORD
from config import write
from kinds import CROWD
from wire import H1
from world import World

folder, pid = pathlib.Path(sys.argv[1]), int(sys.argv[2])
http, https, admin, upstream, minutes = *map(int, sys.argv[3:7]), float(sys.argv[7])
GATEPOST = os.environ["GATEPOST"]
SAMPLE = 10  # seconds
KEPT = 90  # seconds: longer than the launcher keeps a connection to Mattermost


async def command(*words):
    process = await asyncio.create_subprocess_exec(
        *words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, said = await process.communicate()
    if process.returncode != 0:
        raise OSError(f"{' '.join(words)}: {said.decode()[-300:]}")


async def until(what, holds, patience=30):
    deadline = time.monotonic() + patience
    while not await holds():
        if time.monotonic() > deadline:
            raise OSError(f"{what}: not within {patience} s")
        await asyncio.sleep(0.1)


async def every(world, minute, kind, work):
    """`work` each so many minutes, with the number of the time."""
    number = 0
    while not world.over.is_set():
        await world.pause(minute * 60)
        if not world.over.is_set():
            number += 1
            async with world.trying(kind):
                await work(world, number)
                world.count[kind] += 1


async def reload(world, number):
    world.asked = number
    write(folder, upstream, number)
    if number % 2:
        await command(GATEPOST, "reload", "-c", "gatepost.toml")
    else:
        os.kill(pid, signal.SIGHUP)

        async def taken():
            client = await H1.open(https, world.h1)
            answer = await client.ask("GET", "/step")
            client.close()
            return int(answer.body) == number

        await until("a reload by SIGHUP", taken)
        # Another worker may be a moment behind the one that answered.
        await asyncio.sleep(1)
    world.taken = number


async def renew(world, number):
    """As certbot does it: new files beside the old ones, then the links are turned, key first."""
    await command("bash", "-c", f"renew {number}")

    async def served():
        client = await H1.open(https, world.h1)
        leaf = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        client.close()
        return ssl.DER_cert_to_PEM_cert(leaf) in (folder / f"pairs/{number}/fullchain.pem").read_text().replace("\r", "")

    await until("a renewed certificate", served)


async def move_log(world, number):
    """The one moved away before this is done with: its lines are counted, and it goes."""
    count_lines(world)
    (folder / "access.log").rename(folder / "access.log.moved")
    os.kill(pid, signal.SIGUSR1)

    async def opened():
        return (folder / "access.log").exists()

    await until("a new access log", opened)


def count_lines(world):
    with contextlib.suppress(FileNotFoundError), open(folder / "access.log.moved", "rb") as file:
        world.count["lines of the access log"] += sum(1 for _ in file)
        os.unlink(folder / "access.log.moved")


async def metrics_text():
    client = await H1.open(admin)
    try:
        return (await client.ask("GET", "/metrics", {"Host": "localhost", "Connection": "close"})).body.decode()
    finally:
        client.close()


async def metrics():
    """Sums over the labels."""
    found = collections.Counter()
    for line in (await metrics_text()).splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            found[name.split("{")[0]] += float(value)
    return found


async def sample(begin, world):
    process = pathlib.Path(f"/proc/{pid}")
    memory = {}
    for line in (process / "smaps_rollup").read_text().splitlines()[1:]:
        name, size, *_ = line.split()
        memory[name.rstrip(":")] = int(size)
    times = (process / "stat").read_text().rsplit(")", 1)[1].split()
    told = await metrics()
    return {
        "seconds": round(time.monotonic() - begin),
        "rss": memory["Rss"],
        "pss": memory["Pss"],
        "private_dirty": memory["Private_Dirty"],
        "descriptors": len(list((process / "fd").iterdir())),
        "threads": len(list((process / "task").iterdir())),
        "connections": int(told["gatepost_connections"]),
        "tunnels": int(told["gatepost_tunnels"]),
        "upstream_connections": int(told["gatepost_upstream_connections"]),
        "upstream_waiting": int(told["gatepost_upstream_waiting_requests"]),
        "lines_lost": int(told["gatepost_access_log_lines_lost_total"]),
        "cpu_seconds": (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK"),
        "answers": world.count["answers right"],
        "wrong": world.count["wrong"],
        "lost": world.count["lost"],
    }


async def sampler(begin, world, file):
    rows = csv.DictWriter(file, (await sample(begin, world)).keys())
    rows.writeheader()
    while not world.over.is_set():
        async with world.trying("sample"):
            row = await sample(begin, world)
            rows.writerow(row)
            file.flush()
            print(json.dumps(row), flush=True)
        await world.pause(SAMPLE)


async def each_once(world):
    """So that threads and files that come with their first use are there before the first sample."""
    client = await H1.open(https, world.h1)
    for action in WEIGHTS:
        await action(world, client.ask)
    await client.ask("GET", "/staff", WRONG_PASSWORD)
    client.close()


async def no_client():
    return (await metrics())["gatepost_connections"] == 0


async def nobody():
    now = await metrics()
    return now["gatepost_connections"] == now["gatepost_tunnels"] == now["gatepost_upstream_connections"] == 0


async def main():
    world = World(folder, http, https, admin)
    await each_once(world)
    await until("a quiet moment", no_client)
    begin = time.monotonic()
    before = await sample(begin, world)
    # Connections to upstreams are kept for the next request, a descriptor each; in the end it is waited until all are gone.
    before["descriptors"] -= before["upstream_connections"]
    with open(folder / "samples.csv", "w", newline="") as file:
        tasks = [asyncio.create_task(sampler(begin, world, file))]
        for client, many in CROWD:
            tasks += [asyncio.create_task(client(world)) for _ in range(many)]
            await asyncio.sleep(0.2)
        tasks += [
            asyncio.create_task(every(world, 1, "reloads", reload)),
            asyncio.create_task(every(world, 2, "certificates renewed", renew)),
            asyncio.create_task(every(world, 3, "access logs moved", move_log)),
        ]
        await world.pause(minutes * 60)
        world.over.set()
        # A task that broke is a fault of the soak, and must not look like a quiet client.
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, BaseException):
                world.fail("lost", f"a client of the soak broke: {result!r}")

    async def as_before():
        now = await sample(begin, world)
        return now["threads"] <= before["threads"] and now["descriptors"] <= before["descriptors"]

    async with world.trying("all clients gone", 150):
        await until("no connection left", nobody, KEPT)
        with contextlib.suppress(OSError):
            # Threads for files end ten seconds after their last; judge.py looks at what is left.
            await until("all as before", as_before, 30)
    after = await sample(begin, world)
    (folder / "metrics.txt").write_text(await metrics_text())
    count_lines(world)
    with open(folder / "access.log", "rb") as file:
        world.count["lines of the access log"] += sum(1 for _ in file)
    if world.count["lines of the access log"] < world.count["answers right"] or after["lines_lost"]:
        world.fail("lost", "lines of the access log")
    figures = {"minutes": minutes, "before": before, "after": after, "count": dict(world.count), "errors": world.errors[:50]}
    (folder / "figures.json").write_text(json.dumps(figures, indent=1))
    return 1 if world.errors else 0


sys.exit(asyncio.run(main()))
