#!/bin/bash
# faults: D6 E2 E3
# An agent is stopped in the middle of a full. While its session lives nothing of its host is collected; when the session has
# ended, as the vault ends it after a silence (check_vault_live), another machine with its keys backs up, and a collection takes
# what the stopped one has sent. Woken up it commits nothing, and the point made meanwhile is whole.
# (Beyond the end of a lease: check_vault_gc, check_vault_live.)
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
cd "$ZAIBEI_TMP"
data=$ZAIBEI_TMP/data other=$ZAIBEI_TMP/other
mkdir data
noise 200000 58 >data/small
backup data
cp -a "$box/agent" other
sed -i "s|$box/agent|$other|g" other/agent.yaml
noise 160000000 large >data/large
was=$(ls "$vault/store/hosts/$host/packs")
agent=
trap 'rc=$?; [ -z "$agent" ] || { kill -CONT $agent; kill $agent; } 2>/dev/null || :
    "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; exit $rc' EXIT
sent() { # the packs that were placed in a generation that was not there before
    find "$vault/store/hosts/$host/packs" -type f ! -name '.*' ! -path "*/$was/*"
}

step 'stopped, with its session alive: a collection leaves the host alone'
zaibei-agent backup --full data >out 2>&1 &
agent=$!
for _ in $(seq 6000); do
    [ -z "$(sent)" ] || break
    sleep 0.01
done
kill -STOP $agent
[ -n "$(sent)" ] || fail "nothing was sent: $(cat out)"
sent | sort >before
expect 0 zaibei-vault gc "$vault" --grace 0 --json
[ "$(jq -r --arg h "$host" '.skipped[] | select(.host == $h) | .why.id' <<<"$said")" = 1201 ] || fail "not left alone: $said"
sleep 0.3
sent | sort | comm -23 before - | grep . && fail 'packs of a living session were collected'

step 'its session has ended; another machine backs up; what the stopped one has sent goes'
kill -9 "$(pgrep -f "^([^ ]*/)?zaibei-vault serve.* $vault( |$)" | head -n 1)"
rm data/large
noise 300000 59 >data/more
expect 0 zaibei-agent --config other/agent.yaml backup data
expect 0 zaibei-vault gc "$vault" --grace 0 --json
[ -z "$(sent)" ] || fail "it was not collected: $said"

step 'it wakes up, and commits nothing'
kill -CONT $agent
rc=0
wait $agent || rc=$?
agent=
case $rc in 12 | 14) ;; *) fail "exit $rc: $(cat out)" ;; esac
[ "$(zaibei-agent --config other/agent.yaml points --json | jq -r 'select(.message_type == "point") | .point' | tr '\n' ' ')" = '1 2 ' ] ||
    fail 'a point that nobody has made'
expect 12 zaibei-agent backup data
says ZB-1308
zaibei-agent --config other/agent.yaml restore latest --target back >/dev/null
diff -r data "back$data" || fail 'the point made meanwhile'
expect 0 zaibei-agent --config other/agent.yaml backup data
verify
