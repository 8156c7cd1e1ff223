#!/bin/bash
# faults: B10 B13
# A record in the middle of the vault's own log is lost. What it said of approvers must not be forgotten: nothing that asks the log
# is answered by what is left, nothing takes its number, and the recovery file that still has it stays. Backups and restores go on;
# when the record is back all is as before.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
cd "$ZAIBEI_TMP"
zaibei kit new --out kit >kit.txt
pub=$(grep -oh 'zbk-pub-[A-Za-z0-9+/=]*' kit.txt kit | head -n 1)
mkdir other data
zaibei-vault init vault --recovery "$pub" --to "$ZAIBEI_TMP/other" >/dev/null
approvers_make vault
export ZAIBEI_AGENT_CONFIG=$ZAIBEI_TMP/agent.yaml
zaibei-agent enroll "dir://$ZAIBEI_TMP/vault" --host web --system oa --recipient "$pub" --state "$ZAIBEI_TMP/state" \
    --config "$ZAIBEI_AGENT_CONFIG" >/dev/null
noise 300000 a >data/a
backup data
keeps() { timeout 2 zaibei-vault keep vault >keep.log 2>&1 || [ $? -eq 124 ] || [ $? -eq 143 ] || fail "keep: $(cat keep.log)"; }
keeps
log=vault/store/log
[ "$(ls $log | wc -l)" -ge 2 ] || fail "the vault's log: $(ls $log)"
lost=$(find $log -type f | sort | tail -n 2 | head -n 1)
file=$(ls other)
cp "other/$file" whole
cp "$lost" record

step 'it is lost: nobody is told that this is all'
chmod u+w $log && rm -f "$lost"
count=$(ls $log | wc -l)
expect 15 zaibei-vault approver list vault
says ZB-1606
ssh-keygen -q -t ed25519 -N '' -f mallory
expect 15 zaibei-vault approver add vault mallory mallory.pub
says ZB-1606
expect 15 zaibei-verify vault vault --key kit

step 'backups go on'
noise 200000 b >data/b
backup data
restore latest back
diff -r data "back$PWD/data"
[ "$(ls $log | wc -l)" = "$count" ] && [ ! -e "$lost" ] || fail "its number was taken: $(ls $log)"

step 'the file with the last whole copy stays'
keeps
cmp whole "other/$file.before"
cmp whole vault/keeper/recovery.before

step 'it is back'
cp record "$lost"
expect 0 zaibei-vault approver list vault
says anna ben
keeps
[ "$(ls other)" = "$file" ] && [ ! -e vault/keeper/recovery.before ] || fail "$(ls other vault/keeper)"
verify() { zaibei-verify vault vault --key kit --quiet; }
verify || fail 'zaibei-verify'
