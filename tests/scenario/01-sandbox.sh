#!/bin/bash
# The sandbox: up, a backup and a restore over a real sshd by both transports, killed daemons come back, down leaves no
# process and keeps everything, up again goes on. Nothing outside its directory is touched.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox=$ZAIBEI_ROOT/scripts/sandbox
before=$(ls -d /run/sshd 2>/dev/null || echo none)

step 'up'
sandbox_up
[ "$(ls -d /run/sshd 2>/dev/null || echo none)" = "$before" ] || fail "/run/sshd was made"
"$sandbox" status "$box" >/dev/null || fail "something is down"
expect 1 "$sandbox" up "$box"
for d in vault agent zaibeid sshd log run; do [ -d "$box/$d" ] || fail "no $d"; done
[ -s "$kit" ] || fail "no kit"
[ "$(stat -c %a "$kit")" = 600 ] || fail "the kit can be read by others"

step 'a backup and a restore, by libssh2 and by OpenSSH'
mkdir "$ZAIBEI_TMP/data"
noise 3000000 seed >"$ZAIBEI_TMP/data/noise"
echo text >"$ZAIBEI_TMP/data/text"
manifest "$ZAIBEI_TMP/data" >"$ZAIBEI_TMP/want"
for transport in libssh2 openssh; do
    sed -i "s/^transport: .*/transport: $transport/" "$ZAIBEI_AGENT_CONFIG"
    backup --full "$ZAIBEI_TMP/data"
    restore latest "$ZAIBEI_TMP/$transport"
    manifest "$ZAIBEI_TMP/$transport$ZAIBEI_TMP/data" >"$ZAIBEI_TMP/got"
    same "$ZAIBEI_TMP/want" "$ZAIBEI_TMP/got" "what $transport brought"
done
sed -i 's/^transport: .*/transport: libssh2/' "$ZAIBEI_AGENT_CONFIG"
[ "$(point point)" = 2 ] || fail "not two points"

step 'kill -9: keeper, zaibeid and sshd are back within a second or so'
# pids NAME : of the supervised program itself, which is the supervisor's child
child_of() { read -r pid _ <"$box/run/$1.pid" && pgrep -P "$pid" | head -n 1; }
for name in keep zaibeid sshd; do
    old=$(child_of "$name")
    kill -9 "$old"
    for _ in $(seq 60); do
        new=$(child_of "$name" || :)
        [ -n "$new" ] && [ "$new" != "$old" ] && break
        sleep 0.05
    done
    [ -n "$new" ] && [ "$new" != "$old" ] || fail "$name did not come back"
done
for _ in $(seq 60); do
    zaibei-agent status >/dev/null 2>&1 && break
    sleep 0.05
done
expect 0 zaibei-agent status
expect 0 zaibei host list
backup "$ZAIBEI_TMP/data"

step 'down leaves no process, and up goes on'
groups=$(cut -d' ' -f1 "$box"/run/*.pid)
"$sandbox" down "$box"
for g in $groups; do
    ! ps -eo pgid=,stat= | awk -v g="$g" '$1 == g && $2 !~ /^Z/ { found = 1 } END { exit !found }' || fail "group $g is alive"
done
expect 1 "$sandbox" status "$box"
expect 14 zaibei-agent points
"$sandbox" up "$box"
backup "$ZAIBEI_TMP/data"
[ "$(point point)" = 4 ] || fail "the points were not kept"
verify
