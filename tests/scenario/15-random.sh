#!/bin/bash
# limit 400
# faults: A10 E7
# A tree that changes at random for several rounds, a backup after each: with caches lost or harmed in between, with
# runs killed and started again. Then every point must restore exactly and the vault must verify. SEED=n repeats a run;
# ZAIBEI_SOAK=1 takes many seeds and more rounds.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
seeds=${SEED:-20261122}
rounds=${ROUNDS:-5}
[ -z "${ZAIBEI_SOAK:-}" ] || seeds=$(seq 100 120) rounds=12
for seed in $seeds; do
    mkdir "$ZAIBEI_TMP/$seed"
    /usr/bin/python3 "$here/churn.py" "$ZAIBEI_TMP/$seed" "$seed" "$rounds"
    chmod -R u+rwx "$ZAIBEI_TMP/$seed" && rm -rf "${ZAIBEI_TMP:?}/$seed"
done
