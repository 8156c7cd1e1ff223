#!/bin/bash
# faults: F17
# limit 240
# System points of two real agents: all hosts are frozen before one of them walks, the application before the database; the
# point is one, listed and pinned as one. Whatever goes wrong while hosts are frozen, each is thawed within its time and says so:
# another host fails, an agent is killed or hangs, zaibeid and the network are gone.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
log=$ZAIBEI_TMP/log slow=$ZAIBEI_TMP/slow work=$ZAIBEI_TMP/work
declare -A pid config
platform=()
agents_down() {
    local name
    [ ${#platform[@]} = 0 ] || kill -CONT "${platform[@]}" 2>/dev/null || :
    for name in "${!pid[@]}"; do kill -CONT "${pid[$name]}" 2>/dev/null && kill -9 "${pid[$name]}" 2>/dev/null || :; done
}
trap 'rc=$?; agents_down; "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; exit $rc' EXIT

config[db]=$ZAIBEI_AGENT_CONFIG config[web]=$ZAIBEI_TMP/web/agent.yaml
zaibei host enroll-token web --system shop --json | grep -o 'zbe1,[^"]*' |
    zaibei-agent --config "${config[web]}" enroll - --recipient "$(grep -o 'zbk-pub-.*' "$kit")" >/dev/null
zaibei-vault rights "$vault" web --read all >/dev/null
for name in db web; do
    mkdir "$ZAIBEI_TMP/$name-data"
    echo "of $name" >"$ZAIBEI_TMP/$name-data/file"
    cat >>"${config[$name]}" <<END
hooks:
    freeze: {command: [/bin/sh, -c, 'touch $work-$name.hold; [ $name = db ] || [ ! -e $work ] || while [ ! -e $work.held ]; do sleep 0.02; done; while [ -e $slow-$name ]; do sleep 0.05; done; [ ! -e $ZAIBEI_TMP/broken-$name ] && echo $name freeze \$(date +%s%N) >>$log'], hold: 12s}
    thaw: {command: [/bin/sh, -c, 'rm -f $work-$name.hold; echo $name thaw \$(date +%s%N) \$ZAIBEI_RESULT >>$log']}
END
done
cat >"$ZAIBEI_TMP/shop.yaml" <<END
name: shop
system: shop
hosts: [$host, web]
content: {paths: [$ZAIBEI_TMP/db-data, $ZAIBEI_TMP/web-data]}
strategy: {daily: incremental}
$by_hand
targets: {rpo: 24h, rto: 1h}
hooks: {post: [{name: thaw}]}
recovery:
    hosts:
        - {host: web, after: [$host], address: 10.20.0.20/24, freeze: [freeze]}
        - {host: $host, address: 10.20.0.10/24, freeze: [freeze]}
END
plan_into_force "$ZAIBEI_TMP/shop.yaml"

agent_up() { # NAME
    zaibei-agent --config "${config[$1]}" run >>"$ZAIBEI_TMP/$1.out" 2>&1 &
    pid[$1]=$!
}
times() { sed -n "s/^$1 $2 \([0-9]*\).*/\1/p" "$log" | tail -n 1; } # NAME freeze|thaw
seconds() { date -d "$1" +%s%N; }
wait_for() { # WHAT COMMAND...: at most 40 s
    local what=$1
    shift
    for _ in $(seq 400); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    cat "$log" "$ZAIBEI_TMP"/*.out >&2
    zaibei system points shop --json >&2
    fail "$what"
}
newest() { zaibei system points shop --json | head -n 1 | jq -r "$1"; }
ended() { [ "$(newest '.ended')" != null ]; }
frozen() { [ -n "$(times "$1" freeze)" ]; }
thawed() { [ -n "$(times "$1" thaw)" ]; }
# thaws_in_time NAME : within its hold of 12 s, and what a loaded machine takes.
thaws_in_time() {
    wait_for "$1 stays frozen" thawed "$1"
    local held=$((($(times "$1" thaw) - $(times "$1" freeze)) / 1000000))
    [ "$held" -lt 20000 ] || fail "$1 was frozen for $held ms"
}

# An application at work: each number is written at the application first, then at the database, unless one of them is held.
work() {
    local n=0
    while [ -e "$work" ]; do
        while [ -e "$work-web.hold" ]; do touch "$work.held" && sleep 0.02; done
        rm -f "$work.held"
        n=$((n + 1))
        echo $n >"$ZAIBEI_TMP/web-data/n"
        while [ -e "$work-db.hold" ]; do sleep 0.02; done
        echo $n >"$ZAIBEI_TMP/db-data/n"
        sleep 0.01
    done
}

step 'one cut through both hosts'
touch "$work"
work &
worker=$!
agent_up db && agent_up web
expect 0 zaibei system point shop --wait --reason 'before the upgrade' --json
[ "$(jq -r .state <<<"$said")" = ok ] || fail "the system point is $said"
rm "$work"
wait $worker
last=$(times db freeze)
[ "$(times web freeze)" -lt "$last" ] || fail "the database was frozen before the application: $(cat "$log")"
for name in web "$host"; do
    walked=$(seconds "$(jq -r ".hosts[] | select(.host == \"$name\") | .walk_start" <<<"$said")")
    [ $((last / 1000000000 * 1000000000)) -le "$walked" ] || fail "$name was walked at $walked, before the last freeze at $last"
    number=$(jq -r ".hosts[] | select(.host == \"$name\") | .point" <<<"$said")
    told=$(seconds "$(zaibei point show "$name/$number" --json | jq -r .walk_start)")
    [ "$told" = "$walked" ] || fail "the vault says that $name was walked at $told, not $walked"
    [ "$name" = web ] && who=web || who=db
    [ "$(times "$who" thaw)" -ge "$walked" ] || fail "$name was thawed before its walk"
done
for name in db web; do
    zaibei-agent --config "${config[$name]}" restore 1 --target "$ZAIBEI_TMP/out-$name" >/dev/null || fail "restore of $name"
    cp "$ZAIBEI_TMP/out-$name$ZAIBEI_TMP/$name-data/n" "$ZAIBEI_TMP/n-$name"
done
same "$ZAIBEI_TMP/n-web" "$ZAIBEI_TMP/n-db" 'what the application had written and what the database had taken'
[ "$(cat "$ZAIBEI_TMP/db-data/n")" -gt "$(cat "$ZAIBEI_TMP/n-db")" ] || fail 'the application did not go on'

step 'listed, shown and pinned as one'
[ "$(newest '[.id, .state, .reason] | join(" ")')" = '1 ok before the upgrade' ] || fail "$(newest .)"
expect 0 zaibei system points shop && says 'shop@1' "$host/1" 'web/1'
expect 0 zaibei point show shop@1 && says 'before the upgrade' frozen
expect 0 zaibei point pin shop@1 --months 3 --reason upgrade && says "$host/1 is pinned until" 'web/1 is pinned until'
zaibei point pins web --json | jq -e 'select(.point == 1)' >/dev/null || fail 'web/1 is not pinned'
expect 10 zaibei point pin shop@7 --months 3 --reason upgrade
expect 0 zaibei system list && says shop
expect 0 zaibei system show shop && says "$host" 10.20.0.20/24 'shop@1 ok'
[ "$(as auditor zaibei audit list --act system.point.ended --json | jq -r .detail.state)" = ok ] || fail 'no record of its end'

step 'a host that cannot freeze ends it for all'
: >"$log"
touch "$ZAIBEI_TMP/broken-db"
expect 1 zaibei system point shop --wait --json
[ "$(jq -r .state <<<"$said")" = failed ] || fail "$said"
[ "$(jq -r '.hosts[] | select(.host == "web") | .error.id' <<<"$said")" = ZB-1936 ] || fail "$said"
thaws_in_time web
rm "$ZAIBEI_TMP/broken-db"

# begin_frozen : a system point whose application is frozen, and whose database is not yet.
begin_frozen() {
    : >"$log"
    touch "$slow-db"
    zaibei system point shop >/dev/null
    wait_for 'web is not frozen' frozen web
}

step 'an agent is killed while its host is frozen'
begin_frozen
kill -9 "${pid[web]}"
thaws_in_time web
grep -q 'killed$' "$log" || fail "$(cat "$log")"
wait_for 'the guard says nothing' grep -q 'without its post command thaw' "$ZAIBEI_TMP/web.out"
rm "$slow-db"
agent_up web
wait_for 'the system point does not end' ended
[ "$(newest .state)" = failed ] || fail "$(newest .)"
if frozen db; then thaws_in_time db; fi

step 'an agent hangs while its host is frozen'
begin_frozen
kill -STOP "${pid[web]}"
thaws_in_time web
wait_for 'the guard says nothing' grep -q 'thawed after 12 seconds' "$ZAIBEI_TMP/web.out"
kill -CONT "${pid[web]}"
rm "$slow-db"
wait_for 'the system point does not end' ended
[ "$(newest '.hosts[] | select(.host == "web") | .error.id')" = ZB-1937 ] || fail "$(newest .)"

step 'zaibeid and the network are gone while a host is frozen'
begin_frozen
platform=()
for name in zaibeid sshd; do platform+=("$(pgrep -P "$(cut -d' ' -f1 "$box/run/$name.pid")" | head -n 1)"); done
kill -STOP "${platform[@]}"
thaws_in_time web
kill -CONT "${platform[@]}"
rm "$slow-db"
wait_for 'the system point does not end' ended
[ "$(newest '.hosts[] | select(.host == "web") | .error.id')" = ZB-1937 ] || fail "$(newest .)"
[ "$(newest .state)" != ok ] || fail "$(newest .)"

step 'and then the next one is whole again'
: >"$log"
expect 0 zaibei system point shop --wait --json
[ "$(jq -r .state <<<"$said")" = ok ] || fail "$said"

step 'one recovery for a system'
sed 's/^name: shop/name: shop-too/; s/rto: 1h/rto: 2h/' "$ZAIBEI_TMP/shop.yaml" >"$ZAIBEI_TMP/too.yaml"
as applicant zaibei plan submit "$ZAIBEI_TMP/too.yaml" >/dev/null
as office zaibei plan review shop-too >/dev/null
expect 12 as office zaibei plan approve shop-too --yes
says ZB-1935
