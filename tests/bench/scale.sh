#!/bin/bash
# tests/bench/scale.sh: how a large vault behaves: each figure beside its bar. Ends with 1 when one is missed, or a count
# is wrong.
#
#   B                     the build directory (build), with its test tools
#   ZAIBEI_SCALE_HOSTS    1000; _POINTS: 1000 and _PACKS: 100 (at most 256) for each host
#   ZAIBEI_SCALE_VAULT    a vault of this size that was made before: it is used and stays
#
# The vault is synthetic (tests/tools/tool_vault_scale.c) and lies below TMPDIR: 17 GB and four million files in full size.
# "Without": what the keeper keeps of what it read (keeper/logs, keeper/small) was lost, so all of it is read from the store.
# Of each listing the best of three counts, since the machine may do other things. ZAIBEI_SCALE_LOST: plan without, too; on
# a disk that takes a while, and has no bar.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
B=$(realpath "${B:-$root/build}")
PATH=$B/bin:$B/tools:$PATH
export LC_ALL=C.UTF-8
hosts=${ZAIBEI_SCALE_HOSTS:-1000} points=${ZAIBEI_SCALE_POINTS:-1000} packs=${ZAIBEI_SCALE_PACKS:-100}
work=$(mktemp -d "${TMPDIR:-/tmp}/scale.XXXXXX")
vault=${ZAIBEI_SCALE_VAULT:-$work/vault}
keeper=
finish() {
    rc=$?
    [ -z "$keeper" ] || { kill "$keeper" && wait "$keeper"; } 2>/dev/null || :
    chmod -R u+rwx "$work" && rm -rf "$work"
    exit $rc
}
trap finish EXIT
trap 'exit 130' INT TERM
missed=0

# measured COMMAND... : sets $ms, $cpu and $kib; what it printed is in $work/out.
measured() {
    tool_vault_scale run "$work/use" "$@" >"$work/out" <"$work/in"
    read -r ms cpu kib <"$work/use"
}

figure() { # NAME VALUE BAR UNIT
    local verdict=
    [ "$2" -le "$3" ] || verdict='  MISSED' missed=1
    printf '%-58s %9s %-3s (bar %s)%s\n' "$1" "$2" "$4" "$3" "$verdict"
}
count() { # WHAT GOT WANT
    [ "$2" = "$3" ] || { printf 'WRONG: %s: %s instead of %s\n' "$1" "$2" "$3"; missed=1; }
}
control() { # JSON
    echo "$1" >"$work/in"
    measured zaibei-vault control "$vault"
    jq -e .ok >/dev/null <"$work/out" || count "$1" "$(head -c 300 "$work/out")" ok
}

: >"$work/in"
if [ -z "${ZAIBEI_SCALE_VAULT:-}" ]; then
    measured tool_vault_scale make "$vault" "$hosts" "$points" "$packs"
    echo "made in $((ms / 1000)) s"
fi
echo "$hosts hosts, $((hosts * points)) points, $((hosts * packs)) packs"
tool_vault_scale run "$work/keep" zaibei-vault keep "$vault" >"$work/keep.log" 2>&1 &
keeper=$!
for _ in $(seq 600); do
    [ ! -S "$vault/run/control.sock" ] || break
    sleep 0.1
done

serve_kib=0
session() {
    local got
    read -r got ms kib <<<"$(tool_vault_scale list "$vault" h00000)"
    count 'points in a session' "$got" "$points"
    [ "$kib" -le $serve_kib ] || serve_kib=$kib
}
platform() {
    control '{"op":"points","host":"h00000"}'
    count 'points over control' "$(jq '.points | length' "$work/out")" "$points"
}
lists() { # WHO WITH|WITHOUT
    local best=
    for _ in 1 2 3; do
        [ "$2" = with ] || rm -rf "$vault/keeper/logs/h00000" "$vault/keeper/small/h00000"
        "$1"
        [ -n "$best" ] && [ "$best" -le "$ms" ] || best=$ms
    done
    figure "the $1 lists a host's points, $2 what was kept" "$best" 100 ms
}
planned() { # WITH|WITHOUT
    [ "$1" = with ] || rm -rf "$vault/keeper/logs" "$vault/keeper/small"
    : >"$work/in"
    measured zaibei-vault gc "$vault" --dry-run --json
    count 'packs that no point needs' "$(jq '[.generations[].deleted_packs] | add' "$work/out")" $((hosts * (packs / 10)))
    count 'packs to be rewritten' "$(jq '[.generations[].rewritten_packs] | add' "$work/out")" \
        $((hosts * ((packs + 1) / 10)))
    count 'hosts passed over' "$(jq '.skipped | length' "$work/out")" 0
    if [ "$1" = with ]; then figure 'a collection of all hosts is planned' "$ms" 60000 ms
    else echo "the same without what was kept: $ms ms"; fi
    echo "    of it on a processor: $cpu ms"
    figure '    its peak' "$kib" 65536 KiB
}
lists session with
lists platform with
planned with
control '{"op":"hosts"}'
count 'hosts' "$(jq '.hosts | length' "$work/out")" "$hosts"
echo "all hosts with their number of points: $ms ms"
control '{"op":"stat"}'
echo "what the vault holds, with a forecast: $ms ms"
control '{"op":"gc","dry_run":true}'
lists session without
lists platform without
[ -z "${ZAIBEI_SCALE_LOST:-}" ] || planned without
kill "$keeper"
wait "$keeper" || :
keeper=
read -r ms cpu kib <"$work/keep"
figure 'peak of serve' "$serve_kib" 32768 KiB
figure 'peak of keep and each of its children' "$kib" 65536 KiB
exit $missed
