#!/bin/bash
# Enrolment: a token is good once; nothing is overwritten; an enrolment that was cut off goes on; the recovery kit opens
# what the new host stores; a real enrolment gives no right to read; a revoked host is refused; a dir:// vault needs none.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
public=$(grep -o 'zbk-pub-.*' "$kit")
token() { zaibei host enroll-token "$1" --system portal --json | grep -o 'zbe1,[^"]*'; }
at() { echo "$ZAIBEI_TMP/$1/agent.yaml"; }
enrol() { zaibei-agent --config "$(at "$1")" enroll - --recipient "$public"; }
mkdir "$ZAIBEI_TMP/data"
echo content >"$ZAIBEI_TMP/data/file"

step 'a token enrols once'
one=$(token web1)
expect 0 enrol a <<<"$one"
says web1 portal "$(zaibei kit test "$kit" | grep -o '[0-9]\{4\} [0-9 ]*[0-9]' | head -n 1)"
[ "$(stat -c %a "$ZAIBEI_TMP/a/state")" = 700 ] || fail "the state can be read by others"
[ -z "$(find "$ZAIBEI_TMP/a/state" -type f -perm /077)" ] || fail "a file of the state can be read by others"
expect 0 zaibei-agent --config "$(at a)" status
expect 12 enrol b <<<"$one"
says ZB-1307
expect 2 enrol a <<<"$(token web2)"
says ZB-1007

step 'a foreign agent.yaml is not overwritten, and the token is not used up'
two=$(token web3)
mkdir "$ZAIBEI_TMP/c"
echo '# mine' >"$(at c)"
expect 2 enrol c <<<"$two"
says ZB-1007
[ "$(cat "$(at c)")" = '# mine' ] || fail "agent.yaml was overwritten"
rm "$(at c)"
expect 0 enrol c <<<"$two"

step 'an enrolment that was cut off after the vault took the host goes on'
three=$(token web4)
expect 0 enrol d <<<"$three"
check=$(zaibei-agent --config "$(at d)" key --json | jq -r .key_check)
for lost in ids 'ids vault.pub ssh_host.pub' 'ids recipients ../agent.yaml'; do
    for f in $lost; do rm "$ZAIBEI_TMP/d/state/$f"; done
    expect 10 zaibei-agent --config "$(at d)" status
    expect 0 enrol d <<<"$three"
    expect 0 zaibei-agent --config "$(at d)" status
    [ "$(zaibei-agent --config "$(at d)" key --json | jq -r .key_check)" = "$check" ] || fail "the host has another key"
done

step 'a wrong token, a wrong vault key, no recipient, a private half'
expect 12 enrol e <<<'zbe1,nonsense'
says ZB-1307
four=$(token web5)
IFS=, read -r v where hostkey vaultkey seed <<<"$four"
other=$(head -c 32 /dev/urandom | base64)
expect 12 enrol e <<<"$v,$where,$hostkey,$other,$seed"
says ZB-1306
expect 12 enrol e <<<"$v,$where,$other,$vaultkey,$seed"
says ZB-1304
expect 2 zaibei-agent --config "$(at e)" enroll "$four"
expect 2 zaibei-agent --config "$(at e)" enroll "$four" --recipient "$(grep -o 'zbk-sec-.*' "$kit")"
expect 0 enrol e <<<"$four"

step 'the new host backs up, may not read, and its kit restores without it'
expect 0 zaibei-agent --config "$(at a)" backup "$ZAIBEI_TMP/data"
expect 12 zaibei-agent --config "$(at a)" restore latest --target "$ZAIBEI_TMP/no"
says ZB-1302
expect 0 env -u ZAIBEI_AGENT_CONFIG zaibei-agent restore latest --vault "$vault" --host web1 --kit "$kit" \
    --target "$ZAIBEI_TMP/yes"
[ "$(cat "$ZAIBEI_TMP/yes$ZAIBEI_TMP/data/file")" = content ] || fail "the kit brought something else"

step 'a second recovery kit opens old points too; nothing is taken away'
zaibei kit new --out "$ZAIBEI_TMP/kit2" >/dev/null
expect 12 zaibei-agent restore 1 --vault "$vault" --host web1 --kit "$ZAIBEI_TMP/kit2" --target "$ZAIBEI_TMP/early"
second=$(grep -o 'zbk-pub-.*' "$ZAIBEI_TMP/kit2")
expect 2 zaibei-agent --config "$(at a)" key --recipient "$(grep -o 'zbk-sec-.*' "$ZAIBEI_TMP/kit2")"
expect 0 zaibei-agent --config "$(at a)" key --recipient "$second"
says kit-2 "$second" "$(zaibei kit test "$ZAIBEI_TMP/kit2" | grep -o '[0-9]\{4\} [0-9 ]*[0-9]' | head -n 1)"
records=$(ls "$vault/store/hosts/web1/log" | wc -l)
expect 0 zaibei-agent --config "$(at a)" key --recipient "$second"
[ "$(ls "$vault/store/hosts/web1/log" | wc -l)" = "$records" ] || fail "the same kit was added twice"
echo more >>"$ZAIBEI_TMP/data/file"
expect 0 zaibei-agent --config "$(at a)" backup "$ZAIBEI_TMP/data"
for k in kit kit2; do
    [ $k = kit ] && file=$kit || file=$ZAIBEI_TMP/kit2
    for p in 1 2; do
        expect 0 zaibei-agent restore $p --vault "$vault" --host web1 --kit "$file" --target "$ZAIBEI_TMP/$k-$p"
        [ "$(wc -l <"$ZAIBEI_TMP/$k-$p$ZAIBEI_TMP/data/file")" = $p ] || fail "$k brought something else for $p"
    done
done
for file in "$kit" "$ZAIBEI_TMP/kit2"; do
    expect 0 zaibei-verify vault "$vault" --key "$file" --json
    [ "$(jq -r 'select(.message_type == "summary") | .points_locked // .locked // 0' <<<"$said")" = 0 ] || fail "locked: $said"
done

step 'a revoked host is refused'
expect 0 zaibei host revoke web1 --yes --reason test
expect 12 zaibei-agent --config "$(at a)" status
says ZB-1303

step 'a dir:// vault: no token, no orchestrator'
expect 0 zaibei-vault init "$ZAIBEI_TMP/own"
local_enrol() {
    zaibei-agent --config "$(at f)" enroll "dir://$ZAIBEI_TMP/own" --host lone --system home --recipient "$public"
}
expect 0 local_enrol
expect 2 local_enrol
says ZB-1007
rm "$ZAIBEI_TMP/f/state/ids"
expect 0 local_enrol
expect 0 zaibei-agent --config "$(at f)" backup "$ZAIBEI_TMP/data"
expect 0 zaibei-agent --config "$(at f)" restore latest --target "$ZAIBEI_TMP/home"
cmp "$ZAIBEI_TMP/data/file" "$ZAIBEI_TMP/home$ZAIBEI_TMP/data/file" || fail "the vault brought something else"
