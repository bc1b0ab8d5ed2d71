#!/usr/bin/env bash
# testssl.sh and sslyze, on a gatepost with an ECDSA chain and on one with an RSA chain; scanners.py reads what they found.
. "$(dirname "$0")/lib.sh"
HOST=chat.gatepost.test
declare -A PORTS SCANS

# gate KIND GENPKEY-ARGUMENT...: chain, configuration and findings of this kind are in a folder of its own.
gate() {
  local all=$WORK
  WORK=$WORK/$1 KEY_KIND=("${@:2}")
  # Where a CA would list what it revoked: as real leaves have it. Nothing is there, and nobody looks.
  LEAF_FIELDS=("crlDistributionPoints=URI:http://crl.gatepost.test/e2e.crl")
  mkdir "$WORK"
  make_chain $HOST
  start_gate <<TOML
[[site]]
hosts = ["$HOST"]
hsts = "730d"
security_headers = true
[[site.route]]
path = "/"
respond = "here"
TOML
  PORTS[$1]=$HTTPS_PORT
  WORK=$all
}
gate ecdsa -algorithm EC -pkeyopt ec_paramgen_curve:P-256
gate rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048

# scan PORT PARTS...: in the folder of a kind. One that ends badly leaves no findings, which scanners.py sees.
scan() {
  local port=$1 part; shift
  timeout 120 "$TOOLS/venv/bin/sslyze" --mozilla_config intermediate --certinfo_ca_file root.pem --sni $HOST --early_data \
    --http_headers --json_out sslyze.json "127.0.0.1:$port" >sslyze.log 2>&1 || echo "ends with $?" >>sslyze.log
  # testssl.sh sleeps a second for much of what it asks, so that its parts take less at the same time.
  for part; do
    # shellcheck disable=SC2086  # a part is several of its options
    timeout 540 testssl --quiet --color 0 --warnings batch --nodns none --ip 127.0.0.1 --add-ca root.pem \
      --jsonfile "testssl${part// /}.json" $part "https://$HOST:$port" </dev/null >"testssl${part// /}.log" 2>&1 &
  done
  wait
}
# Everything, and of RSA what its key could change.
(cd "$WORK/ecdsa" && scan "${PORTS[ecdsa]}" "-p -S -h" "-s -f -P" "-U -c") &
SCANS[ecdsa]=$!
(cd "$WORK/rsa" && scan "${PORTS[rsa]}" "-p -S -U") &
SCANS[rsa]=$!
for kind in ecdsa rsa; do
  wait "${SCANS[$kind]}" || true
  for scanner in testssl sslyze; do
    check "$scanner on the $kind chain" "$PYTHON" "$HERE/scanners.py" "$scanner" "$WORK/$kind"
    sed 's/^/     /' "$WORK/check.log"
  done
done
finish
