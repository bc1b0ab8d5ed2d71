#!/usr/bin/env bash
# curl, openssl s_client, nghttp and h2load.
. "$(dirname "$0")/lib.sh"
make_chain chat.gatepost.test www.gatepost.test
mkdir -p "$WORK/www"
head -c 1024 /dev/urandom >"$WORK/www/1k.bin"
head -c 11534336 /dev/urandom >"$WORK/11m.bin"
start_node READY "$HERE/sink.mjs"
SINK_PORT=${READY#READY }

SERVER_KEYS='public_https_port = 443' start_gate <<TOML
[[site]]
hosts = ["www.gatepost.test"]
[[site.route]]
path = "/"
root = "$WORK/www"

[[site]]
hosts = ["chat.gatepost.test"]
[[site.route]]
path = "/"
proxy = "http://127.0.0.1:$SINK_PORT"
[[site.route]]
path = "/large/"
proxy = "http://127.0.0.1:$SINK_PORT"
max_body = "20MiB"
TOML

WWW=https://www.gatepost.test:$HTTPS_PORT CHAT=https://chat.gatepost.test:$HTTPS_PORT
fetch() {
  curl -sS --max-time 60 --cacert "$WORK/root.pem" --resolve "www.gatepost.test:$HTTPS_PORT:127.0.0.1" \
    --resolve "chat.gatepost.test:$HTTPS_PORT:127.0.0.1" --resolve "chat.gatepost.test:$HTTP_PORT:127.0.0.1" "$@"
}
# says EXPECTED FORMAT CURL-ARGUMENT...: what curl's --write-out says of the transfer.
says() {
  local expected=$1 format=$2 got; shift 2
  got=$(fetch -o /dev/null -w "$format" "$@")
  echo "$got"
  [ "$got" = "$expected" ]
}
# shakes MARK OPENSSL-ARGUMENT...: the handshake comes about, and s_client prints the mark.
shakes() {
  local mark=$1; shift
  timeout 20 openssl s_client -connect "127.0.0.1:$HTTPS_PORT" -servername chat.gatepost.test -CAfile "$WORK/root.pem" \
    -verify_return_error "$@" </dev/null 2>&1 | tee "$WORK/handshake.log"
  grep -qE "$mark" "$WORK/handshake.log"
}
refuses() { ! timeout 20 openssl s_client -connect "127.0.0.1:$HTTPS_PORT" -servername chat.gatepost.test "$@" </dev/null; }
resumes() { # resumes FLAG
  printf 'GET / HTTP/1.1\r\nHost: chat.gatepost.test\r\nConnection: close\r\n\r\n' \
    | timeout 20 openssl s_client -connect "127.0.0.1:$HTTPS_PORT" -servername chat.gatepost.test "$1" -ign_eof -sess_out "$WORK/session" >/dev/null 2>&1
  shakes '^Reused, ' "$1" -sess_in "$WORK/session"
}
whole() { # the same bytes up and down, over this version
  fetch "$1" --data-binary "@$WORK/11m.bin" -o "$WORK/back.bin" "$CHAT/large/echo"
  cmp "$WORK/11m.bin" "$WORK/back.bin"
}
loads() { # loads H2LOAD-ARGUMENT...: none failed
  timeout 120 h2load "$@" | tee "$WORK/h2load.log"
  grep -q ' 0 failed, 0 errored, 0 timeout' "$WORK/h2load.log"
}

check "HTTP/2 by default" says "200 2" '%{http_code} %{http_version}' "$WWW/1k.bin"
check "HTTP/1.1 where asked" says "200 1.1" '%{http_code} %{http_version}' --http1.1 "$WWW/1k.bin"
check "HTTP/1.0 where asked" says 200 '%{http_code}' --http1.0 "$WWW/1k.bin"
check "the chain verifies" says 0 '%{ssl_verify_result}' "$WWW/1k.bin"
check "port 80 leads to https" says "301 https://chat.gatepost.test/a?b=1" '%{http_code} %{redirect_url}' "http://chat.gatepost.test:$HTTP_PORT/a?b=1"
check "11 MiB up and down, HTTP/1.1" whole --http1.1
check "11 MiB up and down, HTTP/2" whole --http2
check "R80: 11 MiB against a limit of 10 MiB is 413, HTTP/1.1" says 413 '%{http_code}' --http1.1 --data-binary "@$WORK/11m.bin" "$CHAT/counted/"
check "R80: without waiting for 100" says 413 '%{http_code}' --http1.1 -H 'Expect:' --data-binary "@$WORK/11m.bin" "$CHAT/counted/"
check "R80: in chunks" says 413 '%{http_code}' --http1.1 -H 'Expect:' -H 'Transfer-Encoding: chunked' --data-binary "@$WORK/11m.bin" "$CHAT/counted/"
check "R80: HTTP/2" says 413 '%{http_code}' --http2 --data-binary "@$WORK/11m.bin" "$CHAT/counted/"
check "TLS 1.3" shakes 'TLSv1.3' -tls1_3
check "TLS 1.2" shakes 'TLSv1.2' -tls1_2
check "no TLS 1.1" refuses -tls1_1 -cipher 'ALL:@SECLEVEL=0'
check "no TLS 1.0" refuses -tls1 -cipher 'ALL:@SECLEVEL=0'
check "ALPN: h2" shakes 'ALPN protocol: h2' -alpn h2,http/1.1
check "ALPN: http/1.1" shakes 'ALPN protocol: http/1.1' -alpn http/1.1
check "two certificates are sent" bash -c '[ "$(timeout 20 openssl s_client -showcerts -connect "127.0.0.1:$1" -servername chat.gatepost.test </dev/null 2>/dev/null | grep -c BEGIN.CERT)" = 2 ]' - "$HTTPS_PORT"
check "a session of TLS 1.3 is resumed" resumes -tls1_3
check "a session of TLS 1.2 is resumed" resumes -tls1_2
check "nghttp" bash -c 'nghttp -nv "https://127.0.0.1:$1/1k.bin" -H ":authority: www.gatepost.test" | tee /dev/stderr | grep -q ":status: 200"' - "$HTTPS_PORT"
check "h2load: 5000 requests over 10 connections" loads -n5000 -c10 -m10 -H ':authority: chat.gatepost.test' "https://127.0.0.1:$HTTPS_PORT/"
check "h2load: the same over HTTP/1.1" loads --h1 -n5000 -c10 -H ':authority: chat.gatepost.test' "https://127.0.0.1:$HTTPS_PORT/"
check "it ends on SIGTERM" stop_gate
finish
