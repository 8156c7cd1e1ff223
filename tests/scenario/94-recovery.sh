#!/bin/bash
# faults: E7 E8 B12
# The vault's own disaster: the sealed recovery file follows each change, tells nothing, and makes the vault again around a
# copied store or an empty one, so that agents go on with the key they pinned. What is derivable may be lost at any time.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
sandbox() { "$ZAIBEI_ROOT/scripts/sandbox" "$@" "$box" >/dev/null; }
data=$ZAIBEI_TMP/data
usb=$ZAIBEI_TMP/usb
pkit=$ZAIBEI_TMP/platform.kit
mkdir "$usb"
zaibei kit new --out "$pkit" >/dev/null
public=$(grep '^zbk-pub-' "$pkit")
fresh() { [ "$(zaibei-vault recovery "$vault" --json | jq .fresh)" = true ] || fail "not up to date after: $1"; }
sum() { sha256sum <"$vault/keeper/recovery"; }

step "it follows each change, to both places"
[ ! -e "$vault/keeper/recovery" ] || fail "a recovery file that nobody can open"
expect 2 zaibei-vault recovery "$vault" --recipient zbk-pub-nonsense
expect 0 zaibei-vault recovery "$vault" --recipient "$public" --to "$usb"
says 'up to date'
sealed=$(ls "$usb"/zaibei-recovery-*)
before=$(sum)
zaibei-vault rights "$vault" "$host" --floor-days 100 >/dev/null
[ "$before" != "$(sum)" ] || fail "a floor was raised and the file is the old one"
before=$(sum)
echo '{"op":"token","host":"another","system":"oa"}' | zaibei-vault control "$vault" | jq -e .ok >/dev/null
[ "$before" != "$(sum)" ] || fail "a token was made and the file is the old one"
before=$(sum)
ssh-keygen -q -t ed25519 -N '' -f "$ZAIBEI_TMP/anna"
zaibei-vault approver add "$vault" anna "$ZAIBEI_TMP/anna.pub" >/dev/null
[ "$before" != "$(sum)" ] || fail "an approver was named and the file is the old one"
cmp "$vault/keeper/recovery" "$sealed"
before=$(sum)
zaibei-vault recovery "$vault" >/dev/null
[ "$before" = "$(sum)" ] || fail "nothing has changed and the file has"

step "a place that is away is told, and hinders nobody"
mv "$usb" "$usb.away"
zaibei-vault rights "$vault" "$host" --floor-days 101 >/dev/null 2>"$ZAIBEI_TMP/said" || fail "a change failed with the place away"
grep -q 'ZB-1609' "$ZAIBEI_TMP/said" || fail "nobody was told that the place is away"
[ ! -e "$usb" ] || fail "the place was made in the disk below the mount"
expect 15 zaibei-vault recovery "$vault"
says ZB-1609 'not up to date'
mv "$usb.away" "$usb"
expect 0 zaibei-vault recovery "$vault"
cmp "$vault/keeper/recovery" "$sealed"
fresh "the place came back"

step "it tells nothing, and opens with nothing but its kit"
/usr/bin/python3 - "$vault/keeper/key" "$sealed" <<'PY'
import sys
key, sealed = (open(f, "rb").read() for f in sys.argv[1:])
assert key not in sealed and key.hex().encode() not in sealed and b"floor_days" not in sealed
PY
expect 12 zaibei-vault init "$ZAIBEI_TMP/no" --recover "$sealed" --kit "$kit"
says ZB-1305
for at in 0 5 30 60 100 150 200 400; do
    cp "$sealed" "$ZAIBEI_TMP/bad"
    /usr/bin/python3 - "$ZAIBEI_TMP/bad" $at <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2])); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 1]))
PY
    got=0
    zaibei-vault init "$ZAIBEI_TMP/no" --recover "$ZAIBEI_TMP/bad" --kit "$pkit" >/dev/null 2>&1 || got=$?
    case $got in 12 | 15) ;; *) fail "byte $at flipped: exit $got" ;; esac
done
head -c 300 "$sealed" >"$ZAIBEI_TMP/bad"
expect 15 zaibei-vault init "$ZAIBEI_TMP/no" --recover "$ZAIBEI_TMP/bad" --kit "$pkit"
[ ! -e "$ZAIBEI_TMP/no" ] || fail "a file that does not open has made a directory"

step "around a copied store"
tree make "$data" 40
backup "$data"
restore 1 "$ZAIBEI_TMP/one"
sandbox down
mv "$vault" "$vault.burnt"
mkdir "$vault"
cp -a "$vault.burnt/store" "$vault/store"
rm "$vault/store/systems/"*      # objects that the copy has lost come back too
expect 0 zaibei-vault init "$vault" --recover "$sealed" --kit "$pkit"
cmp "$vault.burnt/keeper/key" "$vault/keeper/key"
cmp "$vault.burnt/rights/$host" "$vault/rights/$host"
diff -r "$vault.burnt/store" "$vault/store" >/dev/null || fail "the store is another one"
expect 2 zaibei-vault init "$vault" --recover "$sealed" --kit "$pkit"
says ZB-1007
sandbox up
[ "$(zaibei-vault recovery "$vault" --json | jq .to)" = null ] || fail "a recovered vault writes over the file it came from"
backup "$data"
[ "$(point point)" = 2 ] || fail "the agent did not go on"
verify
restore 1 "$ZAIBEI_TMP/again"
same <(manifest "$ZAIBEI_TMP/one$data" --top) <(manifest "$ZAIBEI_TMP/again$data" --top) "what was restored after the disaster"

step "a store of another vault is refused, and an interrupted recovery goes on"
zaibei-vault init "$ZAIBEI_TMP/other" >/dev/null
mkdir "$ZAIBEI_TMP/mixed"
mv "$ZAIBEI_TMP/other/store" "$ZAIBEI_TMP/mixed/store"
expect 12 zaibei-vault init "$ZAIBEI_TMP/mixed" --recover "$sealed" --kit "$pkit"
says ZB-1306
[ ! -e "$ZAIBEI_TMP/mixed/keeper/key" ] || fail "a key beside another vault's store"
zaibei-vault init "$ZAIBEI_TMP/half" --recover "$sealed" --kit "$pkit" >/dev/null
rm "$ZAIBEI_TMP/half/keeper/key" "$ZAIBEI_TMP/half/store/vault" "$ZAIBEI_TMP/half/keeper/recovery.conf"
expect 0 zaibei-vault init "$ZAIBEI_TMP/half" --recover "$sealed" --kit "$pkit"
zaibei-verify vault "$ZAIBEI_TMP/half" --quiet >/dev/null

step "with an empty store: the same key, new points"
sandbox down
mv "$vault" "$vault.burnt2"
expect 0 zaibei-vault init "$vault" --recover "$sealed" --kit "$pkit"
expect 0 zaibei-vault approver list "$vault"
says anna
sandbox up
expect 15 zaibei-agent backup "$data"
says ZB-1605
expect 0 zaibei-agent enroll --continue --yes
backup "$data"
verify

step "derivable things may go at any time: it costs time only"
RANDOM=94
for n in 1 2 3 4; do
    tree change "$data" $((40 + n))
    for thing in "$vault/spool" "$vault/keeper/scrub" "$vault/keeper/damage" "$vault/keeper/recovery" "$vault/keeper/recovery.sum" \
        "$box/agent/state/cache"; do
        [ $((RANDOM % 3)) -ne 0 ] || continue
        [ -d "$thing" ] && find "$thing" -mindepth 1 -delete || rm -rf "$thing"
    done
    backup "$data"
    rm -rf "$ZAIBEI_TMP/back"
    restore "$(point point)" "$ZAIBEI_TMP/back"
    same <(manifest "$data") <(manifest "$ZAIBEI_TMP/back$data") "point $n without its caches"
done
verify
zaibei-vault recovery "$vault" >/dev/null
fresh "all of it was lost"
