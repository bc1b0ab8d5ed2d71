#!/usr/bin/env bash
# A hundred reloads, by SIGHUP and by command, then ten upgrades, under 1,000 connections and 200 WebSockets: no request may
# fail, no connection be refused, no WebSocket end. Every reload changes the routes, every other one workers and addresses too.
# Usage: reloads.sh PATH-OF-GATEPOST [RELOADS, default 100] [UPGRADES, default 10]
. "$(dirname "$0")/../e2e/lib.sh"
RELOADS=${2:-100}
UPGRADES=${3:-10}
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
# Whoever was started by an upgrade is nobody's child here.
tidy_all() { kill_all; tidy; }
kill_all() { for pid in $(cat "$WORK/pids" 2>/dev/null); do kill "$pid" 2>/dev/null || true; done; }
trap tidy_all EXIT
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
HTTP=$(free_port) MORE=$(free_port)
UPSTREAM_PORT=$(free_port)
export UPSTREAM_PORT WORK GATEPOST HTTP MORE

# write STEP: the configuration of this step.
write() {
  local more=''
  [ $(($1 % 4)) -lt 2 ] || more=", \"127.0.0.1:$MORE\""
  cat >"$WORK/gatepost.toml.new" <<TOML
[server]
http = ["127.0.0.1:$HTTP"$more]
https = []
workers = $((1 + $1 % 3))
state = "state"
control = "control.sock"
drain = "1h"
[log]
access = "access.log"
[[site]]
hosts = ["chat.gatepost.test"]
  [[site.route]]
  path = "/"
  proxy = "http://127.0.0.1:$UPSTREAM_PORT"
  [[site.route]]
  path = "/step"
  respond = "$1"
TOML
  mv "$WORK/gatepost.toml.new" "$WORK/gatepost.toml"
}
step() { curl -s -H 'Host: chat.gatepost.test' "http://127.0.0.1:$HTTP/step"; }
reload() {
  write "$1"
  if [ $(($1 % 2)) = 0 ]; then
    "$GATEPOST" reload -c "$WORK/gatepost.toml" >/dev/null
  else
    kill -HUP "$(tail -1 "$WORK/pids")"
    for _ in $(seq 100); do [ "$(step)" = "$1" ] && return; sleep 0.05; done
    return 1
  fi
}
upgrade() {
  write "$1"
  "$GATEPOST" upgrade -c "$WORK/gatepost.toml" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["pid"])' >>"$WORK/pids"
  [ "$(step)" = "$1" ]
}
export -f write step reload upgrade

write 0
"$GATEPOST" run -c "$WORK/gatepost.toml" 2>"$WORK/gate.err" &
echo $! >"$WORK/pids"
until_true "gatepost to serve" grep -q 'serving' "$WORK/gate.err"
descriptors() { ls "/proc/$(tail -1 "$WORK/pids")/fd" | wc -l; }
memory() { awk '/VmRSS/ { print $2 }' "/proc/$(tail -1 "$WORK/pids")/status"; }
before="$(memory) KiB, $(descriptors) descriptors, $(ls "/proc/$(tail -1 "$WORK/pids")/task" | wc -l) threads"

status=0
echo "== reloads"
python3 "$REPO/tests/soak/reloads.py" "$HTTP" 1000 200 "$RELOADS" bash -ec 'reload "$1"' reload || status=$?
echo "before                 $before"
echo "after                  $(memory) KiB, $(descriptors) descriptors, $(ls "/proc/$(tail -1 "$WORK/pids")/task" | wc -l) threads"
echo "== upgrades"
python3 "$REPO/tests/soak/reloads.py" "$HTTP" 1000 200 "$UPGRADES" bash -ec 'upgrade "$1"' upgrade || status=$?
echo "said in the log        $(grep -c ' reloaded' "$WORK/gate.err") reloads, $(grep -c 'handed over' "$WORK/gate.err") hand-overs, $(grep -c ERROR "$WORK/gate.err" || true) errors"
[ "$status" = 0 ] || { echo "FAILED"; tail -20 "$WORK/gate.err"; }
exit "$status"
