#!/bin/bash
# no-asan: it traces, and the leak checker cannot work under a tracer
# faults: H16
# Nothing that was read leaves the machine in clear: markers in contents, names, xattrs and the key are neither in the
# vault, nor in zaibeid's database and logs, nor in what agent and link say to each other, which is what serve reads.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
command -v strace >/dev/null || not_run "needs strace"
sandbox_up
data=$ZAIBEI_TMP/data
mkdir -p "$data/MARKNAMEdir"
/usr/bin/python3 - "$data" <<'PY'
import os, sys
top = sys.argv[1]
contents = {"MARKNAMEfile": "MARKBODYsmall" * 50, "incompressible": "MARKBODYmixed", "large": "MARKBODYlarge" * 300000}
for name, text in contents.items():
    with open(f"{top}/{name}", "wb") as f:
        f.write(text.encode() + (os.urandom(70000) if name == "incompressible" else b""))
os.setxattr(f"{top}/MARKNAMEfile", "user.MARKATTRname", b"MARKATTRvalue")
os.symlink("MARKLINKtarget", f"{top}/MARKNAMElink")
PY
state=$(sed -n 's/^state:[ "]*\([^"]*\)"*$/\1/p' "$ZAIBEI_AGENT_CONFIG")
find "$state" -name '*.key' -o -name '*.seed' | grep -q . || fail "no keys in $state"

# clean WHERE FILE... : none of the markers, and none of the keys as bytes, hex or base64.
clean() {
    /usr/bin/python3 - "$state" "$kit" "$@" <<'PY'
import base64, os, re, sys
state, kit, where, *files = sys.argv[1:]
secrets = [b"MARKNAME", b"MARKBODY", b"MARKATTR", b"MARKLINK"]
for name in ("host.key", "ssh.seed"):
    key = open(os.path.join(state, name), "rb").read()
    secrets += [key, key.hex().encode(), base64.b64encode(key)]
secret = re.search(rb"zbk-sec-(\S+)", open(kit, "rb").read())[1]
secrets += [secret, base64.b64decode(secret)]
looked = 0
for top in files:
    single = [(os.path.dirname(top), [], [os.path.basename(top)])]
    for folder, folders, names in os.walk(top) if os.path.isdir(top) else single:
        for name in folders + names:
            assert b"MARK" not in os.fsencode(name), f"{where}: a name: {name}"
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                data = open(path, "rb").read()
                looked += len(data)
                for s in secrets:
                    assert s not in data, f"{where}: {path} holds {s!r}"
assert looked > 100, f"{where}: nothing to look at"
print(f"{where}: {looked} bytes, clean")
PY
}

# plain TRACE NAME : the bytes of the strings of a trace, without strace's escapes.
plain() {
    /usr/bin/python3 - "$1" "$2" <<'PY'
import re, sys
with open(sys.argv[1], errors="replace") as f, open(sys.argv[2], "wb") as out:
    for line in f:
        for text in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', line):
            out.write(bytes.fromhex(text.replace("\\x", "")))
PY
}

step 'a backup and a listing, with everything that is written traced'
strace -f -qq -y -xx -s 3000000 -v -e trace=write,writev,sendto,sendmsg,execve -o "$ZAIBEI_TMP/trace" \
    zaibei-agent backup "$data" >"$ZAIBEI_TMP/out" 2>&1 || fail "backup under strace: $(tail -n 3 "$ZAIBEI_TMP/out")"
# Files below the state directory are the machine's own; what goes to pipes and sockets leaves the agent.
# (With -xx the kind of a descriptor is in hex too: pipe and sock.)
grep -E '\([0-9]+<(pipe|socket|UNIX|TCP|\\x70\\x69\\x70\\x65|\\x73\\x6f\\x63\\x6b)' \
    "$ZAIBEI_TMP/trace" >"$ZAIBEI_TMP/trace.pipe" || fail "no pipe in the trace"
plain "$ZAIBEI_TMP/trace.pipe" "$ZAIBEI_TMP/pipe"
[ "$(stat -c %s "$ZAIBEI_TMP/pipe")" -gt 70000 ] || fail "the trace has only $(stat -c %s "$ZAIBEI_TMP/pipe") bytes"
grep -q ZAIBEI1 "$ZAIBEI_TMP/pipe" || fail "the frames of agent and link are not in the trace"
clean 'between agent and link' "$ZAIBEI_TMP/pipe"
grep 'execve(' "$ZAIBEI_TMP/trace" >"$ZAIBEI_TMP/trace.exec" || fail "no child in the trace"
plain "$ZAIBEI_TMP/trace.exec" "$ZAIBEI_TMP/exec"
clean 'arguments and environments' "$ZAIBEI_TMP/exec"

step 'what lies on the platform, and what its processes say'
clean 'the vault' "$vault"
clean 'zaibeid' "$box/zaibeid"
clean 'logs' "$box/log"

step 'the markers are there for who holds the kit'
restore latest "$ZAIBEI_TMP/back"
grep -q MARKBODYsmall "$ZAIBEI_TMP/back$data/MARKNAMEfile" || fail "not restored"
