#!/usr/bin/python3
"""The n-th call fails: one operation, one kind of call, n = 1, 2, … until the operation makes fewer calls.

    nth.py TOP PRELOAD OPERATION [--each N] [--some N] [--seed S] KIND:ERRNO[:WHEN]...

TOP is an empty directory. OPERATION is backup, restore, enroll, or serve (the vault's side of a backup: serve and its
keeper). WHEN is once (the default), on (from the n-th call on), or short, less, each: every third call moves one byte, or
one byte less, or fails, and nothing may come of it. With --each only N places of each kind are tried, spread over all, with
--some only N of the kinds.

Every try starts from the same machine and vault. The program may succeed, then the result is right; or say an error by its
number, then there is no half result. In both cases the next run succeeds by itself, restores exactly, and zaibei-verify
(after each fourth try, with --each) finds nothing. What goes wrong is printed, one line each; the exit code is 1 then.
"""
import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import stat
import struct
import subprocess
import sys

EXITS = {0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 15, 16}  # what include/zaibei.h has; 2: a configuration that cannot be read
TEMP = re.compile(r"^\.(tmp-|zaibei-restore-)|\.new$")


def run(*words, env=None):
    """The same as `timeout 60`, whose exit code 124 nothing of ours has."""
    return subprocess.run(("timeout", "-k", "5", "60") + words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=env)


def must(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=120)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: exit {done.returncode}: {done.stdout.decode(errors='replace')}")
    return done.stdout.decode()


def content(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def picture(top):
    """What a restore must bring back, by path; temporary names are not part of it."""
    out, groups = {}, {}
    for folder, folders, names in os.walk(top):
        for name in folders + names:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            row = [stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns]
            if stat.S_ISREG(st.st_mode):
                row += [st.st_size, content(path), [(x, os.getxattr(path, x)) for x in sorted(os.listxattr(path))]]
                row += [groups.setdefault(st.st_ino, len(groups))] if st.st_nlink > 1 else []
            if stat.S_ISLNK(st.st_mode):
                row.append(os.readlink(path))
            if not TEMP.search(name):
                out[os.path.relpath(path, top)] = row
    return {path: row[:-1] if isinstance(row[-1], int) and stat.S_ISREG(row[0]) else row for path, row in out.items()}


class World:
    """A machine and its vault below TOP/now, kept as TOP/was to begin each try with."""

    def __init__(self, top, preload, operation, sparing):
        self.top, self.preload, self.operation = top, preload, operation
        self.now, self.was = f"{top}/now", f"{top}/was"
        self.data, self.back, self.kit, self.count = f"{top}/data", f"{top}/back", f"{top}/kit", f"{top}/count"
        os.environ["ZAIBEI_AGENT_CONFIG"] = f"{self.now}/agent.yaml"
        self.dir = f"dir://{self.now}/vault"
        os.mkdir(self.now)
        os.mkdir(self.data)
        self.public = json.loads(must("zaibei", "--json", "kit", "new", "--out", self.kit))["public"]
        must("zaibei-vault", "init", f"{self.now}/vault")
        self.write_data(1)
        if operation != "enroll":
            must(*self.enroll_words())
            must("zaibei-vault", "rights", f"{self.now}/vault", "h", "--read", "all")
            must("zaibei-agent", "backup", self.data)
            self.write_data(2)
        if operation == "restore":
            must("zaibei-agent", "backup", self.data)
        self.points = [] if operation == "enroll" else self.numbers()
        shutil.copytree(self.now, self.was, symlinks=True)
        self.wanted = picture(self.data)
        self.looked, self.sparing = 0, sparing

    def enroll_words(self):
        return ("zaibei-agent", "enroll", self.dir, "--host", "h", "--system", "s", "--recipient", self.public, "--state",
                f"{self.now}/state")

    def words(self):
        """The operation: which program is to fail, and the command."""
        if self.operation == "enroll":
            return "zaibei-agent enroll", self.enroll_words()
        if self.operation == "restore":
            return "zaibei-agent restore", ("zaibei-agent", "restore", "latest", "--target", self.back)
        victim = "zaibei-agent backup" if self.operation == "backup" else "zaibei-vault serve"
        return victim, ("zaibei-agent", "backup", self.data)

    def write_data(self, version):
        """A little of everything; the second version changes some of it in place."""
        rng = random.Random(1)
        body = bytearray(rng.randbytes(1_500_000))
        new = f"{self.data}/{'b' if version == 2 else 'a'}"
        os.makedirs(new + "/deep", exist_ok=True)
        for i in range(4):
            with open(f"{new}/small{i}", "w", encoding="ascii") as f:
                f.write(f"{version} {i}\n" * 300)
        with open(f"{self.data}/large", "wb" if version == 1 else "r+b") as f:
            f.seek(0 if version == 1 else 700_001)
            f.write(body if version == 1 else b"changed in the middle")
        with open(f"{new}/sparse", "wb") as f:
            f.seek(900_000)
            f.write(b"end")
        if version == 2:
            os.link(f"{self.data}/a/small1", f"{new}/link")
            os.symlink("../large", f"{new}/symlink")
            os.mkfifo(f"{new}/fifo")
            os.unlink(f"{self.data}/a/small3")
            try:
                os.setxattr(f"{new}/small0", "user.note", b"value")
            except OSError:
                pass
            os.chmod(f"{new}/deep", 0o750)

    def reset(self):
        for path in (self.now, self.back):
            shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(self.was, self.now, symlinks=True)

    def numbers(self):
        lines = [json.loads(line) for line in must("zaibei-agent", "points", "--json").splitlines()]
        return [line["point"] for line in lines if line["message_type"] == "point"]

    def attempt(self, kind, when, errno, short):
        """Run the operation with a fault: what it did, how many calls there were and how many failed."""
        victim, words = self.words()
        env = dict(os.environ, LD_PRELOAD=self.preload, FAIL_PROGRAM=victim, FAIL_CALL=kind, FAIL_AT=when,
                   FAIL_ERRNO=errno or "EIO", FAIL_COUNT=self.count)
        if kind == "malloc":
            env["FAIL_SHOW"] = "1"
        if short:
            env["FAIL_SHORT"] = short
        if os.path.exists(self.count):
            os.unlink(self.count)
        done = run(*words, env=env)
        if not os.path.exists(self.count):
            raise SystemExit(f"{victim} did not run with {self.preload}: {done.stdout.decode(errors='replace')}")
        with open(self.count, "rb") as f:
            return done, *struct.unpack("QQ", f.read())

    def judge(self, done, kind, harmless):
        """Everything that is wrong after a try, as words."""
        said, rc = done.stdout.decode(errors="replace"), done.returncode
        if harmless and rc:
            yield f"exit {rc} where nothing was wrong: {said[-300:]!r}"
        # librsync and our JSON abort without memory, by their documentation; libfyaml crashes, before anything is begun.
        rc = 128 - rc if rc > 128 else rc  # timeout tells a signal so
        if rc < 0 and not (kind == "malloc" and (rc == -signal.SIGABRT or "libfyaml" in said)):
            yield f"died of {signal.Signals(-rc).name}: {said[-2000:]}"
        if rc == 124:
            yield f"it hangs: {said[-300:]!r}"
        elif rc > 0 and rc not in EXITS:
            yield f"exit {rc}: {said[-300:]!r}"
        if rc > 0 and rc not in (3, 124) and not re.search(r"ZB-\d{4}", said):
            yield f"exit {rc} without an error's number: {said[-300:]!r}"
        if "runtime error" in said or "AddressSanitizer" in said:
            yield f"a sanitizer: {said[-2000:]}"
        yield from getattr(self, f"after_{self.operation}")(rc)

    def after_backup(self, rc):
        yield from self.next_backup(rc)

    def after_serve(self, rc):
        yield from self.next_backup(rc)

    def after_enroll(self, rc):
        again = run(*self.enroll_words())
        said = again.stdout.decode(errors="replace")
        if again.returncode and not (os.path.exists(f"{self.now}/state/ids") and "ZB-1007" in said):
            yield f"enroll again: exit {again.returncode}: {said!r}"
            return
        yield from self.next_backup(1)

    def next_backup(self, rc):
        if rc == 0 and len(self.numbers()) != len(self.points) + 1:
            yield f"it said success, and the points are {self.numbers()}"
        if rc == 0:
            yield from self.restored("the point it made")
        again = run("zaibei-agent", "backup", self.data)
        if again.returncode:
            yield f"the next run: exit {again.returncode}: {again.stdout.decode(errors='replace')!r}"
            return
        points = self.numbers()
        if points != sorted(set(points)) or not len(self.points) < len(points) <= len(self.points) + 2:
            yield f"points {points}"
        yield from self.restored("the next point")

    def restored(self, what):
        shutil.rmtree(self.back, ignore_errors=True)
        back = run("zaibei-agent", "restore", "latest", "--vault", f"{self.now}/vault", "--host", "h", "--kit", self.kit,
                   "--target", self.back)
        if back.returncode:
            yield f"{what}: restore: exit {back.returncode}: {back.stdout.decode(errors='replace')!r}"
        else:
            yield from self.differs(what)
        self.looked += 1
        if self.sparing and self.looked % 4:
            return
        check = run("zaibei-verify", "vault", f"{self.now}/vault", "--key", self.kit, "--quiet")
        if check.returncode:
            yield f"{what}: zaibei-verify: exit {check.returncode}: {check.stdout.decode(errors='replace')!r}"

    def differs(self, what, contents_only=False):
        have = picture(self.back + self.data) if os.path.isdir(self.back + self.data) else {}
        for path in sorted(set(have) | set(self.wanted)):
            a, b = self.wanted.get(path), have.get(path)
            if contents_only and b is None:
                continue
            if contents_only and a and b and a[0] == b[0] and (not stat.S_ISREG(a[0]) or a[5:7] == b[5:7]):
                continue
            if a != b:
                yield f"{what}: {path} is {b} and should be {a}"

    def after_restore(self, rc):
        # What has its name is right, whatever else happened; with success it is everything.
        yield from self.differs("it said success" if rc == 0 else "left behind", contents_only=rc != 0)
        again = run("zaibei-agent", "restore", "latest", "--target", self.back, "--existing", "if-different")
        if again.returncode:
            yield f"the next run: exit {again.returncode}: {again.stdout.decode(errors='replace')!r}"
        yield from self.differs("after the next run")
        for folder, _, names in os.walk(self.back):
            for name in names:
                if rc >= 0 and TEMP.search(name):
                    yield f"left behind: {folder}/{name}"


def places(n, each, rng):
    """Which of n calls to fail: all, or the first, the last and some between."""
    if not each or n <= each:
        return list(range(1, n + 1))
    return sorted({1 + i * n // each + rng.randrange(max(1, n // each)) for i in range(each)})


def main():
    p = argparse.ArgumentParser()
    p.add_argument("top"), p.add_argument("preload"), p.add_argument("operation"), p.add_argument("kinds", nargs="+")
    p.add_argument("--each", type=int, default=0), p.add_argument("--seed", type=int, default=1)
    p.add_argument("--at", type=int, default=0), p.add_argument("--some", type=int, default=0)
    a = p.parse_args()
    rng, wrong, tries = random.Random(a.seed), 0, 0
    world = World(a.top, a.preload, a.operation, a.each > 0)
    for word in rng.sample(a.kinds, min(len(a.kinds), a.some)) if a.some else a.kinds:
        kind, errno, when = (word.split(":") + ["once"])[:3]
        harmless = when in ("short", "less", "each")
        short = {"short": "1", "less": "-1"}.get(when, "")
        world.reset()
        done, calls, _ = world.attempt(kind, "0", errno, "")
        if done.returncode:
            raise SystemExit(f"without a fault: exit {done.returncode}: {done.stdout.decode(errors='replace')}")
        todo = [3] if harmless else [a.at] if a.at else places(calls, a.each, rng)
        for n in todo:
            world.reset()
            at = f"/{n}" if harmless else f"{n}+" if when == "on" else str(n)
            done, _, failed = world.attempt(kind, at, errno, short)
            tries += failed > 0
            for what in world.judge(done, kind, harmless) if failed else ():
                wrong += 1
                print(f"{a.operation}: {kind} {at} {errno} {when}: {what}", flush=True)
        print(f"{a.operation}: {word}: {calls} calls, {len(todo)} tries", file=sys.stderr)
    print(f"{tries} tries, {wrong} wrong")
    sys.exit(1 if wrong or not tries else 0)


if __name__ == "__main__":
    main()
