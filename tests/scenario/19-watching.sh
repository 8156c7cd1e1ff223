#!/bin/bash
# limit 120
# faults: F10 F15
# How far it is can be asked for at any time: SIGUSR1 brings one line of a backup, a restore and a verification, for people or
# as JSON. And what is noticed: a change of the same size whose mtime was put back is (by ctime); one that changes no time at
# all, as a program's mapping on a file system in memory can, is not, until --reread reads everything again.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
top=$ZAIBEI_TMP/top
vault=$top/vault kit=$top/kit data=$top/data
mkdir "$top" "$data"
export ZAIBEI_AGENT_CONFIG=$top/agent.yaml
zaibei-vault init "$vault" >/dev/null
public=$(zaibei --json kit new --out "$kit" | jq -r .public)
zaibei-agent enroll "dir://$vault" --host h --system s --recipient "$public" --state "$top/state" >/dev/null
shm=
pid=
end() {
    local rc=$?
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || :
    rm -rf "$shm"
    exit $rc
}
trap end EXIT
noise 40000000 a >"$data/large"

# asked COMMAND... : it runs, and gets SIGUSR1 again and again once it (no longer this shell) has a handler for it.
asked() {
    "$@" >"$ZAIBEI_TMP/out" 2>"$ZAIBEI_TMP/err" &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        caught=$(sed -n '1{/zaibei/!q}; s/^SigCgt:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) || :
        [ $((0x0${caught:-0} & 0x200)) -eq 0 ] || kill -USR1 "$pid" 2>/dev/null || :
        sleep 0.01
    done
    wait "$pid" || fail "$*: exit $?: $(cat "$ZAIBEI_TMP/err")"
    pid=
}
lines() { # of JSON status, each with what a reader needs
    jq -se 'map(select(.message_type == "status")) | length > 0 and all(.schema_version == 1 and (.phase | length > 0) and .bytes >= 0)' \
        "$ZAIBEI_TMP/out" >/dev/null || fail "no status line: $(head -c 500 "$ZAIBEI_TMP/out")"
}

step 'SIGUSR1'
asked zaibei-agent backup "$data"
grep -q 'reading: ' "$ZAIBEI_TMP/err" || fail "backup: $(cat "$ZAIBEI_TMP/err")"
asked zaibei-agent backup --full --json "$data"
lines
asked zaibei-agent restore latest --target "$top/back"
grep -q 'restoring: .* / 38.1 MiB' "$ZAIBEI_TMP/err" || fail "restore: $(cat "$ZAIBEI_TMP/err")"
asked zaibei-agent restore latest --json --target "$top/back2"
lines
asked zaibei-verify vault "$vault" --key "$kit"
grep -q ' / .* %), 0 findings' "$ZAIBEI_TMP/err" || fail "verify: $(cat "$ZAIBEI_TMP/err")"
asked zaibei-verify vault "$vault" --key "$kit" --json
lines

step 'a change of the same size, with the old mtime put back'
echo one >"$data/a"
echo one >"$data/b"
sleep 0.1 # past the granularity of the clock
backup "$data"
backup "$data"
touch -r "$data/a" "$ZAIBEI_TMP/times"
echo two >"$data/a"
touch -r "$ZAIBEI_TMP/times" "$data/a"
touch -d @1 "$data/b"
backup "$data"
restore latest "$top/back3"
[ "$(cat "$top/back3$data/a" "$top/back3$data/b")" = $'two\none' ] || fail 'the change is not in the point'
[ "$(stat -c %Y "$top/back3$data/b")" = 1 ] || fail 'the new mtime is not in the point'

step 'a change that changes no time, and --reread'
shm=$(mktemp -d /dev/shm/zb.XXXXXX) || not_run 'no /dev/shm'
noise 300000 b >"$shm/mapped"
echo same >"$shm/same"
/usr/bin/python3 - "$shm/mapped" <<'PY' || not_run 'mappings change the time here'
import mmap, os, sys, time
time.sleep(0.1)
before = os.stat(sys.argv[1])
with open(sys.argv[1], "r+b") as f, mmap.mmap(f.fileno(), 0) as m:
    m[1000] ^= 1 # mapped: its pages are there
    time.sleep(0.1)
    m[200000] ^= 1
after = os.stat(sys.argv[1])
sys.exit(before.st_ctime_ns != after.st_ctime_ns or before.st_mtime_ns != after.st_mtime_ns)
PY
sleep 0.1
backup "$shm"
/usr/bin/python3 - "$shm/mapped" <<'PY'
import mmap, sys
with open(sys.argv[1], "r+b") as f, mmap.mmap(f.fileno(), 0) as m: m[200000] ^= 3
PY
backup "$shm"
restore latest "$top/back4"
! cmp -s "$shm/mapped" "$top/back4$shm/mapped" || fail 'noticed: the manual says otherwise'
generation=$(zaibei-agent points --json | jq -s 'length')
expect 0 zaibei-agent backup --dry-run --reread "$shm"
says '2 of them'
backup --reread "$shm"
restore latest "$top/back5"
cmp "$shm/mapped" "$top/back5$shm/mapped" || fail 'not noticed by --reread'
[ "$(point kind)" = incremental ] && [ "$(zaibei-agent points --json | jq -s length)" -eq $((generation + 1)) ] || fail '--reread makes an incremental'
[ "$(point bytes_sent)" -lt 100000 ] || fail "--reread sent $(point bytes_sent) bytes"
verify
