"""What somebody who took the serving process over could get from the reader: speaks its words, asks for more.

Arguments: the program, a folder of root's, the user and group that would ask. As root.
"""

import array
import json
import os
import socket
import subprocess
import sys

program, work, uid, gid = sys.argv[1], sys.argv[2] + "/reader", int(sys.argv[3]), int(sys.argv[4])
os.makedirs(work)
failed = []


def write(name, text, mode=0o600):
    path = f"{work}/{name}"
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def expect(what, said, *wanted):
    if said not in wanted:
        failed.append(what)
        print(f"{what}: {said!r}, expected one of {wanted!r}")


class Reader:
    def __init__(self, configuration):
        self.line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.line.settimeout(20)
        self.process = subprocess.Popen([program, "key-reader"], stdin=theirs, cwd="/")
        theirs.close()
        asker = {"uid": uid, "groups": [gid]}
        self.number = None
        self.hello = self.say({"speaks": 1, "configuration": configuration, "asker": asker, "program": program})

    def say(self, word):
        if self.number is not None:
            self.number += 1
            word = [self.number, word]
        self.line.send(json.dumps(word).encode())
        text, beside, _, _ = self.line.recvmsg(1 << 17, socket.CMSG_SPACE(4))
        self.files = []
        for _, kind, data in beside:
            if kind == socket.SCM_RIGHTS:
                self.files += array.array("i", data)
        if not text:
            return None
        said = json.loads(text)
        if self.number is None:
            self.number = 0
        else:
            number, said = said
            expect("the number of the question", number, self.number)
        return said if isinstance(said, str) else next(iter(said))

    def end(self):
        self.line.close()
        return self.process.wait(20)


KEYS = '[[certificate]]\nchain = "{0}/{1}"\nkey = "{0}/{2}"\n[[site]]\nhosts = ["a.example"]\n[[site.route]]\npath = "/"\nrespond = "x"\n'
named, other, later = write("named.pem", "named"), write("other.pem", "other"), write("later.pem", "later")
theirs = f"{work}/theirs"
os.mkdir(theirs)
os.symlink("/etc/shadow", f"{theirs}/link.pem")
os.chown(theirs, uid, gid)
configuration = write("g.toml", KEYS.format(work, "named.pem", "theirs/link.pem"))

reader = Reader(configuration)
expect("it begins", reader.hello, "done")
expect("a named file is opened", reader.say({"open": named}), "done")
expect("with one descriptor", len(reader.files), 1)
expect("which reads it", os.read(reader.files[0], 100), b"named")
try:
    os.write(reader.files[0], b"x")
    expect("which does not write it", "written", "refused")
except OSError:
    pass
for what, path in [
    ("another file beside it", other),
    ("the shadow file", "/etc/shadow"),
    ("a name that leads to it", f"{work}/../reader/other.pem"),
    ("a name that leads to a named one by another way", f"{work}/../reader/named.pem"),
    ("the folder", work),
    ("no name", ""),
]:
    for ask in ["open", "stat", "trail"]:
        expect(f"{what}: {ask}", reader.say({ask: path}), "unnamed")
        expect(f"{what}: {ask}, no descriptor", len(reader.files), 0)
expect("something to listen with", reader.say("ear"), "done")
expect("listening for what is not named", reader.say({"listen": "/etc/shadow"}), "unnamed")
for ask in ["open", "stat", "trail", "listen"]:
    expect(f"a named link that who asks could turn: {ask}", reader.say({ask: f"{theirs}/link.pem"}), "changeable")
    expect(f"a named link that who asks could turn: {ask}, no descriptor", len(reader.files), 0)

# The list grows by what root writes, and by nothing else.
expect("not named yet", reader.say({"open": later}), "unnamed")
write("g.toml", KEYS.format(work, "named.pem", "later.pem"))
expect("not before it looked again", reader.say({"open": later}), "unnamed")
expect("it looks again", reader.say("look_again"), "done")
expect("named now", reader.say({"open": later}), "done")
write("g.toml", KEYS.format(work, "named.pem", "other.pem"))
os.chown(configuration, uid, gid)
expect("a configuration that who asks owns", reader.say("look_again"), "changeable")
expect("adds nothing", reader.say({"open": other}), "unnamed")
os.chown(configuration, 0, 0)
os.chmod(work, 0o777)
expect("a folder that everybody may write to", reader.say("look_again"), "changeable")
expect("is not walked through either", reader.say({"open": named}), "changeable")
os.chmod(work, 0o755)
expect("and all is well again", reader.say({"open": named}), "done")
# What it starts for a follower is chosen by root.
os.chown(os.path.dirname(program), uid, gid)
expect("a program that who asks could exchange", reader.say("another"), "changeable")
os.chown(os.path.dirname(program), 0, 0)
expect("another reader", reader.say("another"), "done")
expect("with a line to it", len(reader.files), 1)

# Nonsense ends it, and it ends with who asks.
os.write(reader.line.fileno(), b"\xff{")
expect("nonsense ends it", reader.line.recv(100), b"")
expect("with an error", reader.process.wait(20), 1)
quiet = Reader(configuration)
expect("it ends with who asks", quiet.end(), 0)
refusing = Reader("/nowhere/g.toml")
expect("without a configuration it does not begin", refusing.hello, "failed")
typed = subprocess.run([program, "key-reader"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
expect("it is not for typing", typed.returncode, 2)
sys.exit(1 if failed else 0)
