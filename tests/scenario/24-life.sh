#!/bin/bash
# faults: A7
# A plan's whole life with the real programs: asked for with its cost, rejected, asked for again, approved and executed; changed
# field by field; suspended and resumed; compared with what is there; retired with the three answers; and zaibeid killed on the way.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
data=$ZAIBEI_TMP/data
mkdir "$data"
noise 3000000 life >"$data/noise"
plan() { # RETENTION [LINE...]
    printf '%s\n' "name: demo" "department: 市大数据管理局" "system: $host" "hosts: [$host]" "content: {paths: [$data]}" \
        "strategy: {daily: incremental, weekly: full}" "schedule: {zone: UTC, window: \"00:00-23:59\"}" "retention_days: $1" \
        "${@:2}" >"$ZAIBEI_TMP/plan.yaml"
}
state() { zaibei plan show demo --json ${1:+--version "$1"} | jq -r .state; }
steps() { zaibei plan history demo --json | jq -r '[.version, .act, .state, .who] | join(" ")'; }

step 'what it will cost: by the form, and whether that fits'
plan 30 'resources: {disk: 10 GiB}' 'quota: 20 GiB'
expect 0 as applicant zaibei plan submit "$ZAIBEI_TMP/plan.yaml" --dry-run --json
[ "$(echo "$said" | jq -r '[.full_bytes, .hosts[0].source, .fits_quota] | join(" ")')" = "10737418240 form false" ] ||
    fail "cost: $said"
expect 0 as applicant zaibei plan submit "$ZAIBEI_TMP/plan.yaml" --dry-run
says 'by the form' 'more than the quota'
expect 0 zaibei plan list
says 'no plans yet'

step 'a draft, submitted, rejected with a reason, submitted again'
expect 0 as applicant zaibei plan submit "$ZAIBEI_TMP/plan.yaml" --draft
[ "$(state)" = draft ] || fail "state $(state)"
plan 30
expect 0 as applicant zaibei plan submit "$ZAIBEI_TMP/plan.yaml"
says 'version 1 is submitted' 'waits for review'
expect 12 as office zaibei plan approve demo --yes
says ZB-1850
expect 2 as office zaibei plan reject demo
expect 0 as office zaibei plan reject demo --reason 缺少联系人
[ "$(state)" = rejected ] || fail "state $(state)"
expect 10 zaibei job run demo
plan 30 'technical_contact: {name: 李四}'
expect 0 as applicant zaibei plan submit "$ZAIBEI_TMP/plan.yaml"
says 'version 2 is submitted'
expect 4 as applicant zaibei plan submit "$ZAIBEI_TMP/plan.yaml"
expect 0 zaibei plan list --waiting
says demo review
expect 0 zaibei plan list --overdue
says 'nothing waits'
[ "$(zaibei status --json | jq .steps_waiting)" = 1 ] || fail "status: $(zaibei status)"

step 'nothing runs before it is approved; then the calendar runs it, and each job carries the hash of the version'
expect 0 as office zaibei plan review demo --opinion 同意
expect 0 zaibei-agent run --once
[ -z "$(zaibei job list --json)" ] || fail "a job before the approval"
expect 11 as office zaibei plan approve demo --yes --version 1
says ZB-1852
expect 2 as office zaibei plan approve demo </dev/null
expect 0 as office zaibei plan approve demo --yes --opinion 批准
says 'version 2 is active'
for _ in $(seq 100); do [ -z "$(zaibei job list --json)" ] || break && sleep 0.1; done
expect 0 zaibei-agent run --once
hash=$(zaibei plan show demo --json | jq -r .hash)
[ "$(zaibei job list --json | jq -r '[.state, .plan_version, .plan_hash] | join(" ")')" = "ok 2 $hash" ] || fail "job: $(zaibei job list)"
[ "$(zaibei point show "$host/1" --json | jq -r .plan_hash)" = "$hash" ] || fail "the point has another hash"
expect 0 zaibei plan drift demo
says 'plans and what is there agree'

step 'a change: field by field, the old one in force until it is approved, then readable'
sed -i 's/retention_days: 30/retention_days: 60/; s/daily: incremental, //' "$ZAIBEI_TMP/plan.yaml"
expect 0 as applicant zaibei plan submit "$ZAIBEI_TMP/plan.yaml"
says 'version 3 is submitted'
expect 0 zaibei plan show demo --version open --json
[ "$(echo "$said" | jq -r '[.against, (.changes | map(.field) | sort | join("+"))] | join(" ")')" = "2 retention_days+strategy.daily" ] ||
    fail "changes: $said"
expect 0 zaibei plan list
says 'active (version 3: submitted)'
expect 0 as office zaibei plan review demo
[ "$(state 2) $(state 3)" = "active reviewed" ] || fail "states $(state 2) $(state 3)"
expect 0 as office zaibei plan approve demo --yes
says 'retention_days' '- 30' '+ 60' 'as measured'
[ "$(state 2) $(state 3)" = "superseded active" ] || fail "states $(state 2) $(state 3)"
expect 0 zaibei plan show demo --version 2
says 'retention_days: 30'
expect 0 zaibei plan show demo --version 3 --against 2
says '+ 60'

step 'suspended: what waits is skipped and says why; resumed'
expect 0 zaibei job run demo
expect 2 as office zaibei plan suspend demo
expect 0 as office zaibei plan suspend demo --reason 搬迁机房
[ "$(zaibei job list --limit 1 --json | jq -r '.state + " " + .error.message')" = 'skipped the plan is suspended' ] ||
    fail "job: $(zaibei job list)"
expect 10 zaibei job run demo
expect 0 zaibei-agent run --once
expect 0 as office zaibei plan resume demo
expect 0 zaibei job run demo
expect 0 zaibei-agent run --once
[ "$(zaibei job list --limit 1 --json | jq -r .state)" = ok ] || fail "job: $(zaibei job list)"

step 'zaibeid dies between two acts'
kill -9 "$(pgrep -P "$(cut -d' ' -f1 "$box/run/zaibeid.pid")" | head -n 1)"
for _ in $(seq 100); do zaibei status >/dev/null 2>&1 && break || sleep 0.1; done
[ "$(state)" = active ] || fail "state $(state)"

step 'what is not as planned is shown'
zaibei host enroll-token other --system "$host" --json | jq -r .token |
    zaibei-agent --config "$ZAIBEI_TMP/other/agent.yaml" enroll - --recipient "$(grep -o 'zbk-pub-.*' "$kit")" >/dev/null 2>&1 ||
    fail 'the other host was not enrolled'
expect 0 zaibei plan drift
says other 'no plan names it'

step 'retired: three questions, an order for people, points stay'
expect 2 as applicant zaibei plan retire demo --reason 系统下线 --backups keep --vm-files drop --yes
expect 0 as applicant zaibei plan retire demo --reason 系统下线 --backups keep --vm-files drop --place self --yes
says 'waits for approval'
[ "$(state)" = active ] || fail "state $(state)"
sed -i 's/retention_days: 60/retention_days: 90/' "$ZAIBEI_TMP/plan.yaml"
expect 12 as applicant zaibei plan submit "$ZAIBEI_TMP/plan.yaml"
says 'retirement waits'
expect 0 as office zaibei plan approve demo --yes
says 'version 3 is retired'
expect 0 zaibei plan orders demo --json
[ "$(echo "$said" | jq -r .kind | sort | xargs)" = 'hand-over-backups remove-vm-files' ] || fail "orders: $said"
expect 0 as office zaibei plan confirm 1 --note 已删除
expect 4 as office zaibei plan confirm 1
[ "$(zaibei plan orders --json | jq -r .order)" = 2 ] || fail "orders: $(zaibei plan orders)"
expect 10 zaibei job run demo
expect 0 zaibei point list "$host" --json
[ "$(echo "$said" | wc -l)" = 2 ] || fail "points: $said"

step 'every step stands in the history, in order'
[ "$(steps | head -n 14)" = "1 save draft applicant
1 submit submitted applicant
1 reject rejected office
2 submit submitted applicant
2 review reviewed office
2 approve approved office
2 enact active zaibeid
3 submit submitted applicant
3 review reviewed office
3 approve approved office
2 replace superseded zaibeid
3 enact active zaibeid
3 suspend suspended office
3 resume active office" ] || fail "history: $(steps)"
steps | tail -n 2 | tr '\n' ' ' | grep -q '3 retire active applicant 3 approve retired office' || fail "history: $(steps)"
