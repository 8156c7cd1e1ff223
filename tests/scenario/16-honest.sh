#!/bin/bash
# limit 240
# faults: F11 F12 F13
# What cannot be read, or changes while it is read, is never passed over in silence: the point is partial, the exit code
# 3, the path named, what the last point has of it is kept, and the next run makes it good. A file that only grows is no error. No space in the agent's state
# directory or in the vault is said so, and the next run with space succeeds.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
top=$ZAIBEI_TMP/top
vault=$top/vault kit=$top/kit data=$top/data
mkdir "$top" "$data" "$top/state"
chmod 700 "$top/state"
export ZAIBEI_AGENT_CONFIG=$top/agent.yaml
zaibei-vault init "$vault" >/dev/null
public=$(zaibei --json kit new --out "$kit" | jq -r .public)
zaibei-agent enroll "dir://$vault" --host h --system s --recipient "$public" --state "$top/state" >/dev/null
# Root may read everything, so root becomes somebody for these runs.
as=
if [ "$(id -u)" -eq 0 ]; then
    as="setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all"
    chmod 755 "$ZAIBEI_TMP" && chown -R 65534:65534 "$top"
fi
run() { # CODE [WRAPPER...]
    local code=$1
    shift
    # shellcheck disable=SC2086
    expect "$code" "$@" $as zaibei-agent backup "$data"
}
state() { # of the last point
    # shellcheck disable=SC2086
    $as zaibei-agent points --json | jq -r 'select(.message_type == "point") | .state' | tail -n 1
}
bring() { # [PATH...] : to $top/back, by the kit; an ordinary user cannot give the directories above their owner back
    local rc=0
    rm -rf "$top/back"
    env -u ZAIBEI_AGENT_CONFIG zaibei-agent restore latest --vault "$vault" --host h --kit "$kit" --target "$top/back" \
        "$@" >"$ZAIBEI_TMP/bring.out" 2>&1 || rc=$?
    [ $rc -eq 0 ] || [ $rc -eq 3 -a "$(id -u)" -ne 0 ] || fail "restore: exit $rc: $(cat "$ZAIBEI_TMP/bring.out")"
}
as_is() { # WHAT : the last point restores exactly
    bring
    manifest "$data" >"$ZAIBEI_TMP/was"
    manifest "$top/back$data" >"$ZAIBEI_TMP/now"
    same "$ZAIBEI_TMP/was" "$ZAIBEI_TMP/now" "$1"
}
own() { [ -z "$as" ] || chown -R 65534:65534 "$data"; }

mkdir "$data/closed" "$data/open"
echo secret >"$data/closed/in"
echo secret >"$data/unreadable"
echo text >"$data/open/text"
noise 3000000 a >"$data/bad-disk"
own
run 0
[ "$(state)" = complete ] || fail "the first point is $(state)"

step 'a file and a directory that may not be read'
chmod 0 "$data/closed" "$data/unreadable"
echo more >>"$data/open/text"
run 3
says "$(basename "$data")/closed" "$(basename "$data")/unreadable" 'not read: ' 'ermission denied'
[ "$(state)" = partial ] || fail "the point is $(state)"
says 'as the last restore point has it'
bring "$data/open" "$data/closed" "$data/unreadable"
[ "$(cat "$top/back$data/closed/in" "$top/back$data/unreadable")" = "$(printf 'secret\nsecret')" ] || fail 'what was not read is not as it was'
[ "$(stat -c %a "$top/back$data/closed")" = 0 ] || fail 'the closed directory itself is as it is now'
chmod 700 "$data/closed" "$data/unreadable"
run 0
[ "$(state)" = complete ] || fail "the point is $(state)"
as_is 'after the rights were given back'

step 'a disk that fails, a file that vanishes'
# strace sees the paths of an agent that hides its memory only as root.
if [ -n "$as" ] && command -v strace >/dev/null && [ "${VARIANT:-}" != asan ]; then
    printf x >>"$data/bad-disk"
    run 3 strace -f -qq -o /dev/null -P "$data/bad-disk" -e trace=pread64 -e inject=pread64:error=EIO:when=2
    says "bad-disk: reading failed: Input/output error"
    printf x >>"$data/open/text"
    run 3 strace -f -qq -o /dev/null -P "$data/open" -e trace=openat -e inject=openat:error=ENOENT:when=1+
    says "open/text: opening it: No such file or directory"
    run 0
    as_is 'after the disk was mended'
else
    echo 'needs root and strace: left out'
fi

# busy CODE : Python that has `path` open as f, again and again until the backup has ended.
busy() {
    /usr/bin/python3 -c "
import os, sys, time
f = open(sys.argv[1], 'r+b', buffering=0)
while os.getppid() != 1 and os.path.exists(sys.argv[1] + '.busy'):
    $1
    time.sleep(0.0005)
" "$2" &
    busy_pid=$!
}
quiet() {
    rm -f "$1.busy"
    wait "$busy_pid"
}

step 'a file that only grows'
noise 30000000 grow >"$data/growing"
: >"$data/growing.busy"
own
busy 'f.seek(0, 2); f.write(b"more")' "$data/growing"
run 0
quiet "$data/growing"
bring "$data/growing"
size=$(stat -c %s "$top/back$data/growing")
[ "$size" -ge 30000000 ] || fail "only $size bytes of the growing file"
cmp -n "$size" "$data/growing" "$top/back$data/growing" || fail 'the growing file differs'

step 'files that are written while they are read'
noise 20000000 small >"$data/rewritten"
: >"$data/rewritten.busy"
own
busy 'f.seek(0); f.write(os.urandom(8)); f.seek(19999992); f.write(os.urandom(8))' "$data/rewritten"
run 3
says rewritten 'changed while it was read'
quiet "$data/rewritten"
run 0
as_is 'after the writer ended'

if [ -n "$as" ] && mount -t tmpfs -o mode=755,size=1m none "$top/state" 2>/dev/null; then
    step 'no space for the state, no space in the vault'
    umount "$top/state"
    cp -a "$top/state" "$ZAIBEI_TMP/kept"
    mount -t tmpfs -o mode=700,uid=65534,gid=65534,size=2m none "$top/state"
    trap 'umount "$top/state"' EXIT
    cp -a "$ZAIBEI_TMP/kept/." "$top/state"
    dd if=/dev/zero of="$top/state/full" bs=4096 status=none 2>/dev/null || :
    noise 3000000 b >"$data/new"
    own
    run 13
    says ZB-1401 "$top/state"
    rm "$top/state/full"
    run 0
    as_is 'after there was space again'
fi

step 'verify'
verify
