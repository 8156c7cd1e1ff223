#!/bin/bash
# limit 170
# faults: A21
# Programs of a restored tree that mean ill: they print without end, fill the disk where nobody counts, hold on to what they have, and
# look for a way to what is not theirs. The drill has its verdict all the same, in its time, and nothing is left.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
. "$here/drill_lib.sh"
umount_all() { umount "$ZAIBEI_TMP/small" 2>/dev/null || :; }
trap 'rc=$?; umount_all; rm -rf "$place"; exit $rc' EXIT

step "a machine"
tree_of "$place/evil" /bin/sh /bin/cat /usr/bin/perl
getent passwd root >"$place/evil/etc/passwd"
cat >"$place/evil/deep.pl" <<'END'
for (1 .. 300) { mkdir "d" x 20; chdir "d" x 20 or die $! }
open(my $f, ">", "big") or die $!;
for (1 .. 150) { syswrite($f, "x" x (1 << 20)) }
close $f;
sleep 100;
END
cat >"$place/evil/nameless.pl" <<'END'
open(my $f, ">", "/big") or die $!;
unlink "/big";
while (defined syswrite($f, "x" x (1 << 16))) {}
sleep 100;
END
mkdir "$place/evil/many"
for i in $(seq 3000); do echo >"$place/evil/many/$i"; done
machine_keep evil
evil="{host: \"evil\", host_id: \"$(host_id evil)\", point: 1, address: \"10.20.0.10/24\"}"
fine='{name: "fine", host: "evil", run: "echo fine", expect: "^fine$", within: "20s"}'
never='{name: "never", host: "evil", run: "echo no", expect: "^yes$", within: "60s"}'

step "services and a check that never stop printing"
order talker 2 ".hosts = [$evil] | .limits.time_s = 60 | .checks = [$fine, ($fine | .name = \"talk\" | .run = \"cat /dev/zero\" | .within = \"2s\")]
    | .hosts[0].services = [{name: \"out\", start: \"exec cat /dev/zero\"}, {name: \"err\", start: \"exec cat /dev/zero >&2\"}]"
drill talker && fail "green without an answer"
red talker check "evil talk" "no answer within its time"
[ "$(journal talker 'map(select(.phase == "check" and .state == "ok") | .name) | join(" ")')" = fine ] || fail "the check that was answered"

space=$(journal talker 'map(.bytes_total // 0) | max / 1048576 | ceil')

step "three thousand files of a byte take three thousand blocks"
order many 1 ".hosts = [$evil] | .limits.disk = \"$((space + 8)) MiB\""
drill many && fail "green beyond the disk limit"
red many restore "the disk limit was reached"

step "the disk is filled below a name too long for a path"
order deep 2 ".hosts = [$evil] | .limits.disk = \"$((space + 60)) MiB\" | .checks = [$never]
    | .hosts[0].services = [{name: \"deep\", start: \"exec perl /deep.pl\"}]"
drill deep && fail "green beyond the disk limit"
verdict deep failed
[ "$(journal deep 'last | .id')" = ZB-1904 ] || fail "the disk limit: $(journal deep last)"

step "the disk is filled by a file without a name"
mkdir "$ZAIBEI_TMP/small"
mount -t tmpfs -o "size=$((space + 100))m" none "$ZAIBEI_TMP/small" || not_run "no file system of its own can be mounted here"
drills=$ZAIBEI_TMP/small
order nameless 2 ".hosts = [$evil] | .checks = [$never] | .hosts[0].services = [{name: \"nameless\", start: \"exec perl /nameless.pl\"}]"
drill nameless && fail "green with a full disk"
verdict nameless failed
[ "$(journal nameless 'last | .id')" = ZB-1904 ] || fail "the disk limit: $(journal nameless last)"
