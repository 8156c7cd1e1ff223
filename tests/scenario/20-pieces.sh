#!/bin/bash
# faults: F1
# Files that any user of a host can make, and that must not end the host's backups: one that is made of ever more pieces of its
# older versions, until no page would hold them; one so large that looking for data in it never ends; paths so long that a page
# of the manifest has room for one.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
many_place
data=$ZAIBEI_TMP/data
mkdir "$data"

# Between any two blocks of the last version comes a byte: each block is copied with the pieces it had.
apart() { # FILE SEED
    /usr/bin/python3 - "$1" "$2" <<'PY'
import sys
name, seed = sys.argv[1], int(sys.argv[2])
old = open(name, "rb").read()
open(name, "wb").write(b"".join(old[i:i + 4096] + bytes([seed]) for i in range(0, len(old), 4096)))
PY
}
step 'fourteen versions of a small file'
noise 163840 pieces >"$data/pieces"
for i in $(seq 14); do
    backup "$data"
    apart "$data/pieces" "$i"
done
backup "$data"
step 'and a large one that repeats it'
for _ in $(seq 500); do cat "$data/pieces"; done >"$ZAIBEI_TMP/long"
cp "$ZAIBEI_TMP/long" "$data/pieces"
backup "$data"
[ "$(point bytes_sent)" -lt 60000000 ] || fail "nothing of it was found in the older version: $(point bytes_sent)"
restore latest "$ZAIBEI_TMP/back"
cmp "$data/pieces" "$ZAIBEI_TMP/back$data/pieces" || fail 'it differs'

step 'a directory in a directory, 240 times'
/usr/bin/python3 - "$data" <<'PY'
import os, sys
os.chdir(sys.argv[1])
for i in range(240):
    os.mkdir("d" * 250)
    os.chdir("d" * 250)
    open("f", "w").write(f"{i}")
PY
backup "$data"
restore latest "$ZAIBEI_TMP/deep"
[ "$(find "$ZAIBEI_TMP/deep" -name f -type f | wc -l)" -eq 240 ] || fail 'files are missing'
rm -r "$ZAIBEI_TMP/deep"

step 'larger than any file is'
huge=${shm:-$data}/huge
if [ -n "$shm" ] && truncate -s 9223372036854775807 "$huge" 2>/dev/null; then
    echo small >"$shm/small"
    expect 3 timeout 60 zaibei-agent backup "$shm"
    says 'File too large'
    restore latest "$ZAIBEI_TMP/beside"
    [ "$(ls "$ZAIBEI_TMP/beside$shm")" = small ] || fail "$(ls "$ZAIBEI_TMP/beside$shm")"
else
    echo 'not run: larger than any file is (no file system here takes it)'
fi
verify
