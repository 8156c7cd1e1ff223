#!/bin/bash
# faults: F11
# A file system that keeps whole seconds only (ext3, and ext4 made from it): what is written in the second in which it was read
# carries the same times and the same size, and must not be taken for unchanged.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
command -v mkfs.ext4 >/dev/null || not_run "needs mkfs.ext4"
cd "$ZAIBEI_TMP"
truncate -s 16M image
mkfs.ext4 -q -F -I 128 image 2>/dev/null || not_run "mkfs.ext4 makes no inodes of 128 bytes"
mkdir data
mount -o loop image data 2>/dev/null || not_run "needs to mount a file"
trap 'rc=$?; umount data; exit $rc' EXIT
zaibei-vault init vault >/dev/null
pub=$(zaibei kit new --out kit --json | jq -r .public)
export ZAIBEI_AGENT_CONFIG=$ZAIBEI_TMP/agent.yaml
zaibei-agent enroll "dir://$ZAIBEI_TMP/vault" --host h --system s --recipient "$pub" --state "$ZAIBEI_TMP/state" \
    --config "$ZAIBEI_AGENT_CONFIG" >/dev/null

for _ in $(seq 20); do
    while [ "$(date +%1N)" != 0 ]; do sleep 0.02; done
    echo before >data/file
    written=$(stat -c %Z data/file)
    sleep 0.15
    backup data
    echo behind >data/file
    [ "$(stat -c %Z data/file)" != "$written" ] || break # within the second
done
[ "$(stat -c %Z data/file)" = "$written" ] || not_run 'a backup takes longer than a second here'
backup data
zaibei-agent restore latest --target back >/dev/null
[ "$(cat "back$ZAIBEI_TMP/data/file")" = behind ] || fail "the backup has what was there before"
