#!/bin/bash
# faults: B10
# A stored segment rots while no living point needs it, and then the same bytes come back on the host: the agent would take
# the old segment by its identity. The vault must refuse that commit, and the next run must succeed by itself and restore. And a
# page of the last point's manifest rots, of which this host has lost its copy: the next run but one is a full by itself.
set -eu
cd "$ZAIBEI_TMP"
zaibei-vault init vault >/dev/null
zaibei kit new --out kit >kit.txt
pub=$(grep -o 'zbk-pub-[A-Za-z0-9+/=]*' kit.txt kit | head -n 1 | sed 's/^[^:]*://')
export ZAIBEI_AGENT_CONFIG=$ZAIBEI_TMP/agent.yaml
zaibei-agent enroll "dir://$ZAIBEI_TMP/vault" --host h --system s --recipient "$pub" --state "$ZAIBEI_TMP/state" \
    --config "$ZAIBEI_AGENT_CONFIG" >/dev/null
mkdir data
head -c 3145728 /dev/urandom >data/a
echo stays >data/b
cp data/a copy
zaibei-agent backup data >/dev/null
rm data/a
zaibei-agent backup data >/dev/null

pack=$(find vault/store -path '*/packs/*' -size +2M)
printf '\377\377\377\377\377\377\377\377' | dd of="$pack" bs=1 seek=1500000 conv=notrunc status=none
cp copy data/a
rc=0
zaibei-agent backup data 2>err || rc=$?
[ $rc -eq 15 ] || { echo "a rotten segment was taken into a new point: exit $rc"; cat err; exit 1; }
grep -q 'slot .* is damaged' err || { echo "the error does not name the segment:"; cat err; exit 1; }
points=$(zaibei-agent points --json | grep -c '"message_type":"point"')
[ "$points" -eq 2 ] || { echo "$points points after a refused commit"; exit 1; }

zaibei-agent backup data >/dev/null
zaibei-agent restore latest --target back >/dev/null
cmp copy "back$ZAIBEI_TMP/data/a"
zaibei-agent backup data >/dev/null

for pack in $(find vault/store -path '*/packs/*' -type f); do
    [ "$(od -An -tu1 -j6 -N1 "$pack")" -eq 1 ] || continue # of metadata: the first segment is a page
    printf '\377\377\377\377\377\377\377\377' | dd of="$pack" bs=1 seek=80 conv=notrunc status=none
done
rm -r state/cache
echo more >>data/b
rc=0
zaibei-agent backup data 2>err || rc=$?
[ $rc -eq 15 ] || { echo "a run on a parent that cannot be read: exit $rc"; cat err; exit 1; }
zaibei-agent backup data >out
grep -q full out || { echo "no full after a parent that cannot be read:"; cat out; exit 1; }
echo more >>data/b
zaibei-agent backup data >out
grep -q incremental out || { echo "one full is enough:"; cat out; exit 1; }
rm -r back
zaibei-agent restore latest --target back >/dev/null
cmp data/b "back$ZAIBEI_TMP/data/b" && cmp copy "back$ZAIBEI_TMP/data/a"
