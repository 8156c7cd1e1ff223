#!/bin/bash
# limit 240
# faults: F12 F13 F14
# A mount whose server is silent ends neither the run nor the process: what hangs (open, read, list, look) is listed, kept as
# the last point has it, and the rest of the machine is backed up; after three such calls the mount is given up. A read error
# in the middle of a file is listed, never filled with zeros, and the old version is kept.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
[ "$(id -u)" -eq 0 ] && [ -w /dev/fuse ] || not_run 'needs root and /dev/fuse'
if [ "${1:-}" != inside ]; then # in a mount namespace of its own, so that nothing is left mounted
    exec unshare --mount --propagation private bash "$0" inside
fi
top=$ZAIBEI_TMP/top
vault=$top/vault kit=$top/kit data=$top/data source=$top/source rules=$top/rules
mkdir "$top" "$data" "$data/mnt" "$source" "$source/dir" "$source/deep"
export ZAIBEI_AGENT_CONFIG=$top/agent.yaml
zaibei-vault init "$vault" >/dev/null
public=$(zaibei --json kit new --out "$kit" | jq -r .public)
zaibei-agent enroll "dir://$vault" --host h --system s --recipient "$public" --state "$top/state" >/dev/null
server=
end() { # ending the server frees whoever still waits for it
    local rc=$?
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    umount -l "$data/mnt" 2>/dev/null || :
    exit $rc
}
trap end EXIT

echo before >"$data/a-before"
echo after >"$data/z-after"
for f in a b c d e; do echo "$f" >"$source/$f"; done
noise 3000000 big >"$source/big"
for f in 1 2 3; do echo "$f" >"$source/dir/$f"; done
echo deep >"$source/deep/file"
: >"$rules"
serve() {
    "$B/tools/tool_hungfs" "$source" "$data/mnt" "$rules" &
    server=$!
    for _ in $(seq 100); do
        if mountpoint -q "$data/mnt"; then return; fi
        kill -0 "$server" 2>/dev/null || not_run 'FUSE cannot be mounted here'
        sleep 0.05
    done
    fail 'the mount does not come up'
}
# run CODE [OPTION...] : one call may take a second; the whole run never takes long, and leaves no process that waits.
run() {
    local code=$1
    shift
    expect "$code" timeout -k 1 60 zaibei-agent backup --patience 1 "$@" "$data"
}
listed() { zaibei-agent ls --left-out latest --json | jq -r "select(.path != null) | \"\(.path) \(.reason) \(.kept // false)\""; }
has() { # LINE...
    local line
    for line; do
        listed | grep -qxF "$data/$line" || fail "not listed: $line, but: $(listed)"
    done
}
bring() {
    rm -rf "$top/back"
    zaibei-agent restore latest --target "$top/back" >/dev/null
}
content() { cat "$top/back$data/mnt/$1"; }

serve
step 'a full through the mount'
run 0 --cross
bring
diff -r "$source" "$top/back$data/mnt" || fail 'the mount'

step 'a mount that hangs, and is not in the backup, is not even looked at'
echo '* look hang' >"$rules"
run 0
zaibei-agent ls --left-out latest --json | jq -se 'any(.reason == "other-file-system")' >/dev/null || fail 'the mount is not listed'
: >"$rules"
run 0 --cross

step 'a read error in the middle, and files that fail otherwise'
printf 'big read 5 1500000\nb open 13\nd look 40\ndir list 5\n' >"$rules"
for f in b d big dir/2; do echo changed >>"$source/$f"; done
echo new >"$source/deep/new"
run 3 --cross
says 'mnt/big: reading failed: Input/output error; as the last restore point has it' 'mnt/b: opening it: Permission denied'
has 'mnt/big unreadable true' 'mnt/b unreadable true' 'mnt/dir unreadable true'
bring
cmp <(head -c 3000000 "$source/big") <(content big) || fail 'the old version of the file with the read error'
[ "$(content b)$(content deep/new)$(content dir/1)$(content dir/2)" = bnew12 ] || fail 'what was kept'
[ "$(point state)" = partial ] || fail 'the point is not partial'
zaibei-agent ls --json "latest:$data/mnt/big" | jq -e '.kept == true' >/dev/null || fail 'ls does not show what was kept'

step 'files that hang: each is listed, the run goes on'
printf 'c open hang\nbig read hang 1500000\n' >"$rules"
echo changed >>"$source/c"
run 3 --cross
says 'mnt/c: opening it: its file system does not answer' 'mnt/big: reading failed: its file system does not answer'
has 'mnt/c silent true' 'mnt/big silent true'
bring
[ "$(content c)$(content dir/2 | tr '\n' .)" = c2.changed. ] || fail 'what was kept, and what was read'
[ "$(cat "$top/back$data/z-after")" = after ] || fail 'what comes after the mount'

step 'a mount that is dead: given up, and all of it kept'
echo '* look hang' >"$rules"
run 3 --cross
has 'mnt silent false' 'mnt/a silent true'
[ "$(listed | grep -c ' silent ')" -eq 4 ] || fail "three calls and the mount: $(listed)"
printf '* open hang\n* look hang\n* read hang\n' >"$rules"
echo changed >>"$data/z-after"
began=$(date +%s)
run 3 --cross
[ $(($(date +%s) - began)) -le 15 ] || fail 'it took too long'
[ "$(listed | grep ' silent ')" = "$data/mnt silent true" ] || fail "the dead mount: $(listed)"
bring
[ "$(content deep/new)$(tail -n 1 "$top/back$data/z-after")" = newchanged ] || fail 'the dead mount, and what comes after it'

step 'a signal ends a run that waits'
zaibei-agent backup --patience 30 --cross "$data" >/dev/null 2>&1 &
pid=$!
sleep 1
kill -INT "$pid"
for _ in $(seq 40); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
done
! kill -0 "$pid" 2>/dev/null || { kill -9 "$pid"; fail 'it still waits'; }
wait "$pid" && fail 'it says success' || [ $? -eq 130 ] || fail "exit $?"

step 'the server is back'
: >"$rules"
kill "$server"
umount -l "$data/mnt"
serve
run 0 --cross
[ "$(point state)" = complete ] || fail 'the point is not complete'
[ "$(zaibei-agent ls --json --recursive latest | jq -c 'select(.kept)')" = '' ] || fail 'something is still marked as kept'
bring
diff -r "$source" "$top/back$data/mnt" || fail 'the mount'

step 'the mount itself as a backup path, silent from the beginning'
printf '* look hang\n* open hang\n' >"$rules"
expect 3 timeout -k 1 30 zaibei-agent backup --patience 1 "$data/mnt"
expect 14 timeout -k 1 30 zaibei-agent backup --patience 1 "$data/mnt/deep"
says ZB-1014

step 'verify'
verify
