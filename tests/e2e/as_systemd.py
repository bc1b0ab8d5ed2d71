"""Starts a program as systemd would by a unit, as far as that can be had without systemd as the first process.

    as_systemd.py UNIT USER WRITABLE-FOLDER ADDRESS:PORT... -- PROGRAM ARGUMENT...

Sockets are bound as root and passed; then come the unit's view of the files (ProtectSystem=strict but for one folder,
ProcSubset=pid, ProtectProc=invisible), its user and capabilities, and its system calls, read from the unit itself:
SystemCallFilter=, RestrictAddressFamilies=, MemoryDenyWriteExecute=. Takes root and Debian's python3-seccomp.
"""

import ctypes
import fcntl
import os
import socket
import subprocess
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 0x20000, 65, 1


def unit(path):
    keys = {}
    for line in open(path):
        if "=" in line and not line.startswith("#"):
            key, value = line.strip().split("=", 1)
            keys.setdefault(key, []).append(value)
    return keys


def expanded(name):
    """A set of system calls, with the sets in it."""
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
    calls = [line.strip() for line in listed.stdout.splitlines()[1:]]
    return set().union(*(expanded(call) for call in calls if call and not call.startswith("#")))


def outside(unit_file, user, writable, addresses, command):
    keys = unit(unit_file)
    listening = []
    for address in addresses:
        host, port = address.rsplit(":", 1)
        # Above those that are passed: from 3 on (sd_listen_fds(3)).
        listening.append(fcntl.fcntl(socket.create_server((host, int(port)), backlog=4096).detach(), fcntl.F_DUPFD, 100))
    for number, descriptor in enumerate(listening):
        os.dup2(descriptor, 3 + number, inheritable=True)
        os.close(descriptor)
    if LIBC.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    mount = lambda *arguments: subprocess.run(["mount", *arguments], check=True)
    mount("--make-rprivate", "/")
    mount("--bind", writable, writable)
    mount("-o", "remount,bind,ro", "/")
    mount("-t", "proc", "-o", "subset=pid,hidepid=invisible", "proc", "/proc")
    os.umask(int(keys["UMask"][0], 8))
    os.environ.update(LISTEN_FDS=str(len(addresses)), LISTEN_PID=str(os.getpid()))
    ambient, bounding = keys["AmbientCapabilities"][0], keys["CapabilityBoundingSet"][0]
    capabilities = lambda names: ",".join(["-all"] + ["+" + name.removeprefix("CAP_").lower() for name in names.split()])
    os.execvp(
        "setpriv",
        ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "--inh-caps", capabilities(ambient)]
        + ["--ambient-caps", capabilities(ambient), "--bounding-set", capabilities(bounding), "--no-new-privs"]
        + [sys.executable, __file__, "--inside", unit_file, "--", *command],
    )


def inside(unit_file, command):
    import seccomp

    keys = unit(unit_file)
    allowed = set()
    for line in keys["SystemCallFilter"]:
        calls = set().union(*(expanded(name) for name in line.lstrip("~").split()))
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    if keys.get("MemoryDenyWriteExecute") == ["yes"] and LIBC.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
        print("as_systemd.py: MemoryDenyWriteExecute= was not tried: the kernel has no PR_SET_MDWE", file=sys.stderr)
    filters = seccomp.SyscallFilter(seccomp.ERRNO(1))
    families = [getattr(socket, name) for name in keys["RestrictAddressFamilies"][0].split()]
    for call in allowed - {"socket", "unshare", "setns"}:
        try:
            filters.add_rule(seccomp.ALLOW, call)
        except (RuntimeError, ValueError):
            pass  # None of this machine's.
    for family in families:
        filters.add_rule(seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, family))
    filters.load()
    os.execv(command[0], command)


if sys.argv[1] == "--inside":
    inside(sys.argv[2], sys.argv[4:])
else:
    end = sys.argv.index("--")
    outside(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:end], sys.argv[end + 1 :])
