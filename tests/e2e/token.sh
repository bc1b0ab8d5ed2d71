#!/usr/bin/env bash
# Meeting tokens as PyJWT reads them, with PKCS#8 and PKCS#1 keys.
. "$(dirname "$0")/lib.sh"
make_chain chat.gatepost.test
APP=vpaas-magic-cookie-123456
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$WORK/pkcs8.pem" 2>/dev/null
openssl rsa -in "$WORK/pkcs8.pem" -traditional -out "$WORK/pkcs1.pem" 2>/dev/null
openssl rsa -in "$WORK/pkcs8.pem" -pubout -out "$WORK/public.pem" 2>/dev/null

config() {
  cat <<TOML
[[site]]
hosts = ["chat.gatepost.test"]
[[site.route]]
path = "/jitsi/"
launcher = "jaas"
[launcher.jaas]
provider = "jaas"
app_id = "$APP"
key_id = "$APP/aabbcc"
private_key = "$WORK/$1.pem"
identity = ["none"]
TOML
}
verify() { # verify PATH ROOM
  curl -sS --cacert "$WORK/root.pem" --resolve "chat.gatepost.test:$HTTPS_PORT:127.0.0.1" \
    "https://chat.gatepost.test:$HTTPS_PORT$1" | "$PYTHON" "$HERE/verify_token.py" "$WORK/public.pem" "$APP" "$2"
}

for key in pkcs8 pkcs1; do
  start_gate < <(config "$key")
  check "$key: a token for the room" verify /jitsi/Standup-2026 Standup-2026
  check "$key: the slash that the desktop app adds" verify /jitsi/Standup-2026/ Standup-2026
  check "$key: no token in the logs" bash -c '! grep -E "eyJ" "$1" "$2"' - "$WORK/gate.out" "$WORK/gate.err"
  check "$key: it ends on SIGTERM" stop_gate
done
finish
