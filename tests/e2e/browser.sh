#!/usr/bin/env bash
# Chromium: the launcher's page with popups, without them and without script; listings; WebSocket over HTTP/2.
. "$(dirname "$0")/lib.sh"
make_chain chat.gatepost.test www.gatepost.test
APP=vpaas-magic-cookie-123456
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$WORK/private.pk" 2>/dev/null
mkdir -p "$WORK/www/files/sub"
for name in 'a?b' 'my:file' '<img src=x>.txt' '50%.txt' 'a b.txt' '日本.txt' "quo'te\".txt"; do echo x >"$WORK/www/files/$name"; done
head -c 3000000 /dev/zero >"$WORK/www/files/a-rather-long-name-that-a-phone-must-break-somewhere-or-cut-the-page.iso"
echo '<!doctype html><title>home</title><link rel="icon" href="data:,">' >"$WORK/www/index.html"
start_node READY "$HERE/echo.mjs"
ECHO_PORT=${READY#READY }

start_gate <<TOML
[[site]]
hosts = ["www.gatepost.test"]
[[site.route]]
path = "/"
root = "$WORK/www"
listing = true

[[site]]
hosts = ["chat.gatepost.test"]
[[site.route]]
path = "/"
proxy = "http://127.0.0.1:$ECHO_PORT"
[[site.route]]
path = "/gone/"
proxy = "http://127.0.0.1:9"
[[site.route]]
path = "/jitsi/"
launcher = "jaas"

[launcher.jaas]
provider = "jaas"
app_id = "$APP"
key_id = "$APP/aabbcc"
private_key = "$WORK/private.pk"
identity = ["none"]
TOML

timeout 300 node "$HERE/browser.mjs" "https://chat.gatepost.test:$HTTPS_PORT" "https://www.gatepost.test:$HTTPS_PORT" "$WORK/root.pem" "$ARTEFACTS" \
  | tee "$WORK/browser.log" || true
passed=$(grep -c '^ok ' "$WORK/browser.log" || true)
failed=$(grep -c '^FAIL ' "$WORK/browser.log" || true)
grep -qE '^[0-9]+ passed, [0-9]+ failed$' "$WORK/browser.log" || { echo "FAIL the browser's run broke off"; failed=$((failed + 1)); }
check "no token in the logs" bash -c '! grep -E "eyJ" "$1" "$2"' - "$WORK/gate.out" "$WORK/gate.err"
check "it ends on SIGTERM" stop_gate
finish
