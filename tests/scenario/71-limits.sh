#!/bin/bash
# serial
# no-asan: libfaketime is preloaded, and processor time is measured
# limit 240
# A run keeps its limits: bytes a second in both directions, the share of the processor, order at the disk, memory; the
# host's own are the ceiling; the end of a plan's window stops a run, and the next one continues.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
export TZ=UTC
monday=$(date -d 'next monday' +%F)
faked=
if [ -n "$(find /usr/lib -name 'libfaketime.so.1' -print -quit)" ]; then
    faked=$(($(date -d "$monday 00:00" +%s) - $(date +%s)))
    export ZAIBEI_SANDBOX_FAKETIME=+$faked
fi
sandbox_up
data=$ZAIBEI_TMP/data
mkdir "$data"

# took COMMAND...: run it; its seconds are in $wall, those of the processor in $cpu, both in milliseconds.
took() {
    local TIMEFORMAT='%3R %3U %3S' r u s
    { time expect 0 "$@"; } 2>"$ZAIBEI_TMP/time" || fail "$(cat "$ZAIBEI_TMP/time")"
    read -r r u s < <(tail -n 1 "$ZAIBEI_TMP/time")
    wall=$((10#${r/./})) cpu=$((10#${u/./} + 10#${s/./}))
}
between() { # MILLISECONDS LEAST MOST WHAT
    echo "$4: $1 ms"
    [ "$1" -ge "$2" ] || fail "$4: $1 ms, less than $2"
    [ "$1" -le "$3" ] || fail "$4: $1 ms, more than $3"
}

step 'bandwidth, out and in'
noise 8388608 71 >"$data/noise"
took zaibei-agent backup --limit-bandwidth '3 MiB/s' "$data"
between "$wall" 2500 20000 '8 MiB out at 3 MiB/s'
took zaibei-agent restore latest --target "$ZAIBEI_TMP/back" --limit-bandwidth '4 MiB/s'
between "$wall" 1800 20000 '8 MiB in at 4 MiB/s'

step "the host's own limit is the ceiling"
cp "$ZAIBEI_AGENT_CONFIG" "$ZAIBEI_TMP/agent.yaml"
echo 'limits: {bandwidth: 3 MiB/s}' >>"$ZAIBEI_AGENT_CONFIG"
noise 8388608 72 >"$data/noise"
took zaibei-agent backup --limit-bandwidth '1 GB/s' "$data"
between "$wall" 2500 20000 '8 MiB out at what the host allows'
cp "$ZAIBEI_TMP/agent.yaml" "$ZAIBEI_AGENT_CONFIG"

# What connecting costs is not counted (to list the points costs as much), and the last piece is not waited for: 22 % where 15 %
# are allowed.
connecting() { took zaibei-agent points && connect=$cpu; }
share() { # WHAT
    cpu=$((cpu > connect ? cpu - connect : 0))
    echo "$1: $cpu ms of processor time in $wall ms, and $connect for the connection"
    [ "$cpu" -gt 50 ] || fail "$1: hardly any processor time was needed: $cpu ms"
    [ $((cpu * 100)) -le $((wall * 22)) ] || fail "$1: $cpu ms of processor time in $wall ms"
}
step 'the share of the processor, link included'
connecting
noise 16777216 73 >"$data/noise"
took zaibei-agent backup --limit-cpu '15 %' "$data"
share 'with link'

step 'and ssh, which does the ciphers where it is the transport; a restore, too'
sed '/^transport:/d' "$ZAIBEI_TMP/agent.yaml" >"$ZAIBEI_AGENT_CONFIG"
echo 'transport: openssh' >>"$ZAIBEI_AGENT_CONFIG"
# It compresses, too, so that most of the work is its own.
mkdir "$ZAIBEI_TMP/bin"
printf '#!/bin/sh\nexec %s -o Compression=yes "$@"\n' "$(command -v ssh)" >"$ZAIBEI_TMP/bin/ssh"
chmod 755 "$ZAIBEI_TMP/bin/ssh"
PATH=$ZAIBEI_TMP/bin:$PATH
connecting
noise 16777216 75 >"$data/noise"
took zaibei-agent backup --limit-cpu '15 %' "$data"
share 'with ssh'
took zaibei-agent restore latest --target "$ZAIBEI_TMP/back.cpu" --limit-cpu '15 %'
share 'a restore with ssh'
cp "$ZAIBEI_TMP/agent.yaml" "$ZAIBEI_AGENT_CONFIG"
connecting
took zaibei-agent restore latest --target "$ZAIBEI_TMP/back.link" --limit-cpu '15 %'
share 'a restore with link'

step 'order, memory; a pause ends when the run is stopped'
noise 16777216 74 >"$data/noise"
zaibei-agent backup --limit-bandwidth '200 KiB/s' --limit-cpu '90 %' --limit-io idle --limit-memory '128 MiB' "$data" \
    >"$ZAIBEI_TMP/out" 2>&1 &
agent=$!
link=
for _ in $(seq 200); do # once link runs, the agent has the rest
    [ -n "$link" ] || link=$(pgrep -P $agent || :)
    [ -z "$link" ] || ! grep -q '^Max data size *117440512 ' "/proc/$agent/limits" || break
    sleep 0.05
done
threads() { ls "/proc/$agent/task" "/proc/$link/task" | grep '^[0-9]'; }
for _ in $(seq 200); do # those who seal, too
    [ "$(threads | wc -l)" -lt 4 ] || break
    sleep 0.05
done
[ "$(threads | wc -l)" -ge 4 ] || fail "those who seal do not run: $(threads | wc -l) threads"
for p in $(threads); do
    [ "$(ionice -p "$p")" = idle ] || fail "the I/O class of $p is $(ionice -p "$p")"
    [ "$(cut -d' ' -f19 "/proc/$p/stat")" = 10 ] || fail "the niceness of $p is $(cut -d' ' -f19 "/proc/$p/stat")"
done
grep -q '^Max data size *117440512 ' "/proc/$agent/limits" || fail "$(grep data "/proc/$agent/limits")"
grep -q '^Max data size *16777216 ' "/proc/$link/limits" || fail "$(grep data "/proc/$link/limits")"
kill -TERM $agent
code=0 SECONDS=0
wait $agent || code=$?
[ $code -eq 130 ] || fail "a stopped run ends with $code: $(cat "$ZAIBEI_TMP/out")"
[ $SECONDS -le 8 ] || fail "a stopped run went on for $SECONDS s"

step 'what is wrong is said'
expect 2 zaibei-agent backup --limit-memory '64 MiB' "$data"
says ZB-1017 '64 MiB' '96 MiB'
expect 2 zaibei-agent backup --limit-bandwidth 20 "$data"
says '--limit-bandwidth' '20 MB/s' 'found "20"'
expect 2 zaibei-agent restore latest --limit-io fast
says '--limit-io' 'found "fast"'

[ -n "$faked" ] || { echo 'note: not tried: the end of a window: libfaketime is not installed' && exit 0; }
step 'the end of the window stops the run, and the next one continues'
cat >"$ZAIBEI_TMP/plan.yaml" <<END
name: demo
system: $host
hosts: [$host]
content: {paths: [$data]}
strategy: {daily: incremental}
schedule: {zone: UTC, window: "01:00-02:00"}
limits: {bandwidth: 1 MiB/s, window_end: true}
END
clock() { # TIME: what the platform's clock is to show
    "$ZAIBEI_ROOT/scripts/sandbox" time "$box" "+$(($(date -d "$1" +%s) - $(date +%s) - faked))s"
    faked=$(($(date -d "$1" +%s) - $(date +%s)))
}
job() { zaibei job list --json | jq -r '[.job, .state] | join(" ")' | head -n 1; }
plan_into_force "$ZAIBEI_TMP/plan.yaml"
clock "$monday 01:30"
for _ in $(seq 100); do [ "$(job)" != "1 queued" ] || break && sleep 0.05; done
before=$(point point)
clock "$monday 01:59:55"
expect 130 zaibei-agent run --once
says ZB-1018
[ "$(job)" = "1 queued" ] || fail "the job is $(job)"
[ "$(point point)" = "$before" ] || fail "a run that was stopped made point $(point point)"
sed -i '/^limits/d' "$ZAIBEI_TMP/plan.yaml"
plan_into_force "$ZAIBEI_TMP/plan.yaml"
clock "$(date -d "$monday + 1 day" +%F) 01:30"
for _ in $(seq 100); do [ "$(job)" != "2 queued" ] || break && sleep 0.05; done
expect 0 zaibei-agent run --once
[ "$(point point)" = $((before + 1)) ] || fail "the next run made point $(point point)"
