"""The load, and who swaps: python3 swaps.py FOLDER PORT SECONDS PAIRS CLIENTS.

FOLDER has root.pem and pairs/0 … with fullchain.pem and privkey.pem each, and live/ with links to one of them. Once a
second the links in live/ are turned as certbot does, one after the other. Meanwhile every client shakes hands in full,
verifies as a strict client does, asks once and closes; and some connections stay open all along, one request after the
other. Prints figures; the exit status is 0 where nothing failed and each swap was seen.
"""

import collections
import os
import pathlib
import socket
import ssl
import sys
import threading
import time

NAME = "chat.gatepost.test"
REQUEST = f"GET / HTTP/1.1\r\nHost: {NAME}\r\n".encode()
HELD = 10

folder, port, seconds, pairs, clients = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:6])
leaves = [
    ssl.PEM_cert_to_DER_cert((folder / f"pairs/{n}/fullchain.pem").read_text().split("-----END")[0] + "-----END CERTIFICATE-----\n")
    for n in range(pairs)
]
over = threading.Event()
lock = threading.Lock()
count = collections.Counter()
failures = []


def shake():
    """A connection after a full handshake."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context().wrap_socket(plain, server_hostname=NAME)


def context():
    """One a thread: its own, so that none waits for another."""
    if not hasattr(local, "context"):
        local.context = ssl.create_default_context(cafile=str(folder / "root.pem"))
    return local.context


local = threading.local()


def ask(stream, last=False):
    stream.sendall(REQUEST + (b"Connection: close\r\n\r\n" if last else b"\r\n"))
    answer = b""
    while b"\r\n\r\nhere" not in answer:
        part = stream.recv(4096)
        if not part:
            raise OSError(f"closed after {answer!r}")
        answer += part
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise OSError(f"answered {answer!r}")


def failed(kind, error):
    with lock:
        count[f"{kind} failed"] += 1
        failures.append(f"{kind}: {error!r}")


def newcomer():
    while not over.is_set():
        try:
            with shake() as stream:
                ask(stream, last=True)
            with lock:
                count["handshakes"] += 1
        except OSError as error:
            failed("handshakes", error)


def stayer():
    """Open from the beginning to the end: a failure ends it and is counted once."""
    try:
        with shake() as stream:
            while not over.is_set():
                ask(stream)
                with lock:
                    count["requests on open connections"] += 1
                time.sleep(0.1)
    except OSError as error:
        failed("open connections", error)


def swap(number):
    for name in ("privkey.pem", "fullchain.pem"):
        link = folder / "live" / name
        link.unlink()
        os.symlink(f"../pairs/{number}/{name}", link)


def served():
    try:
        with shake() as stream:
            return stream.getpeercert(binary_form=True)
    except OSError as error:
        failed("handshakes", error)


threads = [threading.Thread(target=newcomer) for _ in range(clients)]
threads += [threading.Thread(target=stayer) for _ in range(HELD)]
for thread in threads:
    thread.start()
begin = time.monotonic()
slowest = 0.0
number = 0
while time.monotonic() - begin < seconds:
    number += 1
    swapped = time.monotonic()
    swap(number % pairs)
    while served() != leaves[number % pairs]:
        if time.monotonic() - swapped > 30:
            failures.append(f"swap {number} was not seen within 30 s")
            break
    else:
        count["swaps seen"] += 1
        slowest = max(slowest, time.monotonic() - swapped)
    time.sleep(max(0.0, swapped + 1 - time.monotonic()))
over.set()
for thread in threads:
    thread.join()

took = time.monotonic() - begin
print(f"seconds                        {took:.0f}")
print(f"swaps                          {number}")
print(f"swaps seen                     {count['swaps seen']}")
print(f"slowest until seen             {slowest * 1000:.0f} ms")
print(f"full handshakes                {count['handshakes']} ({count['handshakes'] / took:.0f} a second)")
print(f"of these failed                {count['handshakes failed']}")
print(f"connections open all along     {HELD}")
print(f"of these broken                {count['open connections failed']}")
print(f"requests on them               {count['requests on open connections']}")
for failure in failures[:20]:
    print(f"  {failure}")
sys.exit(1 if failures or count["swaps seen"] != number else 0)
