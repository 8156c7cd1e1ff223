#!/bin/bash
# faults: H2
# limit 120
# Commands of the host in jobs: a plan names entries of the host's own list, with times and sizes of its own; the job says what
# failed, and what the run left out; a name that the list does not hold ends the job before it begins.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
data=$ZAIBEI_TMP/data log=$ZAIBEI_TMP/log
mkdir "$data"
echo one >"$data/one"
echo gone >"$data/gone.tmp"
cat >>"$ZAIBEI_AGENT_CONFIG" <<END
hooks:
    freeze: {command: [/bin/sh, -c, 'env | grep ^ZAIBEI >>$log']}
    thaw: {command: [/bin/sh, -c, 'echo thawed \$ZAIBEI_RESULT >>$log']}
    wait: {command: [/bin/sleep, '60']}
dumps:
    books: {command: [/usr/bin/seq, '1', '10000'], min_size: 1 KiB}
END

plan() { # HOOKS COMMANDS
    cat >"$ZAIBEI_TMP/plan.yaml" <<END
name: demo
system: $host
hosts: [$host]
content: {paths: [$data], excludes: ["*.tmp"], commands: [$2]}
strategy: {daily: incremental}
$by_hand
hooks: {$1}
END
    plan_into_force "$ZAIBEI_TMP/plan.yaml"
    expect 0 zaibei job run demo
}
job() { zaibei job list --json | jq -r "$1" | head -n 1; }

step "a job with all three"
plan "pre: [{name: freeze}], post: [{name: thaw, timeout: 10s}]" "{name: books, least: 2 KiB}"
expect 0 zaibei-agent run --once
[ "$(job .state)" = ok ] || fail "the job is $(job .)"
grep -qx ZAIBEI_PLAN=demo "$log" && grep -qx ZAIBEI_JOB=1 "$log" || fail "the log is: $(cat "$log")"
[ "$(tail -n 1 "$log")" = "thawed ok" ] || fail "the log is: $(cat "$log")"
[ "$(job '[.left_out.pattern, .not_read, .kept] | join(" ")')" = "1 0 0" ] || fail "the job is $(job .)"
expect 0 zaibei job show 1
says "pattern 1" "on $host: zaibei-agent ls 1 --left-out"
expect 0 zaibei-agent ls 1 --left-out
says gone.tmp
restore 1 "$ZAIBEI_TMP/out"
cmp "$ZAIBEI_TMP/out/.zaibei/dumps/books" <(seq 1 10000)

step "the plan's shorter time, and its larger size"
plan "pre: [{name: wait, timeout: 1s}]" "{name: books}"
expect 1 zaibei-agent run --once
[ "$(job '[.state, .error.id, .error.message] | join(" ")')" = "failed ZB-1801 not done within 1 seconds: it was ended" ] ||
    fail "the job is $(job .)"
plan "post: []" "{name: books, least: 1 GiB}"
expect 3 zaibei-agent run --once
[ "$(job '[.state, .error.id] | join(" ")')" = "partial ZB-1802" ] || fail "the job is $(job .)"

step "a name that the list does not hold"
plan "pre: [{name: books}]" "{name: books}"
expect 2 zaibei-agent run --once
[ "$(job '[.state, .error.id] | join(" ")')" = "failed ZB-1800" ] || fail "the job is $(job .)"
