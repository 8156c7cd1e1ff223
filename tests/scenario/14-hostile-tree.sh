#!/bin/bash
# faults: F1 F2 F3 F4 F5 F6 F7 F8 F9 F10
# limit 1800
# A tree of everything that is hard (hostile_tree.py) comes back exact, from the newest and from the oldest point,
# through a full and three incrementals: all of it on the disk, and in memory, whose file systems can do other things,
# what depends on them. What is expected is listed by a program of its own before each backup. As an ordinary user:
# what such a user can make. With ZAIBEI_SOAK=1 all of it in both places, with more links and levels, and the
# oldest point after every backup.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
hostile() { /usr/bin/python3 "$here/hostile_tree.py" "$@"; }
sandbox_up
many_place
roots=("$ZAIBEI_TMP/data") parts=('')
if [ -n "$shm" ]; then
    roots+=("$shm/data")
    parts+=('attributes special times flags symlinks')
    [ -z "${ZAIBEI_SOAK:-}" ] || parts=('' '')
fi
back=back.$$
# Immutable files would outlive the test.
trap 'rc=$?
      for root in "${roots[@]}"; do
          for d in "$root" "${root%/*}/$back"; do [ ! -d "$d" ] || hostile release "$d" || :; done
      done
      "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :
      rm -rf "${shm:-}"
      exit $rc' EXIT

# restored POINT TARGET [OPTION...] PATH: directories above the path are not an ordinary user's to give away.
restored() {
    local rc=0 point=$1 target=$2
    shift 2
    zaibei-agent restore "$point" --target "$target" "$@" >"$ZAIBEI_TMP/restore.out" 2>&1 || rc=$?
    [ $rc -ne 3 ] || [ "$(id -u)" -eq 0 ] || rc=0
    [ $rc -eq 0 ] || fail "restore $point: $(cat "$ZAIBEI_TMP/restore.out")"
}

came_back() { # POINT
    local root target i
    for i in "${!roots[@]}"; do
        root=${roots[i]} target=${roots[i]%/*}/$back
        restored "$1" "$target" "$root"
        manifest "$target$root" --top >"$ZAIBEI_TMP/back.list"
        same "$ZAIBEI_TMP/was.$1.$i" "$ZAIBEI_TMP/back.list" "point $1, $root"
        hostile release "$target"
        rm -rf "$target"
    done
}

for n in 1 2 3 4; do
    step "point $n"
    for i in "${!roots[@]}"; do
        # shellcheck disable=SC2086
        if [ $n -eq 1 ]; then hostile make "${roots[i]}" ${parts[i]}; else hostile change "${roots[i]}" $((n - 1)); fi
        manifest "${roots[i]}" --top >"$ZAIBEI_TMP/was.$n.$i"
        [ "$(wc -l <"$ZAIBEI_TMP/was.$n.$i")" -gt 60 ] || fail "hardly anything was made in ${roots[i]}"
    done
    backup "${roots[@]}"
    [ "$(point point)" = $n ] || fail "the point is $(point point)"
    [ "$(point state)" = complete ] || fail "point $n is $(point state): $(tail -n 5 "$ZAIBEI_TMP/backup.out")"
    step "restore $n"
    came_back $n
    if [ $n -eq 4 ] || { [ $n -gt 1 ] && [ -n "${ZAIBEI_SOAK:-}" ]; }; then came_back 1; fi
done

step 'what is there already gets exactly its attributes, and loses what it has too many'
root=${roots[-1]}/attributes target=${roots[-1]%/*}/$back
restored 4 "$target" "$root"
/usr/bin/python3 - "$target$root" <<'PY'
import os, struct, sys
os.chdir(sys.argv[1])
acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *x) for x in (
    (1, 7, 2**32 - 1), (2, 6, 4711), (4, 4, 2**32 - 1), (16, 7, 2**32 - 1), (32, 0, 2**32 - 1)))
for path, name, value in (("caps", "user.extra", b"x"), ("sticky.d", "user.extra", b"x"),
                          ("xattrs", "user.many2", b"changed"), ("setuid", "system.posix_acl_access", acl),
                          ("setgid.d", "system.posix_acl_default", acl)):
    os.setxattr(path, name, value)
os.removexattr("odd xattr", os.listxattr("odd xattr")[0])
os.chmod("all bits", 0o600)
os.utime("sticky", ns=(0, 0))
PY
chattr +d "$target$root/sticky.d" "$target$root/setuid" 2>/dev/null || echo "note: not here: chattr"
restored 4 "$target" --existing if-different "$root"
manifest "$root" >"$ZAIBEI_TMP/was"
manifest "$target$root" >"$ZAIBEI_TMP/back.list"
same "$ZAIBEI_TMP/was" "$ZAIBEI_TMP/back.list" 'what was there'
verify
