#!/bin/bash
# faults: B10 B11 B13 C8 C11 G5
# When something is wrong, the message names it and the exit code tells its kind: wrong kit, flipped bit, truncated
# pack, newer format, unreachable host, changed host key. What is whole still restores.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
data=$ZAIBEI_TMP/data
mkdir "$data"
noise 300000 a >"$data/a"
echo small >"$data/b"
backup "$data"
other=$ZAIBEI_TMP/other.kit
printf 'zbk-sec-%s\n' "$(head -c 32 /dev/urandom | base64)" >"$other"

# broken NAME : a copy of the vault to harm, in $copy.
broken() {
    copy=$ZAIBEI_TMP/$1
    cp -a "$vault" "$copy"
    packs=$copy/store/hosts/$host/packs
}
from_kit() { # KIT [PATH]
    local key=$1
    shift
    rm -rf "$ZAIBEI_TMP/back"
    env -u ZAIBEI_AGENT_CONFIG zaibei-agent restore 1 --vault "$copy" --host "$host" --kit "$key" \
        --target "$ZAIBEI_TMP/back" "$@"
}
data_pack() { # the pack file that holds contents
    for p in "$packs"/*/*; do
        [ "$(od -An -tu1 -j6 -N1 "$p" | tr -d ' ')" = 2 ] && echo "$p" && return
    done
    fail "no data pack"
}

step 'a wrong kit'
broken wrong-kit
digits=$(zaibei kit test "$kit" --json | jq -r .check)
expect 12 from_kit "$other"
says ZB-1305 "$digits"
expect 12 zaibei-verify vault "$copy" --key "$other" --quiet
says ZB-1305

step 'a flipped bit'
broken flipped
pack=$(data_pack)
byte=$(od -An -tu1 -j200 -N1 "$pack" | tr -d ' ')
printf "\\x$(printf %02x $((byte ^ 4)))" | dd of="$pack" bs=1 seek=200 conv=notrunc status=none
expect 15 from_kit "$kit"
says "$(basename "$pack" | cut -d. -f1)"
expect 15 zaibei-verify vault "$copy" --quiet
says ZB-1601 "$(basename "$pack")" "$host/1"

step 'a truncated pack'
broken truncated
pack=$(data_pack)
truncate -s -20 "$pack"
expect 15 from_kit "$kit"
says "$(basename "$pack" | cut -d. -f1)"
expect 15 zaibei-verify vault "$copy" --quiet
says ZB-1602 "$(basename "$pack")" "$host/1"

step 'a missing pack'
broken missing
pack=$(data_pack)
rm "$pack"
expect 15 from_kit "$kit"
expect 15 zaibei-verify vault "$copy" --quiet
says ZB-1603 "$host/1"

step 'a newer format'
broken newer
printf '\002' | dd of="$copy/store/vault" bs=1 seek=4 conv=notrunc status=none
expect 15 from_kit "$kit"
says ZB-1604 2
expect 15 zaibei-verify vault "$copy" --quiet
says ZB-1604 2

step 'what does not exist'
expect 10 zaibei-agent restore 99 --target "$ZAIBEI_TMP/none"
says 99
expect 10 zaibei-verify point "$vault" "$host/99" --quiet
expect 2 zaibei-verify point "$vault" nonsense --quiet

step 'who has only a copy and a kit is told what it holds'
copy=$vault
alone() { env -u ZAIBEI_AGENT_CONFIG zaibei-agent "$@"; }
expect 10 alone points --vault "$vault" --host nobody --kit "$kit"
says nobody "it has: $host"
expect 2 alone points --vault "$vault" --kit "$kit"
says "$host"
expect 10 alone points --vault "$vault/store" --host "$host" --kit "$kit"
says 'no directory store/'

step 'a mistyped path does not stand in the way of the right one'
rm -rf "$ZAIBEI_TMP/typed"
for existing in '' '--existing if-different'; do
    # shellcheck disable=SC2086
    expect 10 zaibei-agent restore latest --target "$ZAIBEI_TMP/typed" $existing "$data/aa"
    says ZB-1103 "$data/aa"
    # shellcheck disable=SC2086
    expect 0 zaibei-agent restore latest --target "$ZAIBEI_TMP/typed" $existing "$data/a"
done
cmp "$data/a" "$ZAIBEI_TMP/typed$data/a"

step 'a full disk is named, here and at the vault'
if [ "$(id -u)" = 0 ] && mkdir "$ZAIBEI_TMP/small" && mount -t tmpfs -o size=300k zaibei-small "$ZAIBEI_TMP/small" 2>/dev/null; then
    unmount() { mountpoint -q "$ZAIBEI_TMP/small" && umount "$ZAIBEI_TMP/small"; }
    trap 'rc=$?; unmount || :; "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; exit $rc' EXIT
    expect 13 zaibei-agent restore latest --target "$ZAIBEI_TMP/small/back"
    says ZB-1401 "$ZAIBEI_TMP/small/back"
    rm -r "$ZAIBEI_TMP/small/back"
    zaibei-vault init "$ZAIBEI_TMP/small/vault" >/dev/null
    public=$(grep -o 'zbk-pub-[A-Za-z0-9+/=]*' "$kit" | head -n 1)
    mkdir "$ZAIBEI_TMP/tight"
    expect 0 zaibei-agent enroll "dir://$ZAIBEI_TMP/small/vault" --host tight --system tight --recipient "$public" \
        --config "$ZAIBEI_TMP/tight/agent.yaml"
    expect 13 zaibei-agent --config "$ZAIBEI_TMP/tight/agent.yaml" backup "$data"
    says ZB-1401 'the vault: writing to its spool'
    unmount
else
    echo 'not run: a full disk (no right to mount a small one)'
fi

# with KEY VALUE : the agent's configuration, changed in one line, in $changed.
with() {
    changed=$ZAIBEI_TMP/changed.yaml
    sed "s|^$1:.*|$1: $2|" "$ZAIBEI_AGENT_CONFIG" >"$changed"
    ! cmp -s "$changed" "$ZAIBEI_AGENT_CONFIG" || fail "no line $1 in $ZAIBEI_AGENT_CONFIG"
}
where=$(sed -n 's/^vault:[ "]*\([^"]*\)"*$/\1/p' "$ZAIBEI_AGENT_CONFIG")

step 'an unreachable host'
with vault "${where%:*}:1"
expect 14 zaibei-agent --config "$changed" backup "$data"
says ZB-1501

step 'a changed host key'
state=$(sed -n 's/^state:[ "]*\([^"]*\)"*$/\1/p' "$ZAIBEI_AGENT_CONFIG")
cp -a "$state" "$ZAIBEI_TMP/state"
head -c 32 /dev/urandom | base64 >"$ZAIBEI_TMP/state/ssh_host.pub"
with state "$ZAIBEI_TMP/state"
expect 12 zaibei-agent --config "$changed" backup "$data"
says ZB-1304

step 'after all that the platform works'
backup "$data"
verify
