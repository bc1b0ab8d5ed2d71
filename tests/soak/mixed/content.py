"""What is sent and expected: the same bytes on both sides, so that every answer is compared whole, not by its length."""

import random

# No two pieces of it are alike: a byte too many, too few or from another answer shows.
LARGEST = 4 << 20
POOL = random.Random(6).randbytes(2 * LARGEST)

HOST = "chat.gatepost.test"
PERSON = (
    '{"id":"a1","username":"alice","nickname":"Al","first_name":"","last_name":"","email":"alice@gatepost.test",'
    '"roles":"system_user","delete_at":0,"last_picture_update":1}'
)
TEXT = "".join(f"<p>Line {number} of a page that compresses well.</p>\n" for number in range(1000)).encode()
# Files of the website; large.bin is sent in ranges.
FILES = {"index.html": TEXT, "small.bin": POOL[:1000], "large.bin": POOL[: 3 << 20]}


def piece(start, length):
    return POOL[start : start + length]
