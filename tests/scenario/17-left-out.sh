#!/bin/bash
# limit 120
# faults: F5 F6 F14
# What is not in a restore point, and why: a dry run tells it beforehand and writes nothing anywhere; the point's own list,
# sealed, tells it afterwards; asking for such a path says why it is not there. Everybody else gets numbers only.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
if [ "$(id -u)" -eq 0 ] && [ "${1:-}" != inside ]; then # in a mount namespace of its own, so that nothing is left mounted
    exec unshare --mount --propagation private bash "$0" inside
fi
top=$ZAIBEI_TMP/top
data=$top/data vault=$data/vault kit=$top/kit
mkdir "$top" "$data"
export ZAIBEI_AGENT_CONFIG=$top/agent.yaml
zaibei-vault init "$vault" >/dev/null
public=$(zaibei --json kit new --out "$kit" | jq -r .public)
zaibei-agent enroll "dir://$vault" --host h --system s --recipient "$public" --state "$data/state" >/dev/null
mkdir -p "$data/work/obj" "$data/cached" "$data/kept" "$data/loop/in" "$data/proc" "$data/memory" "$data/run"
echo text >"$data/kept/a.txt"
echo text >"$data/kept/b.txt"
echo gone >"$data/work/obj/secret-name.o"
echo gone >"$data/kept/x.tmp"
echo gone >"$data/kept/$(printf 'bad\377\n.tmp')"
echo 'Signature: 8a477f597d28d172789f06886806bc55' >"$data/cached/CACHEDIR.TAG"
echo gone >"$data/cached/thing"
echo closed >"$data/kept/closed"
chmod 0 "$data/kept/closed"
ln -s loop "$data/kept/loop"
ln -s /etc/passwd "$data/kept/outside"
mkfifo "$data/kept/fifo"
/usr/bin/python3 -c 'import socket, sys, os; os.chdir(sys.argv[1]); socket.socket(socket.AF_UNIX).bind("sock")' "$data/kept"
as='' mounted=
if [ "$(id -u)" -eq 0 ]; then
    mount -t proc none "$data/proc" && mount -t tmpfs none "$data/memory" && mount --bind "$data/loop" "$data/loop/in" &&
        mounted=1 && echo inside >"$data/memory/file"
    as="setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all"
    chmod 755 "$ZAIBEI_TMP" && chown -R -h 65534:65534 "$top/agent.yaml" "$data/state" "$vault" "$data/kept" "$data/work" \
        "$data/cached"
fi
# agent ARGUMENT... : as somebody who may not read everything.
# shellcheck disable=SC2086
agent() { $as zaibei-agent "$@"; }
options=(--exclude '*.tmp' --exclude obj/ --exclude-caches --cross)
everything() { find "$top" -xdev -path "$data/loop" -prune -o -printf '%p %y %s %m %T@ %C@\n' | sort; }

step 'a dry run tells what would be read, and what not, and writes nothing'
everything >"$ZAIBEI_TMP/before"
expect 3 agent backup --dry-run "${options[@]}" "$data"
everything >"$ZAIBEI_TMP/after"
same "$ZAIBEI_TMP/before" "$ZAIBEI_TMP/after" 'after a dry run something'
says 'would be read, and at most as much sent' 'left out: 3: it matches a pattern' "$data/work/obj  (obj/)" \
    'left out: 1: a socket' 'left out: 1: the directory is marked as a cache' "left out: 2: the backup's own state" \
    'not read: 1: it could not be read' "$data/kept/closed  ("
[ -z "$mounted" ] || says 'left out: 1: a file system that only shows' 'left out: 1: a directory above it is mounted'
agent backup --json --dry-run "${options[@]}" "$data" >"$ZAIBEI_TMP/dry" || [ $? -eq 3 ]
jq -se 'all(.schema_version == 1) and (map(select(.message_type == "skipped")) | map(.reason) | unique |
    contains(["cache", "own-state", "pattern", "socket", "unreadable"])) and
    (last | .message_type == "summary" and .dry_run and .left_out.pattern == 3 and .bytes_sent_at_most == .bytes_read
     and .point == null and .not_read == 1)' "$ZAIBEI_TMP/dry" >/dev/null || fail "JSON: $(cat "$ZAIBEI_TMP/dry")"
# shellcheck disable=SC2086
$as touch "$data/state/lock"
exec 8<"$data/state/lock"
flock 8
expect 3 agent backup --dry-run "${options[@]}" "$data"
expect 11 agent backup "${options[@]}" "$data"
exec 8<&-

step 'the point lists the same'
agent backup --json "${options[@]}" "$data" >"$ZAIBEI_TMP/real" || [ $? -eq 3 ]
agent ls --json --left-out latest >"$ZAIBEI_TMP/list"
for f in dry list; do
    jq -rc 'select(.message_type == "skipped") | [.path, .path_b64, .reason, .pattern]' "$ZAIBEI_TMP/$f" | sort >"$ZAIBEI_TMP/$f.paths"
done
same "$ZAIBEI_TMP/dry.paths" "$ZAIBEI_TMP/list.paths" 'what the dry run said, and what the point lists'
b64=$(printf '%s/kept/bad\377\n.tmp' "$data" | base64 -w 0)
jq -se --arg b "$b64" 'any(.path_b64 == $b)' "$ZAIBEI_TMP/list" >/dev/null || fail 'a name that is no UTF-8'
expect 0 agent ls --left-out "latest:$data/work"
says "left out: $data/work/obj: it matches a pattern: obj/"
case $said in *x.tmp*) fail 'it lists what is elsewhere' ;; esac

step 'asking for a path that is not there says why'
why() { # PATH TEXT...
    expect 10 agent ls "latest:$1"
    shift
    says ZB-1103 "$@"
}
why "$data/kept/x.tmp" "$data/kept/x.tmp is left out: it matches a pattern: *.tmp"
why "$data/work/obj/secret-name.o" "$data/work/obj is left out: it matches a pattern: obj/"
why "$data/kept/closed" "$data/kept/closed was not read: opening it: Permission denied"
why "$data/kept/sock" 'a socket lives only with its program'
why "$data/state/host.key" "the backup's own state"
why "$data/vault/store" "the backup's own state"
why "$data/cached/thing" CACHEDIR.TAG
why "$data/kept/never" 'nothing at or below it'
why /usr/bin/never 'not below a backup path'
[ -z "$mounted" ] || why "$data/proc/self" 'only shows the state of the kernel'
[ -z "$mounted" ] || why "$data/loop/in/in" 'a directory above it is mounted there once more'
expect 0 agent ls "latest:$data/cached"
says CACHEDIR.TAG

step 'finding by name'
[ "$(agent ls --find '*.txt' latest)" = "$data/kept/a.txt"$'\n'"$data/kept/b.txt" ] || fail 'find'
[ "$(agent ls --find '[b-z].txt' "latest:$data/kept")" = "$data/kept/b.txt" ] || fail 'find below a path'
[ "$(agent ls --json --find 'kept/' latest | jq -r .path)" = "$data/kept" ] || fail 'find directories'
[ -z "$(agent ls --find 'a.txt' "latest:$data/work" 2>/dev/null)" ] || fail 'find elsewhere'
expect 10 agent ls --find 'x.*' latest
says "left out: $data/kept/x.tmp" ZB-1103
expect 2 agent ls --find '!x' latest

step 'everybody else gets numbers, no names'
jq -se 'last | .message_type == "summary" and .left_out.pattern == 3 and .left_out.socket == 1 and .not_read == 1' "$ZAIBEI_TMP/real" >/dev/null ||
    fail "the summary: $(cat "$ZAIBEI_TMP/real")"
! grep -rqa -e secret-name -e x.tmp "$vault" || fail 'a name stands in the vault'

step 'a list that is too long counts what it does not hold, and has room for what failed'
mkdir "$data/kept/many"
/usr/bin/python3 -c '
import sys
for i in range(4000): open("%s/%04d%s.tmp" % (sys.argv[1], i, "x" * 200), "w").close()' "$data/kept/many"
chmod 0 "$data/kept/b.txt"
mkdir "$data/zz" && echo closed >"$data/zz/closed" && chmod 0 "$data/zz/closed"
expect 3 agent backup "${options[@]}" "$data"
agent ls --json --left-out latest >"$ZAIBEI_TMP/list"
jq -se --argjson all 4003 'map(select(.reason == "pattern")) as $p | ($p | length) < 4000 and
    last.path == null and ($p | length) + last.more >= $all and
    any(.path != null and (.path | endswith("/zz/closed")))' "$ZAIBEI_TMP/list" >/dev/null || fail "the list: $(tail -n 3 "$ZAIBEI_TMP/list")"
agent ls --left-out latest | tail -n 1 | grep -q 'more that this list does not hold' || fail 'the list does not say that it is cut'
expect 10 agent ls "latest:$data/zz/closed"
says 'was not read'

if [ -n "$mounted" ]; then
    step 'file systems: one for each path, unless asked'
    chmod 600 "$data/kept/b.txt" "$data/kept/closed"
    rm -r "$data/zz" "$data/kept/many"
    expect 0 agent backup --exclude-caches --exclude '*.tmp' "$data"
    expect 10 agent ls "latest:$data/memory/file"
    says 'another file system is mounted there'
    expect 0 agent backup --cross --exclude '*.tmp' "$data"
    expect 0 agent ls "latest:$data/memory/file"
    mount -t tmpfs none /run && mkdir /run/below && mount -t tmpfs none /run/below && echo x >/run/below/file # ours alone
    expect 0 agent backup --dry-run --cross /run
    says 'left out: 1: a file system in memory' 'dry run: 0 files'
    umount /run/below /run
fi

step 'verify'
verify
