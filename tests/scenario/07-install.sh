#!/bin/bash
# docs/INSTALL.md, block by block as it stands there, on two machines of namespaces with a real systemd and a real sshd. What
# people carry between machines (the token, the kits) is carried here too.
# serial
set -eu
cd "$ZAIBEI_ROOT"
fail() {
    echo "FAILED: $*" >&2
    exit 1
}
blocks() { # PAGE: its commands alone, for comparing
    awk '/^```sh /{ on = 1 } on; /^```$/{ on = 0 }' "$1"
}
diff <(blocks docs/INSTALL.md) <(blocks docs/INSTALL.zh-CN.md) || fail "the two languages' pages show different commands"
[ "$(id -u)" = 0 ] || { echo "booting a machine needs root"; exit 77; }
for need in /lib/systemd/systemd /usr/sbin/sshd /sbin/ip; do
    [ -x $need ] || { echo "there is no $need"; exit 77; }
done
unshare --pid --fork --mount --net --uts --ipc --cgroup true 2>/dev/null || { echo "no namespaces here"; exit 77; }

m=$ZAIBEI_TMP/m
machine=scripts/machine
trap 'rc=$?; $machine down "$m/vault" || :; $machine down "$m/tenant" || :; exit $rc' EXIT
build=$(realpath "$B")
for name in vault tenant; do
    mkdir -p "$m/$name/here"
    $machine up "$m/$name" "$ZAIBEI_ROOT" "$build" >"$ZAIBEI_TMP/$name.up" 2>&1 & pids+=($!)
done
for pid in "${pids[@]}"; do
    wait "$pid" || { cat "$ZAIBEI_TMP"/*.up; echo "no systemd in namespaces here: $(tail -n 1 "$ZAIBEI_TMP"/*.up | tail -n 1)"; exit 77; }
done
$machine wire "$m/vault" "$m/tenant"
for name in vault tenant; do $machine run "$m/$name" sh -c 'echo "10.99.0.1 vault.example" >>/etc/hosts'; done
mkdir "$ZAIBEI_TMP/desk"

carry() { # FROM FILE TO
    case $1 in desk) cat "$ZAIBEI_TMP/desk/$2" ;; *) $machine run "$m/$1" cat "/root/$2" ;; esac |
        $machine run "$m/$3" sh -c "umask 077; cat >/root/$2"
}

perform() { # WHERE CHECKOUT: the block on standard input
    local where=$1 dir=/root
    { echo 'set -eu'; cat; } >"$ZAIBEI_TMP/block"
    sed 's/^/    /' "$ZAIBEI_TMP/block" | tail -n +2
    case $where in
    desk) (cd "$ZAIBEI_TMP/desk" && bash -eu "$ZAIBEI_TMP/block") || fail "exit $? at the desk" ;;
    *)
        [ -z "$2" ] || dir=$ZAIBEI_ROOT
        # The programs are built, by some compiler; another one would build them again.
        $machine run "$m/$where" env -C "$dir" B="$build" CC="$(sed 's/ -D_GNU_SOURCE.*//;q' "$build/flags")" bash -c \
            'make() { command make CC="$CC" "$@"; }'$'\n'"$(cat "$ZAIBEI_TMP/block")" </dev/null ||
            { rc=$? && $machine run "$m/$where" journalctl --no-pager -q -n 20 -u 'zaibei*' -u ssh -o cat && fail "exit $rc on the $where"; }
        ;;
    esac
}

performed=0
while read -r line; do
    case $line in '```sh '*) ;; *) continue ;; esac
    read -r _ where checkout <<<"$line"
    text=
    while IFS= read -r line && [ "$line" != '```' ]; do text+=$line$'\n'; done
    echo "== $where${checkout:+, in the $checkout}"
    case $text in # what people carry before they type this
    *'enroll - '*) carry vault token tenant && carry desk kit.pub tenant ;;
    *'cat platform-kit.pub'*) carry desk platform-kit.pub vault ;;
    *'--kit /root/platform-kit'*) carry desk platform-kit vault ;;
    *'--kit /root/kit '*) carry desk kit vault ;;
    *'cat kit2.pub'*) carry desk kit2.pub tenant ;;
    esac
    perform "$where" "$checkout" <<<"$text"
    performed=$((performed + 1))
done <docs/INSTALL.md
[ $performed -ge 20 ] || fail "the page has lost its blocks: $performed"

# The keeper's service reaches the second place of its recovery file: the host that was revoked is in it.
$machine run "$m/vault" sh -c 'cmp /var/lib/zaibei-vault/keeper/recovery /srv/zaibei-recovery/zaibei-recovery-*' ||
    fail "the service does not write the second recovery file"

# What the page promises: the second kit opens the first point, and nothing of us is left on the tenant.
$machine run "$m/vault" test -d /var/lib/zaibei-vault/store || fail "the vault's directory is gone"
expected=$($machine run "$m/tenant" find / -xdev -iname '*zaibei*' -not -path "$ZAIBEI_ROOT*" -not -path "$build*" -not -path '/proc/*' -not -path '/var/log/*' \
    -not -path '/run/*' -not -path '/sys/*' -not -path '/usr/share/*')
[ -z "$expected" ] || fail "this is left on the tenant: $expected"
pid=$(cat "$m/vault/pid")
zaibei-agent restore 1 --vault "/proc/$pid/root/var/lib/zaibei-vault" --host web1 --kit "$ZAIBEI_TMP/desk/kit2" \
    --target "$ZAIBEI_TMP/first" etc/hosts || fail "the second kit does not open the first point"
grep -q vault.example "$ZAIBEI_TMP/first/etc/hosts" || fail "the first point has something else"
