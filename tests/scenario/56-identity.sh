#!/bin/bash
# faults: A9 D6 E3 E4 E6 E7 E8
# limit 300
# One host, several machines that think they are it: a clone, a machine that was rolled back, two at once; and what a machine
# may forget: caches lost, old, of another host; a kill between the commit and each thing that is written down after it; a
# state directory that is full or read-only. Never two machines in one line of points, never wrong bytes.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
trap 'rc=$?; [ -z "${first:-}" ] || kill -9 $first 2>/dev/null || :; rm -rf "${shm:-}"; exit $rc' EXIT
many_place
ZAIBEI_TMP=${shm:-$ZAIBEI_TMP}
data=$ZAIBEI_TMP/data
vault=$ZAIBEI_TMP/vault
kit=$ZAIBEI_TMP/kit
mkdir "$data"

# A machine is its configuration and state below a directory; its name is the directory.
on() { # MACHINE COMMAND...
    local machine=$1
    shift
    zaibei-agent --config "$ZAIBEI_TMP/$machine/agent.yaml" "$@"
}
clone() { # MACHINE AS : the copy of a disk; what is left of AS goes
    rm -rf "${ZAIBEI_TMP:?}/$2"
    cp -a "$ZAIBEI_TMP/$1" "$ZAIBEI_TMP/$2"
    sed -i "s|$ZAIBEI_TMP/$1/|$ZAIBEI_TMP/$2/|" "$ZAIBEI_TMP/$2/agent.yaml"
}
enrol() { # MACHINE HOST
    mkdir "$ZAIBEI_TMP/$1"
    on "$1" enroll "dir://$vault" --host "$2" --system s --recipient "$public" --state "$ZAIBEI_TMP/$1/state" >/dev/null
}
change() { # SOMETHING : small files and a large one
    for i in 1 2 3; do seq "$i" 3000 >"$data/$i.$1"; done
    printf '%s' "$1" | dd of="$data/large" bs=1 seek=1700000 conv=notrunc status=none
    sleep 0.1
}
good_backup() { # MACHINE [OPTION...]
    local machine=$1
    shift
    on "$machine" backup "$@" "$data" >"$ZAIBEI_TMP/out" 2>&1 || fail "backup on $machine: exit $?: $(cat "$ZAIBEI_TMP/out")"
}
numbers() { on "$1" points --json | jq -r 'select(.message_type == "point") | .point' | tr '\n' ' '; }
right() { # MACHINE : its last point is the tree as it is now
    rm -rf "$ZAIBEI_TMP/back"
    on "$1" restore latest --target "$ZAIBEI_TMP/back" >"$ZAIBEI_TMP/out" 2>&1 || fail "restore: $(cat "$ZAIBEI_TMP/out")"
    manifest "$data" >"$ZAIBEI_TMP/was"
    manifest "$ZAIBEI_TMP/back$data" >"$ZAIBEI_TMP/is"
    same "$ZAIBEI_TMP/was" "$ZAIBEI_TMP/is" "the last point of $1"
}
log_records() { find "$vault/store/hosts/$1/log" -type f | wc -l; }
sha() { sha256sum <"$ZAIBEI_TMP/$1/state/$2"; }

zaibei-vault init "$vault" >/dev/null
public=$(zaibei --json kit new --out "$kit" | jq -r .public)
enrol a h
noise 3000000 a >"$data/large"
change one
good_backup a

step 'a clone: one of the two goes on, the other is refused before anything is written'
clone a b
change two
good_backup b
change three
before=$(log_records h)
expect 12 on a backup "$data"
says ZB-1308 'restore point 2' 'enroll --continue'
expect 12 on a backup --full "$data"
[ "$(log_records h)" = "$before" ] || fail 'the refused machine has written to the log'
on a status --json | jq -e '.missing | index("another machine has written restore points as this host since, or this one was rolled back")' \
    >/dev/null || fail 'status does not tell'
on b status --json | jq -e '[.missing[] | select(startswith("another machine"))] == []' >/dev/null || fail 'status of b tells it too'
[ "$(numbers b)" = '1 2 ' ] || fail "points: $(numbers b)"
expect 0 on a ls latest # looking is harmless
good_backup b
right b

step 'rolled back: refused, then taken over by name'
change four
expect 12 on a backup "$data"
expect 2 on a enroll --continue </dev/null
says --yes
was=$(sha a receipt)
if command -v script >/dev/null; then # a wrong name at a terminal
    script -qec "zaibei-agent --config $ZAIBEI_TMP/a/agent.yaml enroll --continue" /dev/null <<<wrong >"$ZAIBEI_TMP/out" 2>&1 &&
        fail "a wrong name was taken: $(cat "$ZAIBEI_TMP/out")"
    [ "$was" = "$(sha a receipt)" ] || fail 'a wrong name changed the receipt'
fi
expect 0 on a enroll --continue --yes
says '3 restore points' 'goes on from restore point 3'
[ -e "$ZAIBEI_TMP/a/state/cache/attempt" ] && fail 'the caches are still there'
expect 4 on a enroll --continue --yes
good_backup a
[ "$(numbers a)" = '1 2 3 4 ' ] || fail "points: $(numbers a)"
right a
expect 12 on b backup "$data" # and now the other one is the clone
says ZB-1308

step 'a machine that was rolled back while an upload was under way'
clone a before
change five
good_backup a
clone before a # back to the time before point 5, whose upload it does not know
expect 12 on a backup "$data"
expect 0 on a enroll --continue --yes
change six
good_backup a
right a

step 'two at once'
clone a b
noise 60000000 big >"$data/big"
sleep 0.1
on a backup "$data" >"$ZAIBEI_TMP/out.a" 2>&1 &
first=$!
sleep 0.15
rc=0
on a backup "$data" >"$ZAIBEI_TMP/out" 2>&1 || rc=$? # the same machine again
one=$rc rc=0
on b backup "$data" >"$ZAIBEI_TMP/out" 2>&1 || rc=$? # another machine
other=$rc rc=0
wait $first || rc=$?
first=
echo "exit codes: $rc; beside it $one and $other"
[ $rc -eq 0 ] || fail "the first: $(cat "$ZAIBEI_TMP/out.a")"
case $one in 0 | 11) ;; *) fail "the same machine: exit $one" ;; esac
case $other in 11 | 12) ;; *) fail "the other machine: exit $other: $(cat "$ZAIBEI_TMP/out")" ;; esac
good_backup a
expect 12 on b backup "$data"
rm "$data/big"

step 'caches: lost, old, of another host'
change seven
rm -rf "$ZAIBEI_TMP/a/state/cache"
good_backup a
right a
cp -a "$ZAIBEI_TMP/a/state/cache" "$ZAIBEI_TMP/old-cache"
change eight
good_backup a
change nine
rm -rf "$ZAIBEI_TMP/a/state/cache" && cp -a "$ZAIBEI_TMP/old-cache" "$ZAIBEI_TMP/a/state/cache"
good_backup a
right a
enrol o other
good_backup o
change ten
rm -rf "$ZAIBEI_TMP/a/state/cache" && cp -a "$ZAIBEI_TMP/o/state/cache" "$ZAIBEI_TMP/a/state/cache"
# Under the very names that this host looks for, too.
generation=$(ls "$vault/store/hosts/h/packs" | head -n 1)
for f in "$ZAIBEI_TMP"/a/state/cache/ids-*; do mv "$f" "$ZAIBEI_TMP/a/state/cache/ids-$generation"; done
mv "$ZAIBEI_TMP"/a/state/cache/meta/* "$ZAIBEI_TMP/a/state/cache/meta/$generation"
good_backup a
right a

step 'killed after the commit, before each thing that is written down'
for left in receipt receipt+ids cache upload; do
    clone a before
    change "$left"
    good_backup a
    case $left in
    receipt) cp "$ZAIBEI_TMP/before/state/receipt" "$ZAIBEI_TMP/a/state/receipt" ;; # the old one; the rest is new
    receipt+ids)
        cp "$ZAIBEI_TMP/before/state/receipt" "$ZAIBEI_TMP/a/state/receipt"
        cp "$ZAIBEI_TMP/before/state/cache/"ids-* "$ZAIBEI_TMP/a/state/cache/"
        ;;
    cache) rm -rf "$ZAIBEI_TMP/a/state/cache" && cp -a "$ZAIBEI_TMP/before/state/cache" "$ZAIBEI_TMP/a/state/cache" ;;
    upload) ;;
    esac
    # The upload id is written down until all else is; it is the one in the last commit record.
    last=$(find "$vault/store/hosts/h/log" -type f | sort | tail -n 1)
    /usr/bin/python3 - "$last" "$ZAIBEI_TMP/a/state/upload" <<'PY'
import sys
b = open(sys.argv[1], "rb").read()
assert b[6] == 3  # a commit: begin u64, point u32, generation 16, kind u8, parent u32, epoch u64, upload 16
at = 76 + 8 + 4 + 16 + 1 + 4 + 8
open(sys.argv[2], "wb").write(b"\xee" * 16 + b[at:at + 16])  # after one that never came to anything
PY
    had=$(numbers a)
    change "after-$left"
    good_backup a
    [ "$(numbers a | wc -w)" = $(($(wc -w <<<"$had") + 1)) ] || fail "after $left: $had, then $(numbers a)"
    [ ! -e "$ZAIBEI_TMP/a/state/upload" ] || fail "after $left: the upload id is still there"
    right a
done

step 'an upload id that means nothing'
head -c 16 /dev/urandom >"$ZAIBEI_TMP/a/state/upload"
change eleven
good_backup a
head -c 37 /dev/urandom >"$ZAIBEI_TMP/a/state/upload"
good_backup a
right a

step 'a state directory that is full or cannot be written'
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    change twelve
    # In a mount namespace: a small file system with a copy of the state, filled up. Nothing of it is left outside.
    full() { # PREPARE : shell words run with $S = the state
        B=$B unshare -m --propagation private bash -c '
            set -eu
            S=$1/full; mkdir -p "$S"; mount -t tmpfs -o size=3m,mode=700 tmpfs "$S"
            cp -a "$1/a/state/." "$S/"
            sed "s|$1/a/state|$S|" "$1/a/agent.yaml" >"$1/full.yaml"
            eval "$2"
            rc=0; zaibei-agent --config "$1/full.yaml" backup "$3" || rc=$?
            [ -z "${4:-}" ] || eval "$4"
            rm -f "$S/fill"; mount -o remount,rw "$S"
            echo "exit $rc"
            zaibei-agent --config "$1/full.yaml" backup "$3" >/dev/null
            rm -rf "$1/a/state"; mkdir -m 700 "$1/a/state"; cp -a "$S/." "$1/a/state/"
        ' full "$ZAIBEI_TMP" "$1" "$data" >"$ZAIBEI_TMP/out" 2>&1 || fail "$1: $(cat "$ZAIBEI_TMP/out")"
        grep -qE '^exit (0|1|13)$' "$ZAIBEI_TMP/out" || fail "$1: $(cat "$ZAIBEI_TMP/out")"
        echo "$1: $(grep ^exit "$ZAIBEI_TMP/out")"
    }
    before=$(log_records h)
    full 'dd if=/dev/zero of=$S/fill bs=4k status=none || :'
    grep -q '^exit 13$' "$ZAIBEI_TMP/out" && grep -q ZB-1401 "$ZAIBEI_TMP/out" || fail "a full disk: $(cat "$ZAIBEI_TMP/out")"
    [ "$(log_records h)" = $((before + 2)) ] || fail 'the refused run has written to the log' # begin and commit of the second
    right a
    change thirteen
    full 'mount -o remount,ro $S'
    grep -q '^exit 0$' "$ZAIBEI_TMP/out" && fail 'a read-only state was no hindrance'
    right a
else
    echo 'no mount namespace here: full and read-only state are not tried'
fi
step 'every byte of every point'
verify
