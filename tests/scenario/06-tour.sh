#!/bin/bash
# The README's ten minutes, as they stand there (smaller paths, other directories), in both languages' pages alike.
set -eu
cd "$ZAIBEI_ROOT"
tour() { # README: the commands of its tour that are the product's
    grep -hE '^(as|zaibei|zaibei-agent|zaibei-vault|zaibei-verify) ' "$1" | sed 's/ *#.*//'
}
diff <(tour README.md) <(tour README.zh-CN.md) || { echo "the READMEs show different commands"; exit 1; }
trap 'scripts/sandbox down "$ZAIBEI_TMP/zb" >/dev/null 2>&1 || true' EXIT
scripts/sandbox up "$ZAIBEI_TMP/zb" >/dev/null
eval "$(scripts/sandbox env "$ZAIBEI_TMP/zb")"
tour README.md | sed "s|/tmp/|$ZAIBEI_TMP/|g; s|/usr/share/doc |/usr/share/doc/bash |; s|/usr/share/doc$|/usr/share/doc/bash|" \
    >"$ZAIBEI_TMP/commands.sh"
[ "$(wc -l <"$ZAIBEI_TMP/commands.sh")" -ge 12 ] || { echo "the tour has lost its commands"; cat "$ZAIBEI_TMP/commands.sh"; exit 1; }
while read -r line; do
    echo "\$ $line"
    eval "$line" || { rc=$?; [ $rc -eq 3 ] && [ "$(id -u)" -ne 0 ] || { echo "exit $rc: $line"; exit 1; }; }
done <"$ZAIBEI_TMP/commands.sh"
cmp /etc/passwd "$ZAIBEI_TMP/again/etc/passwd"
zaibei-agent points --json | tail -n 1 | grep -q '"point":3'
