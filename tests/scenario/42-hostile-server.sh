#!/bin/bash
# faults: C2 C3 C11 C12 C13
# Link against servers that mean ill: silence, a byte in a while, floods, noise, packets of impossible lengths, weak or no
# methods, another host key, none of the pinned kind. Link ends in time, says why, asks for no signature before the host key
# is right, and does not grow. At length: a network that falls silent in a session, and the agent's own time limit.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
[ -x /usr/sbin/sshd ] || not_run "needs sshd"
keys=$ZAIBEI_TMP/keys
mkdir "$keys"
for type in ed25519 rsa ecdsa; do ssh-keygen -q -t $type -N '' -f "$keys/$type"; done
ssh-keygen -q -t ed25519 -N '' -f "$keys/other"
if [ "$(id -u)" = 0 ]; then chmod 755 "$keys" && chown -R 65534:65534 "$keys"; fi

step 'every kind of server'
/usr/bin/python3 "$here/hostile.py" quick "$keys"
[ -n "${ZAIBEI_SOAK:-}" ] || exit 0

step 'a network that falls silent'
sandbox_up
state=$(sed -n 's/^state:[ "]*\([^"]*\)"*$/\1/p' "$ZAIBEI_AGENT_CONFIG")
/usr/bin/python3 "$here/hostile.py" half-open "$(cat "$box/run/port")" "$state/ssh.seed" "$box/sshd/host_key.pub" "$(id -un)"

step 'a silent server and the whole agent, by libssh2 and by ssh'
/usr/bin/python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
time.sleep(90)' >"$ZAIBEI_TMP/port" &
silent=$!
trap 'rc=$?; kill $silent 2>/dev/null; "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; exit $rc' EXIT
while [ ! -s "$ZAIBEI_TMP/port" ]; do sleep 0.05; done
for transport in libssh2 openssh; do
    sed -e "s|^vault:.*|vault: ssh://nobody@127.0.0.1:$(cat "$ZAIBEI_TMP/port")|" -e "s|^transport:.*|transport: $transport|" \
        "$ZAIBEI_AGENT_CONFIG" >"$box/agent/$transport.yaml"
    began=$SECONDS
    expect 14 timeout 60 zaibei-agent --config "$box/agent/$transport.yaml" status
    says ZB-1502
    took=$((SECONDS - began))
    [ $took -ge 15 ] && [ $took -le 30 ] || fail "$transport gave up after $took s"
done
