#!/bin/bash
# faults: A7
# A system of two hosts moves to two others, all with real agents, and comes back: nothing is cut over before everything is there; the last
# points are pinned; zaibeid dies in the middle of cutover and rollback; the originals' application answers as before; what was
# entered on the targets meanwhile is in a point.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
. "$ZAIBEI_ROOT/tests/scenario/migrate_lib.sh"
sandbox_up
hosts='shop-db shop-web cloud-db cloud-web'
back=$ZAIBEI_TMP/back
mkdir "$back"
migrate_trap

step 'four hosts, a plan for each'
for name in $hosts; do
    mkdir "$ZAIBEI_TMP/$name.data"
    enrol "$name" "${name%%-*}" "restore_roots: [$back]"
    printf '%s\n' "name: $name" "system: ${name%%-*}" "hosts: [$name]" "content: {paths: [$ZAIBEI_TMP/$name.data]}" \
        "strategy: {weekly: full}" "$by_hand" "retention_days: 1" "targets: {rpo: 1h}" >"$ZAIBEI_TMP/plan.yaml"
    plan_into_force "$ZAIBEI_TMP/plan.yaml"
done
db=$ZAIBEI_TMP/shop-db.data web=$ZAIBEI_TMP/shop-web.data newdb=$ZAIBEI_TMP/cloud-db.data
sql "$db" 'create table orders(id integer primary key, price integer)'
for i in 1 2 3; do sql "$db" "insert into orders(price) values($i * 100)"; done
echo '<h1>shop</h1>' >"$web/index.html"
noise 300000 web >"$web/picture"
expect 0 as applicant zaibei migrate begin move --system shop --original shop-db,shop-web --target cloud-db,cloud-web
expect 2 as applicant zaibei migrate begin again --system shop --original shop-db --target cloud-db

step 'not ready: no points, silent agents, no kit; each said'
expect 12 as applicant zaibei migrate ready move
says ZB-1946 'no complete restore point' 'never heard of' 'kit opens'
for name in $hosts; do agent_up "$name"; done
for name in shop-db shop-web; do zaibei job run "$name" >/dev/null; done
for name in shop-db shop-web; do expect 0 zaibei job run "$name" --wait; done
zaibei kit new --out "$ZAIBEI_TMP/other-kit" >/dev/null
expect 12 as applicant zaibei migrate ready move --kit "$ZAIBEI_TMP/other-kit"
says 'sealed to another kit: check digits'
judged move

step 'cutover; zaibeid dies in the middle of it'
sql "$db" "insert into orders(price) values(400)" # the last one
expect 0 as applicant zaibei migrate cutover move --yes
dies
until_state window 60
pdb=$(show '.originals[0].point') pweb=$(show '.originals[1].point')
[ "$(zaibei point list shop-db --json | jq -r .point | tail -n 1)" = "$pdb" ] || fail "not the last point: $(show .originals)"
[ "$(show .system_point)" = 1 ] || fail "the whole system without a system point"
pins=$(show '[.originals[].pinned_until] | unique | join(" ")')
for name in shop-db shop-web; do
    expect 0 zaibei point pins "$name"
    says 'migration move' "$pins"
done
[ "$(date -d "$pins" +%s)" -ge "$(date -d "$(show .window_end)" +%s)" ] || fail "the pins end before the window"
expect 0 as applicant zaibei migrate verify move
[ "$(show '[.verify[].ok] | join(" ")')" = 'true true' ] || fail "verify: $(show .verify)"

step 'whatever is tried, the pinned points stay'
expect 12 zaibei point remove "shop-db/$pdb" --reason x --yes
expect 12 zaibei-vault remove "$vault" "shop-web/$pweb" --reason x --yes
expect 0 as applicant zaibei plan retire shop-db --reason over --backups drop --vm-files drop --yes
expect 0 as office zaibei plan approve shop-db --yes
expect 12 as applicant zaibei migrate close move --reason over
says ZB-1947
expect 12 as office zaibei migrate approve move --yes
says ZB-1945
expect 0 zaibei-vault floor "$vault" shop-db --days 92 --reason x
expect 12 zaibei point remove "shop-db/$pdb" --reason x --yes

step 'the new system takes over, and goes wrong'
cp "$db/orders.db" "$newdb/"
cp "$web/index.html" "$ZAIBEI_TMP/cloud-web.data/"
sql "$newdb" 'insert into orders(price) values(5000)'
rm -r "$db" "$web"
sleep 1

step 'rollback: the targets are saved, then the originals restored; zaibeid dies in the middle'
expect 2 as applicant zaibei migrate rollback move --dir relative --yes
expect 10 as applicant zaibei migrate rollback move --to shop-db=nobody --yes
expect 0 as applicant zaibei migrate rollback move --dir "$back" --reason 'the new one fails' --yes
dies
until_state rolled-back 120
[ "$(answers "$back/shop-db$db" "$back/shop-web$web")" = '4 1000' ] || fail "the application: $(answers "$back/shop-db$db" "$back/shop-web$web")"
cmp <(noise 300000 web) "$back/shop-web$web/picture" || fail 'the picture'

step 'what was entered on the targets is in a point, which is pinned too'
saved=$(show '.targets[] | select(.host == "cloud-db").point')
zaibei-vault rights "$vault" cloud-db --read all >/dev/null
agent cloud-db restore "$saved" --target "$ZAIBEI_TMP/saved" >/dev/null 2>&1 || fail 'the saved point'
[ "$(sql "$ZAIBEI_TMP/saved$newdb" 'select sum(price) from orders')" = 6000 ] || fail 'the later row is not in the saved point'
expect 0 zaibei point pins cloud-db
says 'before its rollback'

step 'the window goes on; the way back has been measured'
expect 12 as applicant zaibei migrate close move --reason over
says ZB-1947
[ "$(show '.rto_s > 0')" = true ] || fail "rto: $(zaibei migrate show move)"
expect 0 as applicant zaibei migrate extend move --months 1
expect 0 zaibei migrate report move
says 迁移记录 rolled-back 'the new one fails' 最近一次回退
[ "$(show '.rollback.took_s > 0')" = true ] || fail "how long it took: $(show .rollback)"
expect 0 zaibei migrate list
says move rolled-back
as auditor zaibei audit verify >/dev/null || fail 'the audit'
for act in begin ready cutover pin.asked pin verify rollback restore restored extend.asked extend; do
    as auditor zaibei audit list --act migrate.$act --json | grep -q '"move"' || fail "no record of $act"
done
