#!/bin/bash
# limit 300
# faults: G1
# The way back to other hosts and in place, each with the department's grants, as the cutover's plan orders it although that plan
# is retired by now. In place: what was changed or deleted comes back, what the point does not have stays, what cannot give way is
# named and keeps the rollback from being called good. What was entered on the new system is in a point of each time.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
. "$ZAIBEI_ROOT/tests/scenario/migrate_lib.sh"
cages_or_not_run
sandbox_up
migrate_trap
sed -i 's/^call_in_s: .*/call_in_s: 2/' "$ZAIBEI_CONFIG" # six agents
dies
for name in shop-db shop-web cloud-db cloud-web spare; do
    enrol "$name" "${name%%-*}" 'restore_roots: [/back]'
    cage_make "$name"
done
db=$roots/shop-db/srv web=$roots/shop-web/srv newdb=$roots/cloud-db/srv newweb=$roots/cloud-web/srv
sql "$db" 'create table orders(id integer primary key, price integer)'
for i in 1 2 3 4; do sql "$db" "insert into orders(price) values($i * 100)"; done
echo '<h1>shop</h1>' >"$web/index.html"
noise 300000 web >"$web/picture"
manifest "$web" >"$ZAIBEI_TMP/web.want"
plan() { # NAME HOSTS [MORE]
    printf '%s\n' "name: $1" "system: $1" "hosts: [$2]" "content: {paths: [/srv]}" "strategy: {daily: incremental}" \
        "$by_hand" "retention_days: 1" "targets: {rpo: 1h, rto: 1h}" "${3:-}" >"$ZAIBEI_TMP/plan.yaml"
    plan_into_force "$ZAIBEI_TMP/plan.yaml"
}
plan shop 'shop-db, shop-web' \
    'recovery: {hosts: [{host: shop-web, after: [shop-db], address: 10.20.0.20/24}, {host: shop-db, address: 10.20.0.10/24}]}'
plan cloud 'cloud-db, cloud-web'
for name in shop-db shop-web cloud-db cloud-web spare; do caged_up "$name"; done

step 'the system moves; its plan is retired; the new one is worked with'
expect 0 as applicant zaibei migrate begin move --system shop --original shop-db,shop-web --target cloud-db,cloud-web
expect 0 zaibei job run shop --wait
judged move
expect 0 as applicant zaibei migrate cutover move --yes --wait
pins=$(show '[.originals[].pinned_until] | unique | join(" ")')
cp "$db/orders.db" "$newdb/"
cp "$web/index.html" "$newweb/"
sql "$newdb" 'insert into orders(price) values(5000)'
expect 0 as applicant zaibei plan retire shop --reason moved --backups drop --vm-files drop --yes
expect 0 as office zaibei plan approve shop --yes

# back STATE CODE ARGUMENT... : roll back; the grants; what came of it. $restore, $saved: this rollback's.
back() {
    local state=$1 code=$2
    shift 2
    expect 0 as applicant zaibei migrate rollback move "$@" --reason 'the new one fails' --yes
    for _ in $(seq 300); do
        restore=$(show '.rollback.restore // ""')
        [ -n "$restore" ] && [ "$(zaibei restore show "$restore" --json | jq -r '[.items[].state] | unique | join(" ")')" = waiting ] && break
        sleep 0.2
    done
    [ "$(zaibei restore show "$restore" --json | jq -r '[.items[].state] | unique | join(" ")')" = waiting ] ||
        fail "it does not wait for grants: $(zaibei restore show "$restore")"
    saved=$(show '.targets[] | select(.host == "cloud-db").point')
    expect 12 zaibei restore show "$restore" --kit "$ZAIBEI_TMP/other-kit"
    before_grant
    expect "$code" zaibei restore show "$restore" --kit "$kit"
    until_state "$state" 30
    zaibei restore show "$restore" --json | jq -e '[.items[] | {(.host): .}] | add |
        .["shop-web"].after == "shop-db" and .["shop-web"].started >= .["shop-db"].ended' >/dev/null ||
        fail "not in order: $(zaibei restore show "$restore" --json)"
}
zaibei kit new --out "$ZAIBEI_TMP/other-kit" >/dev/null 2>&1

step 'to another host, which may read them with grants only; the database first'
before_grant() { [ -z "$(ls "$roots/spare/back")" ] || fail 'restored without a grant'; }
back rolled-back 0 --to shop-db=spare,shop-web=spare --dir /back
[ "$(answers "$roots/spare/back/shop-db/srv" "$roots/spare/back/shop-web/srv")" = '4 1000' ] || fail 'the application on the other host'
first=$saved

step 'in place: what changed since, and something in the way'
sql "$newdb" 'insert into orders(price) values(6000)'
rm "$db/orders.db"
echo later >"$web/index.html"
echo 'not in the point' >"$web/later"
rm "$web/picture"
mkdir "$web/picture"
echo 'somebody works here' >"$web/picture/file"
before_grant() { [ ! -e "$db/orders.db" ] || fail 'restored without a grant'; }
back window 3 --to same
[[ $(show .failed) = *ZB-1952*shop-web*picture* ]] || fail "it does not say what was in the way: $(show .failed)"
[ "$(answers "$db" "$web")" = '4 1000' ] || fail 'all the rest was to be restored'
[ "$(cat "$web/picture/file")" = 'somebody works here' ] || fail 'what was in the way is gone'

step 'in place, once more: all is as it was, and what is newer stays beside it'
rm -r "$web/picture"
before_grant() { [ ! -e "$web/picture" ] || fail 'restored without a grant'; }
back rolled-back 0
[ "$(answers "$db" "$web")" = '4 1000' ] || fail 'the application in place'
[ "$(cat "$web/later")" = 'not in the point' ] || fail 'a file that is not in the point was removed'
rm "$web/later"
manifest "$web" >"$ZAIBEI_TMP/web.got"
sed -i 1d "$ZAIBEI_TMP/web.want" "$ZAIBEI_TMP/web.got" # the directory's own time
same "$ZAIBEI_TMP/web.want" "$ZAIBEI_TMP/web.got" 'what was restored in place'
for name in shop-db shop-web spare; do
    grep -q '^restore_roots' "$ZAIBEI_TMP/$name.yaml" || fail "the agent's own configuration was replaced"
    [ -z "$(find "$roots/$name" -xdev -name '.zaibei-*')" ] || fail "left over: $(find "$roots/$name" -xdev -name '.zaibei-*')"
done

step 'each rollback has kept what was entered meanwhile, and nothing has lost its pin'
zaibei-vault rights "$vault" cloud-db --read all >/dev/null
sum() { # POINT
    agent cloud-db restore "$1" --target "$ZAIBEI_TMP/saved$1" >/dev/null 2>&1 || fail "the saved point $1"
    sql "$ZAIBEI_TMP/saved$1/srv" 'select sum(price) from orders'
}
[ "$(sum "$first")" = 6000 ] || fail 'the later row is not in the first saved point'
[ "$(sum "$saved")" = 12000 ] || fail 'the latest row is not in the last saved point'
expect 0 zaibei point pins cloud-db
[ "$(grep -c 'before its rollback' <<<"$said")" = 3 ] || fail "not each rollback's point is pinned: $said"
expect 0 as applicant zaibei migrate verify move
[ "$(show '[.verify[].ok] | join(" ")')" = 'true true' ] || fail "verify: $(show .verify)"
[ "$(show '[.originals[].pinned_until] | unique | join(" ")')" = "$pins" ] || fail 'a pin has changed'
[ -z "$(find "$vault/grants" -type f)" ] || fail "a note that let one host read another is left: $(find "$vault/grants" -type f)"

step 'the new system is lost: nobody waits for it for ever, and the way back does not depend on it'
rm -r "$db/orders.db" "$web/index.html"
for name in cloud-db cloud-web; do kill -9 "${agent_pid[$name]}"; done
expect 0 as applicant zaibei migrate rollback move --dir /back --yes
sleep 2
[ "$(show .state)" = rolling-back ] || fail "it does not wait for the targets: $(zaibei migrate show move)"
for job in $(zaibei job list --state queued --json | jq -r .job); do expect 0 zaibei job cancel "$job"; done
until_state window 20
[[ $(show .failed) = *ZB-1951*cloud-* ]] || fail "it does not say which target it waited for: $(show .failed)"
expect 0 as applicant zaibei migrate rollback move --dir /back --unsaved --reason 'the new one is lost' --yes --wait
[ "$(show .state)" = rolled-back ] || fail "$(zaibei migrate show move)"
[ "$(answers "$roots/shop-db/back/shop-db/srv" "$roots/shop-web/back/shop-web/srv")" = '4 1000' ] || fail 'the application without its targets'
[ "$(as auditor zaibei audit list --act migrate.rollback --json | jq -r 'select(.detail.unsaved).detail.reason')" = 'the new one is lost' ] ||
    fail 'that nothing was saved is not in the audit'

step 'a kit that opens the keys of one host and not of another: the one comes back, the other is named'
kit=$ZAIBEI_TMP/other-kit enrol alien spare
cage_make alien
for name in alien spare; do
    echo "$name" >"$roots/$name/srv/file"
    caged "$name" backup /srv >/dev/null 2>&1 || fail "no point of $name"
done
caged_up alien
expect 12 zaibei restore system:spare --to host --into /srv/new --reason test --kit "$kit"
says alien
[ "$(cat "$roots/spare/srv/new/srv/file")" = spare ] || fail "a host is hidden by another: $(zaibei restore list)"
[ ! -e "$roots/alien/srv/new" ] || fail 'restored with a kit that is not its own'
