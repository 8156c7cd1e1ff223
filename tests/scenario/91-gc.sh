#!/bin/bash
# limit 900
# faults: A11 A12 A13 A14 A22 E2
# A collection is killed before each of its calls that change the store. Every point that exists restores exactly from what
# is left, verify finds nothing, the next collection finishes, and a backup of the very content that was being collected
# succeeds at once: the agent's index still speaks of it. A few moments of the kill; all with ZAIBEI_SOAK=1.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
cd "$ZAIBEI_TMP"
every=${EVERY:-5}
[ -z "${ZAIBEI_SOAK:-}" ] || every=1
vault=$ZAIBEI_TMP/vault kit=$ZAIBEI_TMP/kit data=$ZAIBEI_TMP/data
zaibei-vault init vault >/dev/null
zaibei kit new --out kit >kit.txt
pub=$(grep -o 'zbk-pub-[A-Za-z0-9+/=]*' kit.txt kit | head -n 1 | sed 's/^[^:]*://')
export ZAIBEI_AGENT_CONFIG=$ZAIBEI_TMP/agent.yaml
zaibei-agent enroll "dir://$vault" --host h --system s --recipient "$pub" --state "$ZAIBEI_TMP/state" \
    --config "$ZAIBEI_AGENT_CONFIG" >/dev/null

mkdir data gone
for i in 1 2 3 4; do
    noise 30000 "keep.$i" >"data/keep.$i"
    for j in 1 2 3; do noise 90000 "gone.$i.$j" >"data/gone.$i.$j"; done
    noise 200000 "all.$i" >"data/all"
    backup data
    cp -p data/gone.* gone/
    rm data/gone.*
done
backup data
zaibei-agent restore 5 --vault "$vault" --host h --kit "$kit" --target truth >/dev/null
approvers_make "$vault"
remove_early "$vault" h/1,2,3,4

objects() { (cd "$vault/store" && find . -type f -path '*/packs/*' -o -type f -path '*/used/*') | sort; }

step 'what it would do, and that it does not do it yet'
objects >before
zaibei-vault gc "$vault" --dry-run --json >later.json
[ "$(jq '.bytes' later.json)" = 0 ] && [ "$(jq '.bytes_later > 0' later.json)" = true ] || fail "$(cat later.json)"
jq -e '.generations[0].grace_until > "2020"' later.json >/dev/null || fail "no date: $(cat later.json)"
zaibei-vault gc "$vault" --json >now.json
objects | diff before - || fail 'the grace was not kept'
zaibei-vault gc "$vault" --dry-run --grace 0 --json >plan.json
objects | diff before - || fail 'a dry run has changed something'
zaibei-vault gc "$vault" --dry-run --grace 0 | grep -q 'less than half is needed' || fail 'the plan does not say why'
cp -a vault vault.was
cp -a state state.was

step 'undisturbed'
zaibei-vault gc "$vault" --grace 0 --json >done.json
for key in bytes; do [ "$(jq .$key plan.json)" = "$(jq .$key done.json)" ] || fail "$(cat plan.json done.json)"; done
jq -e '.generations[0] | .deleted_packs > 0 and .rewritten_packs > 0 and .used_pages > 0' done.json >/dev/null ||
    fail "$(cat done.json)"
objects >after
[ "$(wc -l <after)" -lt "$(wc -l <before)" ] || fail 'nothing is gone'
verify
zaibei-agent restore 5 --vault "$vault" --host h --kit "$kit" --target out >/dev/null
diff -r truth out || fail 'the point is not what it was'
rm -r out

step 'what is live is not sent again'
sent=$(zaibei-agent backup data --json | jq -r 'select(.bytes_sent) | .bytes_sent' | tail -n 1)
[ "$sent" -lt 60000 ] || fail "$sent bytes were sent for nothing new"

whole() { # WHAT : verify finds nothing, and the newest point restores exactly
    verify
    rm -rf out
    zaibei-agent restore 5 --vault "$vault" --host h --kit "$kit" --target out >/dev/null || fail "$1: no restore"
    diff -r truth out >/dev/null || fail "$1: the point is not what it was"
}

killed=0
for call in unlinkat linkat; do
    for n in $(seq 1 "$every" 500); do
        rm -rf vault state
        cp -a vault.was vault
        cp -a state.was state
        rc=0
        strace -f -o trace -e trace=$call -e inject=$call:signal=KILL:when="$n" \
            zaibei-vault gc "$vault" --grace 0 >/dev/null 2>&1 || rc=$?
        [ $rc -ne 0 ] || break
        killed=$((killed + 1))
        whole "$call $n"
        # The same content comes back. What was there, and what half is gone, must not be believed by the agent's index.
        cp -p gone/gone.[12].* data/
        backup data
        zaibei-agent restore latest --vault "$vault" --host h --kit "$kit" --target new >/dev/null
        diff -r data "new$data" || fail "$call $n: what came back is not what it is"
        rm -r new data/gone.*
        zaibei-vault gc "$vault" --grace 0 >/dev/null
        whole "$call $n, finished"
        (cd vault/store && find . -name '.tmp-*' -path '*/packs/*') | grep . && fail "$call $n: temporary files are left"
    done
done
[ $killed -ge 4 ] || fail "only $killed runs were killed: is strace there?"
echo "killed $killed collections"
