#!/bin/bash
# no-asan: what is loaded before libc cannot come before the sanitizer's own library
# limit 300
# faults: A24 B1 B3 B4 B5 B6 B7 G6
# The n-th call of one kind fails, in the agent and in the vault's serve and keep: then there is a right result or an error with
# its number, never half a result under a final name, and the next run succeeds by itself and restores exactly (nth.py). Short
# and interrupted reads and writes change nothing. One place of a few kinds, others each time; all with ZAIBEI_SOAK=1.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
preload=$B/tools/pre_fail.so
[ -e "$preload" ] || not_run "needs pre_fail.so (make tools)"
LD_PRELOAD=$preload FAIL_PROGRAM=cat FAIL_CALL=read FAIL_AT=1 cat "$0" >/dev/null 2>&1 &&
    not_run "calls of this libc cannot be replaced"
RANDOM=${SEED:=$RANDOM}
echo "seed $SEED"
each=1 some=9
[ -z "${ZAIBEI_SOAK:-}" ] || each=0 some=0

nth() { # OPERATION KIND:ERRNO[:WHEN]...
    mkdir -p "$ZAIBEI_TMP/$1"
    /usr/bin/python3 "$here/nth.py" "$ZAIBEI_TMP/$1" "$preload" "$@" --each $each --some $some --seed "$SEED" || fail "$1: see above"
    rm -rf "${ZAIBEI_TMP:?}/$1"
}

common='open:EMFILE read:EIO write:ENOSPC pread:EIO pwrite:ENOSPC fsync:EIO close:EIO stat:EIO readdir:EIO mkdir:ENOSPC
    unlink:EIO malloc:ENOMEM'
unharmed='read::short pread::less write::short pwrite::less read:EINTR:each write:EINTR:each poll:EINTR:each'
[ -z "${ZAIBEI_SOAK:-}" ] || common="$common open:ENFILE open:EIO write:EDQUOT:on pwrite:ENOSPC:on write:EFBIG fsync:ENOSPC:on
    pipe:EMFILE poll:EIO lock:EIO mmap:ENOMEM thread:EAGAIN dup:EMFILE fork:EAGAIN"

step 'backup'
# shellcheck disable=SC2086
nth backup $common rename:EIO lseek:EIO readlink:EIO xattr:EIO $unharmed
step 'restore'
# shellcheck disable=SC2086
nth restore $common rename:EIO link:EIO symlink:ENOSPC mknod:EPERM truncate:EFBIG owner:EPERM mode:EPERM times:EIO $unharmed
step 'enrolment'
# shellcheck disable=SC2086
nth enroll $common rename:EIO link:EIO
step 'serve and keep'
# shellcheck disable=SC2086
nth serve $common link:EIO $unharmed
