#!/bin/bash
# limit 300
# faults: B10 B11 E7
# The agent's own files (configuration, identities, keys, pins, receipt, index, cached pages, signatures) with a bit flipped, cut
# short, grown, emptied or lost: the agent names the file, or makes it anew by itself, and the next point restores exactly.
# One harm to each, another one each time; with ZAIBEI_SOAK=1 every byte and every length of the small ones.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
RANDOM=${SEED:=$RANDOM}
echo "seed $SEED"
each=1
[ -z "${ZAIBEI_SOAK:-}" ] || each=0

step 'a host key that was spoilt before there was any point'
top=$ZAIBEI_TMP/top
mkdir -p "$top/data" "$ZAIBEI_TMP/torn"
export ZAIBEI_AGENT_CONFIG=$top/agent.yaml
zaibei-vault init "$top/vault" >/dev/null
zaibei-agent enroll "dir://$top/vault" --host h --system s --state "$top/state" \
    --recipient "$(zaibei --json kit new --out "$top/kit" | jq -r .public)" >/dev/null
key=$(od -An -tx1 -v "$top/state/host.key" | tr -d ' \n')
printf '\x5a' | dd of="$top/state/host.key" bs=1 seek=$((RANDOM % 32)) conv=notrunc status=none
[ "$(od -An -tx1 -v "$top/state/host.key" | tr -d ' \n')" != "$key" ] ||
    printf '\xa5' | dd of="$top/state/host.key" bs=1 conv=notrunc status=none
expect 15 zaibei-agent backup "$top/data"
says host.key

step 'each file'
/usr/bin/python3 "$here/torn.py" "$ZAIBEI_TMP/torn" --each $each --seed "$SEED" || fail 'see above'
