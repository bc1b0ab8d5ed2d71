#!/usr/bin/env bash
# h2load and wrk: what they count must be what was asked for, at a house's load, at the end of a connection's requests, and
# beyond the limits, where gatepost sheds and goes on.
. "$(dirname "$0")/lib.sh"
make_chain chat.gatepost.test
mkdir -p "$WORK/www"
head -c 1024 /dev/urandom >"$WORK/www/1k.bin"
head -c 1048576 /dev/urandom >"$WORK/www/1m.bin"
start_node READY "$HERE/sink.mjs"
SINK_PORT=${READY#READY }
SITE="[[site]]
hosts = [\"chat.gatepost.test\"]
redirect_http = false
default = true
[[site.route]]
path = \"/\"
root = \"$WORK/www\"
[[site.route]]
path = \"/up\"
proxy = \"http://127.0.0.1:$SINK_PORT\""

# gate_with LIMITS: a gatepost with these lines in [limits].
gate_with() {
  start_gate <<TOML
[admin]
listen = "127.0.0.1:0"
[limits]
$1
$SITE
TOML
  ADMIN=$(sed -n 's/.*scheme=admin address=\([0-9.:]*\).*/\1/p' "$WORK/gate.err")
  HTTPS=https://127.0.0.1:$HTTPS_PORT HTTP=http://127.0.0.1:$HTTP_PORT
}
sample() { curl -fsS "http://$ADMIN/metrics" | awk -v name="$1" 'index($0, name) == 1 { sum += $NF } END { print sum + 0 }'; }
memory() { awk '/VmRSS/ { print $2 }' "/proc/$GATE/status"; }

# h2loads REQUESTS H2LOAD-ARGUMENT...: as many answers of 2xx, and nothing else.
h2loads() {
  local requests=$1; shift
  timeout 60 h2load -n"$requests" -H ':authority: chat.gatepost.test' "$@" | tee "$WORK/h2load.log"
  grep -q "^requests: $requests total, $requests started, $requests done, $requests succeeded, 0 failed, 0 errored, 0 timeout" "$WORK/h2load.log" &&
    grep -q "^status codes: $requests 2xx, 0 3xx, 0 4xx, 0 5xx" "$WORK/h2load.log"
}
# wrks WRK-ARGUMENT...: answers, all of them good, and no socket that failed.
wrks() {
  timeout 60 wrk -t2 -d3s --timeout 10s -H 'Host: chat.gatepost.test' "$@" | tee "$WORK/wrk.log"
  grep -qE '^ +[1-9][0-9]* requests in ' "$WORK/wrk.log" && ! grep -qE 'Socket errors|Non-2xx' "$WORK/wrk.log"
}
serves() {
  curl -fsS --max-time 5 --cacert "$WORK/root.pem" --resolve "chat.gatepost.test:$HTTPS_PORT:127.0.0.1" -o /dev/null \
    "https://chat.gatepost.test:$HTTPS_PORT/1k.bin"
}

gate_with ''
check "h2load: HTTP/2, 100 connections of 20 streams" h2loads 20000 -c100 -m20 "$HTTPS/1k.bin"
check "h2load: HTTP/2, to an upstream" h2loads 5000 -c20 -m10 "$HTTPS/up"
check "h2load: HTTP/2, uploads" h2loads 1000 -c10 -m5 -d "$WORK/www/1k.bin" "$HTTPS/up"
check "h2load: HTTP/2, 1 MiB, by small windows" h2loads 200 -c10 -m4 -w 16 -W 16 "$HTTPS/1m.bin"
check "h2load: HTTP/1.1 in TLS" h2loads 10000 --h1 -c100 "$HTTPS/1k.bin"
check "h2load: HTTP/1.1, eight in a row unanswered" h2loads 10000 -p http/1.1 -c20 -m8 "$HTTP/1k.bin"
check "wrk: HTTP/1.1" wrks -c100 "$HTTP/1k.bin"
check "wrk: HTTP/1.1 in TLS" wrks -c100 "$HTTPS/1k.bin"
check "wrk: HTTP/1.1, to an upstream" wrks -c50 "$HTTP/up"
check "it ends on SIGTERM" stop_gate

# A connection's last request. h2load makes no other connection after GOAWAY: what it asked for too late, and all the rest,
# it counts as failed. gatepost never saw that: it has answered whatever it took up. Clients that connect again lose nothing.
answers() { sed -nE 's/^requests: .* ([0-9]+) succeeded,.*/\1/p' "$WORK/h2load.log"; }
ends_in_order() { # on each of ten connections after a hundred requests or, where they crossed its farewell, a few more
  timeout 60 h2load -n5000 -c10 -H ':authority: chat.gatepost.test' "$@" "$HTTPS/1k.bin" | tee "$WORK/h2load.log"
  [ "$(answers)" -ge 1000 ]
}
as_logged() {
  echo "$(answers) answers, $(grep -c h2load "$WORK/gate.out") lines in the log"
  [ "$(answers)" = "$(grep -c h2load "$WORK/gate.out")" ]
}
goes_on() {
  timeout 60 curl -fsS -Z --parallel-max 10 "$@" --cacert "$WORK/root.pem" -w '%{http_code}\n' -o /dev/null \
    --resolve "chat.gatepost.test:$HTTPS_PORT:127.0.0.1" "https://chat.gatepost.test:$HTTPS_PORT/1k.bin?[1-2000]" |
    sort | uniq -c | tee "$WORK/curl.log"
  [ "$(tr -s ' ' <"$WORK/curl.log")" = " 2000 200" ]
}
for streams in 1 10; do
  gate_with 'requests_per_connection = 100'
  check "h2load: HTTP/2, $streams at a time, to the end of its connections" ends_in_order -m$streams
  stop_gate
  check "whatever was taken up was answered" as_logged
done
gate_with 'requests_per_connection = 100'
check "curl: HTTP/2, on one connection after the other" goes_on
check "curl: HTTP/1.1, on one connection after the other" goes_on --http1.1
check "h2load: HTTP/1.1, on one connection after the other" h2loads 5000 --h1 -c10 "$HTTPS/1k.bin"
check "wrk: HTTP/1.1, on one connection after the other" wrks -c20 "$HTTP/1k.bin"
check "it ends on SIGTERM" stop_gate

# Eight times as many as may connect: who is not refused is served, and nothing grows.
gate_with 'connections = 50'
sheds() { # sheds LOADER ARGUMENT...
  local most=0 before now refused
  before=$(memory) refused=$(sample 'gatepost_refused_total{limit="connections"}')
  timeout 60 "$@" >"$WORK/shed.log" 2>&1 &
  local loader=$!
  STARTED+=("$loader")
  while kill -0 "$loader" 2>/dev/null; do
    now=$(sample 'gatepost_connections ')
    [ "$now" -le "$most" ] || most=$now
    sleep 0.05
  done
  cat "$WORK/shed.log"
  refused=$(($(sample 'gatepost_refused_total{limit="connections"}') - refused))
  echo "$most connections at most, $refused refused, $before KiB before, $(memory) KiB after"
  [ "$most" -le 50 ] && [ "$refused" -gt 0 ] && [ "$(memory)" -lt $((before + 65536)) ] && until_true "others to be served" serves
}
sheds_well() { # the same by h2load: answers are 200 or 503
  sheds h2load -n20000 -c400 -H ':authority: chat.gatepost.test' "$@" || return
  grep -qE '^status codes: [1-9][0-9]* 2xx, 0 3xx, 0 4xx, ' "$WORK/shed.log"
}
check "h2load: 400 connections of HTTP/2 where 50 may be" sheds_well -m5 "$HTTPS/1k.bin"
check "h2load: 400 of HTTP/1.1 in TLS" sheds_well --h1 "$HTTPS/1k.bin"
check "h2load: 400 of HTTP/1.1" sheds_well -p http/1.1 "$HTTP/1k.bin"
check "wrk: 400 of HTTP/1.1, that connect again and again" sheds wrk -t2 -c400 -d3s -H 'Host: chat.gatepost.test' "$HTTP/1k.bin"
check "wrk: 400 of HTTP/1.1 in TLS" sheds wrk -t2 -c400 -d3s -H 'Host: chat.gatepost.test' "$HTTPS/1k.bin"
check "only 200 and 503 were answered" bash -c '! grep -vE "\" (200|503) ([0-9]+|-) " "$1" | head -3 | grep .' - "$WORK/gate.out"
check "it ends on SIGTERM" stop_gate
finish
