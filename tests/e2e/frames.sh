#!/usr/bin/env bash
# HTTP/2 frames that no client sends, by hyperframe and hpack: tests/e2e/frames has the rows.
. "$(dirname "$0")/lib.sh"
make_chain chat.gatepost.test
mkdir -p "$WORK/www"
head -c 8388608 /dev/zero >"$WORK/www/large"
start_node READY "$HERE/sink.mjs"
SINK_PORT=${READY#READY }

start_gate <<TOML
[admin]
listen = "127.0.0.1:0"

[limits]
head_timeout = "2s"
send_timeout = "2s"

[[site]]
hosts = ["chat.gatepost.test"]
[[site.route]]
path = "/"
respond = "here"
[[site.route]]
path = "/files"
root = "$WORK/www"
[[site.route]]
path = "/up"
proxy = "http://127.0.0.1:$SINK_PORT"
read_timeout = "5s"
send_timeout = "2s"
TOML
ADMIN=$(sed -n 's/.*scheme=admin address=\([0-9.:]*\).*/\1/p' "$WORK/gate.err")
sample() { curl -fsS "http://$ADMIN/metrics" | awk -v name="$1" '$1 == name { print $2 }'; }
nobody() { [ "$(sample gatepost_connections)" = 0 ]; }
memory() { awk '/VmRSS/ { print $2 }' "/proc/$GATE/status"; }
frames() { "$PYTHON" "$HERE/frames" "$HTTPS_PORT" "$WORK/root.pem"; }
# What a flood leaves behind would be far more than what a process takes on as it goes.
small() { echo "$1 KiB before, $(memory) KiB after"; [ "$(memory)" -lt $(($1 + 131072)) ]; }

before=$(memory)
check "each is answered as RFC 9113 says, and others are served meanwhile" frames
cat "$WORK/check.log"
check "nothing of them is left" until_true "an end of all connections" nobody
check "nor in memory" small "$before"
check "nothing went wrong within" bash -c '! grep -E "ERROR|panicked" "$1"' - "$WORK/gate.err"
check "it ends on SIGTERM" stop_gate
finish
