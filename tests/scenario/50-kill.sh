#!/bin/bash
# limit 600
# faults: A2 A9 A23
# kill -9 of each process at random moments of a backup. A point that was acknowledged restores exactly, a point that
# nobody saw acknowledged is whole or not there, and the next run succeeds by itself. A moment each; ten with
# ZAIBEI_SOAK=1.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
rounds=${ROUNDS:-1}
[ -z "${ZAIBEI_SOAK:-}" ] || rounds=10
RANDOM=${SEED:=$RANDOM}
echo "seed $SEED"
data=$ZAIBEI_TMP/data
mkdir "$data" "$ZAIBEI_TMP/was"
/usr/bin/python3 - "$data" <<'PY'
import os, sys
for i in range(900):
    os.makedirs(f"{sys.argv[1]}/{i // 100}", exist_ok=True)
    with open(f"{sys.argv[1]}/{i // 100}/{i}", "w") as f:
        f.write(f"{i}\n" * 50)
PY

# Something new for each attempt: a file that travels whole, one that changes, some small ones.
more() { # ROUND
    noise 8000000 "$SEED.$1" >"$data/new.$(($1 % 3))"
    printf '%d' "$1" | dd of="$data/new.$((($1 + 1) % 3))" bs=1 seek=5000000 conv=notrunc status=none
    seq -f "$1 %.0f" 200 | split -l 5 -a 3 - "$data/$(($1 % 9))/part."
}

supervised() { pgrep -P "$(cut -d' ' -f1 "$box/run/$1.pid")" | while read -r p; do
    [ "$(cat "/proc/$p/comm" 2>/dev/null)" = sleep ] || echo "$p"
done | head -n 1; }

victim() { # NAME AGENT-PID
    case $1 in
    agent) echo "$2" ;;
    link) pgrep -P "$2" | head -n 1 || : ;;
    serve) pgrep -f "^([^ ]*/)?zaibei-vault serve.* $vault( |$)" | head -n 1 || : ;;
    *) supervised "$1" ;;
    esac
}

numbers() { zaibei-agent points --json | jq -r 'select(.message_type == "point") | .point'; }

# The moment is chosen within the time that an undisturbed run takes.
more 0
backup "$data"
more 1
began=$(date +%s%N)
backup "$data"
took=$((($(date +%s%N) - began) / 1000000))
echo "an undisturbed run takes $took ms"
round=1 killed=0 survived=0
known=$(numbers | tail -n 1)

for name in agent link serve keep zaibeid; do
    for _ in $(seq "$rounds"); do
        round=$((round + 1))
        more $round
        manifest "$data" >"$ZAIBEI_TMP/was/now"
        moment=$((RANDOM % took))
        zaibei-agent backup "$data" >"$ZAIBEI_TMP/out" 2>&1 &
        agent=$!
        sleep "$(printf '%d.%03d' $((moment / 1000)) $((moment % 1000)))"
        pid=$(victim $name $agent)
        [ -z "$pid" ] || { kill -9 "$pid" 2>/dev/null && killed=$((killed + 1)); } || :
        rc=0
        wait $agent 2>/dev/null || rc=$?
        acknowledged=$known
        [ $rc -ne 0 ] || { acknowledged=$((known + 1)) survived=$((survived + 1)); }
        # The supervisor needs a moment to start what was killed.
        sleep 0.5
        backup "$data"
        echo "$name after $moment ms (pid ${pid:-gone}): exit $rc, then a run that succeeds"
        for n in $(numbers); do
            [ "$n" -le "$known" ] || cp "$ZAIBEI_TMP/was/now" "$ZAIBEI_TMP/was/$n"
        done
        last=$(numbers | tail -n 1)
        numbers | grep -qx "$acknowledged" || fail "point $acknowledged was acknowledged and is gone"
        [ "$last" -gt "$acknowledged" ] || fail "the next run made no point: $last"
        known=$last
    done
done
echo "$killed killed, $survived runs ended well nevertheless"
[ $killed -ge $((rounds * 3)) ] || fail "only $killed processes were met alive"

step 'every point restores exactly'
for n in $(numbers); do
    [ -e "$ZAIBEI_TMP/was/$n" ] || continue
    restore "$n" "$ZAIBEI_TMP/back"
    manifest "$ZAIBEI_TMP/back$data" >"$ZAIBEI_TMP/back.list"
    same "$ZAIBEI_TMP/was/$n" "$ZAIBEI_TMP/back.list" "point $n"
    rm -rf "$ZAIBEI_TMP/back"
done
step 'and the vault is whole'
verify
