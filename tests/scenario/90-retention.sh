#!/bin/bash
# What protects restore points, tried from outside with real OpenSSH keys: pins, floors, removal with reasons, approvals that
# are replayed, expired, doubled or meant for something else, forged tickets, floods of pins, and lost or damaged records.
# faults: A17 B10 B13 D1 D4 E11
set -eu
. "$(dirname "$0")/lib.sh"
cd "$ZAIBEI_TMP"
v=$ZAIBEI_TMP/vault
zv() { verb=$1 && shift && zaibei-vault "$verb" "$@"; }
control() { printf '%s\n' "$1" | zaibei-vault control "$v"; }
day() { date -u -d "$1" +%Y-%m-%dT12:00:00Z; }

step "a vault, a keeper, a host with three points"
zaibei-vault init "$v" >/dev/null
zaibei kit new --out kit >kit.txt
pub=$(grep -o 'zbk-pub-[A-Za-z0-9+/=]*' kit)
export ZAIBEI_AGENT_CONFIG=$ZAIBEI_TMP/agent.yaml
zaibei-agent enroll "dir://$v" --host web --system oa --recipient "$pub" --state "$ZAIBEI_TMP/state" \
    --config "$ZAIBEI_AGENT_CONFIG" >/dev/null
mkdir data
for i in 1 2 3; do
    echo "$i" >data/file
    zaibei-agent backup data >/dev/null
done
zaibei-vault keep "$v" 2>keep.err &
keeper=$!
trap 'kill $keeper 2>/dev/null; wait $keeper 2>/dev/null || :' EXIT
points() { control '{"op":"points","host":"web"}' | jq -r '[.points[].point] | join(",")'; }
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -S "$v/run/control.sock" ] && break || sleep 0.3; done
[ "$(points)" = 1,2,3 ] || fail "three points, not $(points)"
for key in anna ben carl mallory; do ssh-keygen -q -t ed25519 -N '' -C "$key" -f $key; done

step "removal is refused, and says until when and why"
expect 12 zv remove "$v" web/1 --reason old --yes
says ZB-1311 "until $(date -u -d '92 days' +%Y-%m-%dT)" 'least time'
said=$(control '{"op":"remove","host":"web","points":[1],"reason":"x"}')
[ "$(jq -r .error.id <<<"$said")" = 1311 ] || fail "control removed it: $said"
expect 0 zv remove "$v" web/1 --dry-run
says 'may not be removed'
expect 10 zv remove "$v" web/9 --reason x --yes
expect 2 zv remove "$v" web/1 --yes
says reason

step "pins only extend"
expect 0 zv pin "$v" web/1 --months 6 --reason 'court order' --who anna --json
until=$(jq -r .until <<<"$said")
case $until in *T12:00:00Z) ;; *) fail "a pin that ends within a day: $until" ;; esac
before=$(ls "$v/store/kept/web" | wc -l)
for _ in 1 2 3; do
    expect 0 zv pin "$v" web/1 --until "$(day '100 days')" --reason shorter
    says already "$until"
done
[ "$(ls "$v/store/kept/web" | wc -l)" = "$before" ] || fail "a pin that extends nothing was logged"
expect 12 zv pin "$v" web/1 --until "$(day '11 years')" --reason x
expect 2 zv pin "$v" web/1 --until "$(day '-1 day')" --reason x
expect 2 zv pin "$v" web/1 --months 2
expect 10 zv pin "$v" web/9 --months 2 --reason x
expect 12 zv remove "$v" web/1 --reason old --yes
says "$until" pinned
expect 0 zv pins "$v" web
says 'court order' anna
printf '{"op":"pin","host":"web","point":1,"until":"%s","reason":"flood"}\n' "$(day '1 year')" >flood
for _ in 1 2 3 4 5 6 7; do cat flood flood >more && mv more flood; done
zaibei-vault control "$v" <flood >flood.out
[ "$(grep -c '"ok":true' flood.out)" = 128 ] || fail "a repeated pin was refused"
[ "$(jq -s 'map(select(.extended)) | length' flood.out)" = 1 ] || fail "the same pin was recorded more than once"

step "tickets of the past and of the far future"
forged() { control "{\"op\":\"ticket\",\"host\":\"web\",\"ticket\":\"t\",\"labels\":[\"daily\"],\"retain_until\":\"$1\"}" | jq -r .ok; }
[ "$(forged 9999-12-31T23:59:59Z)" = false ] || fail "a ticket until the year 9999"
[ "$(forged 1960-01-01T00:00:00Z)" = false ] || fail "a ticket of 1960"
[ "$(forged 1970-01-02T00:00:00Z)" = true ] || fail "a ticket that promises nothing is harmless"

step "approvers: two at first on the machine, then only by two of them"
zv request remove "$v" web/2 --out early >/dev/null
zaibei approve early --key anna --yes >/dev/null
expect 12 zv remove "$v" web/2 --reason x --yes --approvals early
says ZB-1313
expect 0 zv approver add "$v" anna anna.pub
expect 0 zv approver add "$v" ben ben.pub
expect 12 zv approver add "$v" mallory mallory.pub
expect 0 zv approver list "$v"
cp /dev/stdin list3 <<<"$said"
echo "carl $(cut -d' ' -f1,2 carl.pub)" >>list3
expect 12 zv approver replace "$v" list3
zv request approvers "$v" list3 --out more >/dev/null
for key in anna ben; do zaibei approve more --key $key --yes >/dev/null; done
sed 's/^carl.*//' list3 | grep . >list2
expect 12 zv approver replace "$v" list2 --approvals more
expect 0 zv approver replace "$v" list3 --approvals more
says carl
expect 12 zv approver replace "$v" list3 --approvals more
says used

step "approvals that do not allow it"
request() { zv request remove "$v" "$2" --out "$1" "${@:3}" >/dev/null; }
sign() { zaibei approve "$1" --key "$2" --yes >/dev/null; }
refused() { # WHAT TEXT
    expect 12 zv remove "$v" web/2 --reason x --yes --approvals "$1"
    says ZB-1312 "$2"
    [ "$(points)" = 1,2,3 ] || fail "$1 removed something"
}
request one web/2 && sign one anna && refused one 'two different'
cp one.anna.sig one.again.sig && refused one 'two different'
request foreign web/2 && sign foreign anna && sign foreign mallory && refused foreign 'no approver'
request other web/3 && sign other anna && sign other ben && refused other 'other objects'
request wide web/1,2 && sign wide anna && sign wide ben && refused wide 'other objects'
request late web/2 --expires-s 1 && sign late anna && sign late ben && sleep 1.2 && refused late expired
zaibei-vault init elsewhere >/dev/null
sed "s/^vault: .*/vault: $(zaibei-vault stat elsewhere --json | jq -r .vault_id)/" one >moved
sign moved anna && sign moved ben && refused moved 'another vault'
sed 's/^expires: ..../expires: 2099/' one >long && sign long anna && sign long ben && refused long 'more than a week'
zv request floor "$v" web --days 200 --out action >/dev/null && sign action anna && sign action ben && refused action 'another action'
request torn web/2 && sign torn anna && sign torn ben && sed -i 's/^\(nonce: .*\)[0-8]/\19/' torn && refused torn 'does not fit'
request space web/2 && sign space anna
ssh-keygen -q -Y sign -n file -f ben space 2>/dev/null && mv space.sig space.ben.sig && refused space 'another purpose'
ssh-keygen -q -t rsa -b 2048 -N '' -f rsa
request weak web/2 && sign weak anna && expect 12 zaibei approve weak --key rsa --yes
says ed25519
[ ! -e weak.rsa.sig ] || fail "a signature that no vault accepts was left"

step "two approvals lift protection, once"
request good web/2 && sign good anna && sign good carl
expect 0 zv remove "$v" web/2 --reason 'not needed' --yes --approvals good
[ "$(points)" = 1,3 ] || fail "it was not removed: $(points)"
expect 10 zv pin "$v" web/2 --months 1 --reason late
says 'removed already'
expect 0 zv remove "$v" web/2 --reason again --yes
request web1 web/1 && sed "s/^nonce: .*/$(grep ^nonce good)/" web1 >replay && sign replay anna && sign replay ben
expect 12 zv remove "$v" web/1 --reason x --yes --approvals replay
says 'used already'

step "floors rise by themselves and fall by two approvals"
expect 0 zv floor "$v" web --days 400 --reason policy
expect 12 zv floor "$v" web --days 200 --reason less
says ZB-1311 400
expect 0 zv floor "$v" web --days 200 --reason less --approvals action
expect 0 zv floor "$v" web --days 400 --reason policy
expect 12 zv floor "$v" web --days 200 --reason less --approvals action
says 'used already'
expect 2 zv floor "$v" web --days 30 --reason less
# One that was set as a right stands in the log as well: rot in the note does not shorten it.
expect 0 zv rights "$v" web --floor-days 500
sed -i /floor_days/d "$v/rights/web"
expect 12 zv floor "$v" web --days 450 --reason less

step "the same through zaibeid, which only carries it"
ssh-keygen -q -t ed25519 -N '' -f hostkey
mkdir zd
cat >zaibeid.yaml <<END
state: $ZAIBEI_TMP/zd
socket: $ZAIBEI_TMP/zd/s
zone: Asia/Shanghai
people: off
vault:
  control: [$(command -v zaibei-vault), control, $v]
  dir: $v
  ssh: a@127.0.0.1:22
  host_key: $ZAIBEI_TMP/hostkey.pub
END
export ZAIBEI_CONFIG=$ZAIBEI_TMP/zaibeid.yaml
zaibeid run --config "$ZAIBEI_CONFIG" 2>zaibeid.err &
daemon=$!
trap 'kill $daemon $keeper 2>/dev/null; wait 2>/dev/null || :' EXIT
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -S zd/s ] && break || sleep 0.3; done
expect 0 zaibei point pin web/3 --months 3 --reason audit --dry-run
says 'only tried'
expect 0 zaibei point pin web/3 --months 3 --reason audit --json
says '"extended":true' '"message_type":"pin"'
expect 0 zaibei point pins web
says audit
expect 12 zaibei point remove web/1,3 --reason x --yes
says ZB-1311
expect 0 zaibei point remove web/1,3 --dry-run --json
says '"allowed":false' '"why":"floor"'
expect 2 zaibei point remove web/1 --reason x
expect 12 zaibei point remove web/1 --reason x --yes --approvals one
expect 0 zaibei point show web/1
says protected_until
kill $daemon && wait $daemon 2>/dev/null || :

step "a clock that jumped: backups go on, nothing is removed, two approvers end it"
kill $keeper && wait $keeper 2>/dev/null || :
real=$(sed -n 's/^real //p' "$v/keeper/clock")
sed -i "s/^offset .*/offset 0/" "$v/keeper/clock"
[ -n "$real" ] || fail "the keeper notes no time"
zaibei-vault keep "$v" 2>>keep.err &
keeper=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do control '{"op":"clock"}' | jq -e .doubtful >/dev/null && break || sleep 0.3; done
expect 0 zv clock show "$v"
says 'in doubt'
request doubt web/1
expect 12 zv remove "$v" web/1 --reason x --yes
says 'clock is in doubt'
echo 4 >data/file
zaibei-agent backup data >/dev/null
control '{"op":"points","host":"web"}' | jq -e '.points[-1].time_uncertain' >/dev/null || fail "a point made in doubt is not marked"
expect 2 zv clock confirm "$v"
expect 12 zv clock confirm "$v" --yes
zv request confirm-clock "$v" --until 2021-01-01T00:00:00Z --out false >/dev/null && sign false anna && sign false ben
expect 12 zv clock confirm "$v" --approvals false
says 'does not agree'
zv request confirm-clock "$v" --out true >/dev/null && sign true anna
expect 12 zv clock confirm "$v" --approvals true
sign true carl
expect 0 zv clock confirm "$v" --approvals true
case $said in *doubt*) fail "still in doubt: $said" ;; esac
expect 4 zv clock confirm "$v" --approvals true
echo 5 >data/file
zaibei-agent backup data >/dev/null
control '{"op":"points","host":"web"}' | jq -e '.points[-1].time_uncertain | not' >/dev/null || fail "still marked"
expect 12 zv remove "$v" web/1 --reason x --yes
says ZB-1311 until

step "the second opinion: all of it was allowed, by its own reading"
expect 0 zaibei-verify vault "$v" --quiet
says '. ' 'verdict: self-consistent'

step "a record that is lost or damaged lives on in its copy"
kept=$(ls "$v/store/kept/web" | sed -n 1p)
log=$v/store/hosts/web/log
shown() { control '{"op":"points","host":"web"}' | jq -c '[.points[] | [.point, .protected_until, .pinned_until]]'; }
was=$(shown)
for n in $(ls "$v/store/kept/web"); do
    mv "$log/$n" lost && now=$(shown) && mv lost "$log/$n"
    [ "$now" = "$was" ] || fail "without record $n: $now instead of $was"
    chmod 600 "$log/$n" && cp "$log/$n" whole
    printf X | dd of="$log/$n" bs=1 seek=90 conv=notrunc status=none
    now=$(shown)
    cp whole "$log/$n"
    [ "$now" = "$was" ] || fail "with record $n damaged: $now instead of $was"
    mv "$v/store/kept/web/$n" lost && now=$(shown) && mv lost "$v/store/kept/web/$n"
    [ "$now" = "$was" ] || fail "without the copy of $n: $now instead of $was"
done
rm -f "$v/store/kept/web/$kept"
last=$(ls "$v/store/kept/web" | tail -n 1)
rm -f "$v/store/kept/web/$last"
expect 0 zv pin "$v" web/3 --months 7 --reason again
[ -e "$v/store/kept/web/$last" ] || fail "a missing copy is not made by the next append"
zaibei-agent restore web/1 --target back >/dev/null 2>&1 || zaibei-agent restore 1 --target back >/dev/null
grep -qx 1 "back$ZAIBEI_TMP/data/file" || fail "the pinned point does not restore"
