#!/usr/bin/env bash
# Started as root, serving as somebody else: what is given up, and that everything still works. certbot and the ACME
# server are real ones. Takes root; ports below 1024 on an address of its own, 127.0.0.0/8, so that nobody is in the way.
. "$(dirname "$0")/lib.sh"
if [ "$(id -u)" != 0 ]; then
  echo "privileges were NOT tried: that takes root"
  finish
  exit
fi
NAME=chat.gatepost.test
SERVES=gatepost-e2e
id -u $SERVES >/dev/null 2>&1 || useradd --system --user-group --no-create-home --shell /usr/sbin/nologin $SERVES
SERVES_UID=$(id -u $SERVES) SERVES_GID=$(id -g $SERVES)
# One that nobody listens on, with ports below 1024.
HERE_ADDRESS=127.$((RANDOM % 200 + 20)).$((RANDOM % 250 + 1)).$((RANDOM % 250 + 1))
# A program that everybody may start, as in /usr/local/bin; an upgrade puts another one in its place.
mkdir "$WORK/bin"
install -m 0755 "$GATEPOST" "$WORK/bin/gatepost"
GATEPOST=$WORK/bin/gatepost
# Where root's folders lie, as /etc does: nobody else can change what leads there, everybody may go through.
chmod 0755 "$WORK"
CERTBOT=$WORK/certbot
mkdir -p "$WORK/webroot" "$WORK/www" "$CERTBOT/etc"
echo page >"$WORK/www/index.html"

# The private files that root alone reads: a launcher's key and a secret of its own.
mkdir -m 0700 "$WORK/secrets"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$WORK/secrets/jaas.pk" 2>/dev/null
openssl rand -hex 32 >"$WORK/secrets/webhook"
chmod 0600 "$WORK/secrets/"*

# configuration HTTP-KEYS... : the whole file; it holds a secret by itself, so that root alone reads it.
configuration() {
  cat >"$WORK/new.toml" <<TOML
[server]
http = ["$HERE_ADDRESS:80"${MORE_HTTP:-}]
https = ["$HERE_ADDRESS:443"]
user = "$SERVES"
state = "$WORK/var/lib/gatepost"
control = "$WORK/run/gatepost/control.sock"
acme_webroot = "$WORK/webroot"
drain = "2s"
${MORE_SERVER:-}
[log]
access = "$WORK/var/log/access.log"
[[certificate]]
chain = "$CERTBOT/etc/live/$NAME/fullchain.pem"
key = "$CERTBOT/etc/live/$NAME/privkey.pem"
trusted_roots = "$WORK/acme/issuer-root.pem"
${MORE_CERTIFICATES:-}
[launcher.jaas]
provider = "jaas"
app_id = "vpaas-magic-cookie-1"
key_id = "vpaas-magic-cookie-1/a"
private_key = "$WORK/secrets/jaas.pk"
webhook_secret = { file = "$WORK/secrets/webhook" }
identity = ["none"]
[[site]]
hosts = ["$NAME"]
[[site.route]]
path = "/"
root = "$WORK/www"
[[site.route]]
path = "/jitsi/"
launcher = "jaas"
${MORE_SITES:-}
TOML
  chmod 0600 "$WORK/new.toml"
  mv "$WORK/new.toml" "$WORK/gatepost.toml"
}
start() {
  : >"$WORK/gate.err"
  (cd "$WORK" && exec ${STARTER:-} "$GATEPOST" run -c gatepost.toml) >"$WORK/gate.out" 2>"$WORK/gate.err" &
  GATE=$!
  STARTED+=("$GATE")
  until_true "gatepost serving" gate_serves_or_ended || true
  grep -q serving "$WORK/gate.err" || { cat "$WORK/gate.err" >&2; return 1; }
}
start_acme() {
  local first; first=$(free_port 4)
  # How certbot takes refused nonces is not what is tried here.
  NONCE_REJECT=0 HTTP_PORT=80 TLS_PORT=443 ACME_PORT=$first MGMT_PORT=$((first + 1)) DNS_PORT=$((first + 3)) \
    bash "$SHARED/real/acme-server.sh" "$WORK/acme" >"$WORK/acme.log" 2>&1 &
  STARTED+=("$!")
  until_true "the ACME server" grep -q ACME_PIDS "$WORK/acme.log"
  DIRECTORY=$(sed -n 's/^ACME_DIRECTORY=//p' "$WORK/acme.log")
  curl -sf -d "{\"host\":\"$NAME\",\"addresses\":[\"$HERE_ADDRESS\"]}" "http://127.0.0.1:$((first + 2))/add-a"
}
run_certbot() {
  (umask 022; REQUESTS_CA_BUNDLE=$WORK/acme/api-ca.pem timeout 120 certbot "$@" -n --config-dir "$CERTBOT/etc" \
    --work-dir "$CERTBOT/work" --logs-dir "$CERTBOT/log")
}
first_certificate() {
  run_certbot certonly --agree-tos --register-unsafely-without-email --server "$DIRECTORY" --webroot -w "$WORK/webroot" -d $NAME
}
renewal() { run_certbot renew --force-renewal --no-random-sleep-on-renew; }
serial_of() { openssl x509 -noout -serial; }
served() { # served [NAME]
  timeout 20 openssl s_client -connect "$HERE_ADDRESS:443" -servername "${1:-$NAME}" </dev/null 2>/dev/null | serial_of 2>/dev/null
}
on_disk() { serial_of <"$CERTBOT/etc/live/$NAME/cert.pem"; }
serves_what_is_on_disk() { [ -n "$(on_disk)" ] && [ "$(served)" = "$(on_disk)" ]; }
nothing_served() { ! served; }
get() { # get PATH
  curl -sS --cacert "$WORK/acme/issuer-root.pem" --resolve "$NAME:443:$HERE_ADDRESS" "https://$NAME$1"
}
page_is_served() { [ "$(get /)" = page ]; }
log_says() { grep -qE "$1" "$WORK/gate.err"; }
mode_of() { stat -c '%U %a' "$1"; }

status() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr -s '[:space:]' ' ' | sed 's/ $//'; }
has_given_all_up() { # PID [GROUPS [SETS]]: of what an ordinary user starts, what could be had stays as long as nothing can be had
  local pid=$1 task
  for task in /proc/"$pid"/task/*; do
    local id; id="$pid/task/${task##*/}"
    echo "$id: $(status "$id" Uid), $(status "$id" Gid), $(status "$id" Groups), $(status "$id" CapEff)"
    [ "$(status "$id" Uid)" = "$SERVES_UID $SERVES_UID $SERVES_UID $SERVES_UID" ] || return 1
    [ "$(status "$id" Gid)" = "$SERVES_GID $SERVES_GID $SERVES_GID $SERVES_GID" ] || return 1
    [ "$(status "$id" Groups)" = "${2-$SERVES_GID}" ] || return 1
    for set in ${3:-CapInh CapPrm CapEff CapBnd CapAmb}; do [ "$(status "$id" $set)" = 0000000000000000 ] || return 1; done
    [ "$(status "$id" NoNewPrivs)" = 1 ] || return 1
  done
}
# Of a process whose memory may be dumped /proc belongs to its user, of another one to root.
is_not_dumpable() { [ "$(stat -c %u "/proc/$1/environ")" = 0 ]; }
children() { cat /proc/"$1"/task/*/children 2>/dev/null; }
reader_of() { # PID: the reader among its children
  local child
  for child in $(children "$1"); do
    [ "$(cat "/proc/$child/comm" 2>/dev/null)" = gatepost-reader ] && { echo "$child"; return 0; }
  done
  return 1
}
# Readers of this script's program, not of another's.
readers() {
  local pid
  for pid in /proc/[0-9]*; do
    if [ "$(cat "$pid/comm" 2>/dev/null)" = gatepost-reader ] && grep -q "^$WORK/" <(tr '\0' '\n' <"$pid/cmdline" 2>/dev/null); then
      echo "${pid#/proc/}"
    fi
  done
}
reader_may_only_read() {
  local pid=$1
  grep -E '^(Uid|Gid|Groups|Cap|NoNew)' "/proc/$pid/status"
  [ "$(status "$pid" Uid)" = "65534 65534 65534 65534" ] && [ -z "$(status "$pid" Groups)" ] || return 1
  for set in CapPrm CapEff CapBnd; do [ "$(status "$pid" $set)" = 0000000000000004 ] || return 1; done
  [ "$(status "$pid" NoNewPrivs)" = 1 ] && [ -z "$(tr '\0' '\n' <"/proc/$pid/environ")" ] \
    && ! find "/proc/$pid/fd" -lname 'socket:*' -printf x | grep -q xx
}
as_user_cannot() { ! setpriv --reuid $SERVES --regid $SERVES --clear-groups "$@"; }
ends() { ! kill -0 "$1" 2>/dev/null; }

log_is_calm() { cat "$WORK/gate.err"; ! grep -E 'not taken up|reader' "$WORK/gate.err"; }
launcher_signs() { get /jitsi/Room | grep -q 8x8.vc; }
reload() { "$GATEPOST" reload -c "$WORK/gatepost.toml"; }
upgrade() { "$GATEPOST" upgrade -c "$WORK/gatepost.toml" >"$WORK/upgrade.log" 2>&1 && cat "$WORK/upgrade.log" && GATE=$(sed -nE 's/.*\(process ([0-9]+)\)$/\1/p' "$WORK/upgrade.log") && STARTED+=("$GATE"); }
new_certificate() {
  MORE_CERTIFICATES="[[certificate]]
chain = \"$WORK/secrets/new.pem\"
key = \"$WORK/secrets/new.key\"
trusted_roots = \"$WORK/secrets/new.pem\"" MORE_SITES="[[site]]
hosts = [\"new.gatepost.test\"]
[[site.route]]
path = \"/\"
respond = \"new\"" configuration
}
new_is_served() { [ "$(served new.gatepost.test)" = "$(serial_of <"$WORK/secrets/new.pem")" ]; }
refuses_a_low_port() { ! reload >"$WORK/reload.log" 2>&1 && cat "$WORK/reload.log" && grep -q 'gives both up before it serves: start it anew' "$WORK/reload.log"; }
refuses_an_upgrade() { ! "$GATEPOST" upgrade -c "$WORK/gatepost.toml" >"$WORK/upgrade.log" 2>&1; cat "$WORK/upgrade.log"; grep -q 'the reader process has gone' "$WORK/upgrade.log"; }
moved_log() {
  mv "$WORK/var/log/access.log" "$WORK/var/log/access.log.1" && kill -USR1 "$GATE" \
    && until_true "the log anew" test -e "$WORK/var/log/access.log" && get / >/dev/null \
    && until_true "a line in it" test -s "$WORK/var/log/access.log" && [ "$(stat -c %U "$WORK/var/log/access.log")" = $SERVES ]
}
reader_has_one() { grep -E '^(Uid|Cap)' "/proc/$1/status"; [ "$(status "$1" CapEff)" = 0000000000000004 ] && [ "$(status "$1" CapBnd)" != ffffffffffffffff ]; }
no_reader() { [ -z "$(readers)" ]; }
check "the ACME server starts" start_acme
configuration
check "it starts as root on ports 80 and 443" start
FIRST=$GATE
check "every thread is $SERVES's, with no capability and no way back" has_given_all_up "$GATE"
check "no core file would hold its keys" is_not_dumpable "$GATE"
READER=$(reader_of "$GATE")
check "the reader may read and nothing else" reader_may_only_read "$READER"
check "nor would a core file of the reader" is_not_dumpable "$READER"
check "the user cannot look into the reader" as_user_cannot head -c 1 "/proc/$READER/mem"
check "nor at what it has open" as_user_cannot ls "/proc/$READER/fd/"
check "nor end it" as_user_cannot kill -TERM "$READER"
check "nor look into the process that serves" as_user_cannot cat "/proc/$GATE/environ"
check "the state folder is its own" [ "$(mode_of "$WORK/var/lib/gatepost")" = "$SERVES 700" ]
check "so is the ledger that a launcher keeps" [ "$(stat -c %U "$WORK/var/lib/gatepost/installation.key")" = $SERVES ]
check "so is the control socket" [ "$(mode_of "$WORK/run/gatepost/control.sock")" = "$SERVES 600" ]
check "no handshake comes about while there is no certificate" nothing_served

check "certbot gets its first certificate through port 80" first_certificate
check "its folder is root's alone" [ "$(mode_of "$CERTBOT/etc/archive")" = "root 700" ]
check "its key is root's alone" [ "$(mode_of "$CERTBOT/etc/archive/$NAME/privkey1.pem")" = "root 600" ]
check "the user cannot read it" as_user_cannot cat "$CERTBOT/etc/live/$NAME/privkey.pem"
check "it is served, with no hook" until_true "the first certificate served" serves_what_is_on_disk
renews() { # renews WHEN: twice as fast as the look once a minute would be, so that the reader's inotify told of it
  local before; before=$(on_disk)
  check "certbot renews $1" renewal
  check "what it got is another $1" [ "$before" != "$(on_disk)" ]
  check "and is served, with no hook $1" within_30 serves_what_is_on_disk
}
within_30() { PATIENCE=30 until_true "$*" "$@"; }
renews "after the drop (1)"
renews "after the drop (2)"
check "the log has not a word against it" log_is_calm
check "the website is served" page_is_served
check "so is the launcher, whose key is root's" launcher_signs

# Reload: the file is root's alone, and names files that root alone reads.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=new.gatepost.test \
  -addext subjectAltName=DNS:new.gatepost.test -keyout "$WORK/secrets/new.key" -out "$WORK/secrets/new.pem" 2>/dev/null
chmod 0600 "$WORK/secrets/"*
new_certificate
check "root reloads" reload
check "what the file names since then is read and served" within_30 new_is_served
MORE_HTTP=", \"$HERE_ADDRESS:81\"" new_certificate
check "a new port below 1024 is refused, and it is said what to do" refuses_a_low_port
check "what was served goes on" page_is_served
MORE_HTTP=", \"$HERE_ADDRESS:8180\"" new_certificate
check "a new port above is bound" reload
new_certificate
check "and given up" reload
check "the log is opened anew where it was moved" moved_log

# Upgrade: a process that was never root gets the ports and a reader of its own. Meanwhile people come, and a renewal.
python3 "$HERE/arrivals.py" "$HERE_ADDRESS" 443 $NAME "$WORK/acme/issuer-root.pem" page >"$WORK/arrivals.log" 2>&1 &
ARRIVALS=$!
STARTED+=("$ARRIVALS")
check "people come" within_30 grep -q READY "$WORK/arrivals.log"
check "it reloads meanwhile" reload
renews "meanwhile"
install -m 0755 "$GATEPOST" "$WORK/bin/next" && mv "$WORK/bin/next" "$GATEPOST"
check "root upgrades" upgrade
check "the process before ends" within_30 ends "$FIRST"
check "and its reader with it" within_30 ends "$READER"
check "every thread of the next one is $SERVES's" has_given_all_up "$GATE"
check "no core file would hold its keys either" is_not_dumpable "$GATE"
READER=$(readers)
check "there is one reader, and it may read and nothing else" reader_may_only_read "$READER"
check "the next one serves on the same ports" page_is_served
renews "after the upgrade"
nobody_was_lost() { kill -TERM $ARRIVALS; wait $ARRIVALS || true; cat "$WORK/arrivals.log"; grep -qE '^[0-9]{2,} answered, 0 lost$' "$WORK/arrivals.log"; }
check "nobody who came was lost" nobody_was_lost
tail -1 "$WORK/arrivals.log"
check "it reloads" reload

# Root's commands: they are the user's, and leave nothing of root's behind.
invites() { "$GATEPOST" token -c "$WORK/gatepost.toml" --offline Room | grep -q RS256 && "$GATEPOST" meetings -c "$WORK/gatepost.toml"; }
nothing_of_roots() { find "$WORK/var/lib/gatepost" ! -user $SERVES | tee "$WORK/strangers"; [ ! -s "$WORK/strangers" ]; }
check "the ledger is kept by the user" test -s "$WORK/var/lib/gatepost/meetings.sqlite"
check "root signs a token and looks at the meetings" invites
check "nothing in the state folder is root's by that" nothing_of_roots

# Without a reader.
kill -KILL "$READER"
check "that the reader was killed is said at once" within_30 log_says 'ERROR the reader process has gone'
SERVED=$(served)
check "certbot renews without a reader" renewal
check "what it got is not taken up, and it is said why" within_30 log_says 'not taken up.*the reader process has gone.*what is served until'
check "the old certificate stays" [ "$(served)" = "$SERVED" ]
check "requests are answered" page_is_served
check "an upgrade that could read no key is refused" refuses_an_upgrade
stop_gate_of_ours() { kill -TERM "$GATE" && within_30 ends "$GATE"; }
check "it ends on SIGTERM" stop_gate_of_ours
check "and leaves no reader" no_reader

# Again, and by other ways.
check "started anew it takes the renewed one up" start
check "it is served" within_30 serves_what_is_on_disk
check "it ends" stop_gate
STARTER="setpriv --reuid $SERVES --regid $SERVES --clear-groups --inh-caps -all,+dac_read_search,+net_bind_service
  --ambient-caps -all,+dac_read_search,+net_bind_service --bounding-set -all,+dac_read_search,+net_bind_service --no-new-privs"
check "started without root, with two capabilities as systemd gives them" start
check "every thread has given them up" has_given_all_up "$GATE" "" "CapInh CapPrm CapEff CapAmb"
check "the reader has one of them" reader_has_one "$(reader_of "$GATE")"
renews "without root"
FIRST=$GATE
check "it upgrades" upgrade
renews "after that upgrade"
check "it ends on SIGTERM, too" stop_gate_of_ours
units_are_right() {
  mkdir -p "$WORK/units" && cp "$REPO"/examples/systemd/* "$WORK/units/" && sed -i "s|/usr/local/bin/gatepost|$GATEPOST|" "$WORK/units/gatepost.service"
  systemd-analyze verify "$WORK/units/gatepost.service" "$WORK/units/gatepost.socket" 2>&1 | tee "$WORK/verify.log"
  [ ! -s "$WORK/verify.log" ]
}
is_sandboxed() { systemd-analyze security --offline=true --threshold=18 "$REPO/examples/systemd/gatepost.service" | tail -1; return "${PIPESTATUS[0]}"; }
if command -v systemd-analyze >/dev/null; then
  check "systemd finds nothing wrong with the units" units_are_right
  check "nor an exposure above 1.8" is_sandboxed
fi
# The unit of examples/systemd, as far as it can be had without systemd as the first process: its files, its rights, its system calls.
if /usr/bin/python3 -c 'import seccomp' 2>/dev/null && command -v systemd-analyze >/dev/null; then
  STARTER="/usr/bin/python3 $HERE/as_systemd.py $REPO/examples/systemd/gatepost.service $SERVES $WORK $HERE_ADDRESS:80 $HERE_ADDRESS:443 --"
  check "in the sandbox of the systemd unit it starts" start
  check "there every thread has given up its right" has_given_all_up "$GATE" "$SERVES_GID" "CapInh CapPrm CapEff CapAmb"
  check "there system calls are filtered" [ "$(status "$GATE" Seccomp)" = 2 ]
  check "there the website is served" page_is_served
  check "so is the launcher" launcher_signs
  check "there it reloads" reload
  renews "in the sandbox"
  FIRST=$GATE
  check "there it upgrades" upgrade
  check "the process before ends there" within_30 ends "$FIRST"
  renews "after that upgrade in the sandbox"
  check "it ends on SIGTERM in the sandbox" stop_gate_of_ours
else
  echo "the systemd unit's sandbox was NOT tried: that takes Debian's systemd and python3-seccomp"
fi
STARTER="setpriv --reuid $SERVES --regid $SERVES --clear-groups --inh-caps -all,+net_bind_service
  --ambient-caps -all,+net_bind_service --bounding-set -all,+net_bind_service --no-new-privs"
chgrp -R $SERVES "$CERTBOT/etc/live" "$CERTBOT/etc/archive" "$WORK/secrets"
chmod 0750 "$CERTBOT/etc/live" "$CERTBOT/etc/archive" "$WORK/secrets"
chmod 0640 "$CERTBOT/etc/archive/$NAME/"privkey*.pem "$WORK/secrets/"*
chgrp $SERVES "$WORK/gatepost.toml" && chmod 0640 "$WORK/gatepost.toml"
check "started with the ports alone, by group access" start
check "there is no reader" no_reader
renews "by group access"
check "it ends, as ever" stop_gate
STARTER=

# Certificates by ACME, ordered and kept by the user; a log in a folder of root's.
STARTER=
chmod -R go-rwx "$CERTBOT/etc/live" "$CERTBOT/etc/archive" "$WORK/secrets"
mkdir "$WORK/logs"
acme_configuration() {
  configuration
  sed -i "s|^access = .*|access = \"$WORK/logs/access.log\"|; /^\[\[certificate\]\]/,/^trusted_roots/d" "$WORK/gatepost.toml"
  printf '[acme]\nchallenge = "http-01"\ndirectory = "%s"\ndirectory_roots = "%s"\ntrusted_roots = "%s"\n' \
    "$DIRECTORY" "$WORK/acme/api-ca.pem" "$WORK/acme/issuer-root.pem" >>"$WORK/gatepost.toml"
}
issued() { [ "$(grep -c 'is in place' "$WORK/gate.err")" -ge "$1" ]; }
acme_configuration
check "with [acme] it starts as root" start
check "a certificate is ordered by the user" within_30 issued 1
check "and served" within_30 page_is_served
BEFORE=$(served)
other_than_before() { [ -n "$(served)" ] && [ "$(served)" != "$BEFORE" ]; }
check "root has it renewed" "$GATEPOST" cert renew -c "$WORK/gatepost.toml" $NAME
check "what was renewed is served" within_30 other_than_before
check "all that is kept is the user's" nothing_of_roots
check "the log in root's folder is the user's" [ "$(stat -c '%U %U' "$WORK/logs/access.log")" = "$SERVES $SERVES" ]
goes_on_in_the_old_one() {
  mv "$WORK/logs/access.log" "$WORK/logs/access.log.1" && kill -USR1 "$GATE" && within_30 log_says 'the access log goes on in the file that it was in' \
    && get / >/dev/null && [ ! -e "$WORK/logs/access.log" ]
}
check "moved there it goes on where it was, and that is said" goes_on_in_the_old_one
as_logrotate_makes_it() {
  install -o $SERVES -m 0640 /dev/null "$WORK/logs/access.log" && kill -USR1 "$GATE" && within_30 log_says 'opened the access log anew' \
    && get / >/dev/null && within_30 test -s "$WORK/logs/access.log"
}
check "made as logrotate makes it, it is written to" as_logrotate_makes_it
check "it ends after that" stop_gate
new_certificate

# A container's root, as Docker has it by default: no CAP_DAC_READ_SEARCH.
chmod -R go-rwx "$CERTBOT/etc/live" "$CERTBOT/etc/archive" "$WORK/secrets"
chmod 0600 "$WORK/gatepost.toml"
STARTER="setpriv --bounding-set -all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+sys_chroot"
check "started as a container's root" start
check "every thread has given all up there, too" has_given_all_up "$GATE"
reader_is_bare_root() { [ "$(status "$1" Uid)" = "0 0 0 0" ] && [ "$(status "$1" CapEff)" = 0000000000000000 ] && [ "$(status "$1" CapBnd)" = 0000000000000000 ]; }
check "the reader is root without a capability" reader_is_bare_root "$(reader_of "$GATE")"
renews "in a container"
check "it ends there" stop_gate
STARTER=

# One that still is root, and is told to be somebody else by its next version.
sed -i '/^user = /d' "$WORK/gatepost.toml"
chown -R root: "$WORK/var/lib/gatepost"
check "without a user it starts as root" start
check "and says that it serves so" log_says 'WARN gatepost serves as root: name a `user`'
check "it is root" [ "$(status "$GATE" Uid)" = "0 0 0 0" ]
new_certificate
reload_notes_the_user() { reload | grep 'note: `user` and `group` stay as they were'; }
check "with a user it reloads, and says what that takes" reload_notes_the_user
FIRST=$GATE
check "it upgrades into that user" upgrade
check "every thread of which has given all up" has_given_all_up "$GATE"
check "and which has a reader" reader_may_only_read "$(readers)"
check "the one that was root ends" within_30 ends "$FIRST"
renews "after root's own upgrade"
check "it ends as the user" stop_gate_of_ours

# What keeps it from starting is said.
does_not_start() { ! start >"$WORK/start.log" 2>&1 && grep -qE "$1" "$WORK/start.log"; }
chown -R nobody: "$WORK/var/lib/gatepost"
check "a state folder of another user's is not taken, and the command is named" does_not_start "belongs to user .*chown -R $SERVES:"
chown -R root: "$WORK/var/lib/gatepost"
check "one of root's is given" start
check "with all in it" [ -z "$(find "$WORK/var/lib/gatepost" ! -user $SERVES)" ]
check "it ends once more" stop_gate
sed -i "s/^user = .*/user = \"nobody-of-that-name\"/" "$WORK/gatepost.toml"
check "a user that is not there is said, and how to make it" does_not_start 'no user "nobody-of-that-name"'
new_certificate
chmod -R u=rwX,go=rX "$CERTBOT/etc/live" "$CERTBOT/etc/archive"
chmod 0644 "$CERTBOT/etc/archive/$NAME/"privkey*.pem
warned() { "$GATEPOST" check -c "$WORK/gatepost.toml" >"$WORK/check.out"; grep -E 'warning: every user of this machine can read the key' "$WORK/check.out"; }
check "a key that everybody can read is warned of by check" warned
MORE_SERVER="strict_key_permissions = true" new_certificate
refused() { ! "$GATEPOST" check -c "$WORK/gatepost.toml" >"$WORK/check.out"; grep -E 'error: every user of this machine can read the key.*strict_key_permissions' "$WORK/check.out"; }
check "with strict_key_permissions check calls it an error" refused
check "and it does not start" does_not_start 'strict_key_permissions is on'
chmod 0640 "$CERTBOT/etc/archive/$NAME/"privkey*.pem
check "once mended it does" start
BEFORE=$(served)
# A tool that writes keys for everybody to see.
careless_renewal() { (umask 022; renewal) && chmod 0644 "$CERTBOT/etc/archive/$NAME/"privkey*.pem; }
check "renewed carelessly" careless_renewal
check "the exposed key is not taken up" within_30 log_says 'not taken up.*strict_key_permissions'
check "the reader answers nobody who asks for more" python3 "$HERE/reader.py" "$GATEPOST" "$WORK" "$SERVES_UID" "$SERVES_GID"
check "it ends at last" stop_gate
finish
