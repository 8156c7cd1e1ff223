#!/bin/bash
# faults: F18
# limit 240
# A real database server, a cluster of its own with no service: pg_dump as the server's user is a dump of the host's list; it is
# made while the database is written to, comes back into a fresh cluster as it was, and is not stored when the server is gone.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
pg=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "${pg:-/nonexistent}/initdb" ] || not_run "PostgreSQL is not installed"
who=$(id -un) as=
[ "$(id -u)" -ne 0 ] || { who=postgres as="runuser -u postgres --"; }
id "$who" >/dev/null 2>&1 || not_run "there is no user postgres"
place=$(mktemp -d /tmp/zb.XXXXXX) # the server's user must reach it
chown "$who" "$place"
export ZAIBEI_AGENT_CONFIG=$ZAIBEI_TMP/agent.yaml PGHOST=$place PGDATABASE=postgres
cd "$place"
pg_end() {
    local rc=$?
    for name in old new; do $as "$pg/pg_ctl" -D "$place/$name" -m immediate stop >/dev/null 2>&1 || :; done
    rm -rf "$place"
    exit $rc
}
trap pg_end EXIT

# A cluster of this name on its own socket: no network.
cluster() {
    $as "$pg/initdb" -D "$place/$1" -A trust -U admin --no-sync >/dev/null
    $as "$pg/pg_ctl" -D "$place/$1" -w -l "$place/$1.log" \
        -o "-c listen_addresses='' -c unix_socket_directories='$place' -c port=$2 -c fsync=off" start >/dev/null
}
sql() { # PORT TEXT
    $as "$pg/psql" -U admin -h "$place" -p "$1" -d postgres -qAt -c "$2"
}

zaibei-vault init "$ZAIBEI_TMP/vault" >/dev/null
public=$(zaibei --json kit new --out "$ZAIBEI_TMP/kit" | jq -r .public)
zaibei-agent enroll "dir://$ZAIBEI_TMP/vault" --host h --system s --recipient "$public" --state "$ZAIBEI_TMP/state" >/dev/null
cat >>"$ZAIBEI_AGENT_CONFIG" <<END
dumps:
    books:
        command: [$pg/pg_dump, -U, admin, -h, $place, -p, '5441', postgres]
        user: $who
        timeout: 1m
        min_size: 100 KiB
END

step "a dump while the database is written to"
cluster old 5441
sql 5441 "CREATE TABLE book(n int PRIMARY KEY, title text); CREATE TABLE sum(n int);
    INSERT INTO book SELECT g, md5(g::text) || md5((g + 1)::text) FROM generate_series(1, 40000) g; INSERT INTO sum VALUES (40000)"
(while sql 5441 "BEGIN; INSERT INTO book SELECT max(n) + 1, 'new' FROM book; UPDATE sum SET n = n + 1; COMMIT" 2>/dev/null; do :; done) &
writer=$!
expect 0 zaibei-agent backup --dump books
first=$(zaibei-agent points --json | jq -s 'map(select(.message_type == "point")) | last | .bytes_sent')
kill $writer
wait $writer 2>/dev/null || :
sql 5441 "UPDATE book SET title = 'edited' WHERE n % 10000 = 1"
expect 0 zaibei-agent backup --dump books
second=$(zaibei-agent points --json | jq -s 'map(select(.message_type == "point")) | last | .bytes_sent')
echo "sent: $first, then $second"
[ $((second * 10)) -lt "$first" ] || fail "the second dump sent $second of $first"
want=$(sql 5441 "SELECT md5(string_agg(n || title, ',' ORDER BY n)) FROM book")

step "the server is gone: nothing is stored, the dump before it stays"
$as "$pg/pg_ctl" -D "$place/old" -m fast stop >/dev/null
expect 3 zaibei-agent backup --dump books
says "dump books: pg_dump: error" "/.zaibei/dumps/books: exit status 1" "as the last restore point has it"

step "into a fresh cluster, from each point"
cluster new 5442
for n in 1 2 3; do
    rm -rf "$ZAIBEI_TMP/out"
    restore $n "$ZAIBEI_TMP/out"
    sql 5442 "DROP TABLE IF EXISTS book, sum"
    $as "$pg/psql" -U admin -h "$place" -p 5442 -d postgres -q -v ON_ERROR_STOP=1 <"$ZAIBEI_TMP/out/.zaibei/dumps/books" >/dev/null
    [ "$(sql 5442 "SELECT count(*) = (SELECT n FROM sum) FROM book")" = t ] || fail "the dump of point $n is not of one moment"
    [ $n -eq 1 ] || [ "$(sql 5442 "SELECT md5(string_agg(n || title, ',' ORDER BY n)) FROM book")" = "$want" ] || fail "point $n differs"
done
[ "$(zaibei-agent points --json | jq -s 'map(select(.message_type == "point")) | last | .state' -r)" = partial ] || fail "the last point is not partial"
