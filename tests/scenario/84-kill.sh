#!/bin/bash
# limit 1500
# faults: A7 A9 A15 A17 A23
# kill -9 of each process at each phase of a cutover and of a rollback: it goes on, or says why it does not and succeeds when it is
# asked for again; no pin is lost, and nothing is left over. Some of them, by a seed; all with ZAIBEI_SOAK=1.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
. "$ZAIBEI_ROOT/tests/scenario/migrate_lib.sh"
RANDOM=${SEED:=$RANDOM}
echo "seed $SEED"
sandbox_up
migrate_trap
back=$ZAIBEI_TMP/back
mkdir "$back"
n=0 killed=0 alone=0 resumed=0

# A job whose agent, serve or keeper dies is tried again after half a minute: these three are for the soak.
cutovers=() rollbacks=() slow=()
for who in zaibeid control keep serve agent; do
    for phase in asked backup pin; do cutovers+=("$phase:$who"); done
    for phase in asked backup pin restore; do
        case $phase:$who in backup:keep | backup:serve | backup:agent) slow+=("$phase:$who") ;; *) rollbacks+=("$phase:$who") ;; esac
    done
done
if [ -n "${ZAIBEI_SOAK:-}" ]; then
    rollbacks+=("${slow[@]}")
else
    mapfile -t cutovers < <(printf '%s\n' "${cutovers[@]}" | shuf -n 2 --random-source=<(yes "$SEED"))
    mapfile -t rollbacks < <(printf '%s\n' "${rollbacks[@]}" | shuf -n 2 --random-source=<(yes "$SEED"))
fi

host_new() { # HOST : enrolled, backed up by a plan, its agent running; what it does takes seconds
    enrol "$1" "$1" "restore_roots: [$back]" 'limits: {bandwidth: 512 KiB/s}'
    mkdir "$ZAIBEI_TMP/$1.data"
    noise 300000 "$1" >"$ZAIBEI_TMP/$1.data/first"
    printf '%s\n' "name: $1" "system: $1" "hosts: [$1]" "content: {paths: [$ZAIBEI_TMP/$1.data]}" "strategy: {daily: incremental}" \
        "$by_hand" "retention_days: 1" "targets: {rpo: 1h}" >"$ZAIBEI_TMP/plan.yaml"
    plan_into_force "$ZAIBEI_TMP/plan.yaml"
    agent_up "$1"
}
more() { n=$((n + 1)) && noise 600000 "$SEED.$n" >"$ZAIBEI_TMP/$1.data/last"; } # HOST

# ---- who is killed, and when ----
pids_of() { # WHO HOST
    case $1 in
    zaibeid) zaibeid_pid ;;
    control) pgrep -P "$(zaibeid_pid)" -f 'zaibei-vault control' || : ;;
    keep) pgrep -P "$(cut -d' ' -f1 "$box/run/keep.pid")" -f 'zaibei-vault keep' || : ;;
    serve) pgrep -f "^([^ ]*/)?zaibei-vault serve.* $vault( |$)" || : ;;
    agent) echo "${agent_pid[$2]}" ;;
    esac
}
job_state() { zaibei job list --json | jq -r "select(.host == \"$1\").state" | head -n 1; } # HOST: its last one
restore_state() { zaibei restore show "$(show '.rollback.restore // 0' "$1")" --json 2>/dev/null | jq -r '.items[0].state'; } # CASE
# until_phase PHASE CASE JOB-HOST : or it is over already
until_phase() {
    for _ in $(seq 200); do
        case $1 in
        asked) return 0 ;;
        backup) case $(job_state "$3") in queued) ;; *) return 0 ;; esac ;;
        pin) case $(job_state "$3") in queued | running) ;; *) return 0 ;; esac ;;
        restore) case $(show .state "$2"):$(restore_state "$2") in rolling-back:running) sleep 0.5 && return 0 ;; rolling-back:*) ;; *) return 0 ;; esac ;;
        esac
        sleep 0.05
    done
    fail "it did not come to the phase $1: $(zaibei migrate show "$2"; zaibei job list; zaibei restore list)"
}
# strike WHO HOST : killed, and started again as systemd would
strike() {
    local pids= pid
    for _ in $(seq 40); do
        pids=$(pids_of "$1" "$2")
        [ -z "$pids" ] && sleep 0.05 || break
    done
    for pid in $pids; do kill -9 "$pid" 2>/dev/null && killed=$((killed + 1)) || :; done
    case $1 in
    agent) wait "${agent_pid[$2]}" 2>/dev/null || :; agent_up "$2" ;;
    zaibeid) zaibeid_back "$pids" ;;
    keep) for _ in $(seq 100); do [ -n "$(pids_of keep)" ] && break || sleep 0.05; done ;;
    esac
    echo "    killed $1: ${pids:-was gone}" | tr '\n' ' ' && echo
}

# ---- what must hold afterwards ----
settled() { # CASE STATE... : one of them, soon
    local case=$1 state
    shift
    for _ in $(seq 750); do
        state=$(show .state "$case")
        case " $* " in *" $state "*) return 0 ;; esac
        sleep 0.2
    done
    fail "$case is $state, not one of $*: $(zaibei migrate show "$case"; zaibei job list; zaibei restore list)"
}
declare -A pinned
pins_hold() { # CASE HOST : as long as ever before, at the vault
    local until
    expect 0 as applicant zaibei migrate verify "$1"
    [ "$(show '[.verify[].ok] | join(" ")' "$1")" = true ] || fail "$1: $(show .verify "$1")"
    until=$(zaibei point list "$2" --json | jq -r "select(.point == $(show '.originals[0].point' "$1")).pinned_until")
    [[ ! $until < ${pinned[$2]:-$(show .window_end "$1")} ]] || fail "$2: pinned until $until only, not ${pinned[$2]:-}"
    pinned[$2]=$until
}
says_why() { # CASE
    alone=$((alone + 1))
    [ "$(show '.failed // ""' "$1")" != "" ] || fail "$1 has stopped and does not say why"
    echo "    stopped: $(show .failed "$1")"
}

step 'kill -9 in cutovers'
host_new cloud
expect 0 zaibei job run cloud --wait
k=0
for pair in "${cutovers[@]}"; do
    k=$((k + 1)) h=old$k
    echo "-- $pair"
    host_new $h
    expect 0 zaibei job run $h --wait
    expect 0 as applicant zaibei migrate begin $h --system $h --original $h --target cloud
    judged $h
    more $h
    expect 0 as applicant zaibei migrate cutover $h --yes
    until_phase "${pair%:*}" $h $h
    strike "${pair#*:}" $h
    settled $h window begun
    if [ "$(show .state $h)" = begun ]; then
        says_why $h
        judged $h
        expect 0 as applicant zaibei migrate cutover $h --yes --wait
    else
        resumed=$((resumed + 1))
    fi
    [ "$(show .state $h)" = window ] || fail "$h: $(zaibei migrate show $h)"
    pins_hold $h $h
    manifest "$ZAIBEI_TMP/$h.data" >"$ZAIBEI_TMP/$h.want"
    [ $k -le 2 ] || { kill "${agent_pid[$h]}" && wait "${agent_pid[$h]}" || :; unset "agent_pid[$h]"; } # fewer that call in
done

step 'kill -9 in rollbacks'
h=old1
for pair in "${rollbacks[@]}"; do
    echo "-- $pair"
    rm -rf "${back:?}/$h"
    more cloud
    expect 0 as applicant zaibei migrate rollback $h --dir "$back" --yes
    until_phase "${pair%:*}" $h cloud
    case ${pair%:*} in restore) victim=$h ;; *) victim=cloud ;; esac
    strike "${pair#*:}" $victim
    settled $h rolled-back window
    if [ "$(show .state $h)" = window ]; then
        says_why $h
        expect 0 as applicant zaibei migrate rollback $h --dir "$back" --yes --wait
    else
        resumed=$((resumed + 1))
    fi
    [ "$(show .state $h)" = rolled-back ] || fail "$h: $(zaibei migrate show $h)"
    manifest "$back/$h$ZAIBEI_TMP/$h.data" >"$ZAIBEI_TMP/$h.got"
    same "$ZAIBEI_TMP/$h.want" "$ZAIBEI_TMP/$h.got" "what came back after $pair"
    [ ! -e "$back/$h/.zaibei-restore" ] || fail 'the marker of an unfinished restore is left'
    zaibei-vault rights "$vault" cloud --read all >/dev/null
    rm -rf "$ZAIBEI_TMP/saved"
    agent cloud restore "$(show '.targets[0].point' $h)" --target "$ZAIBEI_TMP/saved" >/dev/null 2>&1 || fail "the target's saved point"
    cmp "$ZAIBEI_TMP/cloud.data/last" "$ZAIBEI_TMP/saved$ZAIBEI_TMP/cloud.data/last" || fail "what was on the target is not in its point"
    pins_hold $h $h
done
echo "figure: kill -9 at ${#cutovers[@]} moments of cutovers and ${#rollbacks[@]} of rollbacks (seed $SEED): $killed processes killed, $resumed went on by themselves, $alone said why not and went well when asked for again"
[ "$killed" -ge $(((${#cutovers[@]} + ${#rollbacks[@]}) * 2 / 3)) ] || fail "only $killed processes were met alive"

step 'every pin holds, and nothing is left over'
for i in $(seq $k); do pins_hold old$i old$i; done
expect 0 as auditor zaibei audit verify
[ -z "$(zaibei restore list --json | jq -r 'select(.ended == null).restore')" ] || fail "a restore is open: $(zaibei restore list)"
[ -z "$(zaibei job list --json | jq -r 'select(.state == "queued" or .state == "running").job')" ] || fail "a job is open: $(zaibei job list)"
[ -z "$(find "$vault/grants" -type f)" ] || fail "a note that let one host read another is left: $(find "$vault/grants" -type f)"
[ "$(pids_of control | wc -w)" -le 1 ] || fail "helpers that nobody needs: $(pids_of control)"
agents_stop
for _ in $(seq 100); do [ -n "$(pids_of serve)" ] && sleep 0.1 || break; done
[ -z "$(pids_of serve)" ] || fail "sessions of nobody: $(pgrep -af "zaibei-vault serve")"
"$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null
[ -z "$(pgrep -f "(zaibei-agent|zaibei-vault|zaibeid) .*$ZAIBEI_TMP/")" ] || fail "left: $(pgrep -af "$ZAIBEI_TMP/")"
verify
