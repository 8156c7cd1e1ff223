#!/bin/bash
# limit 60
# faults: H11
# The record of a drill, read by another program: what was signed is authentic; whatever is changed in it shows, also by somebody who
# signs it again with a key of their own, and where the signature holds and the verdict does not follow.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
cd "$ZAIBEI_TMP"
openssl genpkey -algorithm ed25519 -out key.pem 2>/dev/null
openssl genpkey -algorithm ed25519 -out other.pem 2>/dev/null
public() { openssl pkey -in "$1" -pubout -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' \n'; }
# sign KEY OUT: the record on standard input, compact and sorted, as FORMAT.md §13 says.
sign() {
    command jq -jcS . >record.json
    printf 'zaibei drill record\0' | cat - record.json >signed
    openssl pkeyutl -sign -rawin -in signed -inkey "$1" -out sig
    { printf '{"schema_version":1,"message_type":"drill-record","key":"%s","sig":"%s","record":' "$(public "$1")" "$(od -An -v -tx1 <sig | tr -d ' \n')" &&
        cat record.json && printf '}\n'; } >"$2"
}
cat >good.json <<'END'
{"record_version":1,"drill":7,"system":"shop","departments":["north"],"level":2,"origin":"manual","requested_by":"zhang",
 "requested":"2026-11-22T10:00:00.000Z","incident":null,"ended":"2026-11-22T10:01:00.000Z","verdict":"green","egress":"closed","left":[],
 "hosts":[{"host":"db","point":3,"walk_start":"2026-11-22T09:00:00.250Z"},{"host":"web","point":9,"walk_start":"2026-11-22T09:30:00.000Z"}],
 "checks":[{"name":"orders","host":"db"},{"name":"boot","host":"db","level":"4"}],
 "rto":{"ms":40500,"target_s":60,"verdict":"met"},"rpo":{"ms":3599750,"target_s":3600,"verdict":"met","host":"db"},
 "phases":[{"host":"db","phase":"content","name":"","state":"ok","begin":"2026-11-22T10:00:10.000Z","end":"2026-11-22T10:00:20.000Z","ms":10000},
  {"host":"web","phase":"content","name":"","state":"ok","begin":"2026-11-22T10:00:10.000Z","end":"2026-11-22T10:00:21.000Z","ms":11000},
  {"host":"db","phase":"check","name":"orders","state":"ok","begin":"2026-11-22T10:00:40.000Z","end":"2026-11-22T10:00:40.500Z","ms":500}]}
END
key=$(public key.pem)
judged() { # CODE WORDS FILE [OPTION...]
    local code=$1 words=$2
    shift 2
    expect "$code" zaibei-verify report "$@"
    says "$words"
}

step "as it was signed, by an independent signer"
sign key.pem good <good.json
judged 0 authentic good --key "$key"
judged 0 self-consistent good
judged 0 authentic - --key "$key" <good
expect 0 zaibei-verify report good --key "$key" --json
[ "$(echo "$said" | jq -r '"\(.verdict) \(.outcome) \(.drill)"')" = "authentic green 7" ] || fail "$said"

step "any byte of it changed"
sed 's/"system":"shop"/"system":"shoq"/' good >bad
judged 15 "signature does not hold" bad
sed 's/"sig":"\(.\)./"sig":"\1f/;t' good | tr -d '\r' >bad
cmp -s good bad || judged 15 "signature does not hold" bad
sed 's/"record":{/"record": {/' good >bad
judged 15 "signature does not hold" bad
head -c -1 good >bad
judged 2 "not the record" bad
printf x >>good.x && cat good good.x >bad
judged 2 "not the record" bad
: >bad
judged 2 "not the record" bad
sed 's/"schema_version":1/"schema_version":2/' good >bad
judged 15 newer bad
judged 10 "" nothing

step "signed again by somebody else"
sign other.pem bad <good.json
judged 0 self-consistent bad
judged 15 "not the one that was named" bad --key "$key"

step "signed well, and the verdict does not follow"
lie() { # WORDS JQ
    jq "$2" good.json | sign key.pem bad
    judged 15 "$1" bad --key "$key"
}
lie "one of its phases is red" '.phases[2].state = "red"'
lie "a host was not compared" 'del(.phases[1])'
lie "a check was not asked" 'del(.phases[2]) | .rto.ms = 21000'
lie "a check was not asked" '.level = 4'
lie "a check was not asked" '.checks = []'
lie "a check was not asked" '.checks[0].host = "web"'
lie "way out" '.egress = "open"'
lie "way out" '.egress = null'
lie "left something over" '.left = [{"what":"mount","name":"/x"}]'
lie "spoilt" '.control = "egress-open"'
lie "RTO does not follow" '.rto.ms = 30500'
lie "RTO does not follow" '.rto.target_s = 40'
lie "RTO does not follow" '.requested = "2026-11-22T11:00:00.000Z" | .rto.ms = 0 | .rpo = {"ms":7199750,"target_s":7200,"verdict":"met"}'
lie "RTO does not follow" '.requested = "2026-11-22T11:00:00.000Z" | del(.rto.ms) | .rpo = {"ms":7199750,"target_s":7200,"verdict":"met"}'
lie "RPO does not follow" '.rpo.ms = 1'
lie "RPO does not follow" '.hosts[1].walk_start = "2026-11-22T08:30:00.000Z"'
lie "does not say so" '.verdict = "failed" | .phases[0].state = "red"'
lie "names no host" '.hosts = []'
jq '.verdict = "red" | .phases[2].state = "red" | .rto = {"target_s":60,"verdict":"missed"}' good.json | sign key.pem bad
judged 0 authentic bad --key "$key"
jq '.incident = "2026-11-22T09:30:00.000Z" | .rpo.ms = 1799750' good.json | sign key.pem bad
judged 0 authentic bad --key "$key"
jq '.record_version = 2' good.json | sign key.pem bad
judged 15 newer bad
