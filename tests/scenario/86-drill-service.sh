#!/bin/bash
# faults: A21 G8 G10
# A system of two machines, a database and a web server that asks it, drilled at level 2: green when it is whole; red, and naming the
# cause, for each thing that may be wrong with it. The way out is closed, and seen when it is not.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
pg=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "${pg:-/nonexistent}/initdb" ] || not_run "PostgreSQL is not installed"
id postgres >/dev/null 2>&1 || not_run "there is no user postgres"
. "$ZAIBEI_ROOT/tests/scenario/drill_lib.sh"
version=$(basename "$(dirname "$pg")")
data=/var/lib/postgresql/$version/main

step "two machines"
tree_of "$place/db" /bin/sh "$pg/postgres" "$pg/psql" "$pg/../lib/dict_snowball.so" "/usr/share/postgresql/$version" /usr/share/zoneinfo/UTC
rm -rf "$place/db/usr/share/postgresql/$version/"{man,extension,tsearch_data}
# The data of ICU is as large as all else, and a database in the locale C asks for none of it.
icu=$(ls "$place"/db/usr/lib/*/libicudata.so.* | grep -v '\.so\.[0-9]*$' || :)
if [ -n "$icu" ] && command -v gcc >/dev/null; then
    soname=$(basename "$icu")
    echo "const char icudt${soname//[^0-9.]/}_dat[64] = {0};" | sed 's/icudt\.*\([0-9]*\)\.[0-9]*_/icudt\1_/' >"$place/icu.c"
    gcc -shared -fPIC -Wl,-soname,"${soname%.*}" -o "$icu" "$place/icu.c"
fi
getent passwd root postgres >"$place/db/etc/passwd"
getent group root postgres >"$place/db/etc/group"
tree_of "$place/web" /bin/sh /usr/bin/perl "$pg/psql" $(dpkg -L perl-base | grep '\.\(pm\|pl\|so\)$')
getent passwd root www-data >"$place/web/etc/passwd"
cat >"$place/web/serve.pl" <<'END'
use IO::Socket::INET;
$| = 1;
my $s = IO::Socket::INET->new(LocalAddr => '0.0.0.0', LocalPort => 8000, Listen => 9, ReuseAddr => 1) or die "listen: $!";
while (1) {
    my $c = $s->accept or next;
    my $line = <$c>;
    while (<$c>) { last if /^\r?\n/ }
    if ($line =~ m{^GET /api/}) {
        my $n = `PSQL -h 10.20.0.10 -U shop -Atc 'select count(*) from orders' shop 2>&1`;
        chomp $n;
        print $c $? == 0 ? "HTTP/1.0 200 OK\r\n\r\n{\"orders\": $n}\n" : "HTTP/1.0 503 No database\r\n\r\n$n\n";
    } elsif ($line =~ m{^GET /empty}) {
        print $c "HTTP/1.0 200 OK\r\n\r\n";
    } else {
        print $c "HTTP/1.0 200 OK\r\n\r\nWelcome to the shop\n";
    }
    close $c;
}
END
sed -i "s|PSQL|$pg/psql|" "$place/web/serve.pl"
mkdir -p "$place/db$data"
chown -R postgres "$place/db/var/lib/postgresql"
chmod 700 "$place/db$data"
cd "$place"
runuser -u postgres -- "$pg/initdb" -D "$place/db$data" -A trust -U postgres --no-locale -E UTF8 --no-sync --wal-segsize=1 >/dev/null
cat >>"$place/db$data/postgresql.conf" <<END
listen_addresses = '*'
unix_socket_directories = '/tmp'
min_wal_size = 2MB
max_wal_size = 8MB
shared_buffers = 8MB
timezone = 'UTC'
log_timezone = 'UTC'
END
echo "host all all 10.20.0.0/24 trust" >>"$place/db$data/pg_hba.conf"
server() { runuser -u postgres -- "$pg/pg_ctl" -D "$place/db$data" -w -l "$place/db/var/lib/postgresql/log" "$@" >/dev/null; }
server -o "-c listen_addresses='' -c unix_socket_directories='$place/db$data' -c fsync=off" start
runuser -u postgres -- "$pg/psql" -h "$place/db$data" -U postgres -qAt -c 'create role shop login' -c 'create database shop owner shop'
runuser -u postgres -- "$pg/psql" -h "$place/db$data" -U shop -qAt -c \
    'create table orders as select g as id, md5(g::text) as what from generate_series(1, 5000) g' shop
server -m fast stop
machine_keep db
machine_keep web
du -sm "$place/db" "$place/web"

db="{host: \"db\", host_id: \"$(host_id db)\", point: 1, address: \"10.20.0.10/24\", nic: \"ens192\", mac: \"52:54:00:20:00:10\",
    services: [{name: \"postgresql\", user: \"postgres\", start: \"$pg/postgres -D $data\"}]}"
web="{host: \"web\", host_id: \"$(host_id web)\", point: 1, address: \"10.20.0.20/24\", after: [\"db\"],
    services: [{name: \"web\", user: \"www-data\", start: \"exec perl /serve.pl\"}]}"
orders="{name: \"orders\", host: \"db\", run: \"$pg/psql -h 10.20.0.10 -U shop -Atc 'select count(*) from orders' shop\",
    expect: \"^[1-9][0-9]*\$\", within: \"20s\"}"
front="{name: \"front\", host: \"web\", http: \"http://10.20.0.20:8000/\", expect: \"Welcome\", within: \"15s\"}"
api="{name: \"api\", host: \"web\", http: \"http://10.20.0.20:8000/api/\", expect: \"orders.: 5000\", within: \"8s\"}"

step "the whole system: web named first, started second"
order whole 2 ".gateway = \"10.20.0.1/24\" | .hosts = [$web, $db] | .checks = [$orders, $front, $api]"
drill whole || { cat "$ZAIBEI_TMP/journal.whole" "$ZAIBEI_TMP/log.whole"; fail "exit $?"; }
verdict whole green
[ "$(journal whole 'last | .egress')" = closed ] || fail "the way out is not closed"
[ "$(journal whole 'map(select(.phase == "check" and .state == "ok") | .name) | join(" ")')" = "orders front api" ] || fail "checks"
[ "$(journal whole 'map(select(.phase == "egress" and .state == "ok")) | length')" = 3 ] || fail "egress of each"
journal whole '.[] | select(.phase == "check" or .phase == "start") | select(.seconds) | "   \(.host) \(.name) \(.seconds) s"'

step "no key in any process of the drill once all is restored, nor afterwards anywhere"
# The search itself is proved by 85-drill-content.
key=$(host_key web)
order keyless 2 ".hosts = [$web] | .checks = [$front]"
drill keyless --look check "! /usr/bin/python3 $here/marker.py $key --below \$WORKER"
verdict keyless green

step "the database is not there: the front page still answers"
order left 2 ".hosts = [$web] | .checks = [$orders, $front, $api]"
drill left && fail "green without the database"
red left check "web api" "status 503 instead of 200"
[ "$(journal left 'map(select(.phase == "check" and .state == "ok") | .name) | join(" ")')" = front ] || fail "the front page"
[ "$(journal left 'map(select(.name == "orders" and .state == "red") | .detail) | length')" = 1 ] || fail "orders was not asked"

step "a check that would be green for an empty page, and a page that is empty"
empty='{name: "empty", host: "web", http: "http://10.20.0.20:8000/empty", expect: "^.*$", within: "2s"}'
order vacuous 2 ".hosts = [$web] | .checks = [$empty]"
drill vacuous && fail "green for an empty page"
red vacuous check "web empty" "it could never fail"
order empty 2 ".hosts = [$web] | .checks = [$empty] | .checks[0].expect = \"Welcome\""
drill empty && fail "green for another empty page"
red empty check "web empty" "expected Welcome, found:"

step "the way out is opened on purpose"
order open 2 ".hosts = [$web] | .checks = [$front] | .control = \"egress-open\""
drill open && fail "green with a way out"
red open egress "was reached from inside"
[ "$(journal open 'last | .egress')" = open ] || fail "the way out is not told"

step "the database's machine without a library; with an emptied control file"
library=$(ls "$place"/db/usr/lib/*/libxml2.so.2 "$place"/db/usr/lib/*/liblz4.so.1 2>/dev/null | head -n 1)
mv "$library" "$place/kept"
machine_again db
order library 2 ".hosts = [$db] | .hosts[0].point = 2 | .checks = [$orders]"
drill library && fail "green without a library"
red library start "db postgresql" "$(basename "$library"): cannot open shared object file"
mv "$place/kept" "$library"
: >"$place/db$data/global/pg_control"
machine_again db
order control 2 ".hosts = [$db] | .hosts[0].point = 3 | .checks = [$orders]"
drill control && fail "green with an emptied control file"
red control start "db postgresql" "global/pg_control"

step "kill -9 of either process while services run: nothing is left, and the next clean finds what there was"
for who in inner outer; do
    order "$who" 2 ".hosts = [$web] | .checks = [$api] | .checks[0].within = \"30s\""
    drill "$who" --kill $who --at check && fail "killed and green"
    if [ $who = inner ]; then verdict inner failed; fi
    clean
    left_nothing "$who"
done
