#!/bin/bash
# transport: openssh asks for AES-GCM where the processor has AES; what the site's ssh_config says about ciphers counts before that.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
sed -i 's/^LogLevel .*/LogLevel DEBUG1/' "$box/sshd/sshd_config"
kill -HUP "$(pgrep -P "$(cut -d' ' -f1 "$box/run/sshd.pid")" | head -n 1)" # the listener reads its configuration again
sed -i 's/^transport:.*/transport: openssh/' "$ZAIBEI_AGENT_CONFIG"
mkdir "$ZAIBEI_TMP/data"
ciphers() { sed -n 's/.*kex: client->server cipher: \([^ ]*\) .*/\1/p' "$box/log/sshd" | sort -u | tr '\n' ' '; }

step 'of its own accord'
echo one >"$ZAIBEI_TMP/data/file"
backup "$ZAIBEI_TMP/data"
want=chacha20-poly1305@openssh.com
! grep -qw aes /proc/cpuinfo || want=aes128-gcm@openssh.com
[ "$(ciphers)" = "$want " ] || fail "the cipher is $(ciphers)"

step 'as the site says'
unshare -m true 2>/dev/null || { echo 'note: no mount namespace here: the ssh_config of the site was not tried' && exit 0; }
printf 'Host *\n    Ciphers aes256-ctr\n' >"$ZAIBEI_TMP/site"
echo two >"$ZAIBEI_TMP/data/file"
: >"$box/log/sshd"
# shellcheck disable=SC2016
unshare -m --propagation private sh -c 'mount --bind "$1" /etc/ssh/ssh_config && shift && exec "$@"' sh "$ZAIBEI_TMP/site" \
    zaibei-agent backup "$ZAIBEI_TMP/data" >"$ZAIBEI_TMP/backup.out" 2>&1 || fail "$(cat "$ZAIBEI_TMP/backup.out")"
[ "$(ciphers)" = 'aes256-ctr ' ] || fail "the site's word does not count: $(ciphers)"
