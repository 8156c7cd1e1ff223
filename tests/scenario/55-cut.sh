#!/bin/bash
# faults: A1 A2 A8 C1 C5
# limit 900
# The connection is cut after each message in both directions, and after random bytes: of a full and of an incremental,
# of small files, a large one and a changed one. A point exists exactly where the run said so; the next run succeeds by
# itself, the restore is exact, the vault verifies, and nothing that was durable is sent twice. Then a vault that falls
# silent, somebody who says stop, and a line that is narrow. A sample of the places here; all of them with ZAIBEI_SOAK=1.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
RANDOM=${SEED:=$RANDOM}
echo "seed $SEED"
waiting=
trap 'rc=$?; [ -z "$waiting" ] || kill -9 $waiting 2>/dev/null || :; rm -rf "${shm:-}"; exit $rc' EXIT
many_place
place=${shm:-$ZAIBEI_TMP}
data=$place/data
bin=$ZAIBEI_TMP/bin
plan=$ZAIBEI_TMP/plan
log=$ZAIBEI_TMP/log
vault=$place/vault
kit=$ZAIBEI_TMP/kit

# The agent starts the `zaibei-vault` beside its own program: ours stands between.
mkdir "$bin" "$data"
cp "$(command -v zaibei-agent)" "$bin/zaibei-agent"
cat >"$bin/zaibei-vault" <<END
#!/bin/sh
exec "$B/tools/tool_cutter" "$plan" "$log" "$(command -v zaibei-vault)" "\$@"
END
chmod 755 "$bin/zaibei-vault"
echo never >"$plan"
agent() { "$bin/zaibei-agent" --config "$ZAIBEI_TMP/agent.yaml" "$@"; }

platform() { # a vault with one host in it, in place of the last one
    rm -rf "$vault" "$place/state" "$ZAIBEI_TMP/agent.yaml"
    zaibei-vault init "$vault" >/dev/null
    [ -e "$kit" ] || public=$(zaibei --json kit new --out "$kit" | jq -r .public)
    agent enroll "dir://$vault" --host h --system s --recipient "$public" --state "$place/state" >/dev/null
}
keep() { rm -rf "$place/kept" && mkdir "$place/kept" && cp -a "$vault" "$place/state" "$place/kept"; }
back_to_kept() { rm -rf "$vault" "$place/state" && cp -a "$place/kept/." "$place/"; }

points() { agent points --json | jq -r 'select(.message_type == "point") | .point'; }
sent_up() { awk '{ n += $2 } END { printf "%.0f", n }' "$log"; } # in all sessions of the last run
run() { # PLAN... : one backup with this cut; its exit code in $rc
    echo "$@" >"$plan"
    : >"$log"
    rc=0
    agent backup "$data" >"$ZAIBEI_TMP/out" 2>&1 || rc=$?
    echo never >"$plan"
}
same_as_source() {
    rm -rf "$place/back"
    agent restore latest --target "$place/back" >"$ZAIBEI_TMP/restore.out" 2>&1 ||
        fail "$1: restore: $(cat "$ZAIBEI_TMP/restore.out")"
    manifest "$place/back$data" >"$ZAIBEI_TMP/back.list"
    same "$ZAIBEI_TMP/was" "$ZAIBEI_TMP/back.list" "$1"
    zaibei-verify vault "$vault" --key "$kit" --quiet >"$ZAIBEI_TMP/verify.out" 2>&1 || fail "$1: $(cat "$ZAIBEI_TMP/verify.out")"
}

# One place: cut, then a run that succeeds. A run whose commit was heard finds its point in a new session, so there is a point
# if and only if it said so. What both sent is at most what an undisturbed run sends, and once more the pack that was open.
cut_at() { # WHERE N
    local all total now
    back_to_kept
    run "$1" "$2"
    all=$(sent_up) codes="$codes $rc"
    case $rc in 0) now=$((had + 1)) ;; 14) now=$had ;; *) fail "cut at $1 $2: exit $rc: $(cat "$ZAIBEI_TMP/out")" ;; esac
    [ "$(points | wc -l)" = $now ] || fail "cut at $1 $2: exit $rc, $had points before, $(points | wc -l) after"
    run never
    [ $rc -eq 0 ] || fail "after a cut at $1 $2: exit $rc: $(cat "$ZAIBEI_TMP/out")"
    total=$((all + $(sent_up)))
    [ "$total" -le $((2 * clean + 4096)) ] || fail "cut at $1 $2: $total bytes were sent, an undisturbed run sends $clean"
    [ "$(points | wc -l)" = $((now + 1)) ] || fail "cut at $1 $2: points $(points | tr '\n' ' ')"
    checked=$((checked + 1))
    # The dear checks after some of them; the bytes in the vault are those of the next place too.
    [ $((checked % every)) -ne 0 ] || same_as_source "cut at $1 $2"
}

places() { # MESSAGES : which of 0…MESSAGES are tried
    if [ -n "${ZAIBEI_SOAK:-}" ]; then
        seq 0 "$1"
    else # the first ones, the last ones, and some between
        { seq 0 2 && seq $(($1 - 2)) "$1" && shuf -n 2 -i "3-$(($1 - 3))" --random-source=<(yes "$SEED$1"); } | sort -nu
    fi
}

all_places() { # WHAT
    local k up down up_bytes
    manifest "$data" >"$ZAIBEI_TMP/was"
    keep
    had=$(points | wc -l)
    run never
    [ $rc -eq 0 ] || fail "undisturbed: exit $rc: $(cat "$ZAIBEI_TMP/out")"
    read -r up clean down _ <<<"$(tail -n 1 "$log")"
    up_bytes=$clean
    step "$1: $up messages up ($clean bytes), $down down"
    [ "$up" -ge 8 ] && [ "$down" -ge 4 ] || fail "too few messages: $up, $down"
    for k in $(places "$up"); do cut_at up "$k"; done
    for k in $(seq 0 "$down"); do cut_at down "$k"; done
    for _ in $(seq "$random_cuts"); do cut_at up-bytes $((RANDOM * 32768 % up_bytes + RANDOM % 97)); done
    for k in 1 9 13 100; do [ -z "${ZAIBEI_SOAK:-}" ] || cut_at down-bytes $k; done
    same_as_source "$1, at its end"
    [ "$(tr ' ' '\n' <<<"$codes" | grep -c 14)" -ge 10 ] || fail "the cuts cut nothing: $codes"
    codes=
}

checked=0 every=12 random_cuts=2 codes=
[ -z "${ZAIBEI_SOAK:-}" ] || every=1 random_cuts=40

mkdir "$data/small" "$data/d"
for i in $(seq 60); do seq "$i" $((i + 200)) >"$data/small/$i"; done
noise 3000000 "$SEED" >"$data/large"
ln "$data/large" "$data/d/again"
ln -s large "$data/link"
truncate -s 5M "$data/holes"
printf x | dd of="$data/holes" bs=1 seek=3000000 conv=notrunc status=none
sleep 0.1 # nothing has just been changed
platform
all_places full

for i in 7 30 61; do echo "more $i" >>"$data/small/$i"; done
printf 'changed' | dd of="$data/large" bs=1 seek=1500000 conv=notrunc status=none
rm "$data/small/3"
sleep 0.1
all_places incremental

# ---- a line of a few kilobytes a second: slow is not stuck ----
slow=8000
[ -z "${ZAIBEI_SOAK:-}" ] || slow=1000
step "an incremental at $slow bytes a second"
back_to_kept
run slow $slow
[ $rc -eq 0 ] || fail "over a slow line: exit $rc: $(cat "$ZAIBEI_TMP/out")"
same_as_source 'over a slow line'

# ---- a vault that has gone silent, and somebody who says stop ----
stop_at() { # DIRECTION K SIGNAL
    local began took
    back_to_kept
    echo "hold-$1 $2" >"$plan"
    : >"$log"
    "$bin/zaibei-agent" --config "$ZAIBEI_TMP/agent.yaml" backup "$data" >"$ZAIBEI_TMP/out" 2>&1 &
    waiting=$!
    sleep 0.7
    kill -0 $waiting || fail "hold-$1 $2: it did not wait: $(cat "$ZAIBEI_TMP/out")"
    began=$(date +%s%N)
    kill "-$3" $waiting
    for _ in $(seq 100); do kill -0 $waiting 2>/dev/null && sleep 0.1 || break; done
    kill -9 $waiting 2>/dev/null || :
    rc=0
    wait $waiting || rc=$?
    waiting=
    took=$((($(date +%s%N) - began) / 1000000))
    echo "stopped by $3 after message $2 ($1): $took ms"
    [ $rc -eq 130 ] || fail "stopped: exit $rc: $(cat "$ZAIBEI_TMP/out")"
    [ $took -lt 4000 ] || fail "it took $took ms to stop"
    grep -q 'start the command again to continue' "$ZAIBEI_TMP/out" || fail "stopped: $(cat "$ZAIBEI_TMP/out")"
    for _ in $(seq 50); do [ -s "$log" ] && break || sleep 0.1; done # the other side ends too
    run never
    [ $rc -eq 0 ] || fail "after being stopped: exit $rc: $(cat "$ZAIBEI_TMP/out")"
}
step 'stopping while the vault is silent'
echo "$SEED" >>"$data/small/9"
read -r up _ down _ <<<"$(agent backup "$data" >/dev/null && tail -n 1 "$log")"
stop_at down 1 TERM
stop_at down $((down - 1)) INT
[ -z "${ZAIBEI_SOAK:-}" ] || for k in $(seq 0 $((down - 1))); do stop_at down "$k" TERM; done
[ -z "${ZAIBEI_SOAK:-}" ] || for k in $(seq 1 $((up - 1))); do stop_at up "$k" TERM; done

# ---- what is durable is not sent again: several packs, and one interruption after the other ----
step 'small and large files in several packs, interrupted again and again'
rm -rf "$data" && mkdir "$data"
/usr/bin/python3 - "$data" "$SEED" <<'PY'
import os, random, sys
r = random.Random(sys.argv[2])
for i in range(2200):  # small ones, about 88 MB
    os.makedirs(f"{sys.argv[1]}/{i // 200:02}", exist_ok=True)
    with open(f"{sys.argv[1]}/{i // 200:02}/{i}", "wb") as f:
        f.write(r.randbytes(r.randrange(20000, 60000)))
with open(f"{sys.argv[1]}/zz", "wb") as f:
    f.write(r.randbytes(64 << 20))
PY
sleep 0.1
manifest "$data" >"$ZAIBEI_TMP/was"
platform
keep
run never
[ $rc -eq 0 ] || fail "undisturbed: exit $rc"
clean=$(sent_up)
back_to_kept
read_in_all=$(du -sb "$data" | cut -f1)
open_pack=$((72 << 20))
total=0 n=0
# Somewhere in the second pack, in the third; the last time just before the end.
for at in $(((66 << 20) + RANDOM * 100)) $(((66 << 20) + RANDOM * 100)) $(((2 << 20) + RANDOM * 100)); do
    run up-bytes "$at"
    [ $rc -eq 14 ] || fail "a cut after $at bytes: exit $rc: $(cat "$ZAIBEI_TMP/out")"
    n=$((n + 1)) total=$((total + $(sent_up)))
    packs=$(find "$vault/store/hosts/h/packs" -type f | wc -l)
    echo "cut after $at bytes; $packs packs are durable, $total bytes sent so far"
done
run never
[ $rc -eq 0 ] || fail "after $n cuts: exit $rc: $(cat "$ZAIBEI_TMP/out")"
total=$((total + $(sent_up)))
echo "in all $total bytes instead of $clean"
[ "$total" -le $((clean + n * open_pack)) ] || fail "$total bytes were sent for $clean in $((n + 1)) runs"
# More than one pack was durable at the end, so the last run sent less than all, and took small files over unread.
last=$(sent_up)
durable=$(find "$vault/store/hosts/h/packs" -type f -printf '%s\n' | awk '{ n += $1 } END { printf "%.0f", n }')
[ "$durable" -le $((clean + (clean >> 6) + 65536)) ] || fail "the vault holds $durable bytes of packs for $clean: sent twice"
[ "$last" -lt $((clean - (120 << 20))) ] || fail "the last run sent $last of $clean"
bytes_read=$(agent points --json | jq -r 'select(.message_type == "point") | .bytes_read')
[ "$bytes_read" -lt $((read_in_all - (60 << 20))) ] || fail "the last run read $bytes_read of $read_in_all"
same_as_source 'after all cuts'
