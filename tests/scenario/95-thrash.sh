#!/bin/bash
# limit 2400
# Everything at once on the real programs, and processes killed at random all the while: backups, restores of points that
# were acknowledged, looks at the whole vault, pins. What was acknowledged restores exactly, then and in the end; a look at
# the vault finds no damage. 15 seconds; half an hour with ZAIBEI_SOAK=1.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
RANDOM=${SEED:=$RANDOM}
seconds=${SECONDS_LONG:-15}
[ -z "${ZAIBEI_SOAK:-}" ] || seconds=1800
echo "seed $SEED"
data=$ZAIBEI_TMP/data was=$ZAIBEI_TMP/was
mkdir "$data" "$was"
end=$((SECONDS + seconds))
noise 3000000 "$SEED" >"$data/large"

change() { # ROUND
    printf '%d' "$1" | dd of="$data/large" bs=1 seek=$((RANDOM * 90)) conv=notrunc status=none
    noise 200000 "$SEED.$1" >"$data/new.$(($1 % 5))"
}

acknowledged() { find "$was" -type f -printf '%f\n' | shuf -n 1; }

# restored POINT DIR: it is what it was.
restored() {
    manifest "$2$data" >"$2.list" && cmp -s "$was/$1" "$2.list"
}

restores() {
    local n back=$ZAIBEI_TMP/beside
    while [ $SECONDS -lt $end ]; do
        n=$(acknowledged)
        rm -rf "$back"
        # One that is cut by a kill says so; one that says it is done is right.
        if [ -n "$n" ] && zaibei-agent restore "$n" --target "$back" >/dev/null 2>&1; then
            restored "$n" "$back" || { echo "point $n was restored to something else" >>"$ZAIBEI_TMP/wrong"; return; }
            echo >>"$ZAIBEI_TMP/restores"
        fi
        sleep 0.3
    done
}

pins() {
    local n
    while [ $SECONDS -lt $end ]; do
        n=$(acknowledged)
        [ -z "$n" ] || zaibei-vault pin "$vault" "$host/$n" --months 3 --reason thrash >/dev/null 2>&1 &&
            echo >>"$ZAIBEI_TMP/pins"
        sleep 0.7
    done
}

# What is killed is ours: the agent's processes below this script, and serve and keeper of this vault.
kills() {
    local pid
    while [ $SECONDS -lt $end ]; do
        sleep "$((RANDOM % 2)).$((RANDOM % 9))"
        case $((RANDOM % 3)) in
        0) pid=$(cat "$ZAIBEI_TMP/agent.pid" 2>/dev/null) || pid= ;;
        1) pid=$(pgrep -f "^([^ ]*/)?zaibei-vault serve.* $vault( |$)" | shuf -n 1) || pid= ;;
        *) pid=$(pgrep -f "^([^ ]*/)?zaibei-vault keep.* $vault( |$)" | shuf -n 1) || pid= ;;
        esac
        [ -z "$pid" ] || ! kill -9 "$pid" 2>/dev/null || echo >>"$ZAIBEI_TMP/kills"
    done
}

restores & one=$!
pins & two=$!
kills & three=$!
round=0 good=0
while [ $SECONDS -lt $end ]; do
    round=$((round + 1))
    change $round
    manifest "$data" >"$ZAIBEI_TMP/now"
    zaibei-agent backup --json "$data" >"$ZAIBEI_TMP/out" 2>&1 &
    echo $! >"$ZAIBEI_TMP/agent.pid"
    if wait $!; then
        n=$(jq -r 'select(.point? != null) | .point' "$ZAIBEI_TMP/out" | tail -n 1)
        [ -n "$n" ] || fail "a backup that does not say its point"
        cp "$ZAIBEI_TMP/now" "$ZAIBEI_TMP/now.$n" && mv "$ZAIBEI_TMP/now.$n" "$was/$n"
        good=$((good + 1))
    fi
    rm -f "$ZAIBEI_TMP/agent.pid"
done
wait $one $two $three || :
count() { wc -l <"$ZAIBEI_TMP/$1" 2>/dev/null || echo 0; }
echo "figure: everything at once for $seconds s: $round backups, $good acknowledged, $(count restores) restores, $(count pins) pins, $(count kills) kills"
[ ! -e "$ZAIBEI_TMP/wrong" ] || fail "$(cat "$ZAIBEI_TMP/wrong")"
[ "$good" -gt 0 ] && [ "$(count kills)" -gt 0 ] && [ "$(count pins)" -gt 0 ] && [ "$(count restores)" -gt 0 ] || fail 'nothing was tried'

step 'the next run succeeds by itself, and every acknowledged point restores exactly'
sleep 1
backup "$data"
for n in $(cd "$was" && ls); do
    restore "$n" "$ZAIBEI_TMP/back"
    restored "$n" "$ZAIBEI_TMP/back" || fail "point $n differs"
    rm -rf "$ZAIBEI_TMP/back"
done
verify
