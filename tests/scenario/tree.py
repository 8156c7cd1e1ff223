#!/usr/bin/python3
"""Make a small tree that has one of everything, and change it: always the same for the same seed.

    tree.py make DIR SEED
    tree.py change DIR SEED

As root owners and device nodes are among it, otherwise not.
"""
import os
import random
import shutil
import sys

ROOT = os.geteuid() == 0


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def edit(path, at, data):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)


def dress(path, r):
    """Mode, owner and a time with nanoseconds."""
    if not os.path.islink(path):
        os.chmod(path, r.choice((0o600, 0o640, 0o644, 0o755, 0o4755, 0o1777, 0o444)))
    if ROOT:
        os.lchown(path, r.randrange(3000), r.randrange(3000))
        if os.path.isfile(path) and not os.path.islink(path) and r.random() < 0.3:
            os.chmod(path, 0o4755)
    os.utime(path, ns=(0, r.randrange(-10**18, 18 * 10**17)), follow_symlinks=False)


def sparse(path, r):
    with open(path, "wb") as f:
        f.truncate(9 << 20)
        for at in (0, 65536 * 3, 4 << 20, (9 << 20) - 4096):
            f.seek(at)
            f.write(r.randbytes(4096))


def make(top, r):
    os.makedirs(f"{top}/sub/deeper/深い")
    os.makedirs(f"{top}/empty")
    for i in range(60):
        write(f"{top}/sub/f{i:03}", r.randbytes(r.choice((0, 1, 100, 4096, 5000, 65535))))
    for i, size in enumerate((65536, 70000, 1 << 20, (1 << 20) + 1, 3_500_000)):
        write(f"{top}/sub/deeper/large{i}", r.randbytes(size // 2) * 2)
    write(f"{top}/log", b"".join(b"line %d of a log %d\n" % (i, r.randrange(10**9)) for i in range(40000)))
    write(os.fsencode(top) + b"/bad\xff\xfename", b"not UTF-8")
    write(f"{top}/new\nline \\ \"quoted\"", b"odd")
    sparse(f"{top}/sparse", r)
    with open(f"{top}/all-hole", "wb") as f:
        f.truncate(3_000_001)
    os.link(f"{top}/sub/f002", f"{top}/hard-a")
    os.link(f"{top}/sub/f002", f"{top}/empty/hard-b")
    os.link(f"{top}/sub/deeper/large2", f"{top}/hard-large")
    os.symlink("sub/f001", f"{top}/link")
    os.symlink("/nowhere/\xe9/" + "x" * 200, f"{top}/dangling")
    os.mkfifo(f"{top}/fifo")
    if ROOT:
        os.mknod(f"{top}/null", 0o20666, os.makedev(1, 3))
        os.mknod(f"{top}/loop", 0o60660, os.makedev(7, 200))
    os.setxattr(f"{top}/sub/f003", "user.note", b"a note \0 with zero")
    os.setxattr(f"{top}/sub", "user.dir", b"")
    paths = [os.path.join(a, n) for a, b, c in os.walk(top) for n in b + c]
    for path in sorted(paths, reverse=True):
        dress(path, r)
    for folder in ("sub/deeper/深い", "sub/deeper", "sub", "empty", ""):
        os.chmod(f"{top}/{folder}", 0o755)
        os.utime(f"{top}/{folder}", ns=(0, r.randrange(17 * 10**17)))


def change(top, r):
    """One of each kind of change, on files that the seed picks."""
    files = [f"{top}/sub/f{i:03}" for i in range(60) if os.path.isfile(f"{top}/sub/f{i:03}")]
    r.shuffle(files)
    pick = iter(files).__next__
    tag = r.randrange(10**6)
    write(f"{top}/sub/new{tag}", r.randbytes(30000))
    os.unlink(pick())
    os.rename(pick(), f"{top}/empty/moved{tag}")
    os.rename(f"{top}/sub/deeper/large0", f"{top}/sub/deeper/large0.tmp")
    os.rename(f"{top}/sub/deeper/large0.tmp", f"{top}/sub/deeper/large0")
    edit(f"{top}/sub/deeper/large4", r.randrange(3_000_000), r.randbytes(77))
    edit(f"{top}/sub/deeper/large2", r.randrange(1 << 19), r.randbytes(9))
    edit(f"{top}/sparse", 5 << 20, r.randbytes(100_000))
    with open(f"{top}/log", "r+b") as f:
        old = f.read()
        f.seek(0)
        f.write(b"%037d" % tag + old)
    with open(f"{top}/sub/deeper/large3", "ab") as f:
        f.write(r.randbytes(r.choice((1, 4096, 200_000))))
    with open(f"{top}/sub/deeper/large1", "r+b") as f:
        f.truncate(70000 - r.randrange(30000))
    # The same size and the same mtime: only ctime tells.
    path = pick()
    write(path, r.randbytes(5000))
    os.utime(path, ns=(0, 10**18))
    before = os.stat(path)
    edit(path, 17, b"silent")
    os.utime(path, ns=(0, before.st_mtime_ns))
    os.chmod(pick(), 0o711)
    os.setxattr(pick(), "user.tag", b"%d" % tag)
    path = pick()
    os.unlink(path)
    os.mkdir(path)
    write(path + "/inside", b"was a file, is a directory")
    os.unlink(f"{top}/link")
    os.symlink(f"target{tag}", f"{top}/link")
    os.link(pick(), f"{top}/hard{tag}")
    if os.path.exists(f"{top}/all-hole"):
        edit(f"{top}/all-hole", 1 << 20, b"no longer")
    shutil.copy2(pick(), f"{top}/empty/copy{tag}")
    if ROOT:
        os.chown(pick(), 4321, 1234)


what, top, seed = sys.argv[1:]
(make if what == "make" else change)(top, random.Random(what + seed))
