# Sourced after lib.sh by the scenarios in which whole systems move and come back: hosts with real agents, an application of
# two hosts, and a migration's words.
# shellcheck shell=bash
# shellcheck disable=SC2154
declare -A agent_pid
migrate_trap() {
    trap 'rc=$?; agents_stop; "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; exit $rc' EXIT
}
agents_stop() {
    local name
    for name in "${!agent_pid[@]}"; do kill "${agent_pid[$name]}" 2>/dev/null || :; done
    for name in "${!agent_pid[@]}"; do wait "${agent_pid[$name]}" 2>/dev/null || :; done
    agent_pid=()
}

agent() { # HOST COMMAND...
    local name=$1
    shift
    zaibei-agent --config "$ZAIBEI_TMP/$name.yaml" "$@"
}
# enrol HOST SYSTEM [LINE-OF-AGENT.YAML...]
enrol() {
    local name=$1 system=$2
    shift 2
    zaibei host enroll-token "$name" --system "$system" --json | jq -r .token |
        agent "$name" enroll - --recipient "$(grep -o 'zbk-pub-[A-Za-z0-9+/=]*' "$kit" | head -n 1)" \
            --state "$ZAIBEI_TMP/$name.state" >/dev/null 2>&1 || fail "$name was not enrolled"
    [ $# = 0 ] || printf '%s\n' "$@" >>"$ZAIBEI_TMP/$name.yaml"
}
agent_up() { # HOST
    zaibei-agent --config "$ZAIBEI_TMP/$1.yaml" run >>"$ZAIBEI_TMP/$1.log" 2>&1 &
    agent_pid[$1]=$!
}

# A cage: the agent sees a root of its own below $roots/HOST, so that "in place" is a place of its own, too.
roots=$ZAIBEI_TMP/roots
# shellcheck disable=SC2016
cage='set -e
root=$1 tmp=$2 programs=$3
shift 3
for d in bin sbin lib lib64 usr etc dev proc; do
    [ -L "$root/$d" ] || [ ! -d "$root/$d" ] || mount --rbind "/$d" "$root/$d"
done
mount --bind "$tmp" "$root$tmp"
mount --rbind "$programs" "$root$programs"
exec chroot "$root" zaibei-agent "$@"'
cages_or_not_run() { unshare -m sh -c 'mount -t tmpfs none /mnt' 2>/dev/null || not_run 'no mount namespace here'; }
cage_make() { # HOST
    local root=$roots/$1 d
    mkdir -p "$root/srv" "$root/back" "$root/tmp" "$root$ZAIBEI_TMP" "$root$B"
    for d in bin sbin lib lib64 usr etc dev proc; do
        if [ -L "/$d" ]; then cp -a "/$d" "$root/$d"; elif [ -d "/$d" ]; then mkdir "$root/$d"; fi
    done
}
caged() { # HOST COMMAND...
    local name=$1
    shift
    unshare -m sh -c "$cage" cage "$roots/$name" "$ZAIBEI_TMP" "$B" --config "$ZAIBEI_TMP/$name.yaml" "$@"
}
caged_up() { # HOST
    unshare -m sh -c "$cage" cage "$roots/$1" "$ZAIBEI_TMP" "$B" --config "$ZAIBEI_TMP/$1.yaml" run >>"$ZAIBEI_TMP/$1.log" 2>&1 &
    agent_pid[$1]=$!
}

zaibeid_pid() { pgrep -P "$(cut -d' ' -f1 "$box/run/zaibeid.pid")" zaibeid | head -n 1; } # the other is what starts it again
zaibeid_back() { # OLD-PID
    for _ in $(seq 200); do
        [ "$(zaibeid_pid)" != "$1" ] && zaibei status >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    fail "zaibeid did not come back: $(tail -n 5 "$box/log/zaibeid")"
}
# dies : zaibeid is killed and stands up again.
dies() {
    local old
    old=$(zaibeid_pid)
    kill -9 "$old"
    zaibeid_back "$old"
}

show() { zaibei migrate show "${2:-move}" --json | jq -r "$1"; } # JQ [CASE]
# until_state STATE SECONDS [CASE]
until_state() {
    for _ in $(seq $(($2 * 5))); do [ "$(show .state "${3:-move}")" != "$1" ] || return 0; sleep 0.2; done
    fail "not $1: $(zaibei migrate show "${3:-move}"; zaibei job list; zaibei restore list)"
}
# judged CASE : ready. An agent is silent after three seconds here, and a busy machine makes it so.
judged() {
    for _ in $(seq 40); do
        as applicant zaibei migrate ready "$1" --kit "$kit" >"$ZAIBEI_TMP/ready" 2>&1 && return 0 || sleep 0.3
    done
    fail "not ready: $(cat "$ZAIBEI_TMP/ready")"
}

# The application: orders in a database on one host, a page on the other.
sql() { # DIR STATEMENT
    /usr/bin/python3 -c 'import sqlite3, sys
d = sqlite3.connect(sys.argv[1] + "/orders.db")
for row in d.execute(sys.argv[2]): print(*row)
d.commit()' "$1" "$2"
}
answers() { # DB-DIR WEB-DIR : what the application shows
    grep -q '<h1>shop</h1>' "$2/index.html" && sql "$1" 'select count(*), sum(price) from orders'
}
