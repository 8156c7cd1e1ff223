#!/usr/bin/python3
"""Read one file's bytes out of a vault, with nothing but docs/FORMAT.md in hand.

    read.py VAULTDIR KITFILE HOST POINT PATH >out

This is the second reader: it shares no code with the programs, so that what the page says and what they write cannot
drift apart unseen. It follows FORMAT.md §9 step by step, checks every hash, signature and tag on its way, and stops at
the first thing that is wrong. It holds one segment in memory at a time.
"""
import base64
import hashlib
import os
import re
import sys

import zstandard
from nacl import bindings as sodium
from nacl.exceptions import CryptoError

SEGMENT_MAX = 1 << 20


class Wrong(Exception):
    pass


def need(ok, what):
    if not ok:
        raise Wrong(what)


def blake(data, key=b""):
    return hashlib.blake2b(data, digest_size=32, key=key).digest()


class Reader:
    """The numbers and words of §1, read from the front of some bytes."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        need(n <= len(self.data) - self.at, "too short")
        self.at += n
        return self.data[self.at - n:self.at]

    def rest(self):
        return self.take(len(self.data) - self.at)

    def u(self, n):
        return int.from_bytes(self.take(n), "little")

    def vu(self):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.u(1)
            value |= (byte & 127) << shift
            if byte < 128:
                need(value < 1 << 64, "number too large")
                return value
        raise Wrong("number too long")

    def vs(self):
        value = self.vu()
        return value >> 1 ^ -(value & 1)

    def blob(self):
        return self.take(self.vu())

    def path(self, before):
        shared = self.vu()
        need(shared <= len(before), "shares more than the path before has")
        return before[:shared] + self.blob()


def order(path):
    """§6: bytewise, with / below every other byte; a path holds no NUL."""
    return path.replace(b"/", b"\0")


class Vault:
    def __init__(self, top):
        self.store = os.path.join(top, "store")
        data = self.load("vault")
        r = Reader(data)
        need(r.take(4) == b"ZBVT", "vault: not a vault header")
        self.version(r, "vault")
        r.u(2)
        self.id, self.pub = r.take(16), r.take(32)
        need(r.blob() == b"sodium", "vault: unknown suite")
        r.take(8)
        self.keys = [self.pub]
        self.signed("vault", b"zaibei vault header\0", data[:r.at], r.take(64))
        self.learn()

    def learn(self):
        """§8, keys of the vault: those that followed the header's, from their copies."""
        folder = os.path.join(self.store, "keys")
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if not re.fullmatch("[0-9a-f]{16}", name):
                continue
            data = self.load(f"keys/{name}")
            body = Reader(data[76:])
            how, old, new, signature = body.u(1), body.take(32), body.take(32), body.take(64)
            need(old == self.keys[-1], f"keys/{name}: does not follow the key before it")
            if how == 1:
                self.signed(name, b"zaibei next key\0" + self.id, old + new, signature)
            self.keys.append(new)
            self.signed(name, b"zaibei log record\0" + self.id, data[:-64], data[-64:])

    def load(self, name):
        with open(os.path.join(self.store, name), "rb") as f:
            return f.read()

    @staticmethod
    def version(r, name):
        version = r.u(2)
        need(version == 1, f"{name}: version {version} is not known here")

    def signed(self, name, domain, data, signature):
        for key in reversed(self.keys):
            try:
                sodium.crypto_sign_open(signature + domain + data, key)
                return
            except CryptoError:
                continue
        raise Wrong(f"{name}: wrong signature")

    def records(self, host):
        """§8: the host's log, each record checked; yields (type, host id, body)."""
        folder, before = f"hosts/{host}/log", None
        for name in sorted(os.listdir(f"{self.store}/{folder}")):
            if not re.fullmatch("[0-9a-f]{16}", name):
                continue
            name, data = f"{folder}/{name}", self.load(f"{folder}/{name}")
            r = Reader(data)
            need(r.take(4) == b"ZBLR", f"{name}: not a log record")
            self.version(r, name)
            kind, _, number, previous = r.u(1), r.u(1), r.u(8), r.take(32)
            _, host_id, length = r.take(8), r.take(16), r.u(4)
            body = r.take(length)
            self.signed(name, b"zaibei log record\0" + self.id, data[:r.at], r.rest())
            # Records may be missing (a commit is complete by itself); those that follow each other must be chained.
            need(int(name[-16:], 16) == number, f"{name}: is record {number}")
            if before and before[0] + 1 == number:
                need(previous == before[1], f"{name}: does not follow the record before it")
            before = number, blake(data)
            yield kind, host_id, body


def key_slots(r, secret):
    """§2: the host key out of the slot for our kit."""
    public = sodium.crypto_scalarmult_base(secret)
    sealed = None
    for _ in range(r.vu()):
        recipient, _, box = r.take(32), r.blob(), r.blob()
        if recipient == public:
            sealed = box
    need(sealed, "this kit is not among the recipients")
    key = sodium.crypto_box_seal_open(sealed, public, secret)
    need(r.take(16) == derive(key, "check")[:16], "the key check differs")
    return key


def derive(key, purpose, context=b""):
    return blake(b"zaibei-v1\0" + purpose.encode() + b"\0" + context, key)


def unseal(key, associated, sealed):
    """§4: plaintext of a segment or a root; None when it does not open."""
    try:
        inner = Reader(sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed[24:], associated, sealed[:24], key))
    except CryptoError:
        return None
    codec, n = inner.u(1), inner.u(4)
    need(codec in (0, 1), f"codec {codec} is not known here")
    plain = inner.rest() if codec == 0 else zstandard.ZstdDecompressor().decompress(inner.rest(), SEGMENT_MAX + 1)
    need(len(plain) == n, "length of the plaintext differs")
    return plain


class Point:
    def __init__(self, vault, host, number, secret):
        self.vault, self.host, self.cached = vault, host, (None, None)
        for kind, host_id, body in vault.records(host):
            if kind == 3 and int.from_bytes(body[8:12], "little") == number:
                self.host_id, r = host_id, Reader(body)
        need(hasattr(self, "host_id"), f"{host}/{number}: no such point")
        need(r.take(12), "")
        self.generation = r.take(16)
        r.take(1 + 4 + 8 + 16)
        self.system_id = r.take(16)
        r.blob()
        for _ in range(r.vu()):
            r.blob()
        r.take(32 + 1 + 8 + 8 + 5 * 8)
        root = r.blob()
        for _ in range(r.vu()):
            r.take(4 + 32)
        key = key_slots(r, secret)
        self.data, self.meta = (derive(key, f"segment-{what}", self.generation) for what in ("data", "meta"))
        self.ids = self.system_id + self.host_id + self.generation
        associated = b"ZBROOT\0" + self.ids + number.to_bytes(4, "little")
        plain = unseal(derive(key, "root", self.generation), associated, root)
        need(plain is not None, "the root does not open")
        r = Reader(plain)
        version = r.u(1)
        need(version == 1, f"root version {version} is not known here")
        self.level, self.top = r.u(1), (r.vu(), r.vu())

    def sealed(self, pack, slot):
        """§5: the sealed bytes at an address, from the highest revision of its pack."""
        folder = f"hosts/{self.host}/packs/{self.generation.hex()}"
        revision = re.compile(f"{pack:08x}\\.[0-9a-f]{{2}}").fullmatch
        for again in (True, True, False):  # a collection may put the next revision in the place of one just listed
            names = sorted(filter(revision, os.listdir(f"{self.vault.store}/{folder}")))
            need(names, f"{folder}/{pack:08x}: missing")
            name = f"{folder}/{names[-1]}"
            if not again or os.path.exists(os.path.join(self.vault.store, name)):
                break
        with open(os.path.join(self.vault.store, name), "rb") as f:
            header = f.read(64)
            end = f.seek(0, 2)
            need(end >= 112, f"{name}: truncated")
            f.seek(end - 48)
            r = Reader(f.read(48))
            index_at, count, digest = r.u(8), r.u(4), r.take(32)
            need(r.take(4) == b"ZBPE" and index_at + 76 * count + 48 == end, f"{name}: truncated")
            f.seek(index_at)
            index = f.read(76 * count)
            need(blake(header + index) == digest, f"{name}: the index is damaged")
            need(header[:4] == b"ZBPK" and header[4:6] == b"\1\0", f"{name}: not a pack of version 1")
            need(header[8:60] == self.ids + pack.to_bytes(4, "little"), f"{name}: is another pack")
            for row in range(0, len(index), 76):
                r = Reader(index[row:row + 76])
                if r.u(4) == slot:
                    _, offset, length, digest = r.take(32), r.u(4), r.u(4), r.take(32)
                    f.seek(offset)
                    data = f.read(length)
                    need(blake(data) == digest, f"{name}: slot {slot} is damaged")
                    return data
        raise Wrong(f"{name}: has no slot {slot}")

    def segment(self, key, kinds, pack, slot):
        if self.cached[0] != (pack, slot):
            sealed = self.sealed(pack, slot)
            for kind in kinds:
                place = pack.to_bytes(4, "little") + slot.to_bytes(4, "little")
                plain = unseal(key, b"ZBSEG1" + bytes([kind]) + self.ids + place, sealed)
                if plain is not None:
                    self.cached = (pack, slot), plain
                    break
            else:
                raise Wrong(f"pack {pack} slot {slot} does not open")
        return self.cached[1]

    def page(self, level, pack, slot):
        r = Reader(self.segment(self.meta, (3,), pack, slot))
        need(r.u(1) == 1 and r.u(1) == level, "not the page that was expected")
        return r, r.vu()

    def find(self, path):
        """§9.4: down the tree to the entry; a Reader behind its type, and the type."""
        address = self.top
        for level in range(self.level, 0, -1):
            (r, count), name, best = self.page(level, *address), b"", None
            for _ in range(count):
                name = r.path(name)
                ref = r.vu(), r.vu(), r.vu()
                if order(name) <= order(path):
                    best = ref[:2]
            need(best, "no such path")
            address = best
        (r, count), name = self.page(0, *address), b""
        for _ in range(count):
            name = r.path(name)
            kind, flags = r.u(1), r.u(1)
            if name == path:
                need(kind == 1, f"not a regular file (type {kind})")
            size = entry_metadata(r, kind, flags)
            if kind != 1:
                continue
            shift, digest, xpage_shift, refs = r.u(1), r.take(32), 0, []
            if flags & 16:
                xpage_shift = r.u(1)
                refs = [(r.vu(), r.vu()) for _ in range(r.vu())]
            else:
                refs = extents(r)
            if name == path:
                return size, shift, digest, xpage_shift, refs
        raise Wrong("no such path")

    def pieces(self, size, xpage_shift, refs):
        """The extents of the whole file, in order."""
        if not xpage_shift:
            return refs
        out = []
        for i, address in enumerate(refs):
            r = Reader(self.segment(self.meta, (4,), *address))
            need(r.u(1) == 1 and r.u(1) == 0, "not an extent page of version 1")
            part = extents(r)
            length = min(1 << xpage_shift, size - (i << xpage_shift))
            need(sum(x[0] for x in part) == length, f"extent page {i} covers another length")
            out += part
        return out

    def write(self, path, out):
        size, shift, digest, xpage_shift, refs = self.find(path)
        refs = self.pieces(size, xpage_shift, refs)
        need(sum(x[0] for x in refs) == size, "the extents are not as long as the file")
        check = hashlib.blake2b(b"zaibei-file\0" + bytes([shift]) + size.to_bytes(8, "little"), digest_size=32)
        block, empty = b"", True  # the block so far, and whether all of it is hole
        for length, address, offset in refs:
            while length:
                n = min(length, (1 << shift) - len(block))
                piece = bytes(n)
                if address:
                    piece = self.segment(self.data, (1, 2), *address)[offset:offset + n]
                    need(len(piece) == n, "an extent leaves its segment")
                    offset, empty = offset + n, False
                out.write(piece)
                block, length = block + piece, length - n
                if len(block) == 1 << shift:
                    check.update(bytes(32) if empty else blake(block))
                    block, empty = b"", True
        if block:
            check.update(bytes(32) if empty else blake(block))
        need(check.digest() == digest, "the digest differs")


def extents(r):
    """§6: (length, address or None for a hole, offset) of each."""
    out = []
    for _ in range(r.vu()):
        x = r.vu()
        need(x >> 1, "an extent of no length")
        out.append((x >> 1, None, 0) if x & 1 else (x >> 1, (r.vu(), r.vu()), r.vu()))
    return out


def entry_metadata(r, kind, flags):
    """Step over what a file's bytes do not depend on; the size of a regular file."""
    r.vu(), r.vu(), r.vu(), r.vs(), r.vu(), r.vs(), r.vu(), r.vu()
    if flags & 1:
        r.vu()
    if flags & 8:
        for _ in range(r.vu()):
            r.blob(), r.blob()
    if flags & 128:
        for _ in range(r.vu()):
            r.vu(), r.blob()
    if kind == 3:
        r.blob()
    if kind in (5, 6):
        r.vu(), r.vu()
    return r.vu() if kind == 1 else None


def main(top, kit, host, number, path):
    with open(kit, encoding="utf-8", errors="replace") as f:
        line = re.search(r"^\s*zbk-sec-([A-Za-z0-9+/]{43}=)\s*$", f.read(), re.M)
    need(line, f"{kit}: holds no line zbk-sec-…")
    point = Point(Vault(top), host, int(number), base64.b64decode(line[1]))
    point.write(os.fsencode(path).lstrip(b"/"), sys.stdout.buffer)


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit("usage: read.py VAULTDIR KITFILE HOST POINT PATH >out")
    try:
        main(*sys.argv[1:])
    except (Wrong, OSError) as e:
        sys.exit(f"read.py: {e}")
