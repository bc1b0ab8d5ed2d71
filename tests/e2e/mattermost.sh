#!/usr/bin/env bash
# The published Mattermost client through https: sign in, read, post, the event on the WebSocket, a file of 5 MB.
. "$(dirname "$0")/lib.sh"
make_chain chat.gatepost.test
# shared/ is read-only, npm writes beside package.json.
cp -r "$SHARED/real/mattermost-standin" "$WORK/standin"
chmod -R u+w "$WORK/standin"
(cd "$WORK/standin" && npm ci --no-audit --no-fund --silent)
start_node READY "$WORK/standin/server.mjs" 0
UPSTREAM=${READY#READY }

start_gate <<TOML
[[site]]
hosts = ["chat.gatepost.test"]
[[site.route]]
path = "/"
proxy = "$UPSTREAM"
preset = "mattermost"
TOML
BASE=https://chat.gatepost.test:$HTTPS_PORT

drive() { NODE_EXTRA_CA_CERTS=$WORK/root.pem timeout 120 node "$WORK/standin/drive.mjs" "$BASE" "$@"; }
# What the server saw of the client: its own host, https, one address, no upgrade where none was asked for.
told_the_truth() {
  curl -sS "$UPSTREAM/standin/seen" | "$PYTHON" -c '
import json, sys
seen = [x for x in json.load(sys.stdin) if x.get("path", "").startswith("/api/")]
host = sys.argv[1]
assert len(seen) > 20, len(seen)
for x in seen:
    assert (x["host"], x["xfp"], x["xff"], x["xri"]) == (host, "https", "127.0.0.1", "127.0.0.1"), x
    assert "fwd" not in x, x
    assert (x["kind"] == "ws-open") == ("upgrade" in x), x
assert any(x["kind"] == "ws-open" and x["origin"] == "https://" + host for x in seen)
' "chat.gatepost.test:$HTTPS_PORT"
}

check "the client's whole round" drive
grep -E '^(ok|FAIL)' "$WORK/check.log" | sed 's/^/     /' || true
check "a second user's round" drive bob
check "the server is told the truth about the client" told_the_truth
check "no token in the logs" bash -c '! grep -iE "Bearer|MMAUTHTOKEN=[a-z0-9]" "$1" "$2"' - "$WORK/gate.out" "$WORK/gate.err"
check "it ends on SIGTERM" stop_gate
finish
