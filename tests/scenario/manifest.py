#!/usr/bin/python3
"""Print everything about a tree that a restore must bring back, one line a path, for diff.

    manifest.py DIR [--top]     (--top: with DIR itself)

Type, mode, owner, group, nanosecond mtime, size, SHA-256, target, device, xattrs, which names are one inode, and where
the data and the holes of a sparse file lie.
"""
import hashlib
import os
import stat
import sys


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


def contents(path, st):
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        # Without holes there is nothing to say: how a file system lays out dense data is its own affair.
        sparse = extents(f.fileno(), st.st_size) if st.st_blocks * 512 < st.st_size else "dense"
        os.lseek(f.fileno(), 0, 0)
        for block in iter(lambda: f.read(1 << 20), b""):
            digest.update(block)
    return f"{st.st_size} {digest.hexdigest()} {sparse}"


def line(top, path, groups):
    st = os.lstat(path)
    name = os.path.relpath(path, top)
    kind = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo", stat.S_IFCHR: "char",
            stat.S_IFBLK: "block", stat.S_IFSOCK: "socket"}[stat.S_IFMT(st.st_mode)]
    out = [repr(os.fsencode(name)), kind, f"{stat.S_IMODE(st.st_mode):o}", f"{st.st_uid}:{st.st_gid}"]
    out.append(str(st.st_mtime_ns))
    if kind == "file":
        out.append(contents(path, st))
    if kind == "link":
        out.append(repr(os.fsencode(os.readlink(path))))
    if kind in ("char", "block"):
        out.append(f"{os.major(st.st_rdev)},{os.minor(st.st_rdev)}")
    group = groups.get((st.st_dev, st.st_ino), [])
    if kind != "dir" and len(group) > 1:
        out.append("same as " + repr(os.fsencode(group[0])))
    for xattr in sorted(os.listxattr(path, follow_symlinks=False)):
        out.append(f"{xattr}={os.getxattr(path, xattr, follow_symlinks=False)!r}")
    return " ".join(out)


def main(top, with_top):
    paths = [top] if with_top else []
    for folder, folders, files in os.walk(top):
        folders.sort()
        paths += [os.path.join(folder, name) for name in sorted(folders + files)]
    # Names of one inode, as far as they are in this tree.
    groups = {}
    for path in paths:
        st = os.lstat(path)
        groups.setdefault((st.st_dev, st.st_ino), []).append(os.path.relpath(path, top))
    for path in paths:
        print(line(top, path, groups))


main(sys.argv[1], "--top" in sys.argv)
