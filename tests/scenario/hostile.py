#!/usr/bin/python3
"""Servers that mean ill, against `zaibei-agent link`, which is started here as the agent starts it (PROTOCOL.md §3).

    hostile.py quick DIR           every case below at once, with a time-out of one second; DIR/sshd has host keys
    hostile.py half-open PORT SEED HOSTKEY USER
                                   a real session through a network that falls silent: link has to notice

A case is what the server does, the error that link has to tell, and how long it may take. Whatever the case: link ends, tells
one error, has not asked for a signature unless the host key was right, and has not grown.
"""
import base64
import json
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time

TIMEOUT_MS = 1000
BANNER = b"SSH-2.0-OpenSSH_9.2\r\n"
OURS = (["curve25519-sha256", "curve25519-sha256@libssh.org"], ["ssh-ed25519"], ["aes256-ctr", "aes128-ctr"],
        ["hmac-sha2-256", "hmac-sha2-512", "hmac-sha2-256-etm@openssh.com"], ["none"])


def string(data):
    return struct.pack(">I", len(data)) + data


def packet(payload):
    pad = 8 - (5 + len(payload)) % 8
    pad += 8 if pad < 4 else 0
    return struct.pack(">IB", 1 + len(payload) + pad, pad) + payload + bytes(pad)


def kexinit(*lists):
    kex, host, cipher, mac, comp = lists
    rows = (kex, host, cipher, cipher, mac, mac, comp, comp, [], [])
    return packet(b"\x14" + bytes(16) + b"".join(string(",".join(r).encode()) for r in rows) + bytes(5))


def drip(conn, data):
    for byte in data * 1000:
        conn.sendall(bytes([byte]))
        time.sleep(0.1)


def flood(conn, data):
    while True:
        conn.sendall(data)


def silence(conn):
    while conn.recv(65536):
        pass


def sends(data):
    def serve(conn):
        conn.sendall(data)
        silence(conn)
    return serve


def offers(conn):
    """What link offers is what is written down, and no more."""
    conn.sendall(BANNER)
    data = b""
    while b"\n" not in data or len(data) < data.index(b"\n") + 400:
        data += conn.recv(65536)
    at = data.index(b"\n") + 1 + 5 + 17
    lists = []
    for _ in range(8):
        n = struct.unpack(">I", data[at:at + 4])[0]
        lists.append(data[at + 4:at + 4 + n].decode().split(","))
        at += 4 + n
    want = [OURS[i] for i in (0, 1, 2, 2, 3, 3, 4, 4)]
    for have, may in zip(lists, want):
        extra = [x for x in have if x not in may]
        assert not extra or extra == ["ext-info-c"] or extra == ["kex-strict-c-v00@openssh.com"], f"it offers {extra}"
        assert may[0] in have, f"it does not offer {may[0]}"


def noise(conn):
    r = random.Random(7)
    for _ in range(64):
        conn.sendall(BANNER[:r.randrange(len(BANNER))] + r.randbytes(1000))
    silence(conn)


class Sshd:
    """A real sshd for one connection, as an ordinary user, with these options."""

    def __init__(self, folder, *options, key="ed25519"):
        self.args = ["/usr/sbin/sshd", "-i", "-e", "-f", "/dev/null", "-h", f"{folder}/{key}"]
        self.args += [a for o in options for a in ("-o", o)]

    def __call__(self, conn):
        user = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
        subprocess.run(self.args, stdin=conn, stdout=conn, stderr=subprocess.DEVNULL, timeout=20, check=False, **user)


def cases(folder):
    unreachable, late, hostkey, methods, auth = 1501, 1502, 1304, 1310, 1303
    good = kexinit(*OURS)
    lots = packet(b"\x64" + bytes(30000)) * 8
    weak = [["diffie-hellman-group1-sha1"], ["ssh-rsa"], ["3des-cbc"], ["hmac-md5"], ["zlib"]]
    yield "silence", silence, late
    yield "closes at once", lambda conn: None, unreachable
    yield "one byte in a while", lambda conn: drip(conn, b"SSH-2.0-x"), late
    yield "one byte in a while, after the banner", lambda conn: (conn.sendall(BANNER), drip(conn, good)), late
    yield "endless lines before the banner", lambda conn: flood(conn, b"welcome\r\n" * 4096), (late, unreachable)
    yield "an endless line", lambda conn: flood(conn, b"x" * 65536), (late, unreachable)
    yield "zeros for ever", lambda conn: flood(conn, bytes(65536)), (late, unreachable)
    yield "noise", noise, (late, unreachable)
    yield "another protocol", sends(b"HTTP/1.1 400 Bad Request\r\n\r\n"), (late, unreachable)
    yield "SSH 1", sends(b"SSH-1.5-old\r\n" + good), (late, unreachable, hostkey)
    yield "a packet of 4 GiB", sends(BANNER + b"\xff\xff\xff\xff\x08"), (late, unreachable, hostkey)
    yield "a packet of nothing", sends(BANNER + b"\0\0\0\0\0" + good), (late, unreachable, hostkey)
    yield "more padding than packet", sends(BANNER + b"\0\0\0\x0c\xff" + bytes(11)), (late, unreachable, hostkey)
    yield "a first packet that nobody awaits", sends(BANNER + packet(b"\x15") + packet(b"\x34")), (late, unreachable, hostkey)
    yield "packets for ever", lambda conn: (conn.sendall(BANNER + good), flood(conn, lots)), (late, unreachable, hostkey)
    yield "lists cut short", sends(BANNER + packet(b"\x14" + bytes(16) + b"\0\0\xff\xff" + b"a")), (hostkey, unreachable)
    yield "offers nothing", sends(BANNER + kexinit([], [], [], [], [])), hostkey
    yield "offers what is weak", sends(BANNER + kexinit(*weak)), hostkey
    yield "no cipher of ours", sends(BANNER + kexinit(OURS[0], OURS[1], weak[2], OURS[3], OURS[4])), methods
    yield "a key exchange that is noise", sends(BANNER + good + packet(b"\x1f" + os.urandom(200))), hostkey
    yield "a key exchange that is cut", lambda conn: conn.sendall(BANNER + good), unreachable
    yield "what link offers", offers, (unreachable, late, hostkey)
    yield "sshd: as it should be", Sshd(folder), auth
    yield "sshd: another ed25519 key", Sshd(folder, key="other"), hostkey
    yield "sshd: only an RSA key", Sshd(folder, key="rsa"), hostkey
    yield "sshd: only an ECDSA key", Sshd(folder, key="ecdsa"), hostkey
    yield "sshd: only Diffie-Hellman", Sshd(folder, "KexAlgorithms=diffie-hellman-group14-sha256"), hostkey
    yield "sshd: only ChaCha20", Sshd(folder, "Ciphers=chacha20-poly1305@openssh.com"), methods
    yield "sshd: only CBC", Sshd(folder, "Ciphers=aes256-cbc"), methods
    yield "sshd: only SHA-1", Sshd(folder, "MACs=hmac-sha1"), methods


class Link:
    def __init__(self, port, host_key, public, timeout_ms, user="nobody"):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control = ours
        down, self.out = os.pipe(), os.pipe()
        keep = theirs.fileno()
        # Descriptors 0, 1 and 3 as the agent gives them.
        self.process = subprocess.Popen(["bash", "-c", f"exec 3<&{keep}; exec zaibei-agent link"], stdin=down[0],
                                        stdout=self.out[1], stderr=subprocess.DEVNULL, pass_fds=[keep])
        os.close(down[0])
        self.input = down[1]
        theirs.close()
        order = {"host": "127.0.0.1", "port": port, "user": user, "timeout_ms": timeout_ms,
                 "host_key": base64.b64encode(host_key).decode(), "public_key": base64.b64encode(public).decode()}
        self.control.send(json.dumps(order).encode())

    def peak_kib(self):
        try:
            with open(f"/proc/{self.process.pid}/status") as f:
                return max([int(line.split()[1]) for line in f if line.startswith("VmHWM")] or [0])
        except OSError:
            return 0


def raw_key(path):
    return base64.b64decode(open(path).read().split()[1])[-32:]


def try_one(folder, name, serve, want, failures):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def server():
            conn = listener.accept()[0]
            try:
                serve(conn)
            except (OSError, subprocess.TimeoutExpired):
                pass
            except AssertionError as e:
                failures.append(f"{name}: {e}")
            conn.close()

        threading.Thread(target=server, daemon=True).start()
        slow = 20 if name.startswith("sshd") else 1
        began, peak, asked = time.monotonic(), 0, 0
        link = Link(listener.getsockname()[1], raw_key(f"{folder}/ed25519.pub"), bytes(range(32)), slow * TIMEOUT_MS)
        link.control.settimeout(0.05)
        said = b""
        while time.monotonic() - began < slow + 20:
            peak = max(peak, link.peak_kib())
            try:
                said = link.control.recv(65536)
            except TimeoutError:
                continue
            if said[:1] != b"S":
                break
            asked += 1
            link.control.send(bytes(64))
        took = time.monotonic() - began
        try:
            link.process.wait(10)
        except subprocess.TimeoutExpired:
            link.process.kill()
            link.process.wait()
            failures.append(f"{name}: link goes on")
    if said[:1] != b"E":
        failures.append(f"{name}: link said {said!r}, status {link.process.returncode}")
        return
    told = json.loads(said[1:])
    print(f"{name}: ZB-{told['id']} {told.get('message', '')} ({took:.1f} s, {peak} KiB)")
    if told["id"] not in (want if isinstance(want, tuple) else (want,)):
        failures.append(f"{name}: ZB-{told['id']}, expected {want}")
    if took > slow * TIMEOUT_MS / 1000 + 4:
        failures.append(f"{name}: it took {took:.1f} s")
    if asked and want != 1303:
        failures.append(f"{name}: it wanted to authenticate")
    if peak > 64 * 1024 and not os.environ.get("VARIANT"):
        failures.append(f"{name}: {peak} KiB")


def quick(folder):
    failures, threads = [], []
    for case in cases(folder):
        while sum(t.is_alive() for t in threads) >= 8:
            time.sleep(0.02)
        threads.append(threading.Thread(target=try_one, args=(folder, *case, failures)))
        threads[-1].start()
    for t in threads:
        t.join()
    assert not failures, "\n".join(failures)
    assert len(threads) > 25, "no cases"


def half_open(port, seed, host_key, user):
    """A proxy between link and a real sshd, whose socket at link's side takes nothing more: no answer, no reset."""
    from nacl.signing import SigningKey
    key = SigningKey(open(seed, "rb").read())
    drop = struct.pack("HBBI", 6, 0, 0, 0)  # a socket filter: return 0
    import ctypes
    code = ctypes.create_string_buffer(drop)
    program = struct.pack("HP", 1, ctypes.addressof(code))

    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        link = Link(listener.getsockname()[1], raw_key(host_key), key.verify_key.encode(), 20000, user)
        near = listener.accept()[0]
        far = socket.create_connection(("127.0.0.1", int(port)))
        for pair in ((near, far), (far, near)):
            threading.Thread(target=pump, args=pair, daemon=True).start()
        while (said := link.control.recv(65536))[:1] == b"S":
            link.control.send(key.sign(said[1:]).signature)
        assert said[:1] == b"R", said
        near.setsockopt(socket.SOL_SOCKET, 26, program)  # SO_ATTACH_FILTER
        began = time.monotonic()
        os.write(link.input, b"ZAIBEI1\n")
        link.control.settimeout(150)
        said = link.control.recv(65536)
        took = time.monotonic() - began
        assert json.loads(said[1:])["id"] == 1503, said
        print(f"a silent network is noticed after {took:.0f} s")
        assert 20 < took < 130, took
        link.process.wait(10)


{"quick": quick, "half-open": half_open}[sys.argv[1]](*sys.argv[2:])
