#!/bin/bash
# faults: C18
# What an agent's SSH key is good for, tried with the real OpenSSH client: one forced command for one host, and nothing else.
# Not a shell, another command, sftp, scp, forwarding of ports, sockets, agent or X11, a terminal, a second channel,
# variables, or another host's data. All of it at the sandbox's sshd, and once more at one that was set up carelessly: what
# `restrict` in authorized_keys forbids does not hang on sshd_config. The vault is the same before and after.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
started=()
# The sandbox's own trap ends the platform; before it ends what we have started.
ours_down() {
    local pid
    for pid in ${started[@]+"${started[@]}"}; do kill "$pid" 2>/dev/null || :; done
}
sandbox_up
trap 'rc=$?; ours_down; "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; exit $rc' EXIT
attacker() { /usr/bin/python3 "$here/attacker.py" "$@"; }
state=$(sed -n 's/^state:[ "]*\([^"]*\)"*$/\1/p' "$ZAIBEI_AGENT_CONFIG")
port=$(cat "$box/run/port") user=$(id -un) key=$ZAIBEI_TMP/key
attacker key "$state/ssh.seed" "$(zaibei-agent key --json | jq -r .ssh_key)" "$key"

step 'two hosts with a point each'
data=$ZAIBEI_TMP/data
mkdir "$data"
noise 200000 rights >"$data/file"
backup "$data"
zaibei host enroll-token web1 --system portal --json | grep -o 'zbe1,[^"]*' |
    zaibei-agent --config "$ZAIBEI_TMP/web1/agent.yaml" enroll - --recipient "$(grep -o 'zbk-pub-.*' "$kit")" >/dev/null
for _ in 1 2; do zaibei-agent --config "$ZAIBEI_TMP/web1/agent.yaml" backup "$data" >/dev/null; done
generation() { basename "$(find "$vault/store/hosts/$1/packs" -mindepth 1 -maxdepth 1 | head -n 1)"; }

# Every file of the vault, with what it holds.
looks() {
    # The keeper's note of the clock is written anew each minute.
    (cd "$vault" && find . -not -path ./keeper/clock -printf '%P %y %m %U:%G %s\n' && find . -type f -not -path ./keeper/clock -exec sha256sum {} +) | sort
}
looks >"$ZAIBEI_TMP/before"

# A second sshd with everything allowed; where the sandbox gave its sshd a mount namespace, in that one.
careless_up() {
    local config=$ZAIBEI_TMP/sshd_config ours within=()
    careless=$((port + 1))
    while (: <"/dev/tcp/127.0.0.1/$careless") 2>/dev/null; do careless=$((careless + 1)); done
    grep -v -e '^Port ' -e '^DisableForwarding' -e '^PermitUserRC' -e '^PermitRootLogin' -e '^MaxSessions' \
        "$box/sshd/sshd_config" >"$config"
    cat >>"$config" <<END
Port $careless
PermitRootLogin prohibit-password
AllowTcpForwarding yes
AllowStreamLocalForwarding yes
AllowAgentForwarding yes
X11Forwarding yes
PermitTTY yes
PermitTunnel yes
PermitUserRC yes
PermitUserEnvironment yes
GatewayPorts yes
Subsystem sftp internal-sftp
END
    ours=$(pgrep -P "$(cut -d' ' -f1 "$box/run/sshd.pid")" | head -n 1)
    [ "$(id -u)" != 0 ] || within=(nsenter -m -t "$ours")
    ${within[@]+"${within[@]}"} /usr/sbin/sshd -D -e -f "$config" 2>"$ZAIBEI_TMP/careless.log" &
    started+=($!)
    for _ in $(seq 100); do (: <"/dev/tcp/127.0.0.1/$careless") 2>/dev/null && return; sleep 0.05; done
    fail "no second sshd: $(cat "$ZAIBEI_TMP/careless.log")"
}

options=(-F none -i "$key" -o IdentitiesOnly=yes -o IdentityAgent=none -o StrictHostKeyChecking=no -o BatchMode=yes
    -o UserKnownHostsFile=/dev/null)
as_host() { timeout 20 ssh "${options[@]}" -p "$at" -l "$user" "$@"; }

# nothing RAN: none of the ways left a trace; $said is what ssh said.
nothing() {
    [ ! -e "$pwned" ] || fail "$1: a command was run"
    case $said in *42MARK*) fail "$1: a command was run: $said" ;; esac
}

# Wait for a local port of a forwarding ssh.
listening() { for _ in $(seq 100); do (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep 0.05; done; fail "no port $1"; }

# through PORT : what comes from the other end of a forwarding, if anything does.
through() { (exec 3<>"/dev/tcp/127.0.0.1/$1" && printf '{"op":"stat"}\n' >&3 && timeout 5 head -c 3 <&3) 2>/dev/null || :; }

tries() { # WHOSE PORT: in a subshell, beside the other
    started=()
    trap ours_down EXIT
    at=$2 t=$ZAIBEI_TMP/at-$2
    pwned=$t/pwned
    mkdir "$t"
    local there=127.0.0.1 forward=$(($2 + 1000)) socks=$(($2 + 2000)) unix=$(($2 + 3000)) came
    step "at $1: a command, a shell"
    said=$(as_host -T $there "echo \$((40+2))MARK; touch '$pwned'" </dev/null 2>&1 | tr -d "\0") || :
    nothing command
    says ZAIBEI1
    said=$(printf 'echo $((40+2))MARK\ntouch %s\n' "$pwned" | as_host -T $there 2>&1 | tr -d "\0") || :
    nothing shell
    says ZAIBEI1
    said=$(printf 'echo $((40+2))MARK\ntouch %s\n' "$pwned" | as_host -tt $there 2>&1) || :
    nothing terminal
    says 'PTY allocation request failed'

    step "at $1: files"
    echo "ls /" | sftp -q "${options[@]}" -P "$at" -b - "$user@$there" >"$t/out" 2>&1 && fail 'sftp works'
    timeout 20 scp -q -O "${options[@]}" -P "$at" "$data/file" "$user@$there:$pwned" >"$t/out" 2>&1 && fail "scp writes"
    timeout 20 scp -q -s "${options[@]}" -P "$at" "$user@$there:/etc/hostname" "$pwned" >"$t/out" 2>&1 && fail "scp reads"
    [ ! -e "$pwned" ] || fail "scp brought a file"

    step "at $1: forwarding"
    expect 255 as_host -W "$there:$port" $there
    says 'administratively prohibited'
    expect 255 as_host -N -o ExitOnForwardFailure=yes -R "$there:$((at + 4000)):$there:$port" $there
    says 'remote port forwarding failed'
    as_host -N -L "$there:$forward:$there:$port" -D "$there:$socks" -L "$there:$unix:$vault/run/control.sock" $there \
        2>"$t/forward.log" &
    local pid=$!
    started+=($pid)
    listening $forward && listening $socks && listening $unix
    [ -z "$(through $forward)" ] || fail '-L works'
    [ -z "$(through $unix)" ] || fail '-L to the socket of the administration works'
    came=$(attacker socks $socks "$port" 2>&1) || :
    case $came in *SSH-2*) fail '-D works' ;; esac
    kill $pid && wait $pid 2>/dev/null || :
    [ "$(grep -c 'administratively prohibited' "$t/forward.log")" -ge 3 ] ||
        fail "not refused: $(cat "$t/forward.log")"
    said=$(DISPLAY=:99 as_host -v -A -Y $there x </dev/null 2>&1) || :
    says 'X11 forwarding request failed' 'key options: command'
    case $said in *'key options: command '*) fail "more than a command: $said" ;; esac

    step "at $1: another host's data"
    attacker ask "$(generation web1)" ssh "${options[@]}" -p "$at" -l "$user" $there \
        "zaibei-vault serve $vault --host web1" >"$t/asked" 2>"$t/out" || fail "$(cat "$t/out")"
    said=$(cat "$t/asked")
    says '"host": "sandbox"' '"points": 1' '"segments": 0' '"refused": 8'
    attacker ask "$(generation sandbox)" ssh "${options[@]}" -p "$at" -l "$user" $there >"$t/asked" \
        2>"$t/out" || fail "$(cat "$t/out")"
    case $(cat "$t/asked") in *'"segments": 0'*) fail 'not even its own data: the question is wrong' ;; esac
}

# Is a serve of this sshd at work?
serving() { pgrep -f "zaibei-vault serve $vault --host sandbox" >/dev/null; }

# A connection whose only channel is taken gets no second one.
second_channel() {
    local ctl=$ZAIBEI_TMP/ctl pid
    at=$port
    mkfifo "$ZAIBEI_TMP/hold"
    as_host -T -M -S "$ctl" 127.0.0.1 <"$ZAIBEI_TMP/hold" >"$ZAIBEI_TMP/first" 2>&1 &
    pid=$!
    started+=($pid)
    exec 8>"$ZAIBEI_TMP/hold"
    for _ in $(seq 100); do serving && break; sleep 0.05; done
    said=$(as_host -T -S "$ctl" -o ProxyCommand=false 127.0.0.1 </dev/null 2>&1) || :
    says 'Session open refused by peer'
    exec 8>&-
    wait $pid 2>/dev/null || :
}

# Only root may look at what serve was started with.
environment() {
    local pid found=
    at=$port
    mkfifo "$ZAIBEI_TMP/hold2"
    eval "$(ssh-agent -a "$ZAIBEI_TMP/agent.sock")" >/dev/null
    started+=("$SSH_AGENT_PID")
    MARKSEND=MARKVALUE as_host -T -A -o IdentityAgent="$SSH_AUTH_SOCK" -o ForwardAgent="$SSH_AUTH_SOCK" -o SendEnv=MARKSEND \
        -o SetEnv='LD_PRELOAD=MARKVALUE ZAIBEI_CONFIG=MARKVALUE' 127.0.0.1 <"$ZAIBEI_TMP/hold2" >"$ZAIBEI_TMP/first" 2>&1 &
    started+=($!)
    exec 8>"$ZAIBEI_TMP/hold2"
    for _ in $(seq 100); do serving && break; sleep 0.05; done
    for pid in $(pgrep -f "zaibei-vault serve $vault --host sandbox"); do
        tr '\0' '\n' <"/proc/$pid/environ" >"$ZAIBEI_TMP/environ" 2>/dev/null || continue
        grep -q '^SSH_CONNECTION=' "$ZAIBEI_TMP/environ" || continue
        found=yes
        ! grep -e MARKVALUE -e SSH_AUTH_SOCK "$ZAIBEI_TMP/environ" || fail 'a variable has passed, or an agent'
    done
    exec 8>&-
    [ -n "$found" ] || fail 'serve was not found'
}

careless_up
tries 'the sandbox' "$port" &
first=$!
tries 'a careless sshd' "$careless" &
second=$!
wait $first || failed=yes
wait $second || failed=yes
[ -z "${failed:-}" ] || fail 'see above'
step 'a second channel'
second_channel
if [ "$(id -u)" = 0 ]; then
    step 'variables, an agent'
    environment
fi

step 'nothing has changed in the vault'
looks >"$ZAIBEI_TMP/after"
same "$ZAIBEI_TMP/before" "$ZAIBEI_TMP/after" 'the vault'
backup "$data"
verify
