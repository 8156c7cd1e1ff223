#!/bin/bash
# limit 7200
# no-asan: memory is measured
# A host with very much data: 100 GiB of segments, made as they are sent, through the real protocol into a vault that stores
# them, and every one of them back again, compared. serve stays under 32 MiB, the keeper under 64 MiB, whatever the size; the
# rates are printed. Where the disk does not take that much, it is done in rounds: what was stored is removed with two approvals
# and collected before the next, and its room is there again. 100 GiB with ZAIBEI_SOAK=1, ZAIBEI_SOAK_GIB=N for another size; a
# quarter of a GiB in two rounds else.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
gib=${ZAIBEI_SOAK_GIB:-${ZAIBEI_SOAK:+100}}
mib=$((${gib:-0} * 1024)) rounds=1
[ $mib -gt 0 ] || mib=256 rounds=2
# The index of each pack, the pack on its way, the vault's reserve, and what the vault refuses to fill.
room() { echo $((($(df --output=avail -m "$ZAIBEI_TMP" | tail -n 1) - 1024) * 16 / 17)); }
all=$(room)
[ "$all" -ge $((256 + mib / 128)) ] || not_run "so many segments need more disk than there is"
[ "$all" -ge $mib ] || rounds=$((mib / (all / 2) + 1)) # others need some of it
mib=$(((mib + rounds - 1) / rounds))
sandbox_up

keeper=$(pgrep -P "$(cut -d' ' -f1 "$box/run/keep.pid")" -x zaibei-vault)
watched() { # WHAT LIMIT-OF-SERVE-KIB COMMAND...: MiB, ms, KiB of serve are printed; the keeper is watched meanwhile
    local what=$1 limit=$2 watch got ms kib sum one
    shift 2
    /usr/bin/python3 "$ZAIBEI_ROOT/tests/bench/memory.py" "$ZAIBEI_TMP/keep" keep="$keeper" &
    watch=$!
    "$@" >"$ZAIBEI_TMP/out" || fail "$what: $(cat "$ZAIBEI_TMP/out")"
    kill $watch && wait $watch
    read -r got ms kib <"$ZAIBEI_TMP/out"
    read -r _ sum one _ <"$ZAIBEI_TMP/keep"
    echo "figure: $what${rounds:+, round $round of $rounds}: $got MiB in $((ms / 1000)) s, $((got * 1000 / ms)) MiB/s; serve $kib KiB," \
        "keep and its children $sum KiB, the largest of them $one KiB"
    [ "$got" -eq $mib ] || fail "$what: $got MiB instead of $mib"
    [ "$kib" -gt 1000 ] && [ "$one" -gt 1000 ] || fail "$what: nothing was measured"
    [ "$kib" -lt "$limit" ] || fail "$what: serve had $kib KiB"
    [ "$one" -lt 65536 ] || fail "$what: the keeper had $one KiB"
}

approvers_make "$vault"
for round in $(seq $rounds); do
    step "$mib MiB there, round $round of $rounds"
    if [ "$round" -gt 1 ]; then
        remove_early "$vault" "$host/$((round - 1))"
        zaibei-vault gc "$vault" --grace 0 >"$ZAIBEI_TMP/out" 2>&1 || fail "gc: $(cat "$ZAIBEI_TMP/out")"
        [ "$(store_bytes)" -lt 1000000 ] || fail "collected, and the store holds $(store_bytes) bytes"
        left=$(du -sm --exclude=reserve "$vault" | cut -f 1) # which the keeper holds for records
        [ "$left" -lt $((mib / 2)) ] || fail "its room did not come back: the vault takes $left MiB"
    fi
    watched 'segments sent and committed' 32768 "$B/tools/tool_vault_sender" send "$vault" "$host" $mib "$round"
    [ "$(store_bytes)" -gt $((mib << 20)) ] || fail "the store holds only $(store_bytes) bytes"

    step 'and back'
    watched 'segments read again and compared' 32768 "$B/tools/tool_vault_sender" read "$vault" "$host"

    step 'the second opinion'
    zaibei-verify vault "$vault" --quiet >"$ZAIBEI_TMP/out" 2>&1 || fail "zaibei-verify: $(tail -n 3 "$ZAIBEI_TMP/out")"
done

step 'a byte that is not as it was is noticed'
pack=$(find "$vault/store" -type f -size +1M | sort | tail -n 1)
chmod u+w "$pack"
printf '\377\377\377\377' | dd of="$pack" bs=1 seek=$((1 << 19)) conv=notrunc status=none
expect 1 "$B/tools/tool_vault_sender" read "$vault" "$host"
says 'tool_vault_sender: '
