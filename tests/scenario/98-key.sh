#!/bin/bash
# The vault's signing key is rotated, lost, stolen, replaced: hosts follow what the old key vouches for, ask a person where it
# cannot, old points and receipts stay good, and what an old key signs later is not believed.
# faults: A19 G5
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
data=$ZAIBEI_TMP/data
pkit=$ZAIBEI_TMP/platform.kit
tree make "$data" 98
sandbox() { # up | down
    "$ZAIBEI_ROOT/scripts/sandbox" "$1" "$box" >/dev/null
}
fingerprint() { zaibei-vault key show "$vault" --json | jq -r .current; }
key_of_host() { zaibei-agent key --json | jq -r .vault_key; }

zaibei kit new --out "$pkit" >/dev/null
zaibei-vault recovery "$vault" --recipient "$(grep -o 'zbk-pub-.*' "$pkit" | head -n 1)" >/dev/null
backup "$data"
cp "$box/agent/state/receipt" "$ZAIBEI_TMP/receipt"
first=$(fingerprint)
anchor=$ZAIBEI_TMP/anchor
zaibei-verify vault "$vault" --json | jq -r 'select(.vault_key) | .vault_key' >"$anchor"
zaibei-verify vault "$vault" --quiet | grep -E "^$host [0-9]+ [0-9a-f]{64}" | cut -d ' ' -f 1-3 >>"$anchor"
cp "$vault/keeper/key" "$ZAIBEI_TMP/key.0"

step "without approvers: the old key vouches for the new one"
expect 0 zaibei-vault key rotate "$vault"
second=$(fingerprint)
[ "$first" != "$second" ] || fail "the key is the same"
[ ! -e "$vault/keeper/key.next" ] || fail "the new seed lies about"
! cmp -s "$vault/keeper/key" "$ZAIBEI_TMP/key.0" || fail "the old seed is still there"
verify

step "the host follows quietly, and its old points stay good"
tree change "$data" 1
backup "$data"
! grep -q ZB- "$ZAIBEI_TMP/backup.out" || fail "it was not quiet: $(cat "$ZAIBEI_TMP/backup.out")"
[ "$(key_of_host)" = "$second" ] || fail "the host pins $(key_of_host)"
restore 1 "$ZAIBEI_TMP/one"
restore 2 "$ZAIBEI_TMP/two"
same <(manifest "$data") <(manifest "$ZAIBEI_TMP/two$data") "the point after the rotation"
verify
verify --anchor "$anchor"
expect 0 zaibei-verify receipt "$vault" "$ZAIBEI_TMP/receipt"
for n in 1 2; do
    expect 0 env -u ZAIBEI_AGENT_CONFIG zaibei-agent restore $n --vault "$vault" --host "$host" --kit "$kit" --target "$ZAIBEI_TMP/bare$n"
done
same <(manifest "$data") <(manifest "$ZAIBEI_TMP/bare2$data") "restored with vault and kit alone"

/usr/bin/python3 "$ZAIBEI_ROOT/tests/reader/read.py" "$vault" "$kit" "$host" 2 "$(find "$data" -type f | sort | head -n 1)" >"$ZAIBEI_TMP/read" ||
    fail "the reader of the format page stops at the new key"
cmp "$(find "$data" -type f | sort | head -n 1)" "$ZAIBEI_TMP/read"

step "with approvers: two of them sign"
approvers_make "$vault"
expect 12 zaibei-vault key rotate "$vault"
says ZB-1312
zaibei-vault request replace-key "$vault" --out "$approvers/request" >/dev/null
zaibei approve "$approvers/request" --key "$approvers/anna" --yes >/dev/null
expect 12 zaibei-vault key rotate "$vault" --approvals "$approvers/request"
zaibei approve "$approvers/request" --key "$approvers/ben" --yes >/dev/null
cp "$vault/keeper/key" "$ZAIBEI_TMP/key.1"
expect 0 zaibei-vault key rotate "$vault" --approvals "$approvers/request"
third=$(fingerprint)
grep -q "$third" "$approvers/request" || fail "another key than the one that was approved"
expect 12 zaibei-vault key rotate "$vault" --approvals "$approvers/request"
rm "$approvers"/request*
backup "$data"
[ "$(key_of_host)" = "$third" ] || fail "the host does not follow"
verify --anchor "$anchor"

step "a record by an old key behind the rotation is refused"
cp -a "$vault/store" "$ZAIBEI_TMP/store"
/usr/bin/python3 "$here/forge.py" "$ZAIBEI_TMP/store" "$ZAIBEI_TMP/key.1" "$host"
mkdir "$ZAIBEI_TMP/forged"
mv "$ZAIBEI_TMP/store" "$ZAIBEI_TMP/forged/store"
expect 15 zaibei-verify vault "$ZAIBEI_TMP/forged"
says ZB-1661

step "killed at each step of a rotation: the next command finds a key, and the host follows"
request() {
    rm -f "$approvers"/request*
    zaibei-vault request replace-key "$vault" --out "$approvers/request" >/dev/null
    for who in anna ben; do zaibei approve "$approvers/request" --key "$approvers/$who" --yes >/dev/null; done
}
for call in 'linkat:when=1' 'linkat:when=2' 'linkat:when=3' 'linkat:when=4' 'renameat:when=1' 'renameat2:when=1' 'unlinkat:when=3'; do
    command -v strace >/dev/null || { echo "not run: kills at each step (there is no strace)"; break; }
    request
    before=$(fingerprint)
    { strace -f -qq -o /dev/null -e trace="${call%%:*}" -e inject="${call%%:*}:signal=KILL:${call#*:}" \
        zaibei-vault key rotate "$vault" --approvals "$approvers/request" >/dev/null 2>&1 || :; } 2>/dev/null
    after=$(fingerprint) || fail "killed at $call: no key"
    echo "killed at $call: $([ "$before" = "$after" ] && echo "the old key" || echo "the new key")"
    backup "$data"
    [ "$(key_of_host)" = "$after" ] || fail "killed at $call: the host does not follow"
done
verify --anchor "$anchor"

step "the key is lost and the recovery file too: approvers put another in its place, and hosts ask a person"
sandbox down
rm "$vault/keeper/key"
expect 10 zaibei-vault stat "$vault"
expect 2 zaibei-vault key replace "$vault"
request
expect 0 zaibei-vault key replace "$vault" --approvals "$approvers/request"
says "enroll --continue"
new=$(fingerprint)
verify
verify --anchor "$anchor"
sandbox up
old=$(key_of_host)
expect 12 zaibei-agent backup "$data"
says ZB-1660 "$old" "$new"
[ "$(key_of_host)" = "$old" ] || fail "the pin has moved by itself"
expect 2 zaibei-agent enroll --continue --vault-key "${new%??}"
expect 12 zaibei-agent enroll --continue --vault-key "$first"
says ZB-1660
expect 0 zaibei-agent enroll --continue --vault-key "$new"
[ "$(key_of_host)" = "$new" ] || fail "the host pins something else"
backup "$data"
restore 1 "$ZAIBEI_TMP/after"
same <(manifest "$ZAIBEI_TMP/one$data") <(manifest "$ZAIBEI_TMP/after$data") "the first point after the replacement"
verify

step "a replacement that nobody approved is found"
mkdir "$ZAIBEI_TMP/self"
cp -a "$vault/store" "$ZAIBEI_TMP/self/store"
/usr/bin/python3 "$here/forge.py" --replace "$ZAIBEI_TMP/self/store"
expect 15 zaibei-verify vault "$ZAIBEI_TMP/self"
says ZB-1608

step "a new host's token has the new key; a log alone is enough; the recovery file has it all"
token=$(zaibei host enroll-token web2 --system portal --json | grep -o 'zbe1,[^"]*')
[ "$(cut -d, -f4 <<<"$token" | base64 -d | od -An -tx1 | tr -d ' \n')" = "$new" ] || fail "the token has another key"
expect 0 zaibei-agent --config "$ZAIBEI_TMP/web2/agent.yaml" enroll - --recipient "$(grep -o 'zbk-pub-.*' "$kit")" <<<"$token"
expect 0 zaibei-agent --config "$ZAIBEI_TMP/web2/agent.yaml" backup "$data"
verify
expect 0 zaibei-vault recovery "$vault"
zaibei-vault init "$ZAIBEI_TMP/again" --recover "$vault/keeper/recovery" --kit "$pkit" >/dev/null
cmp "$ZAIBEI_TMP/again/keeper/key" "$vault/keeper/key"
[ "$(zaibei-vault key show "$ZAIBEI_TMP/again" --json | jq -r .current)" = "$new" ] || fail "another key came back"
diff -r --exclude=".tmp-*" "$vault/store/keys" "$ZAIBEI_TMP/again/store/keys"
rm -rf "$ZAIBEI_TMP/again"

step "keys/ or the log may be damaged: backups and restores go on"
mv "$vault/store/keys" "$ZAIBEI_TMP/keys"
backup "$data"
restore latest "$ZAIBEI_TMP/nocopies"
expect 0 zaibei-vault scrub "$vault" --rate 1000
diff -r --exclude='.tmp-*' "$vault/store/keys" "$ZAIBEI_TMP/keys" || fail "the copies were not made again"
rm -rf "$vault/store/keys"
mv "$ZAIBEI_TMP/keys" "$vault/store/keys"
mv "$vault/store/log" "$ZAIBEI_TMP/log"
backup "$data"
restore latest "$ZAIBEI_TMP/nolog"
mv "$ZAIBEI_TMP/log" "$vault/store/log"
verify
