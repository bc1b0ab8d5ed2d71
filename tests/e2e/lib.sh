# What the end-to-end scripts share: a CA, a running gatepost, and a count of what passed.
# Sourced with the path of the binary as the first argument of the script.
# shellcheck shell=bash
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO=$(cd "$HERE/../.." && pwd)
[ $# -ge 1 ] || { echo "usage: $0 PATH-OF-GATEPOST" >&2; exit 2; }
GATEPOST=$(readlink -f "$1")
[ -x "$GATEPOST" ] || { echo "$0: $1 is no program" >&2; exit 2; }
SHARED=$(readlink -f "${SHARED:-$REPO/../shared}")
TOOLS=$REPO/target/e2e
ARTEFACTS=$REPO/artefacts
PYTHON=$TOOLS/venv/bin/python
export NODE_PATH=$TOOLS/node_modules
mkdir -p "$ARTEFACTS"

WORK=$(mktemp -d)
STARTED=()
KEY_KIND=() LEAF_FIELDS=()
passed=0 failed=0

tidy() {
  for pid in "${STARTED[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${STARTED[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$WORK"
}
trap tidy EXIT

# check NAME COMMAND...: runs it; its output is shown where it fails.
check() {
  local name=$1; shift
  if "$@" >"$WORK/check.log" 2>&1; then
    passed=$((passed + 1)); echo "ok   $name"
  else
    failed=$((failed + 1)); echo "FAIL $name"; sed 's/^/     /' "$WORK/check.log" | tail -40
  fi
}

# Prints the count and ends the script by it.
finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}

# until_true WHAT COMMAND...: tries until it holds, for $PATIENCE (30) seconds; a deadline and not a wait.
until_true() {
  local what=$1 patience=${PATIENCE:-30}; shift
  local deadline=$((SECONDS + patience))
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || { echo "$what: not within $patience s" >&2; return 1; }
    sleep 0.05
  done
}

# make_chain NAME...: root.pem, int.pem, leaf.pem (alone), fullchain.pem and key.pem in $WORK for these names,
# with keys of the kind that the array KEY_KIND says to openssl genpkey, ECDSA on P-256 where it is empty;
# LEAF_FIELDS are more lines of the leaf's extensions.
make_chain() {
  local names; names=$(printf 'DNS:%s,' "$@")
  local kind=("${KEY_KIND[@]}")
  [ "${#kind[@]}" -gt 0 ] || kind=(-algorithm EC -pkeyopt ec_paramgen_curve:P-256)
  (
    cd "$WORK"
    for part in root int key; do
      openssl genpkey "${kind[@]}" -out $part.key.pem
    done
    mv key.key.pem key.pem
    printf '%s\n' 'basicConstraints=critical,CA:TRUE' 'keyUsage=critical,keyCertSign,cRLSign' \
      'subjectKeyIdentifier=hash' 'authorityKeyIdentifier=keyid' >ca.ext
    printf '%s\n' 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature' \
      'extendedKeyUsage=serverAuth' 'subjectKeyIdentifier=hash' 'authorityKeyIdentifier=keyid' \
      "subjectAltName=${names%,}" "${LEAF_FIELDS[@]}" >leaf.ext
    openssl req -new -x509 -key root.key.pem -subj '/CN=gatepost e2e root' -days 3650 -out root.pem \
      -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign'
    openssl req -new -key int.key.pem -subj '/CN=gatepost e2e intermediate' \
      | openssl x509 -req -CA root.pem -CAkey root.key.pem -CAcreateserial -days 1000 -extfile ca.ext -out int.pem
    openssl req -new -key key.pem -subj "/CN=$1" \
      | openssl x509 -req -CA int.pem -CAkey int.key.pem -CAcreateserial -days 90 -extfile leaf.ext -out leaf.pem
    cat leaf.pem int.pem >fullchain.pem
  ) >"$WORK/pki.log" 2>&1 || { cat "$WORK/pki.log" >&2; return 1; }
}

# start_gate < FILE: all of a configuration but [server] and the certificate, whose files in $WORK are $CHAIN, $KEY and
# $ROOTS where those of make_chain are not meant; it listens on $LISTEN, or on loopback.
# Sets GATE, HTTPS_PORT and HTTP_PORT; the logs are gate.err and gate.out in $WORK.
start_gate() {
  write_config >"$WORK/gatepost.toml"
  : >"$WORK/gate.err"
  (cd "$WORK" && exec "$GATEPOST" run -c gatepost.toml) >"$WORK/gate.out" 2>"$WORK/gate.err" &
  GATE=$!
  STARTED+=("$GATE")
  until_true "gatepost serving" gate_serves_or_ended || true
  grep -q serving "$WORK/gate.err" || { cat "$WORK/gate.err" >&2; return 1; }
  HTTPS_PORT=$(port_of https) HTTP_PORT=$(port_of http)
}

write_config() {
  cat <<TOML
[server]
http = ["${LISTEN:-127.0.0.1}:0"]
https = ["${LISTEN:-127.0.0.1}:0"]
state = "$WORK/state"
control = "$WORK/control.sock"
${SERVER_KEYS:-}
[[certificate]]
chain = "$WORK/${CHAIN:-fullchain.pem}"
key = "$WORK/${KEY:-key.pem}"
trusted_roots = "$WORK/${ROOTS:-root.pem}"
${CERTIFICATE_KEYS:-}
TOML
  cat
}

gate_serves_or_ended() { grep -q serving "$WORK/gate.err" || ! kill -0 "$GATE" 2>/dev/null; }

port_of() { grep listening "$WORK/gate.err" | grep -E "scheme=\"?$1\"?( |\$)" | head -1 | sed -E 's/.*address=[^ ]*:([0-9]+).*/\1/'; }

# Ends the running gatepost; its exit status is this one's.
stop_gate() {
  kill -TERM "$GATE"
  wait "$GATE"
}

# free_port COUNT: the first of so many ports in a row that nobody has.
free_port() {
  python3 - "$1" <<'PY'
import random, socket, sys
count = int(sys.argv[1])
def is_free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
# Below the range that the kernel gives out by itself.
while not all(map(is_free, range(first := random.randrange(20000, 30000), first + count))):
    pass
print(first)
PY
}

# start_node READY-MARK SCRIPT ARGUMENT...: a node program; sets READY to the line with the mark.
start_node() {
  local mark=$1; shift
  local log; log=$WORK/node-${#STARTED[@]}.log
  : >"$log"
  node "$@" >"$log" 2>&1 &
  STARTED+=("$!")
  until_true "$1 ready" grep -q "$mark" "$log"
  READY=$(grep -m1 "$mark" "$log")
}
