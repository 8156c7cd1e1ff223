#!/usr/bin/python3
"""A program in link's place that works against the agent that started it (PROTOCOL.md §3).

ROGUE_MODE says how; ROGUE_VAULT is the vault whose serve it relays to; in ROGUE_DIR it leaves what it was given: `input`
(every byte), `memory` (all it has in memory and environment at the end), `signed` (a signature that it got for what was
not the one request), `ready` (when it was believed to be a link).

  honest                     asks for the one signature and relays
  keeps                      the same, and says what it could not give up
  sign-KIND                  asks for a signature of something else first
  sign-late                  asks again when it is ready, for anything
  done                       keeps all packs to itself and acknowledges them
  receipt-old, -mine, -noise the same, and answers COMMIT with ROGUE_RECEIPT, with that made to fit, with noise
  begun-old                  answers BEGIN with what it has seen at an earlier one (ROGUE_DIR/begun)
"""
import base64
import json
import os
import socket
import struct
import subprocess
import sys
import threading

mode, where = os.environ["ROGUE_MODE"], os.environ["ROGUE_DIR"]
control = socket.socket(fileno=3)
seen = open(f"{where}/input", "ab", buffering=0)
PACK_OPEN, SEG, PACK_CLOSE, USED, COMMIT, BEGIN = 0x05, 0x06, 0x07, 0x08, 0x09, 0x04
PACK_DONE, COMMITTED, BEGUN = 0x46, 0x47, 0x45


def leave(name, data):
    with open(f"{where}/{name}", "wb") as f:
        f.write(data)


def string(data):
    return struct.pack(">I", len(data)) + data


def request(order, user=None, method=b"publickey", tail=b""):
    blob = string(b"ssh-ed25519") + string(base64.b64decode(order["public_key"]))
    return (string(os.urandom(32)) + b"\x32" + string(user or order["user"].encode()) + string(b"ssh-connection") +
            string(method) + b"\1" + string(b"ssh-ed25519") + string(blob) + tail)


def others(order):
    """What nobody may get signed."""
    receipt = open(os.environ["ROGUE_RECEIPT"], "rb").read() if "ROGUE_RECEIPT" in os.environ else b"x"
    return {
        "user": request(order, user=b"admin"),
        "bound": request(order, method=b"publickey-hostbound-v00@openssh.com",
                         tail=string(string(b"ssh-ed25519") + string(os.urandom(32)))),
        "sshsig": b"SSHSIG" + string(b"zaibei") + string(b"") + string(b"sha512") + string(os.urandom(64)),
        "record": receipt[:4000],
        "large": request(order, tail=bytes(60000)),
    }


def ask(data, wait=10):
    """Have ${data} signed: the answer, or b"" when the agent ends it or says nothing."""
    control.settimeout(wait)
    try:
        control.send(b"S" + data)
        return control.recv(4096)
    except OSError:
        return b""


def memory():
    """Everything that this process holds."""
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as mem, \
            open(f"{where}/memory", "wb") as out:
        out.write(open("/proc/self/environ", "rb").read() + open("/proc/self/cmdline", "rb").read())
        for line in maps:
            area, rights = line.split()[:2]
            begin, end = (int(x, 16) for x in area.split("-"))
            if rights.startswith("rw") and "[v" not in line:
                try:
                    mem.seek(begin)
                    out.write(mem.read(end - begin))
                except OSError:
                    pass


def frames(f):
    """(type, payload) of each frame after the greeting."""
    f.read(8)
    while len(head := f.read(5)) == 5:
        n, kind = struct.unpack("<IB", head)
        yield kind, f.read(n - 1)


class Relay:
    def __init__(self, serve):
        self.serve, self.lock, self.upload = serve, threading.Lock(), b""
        self.out = os.fdopen(1, "wb", buffering=0)

    def put(self, f, kind, payload):
        with self.lock:
            f.write(struct.pack("<IB", 1 + len(payload), kind) + payload)
            f.flush()

    def receipt(self):
        old = open(os.environ["ROGUE_RECEIPT"], "rb").read()
        if mode == "receipt-noise":
            old = os.urandom(len(old))
        if mode == "receipt-mine":
            at = old.find(bytes.fromhex(os.environ["ROGUE_UPLOAD"]))
            assert at > 0, "the old upload is not in the receipt"
            old = old[:at] + self.upload + old[at + 16:]
        n, size = len(old), b""
        while n > 127:
            size, n = size + bytes([n & 127 | 128]), n >> 7
        return size + bytes([n]) + old

    def up(self, stream):
        keeps = mode == "done" or mode.startswith("receipt")
        for kind, payload in frames(stream):
            if kind == BEGIN:
                self.upload = payload[1:17]
                leave("upload", self.upload.hex().encode())
                if mode == "begun-old":
                    self.put(self.out, BEGUN, open(f"{where}/begun", "rb").read())
                    continue
            if keeps and kind in (PACK_OPEN, SEG):
                continue
            if keeps and kind == PACK_CLOSE:
                self.put(self.out, PACK_DONE, payload[:4] + struct.pack("<Q", 4711))
            elif mode.startswith("receipt") and kind == USED:
                continue
            elif mode.startswith("receipt") and kind == COMMIT:
                self.put(self.out, COMMITTED, self.receipt())
            else:
                self.put(self.serve.stdin, kind, payload)
        self.serve.stdin.close()

    def down(self):
        self.out.write(b"ZAIBEI1\n")
        for kind, payload in frames(self.serve.stdout):
            if kind == BEGUN:
                leave("begun", payload)
            self.put(self.out, kind, payload)


class Tee:
    """Descriptor 0, with a copy of every byte."""

    def read(self, n):
        data = b""
        while len(data) < n and (more := os.read(0, n - len(data))):
            data += more
        seen.write(data)
        return data


def main():
    packet = control.recv(65536)
    seen.write(packet + b"\n" + b"\0".join(a.encode() for a in sys.argv) + b"\n")
    order = json.loads(packet)
    if mode.startswith("sign-") and mode != "sign-late":
        answer = ask(others(order)[mode[5:]])
        seen.write(answer)
        if answer:
            leave("signed", answer)
        return memory()
    signature = ask(request(order))
    seen.write(signature)
    assert len(signature) == 64, "the one request was not signed"
    kept = ["files", "seccomp", "what a newer link knows"] if mode == "keeps" else []
    control.send(b"R" + json.dumps({"missing": kept, "more": 1}).encode())
    leave("ready", b"")
    if mode == "sign-late":
        answer = ask(request(order), 1)
        if answer:
            leave("signed", answer)
        return memory()
    serve = subprocess.Popen(["zaibei-vault", "serve", os.environ["ROGUE_VAULT"], "--host", "sandbox"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    relay = Relay(serve)
    serve.stdin.write(b"ZAIBEI1\n")
    down = threading.Thread(target=relay.down, daemon=True)
    down.start()
    try:
        relay.up(Tee())
    finally:
        serve.stdin.close()
        serve.wait()
        memory()
    return None


main()
