#!/usr/bin/env bash
# Meeting tokens as PyJWT reads them: for JaaS with PKCS#8 and PKCS#1 keys, for a Jitsi of one's own with a secret and with
# a key; from the launcher's page and from `gatepost token`.
. "$(dirname "$0")/lib.sh"
make_chain chat.gatepost.test
APP=vpaas-magic-cookie-123456
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$WORK/pkcs8.pem" 2>/dev/null
openssl rsa -in "$WORK/pkcs8.pem" -traditional -out "$WORK/pkcs1.pem" 2>/dev/null
openssl rsa -in "$WORK/pkcs8.pem" -pubout -out "$WORK/public.pem" 2>/dev/null
openssl rand -hex 32 >"$WORK/secret"

config() { # config < the launcher's own lines
  cat <<TOML
[[site]]
hosts = ["chat.gatepost.test"]
[[site.route]]
path = "/jitsi/"
launcher = "meetings"
[launcher.meetings]
identity = ["none"]
TOML
  cat
}
jaas() {
  config <<TOML
provider = "jaas"
app_id = "$APP"
key_id = "$APP/aabbcc"
private_key = "$WORK/$1.pem"
moderators = "everyone"
features = { moderators = "recording" }
TOML
}
jitsi() {
  config <<TOML
provider = "jitsi"
app_id = "our-app"
server = "https://meet.gatepost.test"
$1
TOML
}
verify() { "$PYTHON" "$HERE/verify_token.py" "$@"; }
page() { # page PATH VERIFY-ARGUMENTS...
  curl -sS --cacert "$WORK/root.pem" --resolve "chat.gatepost.test:$HTTPS_PORT:127.0.0.1" \
    "https://chat.gatepost.test:$HTTPS_PORT$1" | verify "${@:2}"
}
by_hand() { # by_hand ROLE VERIFY-ARGUMENTS...
  "$GATEPOST" token -c "$WORK/gatepost.toml" Standup-2026 --role "$1" --offline | verify "${@:2}"
}
# Header and claims of what `gatepost token --json` decodes are those that PyJWT decodes.
same_decoded() {
  "$GATEPOST" token -c "$WORK/gatepost.toml" Standup-2026 --offline --json | "$PYTHON" -c '
import json, sys, jwt
minted = json.load(sys.stdin)
whole = jwt.decode_complete(minted["token"], options={"verify_signature": False})
assert minted["decoded"] == {"header": whole["header"], "claims": whole["payload"]}, minted'
}
no_token_in_logs() { ! grep -E 'eyJ' "$WORK/gate.out" "$WORK/gate.err"; }

for key in pkcs8 pkcs1; do
  start_gate < <(jaas "$key")
  check "jaas, $key: a token for the room" page /jitsi/Standup-2026 jaas "$WORK/public.pem" "$APP" Standup-2026
  check "jaas, $key: the slash that the desktop app adds" page /jitsi/Standup-2026/ jaas "$WORK/public.pem" "$APP" Standup-2026
  check "jaas, $key: gatepost token" by_hand guest jaas "$WORK/public.pem" "$APP" Standup-2026
  check "jaas, $key: what is shown decoded is what the token says" same_decoded
  check "jaas, $key: no token in the logs" no_token_in_logs
  check "jaas, $key: it ends on SIGTERM" stop_gate
done

for key in secret public.pem; do
  case $key in
  secret) how="secret = { file = \"$WORK/secret\" }" ;;
  *) how="private_key = \"$WORK/pkcs8.pem\""$'\n''key_id = "gatepost"' ;;
  esac
  start_gate < <(jitsi "$how")
  ours=(jitsi "$WORK/$key" our-app Standup-2026 meet.gatepost.test)
  check "jitsi, $key: a token for the room" page /jitsi/Standup-2026 "${ours[@]}"
  check "jitsi, $key: gatepost token, moderator" by_hand moderator "${ours[@]}"
  check "jitsi, $key: gatepost token, guest" by_hand guest "${ours[@]}"
  check "jitsi, $key: what is shown decoded is what the token says" same_decoded
  check "jitsi, $key: no token in the logs" no_token_in_logs
  check "jitsi, $key: it ends on SIGTERM" stop_gate
done
finish
