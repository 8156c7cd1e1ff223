#!/bin/bash
# no-asan: a library is loaded before the sanitizer's
# faults: C6 E3 G5
# With link taken over: another program in its place, which relays to a real serve, gets no signature but the one it is there
# for, cannot make the agent believe in a point that the vault does not have, and is never given a key or a name. After each
# attack the next honest run succeeds.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
library=$B/tools/pre_roguelink.so
[ -e "$library" ] || fail "make tools"
sandbox_up
[ "$host" = sandbox ] || fail "the host is called $host"
state=$(sed -n 's/^state:[ "]*\([^"]*\)"*$/\1/p' "$ZAIBEI_AGENT_CONFIG")
data=$ZAIBEI_TMP/data
mkdir "$data"
echo MARKBODYsmall >"$data/MARKNAMEa"
noise 1000000 rogue1 >"$data/b"

# with MODE COMMAND... : zaibei-agent with the rogue in link's place; what it was given is in $rogue.
with() {
    local mode=$1
    shift
    rogue=$ZAIBEI_TMP/rogue.$mode
    mkdir -p "$rogue"
    [ ! -e "$ZAIBEI_TMP/begun" ] || cp "$ZAIBEI_TMP/begun" "$rogue/begun"
    LD_PRELOAD=$library ZAIBEI_ROGUE=$here/roguelink.py ROGUE_MODE=$mode ROGUE_DIR=$rogue ROGUE_VAULT=$vault \
        timeout 60 zaibei-agent "$@"
}

# secret FILE... : no key, in no form, and nothing of what was read, is in what the rogue was given or held.
secret() {
    /usr/bin/python3 - "$state" "$kit" "$@" <<'PY'
import base64, re, sys
state, kit, *files = sys.argv[1:]
secrets = {"a mark": b"MARKBODY", "a name": b"MARKNAME", "the kit": re.search(rb"zbk-sec-(\S+)", open(kit, "rb").read())[1]}
for name in ("host.key", "ssh.seed"):
    key = open(f"{state}/{name}", "rb").read()
    secrets |= {name: key, name + " in hex": key.hex().encode(), name + " in base64": base64.b64encode(key)}
for path in files:
    data = open(path, "rb").read()
    assert len(data) > 100, f"{path}: nothing to look at"
    for what, s in secrets.items():
        assert s not in data, f"{path} holds {what}"
PY
}

points() { zaibei-agent points --json | jq -r 'select(.message_type == "point") | .point' | wc -l; }

step 'an honest one in its place works, and learns nothing'
with honest backup "$data" >"$ZAIBEI_TMP/out" 2>&1 || fail "$(cat "$ZAIBEI_TMP/out")"
[ -e "$rogue/ready" ] && [ "$(points)" = 1 ] || fail 'the rogue was not in link'"'"'s place'
secret "$rogue/input" "$rogue/memory"
[ "$(stat -c %s "$rogue/input")" -gt 1000000 ] || fail 'the input was not seen'
cp "$rogue/begun" "$ZAIBEI_TMP/begun"
cp "$state/receipt" "$ZAIBEI_TMP/receipt.old"
upload=$(cat "$rogue/upload")
export ROGUE_RECEIPT=$ZAIBEI_TMP/receipt.old ROGUE_UPLOAD=$upload

step 'status tells what link could not give up, and where there is no link'
isolation() { jq -c '[.isolation.process, .isolation.state, .isolation.missing]'; }
now=$(zaibei-agent status --json | isolation)
case $now in
*'"link","complete",[]'*) ;;
*'"partial"'*) [ "$(id -u)" != 0 ] || ! unshare -n true || fail "root, and yet: $now" ;;
*) fail "$now" ;;
esac
case $now in *capabilities* | *privileges*) fail "$now" ;; esac
now=$(with keeps status --json | isolation)
[ "$now" = '["link","partial",["files","seccomp"]]' ] || fail "$now"
expect 0 with keeps status
says "it sees this machine's files" 'seccomp does not hold it'
sed 's|^transport:.*|transport: openssh|' "$ZAIBEI_AGENT_CONFIG" >"$box/agent/openssh.yaml"
now=$(zaibei-agent --config "$box/agent/openssh.yaml" status --json | isolation)
[ "$now" = '["ssh","none",[]]' ] || fail "$now"
zaibei-vault init "$ZAIBEI_TMP/own" >/dev/null
zaibei-agent --config "$ZAIBEI_TMP/own.yaml" enroll "dir://$ZAIBEI_TMP/own" --host lone --system home \
    --recipient "$(grep -o 'zbk-pub-.*' "$kit")" --state "$ZAIBEI_TMP/own.state" >/dev/null
now=$(zaibei-agent --config "$ZAIBEI_TMP/own.yaml" status --json | isolation)
[ "$now" = '["serve","no-network",[]]' ] || fail "$now"

step 'nothing else is signed'
# The unit test check_agent_session tries each field of the request.
for kind in user bound sshsig record large; do
    expect 12 with "sign-$kind" status
    says ZB-1301
    [ ! -e "$rogue/signed" ] || fail "signed: $kind"
    secret "$rogue/memory"
done
expect 14 with sign-late status
[ -e "$rogue/ready" ] && [ ! -e "$rogue/signed" ] || fail 'signed after it was ready'

# An attack on a backup: it fails, no point has come of it and none is believed in; the next run makes the point.
attack() { # MODE EXIT SAYS
    noise 1000000 "$1" >"$data/b"
    cp "$state/receipt" "$ZAIBEI_TMP/receipt"
    expect "$2" with "$1" backup "$data"
    says "$3"
    [ -e "$rogue/ready" ] || fail "$1: the rogue was not used"
    cmp -s "$state/receipt" "$ZAIBEI_TMP/receipt" || fail "$1: another receipt is held"
    [ "$(points)" = "$made" ] || fail "$1: there is a new point"
    secret "$rogue/input" "$rogue/memory"
    backup "$data"
    made=$((made + 1))
    [ "$(point point)" = $made ] || fail "$1: the next run made no point"
}

made=1
step 'acknowledged packs that the vault does not have'
attack done 15 ZB-1603
restore latest "$ZAIBEI_TMP/back"
cmp "$data/b" "$ZAIBEI_TMP/back$data/b" || fail 'what is restored after it is wrong'

step 'what it acknowledged and kept leaves no local copy under a number that is used again'
cp -p "$data/b" "$ZAIBEI_TMP/b"
noise 1000000 other >"$data/b"
expect 15 with 'done' backup "$data" # data and meta
cp "$ZAIBEI_TMP/b" "$data/b"
backup "$data" # meta only
noise 1000000 another >"$data/b"
backup "$data"
made=$((made + 2))
for copy in "$state"/cache/meta/*/*; do
    cmp "$copy" "$(echo "$vault"/store/hosts/sandbox/packs/*/"${copy##*/}".*)" || fail "${copy##*/} is another pack in the vault"
done

step 'local copies of meta packs under the numbers of other packs'
# A rogue that acknowledges what it keeps leaves them: the number was never stored, so it is used again.
/usr/bin/python3 - "$state/cache/meta" "$vault/store/hosts/sandbox/packs" <<'PY'
import hashlib, os, struct, sys
copies, packs = sys.argv[1:]
generation, = os.listdir(copies)
copies, packs = f"{copies}/{generation}", f"{packs}/{generation}"
one = bytearray(open(f"{copies}/{sorted(os.listdir(copies))[0]}", "rb").read())
index_at, count = struct.unpack_from("<QI", one, len(one) - 48)
for number in {int(name.split(".")[0], 16) for name in os.listdir(packs)}:
    struct.pack_into("<I", one, 56, number)
    one[-36:-4] = hashlib.blake2b(one[:64] + one[index_at:-48], digest_size=32).digest()
    open(f"{copies}/{number:08x}", "wb").write(one)
assert count and len(os.listdir(copies)) > 3
PY
restore latest "$ZAIBEI_TMP/again"
cmp "$data/b" "$ZAIBEI_TMP/again$data/b" || fail 'what is restored with copies of other packs is wrong'
step 'an old receipt'
attack receipt-old 1 ZB-1504
step 'an old receipt made to fit'
attack receipt-mine 12 ZB-1306
step 'noise for a receipt'
attack receipt-noise 15 ZB-1601
step 'an old beginning'
attack begun-old 1 ZB-1504
verify
