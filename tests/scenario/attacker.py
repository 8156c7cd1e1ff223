#!/usr/bin/python3
"""What somebody does who has an agent's SSH key but not its program.

    attacker.py key SEED PUBLIC FILE    write an OpenSSH private key from the agent's seed and "ssh-ed25519 AAAA…"
    attacker.py ask GENERATION COMMAND…  speak the vault's protocol (PROTOCOL.md §2) with COMMAND: greet, list, and get a
                                        segment of GENERATION (hex); print as JSON what came
    attacker.py socks PORT TO           ask the SOCKS server at PORT for 127.0.0.1:TO; print what comes from there
"""
import base64
import json
import os
import socket
import struct
import subprocess
import sys


def string(data):
    return struct.pack(">I", len(data)) + data


def key(seed_file, public, out):
    seed = open(seed_file, "rb").read()
    blob = base64.b64decode(public.split()[1])
    raw = blob[-32:]
    check = os.urandom(4)
    private = check + check + string(b"ssh-ed25519") + string(raw) + string(seed + raw) + string(b"stolen")
    private += bytes(range(1, 1 + -len(private) % 8))
    whole = b"openssh-key-v1\0" + string(b"none") * 2 + string(b"") + struct.pack(">I", 1) + string(blob) + string(private)
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
        f.write(b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + base64.encodebytes(whole) + b"-----END OPENSSH PRIVATE KEY-----\n")


def vu(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def blob(data, at):
    n, at = vu(data, at)
    return data[at:at + n], at + n


def ask(generation, *command):
    p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def put(kind, payload=b""):
        p.stdin.write(struct.pack("<IB", 1 + len(payload), kind) + payload)
        p.stdin.flush()

    def get():
        head = p.stdout.read(5)
        if len(head) < 5:
            return 0, b""
        n, kind = struct.unpack("<IB", head)
        return kind, p.stdout.read(n - 1)

    out = {"points": 0, "segments": 0, "refused": 0}
    p.stdin.write(b"ZAIBEI1\n")
    put(1, struct.pack("<H", 1) + b"\x051.0.0" + b"\0")
    assert p.stdout.read(8) == b"ZAIBEI1\n"
    kind, welcome = get()
    assert kind == 0x41, (kind, welcome)
    _, at = blob(welcome, 2)
    _, at = blob(welcome, at)
    name, at = blob(welcome, at)
    out["host"] = name.decode()
    put(2)
    while (kind := get()[0]) == 0x42:
        out["points"] += 1
    for pack in range(4):
        for slot in range(2):
            put(0x0C, bytes.fromhex(generation) + bytes([1, pack, slot]))
            kind, _ = get()
            out["segments"] += kind == 0x4A
            out["refused"] += kind in (0x4B, 0x7F)
    put(0x0F)
    p.stdin.close()
    p.wait()
    print(json.dumps(out))


def socks(port, to):
    with socket.create_connection(("127.0.0.1", int(port)), 10) as s:
        s.sendall(b"\5\1\0")
        assert s.recv(2) == b"\5\0"
        s.sendall(b"\5\1\0\1\x7f\0\0\1" + struct.pack(">H", int(to)))
        s.settimeout(10)
        print(s.recv(4096)[:10].hex(), s.recv(4096))


{"key": key, "ask": ask, "socks": socks}[sys.argv[1]](*sys.argv[2:])
