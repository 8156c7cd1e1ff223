#!/bin/bash
# no-asan: the worker needs namespaces of its own, and the sanitizer wants to see all of them
# limit 240
# faults: A21 G8 G10
# Drills by a real zaibeid with the real worker, level 1, on a tiny system: green, red, cancelled; the grant is given by the kit and
# by nothing else; zaibeid and the worker are killed at each phase, and what is left is a record, an audit and nothing else.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
drills=$box/zaibeid/drills
cat >>"$box/zaibeid/zaibeid.yaml" <<END
drills: {at_once: 1, time: 10m, accel: tcg}
END
keeper=$(cut -d' ' -f1 "$box/run/zaibeid.pid") # which starts it again
pid_of_zaibeid() { pgrep -P "$keeper" zaibeid | head -n 1; }
kill_zaibeid() {
    local old
    old=$(pid_of_zaibeid)
    kill -9 "$old"
    for _ in $(seq 200); do
        [ "$(pid_of_zaibeid)" != "$old" ] && zaibei drill list >/dev/null 2>&1 && return 0
        sleep 0.05
    done
    fail "zaibeid did not come back: $(tail -n 5 "$box/log/zaibeid")"
}
kill_zaibeid # it reads its new configuration

# Of a drill: one member.
of() { zaibei drill show "$1" --json | jq -r "$2"; }
wait_for_state() { # DRILL STATE
    for _ in $(seq 400); do
        [ "$(of "$1" .state)" = "$2" ] && return 0
        sleep 0.05
    done
    fail "drill $1 is $(of "$1" .state), not $2"
}
# Nothing of a drill is left: no directory, no worker, no mount.
nothing_left() {
    for _ in $(seq 200); do
        [ -z "$(ls -A "$drills" 2>/dev/null)" ] && ! pgrep -f "$drills/" >/dev/null && ! grep -q "$drills/" /proc/mounts && return 0
        sleep 0.1
    done
    fail "left over: $(ls -AR "$drills" | head -n 20; pgrep -af "$drills/")"
}

step "a small system, backed up"
mkdir -p "$ZAIBEI_TMP/tree/etc"
for i in $(seq 200); do echo "file $i" >"$ZAIBEI_TMP/tree/etc/$i"; done
noise 3000000 1 >"$ZAIBEI_TMP/tree/big"
cat >"$ZAIBEI_TMP/plan.yaml" <<END
name: demo
department: north
system: shop
hosts: [$host]
content: {paths: ["$ZAIBEI_TMP/tree"]}
strategy: {daily: incremental}
targets: {rto: 1h, rpo: 24h}
recovery: {drill_every: 90d, drill_level: 1, hosts: [{host: $host, address: 10.20.0.10/24}]}
END
plan_into_force "$ZAIBEI_TMP/plan.yaml"
expect 10 zaibei drill run shop --level 1
says ZB-1921 # no restore point
expect 10 zaibei drill run nothing
expect 0 zaibei job run demo
expect 0 zaibei-agent run --once

step "green: by the kit, followed to its end"
expect 0 zaibei drill run shop --level 1 --kit "$kit" --wait
says green met "$host/1"
[ "$(of 1 .verdict)" = green ] || fail "drill 1 is $(of 1 .verdict)"
[ "$(of 1 '.phases[] | select(.phase == "content") | .state')" = ok ] || fail "no content was compared"
nothing_left
expect 0 zaibei drill report 1 --out "$ZAIBEI_TMP/record"
key=$(as auditor zaibei audit verify --json | jq -r .key)
expect 0 zaibei-verify report "$ZAIBEI_TMP/record" --key "$key"
says authentic
hash=$(as auditor zaibei audit list --act drill.ended --json | jq -r 'select(.object == "1") | .detail.record')
[ -n "$hash" ] && [ "$hash" = "$(jq -jcS .record <"$ZAIBEI_TMP/record" | b2sum -l 256 | cut -d' ' -f1)" ] || fail "the audit has another record: $hash"
expect 0 zaibei drill report 1 --html --lang zh --out "$ZAIBEI_TMP/page.html"
grep -q '通过' "$ZAIBEI_TMP/page.html" || fail "the page does not say it"
expect 0 as auditor zaibei audit list --act drill
says drill.run drill.waiting drill.grant drill.running drill.ended

step "points and incidents"
expect 10 zaibei drill run shop --level 1 --point "$host/77"
says ZB-1921
expect 10 zaibei drill run shop --level 1 --incident 2020-01-01T00:00:00Z
says "before the incident"
expect 2 zaibei drill run shop --level 1 --incident 2100-01-01T00:00:00Z
expect 2 zaibei drill run shop --level 3

step "another kit does not open it; the right one does; a second drill waits its turn"
zaibei kit new --out "$ZAIBEI_TMP/otherkit" >/dev/null 2>&1
expect 0 zaibei drill run shop --level 1
expect 12 zaibei drill grant 2 --kit "$ZAIBEI_TMP/otherkit"
[ "$(of 2 .state)" = waiting ] || fail "drill 2 is $(of 2 .state)"
expect 0 zaibei drill cancel 2
wait_for_state 2 ended
[ "$(of 2 .verdict)" = cancelled ] || fail "drill 2 is $(of 2 .verdict)"
expect 11 zaibei drill grant 2 --kit "$kit"
says ZB-1922
nothing_left

step "zaibeid is killed while a drill waits: another worker, another key, and it can be granted"
expect 0 zaibei drill run shop --level 1
wait_for_state 3 waiting
before=$(of 3 .public_key)
kill_zaibeid
wait_for_state 3 waiting
[ "$(of 3 .public_key)" != "$before" ] || fail "the key of a dead worker is shown"
expect 0 zaibei drill grant 3 --kit "$kit"
wait_for_state 3 ended
[ "$(of 3 .verdict)" = green ] || fail "drill 3 is $(of 3 .verdict)"

step "zaibeid or the worker is killed in each phase: failed with the reason, and nothing is left"
n=3
for who in zaibeid worker; do
    for phase in restore content; do
        n=$((n + 1))
        expect 0 zaibei drill run shop --level 1 --kit "$kit"
        for _ in $(seq 400); do
            of $n '.phases[].phase' | grep -q "$phase" && break
            sleep 0.01
        done
        case $who in
        zaibeid) kill_zaibeid ;;
        worker) for pid in $(pgrep -P "$(pid_of_zaibeid)" -f worker); do kill -9 "$pid"; done ;;
        esac
        wait_for_state $n ended
        verdict=$(of $n .verdict)
        case $verdict in
        failed) [ "$(of $n .cause.what)" = worker ] || fail "drill $n failed without a cause" ;;
        green) echo "drill $n had ended before it was killed" ;;
        *) fail "drill $n is $verdict" ;;
        esac
        nothing_left
        expect 0 zaibei drill report $n --out "$ZAIBEI_TMP/record.$n"
        expect 0 zaibei-verify report "$ZAIBEI_TMP/record.$n" --key "$key"
    done
done
expect 0 as auditor zaibei audit verify
says whole

step "figures: schedule, trend, forecast, status"
[ "$(zaibei drill schedule --json | jq -r 'select(.system == "shop") | "\(.overdue) \(.last_drill)"')" != "" ] || fail "no schedule"
[ "$(zaibei drill schedule --json | jq -r .overdue)" = false ] || fail "overdue after a green drill"
expect 0 zaibei drill trend shop --json
[ "$(echo "$said" | jq -r .greens)" -ge 2 ] || fail "the trend has not the green drills"
expect 0 zaibei drill forecast --json
[ "$(echo "$said" | jq -r .verdict)" = met ] || fail "forecast: $said"
[ "$(zaibei status --json | jq -r .drills_overdue)" = 0 ] || fail "status"
