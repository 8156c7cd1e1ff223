#!/bin/bash
# faults: G11
# docs/FORMAT.md is enough: the second reader, written from that page alone, gets files out of a real vault.
set -eu
. "$ZAIBEI_ROOT/tests/scenario/lib.sh"
sandbox_up
data=$ZAIBEI_TMP/data
for n in 1 2; do
    if [ $n -eq 1 ]; then tree make "$data" 80; else tree change "$data" 80; fi
    backup "$data"
    /usr/bin/python3 - "$vault" "$kit" "$host" $n "$data" <<'PY'
import os, subprocess, sys
vault, kit, host, point, data = sys.argv[1:]
reader = os.path.join(os.environ["ZAIBEI_ROOT"], "tests/reader/read.py")
paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(data) for name in names)
files = [p for p in paths if os.path.isfile(p) and not os.path.islink(p)]
for path in files[::4] + [f"{data}/sub/deeper/large{i}" for i in range(5)] + [f"{data}/sparse", f"{data}/log"]:
    got = subprocess.run([sys.executable, reader, vault, kit, host, point, path], stdout=subprocess.PIPE)
    assert got.returncode == 0, path
    assert got.stdout == open(path, "rb").read(), f"{path} differs"
print(f"point {point}: {len(files[::4]) + 7} files are right")
PY
done
expect 1 /usr/bin/python3 "$ZAIBEI_ROOT/tests/reader/read.py" "$vault" "$kit" "$host" 2 "$data/no-such-file"
says 'no such path'
