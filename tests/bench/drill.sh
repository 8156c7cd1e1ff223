#!/bin/bash
# tests/bench/drill.sh: how long a drill of level 1 takes beside a plain restore of the same point from the same vault. Ends with 1
# when the bar is missed.
#
#   B                 the build directory (build)
#   ZAIBEI_DRILL_MB   2000: megabytes of the tree; ZAIBEI_DRILL_FILES: 70000
#   ZAIBEI_DRILL_TRIES  2: of each the best counts, since the machine may do other things
#
# The RTO is the record's own: from the request, with the grant given by the kit as soon as it is asked for, to the last byte
# compared. The plain restore is zaibei-agent with the kit, from the vault's directory, into an empty directory, durable at its end.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
B=$(realpath "${B:-$root/build}")
export B PATH=$B/bin:$PATH LC_ALL=C.UTF-8
mb=${ZAIBEI_DRILL_MB:-2000} files=${ZAIBEI_DRILL_FILES:-70000} tries=${ZAIBEI_DRILL_TRIES:-2}
work=$(mktemp -d "${TMPDIR:-/tmp}/drill.XXXXXX")
box=$work/box
trap 'rc=$?; "$root/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; chmod -R u+rwx "$work" && rm -rf "$work"; exit $rc' EXIT
trap 'exit 130' INT TERM

/usr/bin/python3 - "$work/tree" "$mb" "$files" <<'END'
# Half of the bytes in one file of twenty, sizes spread as in a home directory; half of what is written does not compress.
import os, random, sys
top, mb, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
r = random.Random(1)
noise = r.randbytes(1 << 20)
small = mb * 500000 // max(1, files - files // 20)
large = mb * 500000 // max(1, files // 20)
for i in range(files):
    d = f"{top}/{i // 500}"
    if i % 500 == 0:
        os.makedirs(d)
    n = int(r.uniform(0.2, 1.8) * (large if i % 20 == 0 else small))
    with open(f"{d}/{i}", "wb") as f:
        while n > 0:
            k = min(n, 65536)
            at = r.randrange(len(noise) - 65536)
            f.write(noise[at:at + k] if r.random() < 0.5 else (b"%d " % i) * (k // len(b"%d " % i) + 1))
            n -= k
END
"$root/scripts/sandbox" up "$box" >/dev/null
eval "$("$root/scripts/sandbox" env "$box")"
host=$(ls "$ZAIBEI_VAULT/store/hosts")
cat >"$work/plan.yaml" <<END
name: bench
department: bench
system: bench
hosts: [$host]
content: {paths: ["$work/tree"]}
strategy: {daily: incremental}
END
name=$(as applicant zaibei plan submit "$work/plan.yaml" --json | jq -r .name)
as office zaibei plan review "$name" >/dev/null
as office zaibei plan approve "$name" --yes >/dev/null
zaibei-agent backup "$work/tree" >/dev/null 2>&1
sync

best() { [ -z "$1" ] || [ "$2" -lt "$1" ] && echo "$2" || echo "$1"; }
restore= drill=
# Nothing is deleted before something is made: ext4 without a journal looks long for inodes that were not deleted a moment ago.
for try in $(seq "$tries"); do
    [ "$try" = 1 ] || sleep 70
    t=$(date +%s%N)
    zaibei-agent restore 1 --vault "$ZAIBEI_VAULT" --host "$host" --kit "$box/agent/kit" --target "$work/restored.$try" >"$work/out" 2>&1 ||
        { cat "$work/out" >&2; exit 1; }
    restore=$(best "$restore" $((($(date +%s%N) - t) / 1000000)))
    zaibei drill run bench --level 1 --kit "$box/agent/kit" --wait --json >"$work/out" 2>&1 || { tail -n 3 "$work/out" "$box/log/zaibeid" >&2; exit 1; }
    drill=$(best "$drill" "$(jq -rs 'map(select(.rto.ms)) | last | .rto.ms' "$work/out")")
done
jq -rs 'last | .phases[] | "   \(.phase) \(.host): \(.ms) ms"' "$work/out"
ratio=$((drill * 100 / restore))
echo "tree: $mb MB in $files files"
echo "plain restore: $restore ms"
printf 'RTO of a drill of level 1: %s ms, %d.%02d times a plain restore (bar 1.30)%s\n' "$drill" $((ratio / 100)) $((ratio % 100)) \
    "$([ $ratio -le 130 ] || echo '  MISSED')"
[ $ratio -le 130 ]
