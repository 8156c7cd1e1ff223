#!/bin/bash
# no-asan: libfaketime is preloaded, and the sanitizer wants to be first
# People: the first user, codes, logging in and out, locks, ends by the clock, tokens, departments, and what no client sends,
# by the real programs. The roles' table is held against every route by unit/check_orchestrator_matrix.
# faults: H4
set -eu
umask 077
export ZAIBEI_SANDBOX_FAKETIME=+0
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
export XDG_STATE_HOME=$ZAIBEI_TMP/state
people=$box/people
later() { "$ZAIBEI_ROOT/scripts/sandbox" time "$box" "+${1}s"; } # SECONDS
code() { # NAME: the code of now on the platform's clock
    local ahead
    ahead=$(tr -dc 0-9 <"$box/run/faketime")
    oathtool --totp --base32 --now "$(date -u -d "@$(($(date +%s) + ahead))" '+%F %T UTC')" "$(head -n 1 "$people/$1.codes")"
}
login() { # NAME [PASSWORD-FILE]
    later 31 # a code is good once
    code "$1" >"$ZAIBEI_TMP/code"
    zaibei login "$1" --password-file "${2:-$people/$1.password}" --code-file "$ZAIBEI_TMP/code"
}
logged_in() { env -u ZAIBEI_TOKEN_FILE "$@"; }

step 'nobody gets in without a login, and there is no second first user'
expect 12 logged_in zaibei host list
says ZB-1832
zaibeid first-user --config "$ZAIBEI_CONFIG" >"$ZAIBEI_TMP/first"
expect 12 logged_in zaibei user first mallory --code-file "$ZAIBEI_TMP/first" --password-file "$people/office.password"
says ZB-1835 'there is a security administrator'

step 'login with password and code; the session file is private and ends with logout'
expect 0 login security
[ "$(stat -c %a "$XDG_STATE_HOME/zaibei/session")" = 600 ] || fail 'the session can be read by others'
expect 0 logged_in zaibei user show
says security-administrator
expect 12 zaibei login security --password-file "$people/security.password" --code-file "$ZAIBEI_TMP/code"
says ZB-1830 # the code was used
expect 0 login security
cp "$XDG_STATE_HOME/zaibei/session" "$ZAIBEI_TMP/session"
expect 0 logged_in zaibei logout
expect 12 logged_in zaibei user list
expect 12 zaibei --token-file "$ZAIBEI_TMP/session" user list
says ZB-1832

step 'at a terminal it asks, and shows nothing of what is typed'
later 31
expect 0 logged_in /usr/bin/python3 "$here/typed.py" "Password=$(cat "$people/security.password")" "One-time code=$(code security)" \
    -- zaibei login security
says 'logged in as security'
expect 0 logged_in zaibei user list

step 'a session ends when nobody uses it'
expect 0 login security
later 1700
expect 0 logged_in zaibei user list
later 1900
expect 12 logged_in zaibei user list
says ZB-1832

step 'a new user changes the password first; without codes an administrator can do nothing'
printf 'the first password\n' >"$ZAIBEI_TMP/pw1"
printf 'chosen by myself\n' >"$ZAIBEI_TMP/pw2"
expect 12 zaibei user add rita --roles system-administrator --password-file "$ZAIBEI_TMP/pw1"
says ZB-1833
expect 2 as security zaibei user add rita --roles system-administrator,auditor --password-file "$ZAIBEI_TMP/pw1"
says 'exclude each other'
expect 0 as security zaibei user add rita --roles system-administrator --full-name Rita --password-file "$ZAIBEI_TMP/pw1"
expect 0 zaibei login rita --password-file "$ZAIBEI_TMP/pw1"
says 'user passwd' 'user totp'
expect 12 logged_in zaibei host list
says ZB-1834
expect 2 logged_in zaibei user passwd --old-file "$ZAIBEI_TMP/pw1" --password-file <(echo short)
says ZB-1837
expect 0 logged_in zaibei user passwd --old-file "$ZAIBEI_TMP/pw1" --password-file "$ZAIBEI_TMP/pw2"
expect 12 logged_in zaibei host list
logged_in zaibei user totp >"$people/rita.codes"
code rita >"$ZAIBEI_TMP/code"
expect 0 logged_in zaibei user totp --code-file "$ZAIBEI_TMP/code"
expect 0 logged_in zaibei host list
expect 12 logged_in zaibei user set rita --roles auditor
says ZB-1833
expect 12 as security zaibei user set security --full-name Me
says ZB-1839

step 'five wrong passwords cost half a minute, then more; a security administrator ends the wait'
for _ in 1 2 3 4 5; do expect 12 zaibei login rita --password-file "$ZAIBEI_TMP/pw1"; done
says ZB-1830
code rita >"$ZAIBEI_TMP/code"
expect 12 zaibei login rita --password-file "$ZAIBEI_TMP/pw2" --code-file "$ZAIBEI_TMP/code"
says ZB-1831
expect 0 login rita "$ZAIBEI_TMP/pw2"
for _ in 1 2 3 4 5; do expect 12 zaibei login rita --password-file "$ZAIBEI_TMP/pw1"; done
expect 0 as security zaibei user unlock rita
later 31
code rita >"$ZAIBEI_TMP/code"
expect 0 zaibei login rita --password-file "$ZAIBEI_TMP/pw2" --code-file "$ZAIBEI_TMP/code"

step 'tokens: a part of the roles, an end, private files; they end with the account'
logged_in zaibei token new backup-script --expires 1h >"$ZAIBEI_TMP/token"
expect 0 zaibei --token-file "$ZAIBEI_TMP/token" host list
chmod 644 "$ZAIBEI_TMP/token"
expect 2 zaibei --token-file "$ZAIBEI_TMP/token" host list
says 'others can read'
chmod 600 "$ZAIBEI_TMP/token"
expect 12 zaibei --token-file "$ZAIBEI_TMP/token" token new another --expires 1h
expect 12 logged_in zaibei token new wide --expires 1h --roles auditor
expect 2 logged_in zaibei token new ever --expires 9999d
logged_in zaibei token list --json | jq -e 'select(.name == "backup-script") | .token | not' >/dev/null || fail 'the list shows the token'
id=$(logged_in zaibei token list --json | jq -r 'select(.name == "backup-script") | .token_id')
expect 0 logged_in zaibei token revoke "$id"
expect 12 zaibei --token-file "$ZAIBEI_TMP/token" host list
logged_in zaibei token new soon-over --expires 30m >"$ZAIBEI_TMP/token"
later 1799
expect 0 zaibei --token-file "$ZAIBEI_TMP/token" host list
later 60
expect 12 zaibei --token-file "$ZAIBEI_TMP/token" host list
expect 0 as security zaibei user disable rita
later 31
code rita >"$ZAIBEI_TMP/code"
expect 12 zaibei login rita --password-file "$ZAIBEI_TMP/pw2" --code-file "$ZAIBEI_TMP/code"
says ZB-1830

step 'a department sees its own'
for name in north south; do
    expect 0 as security zaibei user add "$name" --roles applicant --department "$name" --password-file "$ZAIBEI_TMP/pw1"
    zaibei login "$name" --password-file "$ZAIBEI_TMP/pw1" 2>/dev/null
    logged_in zaibei user passwd --old-file "$ZAIBEI_TMP/pw1" --password-file "$ZAIBEI_TMP/pw2" >/dev/null
    logged_in zaibei token new t --expires 1h >"$people/$name.token"
done
cat >"$ZAIBEI_TMP/plan.yaml" <<END
name: northern
department: north
system: sandbox
hosts: [$host]
content:
    paths: [/etc]
strategy:
    daily: incremental
$by_hand
END
plan_into_force "$ZAIBEI_TMP/plan.yaml"
as_file() { zaibei --token-file "$people/$1.token" "${@:2}"; }
expect 0 as_file north job run northern
job=$(as_file north job list --json | jq -r .job)
[ "$(as_file north host list --json | jq -r .host)" = "$host" ] || fail 'north does not see its host'
[ -z "$(as_file south host list --json)$(as_file south job list --json)$(as_file south plan list --json)" ] ||
    fail 'south sees what is of north'
for what in "plan show northern" "plan next northern" "job show $job" "job cancel $job" "job run $host" "job run northern" \
    "point list $host" "point pins $host"; do
    # shellcheck disable=SC2086
    expect 10 as_file south $what
    says ZB-1101
done
expect 0 as_file north job cancel "$job"

step 'what no client sends'
/usr/bin/python3 "$here/hostile_http.py" "$box/run/zaibei.sock" "$people/system.token" ||
    fail 'see above'

step 'what is on the disk lets nobody in; no secret was an argument'
for file in "$people"/*.token; do
    ! grep -q -a -F "$(cut -c 6- "$file")" "$box/zaibeid/zaibei.db" || fail "the catalog holds $file"
done
! grep -q -a -F -e 'chosen by myself' -e "$(cat "$people/office.password")" "$box/zaibeid/zaibei.db" "$box"/log/* ||
    fail 'a password is on the disk'

step 'people: off says so'
sed -i '1i people: off' "$ZAIBEI_CONFIG"
read -r pid _ <"$box/run/zaibeid.pid"
kill -9 "$(pgrep -P "$pid" | head -n 1)"
for _ in $(seq 100); do logged_in zaibei status >/dev/null 2>&1 && break || sleep 0.1; done
expect 0 env -u ZAIBEI_TOKEN_FILE zaibei status
says 'PEOPLE ARE OFF'
grep -q 'PEOPLE ARE OFF' "$box/log/zaibeid" || fail 'the log does not say it'
expect 2 zaibei login security --password-file "$people/security.password"
says ZB-1842
