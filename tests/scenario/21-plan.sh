#!/bin/bash
# faults: H1
# A plan from the form and back: its questions, the filled form in both languages, differences, and documents that are refused.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
cd "$ZAIBEI_TMP"
plans=$ZAIBEI_ROOT/plans

step "every example is a plan"
for file in "$plans"/*.yaml; do
    expect 0 zaibei plan validate "$file"
done
[ "$(ls "$plans"/*.yaml | wc -l)" -ge 6 ] || fail "fewer than six examples"
"$ZAIBEI_ROOT/scripts/planfields" --check || fail "see above"

step "the form's questions, answered badly and well"
cat >answers <<'END_OF_ANSWERS'

Portal
portal
市大数据局
张三
2026-13-01
2026-12-01
李四
0371-1

办公
6 weeks
6 months

邮件，phone
硬件、database
新建
4
8 GiB
100 GiB
需要
1
10.0.0.1
Debian 12
nginx
443

是
在线
srv

/srv/a b
/etc

/srv/a b/cache

ful
增量
full


portal
web1, web2

1-5
22:00-04:00
sat
90
24h
4h
dc1
100 GiB
END_OF_ANSWERS
for lang in zh_CN.UTF-8 C.UTF-8; do
    LC_ALL=$lang zaibei plan new --out "new.$lang.yaml" <answers 2>asked || fail "$(cat asked)"
    grep -q 2026-13-01 asked || fail "$(cat asked)"
    grep -q '6 weeks' asked || fail "$(cat asked)"
    [ "$(grep -c '^  20[0-9-]* 22:00  ' asked)" = 5 ] || fail "not the next five runs: $(cat asked)"
    expect 0 zaibei plan validate "new.$lang.yaml"
done
cat >want.yaml <<'END_OF_PLAN'
name: portal
department: 市大数据局
applicant: 张三
applied: 2026-12-01
technical_contact: {name: 李四, phone: 0371-1}
purpose: 办公
period: 6 months
notify: [mail, phone]
resources: {kinds: [hardware, database], cpu: 4, memory: 8 GiB, disk: 100 GiB, nics: 1, ip: 10.0.0.1, os: Debian 12,
    components: nginx, ports: 443, auto_update_off: true}
reason: 新建
backup: true
method: online
content: {paths: ["/srv/a b", /etc], excludes: [/srv/a b/cache]}
strategy: {daily: incremental, weekly: full}
system: portal
hosts: [web1, web2]
schedule: {window: "22:00-04:00", weekly_day: sat}
retention_days: 90
targets: {rpo: 24h, rto: 4h}
locations: dc1
quota: 100 GiB
END_OF_PLAN
expect 0 zaibei plan diff new.C.UTF-8.yaml want.yaml
says "no difference"
expect 0 zaibei plan diff new.zh_CN.UTF-8.yaml want.yaml --json
[ -z "$said" ] || fail "a difference: $said"
expect 2 zaibei plan new --out new.C.UTF-8.yaml <answers
says "exists already" new.C.UTF-8.yaml
head -n 20 answers >few
expect 2 zaibei plan new --out few.yaml <few
says ZB-1810
[ ! -e few.yaml ] || fail "a plan was written from half of the answers"
printf '%s\n' bare '' '' '' '' '' '' '' '' '' '' '' '' '' '' '' false '' '' '' '' '' '' '' '' bare host1 '' >bare
expect 0 zaibei plan new <bare
says "name: bare" "backup: false" "hosts: [host1]"

{
    cat answers # web1 is asked twice for its address, web2 starts after it; one check is refused
    printf '%s\n' yes 10.0.0.256/24 10.0.0.11/24 10.0.0.12/24 '' '' nginx '/usr/sbin/nginx -g "daemon off;"' '' '' 'web1' 'freeze' ''
    printf '%s\n' front web2 http://10.0.0.12/ '.*' front web2 http://10.0.0.12/ '<h1>' rows web1 'cat /srv/rows' '^[0-9]+$' ''
} >recovery
zaibei plan new --out recovery.yaml <recovery 2>asked || fail "$(cat asked)"
grep -q 10.0.0.256 asked && grep -q 'would prove nothing' asked || fail "$(cat asked)"
cat want.yaml - >want-recovery.yaml <<'END_OF_PLAN'
recovery:
    hosts:
        - {host: web1, address: 10.0.0.11/24, services: [{name: nginx, start: '/usr/sbin/nginx -g "daemon off;"'}]}
        - {host: web2, address: 10.0.0.12/24, after: web1, freeze: freeze}
    checks:
        - {name: front, host: web2, http: "http://10.0.0.12/", expect: <h1>}
        - {name: rows, host: web1, run: cat /srv/rows, expect: "^[0-9]+$"}
END_OF_PLAN
expect 0 zaibei plan diff recovery.yaml want-recovery.yaml
says "no difference"
expect 0 zaibei plan print recovery.yaml --lang zh
says "web2（先启动：web1；地址：10.0.0.12/24；冻结：freeze）"

step "the filled form, in both languages"
expect 0 zaibei plan print "$plans/oa.yaml" --lang zh
says 政务云资源使用审批表 '☑ 长期' 市政务服务和大数据管理局
expect 0 env LC_ALL=zh_CN.UTF-8 "$(command -v zaibei)" plan print "$plans/oa.yaml"
says 政务云资源使用审批表
expect 0 zaibei plan print "$plans/migration.yaml" --form change
says "Change of resources" "☑ more 4"
expect 0 zaibei plan print "$plans/retiring.yaml" --form cancel --html --lang zh --out retiring.html
grep -q '<h1>政务云资源使用注销表</h1>' retiring.html || fail "$(head -c 3000 retiring.html)"
if grep -E -q 'https?:|src=|url\(|<script|<link' retiring.html; then fail "the page asks for something from elsewhere"; fi
expect 2 zaibei plan print "$plans/retiring.yaml" --out retiring.html
expect 2 zaibei plan print "$plans/oa.yaml" --html --text
expect 2 zaibei plan print "$plans/oa.yaml" --lang fr
expect 2 zaibei plan print "$plans/oa.yaml" --form other

step "differences"
sed 's/weekly: full/weekly: incremental/; s/retention_days: 90/retention_days: 30/' "$plans/oa.yaml" >less.yaml
expect 0 zaibei plan diff "$plans/oa.yaml" less.yaml --lang zh
says "strategy.weekly" "备份策略 每周" "最短保存天数"
zaibei plan diff "$plans/oa.yaml" less.yaml --json | jq -r '[.message_type, .field, .old, .new] | join(" ")' >got
diff -u - got <<'END_OF_DIFF' || fail "see above"
difference strategy.weekly full incremental
difference retention_days 90 30
END_OF_DIFF

step "documents that are refused"
head -c 20000000 /dev/zero | tr '\0' x >large.yaml
expect 2 zaibei plan validate large.yaml
says "larger than 1 MiB"
: >empty.yaml
expect 2 zaibei plan validate empty.yaml
says "empty.yaml:1:1: the file is empty"
expect 10 zaibei plan validate none.yaml
printf 'name: a\nsytem: a\n' >unknown.yaml
expect 2 zaibei plan print unknown.yaml
says 'unknown.yaml:2:1: sytem: unknown key; did you mean "system"?'

step "a plan that zaibeid knows is printed and compared by its name"
sandbox_up
sed "s/^system:.*/system: $host/; s/^hosts:.*/hosts: [$host]/" "$plans/oa.yaml" >known.yaml
plan_into_force known.yaml
expect 0 zaibei plan print oa --lang en
says "Application for resources" "办公自动化系统"
expect 0 zaibei plan diff oa known.yaml
says "no difference"
