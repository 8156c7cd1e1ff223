#!/bin/bash
# tests/bench/orchestrator.sh: zaibeid with 100,000 plans, 10,000 hosts, a million points and jobs (tests/tools/
# tool_orchestrator_load.c): each figure beside its bar. Ends with 1 when one is missed. It takes 1 GB below TMPDIR.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
B=$(realpath "${B:-$root/build}")
work=$(mktemp -d "${TMPDIR:-/tmp}/load.XXXXXX")
trap 'rm -rf "$work"' EXIT
LC_ALL=C.UTF-8 "$B/tools/tool_orchestrator_load" "$work/state"
