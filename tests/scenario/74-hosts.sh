#!/bin/bash
# limit 3600
# no-asan: memory is measured
# Many hosts against one vault: each enrols and backs up with the real agent through the real sshd, fifty of them with their
# sessions open at one moment (a command of theirs waits for the others); then as many at a time as before. All points are
# there, each host sees its own, and the vault is whole. What the keeper and its children take is printed. A thousand hosts
# with ZAIBEI_SOAK=1, ZAIBEI_SOAK_HOSTS=N for another number; 8 hosts else, 4 at a time.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
hosts=${ZAIBEI_SOAK_HOSTS:-${ZAIBEI_SOAK:+1000}}
hosts=${hosts:-8}
export at_once=$((hosts < 100 ? (hosts + 1) / 2 : 50))
[ "$(free -m | awk '/^Mem/ { print $7 }')" -gt $((at_once * 80)) ] || not_run "$at_once sessions at once need $((at_once * 80)) MiB of memory"
sandbox_up
export ZAIBEI_TMP box
mkdir "$ZAIBEI_TMP/agents" "$ZAIBEI_TMP/met" "$ZAIBEI_TMP/failed" "$ZAIBEI_TMP/seen"
public=$(grep -ho 'zbk-pub-[A-Za-z0-9+/=]*' "$kit" "$box/log/kit" | head -n 1)
export public

# What the first ones run before they read: they wait until as many are there, each with its session open and its upload begun.
cat >"$ZAIBEI_TMP/meet" <<'END'
#!/bin/bash
touch "${0%/*}/met/$ZAIBEI_HOST"
for _ in $(seq 600); do
    [ "$(ls "${0%/*}/met" | wc -l)" -lt "$1" ] || exit 0
    sleep 0.2
done
echo "the others did not come"
exit 1
END
chmod 755 "$ZAIBEI_TMP/meet"

# One of them, from its enrolment on, or its backup. It is a program of its own for xargs.
cat >"$ZAIBEI_TMP/one" <<'END'
#!/bin/bash
at=$ZAIBEI_TMP/agents/$2
export ZAIBEI_AGENT_CONFIG=$at/agent.yaml
case $1 in
enrol)
    mkdir -p "$at/data" && echo "this is $2" >"$at/data/file" && head -c 20000 /dev/urandom >"$at/data/noise" &&
        zaibei-agent enroll - --recipient "$public" --state "$at/state" <"$at/token" &&
        printf 'hooks:\n    meet: {command: [%s, "%s"], timeout: 4m}\n' "$ZAIBEI_TMP/meet" "$at_once" >>"$at/agent.yaml"
    ;;
meet) zaibei-agent backup --pre meet "$at/data" ;;
backup) echo more >>"$at/data/file" && zaibei-agent backup "$at/data" ;;
points) zaibei-agent points --json | grep -c '"message_type":"point"' >"$ZAIBEI_TMP/seen/$2" ;;
esac >"$at/out" 2>&1 || { echo "$1 $2: $(cat "$at/out")" >"$ZAIBEI_TMP/failed/$2"; }
END
chmod 755 "$ZAIBEI_TMP/one"

all() { # WHAT LIST: by so many at a time; how long it took
    local began
    began=$(date +%s)
    xargs -n 1 -P "$at_once" "$ZAIBEI_TMP/one" "$1" <"$2"
    [ -z "$(ls "$ZAIBEI_TMP/failed")" ] || fail "$(ls "$ZAIBEI_TMP/failed" | wc -l) failed: $(head -qn 3 "$ZAIBEI_TMP"/failed/* | head -n 6)"
    seconds=$(($(date +%s) - began))
}

seq -f 'h%05g' 0 $((hosts - 1)) >"$ZAIBEI_TMP/all"
head -n "$at_once" "$ZAIBEI_TMP/all" >"$ZAIBEI_TMP/first"
step "$hosts hosts are enrolled"
while read -r name; do
    mkdir "$ZAIBEI_TMP/agents/$name"
    zaibei host enroll-token "$name" --system many --json | grep -o 'zbe1,[^" ]*' >"$ZAIBEI_TMP/agents/$name/token" || fail "no token for $name"
done <"$ZAIBEI_TMP/all"
keeper=$(pgrep -P "$(cut -d' ' -f1 "$box/run/keep.pid")" -x zaibei-vault)
door=$(cut -d' ' -f1 "$box/run/sshd.pid")
/usr/bin/python3 "$ZAIBEI_ROOT/tests/bench/memory.py" "$ZAIBEI_TMP/memory" keep="$keeper" door="$door" &
watch=$!
all enrol "$ZAIBEI_TMP/all"
echo "figure: $hosts hosts enrolled over ssh, $at_once at a time: $seconds s"

step "$at_once sessions are open at one moment"
all meet "$ZAIBEI_TMP/first"
[ "$(ls "$ZAIBEI_TMP/met" | wc -l)" -eq "$at_once" ] || fail "only $(ls "$ZAIBEI_TMP/met" | wc -l) met"

step 'all back up'
all backup "$ZAIBEI_TMP/all"
kill $watch && wait $watch
echo "figure: $hosts backups over ssh, $at_once at a time: $seconds s"
read -r _ sum one many <<<"$(grep '^keep ' "$ZAIBEI_TMP/memory")"
echo "figure: the keeper with $many processes at once: $sum KiB together (what they share counted each time), the largest $one KiB"
[ "$many" -gt "$at_once" ] || fail "the keeper never had $at_once connections at once: $many processes"
[ "$one" -lt 65536 ] || fail "the keeper, or a child of it, had $one KiB"

step 'all points are there'
all points "$ZAIBEI_TMP/all"
[ "$(cat "$ZAIBEI_TMP"/seen/* | sort | uniq -c | tr -s ' ' | sort -k2)" = "$(printf ' %s 1\n %s 2' $((hosts - at_once)) "$at_once")" ] ||
    fail "points: $(sort "$ZAIBEI_TMP"/seen/* | uniq -c | tr '\n' ';')"
echo '{"op":"hosts"}' | zaibei-vault control "$vault" >"$ZAIBEI_TMP/hosts"
[ "$(jq '[.hosts[] | select(.host | startswith("h0")) | .points] | add' "$ZAIBEI_TMP/hosts")" -eq $((hosts + at_once)) ] ||
    fail "the vault counts $(jq '[.hosts[].points] | add' "$ZAIBEI_TMP/hosts")"
verify
last=$(tail -n 1 "$ZAIBEI_TMP/all")
export ZAIBEI_AGENT_CONFIG=$ZAIBEI_TMP/agents/$last/agent.yaml
zaibei-vault rights "$vault" "$last" --read all >/dev/null
restore latest "$ZAIBEI_TMP/back"
diff -r "$ZAIBEI_TMP/agents/$last/data" "$ZAIBEI_TMP/back$ZAIBEI_TMP/agents/$last/data" || fail "$last came back otherwise"
