#!/bin/bash
# faults: B5 B8 B10 B11 B12 B13 B14
# Everything stored rots, is cut, lost or swapped, one object of each kind at a time: scrubbing names it with the points it
# harms, the next backup sends again just what is lost, a copy of the vault mends the rest, and nothing is ever deleted.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
# Everything is written and read again many times: in memory where there is room.
many_place
trap 'rm -rf "${shm:-}"' EXIT
place=${shm:-$ZAIBEI_TMP}
cd "$place"

zaibei-vault init vault >/dev/null
zaibei kit new --out kit >kit.txt
pub=$(grep -oh 'zbk-pub-[A-Za-z0-9+/=]*' kit.txt kit | head -n 1)
export ZAIBEI_AGENT_CONFIG=$place/agent.yaml
zaibei-agent enroll "dir://$place/vault" --host web --system oa --recipient "$pub" --state "$place/state" \
    --config "$ZAIBEI_AGENT_CONFIG" >/dev/null
mkdir data
noise 1500000 a >data/a
noise 1200000 b >data/b
echo small >data/c
backup data
cp -a data was1
noise 600000 d >data/d
echo changed >data/c
backup data

vault=vault store=vault/store
scrub() { zaibei-vault scrub vault --all --json "$@" >scrub.json 2>scrub.err; }
found() { jq -r "select(.findings) | .findings[] | $1" scrub.json; } # an error line follows where there are some

step 'a whole vault: no finding, and second copies of its records exist'
expect 0 zaibei-vault scrub vault
says 'the round is complete'
[ "$(find $store/kept/web -type f | wc -l)" -eq 2 ] || fail "second copies: $(find $store/kept)"
cp -a vault pristine

flip() { # FILE OFFSET (from the end when negative)
    local at=$2
    [ "$at" -ge 0 ] || at=$(($(stat -c %s "$1") + at))
    chmod u+w "$1"
    printf "\\$(printf %03o $(($(od -An -tu1 -j "$at" -N1 "$1") ^ 64)))" |
        dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}
again() { chmod -R u+w vault && rm -rf vault && cp -a pristine vault; }

data=$(find $store -type f -path '*/packs/*' -size +2M)                                        # of point 1: a, b
newer=$(find $store -type f -path '*/packs/*' -size +500k -size -900k)                             # of point 2: d
meta=$(find $store -type f -path '*/packs/*' -size -500k | sort | head -n 1)
log=$store/hosts/web/log
commit=$(find $store/kept/web -type f | sort | head -n 1) && commit=$log/${commit##*/}
used=$(find $store -path '*/used/*' -type f | sort | head -n 1)
system=$store/systems/oa

# What a round finds after each fault; the record and its copy mend each other, so nothing is left of those.
step 'each kind of object: flipped, cut, lost'
harm() { # WHAT FILE EXIT COMMAND...
    local what=$1 file=$2 want=$3 rc=0
    shift 3
    "$@"
    scrub || rc=$?
    [ $rc -eq "$want" ] || fail "$what: exit $rc: $(cat scrub.json scrub.err)"
    if [ "$want" -eq 15 ] && [ "$what" != header ]; then
        found .object | grep -qF "${file#$store/}" || fail "$what is not named: $(cat scrub.json)"
    fi
    again
}
cut_off() { chmod u+w "$1" && truncate -s "${2:--1}" "$1"; }
for kind in "pack header:$data:10" "segment:$data:100000" "index:$data:-200" "trailer:$data:-10" "meta:$meta:70" \
    "used page:$used:5" "system:$system:9"; do
    IFS=: read -r what file at <<<"$kind"
    harm "$what" "$file" 15 flip "$file" "$at"
    harm "$what, cut" "$file" 15 cut_off "$file"
    harm "$what, empty" "$file" 15 cut_off "$file" 0
    [ "$what" = system ] || harm "$what, lost" "$file" 15 rm -f "$file"
done
harm 'begin record' "$log/0000000000000001" 15 flip "$log/0000000000000001" 100
harm 'commit record' "$commit" 0 flip "$commit" 100
harm 'commit record, cut' "$commit" 0 cut_off "$commit"
harm 'commit record, lost' "$commit" 0 rm -f "$commit"
harm 'second copy' "$store/kept/web/${commit##*/}" 0 flip "$store/kept/web/${commit##*/}" 50
harm 'second copy, lost' "$store/kept/web/${commit##*/}" 0 rm -f "$store/kept/web/${commit##*/}"
swap() { mv "$1" x && mv "$2" "$1" && mv x "$2"; }
harm 'swapped packs' "$newer" 15 swap "$data" "$newer"
harm 'swapped packs' "$data" 15 swap "$data" "$newer"
harm 'header' $store/vault 0 flip $store/vault 20
harm 'header, lost' $store/vault 0 rm -f $store/vault
harm 'copy of the header' $store/vault.copy 0 flip $store/vault.copy 20
flip $store/vault 20
flip $store/vault.copy 60
rc=0
scrub || rc=$?
[ $rc -eq 15 ] || [ $rc -eq 12 ] || fail "a header and its copy, both damaged: exit $rc"
again

step 'a record is lost and its second copy damaged: it alone is gone'
cp -a state state.was
for file in "$commit" "$log/$(ls "$store/kept/web" | sort | tail -n 1)"; do
    again
    rm -rf "$file" vault/keeper/logs && flip "$store/kept/web/${file##*/}" 50
    expect 0 timeout 60 zaibei-vault pins vault web
    scrub || :
    found .object | grep -qF "${file#$store/}" || fail "${file##*/} is not named: $(cat scrub.json)"
    expect 15 timeout 60 zaibei-verify vault vault --key kit
    if [ "$file" != "$commit" ]; then # the host has its receipt and asks before it goes on
        restore 1 back && diff -r was1 "back$PWD/data" && rm -rf back
        continue
    fi
    restore 2 back && diff -r data "back$PWD/data" && rm -rf back
    backup data
    restore latest back && diff -r data "back$PWD/data" && rm -rf back
done
rm -rf state && mv state.was state
again

step 'the mended record is the one it was, and the damaged one is kept'
flip "$commit" 100
cp "$commit" rotten
expect 0 zaibei-vault scrub vault --all
says 'Replaced 1 damaged'
cmp "$commit" "pristine/${commit#vault/}"
cmp rotten "$store/quarantine/${commit#$store/}.0"
verify_all() { zaibei-verify vault vault --key kit --quiet; }
verify_all || fail 'zaibei-verify after mending a record'
again

if command -v strace >/dev/null && [ "${VARIANT:-}" != asan ]; then
    step 'sectors that cannot be read are mended like any other damage'
    for file in "$commit" "$used" "$data"; do
        again
        expect 0 strace -f -qq -o /dev/null -P "$(realpath "$file")" -e trace=read,pread64 -e inject=read,pread64:error=EIO \
            zaibei-vault scrub vault --all --heal-from pristine
        says 'Replaced 1 damaged'
        [ -s "$store/quarantine/${file#$store/}.0" ] || fail "not put aside: $(find $store/quarantine)"
        scrub || fail "not mended: $(cat scrub.json)"
        verify_all || fail "zaibei-verify after mending $file"
    done
    again
fi

step 'damage is named with slot, points and host; the next backup sends just that again'
flip "$data" 100000
before=$(store_bytes)
rc=0
scrub || rc=$?
[ $rc -eq 15 ] || fail "exit $rc"
slot=$(found .slot)
[ "$(found .object)" = "${data#$store/}" ] && [ "$(found .host)" = web ] || fail "findings: $(cat scrub.json)"
[ "$(found '.points | join(",")')" = 1,2 ] || fail "points: $(cat scrub.json)"
expect 15 zaibei-vault scrub vault --all
says "slot $slot is damaged" 'points 1, 2' 'host web'
backup data
sent=$(($(store_bytes) - before))
[ $sent -gt 400000 ] && [ $sent -lt 1700000 ] || fail "$sent bytes were stored to mend one segment"
restore latest back
diff -r data "back$PWD/data" || fail 'the healed point differs'
expect 15 zaibei-agent restore 2 --target back2
cmp data/b "back2$PWD/data/b" || fail 'a file beside the damage'
rc=0
scrub || rc=$?
[ $rc -eq 15 ] && [ "$(found '.points | join(",")')" = 1,2 ] || fail "older points need it still: $(cat scrub.json)"
backup data
[ $(($(store_bytes) - before - sent)) -lt 100000 ] || fail 'it is sent again and again'

step 'a whole copy of the vault mends it: the next revision, the damaged one put aside'
expect 0 zaibei-vault scrub vault --all --heal-from pristine
says 'Replaced 1 damaged'
[ -e "${data%.00}.01" ] && [ ! -e "$data" ] || fail "revisions: $(ls "${data%/*}")"
[ -e "$store/quarantine/${data#$store/}.0" ] || fail "quarantine: $(find $store/quarantine)"
verify_all || fail 'zaibei-verify after mending a pack'
for n in 1 2 latest; do restore $n "back-$n"; done
diff -r was1 "back-1$PWD/data" || fail 'point 1'
diff -r data "back-latest$PWD/data" || fail 'the last point'
rm -rf back*
for file in "$used" "$system" "$log/0000000000000001" "$meta" "$newer"; do
    again
    rm -f "$file"
    [ "$file" != "$system" ] && [ "$file" != "$log/0000000000000001" ] || { cp "pristine/${file#vault/}" "$file" && flip "$file" 9; }
    expect 0 zaibei-vault scrub vault --all --heal-from pristine
    says 'Replaced 1 damaged'
    cmp "$file" "pristine/${file#vault/}" || fail "$file is not as it was"
done
zaibei-vault init other >/dev/null
expect 2 zaibei-vault scrub vault --all --heal-from other
says 'not a copy of this vault'

step 'no point needs it any more, or it is whole again: the finding goes'
again
flip "$data" 100000
scrub || :
cp --preserve=mode "pristine/${data#vault/}" x && mv -f x "$data"
scrub || fail "a whole vault: $(cat scrub.json)"
[ ! -e vault/keeper/damage/web ] || fail 'the finding stays'

step 'killed and gone on with: no pack is read twice, none is left out'
rm -f vault/keeper/scrub
zaibei-vault scrub vault --rate 1 >/dev/null 2>&1 &
pid=$!
for _ in $(seq 100); do
    ! grep -qs '^at web .* [1-9]' vault/keeper/scrub || break
    sleep 0.1
done
kill -9 $pid || fail 'it was over before it could be killed'
wait $pid 2>/dev/null || :
rest=$(zaibei-vault scrub vault --json | jq .bytes)
all=$(zaibei-vault scrub vault --all --json | jq .bytes)
[ "$rest" -lt $((all - 1000000)) ] && [ "$rest" -gt 0 ] || fail "the second run read $rest of $all bytes"

step 'the platform may ask what was found'
flip "$data" 100000
scrub || :
zaibei-vault keep vault 2>keep.err &
keeper=$!
# Its children, which may be writing a note, end with it.
trap 'kill $keeper; wait $keeper 2>/dev/null || :; sleep 0.2; rm -rf "${shm:-}"' EXIT
answer=$(echo '{"op":"scrub"}' | zaibei-vault control vault)
[ "$(jq -r '.findings[0].host' <<<"$answer")" = web ] || fail "the answer: $answer"
