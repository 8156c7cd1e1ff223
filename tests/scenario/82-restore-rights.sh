#!/bin/bash
# limit 120
# Who may restore what and where: no grant, no byte; a grant that does not open is refused and another may be given; a machine that
# says never is not reached by any; a host's own point goes back in place with a grant; a stranger sees no restore.
# faults: G5 H2
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
agent=
trap 'rc=$?; [ -z "$agent" ] || kill "$agent" 2>/dev/null || :; "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; exit $rc' EXIT
mkdir -p "$ZAIBEI_TMP/data"
noise 300000 82 >"$ZAIBEI_TMP/data/noise"
echo text >"$ZAIBEI_TMP/data/text"
manifest "$ZAIBEI_TMP/data" >"$ZAIBEI_TMP/want"
backup "$ZAIBEI_TMP/data" "$ZAIBEI_AGENT_CONFIG"
printf "# later\n" >>"$ZAIBEI_AGENT_CONFIG"
state() { zaibei restore show "$1" --json | jq -r .state; }
await() { # RESTORE STATE
    for _ in $(seq 150); do
        [ "$(state "$1")" = "$2" ] && return
        sleep 0.2
    done
    fail "restore $1 is not $2: $(zaibei restore show "$1")"
}

step 'who may'
expect 12 as auditor zaibei restore "$host" --to host --reason test
expect 12 as office zaibei restore "$host" --to host --reason test
expect 0 as auditor zaibei restore list
expect 2 zaibei restore "$host" --to host
expect 2 zaibei restore "$host" --to nowhere --reason test

step 'in place, and nothing happens without a grant'
# The agent sees a root of its own: in place must not mean the root of the machine that runs this test.
cage=$ZAIBEI_TMP/cage
mkdir "$cage"
# shellcheck disable=SC2016
caged='set -e
mount -t tmpfs none "$1"
for d in bin lib lib64 usr etc dev proc; do
    [ -L /$d ] && cp -a /$d "$1/$d" && continue
    [ -d /$d ] || continue
    mkdir "$1/$d"; mount --rbind /$d "$1/$d"
done
mkdir -p "$1$2" "$1$4"
mount --bind "$2" "$1$2"
mount --rbind "$4" "$1$4"
exec chroot "$1" zaibei-agent --config "$3" run'
if ! unshare -m sh -c "mount -t tmpfs none $cage" 2>/dev/null; then
    not_run "no mount namespace here"
fi
unshare -m sh -c "$caged" caged "$cage" "$ZAIBEI_TMP" "$ZAIBEI_AGENT_CONFIG" "$B" >"$ZAIBEI_TMP/agent.log" 2>&1 &
agent=$!
echo other >"$ZAIBEI_TMP/data/text"
rm "$ZAIBEI_TMP/data/noise"
expect 0 zaibei restore "$host" --to host --reason test
await 1 waiting
sleep 1
[ ! -e "$ZAIBEI_TMP/data/noise" ] || fail "restored without a grant"

step 'what is no grant for it'
api() { curl -sS --unix-socket "$box/run/zaibei.sock" -H "Authorization: Bearer $(cat "$ZAIBEI_TOKEN_FILE")" "$@"; }
api -H 'Content-Type: application/json' -d "{\"item\":1,\"grant\":\"$(head -c 300 /dev/urandom | base64 -w0)\"}" \
    http://x/v1/restores/1/grant >/dev/null
for _ in $(seq 100); do
    said=$(zaibei restore show 1)
    case $said in *ZB-1900*) break ;; esac
    sleep 0.2
done
says ZB-1900
[ ! -e "$ZAIBEI_TMP/data/noise" ] || fail "restored by something that is no grant"
zaibei kit new --out "$ZAIBEI_TMP/other.kit" >/dev/null 2>&1
expect 12 zaibei restore show 1 --kit "$ZAIBEI_TMP/other.kit"

step 'with one'
expect 0 zaibei restore show 1 --kit "$kit"
manifest "$ZAIBEI_TMP/data" >"$ZAIBEI_TMP/got"
same "$ZAIBEI_TMP/want" "$ZAIBEI_TMP/got" "what was restored in place"
grep -q '^# later' "$ZAIBEI_AGENT_CONFIG" || fail "the agent's own configuration was replaced"
! grep -r "$(head -c 20 "$box/agent/state/host.key" | base64)" "$box/zaibeid" >/dev/null || fail "a key is with zaibeid"

step 'a machine that says never'
kill "$agent"
wait "$agent" 2>/dev/null || :
printf 'restore: {in_place: never}\n' >>"$ZAIBEI_AGENT_CONFIG"
zaibei-agent run >>"$ZAIBEI_TMP/agent.log" 2>&1 &
agent=$!
expect 12 zaibei restore "$host" --to host --reason test --kit "$kit"
says ZB-1960

step 'what was asked and given is in the audit'
as auditor zaibei audit list --json >"$ZAIBEI_TMP/audit"
for act in restore.run restore.grant restore.ended; do
    grep -q "\"$act\"" "$ZAIBEI_TMP/audit" || fail "no $act in the audit"
done
