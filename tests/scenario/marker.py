#!/usr/bin/python3
"""marker.py KEY [--below PID] [--files DIR...] : is this key (hexadecimal) in the memory of a process, or in a file, as it is, in
hexadecimal or in base64? Exit 0 and the places when it is, 1 when it is nowhere. Without --below every process of this machine is
searched that can be, but this one and its parents."""
import argparse
import base64
import os
import re
import sys

from worker import children

CHUNK = 16 << 20


def shapes(key):
    """Base64 of a key in the middle of something else begins at one of three places."""
    found = [key, key.hex().encode(), key.hex().upper().encode()]
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + key)
        found.append(text[4 if shift else 0:-4])
    return found


def above():
    pid, found = os.getpid(), []
    while pid > 1:
        found.append(pid)
        with open(f"/proc/{pid}/stat") as f:
            pid = int(f.read().rsplit(")", 1)[1].split()[1])
    return found


def stream_has(f, size, wanted):
    tail = b""
    while size > 0:
        try:
            part = f.read(min(CHUNK, size))
        except (OSError, ValueError):
            return False
        if not part:
            return False
        size -= len(part)
        if any(w in tail + part for w in wanted):
            return True
        tail = part[-100:]
    return False


def process_has(pid, wanted):
    try:
        with open(f"/proc/{pid}/maps") as f:
            areas = [re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line) for line in f if "[v" not in line]
        with open(f"/proc/{pid}/mem", "rb", 0) as mem:
            for area in filter(None, areas):
                begin, end = int(area[1], 16), int(area[2], 16)
                if end - begin > 1 << 30:
                    continue
                mem.seek(begin)
                if stream_has(mem, end - begin, wanted):
                    return True
    except OSError:
        pass
    return False


def main():
    p = argparse.ArgumentParser()
    p.add_argument("key")
    p.add_argument("--below", type=int)
    p.add_argument("--files", nargs="*", default=[])
    a = p.parse_args()
    wanted = shapes(bytes.fromhex(a.key))
    found = []
    if a.below:
        pids = [pid for pid in [a.below, *children(a.below)] if pid != os.getpid()]
        if not pids:
            sys.exit("there is no such process")
    else:
        pids = [int(n) for n in os.listdir("/proc") if n.isdigit() and int(n) not in above()]
    found += [f"process {pid}" for pid in pids if process_has(pid, wanted)]
    for top in a.files:
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as f:
                        if stream_has(f, os.path.getsize(path), wanted):
                            found.append(path)
    print("\n".join(found))
    sys.exit(0 if found else 1)


if __name__ == "__main__":
    main()
