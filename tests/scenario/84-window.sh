#!/bin/bash
# no-asan: libfaketime is preloaded, and the sanitizer wants to be first
# faults: D4 D5
# The rollback window on the real programs, months passing by a faked clock: it has its whole calendar months; while it lasts the
# pinned point cannot be removed; a clock set forward a year ends nothing; the end is the vault's to tell; and closing needs
# another person.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
lib=$(find /usr/lib -name 'libfaketime.so.1' -print -quit)
[ -n "$lib" ] || not_run "libfaketime is not installed"
export TZ=UTC
export ZAIBEI_SANDBOX_FAKETIME=+0
sandbox_up
data=$ZAIBEI_TMP/data
mkdir "$data"
noise 100000 window >"$data/noise"
faked() { # a program that sees the platform's time
    LD_PRELOAD=$lib FAKETIME_TIMESTAMP_FILE=$box/run/faketime FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
        DONT_FAKE_MONOTONIC=1 FAKETIME_FORCE_MONOTONIC_FIX=0 "$@"
}
# to TIME : the platform's clocks show it.
to() {
    printf '%+d' $(($(date -d "$1" +%s) - $(date +%s))) >"$box/run/faketime.new"
    mv "$box/run/faketime.new" "$box/run/faketime"
}
control() { printf '%s\n' "$1" | faked zaibei-vault control "$vault"; }
show() { zaibei migrate show move --json | jq -r "$1"; }
doubtful() { control '{"op":"clock"}' | jq -r .doubtful; }
# believe : two approvers confirm the vault's time as it is now.
approvers=$ZAIBEI_TMP/approvers
believe() {
    [ "$(doubtful)" = true ] || fail "the vault takes a clock that jumped: $(control '{"op":"clock"}')"
    faked zaibei-vault request confirm-clock "$vault" --out "$approvers/request" >/dev/null
    faked zaibei approve "$approvers/request" --key "$approvers/anna" --yes >/dev/null
    faked zaibei approve "$approvers/request" --key "$approvers/ben" --yes >/dev/null
    faked zaibei-vault clock confirm "$vault" --approvals "$approvers/request" >/dev/null
    rm "$approvers"/request*
    [ "$(doubtful)" = false ] || fail "the vault's time is still in doubt"
}
# held : whatever is tried, the point is not removed.
held() {
    expect 12 zaibei point remove "$host/$pinned" --reason x --yes
    says ZB-1311
    expect 12 faked zaibei-vault remove "$vault" "$host/$pinned" --reason x --yes
    [ "$(control "{\"op\":\"remove\",\"host\":\"$host\",\"points\":[$pinned],\"reason\":\"x\"}" | jq -r .error.id)" = 1311 ] ||
        fail "the vault removed a pinned point"
    expect 0 zaibei point show "$host/$pinned"
}
approvers_make "$vault"
echo 'password_days: 0' >>"$ZAIBEI_CONFIG" # nobody logs in while the months pass
kill -9 "$(pgrep -P "$(cut -d' ' -f1 "$box/run/zaibeid.pid")" | head -n 1)"
for _ in $(seq 100); do zaibei status >/dev/null 2>&1 && break || sleep 0.1; done

step 'an original, a target, a plan; everything is judged'
zaibei host enroll-token cloud --system next --json | jq -r .token |
    zaibei-agent --config "$ZAIBEI_TMP/cloud.yaml" enroll - --state "$ZAIBEI_TMP/cloud" \
        --recipient "$(grep -o 'zbk-pub-[A-Za-z0-9+/=]*' "$kit" | head -n 1)" >/dev/null 2>&1 || fail 'cloud was not enrolled'
printf '%s\n' "name: demo" "system: $host" "hosts: [$host, cloud]" "content: {paths: [$data]}" "strategy: {daily: incremental}" \
    "schedule: {zone: UTC, window: \"00:00-23:59\"}" "retention_days: 1" >"$ZAIBEI_TMP/plan.yaml"
plan_into_force "$ZAIBEI_TMP/plan.yaml"
zaibei-agent run >"$ZAIBEI_TMP/run.log" 2>&1 &
agents=$!
zaibei-agent --config "$ZAIBEI_TMP/cloud.yaml" run >"$ZAIBEI_TMP/run-cloud.log" 2>&1 &
agents="$agents $!"
# shellcheck disable=SC2154
trap 'rc=$?; kill $agents 2>/dev/null || :; "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; exit $rc' EXIT
expect 0 zaibei job run "$host" --wait
expect 0 as applicant zaibei migrate begin move --system "$host" --original "$host" --target cloud --zone Asia/Shanghai
for _ in $(seq 100); do [ "$(zaibei host list --json | jq -r 'select(.host=="cloud").state')" != enrolled ] && sleep 0.1 || break; done
expect 12 as applicant zaibei migrate cutover move --yes
says ZB-1945
for _ in $(seq 20); do # call_in_s is 1 here, so an agent is silent after three seconds of a busy machine
    as applicant zaibei migrate ready move --kit "$kit" >"$ZAIBEI_TMP/ready" 2>&1 && break || sleep 0.5
done
[ "$(show .state)" = ready ] || fail "not ready: $(cat "$ZAIBEI_TMP/ready")"

step 'cutover: the last point, pinned for three whole months of the zone'
expect 0 as applicant zaibei migrate cutover move --yes --wait
[ "$(show .state)" = window ] || fail "state: $(zaibei migrate show move)"
pinned=$(show '.originals[0].point')
want=$(/usr/bin/python3 - "$(show .cutover)" <<'END'
import calendar, datetime, sys
t = datetime.datetime.fromisoformat(sys.argv[1].replace('Z', '+00:00')) + datetime.timedelta(hours=8)
y, m = divmod(t.year * 12 + t.month - 1 + 3, 12)
d = min(t.day, calendar.monthrange(y, m + 1)[1])
print('%04d-%02d-%02d' % (y, m + 1, d))
END
)
[ "$(show .last_day) $(show .window_end)" = "$want ${want}T16:00:00Z" ] || fail "the window: $(zaibei migrate show move)"
[ "$(date -d "$(show '.originals[0].pinned_until')" +%s)" -ge "$(date -d "$(show .window_end)" +%s)" ] || fail 'the pin is too short'
held

step 'nothing shortens it; a later day extends it'
expect 2 as applicant zaibei migrate extend move --until "$(date -d "$want - 1 day" +%F)"
says ZB-1949
expect 2 as applicant zaibei migrate extend move --until "$want"
want=$(date -d "$want + 3 days" +%F)
expect 0 as applicant zaibei migrate extend move --until "$want"
[ "$(show .last_day)" = "$want" ] || fail "extended: $(zaibei migrate show move)"
expect 12 as applicant zaibei migrate close move --reason done
says ZB-1947 "${want}T16:00:00Z"

step 'a clock set forward a year ends nothing'
"$ZAIBEI_ROOT/scripts/sandbox" time "$box" +360d
expect 12 as applicant zaibei migrate close move --reason done
says ZB-1947
[ "$(show .state) $(doubtful)" = "window true" ] || fail "after a year: $(zaibei migrate show move)"
expect 0 zaibei migrate show move
says 'in doubt'
held

step 'the day before the end, by a time that two approvers have confirmed: still refused'
to "$want 12:00"
believe
held
expect 12 as applicant zaibei migrate close move --reason done
says ZB-1947
[ "$(show .days_left)" = 0 ] || fail "days left: $(show .days_left)"
for _ in $(seq 70); do zaibei notify list --limit 50 --json | grep -q migrate.window && break || sleep 1; done
as auditor zaibei audit list --act migrate.remind --json | grep -q workdays_left || fail 'no reminder'

step 'after the end: asked by one person, consented to by another'
to "$want 16:00:30"
believe
expect 0 as applicant zaibei migrate close move --reason 'the new system stands'
[ "$(show .state)" = closing ] || fail "state: $(zaibei migrate show move)"
expect 12 as applicant zaibei migrate approve move --yes
says ZB-1833
expect 2 as office zaibei migrate refuse move
expect 0 as office zaibei migrate refuse move --reason 'the acceptance is missing'
expect 0 as applicant zaibei migrate close move --reason 'accepted'
expect 0 as office zaibei migrate approve move --yes --opinion yes
[ "$(show .state)" = closed ] || fail "state: $(zaibei migrate show move)"

step 'nothing was removed by itself, and the page tells it all'
expect 0 zaibei point show "$host/$pinned"
expect 0 zaibei migrate report move --out "$ZAIBEI_TMP/report.html"
grep -q 迁移记录 "$ZAIBEI_TMP/report.html" && grep -q "$want" "$ZAIBEI_TMP/report.html" || fail 'the page'
as auditor zaibei audit verify >/dev/null || fail 'the audit'
[ "$(zaibei migrate show move --json | jq -r '[.steps[].act] | map(select(. != "verify" and . != "unready")) | join(" ")')" = \
    "begin ready cutover pin extend end close refuse close approve" ] || fail "steps: $(zaibei migrate show move)"
