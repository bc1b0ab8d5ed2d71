"""What all clients share: where gatepost is, which configuration holds, and what was counted."""

import asyncio
import collections
import contextlib
import ssl

from wire import Cut, Unprocessed, context


class Wrong(Exception):
    """An answer came, and is not the right one."""


class World:
    def __init__(self, work, http, https, admin):
        self.work, self.http, self.https, self.admin = work, http, https, admin
        roots = f"{work}/root.pem"
        self.h1 = context(roots, ["http/1.1"])
        self.h2 = context(roots, ["h2"])
        self.old = context(roots, ["http/1.1"], newest=ssl.TLSVersion.TLSv1_2)
        self.resuming = [context(roots, ["http/1.1"], resuming=True) for _ in range(2)]
        self.resuming.append(context(roots, ["http/1.1"], resuming=True, newest=ssl.TLSVersion.TLSv1_2))
        self.count = collections.Counter()
        self.errors = []
        self.over = asyncio.Event()
        self.cookies = collections.defaultdict(list)
        # The step whose configuration surely holds, and the newest that may.
        self.taken = self.asked = 0

    def fail(self, what, error):
        """`what` is "wrong" or "lost"."""
        self.count[what] += 1
        if len(self.errors) < 1000:
            self.errors.append(f"{what}: {error}"[:400])
            print(f"{what}: {error}"[:400], flush=True)

    async def pause(self, seconds):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), seconds)

    @contextlib.asynccontextmanager
    async def trying(self, kind, seconds=60):
        """Everything that goes wrong within is counted, with its kind."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except Wrong as error:
            self.fail("wrong", f"{kind}: {error}")
        except Unprocessed:
            self.count["asked again after GOAWAY"] += 1
        except TimeoutError:
            self.fail("lost", f"{kind}: nothing within {seconds} s")
        except (OSError, EOFError, Cut, ssl.SSLError) as error:
            self.fail("lost", f"{kind}: {error!r}")


def expect(what, got, *wanted):
    if got not in wanted:
        raise Wrong(f"{what} is {got!r:.80}, not {' or '.join(map(repr, wanted))[:120]}")
