# Sourced by the scenarios of drills, after lib.sh: machines made of this one's programs, backed up as machines, and a worker to
# drill them.
# shellcheck shell=bash
[ "$(id -u)" -eq 0 ] || not_run "making machines to back up needs root"
unshare --user --map-root-user --net --mount true 2>/dev/null || not_run "this machine does not allow user namespaces"
vault=$ZAIBEI_TMP/vault kit=$ZAIBEI_TMP/kit drills=$ZAIBEI_TMP/drills
place=$(mktemp -d /tmp/zb.XXXXXX) # short, and others may enter: the database's user works there
chmod 755 "$place"
trap 'rc=$?; rm -rf "$place"; exit $rc' EXIT
zaibei-vault init "$vault" >/dev/null
public=$(zaibei --json kit new --out "$kit" | jq -r .public)
mkdir "$drills"

# The agent's own programs, for a machine that is about to be backed up.
/usr/bin/python3 "$here/tree_of.py" "$place/side" "$(command -v zaibei-agent)" "$(command -v zaibei-vault)"
ln -s "$place/side$(dirname "$(command -v zaibei-agent)")" "$place/bin"

tree_of() { /usr/bin/python3 "$here/tree_of.py" "$@"; }

# within TREE COMMAND... : the agent in the machine TREE.
within() {
    local tree=$1 bin
    shift
    bin=$(dirname "$(command -v zaibei-agent)")
    # shellcheck disable=SC2016
    unshare --mount --propagation private sh -ec 'mount --bind "$1" "$2/mnt"; mkdir -p "$2/mnt/vault"; mount --bind "$3" "$2/mnt/vault"
        mount -t proc proc "$2/proc"; tree=$2 config=$4; shift 4
        ZAIBEI_AGENT_CONFIG=$config LD_LIBRARY_PATH=/mnt/lib/x86_64-linux-gnu:/mnt/usr/lib/x86_64-linux-gnu exec chroot "$tree" "$@"' \
        sh "$place/side" "$tree" "$vault" "/mnt/$(basename "$tree").yaml" "/mnt$bin/zaibei-agent" "$@"
}

# machine_keep HOST : enrol the tree $place/HOST and make one point of it.
machine_keep() {
    within "$place/$1" enroll dir:///mnt/vault --host "$1" --system shop --recipient "$public" --state "/mnt/state-$1" \
        >"$ZAIBEI_TMP/enroll.out" 2>&1 || fail "enroll: $(cat "$ZAIBEI_TMP/enroll.out")"
    machine_again "$1"
}
machine_again() {
    within "$place/$1" backup / >"$ZAIBEI_TMP/backup.out" 2>&1 || fail "backup of $1: $(cat "$ZAIBEI_TMP/backup.out")"
}

host_id() { "$B/tools/tool_agent_grant" "$vault" "$kit" key "$1" | cut -d' ' -f1; }
host_key() { "$B/tools/tool_agent_grant" "$vault" "$kit" key "$1" | cut -d' ' -f2; }

# order ID LEVEL JQ : the order for a drill, with what a jq filter makes of it.
order() {
    jq -n --arg id "$1" --argjson level "$2" --arg dir "$drills/$1" --arg vault "$vault" "{op: \"drill\", schema_version: 1, id: \$id,
        dir: \$dir, level: \$level, read: [\"zaibei-vault\", \"serve\", \$vault, \"--host\", \"%h\", \"--local\"],
        requested: \"2026-11-22T00:00:00Z\", limits: {time_s: 200}, hosts: [], checks: []} | $3" >"$ZAIBEI_TMP/order.$1"
}

# drill ID [OPTION...] : run it; the journal is journal.ID.
drill() {
    local id=$1
    shift
    /usr/bin/python3 "$here/worker.py" "$ZAIBEI_TMP/order.$id" --vault "$vault" --kit "$kit" "$@" >"$ZAIBEI_TMP/journal.$id" \
        2>"$ZAIBEI_TMP/log.$id"
}

# journal ID JQ : of the lines as an array.
journal() { jq -rs "$2" "$ZAIBEI_TMP/journal.$1"; }

# verdict ID WANT : and nothing is left.
verdict() {
    local got
    got=$(journal "$1" 'last | .verdict')
    [ "$got" = "$2" ] || {
        cat "$ZAIBEI_TMP/journal.$1" "$ZAIBEI_TMP/log.$1" >&2
        fail "drill $1 is $got instead of $2"
    }
    [ "$(journal "$1" 'last | .left | length')" = 0 ] || fail "drill $1 has left $(journal "$1" 'last | .left')"
    [ ! -e "$drills/$1" ] || fail "drill $1 has left its directory"
}

# red ID PHASE TEXT... : it is red, that phase first, and the reason holds each text.
red() {
    local id=$1 phase=$2 why text
    shift 2
    verdict "$id" red
    [ "$(journal "$id" 'last | .first_red.phase')" = "$phase" ] || {
        cat "$ZAIBEI_TMP/journal.$id" >&2
        fail "drill $id: not $phase was red first"
    }
    why=$(journal "$id" 'last | .first_red | "\(.host) \(.name) \(.detail)"')
    for text; do
        case $why in
        *"$text"*) ;;
        *) fail "drill $id does not say '$text': $why" ;;
        esac
    done
    echo "   red: $why"
}

# clean : what killed drills have left is removed; the answer is in $said.
clean() {
    said=$(echo "{\"op\":\"clean\",\"dir\":\"$drills\"}" | zaibei-agent worker) || fail "clean: exit $?"
    [ -z "$(ls -A "$drills")" ] || fail "clean has left $(ls "$drills")"
}

# left_nothing ID : no process, mount, interface or file of this drill is left anywhere.
left_nothing() {
    local i
    for i in $(seq 50); do
        ! grep -ls "/$1/space" /proc/[0-9]*/mountinfo >"$ZAIBEI_TMP/left" 2>/dev/null || { sleep 0.1 && continue; }
        ! grep -q "$drills/$1" /proc/self/mountinfo || fail "a mount is left"
        ! ip -o link 2>/dev/null | grep -q ': zb[0-9]*@' || fail "a cable is left"
        [ ! -e "$drills/$1" ] || fail "the directory is left"
        return 0
    done
    fail "processes are left: $(cat "$ZAIBEI_TMP/left")"
}
