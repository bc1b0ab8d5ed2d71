#!/usr/bin/env bash
# certbot side by side: Debian's certbot in webroot mode, a real ACME server, no hook and no signal.
. "$(dirname "$0")/lib.sh"
start_node READY "$HERE/echo.mjs"
ECHO_PORT=${READY#READY }
NAME=chat.gatepost.test
mkdir -p "$WORK/webroot"

# The files are not there yet, nor is the root of a CA that has not started.
CHAIN=certbot/etc/live/$NAME/fullchain.pem KEY=certbot/etc/live/$NAME/privkey.pem ROOTS=acme/issuer-root.pem \
  SERVER_KEYS="acme_webroot = \"$WORK/webroot\"" start_gate <<TOML
[[site]]
hosts = ["$NAME"]
[[site.route]]
path = "/"
proxy = "http://127.0.0.1:$ECHO_PORT"
TOML

start_acme() {
  local first; first=$(free_port 4)
  HTTP_PORT=$HTTP_PORT TLS_PORT=$HTTPS_PORT ACME_PORT=$first MGMT_PORT=$((first + 1)) DNS_PORT=$((first + 3)) \
    bash "$SHARED/real/acme-server.sh" "$WORK/acme" >"$WORK/acme.log" 2>&1 &
  STARTED+=("$!")
  until_true "the ACME server" grep -q ACME_PIDS "$WORK/acme.log"
  DIRECTORY=$(sed -n 's/^ACME_DIRECTORY=//p' "$WORK/acme.log")
}
run_certbot() { # run_certbot ARGUMENT...
  REQUESTS_CA_BUNDLE=$WORK/acme/api-ca.pem timeout 120 certbot "$@" -n --config-dir "$WORK/certbot/etc" \
    --work-dir "$WORK/certbot/work" --logs-dir "$WORK/certbot/log"
}
first_certificate() {
  run_certbot certonly --agree-tos --register-unsafely-without-email --server "$DIRECTORY" \
    --webroot -w "$WORK/webroot" -d "$NAME"
}
renewal() { run_certbot renew --force-renewal --no-random-sleep-on-renew; }
serial_of() { openssl x509 -noout -serial; }
served() {
  timeout 20 openssl s_client -connect "127.0.0.1:$HTTPS_PORT" -servername "$NAME" -CAfile "$WORK/acme/issuer-root.pem" \
    -verify_return_error </dev/null 2>/dev/null | serial_of 2>/dev/null
}
on_disk() { serial_of <"$WORK/certbot/etc/live/$NAME/cert.pem"; }
serves_what_is_on_disk() { [ -n "$(on_disk)" ] && [ "$(served)" = "$(on_disk)" ]; }
is_another() { echo "first $FIRST, now $(on_disk)"; [ "$FIRST" != "$(on_disk)" ]; }
nothing_served() { ! served; }
all_trust() { "$SHARED/real/strict-tls-client/strict-tls-client.sh" "$WORK/acme/issuer-root.pem" "$NAME" "$HTTPS_PORT"; }
answered() { grep -qE "^(HELD|LOST) $1" "$WORK/held.log"; }
all_held() { # all_held N: after the Nth use
  kill -USR2 "$HELD"
  until_true "an answer of the held connections" answered "$1"
  cat "$WORK/held.log"
  grep -q "^HELD $1" "$WORK/held.log"
}
log_is_calm() { cat "$WORK/gate.err"; ! grep -E 'not taken up|reload' "$WORK/gate.err"; }

check "the ACME server starts" start_acme
check "no handshake comes about while there is no certificate" nothing_served
check "certbot gets its first certificate through port 80" first_certificate
check "it is served, with no hook" until_true "the first certificate served" serves_what_is_on_disk
check "every strict client trusts it" all_trust
FIRST=$(on_disk)

NODE_EXTRA_CA_CERTS=$WORK/acme/issuer-root.pem node "$HERE/held.mjs" "$HTTPS_PORT" >"$WORK/held.log" 2>&1 &
HELD=$!
STARTED+=("$HELD")
check "a WebSocket, a keep-alive and an HTTP/2 connection are open" until_true "open connections" grep -q READY "$WORK/held.log"
check "they are used" all_held 1
for renewal in 1 2; do
  check "certbot renews ($renewal)" renewal
  check "what it got is another ($renewal)" is_another
  check "and is served, with no hook ($renewal)" until_true "the renewed certificate served" serves_what_is_on_disk
  check "the open connections go on ($renewal)" all_held $((renewal + 1))
  FIRST=$(on_disk)
done
check "every strict client trusts what is served now" all_trust
check "the log has neither a fault nor a reload" log_is_calm
check "it ends on SIGTERM" stop_gate
finish
