#!/bin/bash
# What zaibei prints for people, in the language they asked for. Nothing that is a word of the API (a state, a kind, a step, the
# name of a member) stands there in English when Chinese was asked for, JSON keeps the words as they are, values begin in one
# column whatever the language, what waits says what to type next, and an error prints nothing but itself.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
in_chinese() { LC_ALL=zh_CN.UTF-8 LANGUAGE=zh_CN "$@"; }
as_zh() { # WHO COMMAND...
    local who=$1
    shift
    ZAIBEI_TOKEN_FILE=$box/people/$who.token in_chinese "$@"
}

# english WORD... : none of these stands in $said by itself.
english() {
    local word text
    text=$(sed 's/zaibei [a-z0-9 -]*//g' <<<"$said") # commands to type
    for word; do
        ! grep -q -E "(^|[ ,:（])$word([ ,）]|\$)" <<<"$text" || fail "'$word' is not Chinese: $said"
    done
}

# one_column: the values of all lines "  label   value" of $said begin in the same column, as a terminal shows it.
one_column() {
    /usr/bin/python3 - "$said" <<'END' || fail "values do not begin in one column: $said"
import re, sys, unicodedata
wide = lambda s: sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in s)
at = {wide(m[1]) for m in (re.match(r"(  \S+(?: \S+)* +)(?=\S)", line) for line in sys.argv[1].splitlines()) if m}
sys.exit(len(at) != 1)
END
}

data=$ZAIBEI_TMP/data
mkdir "$data" && echo text >"$data/file"
sed -e "s|^    paths:.*|    paths: [$data]|" -e "s|^    zone:.*|    zone: UTC|" -e "s|^    window:.*|    window: $far_window|" "$ZAIBEI_ROOT/plans/tour.yaml" >"$ZAIBEI_TMP/tour.yaml"
states='submitted reviewed active review approval execution queued running ok manual incremental complete'

step 'a plan, step by step'
expect 0 as_zh applicant zaibei plan submit "$ZAIBEI_TMP/tour.yaml"
says 已提交 审核 'zaibei plan review tour'
# shellcheck disable=SC2086
english $states
[ "$(in_chinese zaibei plan list --json | jq -r .state)" = submitted ] || fail "JSON is for programs"
expect 0 as office zaibei plan review tour
says 'is reviewed' 'zaibei plan approve tour'
expect 0 as_zh office zaibei plan approve tour --yes
says 生效 'zaibei job run tour'
# shellcheck disable=SC2086
english $states

step 'whose end was asked for'
expect 0 as applicant zaibei plan retire tour --reason over --backups keep --vm-files keep --place platform --yes
expect 0 zaibei plan list
says 'active, leaving'
expect 0 zaibei plan list --waiting
says approval retirement
expect 0 as office zaibei plan reject tour --reason 'not yet'
expect 0 zaibei plan list
case $said in *leaving*) fail "it stays: $said" ;; esac

step 'jobs and points'
scheduled=$(as system zaibei job run tour --json | jq -r .job)
zaibei-agent run --once >"$ZAIBEI_TMP/run.out" 2>&1 || fail "$(cat "$ZAIBEI_TMP/run.out")"
expect 0 zaibei job watch "$scheduled"
for what in "plan list" "plan show tour" "plan next tour" "job list" "job show $scheduled" "point list" "point show $host/latest" \
    "host list" "system list" "system show sandbox" "status"; do
    # shellcheck disable=SC2086
    expect 0 in_chinese zaibei $what
    said=$(sed '/^# The/,$d' <<<"$said") # the text of a plan is its applicant's
    # shellcheck disable=SC2086
    english $states bytes_read retain_until walk_start
    case $what in *list | *next*) ;; *) one_column ;; esac
done
expect 0 zaibei job show "$scheduled"
says bytes_read manual ok
one_column

step 'what has ended is not there already'
expect 4 zaibei job cancel "$scheduled"
says ZB-1701

step 'a mistyped filter does not look like nothing'
expect 2 zaibei job list --state okay
says okay 'queued running ok'
expect 10 zaibei-vault quota "$vault" --host nobody
says nobody
expect 0 zaibei-vault quota "$vault" --host "$host"
expect 0 zaibei job list --state missed
says 'nothing fits'
expect 10 zaibei plan show tour --version 7
says 'no such version'
expect 0 zaibei plan show --help
says 'plan show PLAN'
case $said in *'plan list'*) fail "the help of one command shows others: $said" ;; esac

step 'what zaibeid answers is in the language of who asks'
expect 10 in_chinese zaibei job show 99
says 没有该任务
expect 10 zaibei job show 99
says 'no such job'

step 'an error is a line of JSON, too'
[ "$(zaibei-vault stat "$ZAIBEI_TMP/none" --json 2>/dev/null | jq -r .id)" = ZB-1101 ] || fail "zaibei-vault --json says no error"

step 'a restore says how it goes on'
expect 0 zaibei restore "$host" --to host --into "$ZAIBEI_TMP/back" --reason test
says 'zaibei restore show 1 --wait' '--kit FILE'

step 'a pin says whose it is'
expect 0 zaibei point pin "$host/1" --months 3 --reason test
expect 0 zaibei point pins "$host"
says 'test (system)'

step 'an error prints nothing but itself'
env -u ZAIBEI_TOKEN_FILE XDG_STATE_HOME="$ZAIBEI_TMP/none" zaibei plan list >"$ZAIBEI_TMP/out" 2>/dev/null || :
[ ! -s "$ZAIBEI_TMP/out" ] || fail "plan list prints something beside its error"
expect 10 zaibei --config "$ZAIBEI_TMP/none.yaml" plan list
says "$ZAIBEI_TMP/none.yaml" --server
