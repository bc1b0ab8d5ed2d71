#!/usr/bin/env bash
# `gatepost cert inspect` against what OpenSSL, curl and Java say: every chain of the set, served, and weak ones beside.
# Prints a table; fails where a client says other than the set has it, or gatepost calls trusted what is refused.
. "$(dirname "$0")/lib.sh"
HOST=chat.example
SET=$WORK/set
JAVA_CLASSES=$WORK/classes
STRICT=$SHARED/real/strict-tls-client/StrictTls.java
mkdir -p "$SET" "$JAVA_CLASSES"

# The set's server ends when the script does: its standard input is held open here alone.
mkfifo "$WORK/hold"
exec 9<>"$WORK/hold"
(cd "$REPO" && CHAIN_SET=$SET exec cargo test --quiet --locked --test it -- --ignored --exact \
  cert_serve::the_chain_set_is_served_for_other_judges) <"$WORK/hold" 9>&- >"$WORK/set.log" 2>&1 &
STARTED+=("$!")
SERVER=$!
javac -d "$JAVA_CLASSES" "$STRICT"
served_or_ended() { [ -e "$SET/table" ] || ! kill -0 "$SERVER" 2>/dev/null; }
# It is built first, where it is not yet.
PATIENCE=400 until_true "the chain set" served_or_ended || true
[ -e "$SET/table" ] || { cat "$WORK/set.log" >&2; exit 1; }

said() { if "$@" >"$WORK/said.log" 2>&1; then echo TRUSTED; else echo REFUSED; fi; }
openssl_says() { # ROOT PORT
  said timeout 20 openssl s_client -connect "127.0.0.1:$2" -servername $HOST -verify_hostname $HOST \
    -CAfile "$1" -no-CApath -no-CAstore -verify_return_error </dev/null
}
curl_says() {
  said timeout 20 curl -sS -o /dev/null --noproxy '*' --cacert "$1" --capath /nonexistent \
    --resolve "$HOST:$2:127.0.0.1" "https://$HOST:$2/"
}
java_says() { said timeout 60 java -Xshare:auto -XX:TieredStopAtLevel=1 -cp "$JAVA_CLASSES" StrictTls "$1" $HOST "$2"; }

# The five verdicts of gatepost, a letter each: desktop, Android, iOS, Java, OpenSSL.
gatepost_says() { # ROOT PORT
  local status=0
  timeout 60 "$GATEPOST" cert inspect "127.0.0.1:$2" --name $HOST --roots "$1" --json \
    >"$WORK/report.json" 2>"$WORK/said.log" || status=$?
  [ "$status" -le 1 ] || { cat "$WORK/said.log" >&2; echo "?????"; return; }
  python3 -c 'import json, sys; print("".join(v["verdict"][0] for v in json.load(open(sys.argv[1]))["verdicts"]))' "$WORK/report.json"
}

# Whether a letter may stand beside what a client really does.
agrees() { case $1$2 in tTRUSTED | rREFUSED | d*) true ;; *) false ;; esac; }

printf '%-30s %-9s %-8s %-8s %-8s\n' chain gatepost openssl curl java
# row NAME ROOT PORT VERDICTS OPENSSL JAVA: asks all four, prints what they say, and compares.
row() {
  local name=$1 root=$2 port=$3 verdicts=$4 openssl=$5 java=$6 g o c j
  g=$(gatepost_says "$root" "$port") o=$(openssl_says "$root" "$port")
  c=$(curl_says "$root" "$port") j=$(java_says "$root" "$port")
  printf '%-30s %-9s %-8s %-8s %-8s\n' "$name" "$g" "$o" "$c" "$j"
  [ "$g" = "$verdicts" ] && [ "$o" = "$openssl" ] && [ "$c" = "$openssl" ] && [ "$j" = "$java" ] \
    && agrees "${g:3:1}" "$j" && agrees "${g:4:1}" "$o" || {
    echo "     ^ the set has $verdicts, openssl and curl $openssl, java $java" >&2
    return 1
  }
}
while read -r name port verdicts openssl java; do
  if row "$name" "$SET/$name.root.pem" "$port" "$verdicts" "$openssl" "$java"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
done <"$SET/table"

# Keys and signatures that no library of today makes, by openssl with its own guard down; served by it with every
# version of TLS that it has.
weak() { # NAME NEWKEY DIGEST VERDICTS OPENSSL JAVA
  local name=$1 newkey=$2 digest=$3 root=$WORK/$1.root.pem; shift 3
  (
    cd "$WORK"
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$name.ca.key" -out "$name.root.pem" -subj "/CN=$name root" -days 900
    printf '%s\n' "subjectAltName=DNS:$HOST" extendedKeyUsage=serverAuth basicConstraints=CA:FALSE >"$name.ext"
    openssl req -newkey "$newkey" -nodes -keyout "$name.key" -subj "/CN=$HOST" \
      | openssl x509 -req "-$digest" -CA "$name.root.pem" -CAkey "$name.ca.key" -CAcreateserial -days 90 \
        -extfile "$name.ext" -out "$name.pem"
  ) >"$WORK/pki.log" 2>&1 || { cat "$WORK/pki.log" >&2; return 1; }
  : >"$WORK/$name.log"
  openssl s_server -accept 127.0.0.1:0 -cert "$WORK/$name.pem" -key "$WORK/$name.key" -cipher ALL:@SECLEVEL=0 -www \
    >"$WORK/$name.log" 2>&1 &
  STARTED+=("$!")
  until_true "$name" grep -q ACCEPT "$WORK/$name.log"
  local port; port=$(grep -oE 'ACCEPT 127.0.0.1:[0-9]+' "$WORK/$name.log" | head -1 | sed 's/.*://')
  row "$name" "$root" "$port" "$@"
}
count() { if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi; }
count weak rsa-1024 rsa:1024 sha256 ddrtd REFUSED TRUSTED
has() { grep -q "\"$1\"" "$WORK/report.json"; }
check "TLS 1.0 and 1.1 are seen where they are offered" has old-tls
count weak sha-1 rsa:2048 sha1 rdrdd REFUSED TRUSTED
count weak md5 rsa:2048 md5 rrrrr REFUSED REFUSED
finish
