#!/bin/bash
# limit 300
# faults: A7 A18
# zaibeid is killed at any moment while many hosts call in, jobs are asked for and others list them: every job that anybody was told
# of is there and ends well, no host is given one twice, and the audit is one whole chain. ZAIBEI_SOAK=1: for ten minutes.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
export PATH=$B/tools:$PATH
hosts=24 kills=8
[ -z "${ZAIBEI_SOAK:-}" ] || hosts=48 kills=600
RANDOM=${ZAIBEI_SEED:-$$}
echo "seed ${ZAIBEI_SEED:-$$}"
mkdir "$box"
vault=$box/vault
export ZAIBEI_CONFIG=$box/zaibeid.yaml
agents='' keeper='' asker='' daemon=''
end() {
    rc=$?
    touch "$box/enough"
    [ -z "$agents" ] || kill -- "-$agents" 2>/dev/null || :
    for pid in $asker $daemon $keeper; do kill -9 "$pid" 2>/dev/null || :; done
    wait
    exit $rc
}
trap end EXIT

tool_vault_scale make "$vault" "$hosts" 2 2 >/dev/null
zaibei-vault keep "$vault" >"$box/keep.log" 2>&1 &
keeper=$!
cat >"$ZAIBEI_CONFIG" <<END
state: $box/state
socket: $box/zaibei.sock
zone: UTC
people: off
limits: {vault: 10}
vault:
    control: [zaibei-vault, control, $vault]
    socket: $box/agents.sock
END
start() {
    zaibeid run >>"$box/zaibeid.log" 2>&1 &
    daemon=$!
}
answers() {
    for _ in $(seq 200); do
        zaibei status >/dev/null 2>&1 && return
        sleep 0.05
    done
    fail "zaibeid does not answer: $(tail -n 3 "$box/zaibeid.log")"
}
start
answers

step "three plans; their window is open now"
for p in a b c; do
    {
        echo "name: $p"
        echo "system: s"
        echo "hosts: [$(for ((i = 0; i < hosts; i++)); do [ $((i % 3)) -ne "$(($(printf %d "'$p") - 97))" ] || printf 'h%05d, ' "$i"; done | sed 's/, $//')]"
        echo "content: {paths: [/srv]}"
        echo "strategy: {daily: incremental}"
        echo 'schedule: {zone: UTC, window: "00:00-23:59"}'
    } >"$box/$p.yaml"
    expect 0 zaibei plan submit "$box/$p.yaml"
    expect 0 zaibei plan review "$p"
    expect 0 zaibei plan approve "$p" --yes
done

step "$kills times killed, while $hosts hosts call in"
tool_orchestrator_agents "$box/agents.sock" "$hosts" >"$box/said" &
agents=$!
(
    trap - EXIT
    while [ ! -e "$box/enough" ]; do
        zaibei job run "$(echo a b c | cut -d' ' -f$((RANDOM % 3 + 1)))" --json 2>/dev/null | jq -r '.job // empty' >>"$box/told" || :
        zaibei job list --limit 20 >/dev/null 2>&1 || :
    done
) &
asker=$!
for ((i = 0; i < kills; i++)); do
    sleep "0.$((RANDOM % 9))$((RANDOM % 10))"
    kill -9 "$daemon"
    wait "$daemon" 2>/dev/null || :
    start
done
touch "$box/enough"
wait "$asker" || :
asker=
answers

step "what is left is done"
open() { zaibei job list --limit 1000 --state queued --json | wc -l; }
for _ in $(seq 300); do
    left=$(($(open) + $(zaibei job list --state running --json | wc -l)))
    [ "$left" -ne 0 ] || break
    sleep 0.1
done
[ "$left" -eq 0 ] || fail "$left jobs are still open"
sleep 1 # the last results are said
kill -- "-$agents"
agents=

step "each job that was told of is there, ended well, and was given to its host once"
zaibei job list --limit 1000 --json | jq -r '[.job, .state, .host, .origin] | join(" ")' | sort >"$box/jobs"
[ -s "$box/jobs" ] || fail "there are no jobs"
! grep -v '^[0-9]* ok ' "$box/jobs" || fail "these have not ended well"
[ "$(grep -c ' calendar$' "$box/jobs")" -eq "$hosts" ] || fail "not one run of the calendar for each host"
sort -u "$box/told" >"$box/told.sorted"
lost=$(cut -d' ' -f1 "$box/jobs" | sort | comm -13 - "$box/told.sorted")
[ -z "$lost" ] || fail "lost: $lost"
for word in begin done; do
    twice=$(sed -n "s/^$word [^ ]* //p" "$box/said" | sort | uniq -d)
    [ -z "$twice" ] || fail "$word twice: $twice"
    never=$(sed -n "s/^$word [^ ]* //p" "$box/said" | sort | comm -13 - <(cut -d' ' -f1 "$box/jobs" | sort))
    [ -z "$never" ] || fail "never $word: $never"
done
! grep dropped "$box/said" || fail "these were taken from their hosts"

step "the audit is whole"
expect 0 zaibei audit export --out "$box/audit"
expect 0 zaibei-verify audit "$box/audit"
echo "figure: zaibeid killed $kills times under $hosts hosts: $(wc -l <"$box/jobs") jobs, $(wc -l <"$box/told.sorted") of them asked for, none lost, none twice"
