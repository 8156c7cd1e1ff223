#!/bin/bash
# faults: B3
# A host, a system and a department may store so much and no more: said before an upload begins where that can be known,
# else in its midst; then nothing partial is left, reading goes on, and with more room the next run continues.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
cd "$ZAIBEI_TMP"

zaibei-vault init vault >/dev/null
zaibei kit new --out kit >kit.txt
pub=$(grep -oh 'zbk-pub-[A-Za-z0-9+/=]*' kit.txt kit | head -n 1)
for host in web db; do
    zaibei-agent enroll "dir://$ZAIBEI_TMP/vault" --host $host --system oa --recipient "$pub" \
        --state "$ZAIBEI_TMP/state-$host" --config "$ZAIBEI_TMP/$host.yaml" >/dev/null
done
as() { # HOST COMMAND...
    local host=$1
    shift
    ZAIBEI_AGENT_CONFIG=$ZAIBEI_TMP/$host.yaml "$@"
}
vault=vault
quota() { zaibei-vault quota vault "$@"; }
used() { quota --json | jq ".hosts[] | select(.host == \"$1\") | .used"; }
points() { as "$1" zaibei-agent points --json | jq -s 'map(select(.message_type == "point")) | length'; }
mkdir web db
noise 1000000 w1 >web/a
noise 600000 d1 >db/a
as web backup web
as db backup db
cp -a web web1

step 'a quota is shown beside what is used; what is mistyped is refused, here and in the file'
expect 0 quota --host web --bytes '3 MiB'
says 'host web: ' ' of 3.0 MiB (3'
[ "$(used web)" -eq "$(find vault/store/hosts/web/packs vault/store/hosts/web/used -type f -printf '%s\n' | awk '{n += $1} END {print n}')" ] ||
    fail 'used is not what is in the store'
expect 2 quota --host web --bytes lots
expect 2 quota --host web --system oa --bytes 1
expect 2 quota --department d --bytes 1
expect 10 quota --host nobody --bytes 1

step 'in the midst of an upload: ZB-1402 with both numbers, no point, no session left, the old point readable'
noise 12000000 w2 >web/b
expect 13 as web zaibei-agent backup web
says ZB-1402 'host web' 'of 3.0 MiB' 'more were sent'
[ "$(points web)" -eq 1 ] || fail 'a point of an upload that did not end'
[ "$(used web)" -le 3145728 ] || fail "$(used web) bytes are stored"
as web zaibei-agent restore latest --target back >/dev/null
diff -r web1 "back$PWD/web" || fail 'the point from before'
zaibei-verify vault vault --key kit --quiet >/dev/null || fail 'zaibei-verify after a doomed upload'

step 'with more room the next run continues'
expect 0 quota --host web --bytes '40 MiB'
as web backup web
rm -rf back
as web restore latest back
diff -r web "back$PWD/web" || fail 'the point'

step 'set below what is used: nothing new, everything readable; none again: it goes on'
expect 0 quota --host web --bytes 1000
echo more >web/c
expect 13 as web zaibei-agent backup web
says ZB-1402 'are used of 1000 B'
rm -rf back
as web restore 1 back
diff -r web1 "back$PWD/web" || fail 'the first point'
as db backup db
expect 0 quota --host web --bytes 0
as web backup web

step 'a full that will not fit is refused before it starts'
full=$(as web zaibei-agent points --json | jq -s 'map(select(.kind == "full")) | .[0].bytes_stored')
expect 0 quota --host web --bytes $(($(used web) + full / 2))
expect 13 as web zaibei-agent backup --full web
says ZB-1402 'a full needs about'
expect 0 quota --host web --bytes 0

step 'a system, and a department of systems; the other host of the system is bound too, others are not'
expect 0 quota --system oa --bytes '1 MiB'
expect 13 as db zaibei-agent backup db
says ZB-1402 'system oa' 'of 1.0 MiB'
expect 0 quota --system oa --bytes 0
expect 0 quota --department finance --systems oa,erp --bytes '2 MiB'
expect 13 as web zaibei-agent backup web
says ZB-1402 'department finance' 'of 2.0 MiB'
expect 0 quota --department finance --systems erp --bytes '2 MiB'
as web backup web
echo 'bytes many' >vault/quota/department/finance
expect 2 as web zaibei-agent backup web
says ZB-1002 quota/department/finance
rm vault/quota/department/finance

step 'the platform sets and reads them; numbers about the whole vault'
zaibei-vault keep vault 2>keep.err &
keeper=$!
trap 'kill $keeper' EXIT
answer=$(printf '%s\n' '{"op":"quota","department":"finance","systems":["oa"],"bytes":5000}' | zaibei-vault control vault)
[ "$(jq -c '[.ok, .departments[0].department, .departments[0].quota, .departments[0].systems]' <<<"$answer")" = \
    '[true,"finance",5000,["oa"]]' ] || fail "quota: $answer"
answer=$(echo '{"op":"quota","host":"web","bytes":-1}' | zaibei-vault control vault)
[ "$(jq .error.id <<<"$answer")" -eq 1001 ] || fail "a negative quota: $answer"
answer=$(echo '{"op":"stat"}' | zaibei-vault control vault)
jq -e '.capacity > .bytes and .percent <= 100 and (.alert | type) == "boolean"' <<<"$answer" >/dev/null || fail "stat: $answer"
