#!/usr/bin/env bash
# The fault that let every browser in and kept Android and iOS out: a bare leaf.
# gatepost refuses it at start; told to serve it, strict clients refuse it; the combined chain they all take.
. "$(dirname "$0")/lib.sh"
make_chain chat.gatepost.test
SITE='[[site]]
hosts = ["chat.gatepost.test"]
[[site.route]]
path = "/"
respond = "here"'
STRICT=$SHARED/real/strict-tls-client/strict-tls-client.sh

bare_leaf_stops_the_start() {
  CHAIN=leaf.pem write_config <<<"$SITE" >"$WORK/bare.toml"
  local status=0
  timeout 20 "$GATEPOST" run -c "$WORK/bare.toml" >"$WORK/bare.log" 2>&1 || status=$?
  cat "$WORK/bare.log"
  { [ "$status" = 1 ] || [ "$status" = 2 ]; } && grep -q leaf.pem "$WORK/bare.log"
}
all_refuse() {
  "$STRICT" "$WORK/root.pem" chat.gatepost.test "$HTTPS_PORT" | tee "$WORK/strict.log" || true
  grep -qE '^0 passed, [1-9][0-9]* failed$' "$WORK/strict.log"
}
all_trust() { "$STRICT" "$WORK/root.pem" chat.gatepost.test "$HTTPS_PORT"; }

check "gatepost refuses to start with a bare leaf" bare_leaf_stops_the_start
CHAIN=leaf.pem CERTIFICATE_KEYS='allow_incomplete_chain = true' start_gate <<<"$SITE"
check "every strict client refuses the bare leaf" all_refuse
check "it ends on SIGTERM" stop_gate
start_gate <<<"$SITE"
check "every strict client trusts the combined chain" all_trust
finish
