#!/bin/bash
# A connection that breaks: zaibei asks once more under the same key, so what was asked is done once, whether or not zaibeid had
# done it already; what has a secret has no key and is asked once.
# faults: H14
set -eu
umask 077
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
between=$ZAIBEI_TMP/between
cutting() { # WHEN: what follows goes through a proxy that cuts
    rm -f "$between"
    /usr/bin/python3 "$here/cut_once.py" "$between" "$box/run/zaibei.sock" "$1" >"$ZAIBEI_TMP/seen" &
    proxy=$!
    for _ in $(seq 100); do [ -S "$between" ] && break || sleep 0.05; done
    sed "s|^socket:.*|socket: $between|" "$ZAIBEI_CONFIG" >"$ZAIBEI_TMP/through.yaml"
}
done_cutting() { kill "$proxy" && wait "$proxy" 2>/dev/null || :; }
through() { ZAIBEI_CONFIG=$ZAIBEI_TMP/through.yaml "$@"; }
plan() { # NAME
    cat >"$ZAIBEI_TMP/$1.yaml" <<END
name: $1
system: sandbox
hosts: [$host]
content: {paths: [/etc]}
strategy: {daily: incremental}
END
}

for when in before after; do
    step "a plan is submitted, and the connection is cut $when zaibeid has answered"
    plan "$when"
    cutting "$when"
    expect 0 as applicant through zaibei plan submit "$ZAIBEI_TMP/$when.yaml"
    done_cutting
    [ "$(wc -l <"$ZAIBEI_TMP/seen")" -eq 2 ] || fail "$(cat "$ZAIBEI_TMP/seen")"
    [ "$(sort -u "$ZAIBEI_TMP/seen" | wc -l)" -eq 1 ] || fail "not under one key: $(cat "$ZAIBEI_TMP/seen")"
    grep -q -i 'idempotency-key: [0-9a-f]\{32\}' "$ZAIBEI_TMP/seen" || fail 'without a key'
    [ "$(zaibei plan history "$when" --json | grep -c '"act":"submit"')" -eq 1 ] || fail 'submitted twice'
done

step 'it is asked once more, not for ever'
plan both
cutting both
expect 14 as applicant through zaibei plan submit "$ZAIBEI_TMP/both.yaml"
done_cutting
[ "$(wc -l <"$ZAIBEI_TMP/seen")" -eq 2 ] || fail "$(cat "$ZAIBEI_TMP/seen")"
[ "$(zaibei plan history both --json | grep -c '"act":"submit"')" -eq 1 ] || fail 'submitted twice'

step 'what has a secret is asked once'
cutting after
expect 14 through zaibei token new once --expires 1h
done_cutting
[ "$(cat "$ZAIBEI_TMP/seen")" = 'POST /v1/tokens HTTP/1.1 -' ] || fail "$(cat "$ZAIBEI_TMP/seen")"
