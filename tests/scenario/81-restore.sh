#!/bin/bash
# limit 240
# Restore on demand over agents: another host's point to a second host by a grant, a host's own point below its restore_roots
# without one, in place with one, a system to a directory of this machine; agent and zaibeid killed in the middle go on; one host
# that fails does not stop the others.
# faults: A15
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
mkdir -p "$ZAIBEI_TMP/data/d" "$ZAIBEI_TMP/spare" "$ZAIBEI_TMP/roots"
noise 6000000 81 >"$ZAIBEI_TMP/data/noise"
for i in $(seq 200); do echo "$i" >"$ZAIBEI_TMP/data/d/$i"; done
manifest "$ZAIBEI_TMP/data" >"$ZAIBEI_TMP/want"
backup "$ZAIBEI_TMP/data"

step 'a second host, sealed to the same kit'
public=$(grep -o 'zbk-pub-.*' "$kit")
system=$(zaibei host list --json | jq -r .system)
zaibei host enroll-token spare --system "$system" --json | grep -o 'zbe1,[^"]*' |
    zaibei-agent --config "$ZAIBEI_TMP/spare/agent.yaml" enroll - --recipient "$public" >/dev/null
spare() { zaibei-agent --config "$ZAIBEI_TMP/spare/agent.yaml" "$@"; }
printf 'restore_roots: [%s]\n' "$ZAIBEI_TMP/roots" | tee -a "$ZAIBEI_TMP/spare/agent.yaml" >>"$ZAIBEI_AGENT_CONFIG"

agent_runs() { # CONFIG LOG : its pid is in $agent
    zaibei-agent --config "$1" run >>"$2" 2>&1 &
    agent=$!
    runs="${runs:-} $agent"
}
agents_stop() {
    for p in ${runs:-}; do kill "$p" 2>/dev/null || :; wait "$p" 2>/dev/null || :; done
    runs=
}
trap 'rc=$?; agents_stop; "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; exit $rc' EXIT
check() { # DIR
    manifest "$1$ZAIBEI_TMP/data" >"$ZAIBEI_TMP/got"
    same "$ZAIBEI_TMP/want" "$ZAIBEI_TMP/got" "what is in $1"
}

step 'what would be done'
expect 0 zaibei restore "$host" --to host:spare --into "$ZAIBEI_TMP/roots/x" --dry-run
says "$host" spare "$ZAIBEI_TMP/roots/x"
expect 10 zaibei restore nobody --to host:spare --reason test
[ "$(zaibei restore list --json | wc -l)" = 0 ] || fail "a dry run left something"

step 'to another host: it waits for a grant, and the kit gives it'
expect 0 zaibei restore "$host" --to host:spare --into "$ZAIBEI_TMP/roots/a" --reason test
agent_runs "$ZAIBEI_TMP/spare/agent.yaml" "$ZAIBEI_TMP/spare.log"
for _ in $(seq 100); do
    [ "$(zaibei restore show 1 --json | jq -r .state)" = waiting ] && break
    sleep 0.2
done
[ "$(zaibei restore show 1 --json | jq -r .state)" = waiting ] || fail "it does not wait: $(zaibei restore show 1)"
[ ! -e "$ZAIBEI_TMP/roots/a" ] || fail "something was restored without a grant"
expect 0 zaibei restore show 1 --kit "$kit"
check "$ZAIBEI_TMP/roots/a"
agents_stop
grep -q 'restore.grant' <(as auditor zaibei audit list --json) || fail "the grant is not in the audit"

step 'its own point below restore_roots needs no grant; zaibeid killed in the middle'
agent_runs "$ZAIBEI_AGENT_CONFIG" "$ZAIBEI_TMP/own.log"
expect 0 zaibei restore "$host" --to host --into "$ZAIBEI_TMP/roots/b" --reason test
kill -9 "$(pgrep -P "$(cut -d' ' -f1 "$box/run/zaibeid.pid")" | head -n 1)"
expect 0 zaibei restore show 2 --wait
check "$ZAIBEI_TMP/roots/b"
agents_stop

step 'what somebody restores on the host itself is in the audit, too'
restore latest "$ZAIBEI_TMP/byhand"
expect 0 zaibei-agent restore latest --target "$ZAIBEI_TMP/byhand2" --dry-run
own() { as auditor zaibei audit list --act restore.own --json | jq -c '[.object, .detail.state, .detail.target, .detail.point]'; }
[ -z "$(own)" ] || fail "told before it could be: $(own)"
expect 0 zaibei-agent run --once
[ "$(own | tac)" = "[\"$host\",\"begun\",\"$ZAIBEI_TMP/byhand\",1]
[\"$host\",\"ok\",\"$ZAIBEI_TMP/byhand\",1]" ] || fail "the audit: $(own)"
expect 0 zaibei-agent run --once
[ "$(own | wc -l)" = 2 ] || fail "told twice: $(own)"

step 'agent killed in the middle: a new key, a new grant, and it goes on'
printf 'limits: {bandwidth: 1 MiB/s}\n' >>"$ZAIBEI_TMP/spare/agent.yaml"
agent_runs "$ZAIBEI_TMP/spare/agent.yaml" "$ZAIBEI_TMP/spare.log"
zaibei restore "$host" --to host:spare --into "$ZAIBEI_TMP/roots/c" --reason test --kit "$kit" >"$ZAIBEI_TMP/cli.out" 2>&1 &
cli=$!
for _ in $(seq 200); do
    [ -e "$ZAIBEI_TMP/roots/c/.zaibei-restore" ] && break
    sleep 0.1
done
[ -e "$ZAIBEI_TMP/roots/c/.zaibei-restore" ] || fail "it did not begin: $(cat "$ZAIBEI_TMP/cli.out")"
sleep 0.5
kill -9 "$agent"
agent_runs "$ZAIBEI_TMP/spare/agent.yaml" "$ZAIBEI_TMP/spare.log"
wait "$cli" || fail "the restore ended badly: $(cat "$ZAIBEI_TMP/cli.out")"
check "$ZAIBEI_TMP/roots/c"
[ "$(zaibei restore show 3 --json | jq -r '.items[0].attempts')" = 2 ] || fail "it was not interrupted: $(zaibei restore show 3)"
[ "$(as auditor zaibei audit list --json | grep -c '"restore.grant"')" = 3 ] || fail "not two grants for two keys"

step 'cancelled while it runs'
sed -i 's,1 MiB/s,256 KiB/s,' "$ZAIBEI_TMP/spare/agent.yaml"
agents_stop
agent_runs "$ZAIBEI_TMP/spare/agent.yaml" "$ZAIBEI_TMP/spare.log"
zaibei restore "$host" --to host:spare --into "$ZAIBEI_TMP/roots/e" --reason test --kit "$kit" >"$ZAIBEI_TMP/cli.out" 2>&1 &
cli=$!
for _ in $(seq 200); do
    [ -e "$ZAIBEI_TMP/roots/e/.zaibei-restore" ] && break
    sleep 0.1
done
zaibei restore cancel 4 >/dev/null
got=0
wait "$cli" || got=$?
[ "$got" = 130 ] || fail "exit $got after a cancel: $(cat "$ZAIBEI_TMP/cli.out")"
[ "$(zaibei restore show 4 --json | jq -r .state)" = cancelled ] || fail "not cancelled"
agents_stop

step 'a system: each host to itself, side by side'
sed -i 's,^limits:.*,,' "$ZAIBEI_TMP/spare/agent.yaml"
expect 0 spare backup "$ZAIBEI_TMP/data/d"
unshare -m true 2>/dev/null || not_run 'no mount namespace here'
# Both agents are on this machine: one of them sees a directory of its own.
unshare -m sh -c 'mount -t tmpfs none "$1" && exec zaibei-agent --config "$2" run' sh "$ZAIBEI_TMP/roots" \
    "$ZAIBEI_TMP/spare/agent.yaml" >>"$ZAIBEI_TMP/spare.log" 2>&1 &
agent=$!
runs="${runs:-} $agent"
spare_pid=$agent
agent_runs "$ZAIBEI_AGENT_CONFIG" "$ZAIBEI_TMP/own.log"
expect 0 zaibei restore "system:$system" --to host --into "$ZAIBEI_TMP/roots/s" --reason test --wait
check "$ZAIBEI_TMP/roots/s"
[ "$(find "/proc/$spare_pid/root$ZAIBEI_TMP/roots/s" -type f | wc -l)" = 200 ] || fail "the other host has not all of its own"
expect 0 zaibei restore list
says "$system" cancelled ok

step 'a system point, in the order of the plan'
cat >"$ZAIBEI_TMP/plan.yaml" <<END
name: both
system: $system
hosts: [$host, spare]
content: {paths: [$ZAIBEI_TMP/data/d]}
strategy: {daily: incremental}
$by_hand
targets: {rpo: 24h, rto: 1h}
recovery:
    hosts:
        - {host: $host, after: [spare], address: 10.20.0.20/24}
        - {host: spare, address: 10.20.0.10/24}
END
plan_into_force "$ZAIBEI_TMP/plan.yaml"
expect 0 zaibei system point "$system" --reason test --wait
expect 10 zaibei restore "system:$system" 7 --to host --reason test
expect 0 zaibei restore "system:$system" 1 --to host --into "$ZAIBEI_TMP/roots/p" --reason test --wait
[ "$(find "$ZAIBEI_TMP/roots/p" -type f | wc -l)" = 200 ] || fail "not the system point"
zaibei restore list --json | head -n 1 | jq -e '[.items[] | {(.host): .}] | add |
    .'"$host"'.after == "spare" and .'"$host"'.started >= .spare.ended' >/dev/null || fail "not in order: $(zaibei restore list --json)"
agents_stop

step 'nothing of the notes is left that let one host read the other'
[ -z "$(ls "$vault/grants/spare")" ] || fail "left: $(ls "$vault/grants/spare")"

step 'to a directory of this machine'
expect 0 zaibei restore "$host" 1 --to "dir:$ZAIBEI_TMP/here" --kit "$kit" --dry-run
[ ! -e "$ZAIBEI_TMP/here" ] || fail "a dry run made something"
expect 0 zaibei restore "$host" 1 --to "dir:$ZAIBEI_TMP/here" --kit "$kit" --reason 'a look'
check "$ZAIBEI_TMP/here"
[ "$(as auditor zaibei audit list --act restore.local --json | jq -r '"\(.object) \(.detail.dir) \(.detail.items[0].point) \(.detail.reason)"')" = "$host $ZAIBEI_TMP/here 1 a look" ] ||
    fail "who restored what without agents is not in the audit: $(as auditor zaibei audit list --act restore.local --json)"
