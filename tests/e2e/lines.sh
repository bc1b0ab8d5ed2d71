#!/usr/bin/env bash
# Lines that are bad, and lines that are cut: clients and upstreams in a network namespace, behind a line of line.py. Takes root.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || { echo "lines.sh takes root: it makes a network namespace" >&2; exit 2; }
# Addresses of RFC 5737, for documentation: nobody has them.
NEAR=198.51.100.1 FAR=198.51.100.2 SPACE=gatepost-e2e-$$ NEAR_DEVICE=gpn$$ FAR_DEVICE=gpf$$
HOST=chat.gatepost.test
trap 'tidy; ip netns del "$SPACE" 2>/dev/null || true' EXIT
far() { ip netns exec "$SPACE" "$@"; }

mkfifo "$WORK/commands"
python3 "$HERE/line.py" "$NEAR_DEVICE" "$FAR_DEVICE" <"$WORK/commands" >"$WORK/line.log" 2>&1 &
STARTED+=($!)
exec 9>"$WORK/commands"
until_true "the line" grep -q line "$WORK/line.log"
ip netns add "$SPACE"
ip link set "$FAR_DEVICE" netns "$SPACE"
ip address add "$NEAR/30" dev "$NEAR_DEVICE"
far ip address add "$FAR/30" dev "$FAR_DEVICE"
ip link set "$NEAR_DEVICE" up
far ip link set "$FAR_DEVICE" up
far ip link set lo up
# line COMMAND...: once it holds.
line() {
  : >"$WORK/line.log"
  printf '%s\n' "$@" >&9
  until_true "the line to be so" grep -qx "${!#}" "$WORK/line.log"
}

make_chain $HOST
mkdir -p "$WORK/www"
head -c 1024 /dev/urandom >"$WORK/www/1k"
head -c 1048576 /dev/urandom >"$WORK/www/1m"
head -c 67108864 /dev/zero >"$WORK/www/large"
ip netns exec "$SPACE" python3 "$HERE/talker.py" $FAR >"$WORK/far.port" &
STARTED+=($!)
python3 "$HERE/talker.py" 127.0.0.1 >"$WORK/near.port" &
STARTED+=($!)
start_node READY "$HERE/sink.mjs"
until_true "the upstreams" test -s "$WORK/far.port" -a -s "$WORK/near.port"

# One worker: an upstream's idle connections are a worker's own, and here it counts whether one is used again.
SERVER_KEYS='workers = 1' LISTEN=$NEAR start_gate <<TOML
[admin]
listen = "127.0.0.1:0"

[limits]
handshake_timeout = "3s"
head_timeout = "3s"
idle_timeout = "3s"
http2_idle_timeout = "3s"
send_timeout = "3s"

[[site]]
hosts = ["$HOST"]
redirect_http = false
[[site.route]]
path = "/files"
root = "$WORK/www"
[[site.route]]
path = "/sink"
proxy = "http://127.0.0.1:${READY#READY }"
[[site.route]]
path = "/near"
proxy = "http://127.0.0.1:$(cat "$WORK/near.port")"
read_timeout = "3s"
send_timeout = "3s"
upgrade_idle_timeout = "3s"
[[site.route]]
path = "/bad"
proxy = "http://$FAR:$(cat "$WORK/far.port")"
[[site.route]]
path = "/far"
proxy = "http://$FAR:$(cat "$WORK/far.port")"
connect_timeout = "2s"
read_timeout = "3s"
upgrade_idle_timeout = "3s"
eject_after = 0
TOML
ADMIN=$(sed -n 's/.*scheme=admin address=\([0-9.:]*\).*/\1/p' "$WORK/gate.err")
sample() { curl -fsS "http://$ADMIN/metrics" | awk -v name="$1" 'index($0, name) == 1 { sum += $NF } END { print sum + 0 }'; }
failures() { curl -fsS "http://$ADMIN/metrics" | sed -nE 's/^gatepost_upstream_failures_total.*kind="([a-z_]+)".* ([1-9][0-9]*)$/\1 \2/p'; }
sockets() { ls -l "/proc/$GATE/fd" | grep -c socket: || true; }
is() { [ "$(sample "$1")" = "$2" ]; }
ask() {
  curl -sS --max-time 30 --cacert "$WORK/root.pem" --resolve "$HOST:$HTTPS_PORT:$NEAR" "$@"
}
WWW=https://$HOST:$HTTPS_PORT

# 1. A line of 40 ms that loses two packets in a hundred.
line "delay 20" "loss 2"
downloads() {
  far curl -sS --max-time 60 --cacert "$WORK/root.pem" --resolve "$HOST:$HTTPS_PORT:$NEAR" "$1" "$WWW/files/1m" -o "$WORK/back"
  cmp "$WORK/www/1m" "$WORK/back"
}
uploads() {
  far curl -sS --max-time 60 --cacert "$WORK/root.pem" --resolve "$HOST:$HTTPS_PORT:$NEAR" "$1" -T "$WORK/www/1m" "$WWW/sink" -o "$WORK/back"
  cmp "$WORK/www/1m" "$WORK/back"
}
loads() {
  timeout 60 "${@:2}" | tee "$WORK/h2load.log"
  grep -q "^status codes: $1 2xx, 0 3xx, 0 4xx, 0 5xx" "$WORK/h2load.log"
}
none_failed() { failures; [ -z "$(failures)" ]; }
for version in --http1.1 --http2; do
  check "1 MiB down a bad line, $version" downloads $version
  check "1 MiB up a bad line, $version" uploads $version
done
check "500 requests over a bad line" loads 500 ip netns exec "$SPACE" h2load -n500 -c20 -m5 -H ":authority: $HOST" "https://$NEAR:$HTTPS_PORT/files/1k"
check "500 requests to an upstream behind it" loads 500 h2load -n500 -c20 -m5 -H ":authority: $HOST" "https://$NEAR:$HTTPS_PORT/bad/whole"
check "no upstream failed" none_failed

# 2. An upstream whose line is cut: between its answers, before a connection, amid an answer, amid a tunnel.
line "loss 0" "delay 1"
answers() { # answers PATH STATUS
  local status; status=$(ask -o /dev/null -w '%{http_code}' "$WWW/$1")
  echo "$status"
  [ "$status" = "$2" ]
}
counted() { failures; failures | grep -qx "$1"; }
cut_amid() { # an answer that has begun breaks off, and does not look whole
  local status=0
  rm -f "$WORK/drops"
  ask "$@" -N "$WWW/far/drops" >"$WORK/drops" &
  local asking=$!
  until_true "a first byte" test -s "$WORK/drops"
  line "loss 100"
  wait "$asking" || status=$?
  line "loss 0"
  echo "curl ends with $status"
  [ "$status" = 18 ] || [ "$status" = 56 ] || [ "$status" = 92 ]
}
tunnel_cut() { # whoever speaks into a tunnel whose other end is gone is told
  python3 - "$NEAR" "$HTTP_PORT" "$WORK/spoken" <<'PY' &
import socket, sys
client = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)
client.sendall(b"GET /far/socket HTTP/1.1\r\nHost: chat.gatepost.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
assert client.recv(12) == b"HTTP/1.1 101"
open(sys.argv[3], "w").write("open")
client.settimeout(0.1)
while True:
    try:
        client.sendall(b"\x81\x01x")
        if not client.recv(4096):
            break
    except TimeoutError:
        pass
    except ConnectionError:
        break
PY
  local speaking=$!
  STARTED+=("$speaking")
  until_true "a tunnel" test -s "$WORK/spoken"
  line "loss 100"
  PATIENCE=20 until_true "an end of the tunnel" ended "$speaking" || return
  line "loss 0"
}
ended() { ! kill -0 "$1" 2>/dev/null; }
at_once() { # so many at the same time
  local asking=()
  for _ in $(seq "$1"); do answers "${@:2}" & asking+=($!); done
  for pid in "${asking[@]}"; do wait "$pid" || return; done
}
as_before() { [ "$(sockets)" -le "$1" ]; }

before=$(sockets)
check "an upstream answers" answers far/whole 200
line "loss 100"
check "cut between two answers: 504" answers far/whole 504
check "as one that is late" counted "answer_timeout 1"
check "cut before a connection: 504, twenty at once" at_once 20 far/whole 504
check "as ones that cannot be connected to" counted "connect_timeout 20"
check "meanwhile everything else is served" answers near/whole 200
line "loss 0"
check "it is back" answers far/whole 200
check "cut amid an answer, HTTP/1.1" cut_amid --http1.1
check "cut amid an answer, HTTP/2" cut_amid --http2
check "as ones that stopped" counted "body_timeout 2"
check "cut amid a tunnel" tunnel_cut
line "loss 0"
check "nothing of them is held" until_true "as few sockets as before" as_before $((before + 2))

# 3. Clients whose line is cut, whatever they were at.
nobody() { [ "$(sample gatepost_connections\ )" = 0 ] && [ "$(sample gatepost_tunnels\ )" = 0 ]; }
ip netns exec "$SPACE" python3 "$HERE/vanishing.py" "$NEAR" "$HTTPS_PORT" "$HTTP_PORT" "$WORK/root.pem" >"$WORK/clients" 2>&1 &
CLIENTS=$!
STARTED+=("$CLIENTS")
all_there() { grep -qx '[0-9]*' "$WORK/clients" && [ "$(sample gatepost_connections\ )" -ge "$(cat "$WORK/clients")" ] && [ "$(sample gatepost_tunnels\ )" -ge 10 ]; }
are_let_go() {
  local from=$SECONDS
  PATIENCE=60 until_true "an end of all" nobody || { ss -tnpo src "$NEAR"; return 1; }
  echo "the last one after $((SECONDS - from)) s"
}
check "clients at all sorts of things" until_true "all clients" all_there
line "loss 100"
check "cut off, all of them are let go" are_let_go
grep 'the last one' "$WORK/check.log" || true
check "and so is what was opened for them" until_true "as few sockets as before" as_before $((before + 2))
line "loss 0"
check "others are served" answers files/1k 200
check "it ends on SIGTERM" stop_gate
finish
