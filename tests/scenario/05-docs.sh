#!/bin/bash
# What is written fits what is there: docs/ERRORS.md and docs/FAULTS.md are what scripts/errors and scripts/faults make, the
# commands in both READMEs and in the systemd units exist, and each man page names every command and option that --help shows,
# and builds.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
cd "$ZAIBEI_ROOT"
wrong=0
bad() {
    echo "$*" >&2
    wrong=1
}
programs='zaibei-agent zaibei-vault zaibei-verify zaibeid zaibei'

# commands PROGRAM: one a line, as --help shows them; those of zaibei have two words (plan list) or one (status, login).
commands() {
    local two=
    [ "$1" != zaibei ] || two='( [a-z][a-z-]*)?'
    "$1" --help | grep -E -o "^( *|usage: )$1 [a-z][a-z-]*|^  [a-z][a-z-]*$two" | sed -E "s/^(usage:)? *($1 )?//" |
        grep -v '^zaibei' | sort -u
}

# options PROGRAM: everything like --option in its help, and in that of its commands where they have one.
options() {
    {
        "$1" --help
        [ "$1" != zaibei-agent ] || for c in $(commands "$1"); do "$1" "$c" --help; done
    } | grep -o -E -e '--[a-z][a-z-]*' | sort -u
}

step 'docs/ERRORS.md'
scripts/errors | diff -u docs/ERRORS.md - >&2 || bad 'docs/ERRORS.md is stale: scripts/errors >docs/ERRORS.md'
head -n 1 docs/ERRORS.md | grep -q Generated || bad 'docs/ERRORS.md does not say that it is generated'

step 'docs/ROLES.md, docs/openapi.yaml'
scripts/roles | diff -u docs/ROLES.md - >&2 || bad 'docs/ROLES.md is stale: scripts/roles >docs/ROLES.md'
scripts/routes >&2 || bad 'see above: routes, docs/openapi.yaml and zaibei do not agree'

step 'docs/FAULTS.md'
scripts/reliability --check || bad 'see above: scripts/reliability writes the page anew'
scripts/faults --check || bad 'see above: scripts/faults writes the page anew'

step 'man pages'
for program in $programs; do
    commands "$program" >"$ZAIBEI_TMP/$program.commands"
    [ -s "$ZAIBEI_TMP/$program.commands" ] || bad "$program --help shows no command"
    page=$(echo docs/man/"$program".[18].scd)
    while read -r command; do
        grep -q -E "^\*$command\*" "$page" || bad "$page: nothing about $program $command"
    done <"$ZAIBEI_TMP/$program.commands"
    for option in $(options "$program"); do
        grep -q -E -e "$option([^a-z-]|$)" "$page" || bad "$page: nothing about $option of $program"
    done
    if command -v scdoc >/dev/null; then scdoc <"$page" >"$ZAIBEI_TMP/page" || bad "$page does not build"; fi
done

# known FILE WORD...: the words of one command line name a program, and a command of it, or a script or make target.
known() {
    local file=$1 program=$2 command=
    shift 2
    case $program in
    zaibei*)
        case " $programs " in
        *" $program "*) ;;
        *) bad "$file: there is no program $program" && return ;;
        esac
        while [ $# -gt 0 ]; do # options before the command, and the value of --config
            case $1 in
            --config | --token-file) shift ;;
            -*) ;;
            *) break ;;
            esac
            shift
        done
        [ $# -gt 0 ] || return 0
        command=$1
        case $program:$command in zaibei:status | zaibei:login | zaibei:logout) ;; zaibei:*) command="$1 ${2:-}" ;; esac
        case $command in [a-z]*) ;; *) return 0 ;; esac # NOUN VERB, PATH: not a command
        grep -q -x -e "$command" "$ZAIBEI_TMP/$program.commands" || bad "$file: $program has no command $command"
        ;;
    scripts/*) [ -x "$program" ] || bad "$file: there is no $program" ;;
    make)
        for word; do
            case $word in *[=\'\"]* | -*) continue ;; esac
            grep -q "^$word:" Makefile || bad "$file: make has no target $word"
        done
        ;;
    esac
}

# lines FILE: the simple commands in its code blocks and between its backquotes.
lines() {
    {
        awk '/^```/ { code = !code; next } code' "$1" | sed -E 's/(^|[[:space:]])#.*//; s/^as [a-z]+ //; s/eval "\$\((.*)\)"/\1/'
        # shellcheck disable=SC2016
        awk '/^```/ { code = !code; next } !code' "$1" | grep -o '`[^`]*`' | tr -d '`'
    } | sed -E 's/ *(&&|\|\||[;|]) */\n/g'
}

step 'commands in the READMEs'
seen=0
for file in README.md README.zh-CN.md; do
    while read -r -a words; do
        case ${words[0]:-} in
        zaibei*.*) ;; # a file: zaibei.h
        zaibei* | scripts/* | make) known "$file" "${words[@]}" && seen=$((seen + 1)) ;;
        esac
    done < <(lines "$file")
done
[ "$seen" -ge 30 ] || bad "only $seen commands were found in the READMEs"

step 'systemd units'
for unit in dist/systemd/*.service; do
    read -r -a words < <(sed -n 's|^ExecStart=/usr/local/bin/||p' "$unit") || bad "$unit: no ExecStart"
    known "$unit" "${words[@]}"
done

[ $wrong -eq 0 ] || fail 'see above'
