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
cat >"$place/evil/slow.pl" <<'END'
socket(S, 2, 1, 6) && bind(S, pack("Sna4x8", 2, 8000, "\0\0\0\0")) && listen(S, 5) or die $!;
accept(C, S);
sleep 100;
END
echo 'sleep 1' >"$place/evil/pause.pl"
cat >"$place/evil/serve.pl" <<'END'
$SIG{ALRM} = sub { exit 0 }; # so many seconds after its last answer
socket(S, 2, 1, 6) && bind(S, pack("Sna4x8", 2, 8000, "\0\0\0\0")) && listen(S, 5) or die $!;
while (1) { accept(C, S) or next; sysread(C, my $b, 4096); syswrite(C, "HTTP/1.0 200 OK\r\n\r\nWelcome\n"); close C; alarm $ARGV[0] }
END
cat >"$ZAIBEI_TMP/asks" <<'END'
# Who asks a page is nobody, without rights, and has no descriptor of the worker's first process inside.
for i in $(seq 100); do
    for p in /proc/[0-9]*; do
        grep -qs "^Uid:.1065534" "$p/status" || continue
        grep -q "^CapEff:.0000000000000000" "$p/status" && grep -q "^NoNewPrivs:.1" "$p/status" && grep -q "^Seccomp:.2" "$p/status" || continue
        inner=/proc/$(sed -n 's/^PPid:.//p' "$p/status")
        [ "$(readlink "$p"/fd/[3-9]* "$inner"/fd/[3-9]* | grep -v ^anon_inode | sort | uniq -d)" = "" ] && exit 0
    done
    sleep 0.1
done
exit 1
END
machine_keep evil
tree_of "$place/many" /bin/sh
mkdir "$place/many/data"
for i in $(seq 5000); do echo >"$place/many/data/$i"; done
machine_keep many
evil="{host: \"evil\", host_id: \"$(host_id evil)\", point: 1, address: \"10.20.0.10/24\"}"
fine='{name: "fine", host: "evil", run: "echo fine", expect: "^fine$", within: "20s"}'
never='{name: "never", host: "evil", run: "echo no", expect: "^yes$", within: "60s"}'

step "services and a check that never stop printing"
order talker 2 ".hosts = [$evil] | .limits.time_s = 60 | .checks = [$fine, ($fine | .name = \"talk\" | .run = \"cat /dev/zero\" | .within = \"2s\")]
    | .hosts[0].services = [{name: \"out\", start: \"exec cat /dev/zero\"}, {name: \"err\", start: \"exec cat /dev/zero >&2\"}]"
drill talker && fail "green without an answer"
red talker check "evil talk" "no answer within its time"
[ "$(journal talker 'map(select(.phase == "check" and .state == "ok") | .name) | join(" ")')" = fine ] || fail "the check that was answered"

step "a page that is never answered: who waits for it can do nothing else"
order slow 2 ".hosts = [$evil] | .checks = [{name: \"page\", host: \"evil\", http: \"http://10.20.0.10:8000/\", expect: \"x\", within: \"8s\"}]
    | .hosts[0].services = [{name: \"slow\", start: \"exec perl /slow.pl\"}]"
drill slow --look check "exec sh $ZAIBEI_TMP/asks" && fail "green without an answer"
red slow check "evil page"

step "a service that answers and is gone; one that only goes to the background late"
page='{name: "page", host: "evil", http: "http://10.20.0.10:8000/", expect: "Welcome", within: "4s"}'
order gone 2 ".hosts = [$evil] | .checks = [$page] | .hosts[0].services = [{name: \"web\", start: \"exec perl /serve.pl 1\"}]"
drill gone && fail "green, and its service has ended"
red gone check "evil page" "it was right before"
order late 2 ".hosts = [$evil] | .checks = [$page] | .hosts[0].services = [{name: \"web\", start: \"perl /serve.pl 0 & perl /pause.pl\"}]"
drill late || fail "red, and its service has only gone to the background"
verdict late green

space=$(journal talker 'map(.bytes_total // 0) | max / 1048576 | ceil')

step "five thousand files of a byte take five thousand blocks"
order many 1 ".hosts = [{host: \"many\", host_id: \"$(host_id many)\", point: 1}] | .limits.disk = \"$((space + 4)) MiB\""
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
