#!/bin/bash
# serial
# limit 3600
# no-asan
# faults: F1
# In `make soak`: a million files in one directory and some in many, and a file of 100 GiB, mostly holes,
# with as much data as the disk takes. The agent and its link stay under 64 MiB together, a restore under 128 MiB; one file is quick to have, and
# all comes back. ZAIBEI_LARGE=200000 makes it smaller (files; the data of the large file shrinks with it).
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
[ -n "${ZAIBEI_SOAK:-}${ZAIBEI_LARGE:-}" ] || not_run "only in make soak, or with ZAIBEI_LARGE=200000"
files=${ZAIBEI_LARGE:-1000000}
space=$(df --output=avail -k "$ZAIBEI_TMP" | tail -n 1)
real=$((8 * files / 1000000 + 1))                    # GiB of data in the large file
[ "$space" -gt $(((4 * real + 1) * 1048576 + files * 24)) ] || real=1
[ "$space" -gt $(((4 * real + 1) * 1048576 + files * 24)) ] || not_run "needs $((4 * real + 1)) GiB and 24 KiB a file"
[ "$(df --output=iavail "$ZAIBEI_TMP" | tail -n 1)" -gt $((files * 3)) ] || not_run "needs $((files * 3)) inodes"
sandbox_up
many=$ZAIBEI_TMP/many one=$ZAIBEI_TMP/one
mkdir "$many" "$one"
step "$files files in one directory, a tenth as many in others; 100 GiB, $real GiB of them data"
/usr/bin/python3 - "$many" "$one/huge" "$files" "$real" <<'PY'
import os, sys
many, huge, files, real = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
def make(folder, name, first, n):
    os.mkdir(folder)
    os.chdir(folder)
    for i in range(first, first + n):
        with open(name % i, "w") as f:
            f.write(f"{i}\n" * 20)
make(f"{many}/crowd", "%d", 0, files)
for d in range(files // 10 // 1000):
    make(f"{many}/{d}", "a file with a longer name among others, number %d", d * 1000, 1000)
# A stretch of data every 100 GiB / n; every 4 KiB of it is different.
n, size, piece = real * 64, 100 << 30, 16 << 20
with open(huge, "wb") as f:
    f.truncate(size)
    for i in range(n):
        f.seek(i * (size // n) // 4096 * 4096)
        f.write(b"".join(b"%015d\n" % (i * 4096 + k) * 256 for k in range(piece // 4096)))
PY

# peak LIMIT WHAT COMMAND...: run it; the greatest sum of VmHWM of the process and its children, in KiB, is under LIMIT
# MiB.
peak() {
    local limit=$1 what=$2 pid most=0 sum p kb
    shift 2
    SECONDS=0
    "$@" >"$ZAIBEI_TMP/out" 2>&1 &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        sum=0
        for p in $pid $(pgrep -P $pid || :); do
            kb=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$p/status" 2>/dev/null || :)
            sum=$((sum + ${kb:-0}))
        done
        [ $sum -le $most ] || most=$sum
        sleep 0.2
    done
    wait $pid || fail "$what: $(tail -n 3 "$ZAIBEI_TMP/out")"
    echo "figure: $what: $most KiB, $SECONDS s"
    [ $most -gt 1000 ] || fail "$what: nothing was measured"
    [ $most -lt $((limit * 1024)) ] || fail "$what: $most KiB"
}

peak 64 "$files files, first" zaibei-agent backup "$many"
peak 64 "$files files, again" zaibei-agent backup "$many"
ms() {
    local began
    began=$(date +%s%N)
    "$@" >"$ZAIBEI_TMP/out" 2>&1 || fail "$*: $(tail -n 3 "$ZAIBEI_TMP/out")"
    echo $((($(date +%s%N) - began) / 1000000))
}
echo "figure: $files files of which none changed: $(ms zaibei-agent backup "$many") ms; find alone: $(ms find "$many" -printf '%s %C@ %i\n') ms"
some=$many/crowd/$((files / 2))
echo "figure: one file out of $files: $(ms zaibei-agent restore latest --target "$ZAIBEI_TMP/some" "$some") ms, bar 1000"
[ "$(find "$ZAIBEI_TMP/some" -type f | wc -l)" -eq 1 ] && cmp "$some" "$ZAIBEI_TMP/some$some" || fail "one file: $some"
peak 64 "one file out of $files" zaibei-agent restore latest --target "$ZAIBEI_TMP/some.2" "$some"
find "$many/crowd" -name '*7' -delete
peak 64 "$files files, a part gone" zaibei-agent backup "$many"
peak 128 "$files files, restored" zaibei-agent restore latest --target "$ZAIBEI_TMP/back"
manifest "$many" --top >"$ZAIBEI_TMP/was"
manifest "$ZAIBEI_TMP/back$many" --top >"$ZAIBEI_TMP/is"
same "$ZAIBEI_TMP/was" "$ZAIBEI_TMP/is" 'the files'
rm -rf "$ZAIBEI_TMP/back" "$many"
peak 64 '100 GiB, first' zaibei-agent backup "$one"
printf x | dd of="$one/huge" bs=1 seek=1000000 conv=notrunc status=none
peak 64 '100 GiB, changed' zaibei-agent backup "$one"
peak 128 '100 GiB, restored' zaibei-agent restore latest --target "$ZAIBEI_TMP/back"
manifest "$one" >"$ZAIBEI_TMP/was"
manifest "$ZAIBEI_TMP/back$one" >"$ZAIBEI_TMP/is"
same "$ZAIBEI_TMP/was" "$ZAIBEI_TMP/is" 'the large file'
