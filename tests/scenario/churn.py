#!/usr/bin/python3
"""Rounds of random change and backup over a dir:// vault, then every point restored and compared.

    churn.py DIR SEED ROUNDS

The same seed makes the same changes; the moments at which runs are killed depend on the machine. Prints what it did and
ends with 1 at the first thing that is wrong; DIR keeps the evidence.
"""
import errno
import fcntl
import glob
import hashlib
import json
import os
import random
import shutil
import signal
import stat
import struct
import subprocess
import sys
import time

ROOT = os.geteuid() == 0
K, M = 1 << 10, 1 << 20
SIZES = (0, 1, 100, 4095, 4096, 4097, 30000, 64 * K - 1, 64 * K, 64 * K + 1, 200_000, 300_001, M - 1, M, M + 1,
         3 * M + 777)
NAMES = (b"a", b"a-b", b"a.b", b"a!", b"-rf", b"new\nline", b"bad\xff\xfe", b"\xe7\x81\xbe\xe5\xa4\x87", b" ",
         b"tab\t\\", b"x" * 255)
GETFLAGS, SETFLAGS, NODUMP = 0x80086601, 0x40086602, 0x40


def walk(top):
    """Every path below top, bytes, parents first."""
    out = []
    for folder, folders, files in os.walk(os.fsencode(top)):
        folders.sort()
        out += [os.path.join(folder, name) for name in sorted(folders + files)]
    return out


# ---- what a restore must bring back ----

def stretches(fd, size):
    """Where the data is, as SEEK_DATA and SEEK_HOLE tell it."""
    at, out = 0, []
    while at < size:
        try:
            begin = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            break
        at = min(os.lseek(fd, begin, os.SEEK_HOLE), size)
        out.append((begin, at))
    return out


def contents(path, size):
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        data = stretches(f.fileno(), size)
        flags = struct.unpack("l", fcntl.ioctl(f, GETFLAGS, struct.pack("l", 0)))[0] & NODUMP
        for begin, end in data:
            f.seek(begin)
            digest.update(b"%d:%d:" % (begin, end))
            while begin < end:
                part = f.read(min(M, end - begin))
                digest.update(part)
                begin += len(part)
    return size, digest.hexdigest(), data, flags


def describe(top):
    groups, out = {}, {}
    for path in [os.fsencode(top)] + walk(top):
        st = os.lstat(path)
        name = os.path.relpath(path, os.fsencode(top))
        one = [stat.S_IFMT(st.st_mode), oct(stat.S_IMODE(st.st_mode)), st.st_uid, st.st_gid, st.st_mtime_ns]
        if stat.S_ISREG(st.st_mode):
            one += contents(path, st.st_size)
        if stat.S_ISLNK(st.st_mode):
            one.append(os.readlink(path))
        if stat.S_ISCHR(st.st_mode):
            one.append(st.st_rdev)
        if not stat.S_ISDIR(st.st_mode) and st.st_nlink > 1:
            one.append(groups.setdefault((st.st_dev, st.st_ino), name))
        names = sorted(os.listxattr(path, follow_symlinks=False))
        one += [(x, os.getxattr(path, x, follow_symlinks=False)) for x in names]
        out[name] = one
    return out


def differences(was, now):
    lines = []
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            lines.append(f"{name!r}\n    was {was.get(name)!r}\n    now {now.get(name)!r}"[:2000])
    return lines


# ---- changes ----

class Tree:
    def __init__(self, top, seed):
        self.top, self.r, self.serial = os.fsencode(top), random.Random(seed), 0
        os.mkdir(self.top)
        for _ in range(150):
            self.new_file()
        for _ in range(15):
            self.new_folder()
        for size in (8 * M + 5, 5 * M):
            self.write(self.fresh(), self.bytes(size))
        self.scattered_holes()
        self.wide_sparse()
        self.change(40)

    def bytes(self, n):
        kind = self.r.random()
        if kind < 0.5:
            return self.r.randbytes(n)
        if kind < 0.8:
            line = b"%d a line of a log\n" % self.r.randrange(10**9)
            return (line * (n // len(line) + 1))[:n]
        return (self.r.randbytes(K) + bytes(8 * K)) * (n // (9 * K) + 1) if n > 9 * K else bytes(n)

    def pick(self, test):
        all_of_them = [p for p in walk(self.top) if test(os.lstat(p))]
        return self.r.choice(all_of_them) if all_of_them else None

    def a_file(self, least=0, most=1 << 40):
        return self.pick(lambda st: stat.S_ISREG(st.st_mode) and least <= st.st_size <= most)

    def a_folder(self):
        return self.pick(lambda st: stat.S_ISDIR(st.st_mode)) or self.top

    def fresh(self):
        for _ in range(20):
            name = self.r.choice(NAMES)
            if self.r.random() < 0.6:
                self.serial += 1
                name = (name[:200] + b"%d" % self.serial)
            path = os.path.join(self.a_folder(), name)
            if len(path) < 3000 and not os.path.lexists(path):
                return path
        self.serial += 1
        return os.path.join(self.top, b"n%d" % self.serial)

    def write(self, path, data):
        with open(path, "wb") as f:
            f.write(data)
        return path

    # One change each; all take what the seed picks.
    def new_file(self):
        self.write(self.fresh(), self.bytes(self.r.choice(SIZES)))

    def new_folder(self):
        os.mkdir(self.fresh())

    def edit(self):
        path = self.a_file(1)
        size = os.path.getsize(path)
        with open(path, "r+b") as f:
            for _ in range(self.r.choice((1, 1, 3, 150 if size > M else 2))):
                at = self.r.randrange(size)
                f.seek(at)
                f.write(self.r.randbytes(min(self.r.choice((1, 100, 4096, 70_000)), size - at)))

    def silent_edit(self):
        path = self.a_file(1)
        st = os.stat(path)
        with open(path, "r+b") as f:
            f.seek(self.r.randrange(st.st_size))
            f.write(b"\x5a")
            f.truncate(st.st_size)
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))

    def append(self):
        with open(self.a_file(0, 20 * M), "ab") as f:
            f.write(self.bytes(self.r.choice((1, 37, 4096, 65536, 700_000))))

    def cut(self):
        path = self.a_file(1)
        os.truncate(path, self.r.choice((self.r.randrange(os.path.getsize(path)), 0, 64 * K - 1, 64 * K, M)))

    def insert(self):
        path = self.a_file(1, 20 * M)
        with open(path, "r+b") as f:
            old = f.read()
            at = self.r.choice((0, 0, self.r.randrange(len(old))))
            f.seek(0)
            f.write(old[:at] + self.r.randbytes(self.r.choice((1, 37, 5000))) + old[at:])

    def shuffle(self):
        path = self.a_file(200_000, 20 * M)
        if path:
            with open(path, "r+b") as f:
                old, at = f.read(), self.r.randrange(100_000)
                f.seek(0)
                f.write(old[at:] + old[:at])

    def swap(self):
        one, other = self.a_file(), self.a_file()
        if one != other:
            os.rename(one, self.top + b"/swapped")
            os.rename(other, one)
            os.rename(self.top + b"/swapped", other)

    def rotate(self):
        """log, log.1, log.2, ... as logrotate leaves them; now and then the last ones are one inode."""
        log = self.top + b"/log"
        for n in range(4, 0, -1):
            older = log + b".%d" % (n - 1) if n > 1 else log
            if os.path.isfile(older) and not os.path.isdir(log + b".%d" % n):
                os.rename(older, log + b".%d" % n)
        if not os.path.isdir(log):
            self.write(log, self.bytes(self.r.choice((100, 70_000, 2 * M + 5))))
            if self.r.random() < 0.2 and not os.path.lexists(log + b".9"):
                os.link(log, log + b".9")

    def dump(self):
        """The next of a series: the one before with lines changed, gone and new, so that all of it is shifted."""
        series = sorted(p for p in walk(self.top) if os.path.basename(p).startswith(b"dump-") and os.path.isfile(p))
        lines = [b"%d\t%d\tapproved by the office" % (i, self.r.randrange(10**12)) for i in range(60_000)]
        if series:
            with open(series[-1], "rb") as f:
                lines = f.read().split(b"\n")
        for _ in range(self.r.choice((0, 1, 30, 400))):
            at = self.r.randrange(len(lines))
            lines[at:at + self.r.choice((0, 1, 1, 9))] = [b"changed %d" % self.r.randrange(10**6)] * self.r.choice((0, 1, 2))
            lines = lines or [b""]
        if len(series) > 2:
            os.unlink(series[0])
        self.serial += 1
        self.write(self.top + b"/dump-%08d.sql" % (20_260_000 + self.serial), b"\n".join(lines))

    def apart(self):
        """A byte between any two blocks: the next version is made of twice as many pieces."""
        path = self.a_file(64 * K, 4 * M)
        if path:
            with open(path, "r+b") as f:
                old = f.read()
                f.seek(0)
                f.write(b"".join(old[i:i + 4096] + b"|" for i in range(0, len(old), 4096)))

    def replace(self):
        path = self.a_file()
        self.write(path + b"~" if len(os.path.basename(path)) < 250 else self.fresh(), self.bytes(self.r.choice(SIZES)))
        if os.path.lexists(path + b"~") and not os.path.isdir(path + b"~"):
            os.rename(path + b"~", path)

    def rename(self):
        path, to = self.pick(lambda st: True), self.fresh()
        if not (to + b"/").startswith(path + b"/"):
            os.rename(path, to)

    def copy(self):
        path, to = self.a_file(0, 20 * M), self.fresh()
        shutil.copy2(path, to)

    def hard_link(self):
        os.link(self.pick(lambda st: not stat.S_ISDIR(st.st_mode)), self.fresh(), follow_symlinks=False)

    def unlink(self):
        path = self.pick(lambda st: True)
        if os.path.isdir(path) and not os.path.islink(path):
            if len(walk(path)) > 20:
                return
            shutil.rmtree(path)
        else:
            os.unlink(path)

    def symlink(self):
        os.symlink(self.r.choice((b"a", b"../nowhere", b"/etc", b"\xff\xfe", b"y" * 3000)), self.fresh())

    def special(self):
        path = self.fresh()
        if ROOT and self.r.random() < 0.5:
            os.mknod(path, stat.S_IFCHR | 0o640, os.makedev(1, self.r.choice((3, 5, 300))))
        else:
            os.mkfifo(path, 0o622)

    def other_type(self):
        path = self.pick(lambda st: not stat.S_ISDIR(st.st_mode))
        os.unlink(path)
        kind = self.r.randrange(3)
        if kind == 0:
            os.mkdir(path)
            self.write(path + b"/in", b"it was something else")
        elif kind == 1:
            os.symlink(b"elsewhere", path)
        else:
            self.write(path, self.bytes(self.r.choice(SIZES)))

    def attributes(self):
        path = self.pick(lambda st: not stat.S_ISLNK(st.st_mode))
        folder = os.path.isdir(path)
        if ROOT:
            os.chown(path, self.r.randrange(3000), self.r.randrange(3000))
        closed = 0 if ROOT else 0o640
        modes = (0o700, 0o1777, 0o755, 0o2711) if folder else (0o400, 0o644, 0o4755, 0o2755, 0o600, closed)
        os.chmod(path, self.r.choice(modes))
        os.utime(path, ns=(0, self.r.randrange(-10**18, 2 * 10**18)))

    def link_attributes(self):
        path = self.pick(lambda st: stat.S_ISLNK(st.st_mode))
        if path and ROOT:
            os.lchown(path, 77, self.r.randrange(99))
        if path:
            os.utime(path, ns=(0, self.r.randrange(2 * 10**18)), follow_symlinks=False)

    def xattrs(self):
        path = self.pick(lambda st: stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode))
        for name in os.listxattr(path):
            if self.r.random() < 0.4:
                os.removexattr(path, name)
        for name in ("user.a", "user.zz", "trusted.t" if ROOT else "user.t"):
            if self.r.random() < 0.6:
                os.setxattr(path, name, self.r.randbytes(self.r.choice((0, 1, 30, 900))))
        if self.r.random() < 0.4:  # u::rw-, u:1234:r--, g::r--, m::r--, o::---
            acl = ((1, 6, -1), (2, 4, 1234), (4, 4, -1), (16, 4, -1), (32, 0, -1))
            value = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *x) for x in acl)
            os.setxattr(path, "system.posix_acl_access", value)
        if ROOT and os.path.isfile(path) and self.r.random() < 0.4:
            os.setxattr(path, "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))

    def file_flags(self):
        with open(self.a_file(), "rb") as f:
            fcntl.ioctl(f, SETFLAGS, struct.pack("l", self.r.choice((0, NODUMP))))

    def holes(self):
        """Cut a file out of data and holes: at the start, in the middle, at the end, everywhere."""
        with open(self.fresh(), "wb") as f:
            size = self.r.choice((1, 4096, 40_000, 64 * K, 3 * M + 1, 9 * M))
            f.truncate(size)
            for _ in range(self.r.choice((0, 1, 2, 9))):
                f.seek(self.r.randrange(size))
                f.write(self.bytes(self.r.choice((1, 4096, 50_000))))
            if self.r.random() < 0.5:
                f.truncate(size)

    def grow_sparse(self):
        path = self.a_file(0, 20 * M)
        os.truncate(path, os.path.getsize(path) + self.r.choice((1, 4096, 100_000, 2 * M)))

    def punch(self):
        path = self.a_file(8192)
        if path and shutil.which("fallocate"):
            size = os.path.getsize(path)
            at, n = self.r.randrange(size), self.r.choice((4096, 10_000, 300_000))
            subprocess.run(["fallocate", "-p", "-o", str(at), "-l", str(n), path], check=True)

    def scattered_holes(self):
        """Data and hole in turns: more extents than an entry holds."""
        with open(self.fresh(), "wb") as f:
            f.truncate(2 * M)
            for at in range(0, 2 * M, 16 * K):
                f.seek(at + 4096 * self.r.randrange(3))
                f.write(self.r.randbytes(4096))

    def wide_sparse(self):
        """Extent pages are cut at 64 MiB: data on both sides of the cuts, and ranges that are only hole."""
        with open(self.fresh(), "wb") as f:
            f.truncate(300 * M + 11)
            for at in (64 * M - 6000, 64 * M + 4096, 256 * M - 10_000):
                f.seek(at)
                f.write(self.r.randbytes(20_000))
            for i in range(90):
                f.seek(65 * M + i * 12 * K)
                f.write(self.r.randbytes(100))

    def change(self, n):
        ops = [self.new_file, self.new_folder, self.edit, self.edit, self.silent_edit, self.append, self.cut,
               self.insert, self.shuffle, self.replace, self.rename, self.rename, self.copy, self.hard_link,
               self.unlink, self.unlink, self.symlink, self.special, self.other_type, self.attributes,
               self.link_attributes, self.xattrs, self.holes, self.file_flags, self.grow_sparse, self.punch,
               self.scattered_holes, self.swap, self.rotate, self.dump, self.dump, self.apart]
        for _ in range(n):
            try:
                self.r.choice(ops)()
            except OSError as e:  # of an ordinary user, or of a name that grew too long
                if e.errno not in (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.EOPNOTSUPP, errno.EMLINK):
                    raise


# ---- the agent ----

class Host:
    def __init__(self, work, seed):
        self.work, self.r = work, random.Random(f"host {seed}")
        self.vault, self.state, self.kit, self.config = (f"{work}/{n}" for n in ("vault", "state", "kit", "agent.yaml"))
        self.points, self.took = {}, 0.5
        self.run("zaibei-vault", "init", self.vault)
        kit = json.loads(self.run("zaibei", "--json", "kit", "new", "--out", self.kit))
        self.agent("enroll", f"dir://{self.vault}", "--host", "h", "--system", "s", "--recipient", kit["public"],
                   "--state", self.state)

    def run(self, *argv, fine=(0,)):
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode not in fine:
            fail(f"{argv}: exit {done.returncode}\n{done.stdout.decode()[-2000:]}{done.stderr.decode()[-4000:]}")
        return done.stdout

    def agent(self, *argv, fine=(0,)):
        return self.run("zaibei-agent", "--config", self.config, *argv, fine=fine)

    def harm_cache(self):
        files = [p for p in glob.glob(f"{self.state}/cache/**", recursive=True) if os.path.isfile(p)]
        what = self.r.choice(("none",) * 5 + ("all", "some", "cut", "flip", "old"))
        if what == "all":
            shutil.rmtree(f"{self.state}/cache", ignore_errors=True)
        if what == "old" and os.path.isdir(f"{self.work}/old-cache"):
            shutil.rmtree(f"{self.state}/cache")
            shutil.copytree(f"{self.work}/old-cache", f"{self.state}/cache")
        elif self.r.random() < 0.5:
            shutil.rmtree(f"{self.work}/old-cache", ignore_errors=True)
            shutil.copytree(f"{self.state}/cache", f"{self.work}/old-cache") if files and what != "all" else None
        for path in files if what in ("some", "cut", "flip") else ():
            size = os.path.getsize(path)
            if self.r.random() < 0.5 or not size:
                continue
            if what == "some":
                os.unlink(path)
            elif what == "cut":
                os.truncate(path, self.r.randrange(size))
            else:
                with open(path, "r+b") as f:
                    for _ in range(3):
                        f.seek(self.r.randrange(size))
                        f.write(self.r.randbytes(1))
        return what

    def kill_one(self, paths):
        """A run that is killed at some moment: the agent, or the vault's processes below it."""
        p = subprocess.Popen(["zaibei-agent", "--config", self.config, "backup", *paths], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(self.r.random() * self.took)
        victim = p.pid
        if self.r.random() < 0.4:
            children = subprocess.run(["pgrep", "-P", str(p.pid)], stdout=subprocess.PIPE).stdout.split()
            victim = int(self.r.choice(children)) if children else p.pid
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return p.wait()

    def packs(self):
        return set(glob.glob(f"{self.vault}/store/hosts/h/packs/*/*"))

    def kill_and_lose(self, paths):
        """A run that is killed, and packs of it that were acknowledged are lost: their numbers are used again."""
        before, code = self.packs(), self.kill_one(paths)
        made = self.known_points()[-1]["point"] not in self.points
        lost = self.packs() - before if self.r.random() < 0.4 and not made else set()
        for path in lost:
            os.unlink(path)
        return f"killed (exit {code})" + (f" and {len(lost)} packs lost" if lost else "")

    def known_points(self):
        lines = [json.loads(x) for x in self.agent("--json", "points").splitlines()]
        return [x for x in lines if x["message_type"] == "point"]

    def backup(self, top, rounds):
        was = describe(top)
        told = [self.harm_cache()]
        if self.r.random() < 0.5:
            time.sleep(0.08)
        while self.points and self.r.random() < 0.3:
            told.append(self.kill_and_lose([top]))
            if self.r.random() < 0.3:
                told.append(self.harm_cache())
        argv = ["backup", top] + (["--full"] if self.r.random() < 0.15 else [])
        began = time.monotonic()
        for attempt in range(20):  # what was killed may still be letting go
            done = subprocess.run(["zaibei-agent", "--config", self.config, "--json", *argv], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
            if done.returncode != 11:
                break
            time.sleep(0.25)
        self.took = time.monotonic() - began
        if done.returncode:
            fail(f"round {rounds}: {told}: exit {done.returncode}\n{done.stderr.decode()[-3000:]}")
        if differences(was, describe(top)):
            fail("the tree itself changed meanwhile")
        for point in self.known_points():
            if point["state"] != "complete":
                fail(f"round {rounds}: point {point['point']} is {point['state']}")
            self.points.setdefault(point["point"], was)
        last = self.known_points()[-1]
        print(f"round {rounds}: {len(was)} paths, {', '.join(told)}: point {last['point']} ({last['kind']}), read "
              f"{last['bytes_read']}, sent {last['bytes_sent']}, {self.took:.1f} s", flush=True)

    def check(self, top):
        for point in sorted(self.points, key=lambda n: self.r.random()):
            back = f"{self.work}/back"
            # An ordinary user cannot give the directories above the data their owner back: what is compared is below.
            self.agent("restore", str(point), "--target", back, fine=(0,) if ROOT else (0, 3))
            wrong = differences(self.points[point], describe(back + top))
            if wrong:
                fail(f"point {point}: {len(wrong)} paths differ\n" + "\n".join(wrong[:8]))
            shutil.rmtree(back)
        self.run("zaibei-verify", "vault", self.vault, "--key", self.kit, "--quiet")


def fail(text):
    print("FAILED:", text, file=sys.stderr, flush=True)
    os._exit(1)


def main(work, seed, rounds):
    print(f"seed {seed}", flush=True)
    tree = Tree(f"{work}/data", seed)
    host = Host(work, seed)
    for n in range(1, rounds + 1):
        host.backup(f"{work}/data", n)
        tree.change(tree.r.choice((0, 3, 20, 60)))
    host.check(f"{work}/data")
    print(f"{len(host.points)} points restored exactly")


main(os.path.realpath(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
