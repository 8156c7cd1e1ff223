#!/bin/bash
# no-asan: libfaketime is preloaded, and the sanitizer wants to be first
# limit 120
# faults: E10 H11
# The audit of a real zaibeid beside a real vault: what is done is recorded; an export is computed again by another program;
# whatever somebody does to it is found, with the first bad number; an audit that is put back is noticed by the vault.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
[ -n "$(find /usr/lib -name 'libfaketime.so.1' -print -quit)" ] || not_run "libfaketime is not installed"
export ZAIBEI_SANDBOX_FAKETIME="+0"
sandbox_up
out=$ZAIBEI_TMP/out
mkdir "$out"
catalog=$(find "$box" -name zaibei.db -print -quit)
vault_key=$(zaibei-vault stat "$vault" --json | jq -r '.vault_key // empty' | head -n 1)
echo "$vault_key" >"$out/anchor"

export_to() { expect 0 as auditor zaibei audit export --out "$1"; }
head_of() { tail -n 1 "$1" | cut -d' ' -f2- | jq -r .n; }

# zaibeid begins anew, and shows its audit to the vault when it has begun.
restart() {
    local old shown keeper
    [ "$seen" = audit.fork ] || shown=$(as auditor zaibei audit list --act zaibeid.start --json | head -n 1 | jq -r .n)
    keeper=$(cut -d' ' -f1 "$box/run/zaibeid.pid") # which starts it again
    old=$(pgrep -P "$keeper" | head -n 1)
    kill -STOP "$keeper"
    kill -9 "$old"
    while [ -e "/proc/$old/fd/0" ]; do sleep 0.05; done
    "$@"
    kill -CONT "$keeper"
    for _ in $(seq 100); do
        [ "$(as auditor zaibei audit list --act "$seen" --json 2>/dev/null | head -n 1 | jq -r .n)" -gt "${shown:-0}" ] 2>/dev/null && return 0
        sleep 0.1
    done
    fail "zaibeid did not come back, or did not show its audit: $(tail -n 5 "$box"/run/zaibeid.log 2>/dev/null)"
}
seen=audit.witness

# judged CODE WORDS FILE [OPTION...]
judged() {
    local code=$1 words=$2
    shift 2
    expect "$code" zaibei-verify audit "$@"
    says "$words"
}

step "what people and zaibeid do is recorded"
cat >"$ZAIBEI_TMP/plan.yaml" <<END
name: demo
system: $host
hosts: [$host]
content: {paths: [/etc/hostname]}
strategy: {daily: incremental}
$by_hand
END
plan_into_force "$ZAIBEI_TMP/plan.yaml"
expect 0 zaibei job run demo
expect 0 zaibei-agent run --once
expect 0 zaibei point pin "$host/1" --months 3 --reason "before the move"
expect 0 as auditor zaibei audit list --limit 100
says plan.approve job.run job.taken job.ended point.pin.asked point.pin zaibeid.start
expect 0 as auditor zaibei audit list --who zaibeid --act job --csv
says 'n,time,who,act,object,detail,hash' '"job.taken"'
expect 0 as auditor zaibei audit verify
says whole

step "the vault sees it: at the start, and again six hours later"
"$ZAIBEI_ROOT/scripts/sandbox" time "$box" +7h
restart true
export_to "$out/good"
n=$(head_of "$out/good")
witness=$(as auditor zaibei audit list --act audit.witness --json | head -n 1 | jq -r .detail.n)
[ "$(as auditor zaibei audit list --act audit.witness --json | head -n 1 | jq -r .detail.kept)" = true ] || fail "the vault has kept no record"

step "an export that nobody touched"
judged 0 "self-consistent" "$out/good"
judged 0 "authentic" "$out/good" --vault "$vault" --anchor "$out/anchor"
judged 0 "authentic" - --audit-key "$(head -n 1 "$out/good" | cut -d' ' -f3)" <"$out/good"
zaibei-verify vault "$vault" --quiet >/dev/null || fail "the vault's own log does not verify"

step "edited, deleted, reordered, forged, cut: the first bad number is named"
awk 'NR == 4 { sub(/"who":"[a-z]*/, "&x") } 1' "$out/good" >"$out/bad"
judged 15 "audit record 3:" "$out/bad"
sed 6d "$out/good" >"$out/bad"
judged 15 "audit record 5:" "$out/bad"
awk 'NR == 5 { kept = $0; next } { print } NR == 6 { print kept }' "$out/good" >"$out/bad"
judged 15 "audit record 4:" "$out/bad"
sed '3s/^./x/' "$out/good" >"$out/bad"
judged 15 "audit record 2:" "$out/bad"
sed '4s/$/ /' "$out/good" >"$out/bad"
judged 15 "audit record 3:" "$out/bad"
head -c -5 "$out/good" >"$out/bad"
judged 15 "audit record $n:" "$out/bad"
head -n "$((witness - 1))" "$out/good" >"$out/bad" # the header counts: this ends before what the vault saw
judged 0 "self-consistent" "$out/bad"
judged 15 "the audit ends before it" "$out/bad" --vault "$vault"
sed '1s/ 1 [0-9a-f]* / 1 0000000000000000000000000000000000000000000000000000000000000000 /' "$out/good" >"$out/bad"
judged 15 "ZB-18" "$out/bad" --vault "$vault"
: >"$out/bad"
judged 2 "not an export" "$out/bad"
sed '1s/zaibei-audit 1/zaibei-audit 2/' "$out/good" >"$out/bad"
judged 15 "newer" "$out/bad"
/usr/bin/python3 - "$out/good" "$out/bad" <<'END'
# Somebody who can compute hashes writes another history from record 3 on.
import hashlib, sys
lines = open(sys.argv[1], "rb").read().split(b"\n")[:-1]
head, rest = lines[0], lines[1:]
prev = bytes.fromhex(head.split()[4].decode())
out = [head]
for i, line in enumerate(rest):
    text = line[65:]
    if i == 2:
        text = text.replace(b'"who":"', b'"who":"not-', 1)
    prev = hashlib.blake2b(prev + text, digest_size=32).digest()
    out.append(prev.hex().encode() + b" " + text)
open(sys.argv[2], "wb").write(b"\n".join(out) + b"\n")
END
judged 15 "the vault has seen another record of this number" "$out/bad" --vault "$vault"

step "the catalog is edited: zaibeid says so at its start, by list and by status"
edit() { sqlite3 -cmd '.timeout 10000' "$catalog" "UPDATE audit SET line = replace(line, 'before the move', 'for no reason') WHERE act = 'point.pin'"; }
bad=$(as auditor zaibei audit list --act point.pin --json | jq -r 'select(.act == "point.pin") | .n')
restart edit
expect 15 as auditor zaibei audit verify
says "audit record $bad"
expect 0 zaibei status --json
says "audit_alarm"
export_to "$out/bad"
judged 15 "audit record $bad:" "$out/bad"
expect 0 zaibei job run demo # backups go on

step "an older catalog is put back: the vault has seen more"
older() {
    sqlite3 -cmd '.timeout 10000' "$catalog" "DELETE FROM audit WHERE n > 3"
}
seen=audit.fork
restart older
expect 0 zaibei status --json
says "record $witness was seen"
