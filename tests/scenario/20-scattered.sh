#!/bin/bash
# Edits of many days, each day's in one segment and all over a large file: a restore fetches each segment about once, not once for
# every 64 MiB of the file.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
data=$ZAIBEI_TMP/data
mkdir "$data"
pages=4 days=6
seq 100000000 999999999 | head -c $((pages << 26)) >"$data/file"
fetched() { # TARGET: the newest point is restored there; its segments
    zaibei-agent restore latest --target "$1" --json >"$ZAIBEI_TMP/json" || fail "$(cat "$ZAIBEI_TMP/json")"
    jq -s 'map(select(.fetched_segments != null)) | last | .fetched_segments' "$ZAIBEI_TMP/json"
}
backup "$data"
full=$(fetched "$ZAIBEI_TMP/full")

step "$days days"
for day in $(seq $days); do
    /usr/bin/python3 - "$data/file" "$day" <<'PY'
import os, random, sys
dice = random.Random(int(sys.argv[2]))
with open(sys.argv[1], "r+b") as f:
    size = os.path.getsize(sys.argv[1])
    for i in range(240):
        f.seek(size // 240 * i + dice.randrange(size // 240 - 100))
        f.write(dice.randbytes(100))
PY
    backup "$data"
done
now=$(fetched "$ZAIBEI_TMP/now")
cmp "$data/file" "$ZAIBEI_TMP/now$data/file" || fail 'it differs'
echo "segments fetched: $full of the full, $now after $days days"
# A day is two segments at most, and each page of extents may have grown into one more.
[ "$now" -le $((full + 2 * days + pages)) ] || fail "$now segments instead of $full"
