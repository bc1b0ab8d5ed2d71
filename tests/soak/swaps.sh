#!/usr/bin/env bash
# A certificate swap a second under load: no handshake may fail, no open connection may break, each swap must be seen.
# Usage: swaps.sh PATH-OF-GATEPOST [MINUTES, default 10]
. "$(dirname "$0")/../e2e/lib.sh"
MINUTES=${2:-10}
PAIRS=20
CLIENTS=8
make_chain chat.gatepost.test
mkdir -p "$WORK/live"
for number in $(seq 0 $((PAIRS - 1))); do
  mkdir -p "$WORK/pairs/$number"
  (
    cd "$WORK"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "pairs/$number/privkey.pem"
    openssl req -new -key "pairs/$number/privkey.pem" -subj /CN=chat.gatepost.test \
      | openssl x509 -req -CA int.pem -CAkey int.key.pem -CAcreateserial -days 90 -extfile leaf.ext -out leaf.pem
    cat leaf.pem int.pem >"pairs/$number/fullchain.pem"
  ) >>"$WORK/pki.log" 2>&1
done
for name in fullchain.pem privkey.pem; do ln -s "../pairs/0/$name" "$WORK/live/$name"; done

CHAIN=live/fullchain.pem KEY=live/privkey.pem SERVER_KEYS='workers = 2' start_gate <<'TOML'
[[site]]
hosts = ["chat.gatepost.test"]
[[site.route]]
path = "/"
respond = "here"
TOML
memory() { awk '/VmRSS/ { print $2 }' "/proc/$GATE/status"; }

before=$(memory)
status=0
python3 "$REPO/tests/soak/swaps.py" "$WORK" "$HTTPS_PORT" $((MINUTES * 60)) "$PAIRS" "$CLIENTS" || status=$?
echo "resident memory                $before KiB before, $(memory) KiB after"
echo "said in the log                $(grep -c 'serving a new certificate' "$WORK/gate.err") swaps, $(grep -c ERROR "$WORK/gate.err" || true) errors"
kill -TERM "$GATE"
wait "$GATE" || status=$?
[ "$status" = 0 ] || { echo "FAILED"; grep -v 'serving a new' "$WORK/gate.err" | tail -20; }
exit "$status"
