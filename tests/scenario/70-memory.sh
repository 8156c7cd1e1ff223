#!/bin/bash
# limit 600
# no-asan
# faults: F1
# The agent and its link stay under 64 MiB together, for 80,000 files and for a file of 4 GiB: a quarter of it data, the
# rest holes; with ZAIBEI_SOAK=1 all of it data.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
[ "$(df --output=avail -k "$ZAIBEI_TMP" | tail -n 1)" -gt 6000000 ] || not_run "needs 6 GB of free space"
sandbox_up
many_place
many=${shm:-$ZAIBEI_TMP}/many
one=$ZAIBEI_TMP/one
mkdir "$many" "$one"
/usr/bin/python3 - "$many" "$one/huge" "${ZAIBEI_SOAK:+20}" <<'PY'
import os, sys
many, huge, shift = sys.argv[1:]
for d in range(80):
    os.mkdir(f"{many}/{d}")
    for i in range(1000):
        with open(f"{many}/{d}/a-file-with-a-longer-name-{i}", "w") as f:
            f.write(f"{d} {i}\n" * 20)
# 4 GiB: a megabyte in every four, each different at every 4 KiB but quick to compress, the rest holes.
shift = int(shift or 22)
with open(huge, "wb") as f:
    f.truncate(4 << 30)
    for i in range((4 << 30) >> shift):
        f.seek(i << shift)
        f.write(b"".join(b"%015d\n" % (i * 256 + k) * 256 for k in range(256)))
PY

# peak WHAT COMMAND... : run it; the greatest sum of VmHWM of the process and its children.
peak() {
    local what=$1 pid most=0 sum p kb
    shift
    "$@" >"$ZAIBEI_TMP/out" 2>&1 &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        sum=0
        for p in $pid $(pgrep -P $pid || :); do
            kb=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$p/status" 2>/dev/null || :)
            sum=$((sum + ${kb:-0}))
        done
        [ $sum -le $most ] || most=$sum
        sleep 0.05
    done
    wait $pid || fail "$what: $(tail -n 3 "$ZAIBEI_TMP/out")"
    echo "$what: $most KiB"
    [ $most -gt 1000 ] || fail "$what: nothing was measured"
    [ $most -lt 65536 ] || fail "$what: $most KiB"
}
peak '80,000 files, first' zaibei-agent backup "$many"
peak '80,000 files, again' zaibei-agent backup "$many"
peak '80,000 files, a part restored' zaibei-agent restore latest --target "$many.back" "$many"/[1-9]
peak '4 GiB, first' zaibei-agent backup "$one"
printf x | dd of="$one/huge" bs=1 seek=1000000 conv=notrunc status=none
peak '4 GiB, changed' zaibei-agent backup "$one"
peak '4 GiB, restored' zaibei-agent restore latest --target "$ZAIBEI_TMP/back.one"
cmp "$one/huge" "$ZAIBEI_TMP/back.one$one/huge" || fail "the 4 GiB file differs"
peak 'zaibei-verify' zaibei-verify vault "$vault" --key "$kit" --quiet
