#!/usr/bin/python3
"""A tree of everything that is hard to bring back, always the same, and three rounds of changes to it.

    hostile_tree.py make DIR [PART...]  as root with owners, devices, capabilities and flags, otherwise what is possible
    hostile_tree.py change DIR N        round N: 1, 2, 3
    hostile_tree.py release DIR         take off immutable and append-only, so that it can be removed

What the file system does not take is said in a line "note: …" and left out. All work is relative to descriptors.
ZAIBEI_SOAK=1: many more links and levels.
"""
import array
import fcntl
import os
import random
import resource
import socket
import stat
import struct
import sys
import unicodedata

ROOT = os.geteuid() == 0
SOAK = bool(os.environ.get("ZAIBEI_SOAK"))
GETFLAGS, SETFLAGS = 0x80086601, 0x40086602
SYNC, IMMUTABLE, APPEND, NODUMP, NOATIME, DIRSYNC, TOPDIR = 0x8, 0x10, 0x20, 0x40, 0x80, 0x10000, 0x20000
KIB, MIB = 1 << 10, 1 << 20
rng = random.Random(14)
noted = set()


def note(what, error):
    if what not in noted:
        print(f"note: not here: {what}: {os.strerror(error.errno)}")
    noted.add(what)


def attempt(what, call, *args, **kwargs):
    """Do it, or say that this file system or user cannot."""
    try:
        call(*args, **kwargs)
        return True
    except OSError as error:
        note(what, error)
        return False


# ---- small words for what is made below the working directory ----

def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def edit(path, at, data):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)


def sparse(path, size, pieces):
    """A file of ${size} with data only at the (offset, length) of ${pieces}."""
    with open(path, "wb") as f:
        f.truncate(size)
        for at, n in pieces:
            f.seek(at)
            f.write(rng.randbytes(n))


def inside(name):
    os.mkdir(name)
    os.chdir(name)


def flags_of(fd):
    got = array.array("l", [0])
    fcntl.ioctl(fd, GETFLAGS, got)
    return got[0]


def add_flags(path, more):
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.ioctl(fd, SETFLAGS, array.array("l", [flags_of(fd) | more]))
    finally:
        os.close(fd)


def drop_flags(fd):
    try:
        now = flags_of(fd)
        if now & (IMMUTABLE | APPEND):
            fcntl.ioctl(fd, SETFLAGS, array.array("l", [now & ~(IMMUTABLE | APPEND)]))
    except OSError:
        pass


def acl(*entries):
    """The kernel's form of a POSIX ACL: (tag, permissions, id), tags in rising order."""
    out = struct.pack("<I", 2)
    for tag, perm, who in entries:
        out += struct.pack("<HHI", tag, perm, who)
    return out


NOBODY = 0xFFFFFFFF
ACL = acl((1, 7, NOBODY), (2, 5, 3000000000), (2, 6, 4242), (4, 4, NOBODY), (8, 1, 77), (16, 7, NOBODY), (32, 0, NOBODY))
CAP_NET_BIND = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)


def set_xattr(path, name, value, follow=True):
    attempt(f"{name.split('.')[0]}.* on a {'link' if not follow else 'file'}", os.setxattr, path, name, value,
            follow_symlinks=follow)


# ---- the parts of the tree ----

NAMES = [b"new\nline", b"tab\there", b"bad\xff\xfe\x80utf8", b"\xed\xa0\x80surrogate", b"x" * 255,
         "灾".encode() * 85, unicodedata.normalize("NFC", "é").encode(), unicodedata.normalize("NFD", "é").encode(),
         b"-rf", b"--", b"-", b"back\\slash", b"glob*?[a-z]{b}", "\u202egnp.exe".encode(), "עברית".encode(), b" lead",
         b"trail ", b"...", b"..x", b".-like", b"~", b"$HOME `id`", b"\x01\x07\x1b[31m\x7f", "💾".encode(), b"Case",
         b"case", b"quote'\"", b"a:b", b"%s%n", b"\r", b".zaibei-restore-0000000000000000x"]


def names():
    for folder in (b"files", b"folders", b"links"):
        os.mkdir(folder)
    for name in NAMES:
        write(b"files/" + name, name)
        os.mkdir(b"folders/" + name)
        write(b"folders/" + name + b"/" + name, name * 2)
        os.symlink(name, b"links/" + name)


def deep():
    """20 levels of 250 bytes, then 20 (soak: 2100) of one byte: over 4096 bytes either way."""
    for i in range(20):
        inside(b"%02d" % i + bytes([97 + i]) * 248)
    write("at the bottom", b"deep")
    os.symlink("at the bottom", "link")
    os.link("at the bottom", "second name")
    os.mkfifo("fifo")
    for _ in range(2100 if SOAK else 20):
        inside("d")
    write("further down", b"deeper")


def sizes():
    for size in (0, 1, 4095, 4096, 4097, 8191, 8193, 65535, 65536, 65537, MIB - 1, MIB, MIB + 1, 2 * MIB + 1, 5 * MIB):
        write(f"{size}", (rng.randbytes(min(size, 100_000)) * 60)[:size])
    sparse("4GiB+1", (4 << 30) + 1, [(0, 5000), ((4 << 30) - 70_000, 70_001)])
    sparse("4GiB-1", (4 << 30) - 1, [(1 << 30, 1)])


def holes():
    sparse("start", MIB, [(512 * KIB, 512 * KIB)])
    sparse("middle", MIB, [(0, 4096), (MIB - 4096, 4096)])
    sparse("end", MIB + 77, [(0, 300 * KIB)])
    sparse("all", 3 * MIB + 5, [])
    sparse("everywhere", 2 * MIB, [(at, 4096) for at in range(0, 2 * MIB, 8192)])
    sparse("odd", 700_001, [(33_000, 17), (400_000, 100_000)])
    sparse("pages", 200 * MIB, [((64 << 20) - 9000, 18_000), ((128 << 20), 4096), (199 * MIB, 5)])
    sparse("many pages", 200 * MIB, [(at, 4096) for at in range(0, 200 * MIB, 900 * KIB)])
    with open("zeros that are data", "wb") as f:
        f.write(bytes(300 * KIB))


def hard_links():
    os.mkdir("many")
    write("many/0", rng.randbytes(70_000))
    for i in range(1, 100_000 if SOAK else 10_000):
        if not attempt("that many hard links", os.link, "many/0", f"many/{i}"):
            break
    for i in range(40):
        os.mkdir(f"group{i:02}")
    for g in range(30):  # each group spread over all directories, so over many manifest pages
        write(f"group00/g{g}", rng.randbytes(rng.choice((0, 10, 5000, 70_000))))
        for i in range(1, 40, 1 + g % 5):
            os.link(f"group00/g{g}", f"group{i:02}/g{g}")
    os.symlink("many/0", "a symlink")
    os.link("a symlink", "group05/the same symlink", follow_symlinks=False)
    os.mkfifo("a fifo")
    os.link("a fifo", "group05/the same fifo")
    if ROOT:
        os.mknod("a device", 0o20640, os.makedev(1, 7))
        os.link("a device", "group05/the same device")
    if ROOT and attempt("immutable", lambda: (write("immutable", b"fixed"), os.link("immutable", "immutable too"),
                                              os.link("immutable", "group39/immutable too"))):
        attempt("immutable", add_flags, "immutable", IMMUTABLE)


def symlinks():
    for name, target in (("dangling", b"nowhere"), ("absolute", b"/etc/passwd"), ("self", b"self"), ("loop a", b"loop b"),
                         ("loop b", b"loop a"), ("outside", b"../" * 40 + b"tmp"), ("4000", b"t" * 4000),
                         ("4095", b"u/" * 2047 + b"u"), ("not UTF-8", b"\xff\xfe\n"), ("dot", b"."), ("slash", b"x/")):
        os.symlink(target, name)
    os.symlink("target", "with xattr")
    if ROOT:
        set_xattr("with xattr", "trusted.on-a-link", b"value", follow=False)
        os.lchown("with xattr", 11, 12)


def attributes():
    for name in ("acl", "caps", "setuid", "setgid", "sticky", "all bits", "no bits", "xattrs", "trusted", "odd xattr"):
        write(name, name.encode())
    for name in ("acl.d", "acl default.d", "setgid.d", "sticky.d", "closed.d", "xattrs.d"):
        os.mkdir(name)
        write(name + "/inside", b"x")
    for path, name in (("acl", "access"), ("acl.d", "access"), ("acl default.d", "default")):
        attempt("POSIX ACLs", os.setxattr, path, f"system.posix_acl_{name}", ACL)
    write("acl default.d/inherits", b"acl")
    os.mkdir("acl default.d/inherits.d")
    write("acl default.d/inherits not", b"no acl")
    attempt("POSIX ACLs", os.removexattr, "acl default.d/inherits not", "system.posix_acl_access")
    set_xattr("xattrs", "user.empty", b"")
    set_xattr("xattrs", "user." + "n" * 250, b"\0\xff\n")
    for i in range(60):
        set_xattr("xattrs", f"user.many{i}", rng.randbytes(20))
    set_xattr("odd xattr", "user.\udcff\n= '", b"odd name")
    set_xattr("xattrs.d", "user.on-a-directory", b"d")
    for size in (3000, 60_000, 65_536):
        write(f"xattr of {size}", b"large")
        attempt(f"an xattr of {size}", os.setxattr, f"xattr of {size}", "user.large", rng.randbytes(size))
    if ROOT:
        set_xattr("trusted", "trusted.zaibei", b"t")
        set_xattr("trusted", "security.zaibei", b"s")
        set_xattr("xattrs.d", "trusted.overlay.opaque", b"y")
        os.chown("caps", 5, 6)
        attempt("capabilities", os.setxattr, "caps", "security.capability", CAP_NET_BIND)
        os.chown("setuid", 1234, 1234), os.chown("setgid", 0, 1234)
    for name, mode in (("setuid", 0o4755), ("setgid", 0o2755), ("sticky", 0o1644), ("all bits", 0o7777), ("no bits", 0),
                       ("setgid.d", 0o2775), ("sticky.d", 0o1777), ("closed.d", 0 if ROOT else 0o500)):
        if not ROOT and name == "no bits":
            mode = 0o400
        os.chmod(name, mode)


def special():
    os.mkfifo("fifo", 0o640)
    s = socket.socket(socket.AF_UNIX)
    s.bind("socket")
    s.close()
    if not ROOT:
        return
    for name, mode, major, minor in (("null", 0o20666, 1, 3), ("whiteout", 0o20000, 0, 0), ("block", 0o60660, 7, 200),
                                     ("greatest", 0o20600, 4095, (1 << 20) - 1), ("greatest block", 0o60600, 511, 70000)):
        attempt(f"device {name}", os.mknod, name, mode, os.makedev(major, minor))


def owners():
    for uid, gid in ((4_000_000_000, 3_999_999_999), (2**31, 2**31 - 1), (2**32 - 2, 65534), (12345, 54321)):
        write(f"{uid}", b"owned")
        os.symlink("x", f"{uid}.link")
        os.mkdir(f"{uid}.d")
        for name in (f"{uid}", f"{uid}.link", f"{uid}.d"):
            os.lchown(name, uid, gid)


SECOND = 10**9
TIMES = {"before 1970": -SECOND + 500_000_000, "one ns before": -1, "1901": -(2**31) * SECOND, "zero": 0, "one ns": 1,
         "2038": 2**31 * SECOND, "last ns": 1_700_000_000 * SECOND + 999_999_999, "2446": 15_032_385_535 * SECOND,
         "9999": 253_402_300_799 * SECOND + 1, "year 1": -62_135_596_800 * SECOND}


def times():
    for name, ns in TIMES.items():
        write(name, b"t")
        os.symlink(name, name + ".link")
        os.mkdir(name + ".d")
        for path in (name, name + ".link", name + ".d"):
            os.utime(path, ns=(0, ns), follow_symlinks=False)
    got = {name: os.stat(name).st_mtime_ns for name in TIMES}
    for name, ns in TIMES.items():
        if got[name] != ns:
            print(f"note: not here: the time {name}")


FLAGS = {"immutable": IMMUTABLE, "append": APPEND, "nodump": NODUMP, "noatime": NOATIME, "sync": SYNC,
         "several": IMMUTABLE | NODUMP | NOATIME}


def flags():
    for name, bits in FLAGS.items():
        write(name, b"flag")
        os.mkdir(name + ".d")
        write(name + ".d/inside", b"below it")
        if ROOT or not bits & (IMMUTABLE | APPEND):
            attempt(f"flag {name}", add_flags, name, bits)
            attempt(f"flag {name}", add_flags, name + ".d", bits)
    for name, bits in (("dirsync.d", DIRSYNC), ("topdir.d", TOPDIR)):
        os.mkdir(name)
        attempt(f"flag {name}", add_flags, name, bits)


def changing():
    """What the rounds change."""
    for i in range(12):
        write(f"silent{i}", rng.randbytes(5000))
        write(f"silent large{i}", rng.randbytes(200_000))
    for i in range(20):
        write(f"meta{i}", b"only its attributes change")
    write("morph", b"a file")
    os.mkdir("morph2")
    write("morph2/inside", b"x")
    os.symlink("x", "morph3")
    os.makedirs("moving/a/b")
    for i in range(50):
        write(f"moving/a/f{i}", rng.randbytes(2000))
        write(f"moving/a/b/g{i}", rng.randbytes(80_000 if i < 3 else 10))
    for name in ("x", "y"):
        write(f"swap {name}", name.encode() * 90_000)
    write("grown", rng.randbytes(3 * MIB))
    write("linked", b"l" * 9000)
    sparse("punched", 4 * MIB, [(0, 4 * MIB)])


PARTS = [names, deep, sizes, holes, hard_links, symlinks, attributes, special, times, flags, changing]


def make(top, only):
    os.makedirs(top)
    home = os.open(top, os.O_RDONLY)
    for part in PARTS + ([owners] if ROOT else []):
        if only and part.__name__ not in only:
            continue
        os.fchdir(home)
        inside(part.__name__)
        part()


# ---- the rounds ----

def silently(path, n):
    """Other bytes, the same size, the same mtime: only ctime tells."""
    before = os.stat(path)
    edit(path, 17, b"round %d" % n)
    os.utime(path, ns=(0, before.st_mtime_ns))


def morph(n):
    """A file becomes a directory, then a symlink, then a file; two others begin further on."""
    for name, step in (("morph", n), ("morph2", n + 1), ("morph3", n + 2)):
        if os.path.islink(name) or os.path.isfile(name):
            os.unlink(name)
        else:
            os.unlink(name + "/inside")
            os.rmdir(name)
        if step % 3 == 1:
            os.mkdir(name)
            write(name + "/inside", b"directory %d" % n)
        elif step % 3 == 2:
            os.symlink(f"round {n}", name)
        else:
            write(name, b"a file in round %d" % n)


def change_plain(n):
    for i in range(n, 12, 4):
        silently(f"silent{i}", n)
        silently(f"silent large{i}", n)
    os.chmod(f"meta{n}", 0o6711)
    os.utime(f"meta{n + 4}", ns=(0, -n))
    set_xattr(f"meta{n + 8}", "user.round", b"%d" % n)
    if ROOT:
        os.chown(f"meta{n + 12}", 99, 2**31 + n)
    morph(n)
    old, new = ("moving", "moved") if n % 2 else ("moved", "moving")
    os.rename(old, new)
    os.rename(f"{new}/a/f{n}", f"{new}/a/b/renamed {n}")
    os.rename(f"{new}/a/b/g0", f"{new}/a/b/g0.tmp")
    os.rename(f"{new}/a/b/g0.tmp", f"{new}/a/b/g0")
    os.rename("swap x", "swap z"), os.rename("swap y", "swap x"), os.rename("swap z", "swap y")
    with open("grown", "ab") as f:
        f.write(rng.randbytes(n * 70_000))
    os.link("linked", f"linked {n}")
    with open("punched", "r+b") as f:  # a hole where data was: cut it off, and write again further on
        f.truncate(n * MIB // 2)
        f.truncate(4 * MIB)
        f.seek(3 * MIB + n)
        f.write(rng.randbytes(1000))


def change_links(n):
    for i in range(n * 1000, n * 1000 + 300):
        os.unlink(f"many/{i}")
    os.unlink("many/0" if n == 1 else f"many/{n}")
    os.link("many/9999", f"many/new {n}")
    edit("group00/g1", 0, b"all its names change %d" % n)
    os.unlink(f"group{n + 1:02}/g0")
    write(f"group{n + 1:02}/g0", b"no longer a link")
    os.unlink("a symlink" if n == 1 else f"group05/more {n - 1}")
    os.link("group05/the same symlink", f"group05/more {n}", follow_symlinks=False)


def change_attributes(n):
    path = ("acl", "acl.d", "acl default.d")[n - 1]
    kind = "default" if n == 3 else "access"
    if f"system.posix_acl_{kind}" in os.listxattr(path):
        os.removexattr(path, f"system.posix_acl_{kind}")
    if "user.many1" in os.listxattr("xattrs"):
        os.removexattr("xattrs", f"user.many{n}")
        os.setxattr("xattrs", "user.many50", b"%d" % n)
    os.chmod("setuid", (0o755, 0o6755, 0o4711)[n - 1])


def change_flags(n):
    name = sorted(FLAGS)[n]
    for path in (name, name + ".d"):
        fd = os.open(path, os.O_RDONLY)
        drop_flags(fd)
        os.close(fd)
    write(name, b"flags are gone, round %d" % n)
    attempt("flag nodump", add_flags, f"{name}.d/inside", NODUMP)


def change_special(n):
    os.unlink("fifo")
    write("fifo", b"was a fifo") if n % 2 else os.mkfifo("fifo")
    if ROOT:
        os.unlink("null")
        os.mknod("null", 0o20666, os.makedev(1, 3 + n))


def change_holes(n):
    edit("everywhere", n * 64 * KIB + 4096, rng.randbytes(4096))
    edit("all", n * MIB, b"no longer all")
    edit("pages", n * 50 * MIB, rng.randbytes(3000))
    edit("many pages", n * 60 * MIB, rng.randbytes(300 * KIB))
    with open("end", "r+b") as f:
        f.truncate(MIB - n * 4096)


def change_names(n):
    folder, other = (b"folders", b"files")
    for name in NAMES[n::7]:
        write(other + b"/" + name, name + b" in round %d" % n)
        os.rename(folder + b"/" + name, folder + b"/" + name[:200] + b" %d" % n)


def change_sizes(n):
    edit("4GiB+1", n * 900 * MIB, b"in the middle of nowhere")
    edit(f"{MIB + 1}", n * 300_000, b"+" * n)
    write(f"{MIB}", rng.randbytes(MIB - n))
    for name in ("4095", "4096", "65535", "65536"):
        with open(name, "ab") as f:
            f.write(b"1")


def change(top, n):
    rng.seed(n)
    home = os.open(top, os.O_RDONLY)
    rounds = {"changing": change_plain, "hard_links": change_links, "attributes": change_attributes, "flags": change_flags,
              "special": change_special, "holes": change_holes, "names": change_names, "sizes": change_sizes}
    for folder, call in rounds.items():
        try:
            os.fchdir(os.open(folder, os.O_RDONLY, dir_fd=home))
        except FileNotFoundError:
            continue
        call(n)


def release(top):
    stack = [os.open(top, os.O_RDONLY | os.O_DIRECTORY)]
    while stack:
        fd = stack.pop()
        drop_flags(fd)
        if not ROOT:
            os.fchmod(fd, 0o700)  # else it could not be emptied
        for name in map(os.fsencode, os.listdir(fd)):
            mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                continue
            inner = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
            drop_flags(inner)
            if stat.S_ISDIR(mode):
                stack.append(inner)
            else:
                os.close(inner)
        os.close(fd)


def main(what, top, *rest):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.umask(0o022)
    if what == "make":
        make(top, rest)
    elif what == "change":
        change(top, int(rest[0]))
    else:
        release(top)


main(*sys.argv[1:])
