#!/bin/bash
# limit 600
# faults: E7
# What travels: small changes cost little, whatever the size of the file; without the local cache the result is still
# right and nothing that the vault has is sent again. Measured by the agent's count and by how much the store grew.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
[ "$(df --output=avail -k "$ZAIBEI_TMP" | tail -n 1)" -gt 8000000 ] || not_run "needs 8 GB of free space"
sandbox_up
data=$ZAIBEI_TMP/data
mkdir "$data"

# cheap LIMIT WHAT : the next backup sends and stores less than LIMIT bytes.
cheap() {
    local before after sent
    before=$(store_bytes)
    backup "$data"
    after=$(store_bytes)
    sent=$(point bytes_sent)
    echo "$2: sent $sent, store grew $((after - before)), limit $1"
    [ "$sent" -lt "$1" ] || fail "$2: sent $sent"
    [ $((after - before)) -lt "$1" ] || fail "$2: the store grew by $((after - before))"
}

# right NAME... : the newest point holds what is in these files now.
right() {
    local name
    restore latest "$ZAIBEI_TMP/back" "${@/#/$data/}"
    for name; do
        cmp "$data/$name" "$ZAIBEI_TMP/back$data/$name" || fail "$name differs"
    done
    rm -rf "$ZAIBEI_TMP/back"
}

step 'a gigabyte, a log, a file to rename, a file that will cross a gigabyte'
noise $((1 << 30)) big >"$data/big"
noise $((8 << 20)) lines | base64 | head -c $((8 << 20)) >"$data/log"
noise $((100 << 20)) movie >"$data/movie"
# dump DATE CHANGED: the lines of a database's dump, some of them changed, gone or new, so that all of it is shifted.
dump() {
    /usr/bin/python3 - "$data/dump-$1.sql" "$2" <<'PY'
import hashlib, random, sys
r = random.Random(7)
changed = set(r.sample(range(500000), int(sys.argv[2])))
with open(sys.argv[1], "wb") as f:
    for i in range(500000):
        line = b"%d\t%s\ttransfer\tapproved by the office\n" % (i, hashlib.sha256(b"%d" % i).hexdigest().encode())
        f.write((b"", line + line, b"changed\n")[i % 3] if i in changed else line)
PY
}
dump 20261120 0
truncate -s $((824 << 20)) "$data/grows"
noise $(((200 << 20) - 1000)) grows >>"$data/grows"
backup "$data"

step '200 scattered edits of 100 bytes'
/usr/bin/python3 - "$data/big" <<'PY'
import random, sys
r = random.Random(42)
with open(sys.argv[1], "r+b") as f:
    for _ in range(200):
        f.seek(r.randrange((1 << 30) - 100))
        f.write(r.randbytes(100))
PY
cheap 1500000 '200 edits in 1 GiB'

step '37 bytes before the log'
{ printf '%037d' 5; cat "$data/log"; } >"$ZAIBEI_TMP/log" && mv "$ZAIBEI_TMP/log" "$data/log"
cheap 100000 '37 bytes inserted'

step "the next night's dump under its new name, 100 lines of 500,000 changed"
rm "$data/dump-20261120.sql"
dump 20261121 100
cheap 600000 'the next dump of a series'

step 'renamed'
mv "$data/movie" "$data/film"
cheap 100000 'a renamed file'

step 'across a gigabyte'
noise 5000 more >>"$data/grows"
cheap 100000 'across 1 GiB'
right log film grows dump-20261121.sql

step 'without the local cache'
state=$(sed -n 's/^state:[ "]*\([^"]*\)"*$/\1/p' "$ZAIBEI_AGENT_CONFIG")
[ -d "$state/cache" ] || fail "no cache in $state"
rm -rf "$state/cache"
cheap 100000 'unchanged, no cache'
rm -rf "$state/cache"
# In a file whose segments are as they were first stored: what a delta composed is no segment of its own to be found.
printf x | dd of="$data/film" bs=1 seek=50000000 conv=notrunc status=none
cheap 3500000 'one byte changed, no cache'
right big log film grows
