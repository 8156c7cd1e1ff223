#!/bin/bash
# limit 240
# faults: B3 H16 H17 H18
# Started roughly: descriptors 0, 1 and 2 closed, umask 000, a working directory that is gone, few descriptors, small files only,
# no HOME, children ignored and signals blocked, a hostile LANG, TMPDIR and TZ. The agent and the vault's programs do their work
# all the same, or refuse with an error and nothing is broken. serve as a forced command looks at nothing of its environment;
# whoever holds a key leaves no core dump.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
top=$ZAIBEI_TMP/top
vault=$top/vault kit=$top/kit data=$top/data
mkdir -p "$data/sub"
export ZAIBEI_AGENT_CONFIG=$top/agent.yaml
noise 1500000 a >"$data/large"
for i in 1 2 3 4; do echo "$i" >"$data/sub/$i"; done

# rough COMMAND... : each in its own way; the argument is a command that makes the process rough and then runs "$@".
ways=(
    'exec "$@" <&- >&- 2>&-'
    'exec "$@" 0<&- 2>&-'
    'umask 000; exec "$@"'
    'mkdir "$TMPDIR/gone"; cd "$TMPDIR/gone"; rmdir "$TMPDIR/gone"; exec "$@"'
    'ulimit -n 64; exec "$@"'
    'ulimit -n 24; exec "$@"'
    'ulimit -s 1024; exec "$@"'
    'exec env -i PATH="$PATH" ZAIBEI_AGENT_CONFIG="$ZAIBEI_AGENT_CONFIG" "$@"'
    'export LANG=../../../tmp LC_ALL=xx_YY.%n%s LANGUAGE=../..:/%n TZ=:/dev/zero TMPDIR=/nowhere HOME=/nowhere IFS=/; exec "$@"'
    'trap "" CHLD HUP PIPE TERM; exec "$@"'
    'exec /usr/bin/python3 -c "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); os.execvp(sys.argv[1], sys.argv[1:])" "$@"'
)

step 'enrolment, backup and restore, each started roughly'
for way in "${ways[@]}"; do
    rm -rf "$top/vault" "$top/state" "$top/agent.yaml" "$top/kit" "$top/back"
    rough() {
        local rc=0
        timeout 60 bash -c "$way" bash "$@" >"$ZAIBEI_TMP/rough.out" 2>&1 || rc=$?
        [ $rc -eq 0 ] || fail "exit $rc, started with '$way': $*: $(cat "$ZAIBEI_TMP/rough.out")"
    }
    rough zaibei-vault init "$vault"
    rough zaibei kit new --out "$kit"
    rough zaibei-agent enroll "dir://$vault" --host h --system s --recipient "$(grep -o 'zbk-pub-.*' "$kit")" --state "$top/state"
    rough zaibei-agent backup "$data"
    rough zaibei-agent restore latest --vault "$vault" --host h --kit "$kit" --target "$top/back"
    verify
    manifest "$data" >"$ZAIBEI_TMP/was"
    manifest "$top/back$data" >"$ZAIBEI_TMP/now"
    same "$ZAIBEI_TMP/was" "$ZAIBEI_TMP/now" "what was restored, started with '$way'"
    [ -z "$(find "$top/state" "$kit" "$vault/keeper" -perm /077 2>/dev/null)" ] ||
        fail "others may read: $(find "$top/state" "$kit" "$vault/keeper" -perm /077), started with '$way'"
done

step 'files may not grow past a limit: an error that says so, and the next run succeeds'
noise 700000 b >"$data/new"
expect 1 bash -c 'ulimit -f 200; exec zaibei-agent backup "$@"' bash "$data"
says 'File too large' ZB-1
backup "$data"
verify
rm -rf "$top/back"
said=$(bash -c 'ulimit -f 1000; exec "$@"' bash zaibei-agent restore latest --vault "$vault" --host h --kit "$kit" \
    --target "$top/back" 2>&1) && fail "a file larger than the limit was restored: $said"
says 'File too large' large
[ ! -e "$top/back$data/large" ] || fail "half a file has its name"

step 'serve as a forced command has no environment'
said=$(LC_ALL=zh_CN.UTF-8 LANGUAGE=zh_CN zaibei-vault serve "$vault" --host 2>&1) || :
says 'a value is missing'

step 'no core dump of who holds a key'
ulimit -c unlimited 2>/dev/null || ulimit -S -c "$(ulimit -H -c)"
zaibei-vault keep "$vault" >"$ZAIBEI_TMP/keep.out" 2>&1 &
keep=$!
(trap '' HUP && exec zaibei-agent run) >"$ZAIBEI_TMP/run.out" 2>&1 &
run=$!
trap 'kill $keep $run 2>/dev/null; wait' EXIT
until [ -S "$vault/run/serve.sock" ] && [ -s "$ZAIBEI_TMP/run.out" ]; do
    kill -0 $keep && kill -0 $run || fail "$(cat "$ZAIBEI_TMP/keep.out" "$ZAIBEI_TMP/run.out")"
    sleep 0.05
done
for pid in $keep $run; do
    grep -q -E '^Max core file size +0 +0 ' "/proc/$pid/limits" || fail "$(tr '\0' ' ' <"/proc/$pid/cmdline") may dump core"
done
step 'nohup is respected'
ignored=$((16#$(sed -n 's/^SigIgn:\t//p' "/proc/$run/status")))
[ $((ignored & 1)) -eq 1 ] || fail "a signal that was ignored at the start ends it"
