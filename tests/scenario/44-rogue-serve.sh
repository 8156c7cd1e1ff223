#!/bin/bash
# With serve taken over: a hostile program in its place, confined as serve is, tries every system call and every request
# that could reach something; nothing but its own host's log and packs is added, nothing anywhere is changed or removed, and
# the victim's next restore and the rogue's own next backup are as if nothing had been.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
mkdir "$ZAIBEI_TMP/data" "$ZAIBEI_TMP/rogue"
noise 3000000 44 >"$ZAIBEI_TMP/data/noise"
echo text >"$ZAIBEI_TMP/data/text"
manifest "$ZAIBEI_TMP/data" >"$ZAIBEI_TMP/want"
backup "$ZAIBEI_TMP/data"

step 'another host, without a grant'
public=$(grep -o 'zbk-pub-.*' "$kit")
zaibei host enroll-token rogue --system portal --json | grep -o 'zbe1,[^"]*' |
    zaibei-agent --config "$ZAIBEI_TMP/rogue/agent.yaml" enroll - --recipient "$public" >/dev/null
rogue() { zaibei-agent --config "$ZAIBEI_TMP/rogue/agent.yaml" "$@"; }
expect 0 rogue backup "$ZAIBEI_TMP/data"

generation() { ls "$vault/store/hosts/$1/packs"; }
# The kind of a pack is byte 6 of its header: 2 is data.
data_pack() {
    for p in "$vault/store/hosts/$1/packs/$(generation "$1")"/*; do
        [ "$(od -An -tu1 -j6 -N1 "$p" | tr -d ' ')" = 2 ] && basename "$p" .00 | sed 's/^0*\(.\)/\1/' && return
    done
}
snapshot() { (cd "$vault" && find . -type f ! -path './run/*' ! -path './keeper/lock/*' -printf '%p %s %m %T@ ' -exec sha256sum {} \; | sort); }
keeper=$(cut -d' ' -f1 "$box/run/keep.pid" | xargs pgrep -P | head -n 1)

step 'everything that it can try'
snapshot >"$ZAIBEI_TMP/before"
[ "$(wc -l <"$ZAIBEI_TMP/before")" -gt 10 ] || fail "the vault has nothing in it"
expect 0 "$B/tools/tool_vault_rogueserve" "$vault" rogue "$host" "$(generation "$host")" "$(generation rogue)" \
    "$(data_pack rogue)" "$keeper"
echo "$said" | tail -n 3
snapshot >"$ZAIBEI_TMP/after"
changed=$(diff "$ZAIBEI_TMP/before" "$ZAIBEI_TMP/after" | grep '^<' || :)
[ -z "$changed" ] || fail "changed or removed: $changed"
added=$(diff "$ZAIBEI_TMP/before" "$ZAIBEI_TMP/after" | sed -n 's/^> //p' | grep -v '^\./store/hosts/rogue/\(log\|packs\|used\)/' || :)
[ -z "$added" ] || fail "added outside of its own host: $added"
[ -z "$(ls "$vault/spool")" ] || fail "left in the spool: $(ls "$vault/spool")"

step 'all is as it was'
[ "$keeper" = "$(cut -d' ' -f1 "$box/run/keep.pid" | xargs pgrep -P | head -n 1)" ] || fail "the keeper was started anew"
zaibei-verify vault "$vault" --quiet >"$ZAIBEI_TMP/verify.out" 2>&1 || fail "$(cat "$ZAIBEI_TMP/verify.out")"
restore latest "$ZAIBEI_TMP/back"
manifest "$ZAIBEI_TMP/back$ZAIBEI_TMP/data" >"$ZAIBEI_TMP/got"
same "$ZAIBEI_TMP/want" "$ZAIBEI_TMP/got" "the victim's restore"
expect 0 rogue backup "$ZAIBEI_TMP/data"
zaibei-verify vault "$vault" --quiet >"$ZAIBEI_TMP/verify.out" 2>&1 || fail "$(cat "$ZAIBEI_TMP/verify.out")"
