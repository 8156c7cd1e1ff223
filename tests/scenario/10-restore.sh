#!/bin/bash
# What comes back is what was there: four points of a tree that has one of everything, changed in between, each
# restored and compared attribute by attribute. Then each point alone, in a vault that lacks all that only others need.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
seed=${SEED:-$RANDOM}
echo "seed $seed"
data=$ZAIBEI_TMP/data

for n in 1 2 3 4; do
    step "point $n"
    if [ $n -eq 1 ]; then tree make "$data" "$seed"; else tree change "$data" "$seed$n"; fi
    manifest "$data" --top >"$ZAIBEI_TMP/was.$n"
    full=
    [ $n -ne 3 ] || full=--full
    backup $full "$data"
    [ "$(point point)" = $n ] || fail "the point is $(point point)"
    [ "$(point state)" = complete ] || fail "the point is $(point state)"
done

for n in 4 1 2 3; do
    step "restore $n"
    restore $n "$ZAIBEI_TMP/back.$n"
    manifest "$ZAIBEI_TMP/back.$n$data" --top >"$ZAIBEI_TMP/back.$n.list"
    same "$ZAIBEI_TMP/was.$n" "$ZAIBEI_TMP/back.$n.list" "point $n"
done

step 'by name: latest~1, one folder, --strip'
restore latest~1 "$ZAIBEI_TMP/part" "$data/sub"
manifest "$ZAIBEI_TMP/part$data/sub" >"$ZAIBEI_TMP/part.list"
manifest "$ZAIBEI_TMP/back.3$data/sub" >"$ZAIBEI_TMP/part.want"
same "$ZAIBEI_TMP/part.want" "$ZAIBEI_TMP/part.list" "a folder of point 3"

step 'verify every byte'
verify
for n in 1 2 3 4; do
    step "only point $n is left; the machine lost everything but the kit"
    cp -al "$vault" "$ZAIBEI_TMP/alone.$n"
    gone=$(/usr/bin/python3 "$here/only_point.py" "$ZAIBEI_TMP/alone.$n" "$host" $n)
    [ "$gone" -gt 8 ] || fail "only $gone objects were not needed"
    env -u ZAIBEI_AGENT_CONFIG zaibei-agent restore $n --vault "$ZAIBEI_TMP/alone.$n" --host "$host" --kit "$kit" \
        --target "$ZAIBEI_TMP/alone.back.$n" >"$ZAIBEI_TMP/restore.out" 2>&1 || {
        cat "$ZAIBEI_TMP/restore.out" >&2
        fail "restore of point $n alone"
    }
    manifest "$ZAIBEI_TMP/alone.back.$n$data" --top >"$ZAIBEI_TMP/alone.list"
    same "$ZAIBEI_TMP/was.$n" "$ZAIBEI_TMP/alone.list" "point $n alone"
done
