#!/usr/bin/python3
"""Print everything about a tree that a restore must bring back, one line a path, for diff.

    manifest.py DIR [--top]     (--top: with DIR itself)

Type, mode, owner, group, nanosecond mtime, size, SHA-256, target, device, xattrs (ACLs and capabilities are some), file
flags, which names are one inode, and where the data and the holes of a sparse file lie. Sockets are left out. Names are
bytes, and each directory is opened below the one before, so that no path is too long.
"""
import array
import fcntl
import hashlib
import os
import resource
import stat
import sys

GETFLAGS = 0x80086601
# s, i, a, d, A, j, D, T of chattr
KEPT_FLAGS = 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x4000 | 0x10000 | 0x20000
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo", stat.S_IFCHR: "char",
         stat.S_IFBLK: "block"}


def extents(fd, size):
    """The data stretches as SEEK_DATA and SEEK_HOLE tell them."""
    at, out = 0, []
    while at < size:
        try:
            begin = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            break
        at = min(os.lseek(fd, begin, os.SEEK_HOLE), size)
        out.append(f"{begin}-{at}")
    return ",".join(out)


def digest_of(fd, stretches):
    """SHA-256 of the data; holes are told by their place, so that gigabytes of them cost nothing."""
    digest = hashlib.sha256()
    for begin, end in stretches:
        os.lseek(fd, begin, 0)
        while begin < end:
            block = os.read(fd, min(1 << 20, end - begin))
            if not block:
                return "short"
            begin += len(block)
            digest.update(block)
    return digest.hexdigest()


def contents(fd, st):
    # Without holes there is nothing to say: how a file system lays out dense data is its own affair.
    sparse = st.st_blocks * 512 < st.st_size
    where = extents(fd, st.st_size) if sparse else "dense"
    ranges = [tuple(map(int, x.split("-"))) for x in where.split(",") if x] if sparse else [(0, st.st_size)]
    return f"{st.st_size} {digest_of(fd, ranges)} {where}"


def file_flags(fd):
    got = array.array("l", [0])
    try:
        fcntl.ioctl(fd, GETFLAGS, got)
    except OSError:
        return []
    return [f"flags={got[0] & KEPT_FLAGS:x}"] if got[0] & KEPT_FLAGS else []


class Lister:
    def __init__(self):
        self.inodes = {}  # (dev, ino) → its first name, and its content

    def opened(self, fd, st):
        """What only a descriptor tells; read once for all the names of an inode."""
        key = (st.st_dev, st.st_ino)
        seen = self.inodes.get(key)
        if seen and seen[1]:
            return seen[1]
        out = ([contents(fd, st)] if stat.S_ISREG(st.st_mode) else []) + file_flags(fd)
        if seen:
            seen[1] = out
        return out

    def line(self, dirfd, name, shown):
        """One line about ${name}; a descriptor of it when it is a directory, else -1."""
        st = os.stat(name, dir_fd=dirfd, follow_symlinks=False)
        kind = KINDS.get(stat.S_IFMT(st.st_mode))
        if not kind:
            return -1
        first = None
        if kind != "dir" and st.st_nlink > 1:
            first = self.inodes.setdefault((st.st_dev, st.st_ino), [shown, None])[0]
        out = [repr(shown), kind, f"{stat.S_IMODE(st.st_mode):o}", f"{st.st_uid}:{st.st_gid}", str(st.st_mtime_ns)]
        fd = -1
        if kind in ("file", "dir"):
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=dirfd)
            out += self.opened(fd, st)
        elif kind == "link":
            out.append(repr(os.readlink(name, dir_fd=dirfd)))
        elif kind in ("char", "block"):
            out.append(f"{os.major(st.st_rdev)},{os.minor(st.st_rdev)}")
        if first not in (None, shown):
            out.append("same as " + repr(first))
        path = b"/proc/self/fd/%d/%s" % (dirfd, name)
        for xattr in sorted(os.listxattr(path, follow_symlinks=False)):
            out.append(f"{xattr}={os.getxattr(path, xattr, follow_symlinks=False)!r}")
        print(" ".join(out))
        if kind == "file":
            os.close(fd)
        return fd if kind == "dir" else -1

    def below(self, top):
        """Everything in the directory open as ${top}, depth first, in the order of names; it is closed."""
        stack = [(top, b"", iter(sorted(map(os.fsencode, os.listdir(top)))))]
        while stack:
            fd, prefix, names = stack[-1]
            name = next(names, None)
            if name is None:
                os.close(fd)
                stack.pop()
                continue
            inner = self.line(fd, name, prefix + name)
            if inner >= 0:
                stack.append((inner, prefix + name + b"/", iter(sorted(map(os.fsencode, os.listdir(inner))))))


def main(top, with_top):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    lister = Lister()
    fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    if with_top:
        os.close(lister.line(fd, b".", b"."))
    lister.below(fd)


main(sys.argv[1], "--top" in sys.argv)
