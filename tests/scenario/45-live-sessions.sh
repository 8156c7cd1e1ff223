#!/bin/bash
# faults: E3 E4 C14 A23
# Sessions that overlap, die or are revoked, over a real sshd: two agents with one key never write at once; a killed serve
# leaves its lease at once; a revocation ends a live session, whatever its agent does (within a second: check_vault_live),
# and the next connection is refused.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
data=$ZAIBEI_TMP/data
mkdir "$data"
noise 80000000 45 >"$data/noise"
clone=$ZAIBEI_TMP/clone
cp -a "$box/agent" "$clone"
sed -i "s|$box/agent|$clone|g" "$clone/agent.yaml"
clone() { zaibei-agent --config "$clone/agent.yaml" "$@"; }
records() { find "$vault/store/hosts/$host/log" -type f | wc -l; }
serve_pid() { pgrep -f "^([^ ]*/)?zaibei-vault serve.* $vault( |$)" | head -n 1; }
agent=
trap 'rc=$?; [ -z "$agent" ] || { kill -CONT $agent; kill $agent; } 2>/dev/null || :
    "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; exit $rc' EXIT

# Start a backup in the background and stop its agent in the middle of it.
stopped_backup() { # CONFIG
    local had
    had=$(records)
    zaibei-agent --config "$1" backup --full "$data" >"$ZAIBEI_TMP/out" 2>&1 &
    agent=$!
    for _ in $(seq 1000); do
        [ "$(records)" -gt "$had" ] && break
        sleep 0.01
    done
    kill -STOP $agent
    [ "$(records)" -eq $((had + 1)) ] || fail "the backup ended before it was stopped: $(cat "$ZAIBEI_TMP/out")"
}

ended() { # EXIT-CODE... : the agent goes on and ends with one of these
    local rc=0
    kill -CONT $agent
    wait $agent || rc=$?
    agent=
    case " $* " in *" $rc "*) ;; *) fail "exit $rc: $(cat "$ZAIBEI_TMP/out")" ;; esac
}

step 'two agents with one key'
stopped_backup "$ZAIBEI_AGENT_CONFIG"
expect 11 clone backup "$data"
says ZB-1201

step 'serve is killed: its lease is free at once'
kill -9 "$(serve_pid)"
expect 0 clone backup "$data"
ended 14
[ "$(clone points --json | jq -r 'select(.message_type == "point") | .point' | tr '\n' ' ')" = '1 ' ] || fail "not one point"

step 'a revocation ends a live session, though its agent does not move'
stopped_backup "$clone/agent.yaml"
[ -n "$(serve_pid)" ] || fail "no session"
zaibei host revoke "$host" --yes --reason test >"$ZAIBEI_TMP/revoke" || fail "$(cat "$ZAIBEI_TMP/revoke")"
for _ in $(seq 30); do
    [ -z "$(serve_pid)" ] && break
    sleep 0.1
done
[ -z "$(serve_pid)" ] || fail "serve lives on"
began=$(date +%s%N)
ended 12 14
[ $((($(date +%s%N) - began) / 1000000)) -lt 3000 ] || fail "the agent took too long to see it"
expect 12 clone backup "$data"
says ZB-1303
expect 12 zaibei-agent points
