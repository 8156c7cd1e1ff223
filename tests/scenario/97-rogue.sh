#!/bin/bash
# limit 1800
# faults: C6 C7 C9 D2 H6
# A thief of all that zaibeid and one agent have tries what the protocols offer (rogue.py): forged tickets, false and used
# approvals, floods of pins, points, tickets and tokens, times of the past and of the future, packs and uploads of others,
# frames that lie. Meanwhile the vault collects. Then nothing that is retained or pinned is removed, shortened, hidden or
# replaced, other hosts are as they were, and the honest host's next backup works. Floods of 300; of 10,000 with ZAIBEI_SOAK=1.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
flood=${FLOOD:-300}
[ -z "${ZAIBEI_SOAK:-}" ] || flood=10000
cd "$ZAIBEI_TMP"
data=$ZAIBEI_TMP/data
control() { printf '%s\n' "$1" | zaibei-vault control "$vault"; }

step 'an honest host with points, one of which was removed by right; a quiet one; one whose key is stolen'
mkdir data
for i in 1 2 3 4; do
    noise 400000 "$i" >"data/file.$i"
    noise 900000 "all.$i" >data/all
    backup data
    manifest data >"was.$i"
done
approvers_make "$vault"
ssh-keygen -q -t ed25519 -N '' -C mallory -f "$approvers/mallory"
zaibei-vault request remove "$vault" "$host/2" --out request >/dev/null
for name in anna ben; do zaibei approve request --key "$approvers/$name" --yes >/dev/null; done
zaibei-vault remove "$vault" "$host/2" --reason right --approvals request --yes >/dev/null
/usr/bin/python3 - request <<'PY' >"$approvers/used.json"
import json, sys
text = open(sys.argv[1]).read()
sigs = ["".join(open(f"{sys.argv[1]}.{n}.sig").read().split("\n")[1:-2]) for n in ("anna", "ben")]
print(json.dumps([{"statement": text, "signature": s} for s in sigs]))
PY
zaibei-vault pin "$vault" "$host/3" --months 6 --reason 'court order' >/dev/null
public=$(grep -o 'zbk-pub-.*' "$kit")
for name in quiet rogue; do
    zaibei host enroll-token $name --system portal --json | grep -o 'zbe1,[^"]*' |
        zaibei-agent --config "$ZAIBEI_TMP/$name.yaml" enroll - --recipient "$public" --state "$ZAIBEI_TMP/$name" >/dev/null
done
expect 0 zaibei-agent --config "$ZAIBEI_TMP/quiet.yaml" backup data
/usr/bin/python3 "$here/attacker.py" key rogue/ssh.seed "$(zaibei-agent --config "$ZAIBEI_TMP/rogue.yaml" key --json | jq -r .ssh_key)" stolen

# Each record of a host and its second copy, the vault's header, key, systems and log.
records() {
    (cd "$vault" && find "store/hosts/$host/log" "store/kept/$host" store/hosts/quiet store/kept/quiet store/vault \
        store/systems/portal store/systems/sandbox store/log keeper/key -type f -exec sha256sum {} + | sort)
}
protection() { # HOST : "POINT UNTIL PINNED" a line
    control "{\"op\":\"points\",\"host\":\"$1\"}" |
        jq -r '.points[] | "\(.point) \(.protected_until) \(.pinned_until) \(.generation) \(.time)"'
}
size() { find "$vault/store/hosts/$1/log" "$vault/store/kept/$1" -type f | wc -l; }
records >records.was
protection "$host" >protection.was
had=$(size "$host")
[ "$(cut -d' ' -f1 protection.was | tr '\n' ' ')" = '1 3 4 ' ] || fail "points: $(cat protection.was)"

step "what a thief tries; floods of $flood"
collects() { # what the machine's administrator does meanwhile, without any grace
    while [ ! -e over ]; do
        local rc=0 # 11: the thief's own collection is at work
        zaibei-vault gc "$vault" --grace 0 >>gc.out 2>&1 || rc=$?
        case $rc in 0) echo >>gc.done ;; 11) ;; *) echo "exit $rc" >>gc.failed ;; esac
        sleep 0.5
    done
}
collects &
collector=$!
rc=0
/usr/bin/python3 "$here/rogue.py" "$vault" "$host" rogue "$approvers" "$flood" -- ssh -q -F none -o BatchMode=yes \
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes -i stolen \
    -p "$(cat "$box/run/port")" "$(id -un)@127.0.0.1" >rogue.out 2>rogue.err || rc=$?
touch over
wait $collector
cat rogue.out
[ $rc -eq 0 ] || fail "$(tail -n 5 rogue.err)"
echo "beside $(wc -l <gc.done) collections of the administrator's"
[ ! -e gc.failed ] || fail "a collection failed: $(cat gc.failed; tail -n 5 gc.out)"

step 'nothing retained or pinned was removed, shortened, hidden or replaced'
records >records.is
gone=$(comm -23 records.was records.is)
[ -z "$gone" ] || fail "changed or gone: $gone"
protection "$host" >protection.is
/usr/bin/python3 - protection.was protection.is <<'PY' || fail 'see above'
import sys
was, now = ({x.split()[0]: x.split()[1:] for x in open(name)} for name in sys.argv[1:])
assert was.keys() == now.keys(), f"points: {sorted(was)}, now {sorted(now)}"
for point, (until, pinned, *rest) in was.items():
    assert now[point][0] >= until, f"point {point} was protected until {until}, and is until {now[point][0]}"
    assert pinned == "null" or now[point][1] >= pinned, f"point {point} was pinned until {pinned}, and is until {now[point][1]}"
    assert now[point][2:] == rest, f"point {point} was {rest}, and is {now[point][2:]}"
PY
control '{"op":"points","host":"rogue"}' >rogue.json
/usr/bin/python3 - rogue.json <<'PY' || fail 'see above'
import datetime, json, sys
points = json.load(open(sys.argv[1]))["points"]
time = lambda s: datetime.datetime.fromisoformat(s.replace("Z", "+00:00")[:19] + "+00:00")
assert len(points) > 100, len(points)
for p in points:  # its own points too: whatever ticket and walk it claimed, by the vault's clock, for the floor at least
    assert time(p["protected_until"]) - time(p["time"]) >= datetime.timedelta(days=92), p
    assert abs(time(p["time"]) - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(hours=2), p
print(f"{len(points)} points of the thief's, each kept for its floor")
PY
[ "$(ls "$vault/store/hosts/quiet/log" | wc -l)" = 3 ] || fail "the quiet host's log has grown"
grew=$(($(size "$host") - had))
[ $grew -le 150 ] || fail "$grew records and copies were added to the honest host's log"
[ "$(ls "$vault/tickets/$host" | wc -l)" -le 4096 ] && [ "$(ls "$vault/tokens" | wc -l)" -le 1024 ] || fail 'tickets or tokens without end'

step 'each point restores exactly, and the honest hosts go on'
for i in 1 3 4; do
    restore $i "$ZAIBEI_TMP/back"
    manifest "$ZAIBEI_TMP/back$data" >is
    same "was.$i" is "point $i"
    rm -rf back
done
verify --host "$host"
verify --host quiet
expect 0 zaibei-verify vault "$vault" --quiet
noise 500000 new >data/new
backup data
expect 0 zaibei-agent --config "$ZAIBEI_TMP/quiet.yaml" backup data
[ "$(zaibei-agent points --json | jq -r 'select(.message_type == "point") | .point' | tr '\n' ' ')" = '1 3 4 5 ' ] || fail 'points'
expect 12 zaibei-agent --config "$ZAIBEI_TMP/rogue.yaml" backup data
says ZB-1303
expect 0 zaibei-vault pin "$vault" "$host/1" --months 120 --reason 'an honest one'
verify --host "$host"
