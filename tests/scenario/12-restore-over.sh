#!/bin/bash
# faults: G1 G7
# A restore over what exists, as each policy says, over mount points and as an ordinary user; before it the dry run that
# foretells it.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
data=$ZAIBEI_TMP/data
mkdir -p "$data/dir" "$data/mounted"
noise 4000000 "$RANDOM" >"$data/big"
echo one >"$data/dir/one"
echo two >"$data/dir/two"
echo prog >"$data/suid"
chmod 4755 "$data/suid"
mkfifo "$data/pipe"
echo in >"$data/mounted/f"
root=$([ "$(id -u)" -eq 0 ] && echo yes || :)
[ -z "$root" ] || { mknod "$data/null" c 1 3 && chown 1234:1234 "$data/dir/one"; }
manifest "$data" --top >"$ZAIBEI_TMP/want"
backup "$data"
back=$ZAIBEI_TMP/back
run() { # ARGUMENT... : its summary in $out
    zaibei-agent --json restore latest --target "$back" "$@" >"$ZAIBEI_TMP/out" 2>&1 ||
        fail "$*: $(tail -n 3 "$ZAIBEI_TMP/out")"
    out=$(jq -c 'select(.message_type == "summary")' "$ZAIBEI_TMP/out")
}
is() { # JQ-EXPRESSION
    [ "$(jq "$1" <<<"$out")" = true ] || fail "not $1: $out"
}

step 'a dry run on nothing makes nothing, and foretells'
run --dry-run
[ ! -e "$back" ] || fail "it made the target"
want=$(jq '[.files, .directories, .others, .bytes]' <<<"$out")
run
[ "$(jq '[.files, .directories, .others, .bytes]' <<<"$out")" = "$want" ] || fail "$out instead of $want"

step 'over itself nothing is fetched but lists'
run --existing if-different
is '.already >= 6 and .files == 0 and .fetched_bytes < 100000'

step 'each policy does what its dry run says'
cd "$back$data"
for policy in never if-different always; do
    echo changed >dir/one
    rm -rf pipe dir/two && mkdir pipe dir/two
    run --existing $policy --dry-run
    plan=$(jq '[.files, .others, .already, .skipped, .replaced, .missed]' <<<"$out")
    [ "$(cat dir/one)" = changed ] && [ -d pipe ] || fail "the dry run changed something"
    run --existing $policy
    [ "$(jq '[.files, .others, .already, .skipped, .replaced, .missed]' <<<"$out")" = "$plan" ] ||
        fail "$out instead of $plan"
    if [ $policy = never ]; then
        [ "$(cat dir/one)" = changed ] && [ -d pipe ] || fail "never replaced something"
    else
        manifest "$back$data" --top >"$ZAIBEI_TMP/got"
        same "$ZAIBEI_TMP/want" "$ZAIBEI_TMP/got" "$policy"
    fi
done
cd "$ZAIBEI_TMP"
rm -rf "$back"
mkdir -p "$back" && touch "$back/mine"
expect 2 zaibei-agent restore latest --target "$back" --dry-run
says ZB-1009
rm -rf "$back"

step 'mount points'
if [ -n "$root" ] && unshare -m true 2>/dev/null; then
    export back data
    unshare -m bash -eu -c '
        mkdir -p "$back$data/mounted" "$back$data/big" "$back$data/dir" "$back.away"
        mount -t tmpfs tmpfs "$back$data/mounted" && mount --bind "$back.away" "$back$data/big"
        touch "$back$data/dir/one" "$back.one" && mount --bind "$back.one" "$back$data/dir/one"
        rc=0; zaibei-agent restore latest --target "$back" --existing always || rc=$?
        [ $rc -eq 3 ] || { echo "exit $rc"; exit 1; }
        [ "$(cat "$back$data/mounted/f")" = in ] && [ "$(cat "$back$data/dir/two")" = two ]
        [ -z "$(ls -A "$back.away")" ] && [ ! -s "$back.one" ]
    ' >"$ZAIBEI_TMP/out" 2>&1 || fail "$(tail -n 5 "$ZAIBEI_TMP/out")"
    [ "$(grep -c 'NOT RESTORED' "$ZAIBEI_TMP/out")" -eq 2 ] || fail "$(cat "$ZAIBEI_TMP/out")"
    [ -z "$(find "$back" "$back.away" -name '.zaibei-restore*')" ] || fail "temporary names are left"
    rm -rf "$back"
else
    echo 'note: this user may not mount'
fi

step 'as an ordinary user: what is possible, and what was not'
[ -n "$root" ] || not_run "the rest needs root"
copy=$ZAIBEI_TMP/copy
cp -a "$vault" "$copy" && cp "$kit" "$copy/kit" && mkdir "$ZAIBEI_TMP/user"
chown -R 65534:65534 "$copy" "$ZAIBEI_TMP/user"
user() {
    env -u ZAIBEI_AGENT_CONFIG setpriv --reuid 65534 --regid 65534 --clear-groups zaibei-agent "$@" --vault "$copy" \
        --host "$host" --kit "$copy/kit" --target "$ZAIBEI_TMP/user/back"
}
setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$(command -v zaibei-agent)" ||
    not_run "an ordinary user may not enter here"
expect 3 user restore latest --dry-run
says 'without devices: 1' 'without owner: '
expect 3 user restore latest
says 'NOT RESTORED' '/null' 'without owner: ' 'without devices: 1'
cmp "$data/big" "$ZAIBEI_TMP/user/back$data/big" || fail "the content differs"
[ "$(stat -c %a "$ZAIBEI_TMP/user/back$data/suid")" = 755 ] || fail "set-user-id of a stranger"
expect 3 user --json restore latest --existing if-different
says '"lacks":["owner"' '"without":{"device":1'
