#!/usr/bin/env bash
# Certificates from real CAs: pebble (Let's Encrypt's own test server) by every challenge, and caddy's acme_server.
# Takes the ports 5001 and 5002 for pebble's validation; caddy's wants 80 and 443, and is left out where they are taken.
. "$(dirname "$0")/lib.sh"
export HTTP_PORT=5002 TLS_PORT=5001 ACME_PORT=${ACME_PORT:-14200} MGMT_PORT=${MGMT_PORT:-15200} DNS_PORT=${DNS_PORT:-8253}
NAMES='"chat.gatepost.test", "www.gatepost.test"'

start_pebble() {
  : >"$WORK/pebble.out"
  "$SHARED/real/acme-server.sh" "$WORK/pebble" >"$WORK/pebble.out" 2>&1 &
  PEBBLE=$!
  STARTED+=("$PEBBLE")
  until_true "pebble" grep -q ACME_PIDS "$WORK/pebble.out"
}

# start NAME HTTP HTTPS KEYS [HOSTS]: a gatepost with a state of its own that has its certificates from the CA in KEYS.
start() {
  cat >"$WORK/$1.toml" <<TOML
[server]
http = ["127.0.0.1:$2"]
https = ["127.0.0.1:$3"]
state = "$WORK/$1"
control = "$WORK/$1.sock"
[acme]
$4
[[site]]
hosts = [${5:-$NAMES}]
[[site.route]]
path = "/"
respond = "here"
TOML
  : >"$WORK/$1.err"
  "$GATEPOST" run -c "$WORK/$1.toml" >"$WORK/$1.out" 2>"$WORK/$1.err" &
  GATE=$! CONFIG=$WORK/$1.toml LOG=$WORK/$1.err PORT=$3
  STARTED+=("$GATE")
}
pebble_keys() {
  printf 'directory = "https://localhost:%s/dir"\ndirectory_roots = "%s"\ntrusted_roots = "%s"\n%s\n' \
    "$ACME_PORT" "$WORK/pebble/api-ca.pem" "$WORK/pebble/issuer-root.pem" "${1:-}"
}
stop() { kill -TERM "$GATE" && wait "$GATE"; }

presented() { # HOST: the leaf, as PEM
  openssl s_client -connect "127.0.0.1:$PORT" -servername "$1" </dev/null 2>/dev/null | openssl x509
}
serial() { presented "$1" | openssl x509 -noout -serial | cut -d= -f2; }
trusted() { # HOST ROOT
  curl -sS --cacert "$2" --connect-to "$1:443:127.0.0.1:$PORT" "https://$1/" | grep -qx here
}
issued() { until_true "a certificate" grep -q 'is in place' "$LOG" || { cat "$LOG"; return 1; }; }
other_than() { [ "$(serial chat.gatepost.test)" != "$1" ]; }

issues_and_is_trusted() {
  issued && trusted chat.gatepost.test "$WORK/pebble/issuer-root.pem" && trusted www.gatepost.test "$WORK/pebble/issuer-root.pem"
}
strict_clients_trust() {
  "$SHARED/real/strict-tls-client/strict-tls-client.sh" "$WORK/pebble/issuer-root.pem" chat.gatepost.test "$PORT"
}
renews_while_serving() {
  local before; before=$(serial chat.gatepost.test)
  "$GATEPOST" cert renew -c "$CONFIG" chat.gatepost.test && until_true "the new certificate" other_than "$before"
}
revokes_and_reissues() {
  local before; before=$(serial chat.gatepost.test)
  "$GATEPOST" cert revoke -c "$CONFIG" chat.gatepost.test --reason superseded \
    && until_true "the new certificate" other_than "$before" \
    && curl -sf --cacert "$WORK/pebble/api-ca.pem" "https://localhost:$MGMT_PORT/cert-status-by-serial/${before,,}" | grep -q Revoked
}
a_restart_asks_nothing() {
  # The one before has asked what there was to ask: when the newest certificate is to be renewed (RFC 9773).
  until_true "the time of its renewal" grep -q ask_again "$WORK/$1/acme/certificates/chat.gatepost.test/order.json"
  stop
  local before; before=$(wc -l <"$WORK/pebble/pebble.log")
  start "$1" 5002 5001 "$2"
  until_true serving grep -q serving "$LOG" && until_true "it serves" trusted chat.gatepost.test "$WORK/pebble/issuer-root.pem"
  [ "$(wc -l <"$WORK/pebble/pebble.log")" = "$before" ]
}
is_private() { [ -z "$(find "$WORK/$1/acme" \( -type f ! -perm 0600 \) -o \( -type d ! -perm 0700 \))" ]; }

start_pebble
for challenge in http-01 tls-alpn-01; do
  keys=$(pebble_keys "challenge = \"$challenge\"")
  start "$challenge" 5002 5001 "$keys"
  check "$challenge: pebble issues, openssl and curl trust" issues_and_is_trusted
  check "$challenge: what is kept is the owner's alone" is_private "$challenge"
  check "$challenge: strict clients trust it" strict_clients_trust
  check "$challenge: renewed by hand, taken up while serving" renews_while_serving
  check "$challenge: revoked, another in place before" revokes_and_reissues
  check "$challenge: a restart asks the CA for nothing" a_restart_asks_nothing "$challenge" "$keys"
  check "$challenge: it ends on SIGTERM" stop
done

# dns-01: the hook tells pebble's own DNS server, as a provider's tool would tell the provider's.
cat >"$WORK/dns.sh" <<SH
#!/bin/sh
curl -sf -d "{\"host\":\"_acme-challenge.\$CERTBOT_DOMAIN.\",\"value\":\"\$CERTBOT_VALIDATION\"}" \\
  "http://127.0.0.1:$((MGMT_PORT + 1))/\$1-txt" && echo "\$1 \$CERTBOT_DOMAIN" >>"$WORK/hooks"
SH
chmod +x "$WORK/dns.sh"
wildcard_by_dns() {
  issued && trusted any.gatepost.test "$WORK/pebble/issuer-root.pem" && [ "$(grep -c set "$WORK/hooks")" = 2 ] && grep -q clear "$WORK/hooks"
}
start dns 5002 5001 "$(pebble_keys "challenge = \"dns-01\"
dns_hook = \"$WORK/dns.sh set\"
dns_cleanup_hook = \"$WORK/dns.sh clear\"")" '"*.gatepost.test", "gatepost.test"'
check "dns-01: a wildcard by hooks in certbot's form" wildcard_by_dns
stop

# A name whose address leads elsewhere: the others have their certificate all the same.
unreachable_keeps_nobody() {
  issued && until_true "it is served" trusted chat.gatepost.test "$WORK/pebble/issuer-root.pem" \
    && until_true "the other's failure" grep -q 'no certificate.*name="away.gatepost.test"' "$LOG"
}
curl -sf -d '{"host":"away.gatepost.test","addresses":["127.0.0.7"]}' "http://127.0.0.1:$((MGMT_PORT + 1))/add-a"
start partly 5002 5001 "$(pebble_keys)" '"chat.gatepost.test", "away.gatepost.test"'
check "a name that pebble cannot reach keeps nobody else from a certificate" unreachable_keeps_nobody
stop

# pebble forgets its accounts when it is started anew, and its root is another.
anew() {
  kill -TERM "$PEBBLE"; wait "$PEBBLE" || true
  start_pebble
  "$GATEPOST" cert renew -c "$CONFIG" && until_true "the new root" trusted chat.gatepost.test "$WORK/pebble/issuer-root.pem"
}
start http-01 5002 5001 "$(pebble_keys)"
until_true serving grep -q serving "$LOG"
check "an account that the CA has forgotten is registered anew" anew
stop

# Short lives: renewed at half of them, with nobody's help.
renewed_by_itself() { issued && until_true "a second certificate" renewals 2; }
renewals() { [ "$(grep -c 'is in place' "$LOG")" -ge "$1" ]; }
kill -TERM "$PEBBLE"; wait "$PEBBLE" || true
VALIDITY=30 start_pebble
start short 5002 5001 "$(pebble_keys)"
check "a certificate of 30 seconds is renewed before it ends" renewed_by_itself
stop

# A second CA, caddy's: it validates on 80 and 443 with the machine's resolver.
is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
caddy_issues() { issued && trusted chat.gatepost.test "$WORK/caddy/data/pki/authorities/local/root.crt"; }
if command -v caddy >/dev/null && [ "$(id -u)" = 0 ] && is_free 80 && is_free 443; then
  mkdir -p "$WORK/caddy"
  cat >"$WORK/caddy/Caddyfile" <<CADDY
{
  admin off
  skip_install_trust
  storage file_system $WORK/caddy/data
  http_port 17080
  https_port 17443
}
localhost:17443 {
  tls internal
  acme_server
}
CADDY
  { cat /etc/hosts; echo '127.0.0.1 chat.gatepost.test www.gatepost.test'; } >"$WORK/hosts"
  # Its own view of /etc/hosts, so that the machine's stays as it is.
  unshare -m bash -c "mount --bind '$WORK/hosts' /etc/hosts; exec env HOME='$WORK/caddy' caddy run --config '$WORK/caddy/Caddyfile' --adapter caddyfile" \
    >"$WORK/caddy.log" 2>&1 &
  STARTED+=("$!")
  until_true caddy test -s "$WORK/caddy/data/pki/authorities/local/root.crt"
  until_true caddy curl -sf -o "$WORK/directory" --cacert "$WORK/caddy/data/pki/authorities/local/root.crt" https://localhost:17443/acme/local/directory
  for challenge in http-01 tls-alpn-01; do
    start "caddy-$challenge" 80 443 "challenge = \"$challenge\"
directory = \"https://localhost:17443/acme/local/directory\"
directory_roots = \"$WORK/caddy/data/pki/authorities/local/root.crt\"
trusted_roots = \"$WORK/caddy/data/pki/authorities/local/root.crt\""
    check "$challenge: caddy's CA issues, curl trusts" caddy_issues
    stop
  done
else
  echo "caddy's CA was NOT asked: it needs caddy, root, and the ports 80 and 443"
fi
finish
