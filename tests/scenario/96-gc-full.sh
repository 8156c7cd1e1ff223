#!/bin/bash
# faults: B1
# A vault on a full disk: what was committed is readable, a removal and a collection still work, through the reserve, and
# the next backup succeeds by itself.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
cd "$ZAIBEI_TMP"
if [ -z "${IN_NAMESPACE:-}" ]; then
    unshare -m true 2>/dev/null || not_run 'mounting is not allowed here'
    IN_NAMESPACE=1 exec unshare -m bash "$ZAIBEI_ROOT/tests/scenario/96-gc-full.sh"
fi
disk=$ZAIBEI_TMP/disk vault=$ZAIBEI_TMP/disk/vault kit=$ZAIBEI_TMP/kit data=$ZAIBEI_TMP/data
mkdir disk && mount -t tmpfs -o size=64m tmpfs "$disk" || not_run 'no tmpfs here'
zaibei-vault init "$vault" >/dev/null
zaibei kit new --out kit >kit.txt
pub=$(grep -o 'zbk-pub-[A-Za-z0-9+/=]*' kit.txt kit | head -n 1 | sed 's/^[^:]*://')
export ZAIBEI_AGENT_CONFIG=$ZAIBEI_TMP/agent.yaml
zaibei-agent enroll "dir://$vault" --host h --system s --recipient "$pub" --state "$ZAIBEI_TMP/state" \
    --config "$ZAIBEI_AGENT_CONFIG" >/dev/null
approvers_make "$vault"
zaibei-vault gc "$vault" >/dev/null
[ "$(stat -c %s "$vault/keeper/reserve")" -gt 3000000 ] || fail 'there is no reserve'

step 'a backup fills the disk'
mkdir data
for i in 1 2 3; do
    noise 9000000 "$i" >data/big
    noise 2000000 "stays.$i" >"data/stays.$i"
    backup data
done
noise 90000000 much >data/much
expect 13 zaibei-agent backup data
says ZB-1401
rm data/much
fill() { cat /dev/zero >>"$disk/$1" 2>/dev/null || :; }
fill rest
free() { stat -f -c '%a' "$disk"; }
[ "$(free)" -eq 0 ] || fail "$(free) blocks are free"

step 'what was committed is there'
zaibei-agent restore 3 --vault "$vault" --host h --kit "$kit" --target out >/dev/null
diff -r data "out$data" || fail 'point 3 is not what it was'
verify
expect 13 zaibei-agent backup data

step 'removal and collection work'
fill more
remove_early "$vault" h/1,2
zaibei-vault gc "$vault" --grace 0 --json >done.json
jq -e '.skipped == [] and .bytes > 15000000' done.json >/dev/null || fail "$(cat done.json)"
jq -e '.generations[] | select(.why) | .why' done.json && fail 'something was left alone'
[ "$(free)" -gt 4000 ] || fail "only $(free) blocks are free"
[ "$(stat -c %s "$vault/keeper/reserve")" -gt 3000000 ] || fail 'the reserve was not made again'
verify

step 'and it goes on by itself'
rm -r out
noise 3000000 new >data/new
backup data
zaibei-agent restore latest --vault "$vault" --host h --kit "$kit" --target out >/dev/null
diff -r data "out$data" || fail 'the last point is not what it should be'
verify
