#!/bin/bash
# faults: B12 D6
# The vault's directory is put back to an earlier copy. The host's receipt notices, zaibeid's memory notices without any host,
# and so does zaibei-verify with what zaibeid has seen as its anchor. The right copy again ends the alarm; otherwise somebody
# accepts what is left, and the host goes on by name.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
cd "$ZAIBEI_TMP"
data=$ZAIBEI_TMP/data
mkdir data
sandbox() { "$ZAIBEI_ROOT/scripts/sandbox" "$@" "$box"; }
state() { zaibei host list --json | jq -r "select(.host == \"$host\") | .state"; }
put_back() { # FROM
    sandbox down
    rm -rf aside && mv "$vault" aside && cp -a "$1" "$vault"
    sandbox up
}
for i in 1 2; do
    noise 300000 "$i" >data/file
    backup data
done
[ "$(state)" = enrolled ] || fail "$(zaibei host list --json)"
sandbox down && cp -a "$vault" early && sandbox up
noise 300000 3 >data/file
backup data
expect 0 as auditor zaibei witness list
cp /dev/stdin anchor <<<"$said"
[ "$(grep -c "^$host [0-9]* [0-9a-f]\{64\}$" anchor)" = 1 ] || fail "$(cat anchor)"
expect 0 zaibei-verify vault "$vault" --anchor anchor --quiet

step 'put back: nobody has to come for it to be noticed'
sandbox down && cp -a "$vault" late && sandbox up
put_back early
[ "$(state)" = behind ] || fail "$(zaibei host list --json)"
expect 0 zaibei host list --json
says 'was seen'
expect 0 as auditor zaibei witness list
says '# '
grep -q 'ZB-1655.*was seen' "$box/log/zaibeid" || fail "$(tail -n 3 "$box/log/zaibeid")"
expect 15 zaibei-verify vault "$vault" --anchor anchor --quiet
expect 15 zaibei-agent backup data
says ZB-1605
expect 15 zaibei-verify receipt "$vault" "$(sed -n 's/^state:[ "]*\([^"]*\)"*$/\1/p' "$ZAIBEI_AGENT_CONFIG")/receipt"
expect 0 zaibei-verify vault "$vault" --quiet # by itself it is whole: only memory elsewhere tells

step 'what it had is there again: the alarm ends'
put_back late
[ "$(state)" = enrolled ] || fail "$(zaibei host list --json)"
expect 0 zaibei-verify vault "$vault" --anchor anchor --quiet
backup data
expect 4 zaibei witness accept --yes

step 'put back for good: accepted here, and by the host by name'
put_back early
[ "$(state)" = behind ] || fail "$(zaibei host list --json)"
expect 2 zaibei witness accept </dev/null
expect 0 zaibei witness accept "$host" --yes
[ "$(state)" = enrolled ] || fail "$(zaibei host list --json)"
expect 0 zaibei-agent enroll --continue --yes
backup data
restore latest back
diff -r data "back$data" || fail 'the point after it'
[ "$(state)" = enrolled ] || fail "$(zaibei host list --json)"
verify
