#!/bin/bash
# no-asan: the worker needs namespaces of its own, and the sanitizer wants to see all of them
# limit 240
# faults: A21 F17
# A system point is drilled as one. Two machines with real agents hold one number between them, the application writes it first and
# the database second; at level 2 the restored application asks the restored database at its old address and both have to agree.
# They do in the system point, which was taken while they were at work; they do not in a mixture of two system points. What is
# damaged in the vault for one host makes the drill red.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
[ "$(id -u)" -eq 0 ] || not_run "making machines to back up needs root"
unshare --user --map-root-user --net --mount true 2>/dev/null || not_run "this machine does not allow user namespaces"
umask 022
place=$(mktemp -d /tmp/zb.XXXXXX) # short, and others may enter
chmod 755 "$place"
work=$place/side/work
agents=()
mkdir -p "$box/zaibeid"
echo 'drills: {time: 10m, accel: tcg}' >"$box/zaibeid/more.yaml"
sandbox_up
trap 'rc=$?; rm -f "$work"; [ ${#agents[@]} = 0 ] || kill -9 "${agents[@]}" 2>/dev/null || :
    "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; rm -rf "$place"; exit $rc' EXIT

step "two machines at work"
/usr/bin/python3 "$here/tree_of.py" "$place/side" "$(command -v zaibei-agent)"
bin=/mnt$(dirname "$(command -v zaibei-agent)")
cat >"$place/serve.pl" <<'END'
# serve.pl [HOST]: this machine's number, and with HOST that of HOST, too.
use IO::Socket::INET;
$SIG{CHLD} = 'IGNORE';
sub slurp { open(my $f, '<', '/data/n') or return 'none'; my $n = <$f>; chomp $n; return $n }
sub ask {
    my $c = IO::Socket::INET->new(PeerAddr => $_[0], PeerPort => 8000, Timeout => 3) or return 'silent';
    print $c "GET / HTTP/1.0\r\n\r\n";
    my @lines = <$c>;
    chomp(my $n = $lines[-1] // '');
    return $n;
}
my $s = IO::Socket::INET->new(LocalAddr => '0.0.0.0', LocalPort => 8000, Listen => 9, ReuseAddr => 1) or die "listen: $!";
while (my $c = $s->accept) {
    while (<$c>) { last if /^\r?\n/ }
    my $own = slurp();
    my $text = $own;
    if (@ARGV) { my $other = ask($ARGV[0]); $text = $other eq $own ? "agreed on $own" : "own $own, the other's $other" }
    print $c "HTTP/1.0 200 OK\r\n\r\n$text\n";
    close $c;
}
END
for name in db web; do
    # shellcheck disable=SC2046
    /usr/bin/python3 "$here/tree_of.py" "$place/$name" /bin/sh /bin/touch /bin/rm /bin/sleep /usr/bin/perl \
        $(dpkg -L perl-base 2>/dev/null | grep '\.\(pm\|pl\|so\)$' || :)
    getent passwd root >"$place/$name/etc/passwd"
    cp "$place/serve.pl" "$place/$name/"
    mkdir "$place/$name/data"
    echo 0 >"$place/$name/data/n"
    noise 2000000 "$name" >"$place/$name/data/noise"
done

# on MACHINE WORD... : its agent, as on that machine, in place of this shell; both share /mnt, which no point has.
on() {
    local tree=$place/$1 config=/mnt/$1.yaml
    shift
    # shellcheck disable=SC2016
    exec unshare --mount --propagation private sh -ec 'mount --bind "$1/side" "$2/mnt"; mount -t proc proc "$2/proc"; mount --bind /dev "$2/dev"
        tree=$2 config=$3 bin=$4; shift 4
        PATH=$bin:/usr/sbin:/usr/bin:/bin ZAIBEI_AGENT_CONFIG=$config LD_LIBRARY_PATH=/mnt/lib/x86_64-linux-gnu:/mnt/usr/lib/x86_64-linux-gnu \
            exec chroot "$tree" "$bin/zaibei-agent" "$@"' sh "$place" "$tree" "$config" "$bin" "$@"
}
for name in db web; do
    zaibei host enroll-token $name --system shop --json | grep -o 'zbe1,[^"]*' |
        on $name enroll - --recipient "$(grep -o 'zbk-pub-[A-Za-z0-9+/=]*' "$kit" | head -n 1)" --state "/mnt/state-$name" \
            >"$ZAIBEI_TMP/$name.enroll" 2>&1 || fail "enroll: $(cat "$ZAIBEI_TMP/$name.enroll")"
done
cat >>"$place/side/web.yaml" <<'END'
hooks:
    freeze: {command: [/bin/sh, -c, 'touch /mnt/hold; while [ -e /mnt/work ] && [ ! -e /mnt/held ]; do sleep 0.02; done'], hold: 60s}
    thaw: {command: [/bin/sh, -c, 'rm -f /mnt/hold']}
END
printf "hooks:\n    thaw: {command: [/bin/sh, -c, ':']}\n" >>"$place/side/db.yaml"
for name in db web; do
    on $name run >"$ZAIBEI_TMP/$name.out" 2>&1 &
    agents+=($!)
done
cat >"$ZAIBEI_TMP/shop.yaml" <<END
name: shop
system: shop
hosts: [db, web]
content: {paths: [/], excludes: [/mnt]}
strategy: {daily: incremental}
$by_hand
targets: {rpo: 24h, rto: 1h}
hooks: {post: [{name: thaw}]}
recovery:
    gateway: 10.20.0.1/24
    hosts:
        - {host: web, after: [db], address: 10.20.0.20/24, freeze: [freeze], services: [{name: web, start: /usr/bin/perl /serve.pl 10.20.0.10}]}
        - {host: db, address: 10.20.0.10/24, services: [{name: db, start: /usr/bin/perl /serve.pl}]}
    checks:
        - {name: number, host: db, http: "http://10.20.0.10:8000/", expect: "^[1-9]", within: 30s}
        - {name: agreement, host: web, http: "http://10.20.0.20:8000/", expect: "^agreed on [1-9]", within: 8s}
END
plan_into_force "$ZAIBEI_TMP/shop.yaml"

# The application writes a number, then the database; between two numbers it can be held.
application() {
    local n=0
    while [ -e "$work" ]; do
        while [ -e "$place/side/hold" ] && [ -e "$work" ]; do touch "$place/side/held" && sleep 0.02; done
        rm -f "$place/side/held"
        n=$((n + 1))
        echo $n >"$place/web/data/n"
        sleep 0.05
        echo $n >"$place/db/data/n"
    done
}
touch "$work"
application &
agents+=($!)
for id in 1 2; do
    expect 0 zaibei system point shop --wait --json
    [ "$(jq -r .state <<<"$said")" = ok ] || fail "system point $id is $said"
done
rm "$work"

of() { zaibei drill show "$1" --json | jq -r "$2"; }
key=$(as auditor zaibei audit verify --json | jq -r .key)
record_holds() { # DRILL
    expect 0 zaibei drill report "$1" --out "$ZAIBEI_TMP/record.$1"
    expect 0 zaibei-verify report "$ZAIBEI_TMP/record.$1" --key "$key"
}

step "the system point, level 1 and 2"
for level in 1 2; do
    expect 0 zaibei drill run shop --system-point 1 --level $level --kit "$kit" --wait
    says green db/1 web/1
    record_holds $level
done
[ "$(of 1 '[.phases[] | select(.phase == "content" and .state == "ok") | .host] | sort | join(" ")')" = "db web" ] || fail "content: $(of 1 .phases)"
[ "$(of 2 '[.phases[] | select(.phase == "check") | "\(.name) \(.state)"] | join(", ")')" = "number ok, agreement ok" ] ||
    fail "checks: $(of 2 .phases)"
[ "$(jq -r '.record.hosts | map("\(.host)/\(.point)") | sort | join(" ")' "$ZAIBEI_TMP/record.2")" = "db/1 web/1" ] || fail "$(cat "$ZAIBEI_TMP/record.2")"

step "the database of one, the application of the other: they do not agree"
expect 1 zaibei drill run shop --point db/1,web/2 --level 2 --kit "$kit" --wait
[ "$(of 3 '"\(.cause.phase) \(.cause.host) \(.cause.name)"')" = "check web agreement" ] || fail "the cause: $(of 3 .cause)"
echo "   $(of 3 .cause.detail)"
record_holds 3

step "a byte of one host's data changed in the vault: red, and which host"
pack=$(find "$vault/store/hosts/web/packs" -type f -size +500k | head -n 1)
printf X | dd of="$pack" bs=1 seek=$(($(stat -c %s "$pack") / 2)) conv=notrunc status=none
expect 1 zaibei drill run shop --system-point 1 --level 1 --kit "$kit" --wait
[ "$(of 4 '"\(.cause.phase) \(.cause.host)"')" = "restore web" ] || fail "the cause: $(of 4 .cause)"
[ "$(of 4 '.phases[] | select(.host == "db" and .phase == "content") | .state')" = ok ] || fail "the other host: $(of 4 .phases)"
record_holds 4

step "no such system point"
expect 10 zaibei drill run shop --system-point 7 --level 1
says ZB-1921
