"""One request and its answer, checked: the same over HTTP/1 and HTTP/2. `ask` is a connection's."""

import hashlib
import random
import zlib

from content import FILES, LARGEST, piece
from wire import Cut
from world import Wrong, expect

SIZES = [0, 1, 100, 1024, 1500, 4096, 16384, 16385, 65536, 100_000]
SESSION = "MMAUTHTOKEN=" + "a" * 26
PASSWORD = {"Authorization": "Basic YW5uYTpzb2FrLXNvYWstc29haw=="}  # anna:soak-soak-soak
WRONG_PASSWORD = {"Authorization": "Basic YW5uYTpub3QtaXQ="}


def same(answer, status, body):
    expect("the status", answer.status, status)
    if answer.body != body:
        raise Wrong(f"{len(answer.body)} bytes of content where {len(body)} others were due")


def some():
    size = random.choice(SIZES) if random.random() < 0.98 else random.choice([1 << 20, LARGEST])
    return random.randrange(LARGEST), size


async def bytes_of_upstream(world, ask):
    start, size = some()
    same(await ask("GET", f"/bytes/{start}/{size}"), 200, piece(start, size))


async def bytes_in_chunks(world, ask):
    start, size = some()
    same(await ask("GET", f"/bytes/{start}/{size}/chunked"), 200, piece(start, size))


async def only_the_head(world, ask):
    start, size = some()
    answer = await ask("HEAD", f"/bytes/{start}/{size}")
    same(answer, 200, b"")
    expect("the length", answer.fields["content-length"], str(size))


async def whole_file(world, ask):
    name = random.choice(["small.bin", "small.bin", "index.html"])
    same(await ask("GET", f"/files/{name}"), 200, FILES[name])


async def part_of_a_file(world, ask):
    whole = FILES["large.bin"]
    first = random.randrange(len(whole))
    last = min(first + random.choice(SIZES), len(whole) - 1)
    answer = await ask("GET", "/files/large.bin", {"Range": f"bytes={first}-{last}"})
    same(answer, 206, whole[first : last + 1])
    expect("the range", answer.fields["content-range"], f"bytes {first}-{last}/{len(whole)}")


async def end_of_a_file(world, ask):
    same(await ask("GET", "/files/large.bin", {"Range": "bytes=-777"}), 206, FILES["large.bin"][-777:])


async def no_such_range(world, ask):
    expect("the status", (await ask("GET", "/files/small.bin", {"Range": "bytes=5000-"})).status, 416)


async def file_unchanged(world, ask):
    first = answer = await ask("GET", "/files/small.bin")
    same(first, 200, FILES["small.bin"])
    for name, field in (("If-None-Match", "etag"), ("If-Modified-Since", "last-modified")):
        if answer.fields.get("connection") == "close":
            return
        answer = await ask("GET", "/files/small.bin", {name: first.fields[field]})
        same(answer, 304, b"")


async def file_changed(world, ask):
    fields = {"If-Match": '"another"'}
    expect("the status", (await ask("GET", "/files/small.bin", fields)).status, 412)


async def file_compressed(world, ask):
    answer = await ask("GET", "/files/index.html", {"Accept-Encoding": "gzip"})
    expect("the coding", answer.fields.get("content-encoding"), "gzip")
    answer.body = zlib.decompress(answer.body, 31)
    same(answer, 200, FILES["index.html"])


async def no_such_file(world, ask):
    expect("the status", (await ask("GET", "/files/none")).status, 404)


async def redirected(world, ask):
    answer = await ask("GET", "/old/page?x=1")
    expect("the status", answer.status, 308)
    expect("the place", answer.fields["location"], "https://www.gatepost.test/new")


async def step(world, ask):
    """The configuration that answers is one that holds or is being taken."""
    lowest = world.taken
    answer = await ask("GET", "/step")
    expect("the status", answer.status, 200)
    expect("the step", int(answer.body), *range(lowest, world.asked + 1))


async def moving(world, ask):
    lowest = world.taken
    answer = await ask("GET", "/moving")
    due = [MOVING[number % len(MOVING)] for number in range(lowest, world.asked + 1)]
    expect("the answer", (answer.status, answer.body), *due)


# What the route /moving is by the configuration of a step, and what it answers.
MOVING = [(200, b"here"), (200, b"from the upstream"), (307, b""), (410, b"gone")]


async def upload(world, ask):
    await uploaded(ask, chunked=False)


async def upload_in_chunks(world, ask):
    await uploaded(ask, chunked=True)


async def uploaded(ask, chunked):
    start, size = some()
    sent = piece(start, max(size, 1))
    answer = await ask(random.choice(["POST", "PUT"]), "/upload", {}, body=sent, chunked=chunked)
    same(answer, 200, f"{len(sent)} {hashlib.sha256(sent).hexdigest()}".encode())


async def meeting(world, ask):
    """One of fifty browsers, each of which keeps its cookie."""
    browser = random.randrange(50)
    answer = await ask("GET", f"/jitsi/Room{browser}", {"Cookie": "; ".join([SESSION, *world.cookies[browser]])})
    expect("the status", answer.status, 200)
    expect("a token in the page", b"jwt=" in answer.body, True)
    if said := answer.fields.get("set-cookie"):
        world.cookies[browser] = [said.split(";")[0]]


async def meeting_of_a_stranger(world, ask):
    answer = await ask("GET", "/jitsi/Standup")
    expect("the status", answer.status, 302)
    expect("the place", answer.fields["location"], "/login?redirect_to=%2Fjitsi%2FStandup")


async def password(world, ask):
    same(await ask("GET", "/staff", PASSWORD), 200, b"in")


async def without_password(world, ask):
    expect("the status", (await ask("GET", "/staff")).status, 401)


async def forbidden(world, ask):
    expect("the status", (await ask("GET", "/inside")).status, 403)


WEIGHTS = {
    bytes_of_upstream: 30, bytes_in_chunks: 15, only_the_head: 4, whole_file: 12, part_of_a_file: 8, end_of_a_file: 2,
    no_such_range: 2, file_unchanged: 6, file_changed: 1, file_compressed: 4, no_such_file: 2, redirected: 4, step: 4,
    moving: 6, upload: 10, upload_in_chunks: 6, meeting: 2, meeting_of_a_stranger: 1, password: 3, without_password: 1,
    forbidden: 2,
}


async def any_of_them(world, ask):
    action = random.choices(list(WEIGHTS), WEIGHTS.values())[0]

    async def counted(*arguments, **named):
        answer = await ask(*arguments, **named)
        world.count["answers right"] += 1
        return answer

    try:
        await action(world, counted)
    except Wrong as error:
        world.count["answers right"] -= 1
        raise Wrong(f"{action.__name__}: {error}") from error
    except Cut as error:
        raise Cut(f"{action.__name__}: {error!r}") from error
