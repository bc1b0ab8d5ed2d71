"""HTTP/2 frames that no client sends: frames PORT ROOT.PEM [--show].

Each row has a connection of its own. While the rows go, another client asks one thing after the other on a connection
of its own, and each must be answered. --show tells what becomes of each row and judges nothing: for another server,
beside ours.
"""

import sys
import threading
import time

import floods
import rows
from wire import PREFACE, Connection, get


# Requests that the witness asks on a connection, before gatepost ends it by itself (requests_per_connection).
ON_ONE = 50_000


class Witness(threading.Thread):
    """A well-behaved client, that asks until it is told to stop."""

    def __init__(self, port, roots):
        super().__init__(daemon=True)
        self.where = port, roots
        self.stopped = threading.Event()
        self.answered, self.slowest, self.fault = 0, 0.0, None

    def run(self):
        while not self.stopped.is_set() and not self.fault:
            with Connection(*self.where) as connection:
                connection.takes_all = True
                self.ask(connection)

    def ask(self, connection):
        for stream in range(1, 2 * ON_ONE, 2):
            if self.stopped.is_set():
                return
            begin = time.monotonic()
            connection.send(get(stream))
            outcome = connection.outcome(stream)
            if outcome != "200":
                self.fault = f"request {self.answered}: {outcome}"
                return
            self.answered += 1
            self.slowest = max(self.slowest, time.monotonic() - begin)


def tries(port, roots):
    """Name, section, what came of it, what may."""
    for name, section, sends, wanted in rows.FRAMES + rows.MESSAGES:
        with Connection(port, roots) as connection:
            connection.send(sends)
            yield name, section, connection.outcome(), wanted
    for name, section, sends, wanted in rows.GREETINGS:
        with Connection(port, roots, greet=sends) as connection:
            yield name, section, connection.outcome(), wanted
    for name, first, each, most, wanted in floods.FLOODS:
        with Connection(port, roots) as connection:
            connection.send(first)
            sent = 0
            while sent < most and connection.send(each(sent)):
                sent += 1
            yield name, f"{sent} times", connection.outcome(stream=-1), wanted
    for name, sends, stream, wanted in floods.WAITS:
        with Connection(port, roots) if sends else Connection(port, roots, greet=PREFACE[:12]) as connection:
            connection.send(sends)
            yield name, "once", connection.outcome(stream), wanted


def main():
    port, roots = int(sys.argv[1]), sys.argv[2]
    judges = "--show" not in sys.argv
    witness = Witness(port, roots)
    witness.start()
    passed = failed = 0
    for name, section, outcome, wanted in tries(port, roots):
        good = outcome in wanted
        passed, failed = passed + good, failed + (not good)
        if not good and judges:
            print(f"{name} ({section}): {outcome}, not {' or '.join(sorted(wanted))}", flush=True)
        if not judges:
            print(f"{'  ' if good else '! '}{name} ({section}): {outcome}", flush=True)
        if witness.fault:
            break
    witness.stopped.set()
    witness.join()
    print(f"{passed} rows as they must be, {failed} otherwise; meanwhile {witness.answered} other requests were answered, "
          f"the slowest in {witness.slowest * 1000:.0f} ms")
    if witness.fault:
        print(f"who behaved well was not served: {witness.fault}")
    sys.exit(bool(failed or witness.fault) and judges)


if __name__ == "__main__":
    main()
