#!/bin/bash
# serial
# limit 400
# no-asan
# 80,000 files of which none changed: no file is opened, and it takes little longer than looking at them.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
command -v strace >/dev/null || not_run "needs strace"
sandbox_up
many_place
data=${shm:-$ZAIBEI_TMP}/data
/usr/bin/python3 - "$data" <<'PY'
import os, sys
for d in range(400):
    folder = f"{sys.argv[1]}/{d % 20}/{d}"
    os.makedirs(folder)
    for i in range(200):
        with open(f"{folder}/file-{i}", "w") as f:
            f.write(f"{d} {i}\n")
PY
backup "$data"
# What was written within the clock's granularity of being read is read once more.
sleep 0.1
backup "$data"

step 'no file is opened'
strace -f --seccomp-bpf -qq -e trace=open,openat,openat2 -o "$ZAIBEI_TMP/trace" zaibei-agent backup "$data" >"$ZAIBEI_TMP/out" 2>&1 ||
    fail "backup under strace: $(cat "$ZAIBEI_TMP/out")"
! grep -E '"([^"]*/)?file-[0-9]+"' "$ZAIBEI_TMP/trace" | head -n 3 | grep . || fail "files were opened"
[ "$(point files)" = 80000 ] || fail "files: $(point files)"
[ "$(point bytes_sent)" -lt 100000 ] || fail "sent $(point bytes_sent)"

step 'time'
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
ms() {
    local began
    began=$(date +%s%N)
    "$@" >/dev/null 2>&1
    echo $((($(date +%s%N) - began) / 1000000))
}
bar=$(for i in 1 2 3 4 5; do ms find "$data" -printf '%s %C@ %i\n'; done | median)
run=$(for i in 1 2 3 4 5; do ms zaibei-agent backup "$data"; done | median)
# One connection of ssh is part of the bar; its key exchange alone is measured, so no login is needed.
port=$(sed -n 's/^Port //p' "$box"/sshd/*config | head -n 1)
ssh=$(for i in 1 2 3 4 5; do
    ms ssh -F none -p "$port" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        127.0.0.1 true
done | median)
echo "backup $run ms, find $bar ms, ssh $ssh ms: ratio $(awk "BEGIN { printf \"%.1f\", $run / ($bar + $ssh) }"), bar 3"
[ "$run" -lt $((10 * (bar + ssh))) ] || fail "ten times slower than find and ssh"
