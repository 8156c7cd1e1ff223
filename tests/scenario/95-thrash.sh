#!/bin/bash
# first
# limit 2700
# faults: E1 E2 E11 H8
# Everything at once on the real programs, and processes killed at random all the while: backups of two hosts, restores of
# points that were acknowledged, pins, removals (with approvals, by age, and without any right), collections without grace,
# scrubbing, quotas that come and go. What was acknowledged and not removed by right restores exactly, then and in the end;
# nobody finds damage. Two minutes; half an hour with ZAIBEI_SOAK=1. SEED=N has each of them choose the same again; how
# they meet is up to the machine.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
cd "$ZAIBEI_TMP"
[ -n "${ZAIBEI_SOAK:-}" ] || renice -n 10 -p $$ >/dev/null # it takes its minutes anyway; others run beside it
RANDOM=${SEED:=$RANDOM}
seconds=${SECONDS_LONG:-120}
[ -z "${ZAIBEI_SOAK:-}" ] || seconds=1800
echo "seed $SEED"
mkdir box was dying
kit=$box/agent/kit vault=$box/vault
mkdir "$box/agent" "$box/log"
: >"$box/log/kit"

# A host of long ago, whose points the vault need not keep any more: made by a clock 200 days back.
aged=
lib=$(find /usr/lib -name libfaketime.so.1 2>/dev/null | head -n 1)
if [ -n "$lib" ] && [ "${VARIANT:-}" != asan ]; then
    aged=yes
    then=(env "LD_PRELOAD=$lib" FAKETIME=-200d DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1)
    zaibei kit new --out "$kit" >/dev/null
    "${then[@]}" zaibei-vault init "$vault" >/dev/null
    "${then[@]}" zaibei-agent --config aged.yaml enroll "dir://$vault" --host aged --system old --state "$ZAIBEI_TMP/aged" \
        --recipient "$(grep -o 'zbk-pub-.*' "$kit")" >/dev/null
fi
of() { # HOST : its configuration
    case $1 in aged) echo "$ZAIBEI_TMP/aged.yaml" ;; *) echo "$box/agent/agent.yaml" ;; esac
}
change() { # HOST ROUND
    [ -d "data.$1" ] || { mkdir "data.$1" && noise 1500000 "$SEED.$1" >"data.$1/large"; }
    printf '%d' "$2" | dd of="data.$1/large" bs=1 seek=$((RANDOM * 45)) conv=notrunc status=none
    noise 150000 "$SEED.$1.$2" >"data.$1/new.$(($2 % 5))"
}
agent() { # HOST COMMAND...
    local host=$1
    shift
    zaibei-agent --config "$(of "$host")" "$@"
}
# A backup; when it is acknowledged, what it must hold is was/HOST.POINT.
acknowledge() { # HOST [COMMAND...] : the words before zaibei-agent
    local host=$1 n
    shift
    manifest "data.$host" >"now.$host"
    "$@" zaibei-agent --config "$(of "$host")" backup --json "$ZAIBEI_TMP/data.$host" >"out.$host" 2>&1 ||
        return 0
    n=$(jq -r 'select(.point? != null) | .point' "out.$host" | tail -n 1)
    [ -n "$n" ] || { echo "a backup that does not say its point" >>wrong; return; }
    mv "now.$host" "was/$host.$n"
    echo >>good
}
old=0
if [ -n "$aged" ]; then
    for old in $(seq 12); do change aged "$old" && acknowledge aged "${then[@]}"; done
    [ "$(wc -l <good)" = 12 ] || fail "the host of long ago: $(cat out.aged)"
fi
sandbox_up
approvers_make "$vault"
end=$((SECONDS + seconds))
going() { [ $SECONDS -lt $end ] && [ ! -e wrong ]; }
pause() { sleep "$(($1 + RANDOM % $2))e-1"; } # LEAST SPREAD, in tenths of a second
acknowledged() { find was -type f -printf '%f\n' | shuf -n 1 --random-source=<(noise 1000 "$SEED.$RANDOM"); }
wrong() { echo "$*" >>wrong; }
did() { echo >>"did.$1"; }
count() { wc -l 2>/dev/null <"did.$1" || echo 0; }
restored() { # HOST.POINT DIR LIST
    manifest "$2$ZAIBEI_TMP/data.${1%.*}" >"$2.list" && cmp -s "$3" "$2.list"
}

backups() { # HOST
    local round=100
    while going; do
        round=$((round + 1))
        change "$1" $round
        acknowledge "$1"
        did backups
        pause 3 12
    done
}

restores() {
    local n
    while going; do
        n=$(acknowledged)
        rm -rf beside
        # One that is cut by a kill, or whose point is removed meanwhile, says so; one that says it is done is right.
        if [ -n "$n" ] && cp "was/$n" beside.was 2>/dev/null &&
            agent "${n%.*}" restore "${n#*.}" --target "$ZAIBEI_TMP/beside" >/dev/null 2>&1; then
            restored "$n" "$ZAIBEI_TMP/beside" beside.was || wrong "point $n was restored to something else"
            did restores
        fi
        pause 5 10
    done
}

pins() {
    local n
    while going; do
        n=$(acknowledged)
        case $n in aged.[1-9]) n= ;; esac # they go by their age
        [ -z "$n" ] || ! zaibei-vault pin "$vault" "${n/.//}" --months 3 --reason thrash >/dev/null 2>&1 || did pins
        pause 10 20
    done
}

# Right is on a paper that two people have signed, or in the age of the point; else the answer is no.
removals() {
    local n rc way=1 # first by age: later so many of the host's points may have gone in a day that no more go without approvals
    while going; do
        n=$(acknowledged)
        case $way in
        0) # without any right
            case $n in
            sandbox.*)
                rc=0
                zaibei-vault remove "$vault" "${n/.//}" --reason thrash --yes >refused.out 2>&1 || rc=$?
                [ $rc -ne 0 ] || wrong "point $n was removed without any right"
                [ $rc -ne 12 ] || did refusals
                ;;
            esac
            ;;
        1) # by its age
            n=$(find was -name 'aged.[1-9]' -printf '%f\n' | shuf -n 1)
            [ -z "$n" ] || { mv "was/$n" "dying/$n" && removed "$n" age; }
            ;;
        *)
            way=$((RANDOM % 4))
            [ -n "$n" ] && [ "$(find was -type f | wc -l)" -gt 8 ] || continue
            rm -f request*
            zaibei-vault request remove "$vault" "${n/.//}" --out request >/dev/null 2>&1 &&
                zaibei approve request --key "$approvers/anna" --yes >/dev/null 2>&1 &&
                zaibei approve request --key "$approvers/ben" --yes >/dev/null 2>&1 &&
                mv "was/$n" "dying/$n" && removed "$n" approvals --approvals request
            ;;
        esac
        way=$((RANDOM % 4))
        pause 5 10
    done
}
removed() { # HOST.POINT HOW [OPTION...] : asked for; whether it was done is seen in the end
    local n=$1 how=$2 rc=0
    shift 2
    zaibei-vault remove "$vault" "${n/.//}" --reason thrash --yes "$@" >removed.out 2>&1 || rc=$?
    if [ $rc -eq 0 ]; then did "$how"; elif [ $rc -eq 12 ]; then mv "dying/$n" "was/$n"; fi
}

# Collections and scrubbing: what they complain of is wrong, except that somebody is at work.
collections() {
    local rc what
    while going; do
        rc=0
        zaibei-vault gc "$vault" --grace 0 --json >gc.json 2>gc.err || rc=$?
        case $rc in
        0)
            what=$(jq -c '[.generations[], .skipped[]] | map(select(.why and .why.id != 1201) | .why)' gc.json)
            [ "$what" = '[]' ] || wrong "a collection: $what"
            [ "$(jq '.bytes > 0' gc.json)" = false ] || did wins
            did collections
            ;;
        11 | 137) ;;
        *) wrong "a collection: exit $rc: $(cat gc.err)" ;;
        esac
        pause 3 12
    done
}
scrubs() {
    local rc
    while going; do
        rc=0
        zaibei-vault scrub "$vault" --all --json >scrub.json 2>scrub.err || rc=$?
        case $rc in
        0) did scrubs ;;
        6 | 11 | 137) ;;
        *) wrong "scrubbing: exit $rc: $(cat scrub.err) $(jq -c "select(.findings).findings" scrub.json)" ;;
        esac
        pause 40 40
    done
}

quotas() {
    while going; do
        pause 40 60
        zaibei-vault quota "$vault" --host sandbox --bytes "$((RANDOM % 3)) MiB" >/dev/null 2>&1 && did quotas
        zaibei-vault quota "$vault" --system sandbox --bytes "$((RANDOM % 9)) MiB" >/dev/null 2>&1 || :
        pause 5 15
        for of in --host --system; do zaibei-vault quota "$vault" $of sandbox --bytes 0 >/dev/null 2>&1 || :; done
    done
}

# What is killed is ours: some agent or program of this vault, of each kind alike.
kills() {
    local pid kind
    while going; do
        pause 2 10
        read -r pid kind < <(pgrep -af "^([^ ]*/)?zaibei-(agent|vault) .*$ZAIBEI_TMP/" | cut -d' ' -f1,3 | shuf | sort -u -k2 | shuf -n 1) ||
            continue
        [ "$kind" != keep ] || [ $((RANDOM % 4)) = 0 ] || continue
        ! kill -9 "$pid" 2>/dev/null || { did kills && did "kills.$kind"; }
    done
}

everybody='restores pins removals collections scrubs quotas kills'
[ -z "$aged" ] || everybody="$everybody aged"
started=() k=0
for who in $everybody sandbox; do
    k=$((k + 1))
    (
        set +e
        trap - EXIT
        RANDOM=$(((SEED + k * 1000) % 32768))
        case $who in aged | sandbox) backups $who ;; *) $who ;; esac
    ) 2>>noise.err &
    started+=($!)
done
wait "${started[@]}" || :
for of in --host --system; do zaibei-vault quota "$vault" $of sandbox --bytes 0 >/dev/null; done
sum=
for what in backups restores pins approvals age refusals collections wins scrubs quotas kills; do
    sum="$sum, $(count $what) $what"
    [ -e wrong ] || [ "$(count $what)" -gt 0 ] || [ -z "$aged" -a $what = age ] || missing="${missing:-} $what"
done
echo "killed: $(for f in did.kills.*; do echo "$(count "${f#did.}") ${f#did.kills.}"; done | tr '\n' ' ')"
echo "figure: everything at once for $seconds s: $(wc -l <good) acknowledged of${sum#,}"
[ ! -e wrong ] || fail "$(head -c 3000 wrong)"
[ -z "${missing:-}" ] || fail "not tried:$missing"

step 'the next run succeeds by itself, and every acknowledged point that was not removed restores exactly'
sleep 1
for h in ${aged:+aged} sandbox; do
    listed=$(agent $h points --json | jq -r 'select(.message_type == "point") | .point')
    for n in $(cd dying && find . -name "$h.*" -printf '%f\n'); do # asked to be removed, and perhaps killed on the way
        ! grep -qx "${n#*.}" <<<"$listed" || mv "dying/$n" "was/$n"
    done
    agent $h backup "$ZAIBEI_TMP/data.$h" >out 2>&1 || fail "$h: $(cat out)"
done
for n in $(cd was && ls); do
    rm -rf back
    agent "${n%.*}" restore "${n#*.}" --target "$ZAIBEI_TMP/back" >out 2>&1 || fail "point $n: $(cat out)"
    restored "$n" "$ZAIBEI_TMP/back" "was/$n" || fail "point $n differs"
done
echo "$(find was -type f | wc -l) points restored exactly, $(find dying -type f | wc -l) removed by right"
zaibei-vault gc "$vault" --grace 0 >out || fail "$(cat out)"
expect 0 zaibei-vault scrub "$vault" --all
verify
times
