#!/bin/bash
# no-asan: libfaketime is preloaded, and the sanitizer wants to be first
# limit 180
# Days pass by a faked clock: the calendar queues runs in their window, the agent that calls in does them, missed ones are
# caught up once, and a job outlives the death of zaibeid.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
[ -n "$(find /usr/lib -name 'libfaketime.so.1' -print -quit)" ] || not_run "libfaketime is not installed"
export TZ=UTC
monday=$(date -d 'next monday' +%F)
export ZAIBEI_SANDBOX_FAKETIME="+$(($(date -d "$monday 00:30" +%s) - $(date +%s)))"
sandbox_up
data=$ZAIBEI_TMP/data
mkdir "$data"
echo one >"$data/one"

later() { "$ZAIBEI_ROOT/scripts/sandbox" time "$box" "$1"; }

jobs() { zaibei job list --limit 100 --json | jq -r '[.job, .state, .origin, .kind, (.labels | join("+"))] | join(" ")' | tac; }

# Wait until the jobs are as on standard input.
jobs_are() {
    local want got
    want=$(cat)
    for _ in $(seq 100); do
        got=$(jobs)
        [ "$got" != "$want" ] || return 0
        sleep 0.1
    done
    fail "jobs are: $got; instead of: $want"
}

step "a plan with a mistake names its place"
cat >"$ZAIBEI_TMP/plan.yaml" <<END
name: demo
system: $host
hosts: [$host]
content: {paths: [$data]}
strategy:
    daily: incremental
    weekly: ful
schedule: {zone: UTC, window: "01:00-05:00", weekly_day: sun}
END
expect 2 zaibei plan validate "$ZAIBEI_TMP/plan.yaml"
says "plan.yaml:7:13: strategy.weekly: expected full or incremental, found \"ful\""
sed -i 's/ful$/full/' "$ZAIBEI_TMP/plan.yaml"
plan_into_force "$ZAIBEI_TMP/plan.yaml"
expect 0 zaibei plan next demo --count 7
sunday=$(date -d "$monday + 6 days" +%F)
says "$monday 01:00Z" "$sunday 01:00Z $sunday 05:00Z full        daily,weekly"

step "nothing runs before its window; the first run is a full"
expect 0 zaibei-agent run --once
[ -z "$(jobs)" ] || fail "a job before its window: $(jobs)"
later +1h
echo "1 queued calendar full daily" | jobs_are
expect 0 zaibei-agent run --once
echo "1 ok calendar full daily" | jobs_are

step "the next day brings an incremental; zaibeid dies with the job queued"
echo two >"$data/two"
later +1d
printf '1 ok calendar full daily\n2 queued calendar incremental daily\n' | jobs_are
old=$(pgrep -P "$(cut -d' ' -f1 "$box/run/zaibeid.pid")" | head -n 1)
kill -9 "$old"
printf '1 ok calendar full daily\n2 queued calendar incremental daily\n' | jobs_are
expect 0 zaibei-agent run --once
printf '1 ok calendar full daily\n2 ok calendar incremental daily\n' | jobs_are

step "six days away, a Sunday among them: one catch-up with all labels, and a full"
later +6d
later +6h
jobs_are <<END
1 ok calendar full daily
2 ok calendar incremental daily
3 missed calendar incremental daily
4 missed calendar incremental daily
5 missed calendar incremental daily
6 missed calendar incremental daily
7 missed calendar full daily+weekly
8 missed calendar full daily+weekly
9 queued catch-up full daily+weekly
END
expect 0 zaibei-agent run --once
expect 0 zaibei job watch 9
expect 0 zaibei point list "$host" --json
[ "$(echo "$said" | jq -r '[.point, .kind, (.labels | join("+"))] | join(" ")')" = "1 full daily
2 incremental daily
3 full daily+weekly" ] || fail "points: $said"
[ "$(echo "$said" | jq -r .plan_hash | sort -u)" = "$(zaibei plan show demo --json | jq -r .hash)" ] || fail "plan hash: $said"

step "a job by hand, followed to its end; one that is cancelled"
zaibei-agent run --once >/dev/null 2>&1
zaibei job run demo --wait >"$ZAIBEI_TMP/wait" 2>&1 &
waiting=$!
printf '10 queued manual incremental manual\n' >"$ZAIBEI_TMP/want"
for _ in $(seq 50); do [ "$(jobs | tail -n 1)" != "$(cat "$ZAIBEI_TMP/want")" ] || break; sleep 0.1; done
expect 0 zaibei-agent run --once
wait "$waiting" || fail "job run --wait: exit $?: $(cat "$ZAIBEI_TMP/wait")"
expect 0 zaibei job run "$host"
expect 0 zaibei job cancel 11
expect 130 zaibei job watch 11
expect 10 zaibei job watch 99
expect 10 zaibei job run nobody

step "a host that is revoked does not come in again"
expect 2 zaibei host revoke "$host" </dev/null
expect 0 zaibei host revoke "$host" --yes --reason test
expect 12 zaibei-agent run --once
expect 0 zaibei host list
says revoked
