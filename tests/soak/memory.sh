#!/usr/bin/env bash
# Memory that is tight: floods of idle connections, heads, bodies and WebSockets. Without MIB each has a gatepost of its own, to
# show what one connection can hold at most; with MIB they come one after the other at one gatepost whose memory a cgroup
# limits (wants root). docs/limits.md says how much it needs for how many connections.
# Usage: memory.sh PATH-OF-GATEPOST [CONNECTIONS, default 1000] [MIB] [FLOODS, default all]
. "$(dirname "$0")/../e2e/lib.sh"
CONNECTIONS=${2:-1000}
BODY_MEMORY=64
MIB=${3:-0}
FLOODS=${4:-idle beyond heads uploads downloads files websockets h2_downloads h2_uploads}
MIXED=$REPO/tests/soak/mixed
VENV=$REPO/target/soak/venv
[ -x "$VENV/bin/python" ] || python3 -m venv "$VENV"
"$VENV/bin/pip" install --quiet --disable-pip-version-check -r "$MIXED/requirements.txt"
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
make_chain chat.gatepost.test
cd "$WORK"
mkdir www
PYTHONPATH=$MIXED python3 -c 'import content, pathlib
pathlib.Path("www/large.bin").write_bytes(content.POOL)
pathlib.Path("www/small.bin").write_bytes(content.POOL[:1000])'
: >upstream.out
free_port 1 >upstream.port
python3 "$MIXED/upstream.py" "$(cat upstream.port)" >upstream.out 2>upstream.err &
STARTED+=($!)
until_true "the upstream" grep -q ready upstream.out

CGROUP=
if [ "$MIB" != 0 ]; then
  if [ -d /sys/fs/cgroup/memory ]; then
    CGROUP=/sys/fs/cgroup/memory/gatepost-$$
    mkdir "$CGROUP"
    echo $((MIB << 20)) >"$CGROUP/memory.limit_in_bytes"
  else
    CGROUP=/sys/fs/cgroup/gatepost-$$
    mkdir "$CGROUP"
    echo $((MIB << 20)) >"$CGROUP/memory.max"
  fi
  trap 'tidy; rmdir "$CGROUP"' EXIT
  printf '#!/bin/sh\necho $$ >%s/cgroup.procs\nexec %s "$@"\n' "$CGROUP" "$GATEPOST" >limited
  chmod +x limited
  GATEPOST=$WORK/limited
fi
begin() {
  SERVER_KEYS="workers = 2
drain = \"1s\"
[admin]
listen = \"127.0.0.1:0\"
[limits]
connections = $CONNECTIONS
tunnels = $CONNECTIONS
body_memory = \"${BODY_MEMORY}MiB\"
[log]
access = \"access.log\"" start_gate <<TOML
[[site]]
hosts = ["chat.gatepost.test"]
[[site.route]]
path = "/"
proxy = "http://127.0.0.1:$(cat upstream.port)"
max_body = "1GiB"
[[site.route]]
path = "/files"
root = "www"
[[site.route]]
path = "/here"
respond = "here"
TOML
  ADMIN=$(sed -n 's/.*scheme=admin address=[0-9.]*:\([0-9]*\).*/\1/p' gate.err)
}
floods() { "$VENV/bin/python" "$REPO/tests/soak/memory.py" "$WORK" "$GATE" "$HTTPS_PORT" "$ADMIN" "$CONNECTIONS" "$CGROUP" "$@"; }

echo "connections = $CONNECTIONS, body_memory = ${BODY_MEMORY}MiB, memory: $([ "$MIB" = 0 ] && echo unlimited || echo "$MIB MiB")"
status=0
begin
floods heading
# shellcheck disable=SC2086
if [ "$MIB" != 0 ]; then
  floods $FLOODS || status=$?
else
  for flood in $FLOODS; do
    floods "$flood" || status=$?
    stop_gate || status=$?
    begin
  done
fi
stop_gate || { echo "gatepost ended with $?"; status=1; }
grep -h panicked gate.err || true
[ "$status" = 0 ] || echo FAILED
exit "$status"
