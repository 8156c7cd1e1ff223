#!/bin/bash
# A bare machine, as far as that goes without one (docs/RESCUE.md): with the vault's directory and the kit alone, no agent.yaml and
# no daemon, the facts are shown, and the point goes into a directory that is a new file system's root, which then is a whole image.
# faults: G11
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
data=$ZAIBEI_TMP/data
mkdir -p "$data/etc"
noise 500000 81 >"$data/noise"
echo 'UUID=0123 / ext4 defaults 0 1' >"$data/etc/fstab"
chmod 4755 "$data/noise"
ln "$data/noise" "$data/again"
manifest "$data" >"$ZAIBEI_TMP/want"
backup "$data"
"$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null

step 'nothing of the platform runs; the facts are in the point'
from=(--vault "$vault" --host "$host" --kit "$kit")
unset ZAIBEI_AGENT_CONFIG ZAIBEI_CONFIG
expect 0 zaibei-agent points "${from[@]}"
expect 0 zaibei-agent ls latest --facts "${from[@]}"
[ ! -e /etc/os-release ] || says /etc/os-release "$(sed -n 's/^ID=//p' /etc/os-release)"
says "$(uname -r)" "$(uname -m)"
expect 0 zaibei-agent ls latest --facts "${from[@]}" --json
[ "$(jq -r .facts.machine <<<"$said")" = "$(uname -m)" ] || fail "no facts: $said"

step 'into a new root, which has directories already'
new=$ZAIBEI_TMP/new
mkdir -p "$new/lost+found" "$new/boot/efi"
expect 0 zaibei-agent restore latest "${from[@]}" --target "$new" --existing if-different
manifest "$new$data" >"$ZAIBEI_TMP/got"
same "$ZAIBEI_TMP/want" "$ZAIBEI_TMP/got" "what was rescued"

step 'and an image of it, without a loop device'
command -v mke2fs >/dev/null || not_run 'mke2fs is not installed'
truncate -s 64M "$ZAIBEI_TMP/image"
rmdir "$new/lost+found"
mke2fs -q -t ext4 -U 01234567-89ab-cdef-0123-456789abcdef -d "$new" "$ZAIBEI_TMP/image"
e2fsck -fn "$ZAIBEI_TMP/image" >/dev/null 2>&1 || fail "the image is not whole"
debugfs -R "cat $data/etc/fstab" "$ZAIBEI_TMP/image" 2>/dev/null | cmp - "$data/etc/fstab" || fail "the image has another fstab"
debugfs -R "stat $data/noise" "$ZAIBEI_TMP/image" 2>/dev/null | grep -q 'Mode: *0*4755' || fail "the image has another mode"
