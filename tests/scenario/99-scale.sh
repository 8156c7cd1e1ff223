#!/bin/bash
# The bench of scale runs to its end on a small vault: every count is right, every figure stands beside its bar, and memory
# stays below it. The large one is `make bench-scale`.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"

step '20 hosts with 50 points and 20 packs each'
ZAIBEI_SCALE_LOST=1 ZAIBEI_SCALE_HOSTS=20 ZAIBEI_SCALE_POINTS=50 ZAIBEI_SCALE_PACKS=20 TMPDIR=$ZAIBEI_TMP \
    "$ZAIBEI_ROOT/tests/bench/scale.sh" >"$ZAIBEI_TMP/out" || { [ $? -eq 1 ] && ! grep -q WRONG "$ZAIBEI_TMP/out"; } ||
    fail "$(cat "$ZAIBEI_TMP/out")"
cat "$ZAIBEI_TMP/out"
[ "$(grep -c '(bar ' "$ZAIBEI_TMP/out")" -eq 9 ] || fail 'a figure is missing'
# A busy machine may be slow; memory is not a matter of time.
! grep 'KiB.*MISSED' "$ZAIBEI_TMP/out" || fail 'memory'

step 'a vault that is not as large as it should be is noticed'
"$B/tools/tool_vault_scale" make "$ZAIBEI_TMP/vault" 3 10 10
expect 1 env ZAIBEI_SCALE_HOSTS=3 ZAIBEI_SCALE_POINTS=11 ZAIBEI_SCALE_PACKS=20 ZAIBEI_SCALE_VAULT="$ZAIBEI_TMP/vault" \
    TMPDIR="$ZAIBEI_TMP" "$ZAIBEI_ROOT/tests/bench/scale.sh"
says 'WRONG: points in a session: 10 instead of 11' 'WRONG: packs that no point needs: 3 instead of 6'
[ -e "$ZAIBEI_TMP/vault/store/vault" ] || fail 'the vault is gone'
zaibei-verify vault "$ZAIBEI_TMP/vault" >/dev/null || fail 'it is no valid vault'
