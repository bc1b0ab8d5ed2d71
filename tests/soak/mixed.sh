#!/usr/bin/env bash
# A soak with mixed traffic: some 280 requests a second of every kind that gatepost is for and many that it is not, WebSockets,
# clients and upstreams that fail, reloads, renewed certificates, moved logs. Every answer is compared whole. Memory,
# descriptors and threads must be flat, nothing lost, nothing wrong. mixed/judge.py says what flat is.
# Usage: mixed.sh PATH-OF-GATEPOST [MINUTES, default 60]. KEEP=FOLDER gets samples, figures and logs.
. "$(dirname "$0")/../e2e/lib.sh"
MINUTES=${2:-60}
MIXED=$REPO/tests/soak/mixed
VENV=$REPO/target/soak/venv
[ -x "$VENV/bin/python" ] || python3 -m venv "$VENV"
"$VENV/bin/pip" install --quiet --disable-pip-version-check -r "$MIXED/requirements.txt"
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
export GATEPOST

make_chain chat.gatepost.test
cd "$WORK"
# renew NUMBER: a new pair, served from now on.
renew() {
  mkdir -p "pairs/$1" live
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "pairs/$1/privkey.pem"
  openssl req -new -key "pairs/$1/privkey.pem" -subj /CN=chat.gatepost.test \
    | openssl x509 -req -CA int.pem -CAkey int.key.pem -CAcreateserial -days 90 -extfile leaf.ext -out "pairs/$1/leaf.pem"
  cat "pairs/$1/leaf.pem" int.pem >"pairs/$1/fullchain.pem"
  for name in privkey.pem fullchain.pem; do
    ln -s "../pairs/$1/$name" "live/$name.new"
    mv -T "live/$name.new" "live/$name"
  done
}
export -f renew
renew 0 2>>pki.log
openssl genrsa -out private.pk 2048 2>>pki.log
printf 'soak-soak-soak' | "$GATEPOST" password anna >staff.users
mkdir www
PYTHONPATH=$MIXED python3 -c 'import content, pathlib
for name, data in content.FILES.items(): pathlib.Path("www", name).write_bytes(data)'

first=$(free_port 4)
printf 'http=%s https=%s admin=%s' "$first" $((first + 1)) $((first + 2)) >ports
python3 "$MIXED/upstream.py" $((first + 3)) >upstream.out 2>upstream.err &
STARTED+=($!)
until_true "the upstream" grep -q ready upstream.out
python3 "$MIXED/config.py" "$WORK" $((first + 3)) 0
"$GATEPOST" run -c gatepost.toml >gate.out 2>gate.err &
GATE=$!
STARTED+=("$GATE")
until_true "gatepost serving" gate_serves_or_ended
grep -q serving gate.err || { cat gate.err >&2; exit 1; }

status=0
"$VENV/bin/python" "$MIXED/traffic.py" "$WORK" "$GATE" "$first" $((first + 1)) $((first + 2)) $((first + 3)) "$MINUTES" \
  >traffic.out 2>traffic.err || status=$?
stop_gate || { echo "gatepost ended with $?"; status=1; }
[ ! -s figures.json ] || python3 "$MIXED/judge.py" "$WORK" || status=$?
echo "said in the log                  $(grep -c ERROR gate.err || true) errors, $(grep -c WARN gate.err || true) warnings"
if grep -q panicked gate.err; then echo "PANICKED"; grep -A3 panicked gate.err; status=1; fi
if [ -n "${KEEP:-}" ]; then mkdir -p "$KEEP"; cp samples.csv figures.json metrics.txt gate.err traffic.out traffic.err upstream.err "$KEEP/" || true; fi
[ "$status" = 0 ] || { echo "FAILED"; tail -5 traffic.err; }
exit "$status"
