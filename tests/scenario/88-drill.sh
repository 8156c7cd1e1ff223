#!/bin/bash
# no-asan: the worker needs namespaces of its own, and the sanitizer wants to see all of them
# limit 300
# faults: A21 G8 G10
# Drills by a real zaibeid with the real worker on tiny systems: level 1 and level 2, green, red, cancelled; the grant is given by the
# kit and by nothing else; zaibeid and the worker are killed in each phase, and what is left is a record, an audit and nothing else.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
unshare --user --map-root-user --net --mount true 2>/dev/null || not_run "this machine does not allow user namespaces"
umask 022
place=$(mktemp -d /tmp/zb.XXXXXX) # short, and others may enter
chmod 755 "$place"
mkdir -p "$box/zaibeid"
echo 'drills: {at_once: 1, time: 10m, accel: tcg}' >"$box/zaibeid/more.yaml"
sandbox_up
trap 'rc=$?; "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; rm -rf "$place"; exit $rc' EXIT
drills=$box/zaibeid/drills

pid_of_zaibeid() { pgrep -P "$(cut -d' ' -f1 "$box/run/zaibeid.pid")" zaibeid | head -n 1; } # the other is what starts it again
kill_zaibeid() {
    local old
    old=$(pid_of_zaibeid)
    kill -9 "$old"
    for _ in $(seq 200); do
        [ "$(pid_of_zaibeid)" != "$old" ] && zaibei drill list >/dev/null 2>&1 && return 0
        sleep 0.05
    done
    fail "zaibeid did not come back: $(tail -n 5 "$box/log/zaibeid")"
}
kill_worker() {
    local pid
    for pid in $(pgrep -P "$(pid_of_zaibeid)" -f worker); do kill -9 "$pid"; done
}

# Of a drill: one member.
of() { zaibei drill show "$1" --json | jq -r "$2"; }
wait_for_state() { # DRILL STATE
    for _ in $(seq 600); do
        [ "$(of "$1" .state)" = "$2" ] && return 0
        sleep 0.05
    done
    fail "drill $1 is $(of "$1" .state), not $2"
}
wait_for_phase() { # DRILL PHASE: or the end
    for _ in $(seq 600); do
        case "$(of "$1" '"\(.state) \(.phases[].phase)"')" in *ended* | *" $2"*) return 0 ;; esac
        sleep 0.02
    done
    fail "drill $1 has not come to $2"
}
# Nothing of a drill is left: no directory, no process, no mount, no cable.
nothing_left() {
    for _ in $(seq 200); do
        [ -z "$(ls -A "$drills" 2>/dev/null)" ] && ! pgrep -f "$drills/" >/dev/null && ! grep -q "$drills/" /proc/[0-9]*/mountinfo 2>/dev/null &&
            return 0
        sleep 0.1
    done
    fail "left over: $(ls -A "$drills"; pgrep -af "$drills/"; grep -l "$drills/" /proc/[0-9]*/mountinfo 2>/dev/null)"
}
record_holds() { # DRILL
    rm -f "$ZAIBEI_TMP/record"
    expect 0 zaibei drill report "$1" --out "$ZAIBEI_TMP/record"
    expect 0 zaibei-verify report "$ZAIBEI_TMP/record" --key "$key"
    says authentic
}

step "a machine that is no more, backed up: a small web server"
expect 0 "$ZAIBEI_ROOT/scripts/sandbox" down "$box" # its keeper holds the vault
/usr/bin/python3 "$here/tree_of.py" "$place/web" /bin/sh /usr/bin/perl $(dpkg -L perl-base 2>/dev/null | grep '\.\(pm\|pl\|so\)$' || :)
/usr/bin/python3 "$here/tree_of.py" "$place/side" "$(command -v zaibei-agent)" "$(command -v zaibei-vault)"
getent passwd root www-data >"$place/web/etc/passwd"
cat >"$place/web/serve.pl" <<'END'
use IO::Socket::INET;
my $s = IO::Socket::INET->new(LocalAddr => '0.0.0.0', LocalPort => 8000, Listen => 9, ReuseAddr => 1) or die "listen: $!";
while (1) {
    my $c = $s->accept or next;
    while (<$c>) { last if /^\r?\n/ }
    print $c "HTTP/1.0 200 OK\r\n\r\nWelcome to the shop\n";
    close $c;
}
END
noise 20000000 2 >"$place/web/data" # so that the phases last
mkdir -p "$place/web/mnt"
agent_within() { # the agent in that machine, beside which its own programs and the vault are mounted
    local bin
    bin=$(dirname "$(command -v zaibei-agent)")
    # shellcheck disable=SC2016
    unshare --mount --propagation private sh -ec 'mount --bind "$1/side" "$1/web/mnt"; mkdir -p "$1/web/mnt/vault"; mount --bind "$2" "$1/web/mnt/vault"
        mount -t proc proc "$1/web/proc"; tree=$1/web; bin=/mnt$3; shift 3
        PATH=$bin:/usr/sbin:/usr/bin:/sbin:/bin ZAIBEI_AGENT_CONFIG=/mnt/web.yaml LD_LIBRARY_PATH=/mnt/lib/x86_64-linux-gnu:/mnt/usr/lib/x86_64-linux-gnu exec chroot "$tree" "$bin/zaibei-agent" "$@"' \
        sh "$place" "$vault" "$bin" "$@" >"$ZAIBEI_TMP/within" 2>&1 || fail "agent $1 in a machine: $(cat "$ZAIBEI_TMP/within")"
}
agent_within enroll dir:///mnt/vault --host web --system front --recipient "$(grep -o 'zbk-pub-[A-Za-z0-9+/=]*' "$kit" | head -n 1)" --state /mnt/state
agent_within backup /
"$ZAIBEI_ROOT/scripts/sandbox" up "$box"
mkdir -p "$ZAIBEI_TMP/tree/etc"
for i in $(seq 100); do echo "file $i" >"$ZAIBEI_TMP/tree/etc/$i"; done
cat >"$ZAIBEI_TMP/plan.yaml" <<END
name: demo
department: north
system: shop
hosts: [$host]
content: {paths: ["$ZAIBEI_TMP/tree"]}
strategy: {daily: incremental}
$by_hand
targets: {rto: 1h, rpo: 24h}
recovery: {drill_every: 90d, drill_level: 1, hosts: [{host: $host, address: 10.20.0.10/24}]}
END
plan_into_force "$ZAIBEI_TMP/plan.yaml"
front() { # EXPECT WITHIN
    cat >"$ZAIBEI_TMP/front.yaml" <<END
name: front
department: north
system: front
hosts: [web]
content: {paths: [/]}
strategy: {daily: incremental}
$by_hand
targets: {rto: 1h, rpo: 24h}
recovery:
  gateway: 10.20.0.1/24
  drill_every: 90d
  hosts: [{host: web, address: 10.20.0.20/24, services: [{name: web, user: www-data, start: "/usr/bin/perl /serve.pl"}]}]
  checks: [{name: page, host: web, http: "http://10.20.0.20:8000/", expect: "$1", within: $2}]
END
    plan_into_force "$ZAIBEI_TMP/front.yaml"
}
front Welcome 30s
key=$(as auditor zaibei audit verify --json | jq -r .key)

# As a host is that was enrolled with a token: it adds and does not read, but while a drill lasts.
expect 0 zaibei-vault rights "$vault" "$host" --read meta

step "what cannot be drilled"
expect 10 zaibei drill run nothing
expect 10 zaibei drill run shop # it has no restore point
says ZB-1921
expect 0 zaibei job run demo
expect 0 zaibei-agent run --once
expect 10 zaibei drill run shop --point "$host/77"
says ZB-1921
expect 10 zaibei drill run shop --incident 2020-01-01T00:00:00Z
says "before the incident"
expect 2 zaibei drill run shop --incident 2100-01-01T00:00:00Z
expect 2 zaibei drill run shop --level 3

step "level 1: by the kit, followed to its end"
expect 0 zaibei drill run shop --kit "$kit" --wait
says green met "$host/1"
expect 12 zaibei-agent restore latest --target "$ZAIBEI_TMP/own" # the drill is over, and with it what it let be read
says ZB-1302
[ "$(of 1 '.phases[] | select(.phase == "content") | .state')" = ok ] || fail "no content was compared"
nothing_left
record_holds 1
hash=$(as auditor zaibei audit list --act drill.ended --json | jq -r 'select(.object == "1") | .detail.record')
[ -n "$hash" ] && [ "$hash" = "$(command jq -jcS .record <"$ZAIBEI_TMP/record" | b2sum -l 256 | cut -d' ' -f1)" ] || fail "the audit has another record: $hash"
expect 0 zaibei drill report 1 --html --lang zh
says '<svg' 通过

step "level 2: the service of the restored machine answers at its address, and nothing reaches outside"
expect 0 zaibei drill run front --kit "$kit" --wait
says green
[ "$(of 2 '.phases[] | select(.phase == "check") | "\(.name) \(.state)"')" = "page ok" ] || fail "no check was asked: $said"
nothing_left
record_holds 2
[ "$(jq -r .record.egress <"$ZAIBEI_TMP/record")" = closed ] || fail "the way out is not closed"

step "another kit does not open it; the right one does later; a drill that waits is cancelled"
zaibei kit new --out "$ZAIBEI_TMP/otherkit" >/dev/null 2>&1
expect 0 zaibei drill run shop
expect 12 zaibei drill grant 3 --kit "$ZAIBEI_TMP/otherkit"
[ "$(of 3 .state)" = waiting ] || fail "drill 3 is $(of 3 .state)"
expect 0 zaibei drill cancel 3
wait_for_state 3 ended
[ "$(of 3 .verdict)" = cancelled ] || fail "drill 3 is $(of 3 .verdict)"
expect 11 zaibei drill grant 3 --kit "$kit"
says ZB-1922
nothing_left

step "zaibeid is killed while a drill waits: another worker, another key, and it can be granted"
expect 0 zaibei drill run shop
wait_for_state 4 waiting
before=$(of 4 .public_key)
kill_zaibeid
wait_for_state 4 waiting
[ "$(of 4 .public_key)" != "$before" ] || fail "the key of a dead worker is shown"
expect 0 zaibei drill grant 4 --kit "$kit"
wait_for_state 4 ended
[ "$(of 4 .verdict)" = green ] || fail "drill 4 is $(of 4 .verdict)"

step "a check that is never green: red, with the cause, and people are told"
front Goodbye 2s
expect 1 zaibei drill run front --kit "$kit" --wait
says red page
[ "$(of 5 '"\(.cause.phase) \(.cause.name) \(.rto.verdict)"')" = "check page missed" ] || fail "the cause of drill 5: $(of 5 .cause)"
nothing_left
record_holds 5

step "zaibeid and the worker are killed in each phase: failed with the reason, and nothing is left"
front Goodbye 60s
n=5 failed=0
for phase in restore content check; do
    for who in zaibeid worker; do
        n=$((n + 1))
        expect 0 zaibei drill run front --kit "$kit"
        wait_for_phase $n $phase
        kill_$who
        wait_for_state $n ended
        [ "$(of $n '"\(.verdict) \(.cause.what)"')" = "failed worker" ] || fail "drill $n, $who killed in $phase: $(of $n '"\(.verdict) \(.cause)"')"
        failed=$((failed + 1))
        echo "   $phase, $who: $(of $n .cause.detail)"
        nothing_left
        record_holds $n
    done
done
[ $failed -eq 6 ] || fail "$failed"
expect 0 as auditor zaibei audit verify
says whole
[ "$(as auditor zaibei audit list --act drill.ended --limit 100 --json | jq -r .object | sort -un | tr '\n' ' ')" = "$(seq -s ' ' $n) " ] ||
    fail "not each drill has its end in the audit"

step "figures: schedule, trend, forecast, status"
[ "$(zaibei drill schedule --json | jq -r 'select(.system == "shop") | "\(.overdue) \(.last_drill)"')" = "false 4" ] || fail "schedule"
expect 0 zaibei drill trend shop --json
[ "$(echo "$said" | jq -r '"\(.level) \(.greens)"')" = "1 2" ] || fail "the trend: $said"
expect 0 zaibei drill forecast --json
[ "$(echo "$said" | jq -r 'select(.system == "shop") | .verdict')" = met ] || fail "forecast: $said"
[ "$(zaibei status --json | jq -r .drills_overdue)" = 0 ] || fail "status"
