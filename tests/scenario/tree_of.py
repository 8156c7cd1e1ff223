#!/usr/bin/python3
"""tree_of.py TREE PATH... : a small machine: the named programs, files and directories of this one at the same places below TREE,
with the libraries and the loader that the programs need, and the directories that every machine has."""
import os
import re
import shutil
import subprocess
import sys

DIRECTORIES = {"etc": 0o755, "proc": 0o555, "dev": 0o755, "run": 0o755, "tmp": 0o1777, "mnt": 0o755, "root": 0o700, "var": 0o755}


def is_program(path):
    with open(path, "rb") as f:
        return f.read(4) == b"\x7fELF"


def libraries(path):
    said = subprocess.run(["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout.decode()
    return re.findall(r"(?:=> |^\s*)(/\S+)", said, re.M)


def merged(tree):
    """/bin, /lib and so on are links where they are on this machine."""
    for name in ("bin", "sbin", "lib", "lib64"):
        if os.path.islink("/" + name) and not os.path.lexists(f"{tree}/{name}"):
            os.makedirs(tree + "/usr/" + name, exist_ok=True)
            os.symlink(os.readlink("/" + name), f"{tree}/{name}")


def copy(tree, path):
    to = tree + path
    if os.path.lexists(to) and not os.path.isdir(to):
        return
    os.makedirs(os.path.dirname(to), exist_ok=True)
    if os.path.islink(path):
        target = os.path.realpath(path)
        os.symlink(os.readlink(path), to)
        copy(tree, os.path.join(os.path.dirname(path), os.readlink(path)) if not os.readlink(path).startswith("/") else target)
    elif os.path.isdir(path):
        for name in os.listdir(path):
            copy(tree, os.path.join(path, name))
    elif os.path.isfile(path):
        shutil.copy2(path, to)
        if is_program(path):
            for library in libraries(path):
                copy(tree, library)


def main():
    tree = sys.argv[1]
    os.makedirs(tree, exist_ok=True)
    for name, mode in DIRECTORIES.items():
        os.makedirs(f"{tree}/{name}", exist_ok=True)
        os.chmod(f"{tree}/{name}", mode)
    merged(tree)
    for path in sys.argv[2:]:
        copy(tree, os.path.normpath(path))


if __name__ == "__main__":
    main()
