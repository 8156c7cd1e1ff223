#!/usr/bin/python3
"""What somebody who can write to the store might do without the vault's present key.
forge.py STORE SEEDFILE HOST: append a revoke record to the host's log, signed with a key that was kept.
forge.py --replace STORE: append a key record to the vault's log that puts a key of one's own in place, approved by nobody."""
import hashlib
import os
import struct
import sys

import nacl.signing


def load(name):
    with open(name, "rb") as f:
        return f.read()


def append(folder, vault, kind, body, key):
    last = sorted(os.listdir(folder))[-1]
    before = load(f"{folder}/{last}")
    n = int(last, 16) + 1
    record = b"ZBLR" + struct.pack("<HBBQ", 1, kind, 0, n) + hashlib.blake2b(before, digest_size=32).digest()
    record += before[48:72] + struct.pack("<I", len(body)) + body
    record += key.sign(b"zaibei log record\0" + vault + record).signature
    with open(f"{folder}/{n:016x}", "wb") as f:
        f.write(record)


if sys.argv[1] == "--replace":
    store, key = sys.argv[2], nacl.signing.SigningKey.generate()
    links = [load(f"{store}/keys/{n}") for n in sorted(os.listdir(f"{store}/keys"))]
    old = links[-1][76 + 33:76 + 65]
    body = b"\x02" + old + bytes(key.verify_key) + bytes(64) + b"\0"
    append(f"{store}/log", load(f"{store}/vault")[8:24], 13, body, key)
else:
    store, seed, host = sys.argv[1:]
    append(f"{store}/hosts/{host}/log", load(f"{store}/vault")[8:24], 9, b"\x04mine", nacl.signing.SigningKey(load(seed)))
