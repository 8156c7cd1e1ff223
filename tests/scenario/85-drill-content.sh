#!/bin/bash
# faults: A21
# Level 1: every byte and attribute of what was restored. Something is changed between the restore and the comparison, while the
# process that does both is stopped; each change makes the drill red and is named. Then what may end a drill early, and that nothing
# is left of it: no file, no process, no mount, no key.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
. "$here/drill_lib.sh"
export ZAIBEI_AGENT_CONFIG=$place/agent.yaml
data=$place/data
tree make "$data" 5
dd if=/dev/zero of="$data/holed" bs=1M seek=3 count=0 2>/dev/null
echo end >>"$data/holed"
zaibei-agent enroll "dir://$vault" --host h1 --system s --recipient "$public" --state "$place/state" >/dev/null
backup "$data"
key=$(host_key h1)
h1="{host: \"h1\", host_id: \"$(host_id h1)\", point: 1}"

step "whole; a grant for something else is refused, and waited on"
order whole 1 ".hosts = [$h1]"
drill whole --wrong-first || fail "exit $?"
verdict whole green
[ "$(journal whole 'map(select(.event == "error") | .id) | join(" ")')" = ZB-1900 ] || fail "the wrong grant"
[ "$(journal whole 'last | .walk_starts.h1 | length')" -gt 20 ] || fail "when the walk began"
[ "$(journal whole '.[] | select(.phase == "content" and .state == "ok") | .early > .files / 2')" = true ] ||
    fail "the reader beside the restore has read next to nothing"
journal whole '.[] | select(.event == "adapted") | .what' | grep -q "device nodes not made: 2" || fail "device nodes"

# changed ID COMMAND TEXT... : the command works in the restored tree.
changed() {
    local id=$1 what=$2
    shift 2
    order "$id" 1 ".hosts = [$h1]"
    drill "$id" --stop restore --do "cd \$1/trees/h1$data && d=\$(stat -c %y .) && $what && touch -d \"\$d\" ." && fail "green with $id"
    red "$id" content "$@"
}
step "what is changed behind the restore is found"
changed byte "t=\$(stat -c %y log) && printf X | dd of=log bs=1 seek=1 conv=notrunc 2>/dev/null && touch -d \"\$t\" log" "/data/log: content"
changed hole "t=\$(stat -c %y holed) && printf X | dd of=holed bs=1 seek=100000 conv=notrunc 2>/dev/null && touch -d \"\$t\" holed" \
    "/data/holed: content"
changed missing "rm log" "/data/log: it is missing" "missing: 1"
changed more "echo x >extra" "/data/extra: it is not in the restore point" "not in the point: 1"
changed mode "chmod u+x,o+w log" "/data/log: mode"
changed owner "chown 1000007 log" "/data/log: " "owner"
changed time "touch -d @1000000000.000000001 log" "/data/log: time of last change"
changed xattr "setfattr -n user.new -v 1 log" "/data/log: extended attributes"
changed links "cp -p hard-a x && mv x hard-a" "hard"
changed kind "rm log && mkdir log" "/data/log: type"
changed link "t=\$(stat -c %y link) && ln -sf elsewhere link && touch -h -d \"\$t\" link" "/data/link: " "link target"

step "a key is in the memory of the process that restores, so the search finds what there is; afterwards it is nowhere"
order marker 1 ".hosts = [$h1]"
drill marker --stop restore --do "/usr/bin/python3 $here/marker.py $key --below \$WORKER" || fail "the search finds nothing"
grep -q '^process [0-9]' "$ZAIBEI_TMP/journal.marker" || fail "the search has said nothing"
sed -i '/^process /d' "$ZAIBEI_TMP/journal.marker"
verdict marker green
mv "$place/state" "$ZAIBEI_TMP/../state.$$" # the host's own
found=$(/usr/bin/python3 "$here/marker.py" "$key" --files "$ZAIBEI_TMP" "$place") && fail "the key is in: $found"
mv "$ZAIBEI_TMP/../state.$$" "$place/state"

step "limits: time, disk; cancelled"
order time 1 ".hosts = [$h1] | .read = [\"sleep\", \"60\"] | .limits.time_s = 1"
drill time && fail "green without an answer"
verdict time failed
[ "$(journal time 'last | .id')" = ZB-1903 ] || fail "the time limit"
order patient 1 ".hosts = [$h1] | .limits.time_s = 8"
drill patient --grant-after 9 || fail "its time was spent waiting for the grant"
verdict patient green
order disk 1 ".hosts = [$h1] | .limits.disk = 1048576"
drill disk && fail "green beyond the disk limit"
red disk restore "the disk limit was reached"
order memory 1 ".hosts = [$h1] | .limits.memory = 4000000"
drill memory && fail "green without memory"
[ "$(journal memory 'last | .left | length')" = 0 ] || fail "something is left"
order cancel 1 ".hosts = [$h1]"
rc=0
drill cancel --cancel-at restore || rc=$?
[ $rc -eq 130 ] || fail "exit $rc for a cancelled drill"
verdict cancel cancelled

step "kill -9 of either process at each phase: the other one ends, the next clean removes what is left"
for phase in fetch restore content teardown; do
    for who in inner outer; do
        [ "$phase $who" != "teardown inner" ] || continue
        order $phase.$who 1 ".hosts = [$h1]"
        drill $phase.$who --kill $who --at $phase && fail "killed and green"
        [ $who = outer ] || verdict $phase.$who failed
        clean
        left_nothing $phase.$who
    done
done
order first 1 ".hosts = [$h1]"
drill first || fail "the next drill: exit $?"
verdict first green

step "a drill that lives is not cleared away"
order live 1 ".hosts = [$h1]"
drill live --look content "echo '{\"op\":\"clean\",\"dir\":\"$drills\"}' | zaibei-agent worker >$ZAIBEI_TMP/beside" || fail "exit $?"
verdict live green
jq -e '.removed == 0 and (.left | length) == 0' "$ZAIBEI_TMP/beside" >/dev/null || fail "clean beside it: $(cat "$ZAIBEI_TMP/beside")"

step "a granted restore to a directory of this machine"
order back 0 "del(.level, .checks) | .op = \"restore\" | .hosts = [$h1] | .target = \"$place/back\""
drill back || fail "exit $?: $(cat "$ZAIBEI_TMP/log.back")"
verdict back green
[ "$(stat -c %u "$place/back$data/log")" = $((1000000 + $(stat -c %u "$data/log"))) ] || fail "owners are not shifted"
cmp "$data/log" "$place/back$data/log" || fail "its content"

step "behind a socket, as systemd starts it"
if command -v systemd-socket-activate >/dev/null; then
    systemd-socket-activate -l "$place/sock" --accept --inetd "$(command -v zaibei-agent)" worker 2>"$ZAIBEI_TMP/activate.log" &
    activate=$!
    for _ in $(seq 100); do [ ! -S "$place/sock" ] || break; sleep 0.1; done
    for how in green cancelled; do
        order socket 1 ".hosts = [$h1]"
        rc=0
        # shellcheck disable=SC2046
        drill socket --connect "$place/sock" $([ $how = green ] || echo --cancel-at restore) || rc=$?
        verdict socket $how
        [ $rc -eq "$([ $how = green ] && echo 0 || echo 130)" ] || fail "exit $rc"
    done
    kill $activate
    wait $activate 2>/dev/null || :
    # Both were served from there, and by no child of the one that was asked.
    [ "$(grep -ci 'spawned' "$ZAIBEI_TMP/activate.log")" -eq 2 ] || fail "the socket was not used: $(cat "$ZAIBEI_TMP/activate.log")"
else
    echo "   not here: no systemd-socket-activate"
fi

step "as a user that is not root, with ids of /etc/subuid"
id nobody >/dev/null 2>&1 && command -v newuidmap >/dev/null || { echo "   not here: no newuidmap" && exit 0; }
echo nobody:2000000:65536 >"$place/subuid"
chmod 644 "$place/subuid"
cp -r "$vault" "$place/vault"
mkdir "$place/drills"
chown -R nobody "$place/vault" "$place/drills"
# as_nobody COMMAND... : with our file over /etc/subuid and /etc/subgid, for nobody else.
as_nobody() {
    # shellcheck disable=SC2016
    unshare --mount --propagation private sh -ec 'mount --bind "$1" /etc/subuid; mount --bind "$1" /etc/subgid; shift
        exec setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups "$@"' sh "$place/subuid" "$@"
}
for who in none outer; do
    order $who 1 ".hosts = [$h1] | .dir = \"$place/drills/1\" | .read[2] = \"$place/vault\""
    kill=
    [ $who = none ] || kill="--kill outer --at content"
    install -m 644 "$kit" "$place/kit"
    # shellcheck disable=SC2086
    as_nobody env TMPDIR=/tmp /usr/bin/python3 "$here/worker.py" "$ZAIBEI_TMP/order.$who" --vault "$place/vault" --kit "$place/kit" $kill \
        >"$ZAIBEI_TMP/journal.$who" 2>"$ZAIBEI_TMP/log.$who" || [ $who = outer ] || fail "exit $?: $(cat "$ZAIBEI_TMP/log.$who")"
    [ $who = outer ] || verdict none green
done
[ -e "$place/drills/1" ] || fail "kill -9 has left nothing, so nothing is tried"
echo "{\"op\":\"clean\",\"dir\":\"$place/drills\"}" | as_nobody zaibei-agent worker >"$ZAIBEI_TMP/clean" || fail "clean: exit $?"
[ -z "$(ls -A "$place/drills")" ] || fail "clean has left $(find "$place/drills" | head)"
