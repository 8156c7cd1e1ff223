#!/bin/bash
# limit 240
# A kernel that knows nothing newer than Linux 3.10 (no openat2, statx, Landlock, getrandom, renameat2, close_range …), and a
# container's filter that refuses what it does not know: enrolment, backup, incremental, restore over an existing tree and
# verify work all the same, with sshd, keep and serve under the same kernel, and status says which protection is missing.
# With ZAIBEI_SOAK=1 each call is missing by itself, too.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
deny=$B/tools/tool_deny

# a_life TARGET : from no point to a restored one, in the platform that the environment names; $data changes on the way.
a_life() {
    rm -rf "$data" "$1"
    mkdir -p "$data/sub/deep"
    noise 1500000 a >"$data/large"
    echo one >"$data/sub/one"
    ln "$data/sub/one" "$data/sub/deep/two"
    ln -s ../large "$data/sub/link"
    truncate -s 300000 "$data/sparse"
    backup "$data"
    printf 'changed' | dd of="$data/large" bs=1 seek=700000 conv=notrunc status=none
    echo three >"$data/sub/three"
    backup "$data"
    [ "$(point kind)" = incremental ] || fail "the second point is $(point kind)"
    restore latest "$1"
    manifest "$data" >"$ZAIBEI_TMP/was"
    manifest "$1$data" >"$ZAIBEI_TMP/now"
    same "$ZAIBEI_TMP/was" "$ZAIBEI_TMP/now" 'what was restored'
    echo spoilt >"$1$data/large"
    rm "$1$data/sub/one"
    restore latest "$1" --existing always
    manifest "$1$data" >"$ZAIBEI_TMP/now"
    same "$ZAIBEI_TMP/was" "$ZAIBEI_TMP/now" 'what was restored over it'
    verify
}

# lives IN : the same without a platform, in a vault that is a directory.
lives() {
    local top=$ZAIBEI_TMP/$1
    mkdir "$top"
    vault=$top/vault kit=$top/kit data=$top/data ZAIBEI_AGENT_CONFIG=$top/agent.yaml
    export ZAIBEI_AGENT_CONFIG
    zaibei-vault init "$vault" >/dev/null
    zaibei-agent enroll "dir://$vault" --host h --system s --state "$top/state" \
        --recipient "$(zaibei --json kit new --out "$kit" | jq -r .public)" >/dev/null
    zaibei-vault rights "$vault" h --read all >/dev/null
    a_life "$top/back"
}

if [ "${1:-}" = inside ]; then
    lives "$2"
    exit
fi
self=$ZAIBEI_ROOT/tests/scenario/52-old-kernel.sh
[ -x "$deny" ] || not_run "needs tool_deny (make tools)"
"$deny" all true 2>"$ZAIBEI_TMP/why" || not_run "no seccomp filters here: $(cat "$ZAIBEI_TMP/why")"

step 'the filter filters'
/usr/bin/python3 - <<'PY' || fail "nothing is denied here to begin with: the test would show nothing"
import os
os.getrandom(1)
PY
expect 1 "$deny" getrandom /usr/bin/python3 -c 'import os; os.getrandom(1)'
says 'Function not implemented'

step 'a vault in a directory, on an old kernel'
"$deny" all bash "$self" inside old

step 'the whole platform on an old kernel'
trap 'rc=$?; "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; exit $rc' EXIT
# sshd before authentication may open nothing, so it needs getrandom; what it starts has been without it above.
"$deny" all,-getrandom "$ZAIBEI_ROOT/scripts/sandbox" up "$box"
eval "$("$ZAIBEI_ROOT/scripts/sandbox" env "$box")"
vault=$ZAIBEI_VAULT kit=$box/agent/kit data=$ZAIBEI_TMP/data
# The agent has nothing of it.
agent=$(command -v zaibei-agent)
mkdir "$ZAIBEI_TMP/bin"
printf '#!/bin/sh\nexec "%s" all "%s" "$@"\n' "$deny" "$agent" >"$ZAIBEI_TMP/bin/zaibei-agent"
chmod 755 "$ZAIBEI_TMP/bin/zaibei-agent"
PATH=$ZAIBEI_TMP/bin:$PATH
a_life "$ZAIBEI_TMP/back"
expect 0 zaibei-agent status
says 'files' 'Landlock'
PATH=${PATH#*:}

step 'a filter that refuses instead'
"$deny" openat2,landlock_create_ruleset,close_range,statx,memfd_create,faccessat2 errno=EPERM bash "$self" inside refused

[ -n "${ZAIBEI_SOAK:-}" ] || exit 0
step 'each call by itself'
for call in openat2 statx landlock_create_ruleset landlock_restrict_self getrandom renameat2 copy_file_range close_range \
    memfd_create io_uring_setup faccessat2 pidfd_open preadv2 clone3 rseq membarrier mlock2; do
    "$deny" $call bash "$self" inside "without-$call"
done
