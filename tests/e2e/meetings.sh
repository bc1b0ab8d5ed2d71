#!/usr/bin/env bash
# Chromium: every page of the launcher, judged by axe-core in light and dark, on desktop, phone and at 400 %; by keyboard alone,
# without script, with popups blocked, as the desktop app, and with a login in a second tab. Screenshots of each are kept.
. "$(dirname "$0")/lib.sh"
make_chain chat.gatepost.test meet.gatepost.test
APP=vpaas-magic-cookie-123456
export PLUGIN_SECRET=plugin-secret-of-32-characters-12
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$WORK/private.pk" 2>/dev/null
cp "$REPO/examples/phrases/de.toml" "$WORK/"
cat >"$WORK/logo.svg" <<'SVG'
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 48"><rect width="160" height="48" rx="8" fill="#803010"/></svg>
SVG
start_node READY "$HERE/chat.mjs"
CHAT_PORT=${READY#READY }

# launcher NAME KEY...: a JaaS launcher with these keys more.
launcher() {
  local name=$1; shift
  printf '[launcher.%s]\nprovider = "jaas"\napp_id = "%s"\nkey_id = "%s/aabbcc"\nprivate_key = "%s/private.pk"\n' "$name" "$APP" "$APP" "$WORK"
  printf '%s\n' "$@"
}
route() { printf '[[site.route]]\npath = "/%s/"\nlauncher = "%s"\n' "$1" "$1"; }
{
  cat <<TOML
[[site]]
hosts = ["chat.gatepost.test"]
[[site.route]]
path = "/"
proxy = "http://127.0.0.1:$CHAT_PORT"
preset = "mattermost"
TOML
  for name in jitsi open haus near full over redirect once; do route "$name"; done
  cat <<TOML
[[site]]
hosts = ["meet.gatepost.test"]
[[site.route]]
path = "/"
launcher = "own"
TOML
  launcher jitsi 'guests = "join"' 'guest_passcode = "sesame"' 'guest_tries = 100' 'invitations = true'
  launcher open 'identity = ["none"]' 'moderators = "everyone"'
  launcher haus 'guests = "join"' '[launcher.haus.page]' 'title = "Example Ltd"' 'accent = "#ffd400"' 'accent_dark = "#803010"' \
    'language = "de"' 'phrases = "de.toml"' 'logo = "logo.svg"'
  launcher near 'identity = ["none"]' 'moderators = "everyone"' 'monthly_users = 2'
  launcher full 'identity = ["none"]' 'monthly_users = 1' 'at_limit = "deny-new"'
  launcher over 'identity = ["none"]' 'monthly_users = 1' 'at_limit = "fallback:open"'
  launcher redirect 'mode = "redirect"' 'guests = "join"'
  launcher once 'guests = "join"' 'guest_tries = 1'
  launcher own 'identity = ["plugin"]' 'plugin_app_id = "jitsi"' 'plugin_secret = { env = "PLUGIN_SECRET" }'
} >"$WORK/meetings.toml"
SERVER_KEYS='public_https_port = 443' start_gate <"$WORK/meetings.toml"

# The configuration says the port that the world sees; here it is another one.
invite() { "$GATEPOST" invite -c "$WORK/gatepost.toml" "$@" | grep -o 'https://[^ ]*' | head -1 | sed "s,gatepost.test/,gatepost.test:$HTTPS_PORT/,"; }
INVITATION=$(invite Planning --launcher jitsi --for 2h) || INVITATION=
SHORT=$(invite Planning --launcher jitsi --for 1s) || SHORT=
export INVITATION SHORT
check "gatepost invite prints links" test -n "$INVITATION" -a -n "$SHORT"

# drive SCRIPT ARGUMENT...: what passed and failed in the browser counts here too.
drive() {
  local log=$WORK/browser.log
  timeout 400 node "$HERE/$@" | tee "$log" || true
  passed=$((passed + $(grep -c '^ok ' "$log" || true)))
  failed=$((failed + $(grep -c '^FAIL ' "$log" || true)))
  grep -qE '^[0-9]+ passed, [0-9]+ failed$' "$log" || { echo "FAIL the browser's run broke off"; failed=$((failed + 1)); }
}
drive meetings.mjs "https://chat.gatepost.test:$HTTPS_PORT" "https://meet.gatepost.test:$HTTPS_PORT" \
  "http://127.0.0.1:$CHAT_PORT" "$WORK/root.pem" "$ARTEFACTS"
check "no token and no passcode in the logs" bash -c '! grep -E "eyJ|sesame" "$1" "$2"' - "$WORK/gate.out" "$WORK/gate.err"
check "it ends on SIGTERM" stop_gate

# A folder where the ledger was: nothing can be written down.
rm -f "$WORK"/state/meetings.sqlite*
mkdir "$WORK/state/meetings.sqlite"
start_gate <"$WORK/meetings.toml"
drive uncounted.mjs "https://chat.gatepost.test:$HTTPS_PORT" "$WORK/root.pem" "$ARTEFACTS"
check "it ends on SIGTERM without a ledger too" stop_gate
finish
