#!/bin/bash
# The API over the network: who signed is asked, nothing but TLS 1.2 and later is spoken, a key that others can read stops the start,
# certificates change without a restart, and a peer that is slow on purpose holds neither its connections nor anybody else's.
# faults: H4
set -eu
umask 077
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
export XDG_STATE_HOME=$ZAIBEI_TMP/state
tls=$ZAIBEI_TMP/tls
mkdir "$tls"
authority() { # NAME
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$1" \
        -keyout "$tls/$1.key" -out "$tls/$1.pem" 2>/dev/null
}
certificate() { # NAME AUTHORITY: for 127.0.0.1
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$tls/$1.key" -out "$tls/$1.csr" 2>/dev/null
    openssl x509 -req -in "$tls/$1.csr" -CA "$tls/$2.pem" -CAkey "$tls/$2.key" -CAcreateserial -days 30 \
        -extfile <(echo 'subjectAltName=IP:127.0.0.1') -out "$tls/$1.pem" 2>/dev/null
}
authority ours
authority theirs
certificate one ours
certificate two ours
cp "$tls/one.pem" "$tls/api.pem"
cp "$tls/one.key" "$tls/api.key"
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
at=https://127.0.0.1:$port

daemon() { read -r pid _ <"$box/run/zaibeid.pid" && pgrep -P "$pid" | head -n 1; }
answers() { (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
wait_until() { # WHAT COMMAND...
    for _ in $(seq 150); do
        "${@:2}" && return 0
        sleep 0.1
    done
    fail "$1"
}
another() { # [SED-EXPRESSION]: a zaibeid of its own, with this configuration
    sed "s|^socket:.*|socket: $ZAIBEI_TMP/other.sock|; s|^state:.*|state: $ZAIBEI_TMP/other|; /dir:/d; ${1:-}" "$ZAIBEI_CONFIG" \
        >"$ZAIBEI_TMP/other.yaml"
    timeout 20 zaibeid run --config "$ZAIBEI_TMP/other.yaml"
}
remote() { zaibei --server "$at" --ca "$tls/ours.pem" "$@"; }
serial() { openssl s_client -connect "127.0.0.1:$port" </dev/null 2>/dev/null | openssl x509 -noout -serial 2>/dev/null; }

step 'without listen: nobody listens; a key that others can read, and one of another certificate, stop the start'
answers && fail 'somebody listens'
printf 'listen: {address: "127.0.0.1:%s", certificate: %s, key: %s}\n' "$port" "$tls/api.pem" "$tls/api.key" >>"$ZAIBEI_CONFIG"
chmod 640 "$tls/api.key"
expect 2 another
says ZB-1990 'others can read'
chmod 600 "$tls/api.key"
cp "$tls/two.key" "$tls/api.key"
expect 2 another
says ZB-1990 'belong together'
cp "$tls/one.key" "$tls/api.key"
expect 2 another '1i people: off'
says 'people are off'
kill -9 "$(daemon)"
wait_until 'zaibeid does not listen' answers

step 'a certificate is changed without a restart; bad files change nothing'
before=$(daemon) first=$(serial)
cp "$tls/two.pem" "$tls/api.pem"
kill -HUP "$before"
wait_until 'it does not say that the key is another' grep -q 'stays as it was' "$box/log/zaibeid"
[ "$(serial)" = "$first" ] || fail 'a certificate without its key is in use'
cp "$tls/two.key" "$tls/api.key"
kill -HUP "$before"
other() { [ -n "$(serial)" ] && [ "$(serial)" != "$first" ]; }
wait_until 'the old certificate is still in use' other
expect 0 remote host list
[ "$(daemon)" = "$before" ] || fail 'it was restarted'

step 'a slow peer begins: as many connections as one source may have, a byte of a header now and then'
/usr/bin/python3 "$here/slow_tls.py" "$port" 40 >"$ZAIBEI_TMP/slow" &
slow=$!

step 'the same commands over TLS, with the same people and the same answers'
expect 0 remote host list
expect 0 remote status
expect 12 env -u ZAIBEI_TOKEN_FILE zaibei --server "$at" --ca "$tls/ours.pem" host list
says ZB-1832
printf 'server: %s\nca: %s\n' "$at" "$tls/ours.pem" >"$tls/client.yaml"
expect 0 zaibei --config "$tls/client.yaml" host list
says "$host"
env -u ZAIBEI_TOKEN_FILE zaibei --config "$tls/client.yaml" login applicant --password-file "$box/people/applicant.password" >/dev/null
[ -s "$XDG_STATE_HOME/zaibei/session-127.0.0.1:$port" ] || fail 'the session has no file of its own'
expect 0 env -u ZAIBEI_TOKEN_FILE zaibei --config "$tls/client.yaml" plan list
expect 12 env -u ZAIBEI_TOKEN_FILE zaibei plan list # this server's session is not shown to another
as auditor zaibei audit list --json >"$ZAIBEI_TMP/audit"
grep -q 'addr 127.0.0.1' "$ZAIBEI_TMP/audit" || fail 'the audit does not say from where'

step 'another authority, none, another name, plain HTTP, and TLS 1.1 are refused'
expect 12 zaibei --server "$at" --ca "$tls/theirs.pem" host list
says ZB-1991
expect 12 zaibei --server "$at" host list
says ZB-1991
expect 12 zaibei --server "https://localhost:$port" --ca "$tls/ours.pem" host list
says ZB-1991
expect 2 zaibei --server "http://127.0.0.1:$port" host list
says 'https://HOST:PORT'
! printf 'GET /v1/health HTTP/1.0\r\n\r\n' | timeout 10 /usr/bin/python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(sys.stdin.buffer.read())
sys.stdout.buffer.write(s.recv(4096))' "$port" 2>/dev/null | grep -a -q 'HTTP/1' || fail 'it speaks plain HTTP'
old() { openssl s_client "$1" -cipher DEFAULT@SECLEVEL=0 -connect "127.0.0.1:$port" </dev/null 2>/dev/null | grep -q '^New, TLS'; }
old -tls1_1 && fail 'it speaks TLS 1.1'
old -tls1 && fail 'it speaks TLS 1.0'
old -tls1_2 || fail 'it does not speak TLS 1.2'

step 'the slow peer has lost: one source has no more than sixteen, each of which ends within a minute'
wait "$slow" || fail "$(cat "$ZAIBEI_TMP/slow")"
cat "$ZAIBEI_TMP/slow"
expect 0 remote host list
