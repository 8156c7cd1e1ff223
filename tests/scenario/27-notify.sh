#!/bin/bash
# no-asan: libfaketime is preloaded, and the sanitizer wants to be first
# limit 180
# People are told: mail by a real SMTP server with STARTTLS and a password, a webhook that checks the signature, a heartbeat; a run
# that was missed is told within a minute; what could not be delivered is delivered later, once, also after kill -9.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
[ -n "$(find /usr/lib -name 'libfaketime.so.1' -print -quit)" ] || not_run "libfaketime is not installed"
/usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null || not_run "python3-aiosmtpd is not installed"
export TZ=UTC
tomorrow=$(date -d tomorrow +%F)
export ZAIBEI_SANDBOX_FAKETIME="+$(($(date -d "$tomorrow 00:59:20" +%s) - $(date +%s)))"
sandbox_up
r=$ZAIBEI_TMP/receiver
mkdir "$r"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$r/key.pem" -out "$r/ca.pem" 2>/dev/null
cat "$r/key.pem" "$r/ca.pem" >"$r/cert.pem"
echo "a secret" >"$r/secret"
echo "open sesame" >"$r/password"
echo "wrong" >"$r/wrong"

receiver_up() {
    rm -f "$r/ready"
    /usr/bin/python3 "$here/receiver.py" "$r" 2>>"$r/log" &
    receiver=$!
    for _ in $(seq 100); do [ -e "$r/ready" ] && return 0; sleep 0.1; done
    fail "the receiver did not start: $(cat "$r/log")"
}
receiver_down() { kill "$receiver" 2>/dev/null || :; wait "$receiver" 2>/dev/null || :; }
receiver_up
trap 'rc=$?; receiver_down; "$ZAIBEI_ROOT/scripts/sandbox" down "$box" >/dev/null 2>&1 || :; exit $rc' EXIT
smtp=$(cat "$r/smtp.port") http=$(cat "$r/http.port")

cat >"$ZAIBEI_TMP/plan.yaml" <<END
name: demo
department: 市财政局
system: $host
hosts: [$host]
content: {paths: [/etc/hostname]}
strategy: {daily: incremental}
schedule: {zone: UTC, window: "00:00-01:00"}
targets: {rpo: 24h}
contacts:
  - {name: 王芳, role: 值班, mail: wang@example.org}
  - {name: 赵敏, phone: "1"}
END
plan_into_force "$ZAIBEI_TMP/plan.yaml"

config=$box/zaibeid/zaibeid.yaml
cp "$config" "$ZAIBEI_TMP/plain.yaml"
notify_config() {
    cat "$ZAIBEI_TMP/plain.yaml" - >"$config" <<END
notify:
  place: drill-room
  heartbeat: http://127.0.0.1:$http/beat
  silent_after_s: 86400
  channels:
    duty:
      mail: [duty@example.org, boss@example.org]
      server: smtp://127.0.0.1:$smtp
      from: zaibei@example.org
      user: zaibei
      password_file: $r/password
      ca_file: $r/ca.pem
    forgot: {mail: [a@example.org], server: "smtp://127.0.0.1:$smtp", from: z@example.org, user: zaibei, password_file: $r/wrong, ca_file: $r/ca.pem}
    stranger: {mail: [a@example.org], server: "smtp://127.0.0.1:$smtp", from: z@example.org}
    hook: {webhook: "http://127.0.0.1:$http/hook", secret_file: $r/secret}
    other: {webhook: "http://127.0.0.1:$http/hook", secret_file: $r/password}
    redirect: {webhook: "http://127.0.0.1:$http/redirect"}
    endless: {webhook: "http://127.0.0.1:$http/endless"}
    error: {webhook: "http://127.0.0.1:$http/error"}
  rules:
    - {severity: alarm, kinds: [job], departments: [市财政局], channels: [duty, hook]}
    - {severity: alarm, kinds: [job.missed], channels: [duty, hook], to: contacts}
    - {severity: info, departments: [nobody], channels: [error]}
END
}
notify_config
restart() {
    local keeper old
    keeper=$(cut -d' ' -f1 "$box/run/zaibeid.pid")
    old=$(pgrep -P "$keeper" | head -n 1)
    kill -9 "$old"
    for _ in $(seq 100); do
        [ "$(pgrep -P "$keeper" | head -n 1)" != "$old" ] && zaibei status >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    fail "zaibeid did not come back: $(tail -n 3 "$box/zaibeid/log" 2>/dev/null)"
}
restart

step "test messages: taken, refused, hostile"
expect 0 zaibei notify channels
says duty hook "duty@example.org"
expect 0 zaibei notify test duty
jq -se '.[0] | .tls and .user == "zaibei" and .to == ["duty@example.org", "boss@example.org"] and (.subject | contains("测试消息 / test message")) and (.body | contains("drill-room") and contains("来自")) and .longest < 999' "$r/mails" >/dev/null || fail "the mail: $(cat "$r/mails")"
expect 0 zaibei notify test hook
jq -se '.[0] | .signed and .body.kind == "test" and .body.severity == "info"' "$r/hooks" >/dev/null || fail "the call: $(cat "$r/hooks")"
expect 12 zaibei notify test forgot
expect 14 zaibei notify test stranger # its certificate is nobody's
expect 12 zaibei notify test other
says 403
expect 12 zaibei notify test redirect
says 302
expect 14 zaibei notify test endless
expect 12 zaibei notify test error
says 500
expect 10 zaibei notify test nobody

step "a run that nobody did is told within a minute of its window's end"
queued() { zaibei job list --json | jq -r .state | head -n 1; }
for _ in $(seq 600); do
    [ "$(zaibei job list --json | jq -r 'select(.state == "missed") | .job')" = 1 ] && break
    sleep 0.1
done
missed=$(date +%s)
for _ in $(seq 600); do
    grep -q "did not run in its window" "$r/mails" && grep -q '"job.missed"' "$r/hooks" && break
    sleep 0.1
done
took=$(($(date +%s) - missed))
contact_told() {
    jq -se 'map(select(.to == ["wang@example.org"])) | length == 1 and (.[0].subject | contains("did not run in its window"))' \
        "$r/mails" >/dev/null
}
for _ in $(seq 100); do contact_told && break || sleep 0.1; done
contact_told || fail "the plan's contact was not told: $(cat "$r/mails")"
[ "$(grep -c '"job.missed"' "$r/hooks")" = 1 ] || fail "contacts have no webhook"
[ "$took" -lt 60 ] || fail "told after $took s"
echo "told after $took s"
jq -se '.[-1].subject | contains("[Zaibei alarm] 备份任务未在时间窗口内执行")' "$r/mails" >/dev/null || fail "the mail: $(tail -n 1 "$r/mails")"
jq -se '.[-1].body | .department == "市财政局" and .detail.plan == "demo"' "$r/hooks" >/dev/null || fail "the call: $(tail -n 1 "$r/hooks")"
[ -s "$r/beats" ] || fail "no heartbeat"

step "servers that are away: kept, also through kill -9, then delivered once"
receiver_down
mails=$(wc -l <"$r/mails") hooks=$(wc -l <"$r/hooks")
sed -i 's|/etc/hostname|/nowhere/at/all|' "$ZAIBEI_TMP/plan.yaml"
plan_into_force "$ZAIBEI_TMP/plan.yaml"
expect 0 zaibei job run demo
zaibei-agent run --once >/dev/null 2>&1 || :
for _ in $(seq 100); do
    [ "$(zaibei notify list --state queued --json | jq -r 'select(.tries > 0) | .delivery' | wc -l)" = 2 ] && break
    sleep 0.1
done
restart
[ "$(zaibei notify list --state queued --json | wc -l)" = 2 ] || fail "after kill -9: $(zaibei notify list)"
receiver_up
for n in $(zaibei notify list --state queued --json | jq -r .delivery); do expect 0 zaibei notify retry "$n"; done
for _ in $(seq 100); do
    [ "$(zaibei notify list --state queued --json | wc -l)" = 0 ] && break
    sleep 0.1
done
sleep 1
[ "$(wc -l <"$r/mails")" = $((mails + 1)) ] && [ "$(wc -l <"$r/hooks")" = $((hooks + 1)) ] || fail "delivered: $(tail -n 3 "$r/mails" "$r/hooks")"
grep -q 'backup job failed' "$r/mails" || fail "the mail: $(tail -n 1 "$r/mails")"
expect 10 zaibei notify retry "$(zaibei notify list --json | head -n 1 | jq -r .delivery)"

step "an address that is gone keeps the mail from nobody else"
sed -i 's/mail: \[duty@example.org, boss@example.org\]/mail: [gone@example.org, duty@example.org, boss@example.org]/' "$config"
restart
expect 0 zaibei job run demo
zaibei-agent run --once >/dev/null 2>&1 || :
got() { jq -se "map(select(.to == [\"$1@example.org\"] and (.subject | contains(\"backup job failed\")))) | length" "$r/mails"; }
for _ in $(seq 100); do [ "$(got duty)$(got boss)" = 11 ] && break || sleep 0.1; done
[ "$(got duty)$(got boss)" = 11 ] || fail "not everybody else was told: $(tail -n 3 "$r/mails"); $(zaibei notify list)"
[ "$(zaibei notify list --state queued --json | jq -r '.contacts')" = gone@example.org ] || fail "waits: $(zaibei notify list)"

step "a mistake in the channels names its place"
sed -i 's/duty@example.org/duty@example.org\\r\\nBcc: x@y/' "$config"
expect 2 zaibei status
says "zaibeid.yaml:"
