#!/bin/bash
# Working days, events, freezes and what a plan will do, as people meet them: the table that comes with the product, an import
# with its record, a plan by working days, and a simulation of a file and of a plan with points.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
cd "$ZAIBEI_TMP"
into_force() { if declare -F plan_into_force >/dev/null; then plan_into_force "$1"; else zaibei plan apply "$1"; fi; }

step "the table that comes with the product"
expect 0 zaibei calendar show --year 2026
says 2026-10-01 国庆节 worked
expect 0 zaibei calendar show --year 2026 --json
[ "$(jq '.days | length' <<<"$said")" = 39 ] || fail "not 39 days in 2026: $said"
expect 2 zaibei calendar show --year x

step "a year is imported; a file with a mistake is not"
cat >2031.json <<'END'
{"years": {"2031": {"off": {"2031-01-01": "元旦", "2031-01-02": "元旦"}, "work": {"2031-01-04": "元旦"}}}}
END
expect 0 zaibei calendar import 2031.json
says 2031
expect 0 zaibei calendar show --year 2031
says 2031-01-04 元旦 Sat worked
sed 's/2031-01-04/2031-02-29/' 2031.json >bad.json
expect 2 zaibei calendar import bad.json
says ZB-1820 2031
expect 10 zaibei calendar import nothing.json
expect 0 zaibei calendar show --year 2026 --json
[ "$(jq '.days | length' <<<"$said")" = 39 ] || fail "the import changed another year"

step "a plan by events; what is not in the subset is refused with its place"
mkdir data && echo one >data/one
cat >plan.yaml <<END
name: demo
system: $host
hosts: [$host]
content: {paths: [$ZAIBEI_TMP/data]}
schedule:
    zone: UTC
    events:
        - {when: "workday 12:30", kind: incremental, label: daily, length: 1h}
        - {when: "last-workday-of-month 22:00", kind: full, label: monthly}
    once:
        - {before: 2031-01-01, at: "20:00"}
    freeze:
        - {from: 2031-01-05, until: 2031-01-10, reason: maintenance}
retention_days: 1
keep: {daily: 5, monthly: 3}
END
expect 0 zaibei plan validate plan.yaml
sed 's/workday 12:30/workday 12:30:15/' plan.yaml >bad.yaml
expect 2 zaibei plan validate bad.yaml
says "bad.yaml:8:" "schedule.events[0].when: expected a time such as 02:00"

step "simulated from the file: nothing goes before the vault's floor, then the days and months that the rules name"
until=$(date -u -d '+130 days' +%F)
expect 0 zaibei plan simulate ./plan.yaml --until "$until" --json
[ "$(jq .least_days <<<"$said")" = 92 ] || fail "not the vault's floor: $said"
made=$(jq '.points | length' <<<"$said") gone=$(jq '[.points[] | select(.gone)] | length' <<<"$said")
if [ "$made" -lt 80 ] || [ "$made" -gt 110 ] || [ "$gone" -lt 5 ]; then fail "$made points made, $gone gone"; fi
[ "$(jq '[.points[] | select(.gone and ((.gone | fromdate) - (.time | fromdate) < 92 * 86400))] | length' <<<"$said")" = 0 ] ||
    fail "a point goes before its least time"
expect 0 zaibei plan simulate ./plan.yaml --until "$until"
says "its day's" "its month's" "least time not over"

step "the same of the plan in force, which goes on from the points that the vault has"
into_force plan.yaml >/dev/null
expect 0 zaibei plan next demo --count 3
says 12:30Z 13:30Z
zaibei job run demo >/dev/null
expect 0 zaibei-agent run --once
expect 0 zaibei plan simulate demo --until "$until" --json
[ "$(jq '.points[0].point' <<<"$said")" = 1 ] || fail "the point that exists is not there: $said"
[ "$(jq -r '.points[0].why | join(" ")' <<<"$said")" != "" ] || fail "no reason: $said"
[ "$(jq '.points | length' <<<"$said")" = $((made + 1)) ] || fail "other runs than the file's: $said"
expect 10 zaibei plan simulate demo --host nobody
expect 10 zaibei plan simulate nothing
