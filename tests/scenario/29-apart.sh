#!/bin/bash
# no-asan: libfaketime is preloaded, and the sanitizer wants to be first
# limit 120
# While the vault is away zaibeid does what needs no vault: approvals that are late and a missing table of holidays are told, from
# the first minute on.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
fake=$(find /usr/lib -name 'libfaketime.so.1' -print -quit)
[ -n "$fake" ] || not_run "libfaketime is not installed"
cd "$ZAIBEI_TMP"
export ZAIBEI_CONFIG=$PWD/zaibeid.yaml
cat >zaibeid.yaml <<END
state: $PWD/state
socket: $PWD/z.sock
zone: UTC
people: off
vault: {control: ["false"], socket: $PWD/agents.sock, location: here}
notify:
  heartbeat: http://127.0.0.1:9/
  channels: {hook: {webhook: "http://127.0.0.1:9/"}}
END
cat >plan.yaml <<END
name: late
system: s
hosts: [h]
content: {paths: [/srv]}
strategy: {daily: full}
END
up() { # TIME
    LD_PRELOAD=$fake FAKETIME="$1" zaibeid run 2>>log &
    pid=$!
    for _ in $(seq 100); do zaibei status >/dev/null 2>&1 && return 0; sleep 0.1; done
    fail "zaibeid did not start: $(cat log)"
}
down() { kill -9 "$pid" && wait "$pid" 2>/dev/null || :; }
trap 'rc=$?; kill -9 "${pid:-}" 2>/dev/null || :; exit $rc' EXIT

step "a plan that nobody reviews for two weeks, and December"
up "@2041-12-01 09:00:00"
expect 0 zaibei plan submit plan.yaml
down
up "@2041-12-16 09:00:00"
told() { zaibei notify list --json | jq -r .kind | sort -u | tr '\n' ' '; }
for _ in $(seq 50); do [[ $(told) == *calendar.year*plan.overdue* ]] && break || sleep 0.2; done
grep -q 'ZB-150' log || fail "the vault was not away: $(cat log)"
case $(told) in *calendar.year*plan.overdue*) ;; *) fail "told: $(told); $(cat log)" ;; esac
down
