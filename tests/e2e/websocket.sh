#!/usr/bin/env bash
# Autobahn's cases through gatepost and without it: the verdicts must be the same.
. "$(dirname "$0")/lib.sh"
make_chain chat.gatepost.test
start_node READY "$HERE/echo.mjs"
ECHO_PORT=${READY#READY }

start_gate <<TOML
[[site]]
hosts = ["127.0.0.1"]
redirect_http = false
[[site.route]]
path = "/"
proxy = "http://127.0.0.1:$ECHO_PORT"
TOML

# Without 12 and 13: compression is between client and backend, and they take minutes.
run_cases() { # run_cases NAME PORT
  timeout 240 "$TOOLS/venv/bin/kosoku" -m fuzzingclient -x '12.*' -x '13.*' -o "$WORK/$1" "127.0.0.1:$2" || true
  verdicts "$1" >"$WORK/$1.verdicts"
  tail -1 "$WORK/$1.verdicts"
  [ "$(wc -l <"$WORK/$1.verdicts")" -ge 300 ]
}
verdicts() {
  "$PYTHON" - "$WORK/$1" <<'PY'
import json, pathlib, sys
index = json.loads((pathlib.Path(sys.argv[1]) / "index.json").read_text())
for agent, cases in index.items():
    for case, result in sorted(cases.items()):
        print(case, result["behavior"], result.get("behaviorClose"))
PY
}
same() { diff "$WORK/direct.verdicts" "$WORK/through.verdicts"; }
all_good() { ! grep -vE ' (OK|NON-STRICT|INFORMATIONAL) ' "$WORK/through.verdicts"; }

check "the echo alone is judged" run_cases direct "$ECHO_PORT"
check "the echo through gatepost is judged" run_cases through "$HTTP_PORT"
check "the verdicts are the same" same
check "and none is a failure" all_good
check "it ends on SIGTERM" stop_gate
finish
