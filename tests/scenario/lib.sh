# Sourced by the scenarios: a private platform below $ZAIBEI_TMP, and short words for what they check.
# shellcheck shell=bash
: "${ZAIBEI_TMP:?run this by tests/run}" "${ZAIBEI_ROOT:?run this by tests/run}"
export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
box=$ZAIBEI_TMP/box
here=$ZAIBEI_ROOT/tests/scenario

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

not_run() {
    echo "$*" >&2
    exit 77
}

step() { echo "== $*"; }

# The same language; jq 1.6 takes 50 ms to begin, and we ask thousands of times.
if command -v gojq >/dev/null; then jq() { gojq "$@"; }; fi # it has no -S: `command jq -S`

# For plans whose runs are all asked for: a window half a day away, whatever the time of day the tests run at.
far_window=$(TZ=UTC date -d '+12 hours' +%H:00-%H:30)
# shellcheck disable=SC2034
by_hand="schedule: {zone: UTC, window: \"$far_window\"}"

# The platform: sshd, keeper, zaibeid and one enrolled agent; it ends with the test.
sandbox_up() {
    trap 'rc=$?; "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; rm -rf "${shm:-}"; exit $rc' EXIT
    "$ZAIBEI_ROOT/scripts/sandbox" up "$box"
    eval "$("$ZAIBEI_ROOT/scripts/sandbox" env "$box")"
    vault=$ZAIBEI_VAULT
    kit=$box/agent/kit
    # Some checks need only one host: the sandbox has one.
    host=$(ls "$vault/store/hosts")
}

# A place in $shm for very many small files: in memory where there is room, since disks take long to make and remove them.
# After sandbox_up.
many_place() {
    shm=
    [ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)" -gt 1000000 ] 2>/dev/null || return 0
    shm=$(mktemp -d /dev/shm/zb.XXXXXX) || shm=
}

# backup PATH... : quietly; its output is shown when it fails.
backup() {
    zaibei-agent backup "$@" >"$ZAIBEI_TMP/backup.out" 2>&1 || {
        local rc=$?
        cat "$ZAIBEI_TMP/backup.out" >&2
        fail "backup $*: exit $rc"
    }
}

restore() { # POINT TARGET [PATH...]
    local point=$1 target=$2
    shift 2
    zaibei-agent restore "$point" --target "$target" "$@" >"$ZAIBEI_TMP/restore.out" 2>&1 || {
        local rc=$?
        cat "$ZAIBEI_TMP/restore.out" >&2
        fail "restore $point: exit $rc"
    }
}

# expect CODE COMMAND... : its exit code is CODE; what it printed is in $said.
expect() {
    local want=$1 got=0
    shift
    said=$("$@" 2>&1) || got=$?
    [ "$got" -eq "$want" ] || fail "exit $got instead of $want: $*: $said"
}

# says TEXT... : the last `expect` printed each of these.
says() {
    local text
    for text; do
        case $said in
        *"$text"*) ;;
        *) fail "it does not say '$text': $said" ;;
        esac
    done
}

# point FIELD : of the last point.
point() { zaibei-agent points --json | jq -r "select(.message_type == \"point\") | .$1" | tail -n 1; }

manifest() { /usr/bin/python3 "$here/manifest.py" "$@"; }

tree() { /usr/bin/python3 "$here/tree.py" "$@"; }

same() { # FILE FILE WHAT
    diff "$1" "$2" >"$ZAIBEI_TMP/diff" || {
        head -n 20 "$ZAIBEI_TMP/diff" >&2
        fail "$3 differs"
    }
}

verify() { # [OPTION...] : every byte of the vault, with the kit
    zaibei-verify vault "$vault" --key "$kit" --quiet "$@" >"$ZAIBEI_TMP/verify.out" 2>&1 || {
        local rc=$?
        cat "$ZAIBEI_TMP/verify.out" >&2
        fail "zaibei-verify: exit $rc"
    }
}

# Bytes of all objects in the store.
store_bytes() { find "$vault/store" -type f -printf '%s\n' | awk '{ n += $1 } END { printf "%.0f\n", n }'; }

# noise N SEED : N bytes that do not compress, the same for the same seed.
noise() { openssl enc -aes-128-ctr -nosalt -pass "pass:$2" -md sha256 </dev/zero 2>/dev/null | head -c "$1"; }

# plan_into_force FILE : submitted, reviewed, approved.
plan_into_force() {
    local name
    name=$(as applicant zaibei plan submit "$1" --json | jq -r .name) || fail "plan submit $1"
    as office zaibei plan review "$name" >/dev/null || fail "plan review $name"
    as office zaibei plan approve "$name" --yes >/dev/null || fail "plan approve $name"
}

# approvers_make VAULT : two people who may approve, with their keys in $approvers.
approvers_make() {
    local name
    approvers=$ZAIBEI_TMP/approvers
    mkdir "$approvers"
    for name in anna ben; do
        ssh-keygen -q -t ed25519 -N '' -C $name -f "$approvers/$name"
        zaibei-vault approver add "$1" $name "$approvers/$name.pub" >/dev/null
    done
}

# remove_early VAULT HOST/POINT,POINT… : although they are protected, as two approvers allow it.
remove_early() {
    zaibei-vault request remove "$1" "$2" --out "$approvers/request" >/dev/null
    zaibei approve "$approvers/request" --key "$approvers/anna" --yes >/dev/null
    zaibei approve "$approvers/request" --key "$approvers/ben" --yes >/dev/null
    zaibei-vault remove "$1" "$2" --reason test --approvals "$approvers/request" --yes >/dev/null
    rm "$approvers"/request*
}
