#!/usr/bin/env bash
# Slow clients by slowhttptest, 1000 of each kind: heads that trickle, bodies that trickle, answers that nobody reads.
# While they do, other clients are served, the kernel holds little for them, and afterwards nothing of them is left.
# Usage: slow.sh PATH-OF-GATEPOST [SECONDS of each kind, default 60] [SCHEME, both unless given]
. "$(dirname "$0")/../e2e/lib.sh"
command -v slowhttptest >/dev/null || { echo "slowhttptest is missing: apt-get install slowhttptest" >&2; exit 2; }
LENGTH=${2:-60}
SCHEMES=${3:-http https}
CONNECTIONS=1000
# What the kernel may hold for each of them, in KiB: 128 of an answer that are not sent, and its own part of that.
HELD=512
make_chain chat.gatepost.test
mkdir -p "$WORK/www"
head -c 8388608 /dev/zero >"$WORK/www/large"
echo here >"$WORK/www/index.html"

# An upstream that takes bodies and answers when they are whole.
python3 - "$WORK/upstream.port" <<'PY' &
import asyncio, sys
async def serve(reader, writer):
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if length: await reader.readexactly(int(length[0].split(b":")[1]))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    except (asyncio.IncompleteReadError, ConnectionError): pass
    writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    open(sys.argv[1], "w").write(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()
asyncio.run(main())
PY
STARTED+=($!)
until_true "the upstream's port" test -s "$WORK/upstream.port"

start_gate <<TOML
[admin]
listen = "127.0.0.1:0"

[limits]
head_timeout = "10s"
idle_timeout = "10s"
send_timeout = "10s"

[[site]]
hosts = ["chat.gatepost.test"]
redirect_http = false
default = true
[[site.route]]
path = "/"
root = "www"
[[site.route]]
path = "/up"
proxy = "http://127.0.0.1:$(cat "$WORK/upstream.port")"
send_timeout = "10s"
TOML
ADMIN=$(sed -n 's/.*scheme=admin address=\([0-9.:]*\).*/\1/p' "$WORK/gate.err")
sample() { curl -fsS "http://$ADMIN/metrics" | awk -v name="$1" '$1 == name { print $2 }'; }
memory() { awk '/VmRSS/ { print $2 }' "/proc/$GATE/status"; }
descriptors() { ls "/proc/$GATE/fd" | wc -l; }
served() {
  curl -fsS --max-time 5 --cacert "$WORK/root.pem" --resolve "chat.gatepost.test:$HTTPS_PORT:127.0.0.1" \
    "https://chat.gatepost.test:$HTTPS_PORT/" | grep -q here
}
# What the kernel holds of answers, sent or not, in KiB.
kernel() {
  ss -tmnH "( sport = :$HTTP_PORT or sport = :$HTTPS_PORT )" |
    awk 'match($0, /,w[0-9]+/) { sum += substr($0, RSTART + 2, RLENGTH - 2) } END { print int(sum / 1024) }'
}
nobody() { [ "$(sample gatepost_connections)" = 0 ]; }

printf '%-14s %10s %10s %12s %12s %12s %8s\n' kind "at most" "served" "memory KiB" "kernel KiB" "descriptors" "left"
attack() {
  local kind=$1 most=0 ok=0 asked=0 held=0 now; shift
  slowhttptest -c $CONNECTIONS -r 200 -l "$LENGTH" -i 2 -p 3 "$@" >"$WORK/$kind.log" 2>&1 &
  local attacker=$!
  STARTED+=("$attacker")
  while kill -0 "$attacker" 2>/dev/null; do
    asked=$((asked + 1)); if served; then ok=$((ok + 1)); fi
    now=$(sample gatepost_connections)
    [ "$now" -le "$most" ] || most=$now
    now=$(kernel)
    [ "$now" -le "$held" ] || held=$now
    sleep 0.5
  done
  wait "$attacker" || true
  until_true "$kind: an end of it" nobody
  printf '%-14s %10s %10s %12s %12s %12s %8s\n' "$kind" "$most" "$ok/$asked" "$(memory)" "$held" "$(descriptors)" \
    "$(sample gatepost_connections)"
  if [ "$ok" = "$asked" ] && [ "$held" -le $((CONNECTIONS * HELD)) ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

for scheme in $SCHEMES; do
  if [ "$scheme" = http ]; then url=http://127.0.0.1:$HTTP_PORT; else url=https://127.0.0.1:$HTTPS_PORT; fi
  attack "head-$scheme" -H -u "$url/" -x 24
  attack "body-$scheme" -B -u "$url/up" -s 8192 -x 10
  attack "read-$scheme" -X -u "$url/large" -k 3 -w 512 -y 1024 -n 5 -z 32
  attack "range-$scheme" -R -u "$url/large" -a 10 -b 3000 -t HEAD
done
printf 'refused: '; curl -fsS "http://$ADMIN/metrics" | awk '/^gatepost_refused_total/ && $2 > 0 { printf "%s %s  ", $1, $2 }'; echo
finish
