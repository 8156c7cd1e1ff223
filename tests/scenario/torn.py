#!/usr/bin/python3
"""What the agent keeps on its own disk is flipped, cut short, grown, emptied or lost, one file at a time.

    torn.py TOP [--each N] [--seed S]

The agent says which file is wrong, or makes it anew by itself; the point it makes then is right all the same, and once the file
is as it was, the next run succeeds. With --each only N harms of each file are tried.
"""
import argparse
import os
import random
import sys

from nth import World, run


def files(world):
    """The agent's own files, without locks and the log: (path, how it is called in messages)."""
    out = [f"{world.now}/agent.yaml"]
    for folder, _, names in os.walk(f"{world.now}/state"):
        out += [os.path.join(folder, name) for name in sorted(names)]
    return [path for path in out if os.path.getsize(path)]


def harms(data, each, rng):
    """What may become of these bytes: (in words, bytes or None)."""
    n = len(data)
    flips = rng.sample(range(n), min(n, each)) if each else range(n if n < 1000 else 0)
    cuts = rng.sample(range(n), min(n, each)) if each else range(n if n < 300 else 0)
    if not each and n >= 1000:
        flips, cuts = rng.sample(range(n), 200), rng.sample(range(n), 60)
    for at in flips:
        yield f"bit {rng.randrange(8)} of byte {at} flipped", data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1:]
    for at in cuts:
        yield f"cut at {at}", data[:at]
    yield "twenty zeros more", data + bytes(20)
    yield "all zeros", bytes(n)
    yield "lost", None


def tried(world, path, original, what, data):
    """Everything that is wrong after one harm, as words."""
    name = os.path.basename(path)
    if data is None:
        os.unlink(path)
    else:
        with open(path, "wb") as f:
            f.write(data)
    done = run("zaibei-agent", "backup", world.data)
    said = done.stdout.decode(errors="replace")
    if done.returncode < 0 or "Sanitizer" in said or "runtime error" in said:
        yield f"it died: {done.returncode} {said[-500:]}"
    if done.returncode > 0:
        # A word in agent.yaml may have become another path, which is named. A receipt that is gone may be that of another
        # machine, and without identities the host is not enrolled.
        named = name in said or (name == "agent.yaml" and ("not found: /" in said or "not reachable" in said or "/now" in said))
        named = named or (data is None and ("ZB-1308" in said or "not enrolled" in said)) or "was enrolled as" in said
        if "ZB-" not in said or not named:
            yield f"exit {done.returncode}, and the file is not named: {said[-300:]!r}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(original)
        os.chmod(path, 0o600)
    else:
        yield from world.restored("the point it made")
    again = run("zaibei-agent", "backup", world.data)
    if again.returncode:
        yield f"the next run: exit {again.returncode}: {again.stdout.decode(errors='replace')!r}"
    else:
        yield from world.restored("the next point")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("top"), p.add_argument("--each", type=int, default=0), p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    rng, wrong, tries = random.Random(a.seed), 0, 0
    world = World(a.top, None, "backup", a.each > 0)
    world.reset()
    for path in files(world):
        with open(world.was + path[len(world.now):], "rb") as f:
            original = f.read()
        todo = list(harms(original, a.each, rng))
        if a.each:
            todo = rng.sample(todo, min(len(todo), a.each))
        for what, data in todo:
            world.reset()
            tries += 1
            for problem in tried(world, path, original, what, data):
                wrong += 1
                print(f"{os.path.relpath(path, world.now)}, {what}: {problem}", flush=True)
    print(f"{tries} tries, {wrong} wrong")
    sys.exit(1 if wrong or not tries else 0)


main()
