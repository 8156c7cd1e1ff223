#!/usr/bin/python3
"""Delete from a vault everything that one point does not need: FORMAT.md §8 says that it restores nevertheless.

    only_point.py VAULTDIR HOST POINT

What goes: all other records of the log but the host's own, every pack and used page that the point does not name.
Prints how many files went.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../reader"))
from read import Reader, Vault  # noqa: E402


def needed(vault, host, number):
    """Generation, hashes of the used pages, and the numbers of the packs they name."""
    for kind, _, body in vault.records(host):
        if kind != 3 or int.from_bytes(body[8:12], "little") != number:
            continue
        r = Reader(body)
        r.take(12)
        generation = r.take(16).hex()
        r.take(1 + 4 + 8 + 16 + 16)
        r.blob()
        for _ in range(r.vu()):
            r.blob()
        r.take(32 + 1 + 8 + 8 + 5 * 8)
        r.blob()
        pages, packs = set(), set()
        for _ in range(r.vu()):
            page, name = r.u(4), r.take(32).hex()
            pages.add(name)
            u = Reader(vault.load(f"hosts/{host}/used/{generation}/{name}"))
            u.take(4 + 2 + 2 + 16 + 4)
            for _ in range(u.vu()):
                packs.add(256 * page + u.vu())
                u.blob()
        return generation, pages, packs
    sys.exit(f"no point {number}")


def main(top, host, number):
    vault = Vault(top)
    generation, pages, packs = needed(vault, host, number)
    gone = 0
    for folder, _, files in os.walk(f"{vault.store}/hosts/{host}"):
        for name in files:
            path = os.path.join(folder, name)
            kind, inside = os.path.relpath(path, f"{vault.store}/hosts/{host}").split("/")[:2]
            if kind == "log":
                with open(path, "rb") as f:
                    data = f.read()
                keep = data[6] == 1 or data[6] == 3 and int.from_bytes(data[84:88], "little") == number
            elif kind == "packs":
                keep = inside == generation and int(name.split(".")[0], 16) in packs
            else:
                keep = inside == generation and name in pages
            if not keep:
                os.unlink(path)
                gone += 1
    print(gone)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
