#!/bin/bash
# faults: A15 A16 G6
# A restore that is killed, cancelled, cut off or out of space goes on when the same command is given again: what is
# complete is not fetched again, no temporary name is left, and the end is exact. Another restore is refused there.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
rounds=1
[ -z "${ZAIBEI_SOAK:-}" ] || rounds=20
RANDOM=${SEED:=$RANDOM}
echo "seed $SEED"
data=$ZAIBEI_TMP/data
mkdir -p "$data/sub/deep"
for i in 1 2 3 4 5 6; do noise 3000000 "$SEED.$i" >"$data/sub/big.$i"; done
seq 4000 | split -l 10 -a 3 - "$data/sub/deep/small."
ln "$data/sub/big.1" "$data/zz-one-more-name"
ln -s nowhere "$data/sub/link"
find "$data" -depth -type d -exec chmod 751 {} + -exec touch -h -d '2001-02-03 04:05:06.789' {} +
manifest "$data" --top >"$ZAIBEI_TMP/want"
backup "$data"
bytes=$(du -sb "$data" | cut -f1)
back=$ZAIBEI_TMP/back

# Now and then in the middle: every name is a whole file.
whole() {
    [ ! -e "$back$data" ] || (cd "$back$data" && find . -type f ! -name '.zaibei-restore-*') | while read -r f; do
        cmp -s "$data/$f" "$back$data/$f" || fail "$f has its name and is not complete"
    done
}

last() { jq -c 'select(.message_type == "summary")' "$ZAIBEI_TMP/out" | tail -n 1 | jq -r ".$1"; }

goes_on() { # WHAT
    local there
    whole
    [ -f "$back/.zaibei-restore" ] || fail "$1: there is no marker"
    there=$( (cd "$back" && find . -type f -name 'big.*' -printf '%s\n') | awk '{ n += $1 } END { print n + 0 }')
    zaibei-agent --json restore latest --target "$back" >"$ZAIBEI_TMP/out" 2>&1 ||
        fail "$1: $(tail -n 3 "$ZAIBEI_TMP/out")"
    [ "$(last resumed)" = true ] || fail "$1: it did not go on"
    echo "$1: $there bytes were there, $(last fetched_bytes) fetched, $(last already) already there"
    [ $(($(last fetched_bytes) + there)) -le $((bytes + 400000)) ] || fail "$1: something was fetched twice"
    manifest "$back$data" --top >"$ZAIBEI_TMP/got"
    same "$ZAIBEI_TMP/want" "$ZAIBEI_TMP/got" "$1: what came back"
    [ -z "$(find "$back" -name '.zaibei-restore*')" ] || fail "$1: $(find "$back" -name '.zaibei-restore*')"
}

# interrupted SIGNAL EXIT : a restore into a new target that gets the signal once there is something there.
interrupted() {
    local pid rc=0 who
    rm -rf "$back"
    zaibei-agent restore latest --target "$back" >"$ZAIBEI_TMP/out" 2>&1 &
    pid=$!
    for _ in $(seq 2000); do
        [ -e "$back$data/sub/big.$((RANDOM % 5 + 1))" ] && break
        kill -0 $pid 2>/dev/null || break
        sleep 0.005
    done
    who=$pid
    [ "$3" = agent ] || who=$(pgrep -P $pid | head -n 1 || :)
    kill "-$1" "$who" 2>/dev/null || :
    wait $pid 2>/dev/null || rc=$?
    [ $rc -eq "$2" ] || { [ $rc -eq 0 ] && return 1; } || fail "signal $1: exit $rc: $(tail -n 3 "$ZAIBEI_TMP/out")"
}

met=0
for _ in $(seq $rounds); do
    if interrupted KILL 137 agent; then met=$((met + 1)) && goes_on 'kill -9'; fi
    if interrupted INT 130 agent; then met=$((met + 1)) && goes_on 'cancelled'; fi
    if interrupted KILL 14 link; then met=$((met + 1)) && goes_on 'the link killed'; fi
done
[ $met -gt 0 ] || fail "no restore was met alive"

step 'another restore is refused there'
for _ in 1 2 3; do interrupted KILL 137 agent && break; done
expect 2 zaibei-agent restore latest --target "$back" "$data/sub"
says ZB-1011 .zaibei-restore
expect 2 zaibei-agent restore latest --target "$back" --existing always --strip 1
says ZB-1011
goes_on 'and the same goes on'
expect 2 zaibei-agent restore latest --target "$back"
says ZB-1009

step 'a full target'
if unshare -m true 2>/dev/null; then
    export back data here
    unshare -m bash -eu -c '
        rm -rf "$back" && mkdir "$back" && mount -t tmpfs -o size=12m tmpfs "$back"
        rc=0; zaibei-agent restore latest --target "$back" || rc=$?
        [ $rc -eq 13 ] || { echo "exit $rc"; exit 1; }
        [ -e "$back$data/sub/big.1" ] || { echo "nothing is there"; exit 1; }
        rc=0; zaibei-agent restore latest --target "$back" || rc=$?
        [ $rc -eq 13 ] || { echo "again: exit $rc"; exit 1; }
        [ -z "$(find "$back" -name ".zaibei-restore-*")" ] || { find "$back"; exit 1; }
        mount -o remount,size=200m "$back"
        zaibei-agent restore latest --target "$back" || exit 1
        cp -a "$back$data" "$back.out"
        rm -rf "$back"/* && mount -o remount,ro "$back"
        rc=0; zaibei-agent restore latest --target "$back" || rc=$?
        [ $rc -eq 1 ] || { echo "read-only: exit $rc"; exit 1; }
    ' >"$ZAIBEI_TMP/out" 2>&1 || fail "$(tail -n 5 "$ZAIBEI_TMP/out")"
    grep -q 'ZB-1401' "$ZAIBEI_TMP/out" && grep -q 'were already there' "$ZAIBEI_TMP/out" ||
        fail "$(cat "$ZAIBEI_TMP/out")"
    manifest "$back.out" --top >"$ZAIBEI_TMP/got"
    same "$ZAIBEI_TMP/want" "$ZAIBEI_TMP/got" 'after space was made'
else
    echo 'note: this user may not mount, so nothing is filled up here'
fi
