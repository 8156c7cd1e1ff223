#!/bin/bash
# faults: F17 F18 H2
# limit 240
# Commands of the host's own list around a run, and their output as files: a database is dumped, edited, dumped again and comes
# back as it was; what is cut, empty or hangs never replaces a whole dump; what was frozen is thawed, also after kill -9; and
# nothing but names of the list is taken from anybody.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
data=$ZAIBEI_TMP/data
log=$ZAIBEI_TMP/log
db=$ZAIBEI_TMP/books.db
config=$ZAIBEI_AGENT_CONFIG
mkdir "$data"
echo one >"$data/one"

# NAME COMMAND... : a program of one shell script
program() {
    printf '#!/bin/sh\n%s\n' "$2" >"$ZAIBEI_TMP/$1"
    chmod 755 "$ZAIBEI_TMP/$1"
}
program freeze "echo frozen \$ZAIBEI_PHASE \$ZAIBEI_NAME \$ZAIBEI_HOST >>$log; [ ! -e $ZAIBEI_TMP/no ] || { echo cannot freeze; exit 3; }"
program thaw "[ ! -e $ZAIBEI_TMP/late ] || sleep 3; echo thawed \$ZAIBEI_RESULT >>$log; [ ! -e $ZAIBEI_TMP/nothaw ] || { echo cannot thaw; exit 4; }"
program slow "echo \$\$ >$ZAIBEI_TMP/slow.top; sleep 60 & echo \$! >$ZAIBEI_TMP/slow.pid; wait"
# A program at work on many files, which all hold the same number unless it is in the middle of that.
work=$ZAIBEI_TMP/work
program writer "n=0; while [ ! -e $work.end ]; do
    if [ -e $work.hold ]; then touch $work.held; sleep 0.02; continue; fi
    rm -f $work.held; n=\$((n + 1)); for f in 1 2 3 4 5 6; do echo \$n >$data/work/\$f; done; done"
program hold "touch $work.hold; while [ ! -e $work.held ]; do sleep 0.02; done; cat $data/work/1 >$work.at"
program release "rm -f $work.hold"
program pause "sleep 0.5; echo paused"
program environment 'env; id; ls -l /proc/self/fd; readlink /proc/self/fd/0'
program cut "head -c 100000 /dev/zero; echo the connection was lost >&2; exit 1"
program small "[ -e $ZAIBEI_TMP/empty ] || cat $db"
program loud 'while :; do echo line; done | head -c 3000000; echo "last words"'
cat >>"$config" <<END
hooks:
    freeze: {command: [$ZAIBEI_TMP/freeze]}
    short: {command: [$ZAIBEI_TMP/freeze], hold: 1s}
    maybe: {command: [$ZAIBEI_TMP/freeze], optional: true}
    thaw: {command: [$ZAIBEI_TMP/thaw], timeout: 20s}
    slow: {command: [$ZAIBEI_TMP/slow], timeout: 1s}
    hold: {command: [$ZAIBEI_TMP/hold], timeout: 10s}
    release: {command: [$ZAIBEI_TMP/release]}
    wait: {command: [$ZAIBEI_TMP/slow]}
    environment: {command: [$ZAIBEI_TMP/environment]}
    loud: {command: [$ZAIBEI_TMP/loud]}
dumps:
    books: {command: [$(command -v sqlite3), $db, .dump], min_size: 10 KiB, timeout: 1m}
    pause: {command: [$ZAIBEI_TMP/pause]}
    cut: {command: [$ZAIBEI_TMP/cut]}
    small: {command: [$ZAIBEI_TMP/small]}
    hangs: {command: [$ZAIBEI_TMP/slow], timeout: 1s}
    long: {command: [/bin/sleep, "30"]}
END

sqlite3 "$db" "CREATE TABLE book(n INTEGER PRIMARY KEY, title TEXT, note BLOB);
    WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000)
    INSERT INTO book SELECT n, 'title ' || n, randomblob(60) FROM c;"

# What the slow command started has ended.
slow_ended() {
    for _ in $(seq 50); do
        case $(ps -o stat= -p "$(cat "$ZAIBEI_TMP/slow.pid")") in '' | Z*) return 0 ;; esac
        sleep 0.1
    done
    fail "$*"
}

# NAME : a dump out of the last point, as restored
dumped() {
    rm -rf "$ZAIBEI_TMP/out"
    restore "$(point point)" "$ZAIBEI_TMP/out"
    cat "$ZAIBEI_TMP/out/.zaibei/dumps/$1"
}

step "the list is shown; whoever else may write to it is an error"
expect 0 zaibei-agent status
says "freeze" "books"
expect 0 zaibei-agent status --json
[ "$(jq -r '.dumps | join(" ")' <<<"$said")" = "books pause cut small hangs long" ] || fail "status: $said"
chmod g+w "$config"
expect 2 zaibei-agent backup "$data"
says "ZB-1002" "only its owner"
chmod g-w "$config"

step "a database comes back as it was dumped; the second dump sends a fraction"
expect 0 zaibei-agent backup --dump books "$data"
first=$(zaibei-agent points --json | jq -s 'map(select(.message_type == "point")) | last | .bytes_sent')
dumped books | cmp - <(sqlite3 "$db" .dump) || fail "the dump differs"
sqlite3 "$db" "UPDATE book SET title = 'other' WHERE n % 5000 = 7; DELETE FROM book WHERE n = 3; INSERT INTO book VALUES(30000, 'new', 'x')"
expect 0 zaibei-agent backup --dump books "$data"
second=$(zaibei-agent points --json | jq -s 'map(select(.message_type == "point")) | last | .bytes_sent')
echo "sent: $first, then $second"
[ $((second * 10)) -lt "$first" ] || fail "the second dump sent $second of $first"
dumped books >"$ZAIBEI_TMP/books.sql"
sqlite3 "$ZAIBEI_TMP/again.db" <"$ZAIBEI_TMP/books.sql"
same <(sqlite3 "$db" 'SELECT n, title, hex(note) FROM book') <(sqlite3 "$ZAIBEI_TMP/again.db" 'SELECT n, title, hex(note) FROM book') "the database"
expect 0 zaibei-agent ls "$(point point):/.zaibei/dumps"
says books
expect 0 zaibei-agent backup --dump books
[ "$(point point)" -eq 3 ] || fail "no point of a dump alone"

step "output that is cut, empty or late is not stored; the one before it stays, flagged"
expect 0 zaibei-agent backup --dump small "$data"
dumped small | cmp - "$db"
touch "$ZAIBEI_TMP/empty"
expect 3 zaibei-agent backup --dump small --dump cut --dump hangs "$data"
says "/.zaibei/dumps/small: its output has 0 bytes, and at least 1 are expected; as the last restore point has it" \
    "/.zaibei/dumps/cut: exit status 1: the connection was lost" "dump cut: the connection was lost" \
    "/.zaibei/dumps/hangs: not done within 1 seconds"
[ "$(point state)" = partial ] || fail "the point is $(point state)"
dumped small | cmp - "$db"
[ "$(ls "$ZAIBEI_TMP/out/.zaibei/dumps")" = small ] || fail "a cut dump is in the point: $(ls "$ZAIBEI_TMP/out/.zaibei/dumps")"
slow_ended "what a late command started lives"
rm "$ZAIBEI_TMP/empty"
expect 0 zaibei-agent backup --dump small "$data"
sed -i 's/min_size: 10 KiB/min_size: 1 GiB/' "$config"
expect 3 zaibei-agent backup --dump books "$data"
says "and at least 1073741824 are expected"
sed -i 's/min_size: 1 GiB/min_size: 10 KiB/' "$config"

step "pre and post: in order, with a small environment, bounded output; a failure ends the run, and it is thawed"
: >"$log"
expect 0 zaibei-agent backup --pre freeze --post thaw "$data"
[ "$(cat "$log")" = "frozen pre freeze $host
thawed ok" ] || fail "the log is: $(cat "$log")"
SECRET=marker expect 0 zaibei-agent backup --pre environment --pre loud "$data"
! grep -q "marker\|ZAIBEI_AGENT_CONFIG" <<<"$said" || fail "it sees our environment: $said"
says "ZAIBEI_PHASE=pre" "/dev/null" "pre loud: last words"
[ "${#said}" -lt 1000000 ] || fail "${#said} bytes of output"
# 0, 1, 2 and the directory that ls reads
[ "$(grep -c 'pre environment: l[r-][w-]x' <<<"$said")" -eq 4 ] || fail "descriptors: $said"
points=$(point point)
: >"$log"
touch "$ZAIBEI_TMP/no"
expect 1 zaibei-agent backup --pre freeze --post thaw "$data"
says "ZB-1801" "freeze: exit status 3: cannot freeze"
[ "$(tail -n 1 "$log")" = "thawed failed" ] || fail "the log is: $(cat "$log")"
expect 1 zaibei-agent backup --pre slow --post thaw "$data"
says "not done within 1 seconds"
[ "$(point point)" -eq "$points" ] || fail "a point without what had to come before it"
expect 3 zaibei-agent backup --pre maybe "$data"
says "/.zaibei/hooks/maybe: exit status 3: cannot freeze"
rm "$ZAIBEI_TMP/no"
touch "$ZAIBEI_TMP/nothaw"
expect 3 zaibei-agent backup --pre freeze --post thaw "$data"
says "exit status 4: cannot thaw"
rm "$ZAIBEI_TMP/nothaw"

step "a program that is held while it is read is in the point as of one moment, and goes on"
mkdir "$data/work"
"$ZAIBEI_TMP/writer" &
writer=$!
expect 0 zaibei-agent backup --pre hold --dump pause --post release "$data"
dumped pause >/dev/null
got=$(sort -u "$ZAIBEI_TMP/out$data"/work/*)
[ "$got" = "$(cat "$work.at")" ] || fail "held at $(cat "$work.at"), and the point has $got"
for _ in $(seq 100); do [ "$(cat "$data/work/1")" -gt "$got" ] 2>/dev/null && break || sleep 0.1; done
touch "$work.end"
wait $writer
[ "$(cat "$data/work/1")" -gt "$got" ] || fail "the program does not go on"
rm -r "$data/work"

step "kill -9 and SIGTERM of the agent, and kill -9 of its guard, while frozen: thawed"
for signal in KILL TERM GUARD; do
    : >"$log"
    rm -f "$ZAIBEI_TMP/slow.pid"
    zaibei-agent backup --pre freeze --pre wait --post thaw "$data" >"$ZAIBEI_TMP/killed" 2>&1 &
    agent=$!
    for _ in $(seq 100); do [ -s "$ZAIBEI_TMP/slow.pid" ] && break || sleep 0.1; done
    touch "$ZAIBEI_TMP/late"
    guard=$(pgrep -P "$agent" -f ' hook ')
    kill -TERM "$guard" # it does not listen: systemd may tell all of a service to end
    if [ $signal = GUARD ]; then kill -KILL "$guard"; else kill "-$signal" "$agent"; fi
    wait "$agent" || :
    if [ $signal = KILL ]; then # no other run freezes what is about to be thawed
        expect 11 zaibei-agent backup --pre freeze --post thaw "$data"
        says "ZB-1201" "the commands after an earlier run are not done"
    fi
    rm "$ZAIBEI_TMP/late"
    for _ in $(seq 100); do grep -q thawed "$log" && break || sleep 0.1; done
    want="thawed $([ $signal = KILL ] && echo killed || echo failed)"
    [ "$(tail -n 1 "$log")" = "$want" ] || fail "after SIG$signal the log is: $(cat "$log"); $(cat "$ZAIBEI_TMP/killed")"
    if [ $signal = GUARD ]; then # what nobody watches any more: the command itself goes, not what it has started
        left=$(cat "$ZAIBEI_TMP/slow.pid")
        cp "$ZAIBEI_TMP/slow.top" "$ZAIBEI_TMP/slow.pid"
    fi
    slow_ended "the command lives after SIG$signal"
    [ $signal != GUARD ] || kill "$left"
done
for _ in $(seq 100); do # the lock goes a moment after the last command
    zaibei-agent backup --pre freeze --post thaw "$data" >/dev/null 2>&1 && break || sleep 0.1
done
expect 0 zaibei-agent backup --pre freeze --post thaw "$data"

step "what holds too long is thawed while its run goes on, and the run comes to nothing"
: >"$log"
expect 1 zaibei-agent backup --pre short --dump long --post thaw "$data"
says ZB-1937 "thawed after 1 seconds"
[ "$(tail -n 1 "$log")" = "thawed late" ] || fail "the log is: $(cat "$log")"
[ "$(grep -c thawed "$log")" = 1 ] || fail "thawed more than once: $(cat "$log")"

step "only names of the list"
for name in nothing ../freeze /bin/sh 'freeze --now' --json '' "$(printf 'x\ny')"; do
    expect 2 zaibei-agent backup "--pre=$name" "$data"
    expect 2 zaibei-agent backup "--dump=$name" "$data"
done
expect 2 zaibei-agent backup --dump freeze "$data"
says "ZB-1800" "agent.yaml:" '"freeze" is asked for, and dumps does not hold it'
verify
