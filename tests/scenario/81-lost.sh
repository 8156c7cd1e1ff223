#!/bin/bash
# docs/RESCUE.md, its chapter on a file and a directory, as it stands there: a directory was deleted and backed up since, nothing of the
# platform runs, and there are the vault's directory and the kit. The page has the same commands in Chinese, all of them.
# faults: G11
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"

# typed FILE : its commands, without comments.
typed() { sed -n 's/^    //p' "$1" | sed 's/ *# .*//; /^#/d; /^ *$/d'; }

step 'both languages show the same commands'
docs=$ZAIBEI_ROOT/docs
diff <(typed "$docs/RESCUE.md") <(typed "$docs/RESCUE.zh-CN.md") >&2 || fail 'the two pages show different commands'
[ "$(typed "$docs/RESCUE.md" | grep -c zaibei-)" -ge 12 ] || fail 'the page has lost its commands'

step 'two points with the directory, one without it'
sandbox_up
data=$ZAIBEI_TMP/data
mkdir -p "$data/app/log"
noise 70000 81 >"$data/app/log/old"
echo 'port = 1' >"$data/app/settings.conf"
manifest "$data/app" >"$ZAIBEI_TMP/want"
backup "$data"
backup "$data"
rm -r "$data/app"
backup "$data"
"$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null
unset ZAIBEI_AGENT_CONFIG ZAIBEI_CONFIG ZAIBEI_VAULT ZAIBEI_TOKEN_FILE

step 'the page, line by line'
sed '/^## A bare machine/,$d' "$docs/RESCUE.md" >"$ZAIBEI_TMP/page"
typed "$ZAIBEI_TMP/page" | sed "s|/mnt/vault|$vault|g; s|/run/kit|$kit|g; s|web1|$host|g; s|/var/tmp/|$ZAIBEI_TMP/|g; s|/srv/app|$data/app|g
    s|ls latest:|ls latest~1:|; s|ls latest --find|ls latest~1 --find|; s|--strip 2|--strip $(tr -dc / <<<"$data" | wc -c)|" >"$ZAIBEI_TMP/lines"
bash -eu "$ZAIBEI_TMP/lines" >"$ZAIBEI_TMP/said" 2>&1 || fail "$(cat "$ZAIBEI_TMP/said")"
grep -q -x "$data/app/settings.conf" "$ZAIBEI_TMP/said" || fail "it was not found: $(cat "$ZAIBEI_TMP/said")"
[ "$(grep -x '[0-9]' "$ZAIBEI_TMP/said" | tr '\n' ' ')" = '1 2 ' ] || fail "not the points that have it: $(cat "$ZAIBEI_TMP/said")"
manifest "$ZAIBEI_TMP/back$data/app" >"$ZAIBEI_TMP/got"
same "$ZAIBEI_TMP/want" "$ZAIBEI_TMP/got" 'the directory'
[ "$(cat "$ZAIBEI_TMP/one/app/settings.conf")" = 'port = 1' ] || fail "$(find "$ZAIBEI_TMP/one")"
[ ! -e "$ZAIBEI_TMP/all$data/app" ] && [ -d "$ZAIBEI_TMP/all$data" ] || fail 'the latest point is another one'
