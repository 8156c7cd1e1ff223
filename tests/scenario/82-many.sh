#!/bin/bash
# limit 400
# faults: G1
# A system of many hosts over its agents (ten; twenty with ZAIBEI_SOAK=1): in the order of its plan, side by side, and never more at
# once than the limit says. One host has something in the way, one is not there at all: each is named, those after them do not
# begin, and all others come back.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
. "$ZAIBEI_ROOT/tests/scenario/migrate_lib.sh"
unshare -m true 2>/dev/null || not_run 'no mount namespace here'
sandbox_up
migrate_trap
srv=$ZAIBEI_TMP/srv
mkdir "$srv"
many=10 limit=3
[ -z "${ZAIBEI_SOAK:-}" ] || many=20 limit=4
half=$((many / 2))
names=$(seq -f 'h%02.0f' $many)
lost=$(printf 'h%02.0f' $((half + 2))) waits=$(printf 'h%02.0f' $((half + 3))) # after h03, after h04
# So many agents that call in each second would be most of what this machine does.
sed -i "s/^call_in_s: .*/call_in_s: $limit/" "$ZAIBEI_CONFIG"
printf 'limits: {restores: %d}\n' $limit >>"$ZAIBEI_CONFIG"
dies
up() { # HOST : it sees a directory of its own
    unshare -m sh -c 'mount --bind "$1" "$2" && exec zaibei-agent --config "$3" run' sh "$ZAIBEI_TMP/$1.data" "$srv" "$ZAIBEI_TMP/$1.yaml" \
        >>"$ZAIBEI_TMP/$1.log" 2>&1 &
    agent_pid[$1]=$!
}

step "$many hosts: h01 is the database, half of them are after it, the others after one of these"
for name in $names; do
    enrol "$name" big "restore_roots: [$srv]"
    mkdir "$ZAIBEI_TMP/$name.data"
    echo "$name" >"$ZAIBEI_TMP/$name.data/name"
    noise 200000 "$name" >"$ZAIBEI_TMP/$name.data/noise"
done
{
    printf '%s\n' 'name: big' 'system: big' "hosts: [$(echo $names | sed 's/ /, /g')]" "content: {paths: [$srv]}" 'strategy: {daily: incremental}' \
        "$by_hand" 'retention_days: 1' 'targets: {rpo: 1h, rto: 1h}' 'recovery:' '    hosts:'
    i=0
    for name in $names; do
        i=$((i + 1))
        if [ $i = 1 ]; then after=; elif [ $i -le $half ]; then after='after: [h01], '; else after="after: [$(printf 'h%02.0f' $((i - half + 1)))], "; fi
        echo "        - {host: $name, ${after}address: 10.20.0.$((i + 9))/24}"
    done
} >"$ZAIBEI_TMP/plan.yaml"
plan_into_force "$ZAIBEI_TMP/plan.yaml"
zaibei job run big >/dev/null
for name in $names; do up "$name"; done
good() { zaibei job list --json | jq -r 'select(.plan == "big" and .state == "ok").host' | wc -l; }
for _ in $(seq 300); do [ "$(good)" = $many ] && break || sleep 0.5; done
[ "$(good)" = $many ] || fail "not all have a point: $(zaibei job list)"

step 'restored: h03 has something in the way, h04 is not there'
mkdir "$ZAIBEI_TMP/h03.data/back"
echo mine >"$ZAIBEI_TMP/h03.data/back/file"
kill -9 "${agent_pid[h04]}"
unset 'agent_pid[h04]'
for name in $names; do # so slowly that they meet
    [ "$name" = h04 ] || echo 'limits: {bandwidth: 32 KiB/s}' >>"$ZAIBEI_TMP/$name.yaml"
done
agents_stop
for name in $names; do [ "$name" = h04 ] || up "$name"; done
expect 0 zaibei restore system:big --to host --into "$srv/back" --reason test
all() { zaibei restore show 1 --json | jq -r "$1"; }
for _ in $(seq 600); do
    running=$(all '[.items[] | select(.state == "running")] | length')
    [ "$running" -le $limit ] || fail "$running at once: $(zaibei restore show 1)"
    # h04 waits for its agent, and another for h04
    [ "$(all '[.items[] | select(.state == "queued" or .state == "running" or .state == "waiting").host] | join(" ")')" = "h04 $waits" ] && break
    sleep 0.1
done
# By the times that are kept of each, since a look now and then may miss the others.
most=$(all '[.items[] | select(.started and .ended)] as $i
    | [$i[] | . as $a | [$i[] | select(.started <= $a.started and .ended > $a.started)] | length] | max')
[ "$most" -ge 2 ] || fail "they were not restored side by side: $(all '[.items[] | {host, started, ended}] | tojson')"
[ "$(all '[.items[] | select(.state == "ok")] | length')" = $((many - 4)) ] || fail "not all others came back: $(zaibei restore show 1)"
[ "$(all '.items[] | select(.host == "h03") | .state + " " + .error.id')" = 'failed ZB-1009' ] || fail "h03: $(zaibei restore show 1)"
[ "$(all '.items[] | select(.host == "'$lost'") | .state + " " + .error.object')" = 'failed h03' ] || fail "$lost does not name h03: $(zaibei restore show 1)"
[ "$(cat "$ZAIBEI_TMP/h03.data/back/file")" = mine ] || fail 'what was in the way is gone'
[ "$(all '([.items[] | {(.host): .}] | add) as $i | [.items[] | select(.state == "ok" and .after != "") |
    select($i[.after].ended > .started)] | length')" = 0 ] || fail "not in order: $(zaibei restore show 1 --json)"
for name in $names; do
    case $name in h03 | h04 | "$lost" | "$waits") continue ;; esac
    [ "$(cat "$ZAIBEI_TMP/$name.data/back$srv/name")" = "$name" ] || fail "$name has not its own"
    cmp "$ZAIBEI_TMP/$name.data/noise" "$ZAIBEI_TMP/$name.data/back$srv/noise" || fail "$name"
done

step 'given up where nobody is there; the whole says that it is not whole'
expect 0 zaibei restore cancel 1
[ "$(all '.state')" = partial ] || fail "the whole: $(zaibei restore show 1)"
[ "$(as auditor zaibei audit list --act restore.ended --json | jq -r '.detail.not_whole | join(" ")')" = "h03 h04 $lost $waits" ] ||
    fail "the audit: $(as auditor zaibei audit list --act restore.ended --json)"
