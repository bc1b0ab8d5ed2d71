#!/usr/bin/env bash
# What the README promises of `demo`: it starts on 8443 and 8080 with nothing else there, answers, and ends on SIGTERM.
. "$(dirname "$0")/lib.sh"

: >"$WORK/demo.out"
(cd "$WORK" && XDG_STATE_HOME=$WORK/state exec "$GATEPOST" demo) >"$WORK/demo.out" 2>"$WORK/demo.err" &
GATE=$!
STARTED+=("$GATE")
until_true "the demo's guide" grep -q 'curl --cacert' "$WORK/demo.out" || { cat "$WORK/demo.err"; exit 1; }
ROOT=$(grep -m1 -oE '[^ ]*/root\.pem' "$WORK/demo.out")

fetch() { curl -sS --max-time 20 --noproxy '*' --cacert "$ROOT" --resolve '*:8443:127.0.0.1' --resolve '*:8080:127.0.0.1' -c "$WORK/jar" -b "$WORK/jar" "$@"; }
says() { # says MARK CURL-ARGUMENT...
  local mark=$1; shift
  fetch -i "$@" | tee "$WORK/answer"
  grep -qE "$mark" "$WORK/answer"
}

check "the website" says 'HTTP/2 200' https://www.localhost:8443/
check "the listing" says 'pictures' https://www.localhost:8443/files/
check "port 80's part leads to https" says '^location: https://www.localhost:8443/files/\?a=b' 'http://www.localhost:8080/files/?a=b'
check "no meeting for who is not signed in" says "^location: /login" https://chat.localhost:8443/jitsi/Tea
check "signing in to the chat" says 'set-cookie' -d name=Ada https://chat.localhost:8443/login
check "a meeting for who is" says 'jwt=' https://chat.localhost:8443/jitsi/Tea
check "it ends on SIGTERM" stop_gate
finish
