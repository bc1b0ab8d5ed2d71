#!/usr/bin/env bash
# What a request costs while more and more connections are open: one worker on one core, on loopback.
#
#   cargo build --release && benches/connections.sh target/release/gatepost
#
# Needs wrk and openssl, two cores, and descriptors for what it opens (ulimit -n; what does not fit is made
# smaller).
# A second gatepost with a fixed answer is the upstream. Printed: CPU time of the first for 100,000 requests, requests a
# second and latency in wrk's closed loop (mostly queueing, and the opening of all connections at once), resident memory
# per connection since the row before, errors.
set -euo pipefail

[ $# -eq 1 ] && [ -x "$1" ] || { echo "usage: $0 PATH-OF-GATEPOST" >&2; exit 2; }
gatepost=$(readlink -f "$1")
seconds=${SECONDS_EACH:-5}
ulimit -n "$(ulimit -Hn)"
work=$(mktemp -d)
started=()
tidy() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap tidy EXIT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout "$work/key.pem" -out "$work/chain.pem" 2>/dev/null
mkdir "$work/www"
head -c 1024 /dev/zero >"$work/www/1k.bin"

cat >"$work/upstream.toml" <<TOML
[server]
http = ["127.0.0.1:28465"]
https = []
workers = 1
[log]
access = "off"
[[site]]
hosts = ["localhost"]
redirect_http = false
  [[site.route]]
  path = "/"
  respond = "$(head -c 1024 /dev/zero | tr '\0' x)"
TOML
cat >"$work/gatepost.toml" <<TOML
[server]
http = []
https = ["127.0.0.1:28443"]
workers = 1
state = "$work/state"
[log]
access = "off"
[[certificate]]
chain = "$work/chain.pem"
key = "$work/key.pem"
[[site]]
hosts = ["localhost"]
  [[site.route]]
  path = "/proxied"
  proxy = "http://127.0.0.1:28465"
  host = "localhost"
  [[site.route]]
  path = "/"
  root = "$work/www"
TOML

# start CPU CONFIG: runs a gatepost on that core until it answers.
start() {
  taskset -c "$1" "$gatepost" run -c "$2" >>"$work/out" 2>&1 &
  started+=($!)
}
answers() {
  for _ in $(seq 100); do curl -sk -o /dev/null --fail "$1" && return; sleep 0.1; done
  echo "no answer from $1:" >&2; cat "$work/out" >&2; exit 1
}
start 1 "$work/upstream.toml"
answers http://localhost:28465/
start 0 "$work/gatepost.toml"
answers https://localhost:28443/proxied
measured=${started[1]}

ticks() { awk '{print $14 + $15}' "/proc/$measured/stat"; }
resident() { awk '/^VmRSS/ {print $2}' "/proc/$measured/status"; }

# load CONNECTIONS SECONDS PATH: prints requests, CPU ticks of the measured one, and wrk's rate, p50, p99 and errors.
load() {
  local begun
  begun=$(ticks)
  taskset -c 1 wrk -t1 -c"$1" -d"$2s" --latency --timeout 60s "https://localhost:28443$3" >"$work/wrk"
  awk -v spent="$(($(ticks) - begun))" '
    / requests in / {count = $1}
    /Requests\/sec/ {rate = $2}
    $1 == "50%" {p50 = $2}
    $1 == "99%" {p99 = $2}
    /Socket errors/ {gsub(",", ""); errors = $4 + $6 + $8 + $10}
    /Non-2xx/ {errors += $NF}
    END {print count, spent, rate, p50, p99, errors + 0}' "$work/wrk"
}

printf '%-9s %11s %10s %9s %9s %9s %9s %6s\n' path connections s/100,000 'per s' p50 p99 KiB/conn errors
for path in /1k.bin /proxied; do
  # A connection that is proxied may need one to the upstream, too.
  each=1; [ "$path" = /proxied ] && each=2
  most=$((($(ulimit -n) - 400) / each))
  for connections in 1 64 1000 10000; do
    [ "$connections" -le "$most" ] || connections=$most
    # Opening them takes its time and its handshakes: the cost is the difference between a run and one of twice its length.
    time=$((seconds + connections / 400)) idle=$(resident)
    read -r count spent _ < <(load "$connections" "$time" "$path")
    load "$connections" $((2 * time)) "$path" >"$work/long" & long=$!
    sleep $((2 * time - 1))
    held=$(resident)
    wait "$long"
    read -r count2 spent2 rate p50 p99 errors <"$work/long"
    awk -v path="$path" -v connections="$connections" -v count="$((count2 - count))" -v spent="$((spent2 - spent))" \
      -v hz="$(getconf CLK_TCK)" -v rate="$rate" -v p50="$p50" -v p99="$p99" -v memory="$((held - idle))" \
      -v errors="$errors" 'BEGIN {
        cost = count > 0 ? sprintf("%.2f", spent / hz / count * 100000) : "-"
        # What one connection takes drowns in what the row before gives back.
        each = connections >= 64 ? sprintf("%.1f", memory / connections) : "-"
        printf "%-9s %11d %10s %9d %9s %9s %9s %6d\n", path, connections, cost, rate, p50, p99, each, errors}'
  done
done
