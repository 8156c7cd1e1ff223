#!/usr/bin/python3
"""Write a small valid vault from docs/FORMAT.md alone, as test data for the readers.

    make_vault.py DIR [--seed N] [--tiny] [--protect [--weaken WHAT]] [--break WHAT]

Makes DIR/store, DIR/kit, DIR/host.key, DIR/anchor, and DIR/expect/NUMBER/PATH, the contents of each regular file. The
host "web" of the system "oa" has two generations of two points each, with holes, hard links, xattrs, extent pages, inner
pages, a packed segment, a record of a type yet unknown and an upload that was never committed. --tiny leaves only what
flipping every byte can afford. --protect adds a vault log with approvers, second copies, pins, floors, a confirmed jump of
the clock, collections and removals (and has no large files); --weaken does one of them without what would allow it (WEAKEN below). --break leaves everything validly signed and sealed, but wrong in one way (see the
functions that ask). Keys, ids and nonces come from the seed: nothing here is for keeping secrets.
"""
import argparse
import base64
import datetime
import hashlib
import os
import random

import zstandard
from nacl import bindings as sodium

from read import blake, derive, order

MIB = 1 << 20


def u(n, value):
    return (value & (1 << 8 * n) - 1).to_bytes(n, "little")


def vu(value):
    out = b""
    while value > 127:
        out, value = out + u(1, value & 127 | 128), value >> 7
    return out + u(1, value)


def vs(value):
    return vu(value << 1 if value >= 0 else (-value << 1) - 1)


def blob(data):
    data = data.encode() if isinstance(data, str) else data
    return vu(len(data)) + data


def paths(names):
    """The common part and the rest of each path in turn."""
    before = b""
    for name in names:
        shared = len(os.path.commonprefix([before, name]))
        yield vu(shared) + blob(name[shared:])
        before = name


class Vault:
    def __init__(self, top, seed, broken):
        self.top, self.random, self.broken = top, random.Random(seed), broken
        self.id, self.system_id, self.host_id = (self.bytes(16) for _ in range(3))
        self.pub, self.sec = sodium.crypto_sign_seed_keypair(self.bytes(32))
        self.host_key, self.kit = self.bytes(32), self.bytes(32)
        recipient = sodium.crypto_scalarmult_base(self.kit)
        sealed = sodium.crypto_box_seal(self.host_key, recipient)
        check = derive(self.host_key, "check")[:16]
        self.slots = vu(1) + recipient + blob("kit") + blob(sealed) + check
        self.n, self.prev, self.time, self.epoch = 0, bytes(32), 1763776800 * 10**9, 0
        self.put("kit", f"Keep this.\nzbk-pub-{b64(recipient)}\nzbk-sec-{b64(self.kit)}\n".encode())
        self.put("host.key", self.host_key)
        self.vault_n, self.vault_prev, self.flag, self.copies = 0, bytes(32), 0, False
        header = b"ZBVT" + u(2, 1) + u(2, 0) + self.id + self.pub + blob("sodium") + u(8, self.time)
        self.put("store/vault", header + self.sign(b"zaibei vault header\0" + header))
        system = b"ZBSY" + u(2, 1) + u(2, 0) + self.system_id + blob("oa") + blob("sodium")
        self.put("store/systems/oa", system + self.sign(b"zaibei system\0" + self.id + system))
        self.record(1, blob("web") + self.system_id + blob("oa") + blob("sodium") + self.bytes(32) + self.slots)

    def bytes(self, n):
        return self.random.randbytes(n)

    def put(self, name, data):
        name = os.path.join(self.top, name)
        os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "wb") as f:
            f.write(data)

    def sign(self, data):
        return sodium.crypto_sign(data, self.sec)[:64]

    def framed(self, kind, body, n, prev, whose):
        data = b"ZBLR" + u(2, 1) + u(1, kind) + u(1, self.flag) + u(8, n) + prev + u(8, self.time) + whose
        data += u(4, len(body)) + body
        return data + self.sign(b"zaibei log record\0" + self.id + data)

    def record(self, kind, body):
        self.time += 10**9
        data = self.framed(kind, body, self.n, self.prev, self.host_id)
        self.put(f"store/hosts/web/log/{self.n:016x}", data)
        if self.copies and kind in (3, 6, 7, 10):
            self.put(f"store/kept/web/{self.n:016x}", data)
        self.receipt = data if kind == 3 else getattr(self, "receipt", b"")
        self.n, self.prev = self.n + 1, blake(data)
        return self.n - 1

    def vault_record(self, kind, body):
        self.time += 10**9
        data = self.framed(kind, body, self.vault_n, self.vault_prev, self.id)
        self.put(f"store/log/{self.vault_n:016x}", data)
        self.vault_n, self.vault_prev = self.vault_n + 1, blake(data)
        return self.vault_n - 1


def b64(data):
    return base64.b64encode(data).decode()


class Generation:
    """Packs of one generation. Meta segments go to one pack, data to another; both are closed by each upload."""

    def __init__(self, vault):
        self.v, self.id, self.pack = vault, vault.bytes(16), 0
        self.ids = vault.system_id + vault.host_id + self.id
        self.keys = {p: derive(vault.host_key, p, self.id) for p in ("segment-data", "segment-meta", "root")}
        self.open = {}

    def seal(self, key, associated, plain, codec=1):
        payload = zstandard.ZstdCompressor(1).compress(plain) if codec else plain
        if len(payload) > len(plain):
            codec, payload = 0, plain
        nonce = self.v.bytes(24)
        inner = u(1, codec) + u(4, len(plain)) + payload
        return nonce + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(inner, associated, nonce, self.keys[key])

    def add(self, kind, plain, codec=1):
        """Seal a segment into the open pack of its sort: its address."""
        sort = 2 if kind < 3 else 1
        if sort not in self.open:
            self.open[sort] = (self.pack, [])
            self.pack += 1
        pack, segments = self.open[sort]
        slot = len(segments)
        associated = b"ZBSEG1" + u(1, kind) + self.ids + u(4, pack) + u(4, slot)
        segments.append((slot, self.seal("segment-data" if kind < 3 else "segment-meta", associated, plain, codec)))
        return pack, slot

    def close(self, revision=0):
        for sort, (pack, segments) in self.open.items():
            self.put_pack(pack, sort, segments, revision)
        done = {pack: {slot for slot, _ in segments} for pack, segments in self.open.values()}
        self.open = {}
        return done

    def put_pack(self, pack, sort, segments, revision):
        header = b"ZBPK" + u(2, 1) + u(1, sort) + u(1, 0) + self.ids + u(4, pack) + u(4, revision)
        data, index = header, b""
        for slot, sealed in segments:
            index += u(4, slot) + self.v.bytes(32) + u(4, len(data)) + u(4, len(sealed)) + blake(sealed)
            data += sealed
        data += index + u(8, len(data)) + u(4, len(segments)) + blake(header + index) + b"ZBPE"
        self.v.put(f"store/hosts/web/packs/{self.id.hex()}/{pack:08x}.{revision:02x}", data)

    def used(self, used):
        """The used page (one is enough below 256 packs): its number and hash."""
        page = b"ZBUS" + u(2, 1) + u(2, 0) + self.id + u(4, 0) + vu(len(used))
        for pack in sorted(used):
            bits = bytearray(max(used[pack]) // 8 + 1)
            for slot in used[pack]:
                bits[slot >> 3] |= 1 << (slot & 7)
            page += vu(pack) + blob(bytes(bits))
        self.v.put(f"store/hosts/web/used/{self.id.hex()}/{blake(page).hex()}", page)
        return vu(1) + u(4, 0) + blake(page)


class Tree:
    """The files of a point: name -> (metadata words, contents as a list of (bytes | hole length)) or another type."""

    def __init__(self, generation):
        self.g, self.entries, self.files, self.total, self.expect = generation, {}, 0, 0, {}

    def meta(self, kind, flags=0, mode=0o644, extra=b"", ino=7):
        times = vs(1763000000) + vu(123456789) + vs(-5) + vu(1)
        return u(1, kind) + u(1, flags) + vu(mode) + vu(0) + vu(1000) + times + vu(ino) + extra

    def other(self, path, kind, tail=b"", mode=0o755):
        self.entries[path] = self.meta(kind, mode=mode) + tail

    def file(self, path, parts, shift=12, flags=0, extra=b"", xpage_shift=0):
        """${parts}: (length, None | (address, offset), bytes) in turn."""
        size, content = sum(p[0] for p in parts), b"".join(p[2] for p in parts)
        digest, at, holes = b"zaibei-file\0" + u(1, shift) + u(8, size), 0, []
        for length, where, _ in parts:
            holes += [] if where else [(at, at + length)]
            at += length
        for start in range(0, size, 1 << shift):
            end = min(start + (1 << shift), size)
            digest += bytes(32) if any(a <= start and end <= b for a, b in holes) else blake(content[start:end])
        digest = blake(digest)
        if self.g.v.broken == "digest":
            digest = blake(digest)
        tail = vu(size) + u(1, shift) + digest
        if xpage_shift:
            flags |= 16
            pages = [u(1, 1) + u(1, 0) + extents(cut(parts, i << xpage_shift, i + 1 << xpage_shift))
                     for i in range((size >> xpage_shift) + (size & (1 << xpage_shift) - 1 > 0))]
            addresses = [self.g.add(4, page) for page in pages]
            tail += u(1, xpage_shift) + vu(len(pages)) + b"".join(vu(p) + vu(s) for p, s in addresses)
        else:
            tail += extents(parts)
        self.entries[path] = self.meta(1, flags, extra=extra) + tail
        self.files, self.total, self.expect[path] = self.files + 1, self.total + size, content

    def pages(self, per_page):
        """Write the pages of the manifest: level and address of the top one."""
        names = sorted(self.entries, key=order)
        if self.g.v.broken == "order":
            names[-2:] = names[:-3:-1]
        rows, level = [(name, self.entries[name], 1) for name in names], 0
        while True:
            above = []
            for i in range(0, len(rows), per_page):
                part = rows[i:i + per_page]
                body = b"".join(head + tail for head, (_, tail, _) in zip(paths(r[0] for r in part), part))
                pack, slot = self.g.add(3, u(1, 1) + u(1, level) + vu(len(part)) + body)
                below = sum(r[2] for r in part)
                above.append((part[0][0], vu(pack) + vu(slot) + vu(below), below, (pack, slot)))
            if len(above) == 1:
                return level, above[0][3]
            rows, level = [a[:3] for a in above], level + 1


def cut(parts, begin, end):
    at, out = 0, []
    for length, where, data in parts:
        a, b = max(at, begin), min(at + length, end)
        if a < b:
            out.append((b - a, where and (where[0], where[1] + a - at), data[a - at:b - at]))
        at += length
    return out


def extents(parts):
    out = vu(len(parts))
    for length, where, _ in parts:
        out += vu(length << 1 | (where is None))
        out += b"" if where is None else vu(where[0][0]) + vu(where[0][1]) + vu(where[1])
    return out


def point(v, g, number, parent, tree, used, per_page):
    """Begin, upload and commit one point."""
    v.epoch += 1
    kind, upload, plan = 2 if parent else 1, v.bytes(16), bytes(32)
    head = u(4, number) + g.id + u(1, kind) + u(4, parent) + u(8, v.epoch) + upload
    begin = v.record(2, head + u(8, v.time + 10**12) + blob("") + vu(1) + blob("manual") + plan + u(8, v.time)
                     + u(4, g.pack) + vu(0))
    facts = g.add(5, b'{"/etc/fstab": "none"}')
    level, top = tree.pages(per_page)
    root = u(1, 1) + u(1, level) + vu(top[0]) + vu(top[1]) + vu(len(tree.entries)) + vu(tree.files) + vu(tree.total)
    root += u(8, v.time) + blob("web.example") + vu(1) + blob("/srv")
    root += u(1, 1) + vu(facts[0]) + vu(facts[1]) + u(1, 0) + vu(0)
    for pack, slots in g.close().items():
        used[pack] = used.get(pack, set()) | slots
    if v.broken == "unused":
        used[top[0]].discard(top[1])
    v.record(3, u(8, begin) + head + v.system_id + blob("") + vu(1) + blob("manual") + plan + u(1, 1) + u(8, v.time)
             + u(8, v.time) + u(8, tree.files) + u(8, tree.total) + u(8, 0) * 3
             + blob(g.seal("root", b"ZBROOT\0" + g.ids + u(4, number), root)) + g.used(used) + v.slots)
    for path, content in tree.expect.items() if not v.broken else ():
        v.put(f"expect/{number}/{os.fsdecode(path)}", content)


def small(v, g, tree):
    """One packed segment of small files, a hard link, an xattr, a symbolic link."""
    data = [v.bytes(30), b"zaibei " * 900, b""]
    address, at = g.add(2, b"".join(data), codec=0 if v.broken == "plain" else 1), 0
    tree.other(b"", 2)
    tree.other(b"srv", 2)
    tree.other(b"srv/link", 3, blob("a"), 0o777)
    for name, content in zip((b"srv/a", b"srv/a-b", b"srv/empty"), data):
        parts = [(len(content), (address, at), content)] if content else []
        tree.file(name, parts, flags=1 if name == b"srv/a" else 0, extra=vu(3) if name == b"srv/a" else b"")
        at += len(content)
    if v.broken == "offset":
        tree.file(b"srv/beyond", [(10, (address, at), bytes(10))])
    tree.file(b"srv/hard", [(30, (address, 0), data[0])], flags=1 | 8, extra=vu(3) + vu(1) + blob("user.x") + blob("y"))
    tree.file(b"srv/a/below" if v.broken == "parent" else b"srv/hole",
              [(5000, None, bytes(5000)), (20, (address, 30), data[1][:20]), (9000, None, bytes(9000))])


def large(v, g, tree):
    """A file of several segments with a hole, with extents of its own and through extent pages; many others."""
    parts = []
    for n in (MIB, MIB, MIB // 2):
        data = v.bytes(n // 2) * 2
        parts.append((n, (g.add(1, data), 0), data))
    parts.insert(1, (3 * MIB, None, bytes(3 * MIB)))
    tree.file(b"srv/big", parts)
    tree.file(b"srv/big.pages", parts, xpage_shift=20)
    tree.other(b"srv/many", 2)
    for i in range(300):
        tree.other(b"srv/many/\xff%d" % i, 4 if i % 3 else 5, b"" if i % 3 else vu(1) + vu(i))


def ssh(*strings):
    return b"".join(len(s).to_bytes(4, "big") + s for s in strings)


class Approver:
    """An Ed25519 key as OpenSSH has it; with ${fido} one that lives on a device and says whether it was touched."""

    def __init__(self, v, name, fido=False):
        self.name, self.fido = name, fido
        self.pub, self.sec = sodium.crypto_sign_seed_keypair(v.bytes(32))
        self.type = b"sk-ssh-ed25519@openssh.com" if fido else b"ssh-ed25519"
        self.key = ssh(self.type, self.pub, b"ssh:") if fido else ssh(self.type, self.pub)

    def sign(self, text, space=b"zaibei-approval", touched=1):
        wide = not self.fido
        data = b"SSHSIG" + ssh(space, b"", b"sha512" if wide else b"sha256",
                               (hashlib.sha512 if wide else hashlib.sha256)(text).digest())
        tail = b""
        if self.fido:
            tail = bytes([touched]) + bytes(4)
            data = hashlib.sha256(b"ssh:").digest() + tail + hashlib.sha256(data).digest()
        signature = ssh(self.type, sodium.crypto_sign(data, self.sec)[:64]) + tail
        return b"SSHSIG" + (1).to_bytes(4, "big") + ssh(self.key, space, b"", b"sha512" if wide else b"sha256", signature)


def when(ns):
    return datetime.datetime.fromtimestamp(ns // 10**9, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def approvers_body(people):
    return vu(len(people)) + b"".join(blob(p.name) + blob(p.key) for p in people)


def approvals(v, people, action, objects, detail="-", hours=24, spend=True, vault=None, **how):
    nonce = v.bytes(16).hex()
    text = (f"zaibei approval 1\nvault: {(vault or v.id).hex()}\naction: {action}\nobjects: {objects}\n"
            f"detail: {detail}\nexpires: {when(v.time + hours * 3600 * 10**9)}\nnonce: {nonce}\n").encode()
    if spend:
        v.put(f"store/nonces/{nonce}", text)
    return vu(len(people)) + b"".join(blob(text) + blob(p.sign(text, **how)) for p in people)


# What --weaken can do; the removal or act that it spoils is found by zaibei-verify, all else in the vault is in order.
WEAKEN = ("none one twice stranger expired action object vault unspent namespace untouched pin newest doubt floor list "
          "confirm counter").split()


def protect(v, weaken, commits):
    """The points are 1 to 4; 1 and 2 are removed, 1 after its time, 2 before it and with approvals."""
    day, (ann, bob, eve) = 86400 * 10**9, (Approver(v, "ann"), Approver(v, "bob", True), Approver(v, "eve"))
    v.copies = True
    v.vault_record(11, approvers_body([ann, bob]) + vu(0))
    v.record(6, u(4, 1) + u(8, v.time + 95 * day) + blob("audit") + blob("ann"))
    v.record(10, u(4, 120) + blob("law") + blob("ann") + vu(0))
    lower = vu(0) if weaken == "floor" else approvals(v, [ann, bob], "floor", "web", "days 92")
    v.record(10, u(4, 92) + blob("space") + blob("ann") + lower)
    signers = {"none": [], "one": [ann], "twice": [ann, ann], "stranger": [ann, eve]}.get(weaken, [ann, bob])
    how = {"namespace": {"space": b"file"}, "untouched": {"touched": 0}, "expired": {"hours": -1},
           "unspent": {"spend": False}, "vault": {"vault": bytes(16)}}.get(weaken, {})
    given = approvals(v, signers, "floor" if weaken == "action" else "remove",
                      "web/1 web/22" if weaken == "object" else "web/2 web/3", **how) if signers else vu(0)
    v.record(7, u(4, 2) + blob("asked for") + blob("ann") + given)
    g = commits[0]
    v.record(14, g + u(8, 1))
    v.record(14, g + u(8, 1 if weaken == "counter" else 2))
    # The clock jumps a year ahead and back; what was said meanwhile counts from the confirm.
    real = v.time
    v.flag, v.time = 1, v.time + 365 * day
    mark = v.vault_record(8, u(8, v.time) + blob("the clock jumped"))
    if weaken == "doubt":
        v.record(7, u(4, 1) + blob("expired") + blob("ann") + vu(0))
    v.record(6, u(4, 4) + u(8, real + 400 * day) + blob("audit") + blob("ann"))
    v.flag, v.time = 0, real + 3600 * 10**9
    true = v.time - v.time % 10**9
    confirm = u(8, true) + u(8, mark)
    confirm += vu(0) if weaken == "confirm" else approvals(v, [ann, bob], "confirm-clock", "-", when(true))
    v.vault_record(12, confirm)
    v.record(12, confirm)
    people = approvers_body([ann, bob, eve])
    listed = vu(0) if weaken == "list" else approvals(v, [ann, bob], "approvers", "-", blake(people).hex())
    v.vault_record(11, people + listed)
    v.time += (94 if weaken == "pin" else 96) * day
    if weaken != "doubt":
        v.record(7, u(4, 1) + blob("expired") + blob("plan") + vu(0))
    if weaken == "newest":
        v.record(7, u(4, 4) + blob("expired") + blob("plan") + approvals(v, [ann], "remove", "web/4"))


def main():
    args = argparse.ArgumentParser()
    args.add_argument("dir")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--tiny", action="store_true")
    args.add_argument("--protect", action="store_true")
    args.add_argument("--weaken", choices=WEAKEN, default="")
    args.add_argument("--break", dest="broken", default="")
    args = args.parse_args()
    v = Vault(args.dir, args.seed, args.broken)
    number, generations = 0, []
    for _ in range(1 if args.tiny else 2):
        g, used = Generation(v), {}
        generations.append(g.id)
        for parent in (0, number + 1)[:1 if args.tiny else 2]:
            number += 1
            tree = Tree(g)
            small(v, g, tree)
            if not args.tiny and not args.protect:
                large(v, g, tree)
            if not args.tiny:
                tree.file(b"srv/new-%d" % number, [])
            point(v, g, number, parent, tree, used, 4 if args.tiny else 40)
    if not args.tiny:
        v.record(99, b"a type that nobody knows yet")
        v.put("store/hosts/web/log/.tmp-1234", b"unfinished")
        v.put(f"store/hosts/web/packs/{g.id.hex()}/.tmp-1", b"unfinished")
        v.epoch += 1
        head = u(4, number + 1) + g.id + u(1, 2) + u(4, number) + u(8, v.epoch) + v.bytes(16)
        v.record(2, head + u(8, v.time) + blob("") + vu(0) + bytes(32) + u(8, v.time) + u(4, g.pack) + vu(0))
        g.add(2, b"never committed")
        g.close()
    v.put("receipt", v.receipt)
    if args.protect:
        protect(v, args.weaken, generations)
    own = f". {v.vault_n - 1} {v.vault_prev.hex()}\n" if v.vault_n else ""
    v.put("anchor", f"{b64(v.pub)}\nweb {v.n - 1} {v.prev.hex()}\n{own}".encode())


if __name__ == "__main__":
    main()
